package act_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// question is a request that carries its asker's hope.
type question struct {
	text string
	done act.Reply[string]
}

func (q question) Fail(err error) { q.done.Fail(err) }

// oracle answers, panics, or keeps silent, as asked.
type oracle struct {
	inbox
	panicOn func(msg any) bool
	kept    []question
}

func (o *oracle) Receive(c actor.Context) {
	o.add(c.Message())
	if o.panicOn != nil && o.panicOn(c.Message()) {
		blowUp(c.Message())
	}
	q, ok := c.Message().(question)
	switch {
	case !ok:
	case q.text == "panic":
		blowUp(q.text)
	case q.text == "answer and panic":
		q.done.Send("first", nil)
		blowUp(q.text)
	case q.text == "twice":
		q.done.Send("first", nil)
		q.done.Send("second", nil)
	case q.text == "silence":
		o.kept = append(o.kept, q)
	default:
		q.done.Send("answer to "+q.text, nil)
	}
}

// blowUp is the function that traces must name.
func blowUp(why any) { panic(fmt.Sprintf("blown up by %v", why)) }

func ask(ctx context.Context, s *stage, pid *actor.PID, gone <-chan struct{}, text string) (string, error) {
	return act.Ask(ctx, s.Root, pid, gone, func(r act.Reply[string]) any { return question{text, r} })
}

func TestPanicReachesAskerAndSupervisor(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stage) {
		p := &parent{make: func() actor.Actor { return &oracle{} }}
		s.spawn(p)
		synctest.Wait()
		_, err := ask(t.Context(), s, p.child, nil, "panic")
		if err == nil || !strings.Contains(err.Error(), "internal error: panic: blown up by panic") {
			t.Fatalf("the asker got %v", err)
		}
		var f *act.Failure
		if !errors.As(err, &f) || !strings.Contains(f.Stack, "act_test.blowUp") {
			t.Errorf("the asker's error has no stack: %+v", f)
		}
		synctest.Wait()
		if len(p.reasons) != 1 {
			t.Fatalf("the supervisor got %d failures", len(p.reasons))
		}
		got, ok := p.reasons[0].(*act.Failure)
		if !ok {
			t.Fatalf("the supervisor got a %T", p.reasons[0])
		}
		trace := got.Trace()
		if !strings.HasPrefix(trace, "org.apache.kafka.connect.errors.ConnectException: panic: blown up by panic\n") ||
			!strings.Contains(trace, "act_test.blowUp") || strings.Contains(trace, "runtime/debug.Stack") {
			t.Errorf("trace:\n%s", trace)
		}
	})
}

func TestAnswerBeforePanicCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stage) {
		p := &parent{make: func() actor.Actor { return &oracle{} }}
		s.spawn(p)
		synctest.Wait()
		if got, err := ask(t.Context(), s, p.child, nil, "answer and panic"); got != "first" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		synctest.Wait()
		if len(p.reasons) != 1 {
			t.Errorf("the supervisor got %d failures", len(p.reasons))
		}
	})
}

func TestPanicWhileStoppingDoesNotMakeImmortal(t *testing.T) {
	for _, tt := range []struct {
		name string
		on   func(any) bool
	}{
		{"Stopping", func(m any) bool { _, ok := m.(*actor.Stopping); return ok }},
		{"Stopped", func(m any) bool { _, ok := m.(*actor.Stopped); return ok }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *stage) {
				o := &oracle{panicOn: tt.on}
				p := &parent{make: func() actor.Actor { return o }}
				pid := s.spawn(p)
				synctest.Wait()
				s.Root.Stop(pid)
				synctest.Wait()
				if !p.ended {
					t.Error("the parent never ended")
				}
				if len(p.reasons) != 0 {
					t.Errorf("the supervisor was asked about %v", p.reasons)
				}
				if n := len(all[*actor.Started](&o.inbox)); n != 1 {
					t.Errorf("the child was started %d times", n)
				}
				s.book.has(t, "panic while stopping", "act_test.blowUp")
			})
		})
	}
}

func TestPanicOfAMessageNobodyWaitsFor(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stage) {
		p := &parent{make: func() actor.Actor {
			return &oracle{panicOn: func(m any) bool { return m == any("boom") }}
		}}
		s.spawn(p)
		synctest.Wait()
		s.Root.Send(p.child, "boom")
		synctest.Wait()
		if len(p.reasons) != 1 || !strings.Contains(p.reasons[0].(*act.Failure).Stack, "blowUp") {
			t.Errorf("reasons %v", p.reasons)
		}
	})
}

func TestAsk(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stage) {
		o := &oracle{}
		pid := s.spawn(o)
		gone := make(chan struct{})
		if got, err := ask(t.Context(), s, pid, gone, "life"); got != "answer to life" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if got, err := ask(t.Context(), s, pid, gone, "twice"); got != "first" || err != nil {
			t.Errorf("of two answers: %q, %v", got, err)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := ask(ctx, s, pid, gone, "silence"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		synctest.Wait()
		o.kept[0].done.Send("much too late", nil) // nobody listens, and nobody hangs

		cause := errors.New("the request was withdrawn")
		withdrawn, withdraw := context.WithCancelCause(t.Context())
		withdraw(cause)
		if _, err := ask(withdrawn, s, pid, gone, "silence"); !errors.Is(err, cause) {
			t.Errorf("withdrawn: %v", err)
		}
		time.AfterFunc(time.Second, func() { close(gone) })
		if _, err := ask(t.Context(), s, pid, gone, "silence"); !errors.Is(err, act.ErrGone) {
			t.Errorf("gone: %v", err)
		}
		s.Root.Stop(pid)
		synctest.Wait()
		if _, err := ask(t.Context(), s, pid, gone, "life"); !errors.Is(err, act.ErrGone) {
			t.Errorf("of a dead actor: %v", err)
		}
	})
}

func TestZeroReplyIsHarmless(t *testing.T) {
	var r act.Reply[int]
	r.Send(1, nil)
	r.Fail(errors.New("nobody asked"))
}

func TestGoTellsOfEveryEnd(t *testing.T) {
	refusal := errs.Data.New("no")
	for _, tt := range []struct {
		name  string
		run   func(context.Context) (any, error)
		check func(t *testing.T, e act.Exited)
	}{
		{"result", func(context.Context) (any, error) { return 42, nil }, func(t *testing.T, e act.Exited) {
			if e.Result != 42 || e.Err != nil {
				t.Errorf("%+v", e)
			}
		}},
		{"error and result", func(context.Context) (any, error) { return "half", refusal }, func(t *testing.T, e act.Exited) {
			if e.Err != refusal || e.Result != "half" {
				t.Errorf("%+v", e)
			}
		}},
		{"panic", func(context.Context) (any, error) { blowUp("Go"); return nil, nil }, func(t *testing.T, e act.Exited) {
			var f *act.Failure
			if !errors.As(e.Err, &f) || !strings.Contains(f.Stack, "act_test.blowUp") || f.Error() != "panic: blown up by Go" {
				t.Errorf("%+v", e)
			}
		}},
		{"panic with an error", func(context.Context) (any, error) { panic(errs.Config.New("topic missing")) }, func(t *testing.T, e act.Exited) {
			var f *act.Failure
			if !errors.As(e.Err, &f) || !errors.Is(e.Err, errs.Config) {
				t.Errorf("%+v", e)
			}
		}},
		{"nil map", func(context.Context) (any, error) { var m map[string]int; m["x"]++; return nil, nil }, func(t *testing.T, e act.Exited) {
			if e.Err == nil || !strings.Contains(e.Err.Error(), "assignment to entry in nil map") {
				t.Errorf("%+v", e)
			}
		}},
		{"Goexit", func(context.Context) (any, error) { runtime.Goexit(); return nil, nil }, func(t *testing.T, e act.Exited) {
			if !errors.Is(e.Err, act.ErrGoexit) {
				t.Errorf("%+v", e)
			}
		}},
		{"context", func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, context.Cause(ctx) }, func(t *testing.T, e act.Exited) {
			if !errors.Is(e.Err, context.Canceled) {
				t.Errorf("%+v", e)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *stage) {
				p := &parent{}
				pid := s.spawn(p)
				ctx, cancel := context.WithCancel(t.Context())
				s.Root.Send(pid, do(func(c actor.Context) { act.Go(c, ctx, "id", []string{"connector", "c"}, tt.run) }))
				synctest.Wait()
				cancel()
				synctest.Wait()
				got := all[act.Exited](&p.inbox)
				if len(got) != 1 || got[0].ID != "id" {
					t.Fatalf("got %+v", got)
				}
				tt.check(t, got[0])
			})
		})
	}
}

// A goroutine that ends after its actor only leaves a dead letter.
func TestExitAfterTheActor(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stage) {
		p := &parent{}
		pid := s.spawn(p)
		release := make(chan struct{})
		s.Root.Send(pid, do(func(c actor.Context) {
			act.Go(c, t.Context(), 1, nil, func(context.Context) (any, error) { <-release; return nil, nil })
		}))
		synctest.Wait()
		s.Root.Stop(pid)
		synctest.Wait()
		close(release)
		synctest.Wait()
		if got := all[act.Exited](&p.inbox); len(got) != 0 {
			t.Errorf("a stopped actor got %+v", got)
		}
	})
}

func TestAfter(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stage) {
		p := &parent{}
		pid := s.spawn(p)
		var stopped *act.Timer
		s.Root.Send(pid, do(func(c actor.Context) {
			act.After(c, time.Minute, "kept")
			stopped = act.After(c, time.Minute, "stopped")
		}))
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		if got := all[string](&p.inbox); len(got) != 0 {
			t.Errorf("too early: %v", got)
		}
		stopped.Stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := all[string](&p.inbox); len(got) != 1 || got[0] != "kept" {
			t.Errorf("got %v", got)
		}
		var none *act.Timer
		none.Stop()
	})
}

func TestLease(t *testing.T) {
	var l act.Lease
	var order []string
	l.OnShut(func() { order = append(order, "first") })
	l.OnShut(func() { order = append(order, "second") })
	if err := l.Check(); err != nil {
		t.Fatalf("open lease: %v", err)
	}
	l.Shut()
	l.Shut()
	if err := l.Check(); !errors.Is(err, act.ErrFenced) {
		t.Errorf("shut lease: %v", err)
	}
	l.OnShut(func() { order = append(order, "late") })
	if got := strings.Join(order, " "); got != "first second late" {
		t.Errorf("called: %s", got)
	}
}

func TestLeaseMayBeUsedWhileItIsShut(t *testing.T) {
	var l act.Lease
	l.OnShut(func() {
		if l.Check() == nil {
			t.Error("open while being shut")
		}
		l.OnShut(func() {})
		l.Shut()
	})
	l.Shut()
}

// The library says at info level what we log ourselves; at info it must be quiet.
func TestSystemLogsQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &logbook{}
		sys := act.NewSystem(book.log(slog.LevelInfo))
		sys.Logger().With("a", 1).WithGroup("g").Info("chatter")
		sys.Logger().Warn("warning")
		if strings.Contains(book.String(), "chatter") || !strings.Contains(book.String(), "warning") {
			t.Errorf("logged:\n%s", book)
		}
		debug := &logbook{}
		act.NewSystem(debug.log(slog.LevelDebug)).Logger().Info("chatter")
		debug.has(t, "level=DEBUG msg=chatter")
	})
}
