package errs_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// quotes is an error that quotes its cause in the midst of its text.
type quotes struct{ cause error }

func (q quotes) Error() string { return "could not (" + q.cause.Error() + ") go on" }
func (q quotes) Unwrap() error { return q.cause }

const (
	connect = "org.apache.kafka.connect.errors.ConnectException"
	data    = "org.apache.kafka.connect.errors.DataException"
)

func TestTrace(t *testing.T) {
	bad := errs.Data.New("field %q is missing", "x")
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"one error", bad, data + `: field "x" is missing`},
		{"no class", io.EOF, connect + ": EOF"},
		{"each cause once", errs.Connect.Wrap(bad, "Tolerance exceeded in error handler"), connect + ": Tolerance exceeded in error handler\nCaused by: " + data + `: field "x" is missing`},
		{"what wraps goes with what it wraps", fmt.Errorf("panic: %w", bad), data + `: panic: field "x" is missing`},
		{
			"a cause that wraps", errs.Connect.Wrap(fmt.Errorf("transform %q: %w", "t", bad), "Tolerance exceeded"),
			connect + ": Tolerance exceeded\nCaused by: " + data + `: transform "t": field "x" is missing`,
		},
		{"a cause without class", errs.Connect.Wrap(fmt.Errorf("read: %w", io.ErrClosedPipe), "poll"), connect + ": poll\nCaused by: read: io: read/write on closed pipe"},
		{"an outer one without text", errs.Connect.Wrap(bad, ""), connect + "\nCaused by: " + data + `: field "x" is missing`},
		{"a quoted cause", errs.Connect.Wrap(quotes{io.EOF}, "poll"), connect + ": poll\nCaused by: could not (EOF) go on"},
		{"marked", errs.Lasting(bad), data + `: field "x" is missing`},
		{"lines", errs.Connect.New("a\nb"), connect + ": a b"},
		{
			"joined", errs.Connect.Wrap(errors.Join(bad, io.EOF), "put"),
			connect + ": put\nCaused by: " + data + `: field "x" is missing` + "\nSuppressed: EOF",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := errs.Trace(connect, tt.err); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestLastingKeepsTheError(t *testing.T) {
	bad := errs.Data.New("no")
	marked := errs.Connect.Wrap(errs.Lasting(bad), "start")
	if !errs.IsLasting(marked) || errs.IsLasting(bad) || errs.IsLasting(nil) {
		t.Error("the mark is not where it was put")
	}
	if marked.Error() != "start: no" || !errors.Is(marked, errs.Data) || errs.ClassOf(errs.Lasting(bad)) != data {
		t.Errorf("the mark changed the error: %v", marked)
	}
	if errs.Lasting(nil) != nil {
		t.Error("an error was made of none")
	}
}
