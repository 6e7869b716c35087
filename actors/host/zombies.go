package host

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
)

// Zombies counts goroutines that were left behind: asked to end, fenced, and still there. Any
// goroutine may use it.
type Zombies struct {
	log     *slog.Logger
	mu      sync.Mutex // of changes to alive and what is logged of them
	alive   atomic.Int64
	pending atomic.Int64 // given up, and within their grace
}

// NewZombies makes the count.
func NewZombies(log *slog.Logger) *Zombies { return &Zombies{log: log} }

// Alive is how many there are.
func (z *Zombies) Alive() int { return int(z.alive.Load()) }

// abandonGrace is what a goroutine that is about to end gets for it, before it counts.
const abandonGrace = 50 * time.Millisecond

// Abandon counts the goroutine as a zombie until it ends, and logs where it hangs, unless it ends
// within abandonGrace. It does nothing if the goroutine has ended or is nil. It returns at once.
func (z *Zombies) Abandon(g *act.Running) {
	if g == nil || g.Ended() {
		return
	}
	z.pending.Add(1)
	time.AfterFunc(abandonGrace, func() {
		defer z.pending.Add(-1)
		z.bury(g)
	})
}

// Settle waits until it is known, and logged, of all that were given up whether they are zombies, or
// until ctx ends: a worker that stops says where its last calls hang before its process ends.
func (z *Zombies) Settle(ctx context.Context) {
	for z.pending.Load() > 0 && act.Sleep(ctx, abandonGrace/5) {
	}
}

func (z *Zombies) bury(g *act.Running) {
	if g.Ended() {
		return
	}
	stack := stackOf(goroutines(), g.Labels()) // takes a while: nobody must wait for it
	since := time.Now()
	z.mu.Lock() // so that its return is told after this, if it returns just now
	defer z.mu.Unlock()
	if !g.OnEnd(func() { z.returned(g, since) }) {
		return // it ended meanwhile, or counts already
	}
	z.log.Error("plugin call did not return before its deadline and was abandoned; fenced from Kafka, goroutine and memory leaked until it returns",
		append(pairs(g.Labels()), "zombies", z.alive.Add(1), "stack", stack)...)
}

// returned is the end of a zombie, on its own goroutine.
func (z *Zombies) returned(g *act.Running, since time.Time) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.log.Info("plugin call that was abandoned has returned",
		append(pairs(g.Labels()), "zombies", z.alive.Add(-1), "after", time.Since(since).Round(time.Millisecond))...)
}

func pairs(labels []string) []any {
	out := make([]any, len(labels))
	for i, l := range labels {
		out[i] = l
	}
	return out
}
