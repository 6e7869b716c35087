package host

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
)

// Stall is a call that has not come back, nor come further in its batch, for long.
type Stall struct {
	In *Call
	// At is which record of the batch it is at; Where names it, "" if the call is not about records.
	At    int
	Where string
	// For is how long nothing was seen to move, at least.
	For time.Duration
}

// sign is what was seen of a lane last.
type sign struct {
	call  *Call
	seq   uint64
	at    int64
	since time.Time // when it was first seen so
	told  bool
}

// Stalls looks at all lanes. new are the calls that have stood still for limit and were not told of
// before; over is true if one that was told of has moved since, and none of them stands still any
// more. One goroutine (or actor) calls it, a few times per limit: a stall is told of when it is
// between limit and limit plus the time between two calls old.
func (d *Door) Stalls(now time.Time, limit time.Duration) (fresh []Stall, over bool) {
	d.mu.Lock()
	lanes := d.lanes
	d.mu.Unlock()
	moved, stands := false, false
	for _, l := range lanes {
		got := sign{call: l.call.Load(), seq: l.seq.Load(), at: l.at.Load(), since: now}
		if was := l.seen; got.call == nil || was.call != got.call || was.seq != got.seq || was.at != got.at {
			moved = moved || was.told
			l.seen = got
			continue
		}
		if !l.seen.told && limit > 0 && now.Sub(l.seen.since) >= limit {
			l.seen.told = true
			fresh = append(fresh, Stall{In: got.call, At: int(got.at), Where: l.place(int(got.at)), For: now.Sub(l.seen.since)})
		}
		stands = stands || l.seen.told
	}
	return fresh, moved && !stands
}

// place names a record of the batch under way.
func (l *Lane) place(at int) (out string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.where == nil {
		return ""
	}
	if err := act.Catch(func() error { out = l.where(at); return nil }); err != nil {
		return err.Error()
	}
	return out
}

// Stacks are the stacks of the goroutines that run for who, as a goroutine profile has them; "" if
// there are none. A profile stops the process for a moment, so one is good for all who ask within
// profileAge. It may take a while and is not for actors.
func (h *Host) Stacks(who Who) string { return stackOf(h.stacks.profile(), who.labels()) }

// profileAge is how old a shared profile may be. What is asked about has stood still for longer.
const profileAge = 5 * time.Second

// stacks is a goroutine profile that is shared by those who ask at about the same time.
type stacks struct {
	mu   sync.Mutex
	text string
	from time.Time
}

func (s *stacks) profile() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.text == "" || now.Sub(s.from) > profileAge {
		s.text, s.from = goroutines(), now
	}
	return s.text
}

// goroutines is the goroutine profile with labels, equal stacks as one.
func goroutines() string {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		return err.Error()
	}
	return b.String()
}

// stackOf finds the goroutines with (at least) these labels in a profile.
func stackOf(profile string, labels []string) string {
	var out []string
blocks:
	for block := range strings.SplitSeq(profile, "\n\n") {
		for i := 0; i+1 < len(labels); i += 2 {
			if !strings.Contains(block, fmt.Sprintf("%q:%q", labels[i], labels[i+1])) {
				continue blocks
			}
		}
		out = append(out, block)
	}
	return strings.Join(out, "\n\n")
}
