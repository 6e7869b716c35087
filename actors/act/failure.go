package act

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Failure is why an actor or its runner ended: an error with the stack of where it happened. Package
// budget says whether a restart may help.
type Failure struct {
	Err   error
	Stack string // Go stack; "" when the error was returned rather than thrown
}

// ErrGoexit is what is left of a goroutine that ended through runtime.Goexit.
var ErrGoexit = errors.New("goroutine ended without returning (runtime.Goexit)")

// Error is the text of the error.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap is the error itself.
func (f *Failure) Unwrap() error { return f.Err }

// LogValue leaves the stack out of log lines that only mention the failure.
func (f *Failure) LogValue() slog.Value { return slog.StringValue(f.Error()) }

// Trace is the failure as REST and the log show it: Java class and message first, as the JVM's
// traces begin, causes, each with its own message only, then the Go stack if there is one.
func (f *Failure) Trace() string {
	trace := errs.Trace(errs.ClassOf(f.Err), f.Err)
	if f.Stack != "" {
		trace += "\n" + f.Stack
	}
	return trace
}

// AsFailure makes a Failure of what was thrown or returned; the stack is added once, where it is
// called, if the value doesn't bring one and thrown is true.
func AsFailure(v any, thrown bool) *Failure {
	var err error
	switch x := v.(type) {
	case *Failure:
		return x
	case error:
		if f, ok := errors.AsType[*Failure](x); ok {
			return &Failure{Err: x, Stack: f.Stack}
		}
		err = x
		if thrown {
			err = fmt.Errorf("panic: %w", x)
		}
	default:
		err = fmt.Errorf("panic: %v", x)
	}
	f := &Failure{Err: err}
	if thrown {
		f.Stack = trimStack(string(debug.Stack()))
	}
	return f
}

// trimStack drops the frames above the panic: debug.Stack, the deferred function, runtime.
func trimStack(s string) string {
	if i := strings.Index(s, "\npanic("); i >= 0 {
		head, _, _ := strings.Cut(s, "\n")
		rest := s[i+1:]
		for range 2 { // the panic( line and its position
			_, rest, _ = strings.Cut(rest, "\n")
		}
		return head + "\n" + rest
	}
	return s
}

// Catch runs f and turns a panic into a *Failure with its stack.
func Catch(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = AsFailure(v, true)
		}
	}()
	return f()
}
