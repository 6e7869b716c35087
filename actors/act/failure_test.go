package act_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func TestAsFailure(t *testing.T) {
	thrown := act.AsFailure("text", true)
	for _, tt := range []struct {
		name   string
		v      any
		thrown bool
		text   string
		class  string
		stack  bool
	}{
		{"error", errs.Data.New("bad"), false, "bad", "org.apache.kafka.connect.errors.DataException", false},
		{"error thrown", errs.Data.New("bad"), true, "panic: bad", "org.apache.kafka.connect.errors.DataException", true},
		{"plain error", io.ErrUnexpectedEOF, false, "unexpected EOF", "org.apache.kafka.connect.errors.ConnectException", false},
		{"value", 7, true, "panic: 7", "org.apache.kafka.connect.errors.ConnectException", true},
		{"configuration", errs.Config.New("topic"), false, "topic", "org.apache.kafka.common.config.ConfigException", false},
		{"configuration, wrapped", fmt.Errorf("task: %w", errs.Config.New("topic")), false, "task: topic", "org.apache.kafka.common.config.ConfigException", false},
		{"too many tasks", errs.TooManyTasks.New("9"), false, "9", "org.apache.kafka.connect.runtime.TooManyTasksException", false},
		{"authorization", errs.Authorization.New("no"), false, "no", "org.apache.kafka.common.errors.AuthorizationException", false},
		{"a failure keeps its stack", fmt.Errorf("task: %w", thrown), false, "task: panic: text", "org.apache.kafka.connect.errors.ConnectException", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := act.AsFailure(tt.v, tt.thrown)
			if f.Error() != tt.text || (f.Stack != "") != tt.stack {
				t.Errorf("got %+v", f)
			}
			if want := tt.class + ": " + tt.text; !strings.HasPrefix(f.Trace(), want) {
				t.Errorf("trace %q, want it to begin with %q", f.Trace(), want)
			}
		})
	}
	if again := act.AsFailure(thrown, true); again != thrown {
		t.Error("a failure was wrapped in another")
	}
}

func TestTraceNamesCauses(t *testing.T) {
	err := errs.Connect.Wrap(errs.Data.Wrap(io.ErrClosedPipe, "field %q", "x"), "Tolerance exceeded in error handler")
	want := "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n" +
		"Caused by: org.apache.kafka.connect.errors.DataException: field \"x\"\n" +
		"Caused by: io: read/write on closed pipe"
	if got := act.AsFailure(err, false).Trace(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFailureInALogLineHasNoStack(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Error("x", "err", act.AsFailure("text", true))
	if s := b.String(); !strings.Contains(s, "panic: text") || strings.Contains(s, "goroutine") {
		t.Errorf("logged %s", s)
	}
}

func TestCatch(t *testing.T) {
	if err := act.Catch(func() error { return nil }); err != nil {
		t.Error(err)
	}
	if err := act.Catch(func() error { return io.EOF }); err != io.EOF {
		t.Error(err)
	}
	err := act.Catch(func() error { blowUp("Catch"); return nil })
	var f *act.Failure
	if !errors.As(err, &f) || !strings.Contains(f.Stack, "act_test.blowUp") {
		t.Fatalf("got %v", err)
	}
	lines := strings.Split(f.Stack, "\n")
	if len(lines) < 2 || !strings.Contains(lines[1], "blowUp") {
		t.Errorf("the stack does not begin where the panic was:\n%s", f.Stack)
	}
}
