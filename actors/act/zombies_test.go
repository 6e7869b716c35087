package act_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
)

// hangHere is the function that the stack of a zombie must name.
func hangHere(release chan struct{}) { <-release }

func TestZombies(t *testing.T) {
	inBubble(t, func(t *testing.T, s *stage) {
		book := &logbook{}
		z := act.NewZombies(book.log(slog.LevelInfo))
		p := &parent{}
		pid := s.spawn(p)
		release, other := make(chan struct{}), make(chan struct{})
		var hangs, fine, ended *act.Running
		s.Root.Send(pid, do(func(c actor.Context) {
			hangs = act.Go(c, t.Context(), "hangs", []string{"connector", "slow", "task", "0"}, func(context.Context) (any, error) {
				hangHere(release)
				return nil, nil
			})
			fine = act.Go(c, t.Context(), "fine", []string{"connector", "fine"}, func(context.Context) (any, error) { <-other; return nil, nil })
			ended = act.Go(c, t.Context(), "ended", nil, func(context.Context) (any, error) { return nil, nil })
		}))
		synctest.Wait()

		z.Abandon(nil)
		z.Abandon(ended)
		if z.Alive() != 0 {
			t.Fatalf("%d zombies before there is one", z.Alive())
		}
		z.Abandon(hangs)
		z.Abandon(hangs) // counts once
		if z.Alive() != 1 {
			t.Fatalf("%d zombies", z.Alive())
		}
		book.has(t, "connector=slow", "task=0", "zombies=1", "hangHere")
		if strings.Contains(book.String(), `"connector":"fine"`) {
			t.Errorf("another goroutine's stack is in the log:\n%s", book)
		}
		time.Sleep(90 * time.Second)
		close(release)
		synctest.Wait()
		if z.Alive() != 0 {
			t.Errorf("%d zombies after it came back", z.Alive())
		}
		book.has(t, "has come back", "after=1m30s", "zombies=0")
		close(other)
		synctest.Wait()
		z.Abandon(fine)
		if z.Alive() != 0 {
			t.Errorf("an ended goroutine counts as a zombie")
		}
	})
}
