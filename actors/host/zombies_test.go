package host_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/host"
)

// hangHere is the function that the stack of a zombie must name.
func hangHere(release chan struct{}) { <-release }

// goes starts a goroutine that ends when release is closed.
func goes(t *testing.T, release chan struct{}, labels ...string) *act.Running {
	return act.Run(t.Context(), labels, func(context.Context) (any, error) { hangHere(release); return nil, nil }, func(any, error) {})
}

// grace is more than what a goroutine gets that is about to end.
const grace = 60 * time.Millisecond

func TestZombies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &logbook{}
		z := host.NewZombies(book.log())
		release, other, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
		close(over)
		hangs := goes(t, release, "connector", "slow", "task", "0")
		fine, ended := goes(t, other, "connector", "fine"), goes(t, over)
		synctest.Wait()

		z.Abandon(nil)
		z.Abandon(ended)
		time.Sleep(grace)
		if z.Alive() != 0 {
			t.Fatalf("%d zombies before there is one", z.Alive())
		}
		z.Abandon(hangs)
		z.Abandon(hangs) // counts once
		time.Sleep(grace)
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
		book.has(t, "was abandoned has returned", "after=1m30", "zombies=0")
		close(other)
		synctest.Wait()
		z.Abandon(fine)
		time.Sleep(grace)
		if z.Alive() != 0 {
			t.Errorf("an ended goroutine counts as a zombie")
		}
	})
}

// A goroutine that is on its way out when it is given up is no zombie, and nothing is logged of it.
func TestWhoIsAboutToEndIsNoZombie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &logbook{}
		z := host.NewZombies(book.log())
		release := make(chan struct{})
		g := goes(t, release, "connector", "quick")
		synctest.Wait()
		z.Abandon(g)
		time.Sleep(grace / 3)
		close(release)
		time.Sleep(grace)
		if z.Alive() != 0 || book.String() != "" {
			t.Errorf("%d zombies, logged %s", z.Alive(), book)
		}
	})
}

// A worker that stops waits for the verdict on those it left behind, so that it is in the log.
func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := &logbook{}
		z := host.NewZombies(book.log())
		release := make(chan struct{})
		z.Settle(t.Context()) // nobody: at once
		z.Abandon(goes(t, release, "connector", "slow"))
		begun := time.Now()
		z.Settle(t.Context())
		if took := time.Since(begun); took > grace || z.Alive() != 1 {
			t.Errorf("%d zombies after %v", z.Alive(), took)
		}
		book.has(t, "hangHere")
		close(release)
		synctest.Wait()
	})
}
