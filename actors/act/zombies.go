package act

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"
)

// Zombies counts goroutines that were left behind: asked to end, fenced, and still there. Any
// goroutine may use it.
type Zombies struct {
	log   *slog.Logger
	alive atomic.Int64
}

// NewZombies makes the count.
func NewZombies(log *slog.Logger) *Zombies { return &Zombies{log: log} }

// Alive is how many there are.
func (z *Zombies) Alive() int { return int(z.alive.Load()) }

// Abandon counts the goroutine as a zombie until it ends, and logs where it hangs. It does
// nothing if the goroutine has ended or is nil.
func (z *Zombies) Abandon(g *Running) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended || g.onEnd != nil {
		return
	}
	n, since := z.alive.Add(1), time.Now()
	z.log.Error("a call did not come back and was left behind; it can do no harm to Kafka but its memory stays",
		append(pairs(g.labels), "zombies", n, "stack", stackOf(g.labels))...)
	g.onEnd = func() {
		z.log.Info("a call that was left behind has come back",
			append(pairs(g.labels), "zombies", z.alive.Add(-1), "after", time.Since(since).Round(time.Millisecond))...)
	}
}

func pairs(labels []string) []any {
	out := make([]any, len(labels))
	for i, l := range labels {
		out[i] = l
	}
	return out
}

// stackOf finds the goroutines with exactly these labels in the goroutine profile.
func stackOf(labels []string) string {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		return err.Error()
	}
	var out []string
blocks:
	for block := range strings.SplitSeq(b.String(), "\n\n") {
		for i := 0; i+1 < len(labels); i += 2 {
			if !strings.Contains(block, fmt.Sprintf("%q:%q", labels[i], labels[i+1])) {
				continue blocks
			}
		}
		out = append(out, block)
	}
	return strings.Join(out, "\n\n")
}
