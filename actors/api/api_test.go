package api

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// While the worker stops, changes are refused with 503, those under way are waited for, and what fails then is
// told as that; what is wrong with a request stays the request's.
func TestChangesWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &API{}
		code := func(err error) int {
			var coded interface{ StatusCode() int }
			if errors.As(err, &coded) {
				return coded.StatusCode()
			}
			return 0
		}
		release := make(chan error)
		answer := make(chan error, 1)
		go func() { answer <- a.change(func() error { return <-release }) }()
		synctest.Wait()
		a.Refuse()
		if err := a.change(func() error { t.Error("made"); return nil }); code(err) != 503 {
			t.Errorf("late: %v", err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if a.Settle(short); time.Since(began) != time.Second {
			t.Errorf("waited %v", time.Since(began))
		}
		release <- errors.New("the store is closed")
		if err := <-answer; code(err) != 503 {
			t.Errorf("under way: %v", err)
		}
		began = time.Now()
		if a.Settle(t.Context()); time.Since(began) != 0 {
			t.Error("waited for nothing")
		}
	})
	a := &API{}
	for _, err := range []error{nil, errs.NotFound.New("x"), errs.BadRequest.New("x"), &Coded{409, errors.New("x")}, errors.New("a fault")} {
		if got := a.change(func() error { return err }); !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
	var coded interface{ StatusCode() int }
	if err := a.change(func() error { return act.ErrGone }); !errors.As(err, &coded) || coded.StatusCode() != 503 {
		t.Errorf("a worker that has stopped: %v", err)
	}
}

// Who asks after the herder is answered within a tenth of a second, from what is known.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pulse
		beats := make(chan error)
		pings := 0
		ping := func(ctx context.Context) error {
			pings++
			select {
			case err := <-beats:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		feel := func() error {
			t.Helper()
			began := time.Now()
			err := p.feel(t.Context(), ping)
			if took := time.Since(began); took >= 100*time.Millisecond {
				t.Errorf("it took %v", took)
			}
			synctest.Wait()
			return err
		}
		if err := feel(); err != nil { // it has not answered yet, nor owed it for long
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		if err := feel(); err != nil || pings != 1 {
			t.Errorf("%v after %d pings", err, pings)
		}
		began := time.Now()
		time.Sleep(6 * time.Second)
		first, second := feel(), feel()
		var one, two *stage
		if !errors.As(first, &one) || !errors.As(second, &two) || !one.Began.Equal(two.Began) || one.Began.After(began) {
			t.Errorf("%v, %v", first, second)
		}
		beats <- nil
		synctest.Wait()
		go func() { beats <- nil }()
		if err := feel(); err != nil || pings != 2 {
			t.Errorf("%v after %d pings", err, pings)
		}
		go func() { beats <- act.ErrGone }()
		if err := feel(); !errors.Is(err, act.ErrGone) {
			t.Errorf("gone: %v", err)
		}
	})
}

// Who asks for a round of fencing while one is under way gets its result; one that panics ends, and the next is
// made.
func TestFencingRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fences{rounds: map[string]*fenceRound{}}
		blow := make(chan struct{})
		answers := make(chan error, 2)
		rounds := 0
		for range 2 {
			go func() {
				answers <- f.round(t.Context(), "c", func(context.Context) error {
					rounds++
					<-blow
					panic("a task count of -5")
				})
			}()
			synctest.Wait()
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.round(gone, "c", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("who has gone got %v", err)
		}
		if err := f.round(t.Context(), "d", func(context.Context) error { return nil }); err != nil {
			t.Errorf("another connector: %v", err)
		}
		close(blow)
		for range 2 {
			if err := <-answers; err == nil || !strings.Contains(err.Error(), "a task count of -5") {
				t.Errorf("the round: %v", err)
			}
		}
		if err := f.round(t.Context(), "c", func(context.Context) error { return nil }); err != nil || rounds != 1 {
			t.Errorf("the next round: %v, after %d", err, rounds)
		}
	})
}
