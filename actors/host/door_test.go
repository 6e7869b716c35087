package host_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/connectors/errs"
)

var who = host.Who{Connector: "c", Task: 3}

// blowUp is the function that traces must name.
func blowUp() { panic("blown up") }

func TestCallsReturnWhatThePluginDoes(t *testing.T) {
	refusal := errs.Data.New("no")
	lane := host.New((&logbook{}).log()).Door(t.Context(), who).Lane()
	calls := map[string]func(func() error) error{
		"Call":  func(f func() error) error { return lane.Call(host.Start, f) },
		"Count": func(f func() error) error { return lane.Count(host.Poll, func() (int, error) { return 1, f() }) },
		"Each":  func(f func() error) error { return lane.Each(host.CommitRecord, f) },
		"Batch": func(f func() error) error {
			return lane.Batch(host.Convert, func(int) string { return "" }, func() (int, error) { return 1, f() })
		},
		"Within": func(f func() error) error {
			return host.New((&logbook{}).log()).Within(t.Context(), who, host.Validate, func(context.Context) error { return f() })
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			if err := call(func() error { return nil }); err != nil {
				t.Error(err)
			}
			if err := call(func() error { return refusal }); err != refusal {
				t.Errorf("error %v", err)
			}
			err := call(func() error { blowUp(); return nil })
			f, ok := errors.AsType[*act.Failure](err)
			if !ok || !strings.Contains(f.Stack, "host_test.blowUp") || f.Error() != "panic: blown up" {
				t.Errorf("panic: %+v", err)
			}
		})
	}
}

// What a plugin does that ends its goroutine is an error of the one who waits.
func TestWithinGoexit(t *testing.T) {
	err := host.New((&logbook{}).log()).Within(t.Context(), who, host.Validate, func(context.Context) error { runtime.Goexit(); return nil })
	if !errors.Is(err, act.ErrGoexit) {
		t.Errorf("got %v", err)
	}
}

func TestWithinLeavesBehindWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &logbook{}
		h := host.New(book.log())
		release := make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := h.Within(ctx, host.Who{Connector: "c", Task: host.ConnectorItself}, host.AlterOffsets, func(context.Context) error { hangHere(release); return nil })
		var left *host.Left
		if !errors.As(err, &left) || left.Call != host.AlterOffsets || left.After != 3*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %+v", err)
		}
		if want := "alterOffsets did not return within 3s: context deadline exceeded"; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		time.Sleep(grace)
		if n := h.Zombies.Alive(); n != 1 {
			t.Errorf("%d zombies", n)
		}
		book.has(t, "connector=c", "in=alterOffsets", "hangHere")
		close(release)
		synctest.Wait()
		if n := h.Zombies.Alive(); n != 0 {
			t.Errorf("%d zombies after it came back", n)
		}
	})
}

// meter writes down what it is told.
type meter struct{ told []string }

func (m *meter) Called(c *host.Call, took time.Duration, records int, err error) {
	text := c.String() + " " + took.String()
	if records > 0 {
		text += " " + strings.Repeat("r", records)
	}
	if err != nil {
		text += " " + err.Error()
	}
	m.told = append(m.told, text)
}

func TestMeterHearsOfEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{}
		h := host.New((&logbook{}).log())
		h.Meter = func(w host.Who) host.Meter {
			if w != who {
				t.Errorf("asked for the meter of %+v", w)
			}
			return m
		}
		lane := h.Door(t.Context(), who).Lane()
		_ = lane.Call(host.Start, func() error { time.Sleep(time.Second); return nil })
		_ = lane.Count(host.Poll, func() (int, error) { time.Sleep(2 * time.Second); return 3, nil })
		_ = lane.Call(host.Stop, func() error { blowUp(); return nil })
		_ = lane.Each(host.CommitRecord, func() error { return nil })
		if got, want := strings.Join(m.told, "; "), "start 1s; poll 2s rrr; stop 0s panic: blown up"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	})
}

// imp strikes the calls named.
type imp map[*host.Call]func(ctx context.Context) error

func (i imp) Strike(ctx context.Context, _ host.Who, c *host.Call) error {
	if f := i[c]; f != nil {
		return f(ctx)
	}
	return nil
}

func TestFaultsComeBeforeTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusal := errs.Retriable.New("chaos")
		h := host.New((&logbook{}).log())
		h.Faults = imp{
			host.Put:          func(context.Context) error { return refusal },
			host.CommitRecord: func(context.Context) error { return refusal },
			host.Poll:         func(context.Context) error { blowUp(); return nil },
			host.Commit:       func(ctx context.Context) error { act.Sleep(ctx, time.Minute); return nil },
		}
		ctx, cancel := context.WithCancel(t.Context())
		lane, made := h.Door(ctx, who).Lane(), 0
		call := func() error { made++; return nil }
		if err := lane.Call(host.Put, call); err != refusal || made != 0 {
			t.Errorf("put: %v, called %d times", err, made)
		}
		if err := lane.Each(host.CommitRecord, call); err != refusal || made != 0 {
			t.Errorf("commitRecord: %v, called %d times", err, made)
		}
		if err := lane.Call(host.Poll, call); err == nil || made != 0 {
			t.Errorf("poll: %v, called %d times", err, made)
		}
		begun := time.Now()
		if err := lane.Call(host.Commit, call); err != nil || made != 1 || time.Since(begun) != time.Minute {
			t.Errorf("a slow call: %v after %v, called %d times", err, time.Since(begun), made)
		}
		time.AfterFunc(time.Second, cancel)
		begun = time.Now()
		_ = lane.Call(host.Commit, call)
		if took := time.Since(begun); took != time.Second {
			t.Errorf("chaos went on for %v after its incarnation was given up", took)
		}
	})
}

// guest is a plugin in a process of its own.
type guest struct{ killed atomic.Int32 }

func (g *guest) Kill() error { g.killed.Add(1); return errors.New("no such process") }

func TestKillReachesProcessesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, g := &logbook{}, &guest{}
		d := host.New(book.log()).Door(t.Context(), who)
		d.Holds(nil)
		d.Holds(42)
		d.Holds(g)
		d.Kill()
		d.Kill() // once is enough
		synctest.Wait()
		if n := g.killed.Load(); n != 1 {
			t.Errorf("killed %d times", n)
		}
		book.has(t, "could not be killed", "no such process", "connector=c", "task=3")
	})
}
