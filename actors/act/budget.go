package act

import (
	"math"
	"time"
)

// Policy says how often and how fast something that fails is started again.
type Policy struct {
	Enabled    bool
	Max        int           // restarts within Window; 0 never, -1 without limit
	Window     time.Duration // sliding
	Initial    time.Duration // first delay
	MaxDelay   time.Duration
	Multiplier float64
	Jitter     float64       // share of the delay, to both sides
	ResetAfter time.Duration // healthy for this long: count and delay begin anew
}

// Budget counts the restarts of one connector or task. It is a value of its supervisor; it reads
// no clock and no dice of its own.
type Budget struct {
	restarts []time.Time // within the window
	streak   int         // failures since the last reset: exponent of the delay
	born     time.Time   // of the incarnation that runs now
	total    int
}

// Started notes the birth of an incarnation.
func (b *Budget) Started(now time.Time) { b.born = now }

// Clear is a restart on request: everything begins anew.
func (b *Budget) Clear() { *b = Budget{} }

// Restarts is the number of automatic restarts since Clear.
func (b *Budget) Restarts() int { return b.total }

// Next says after what delay to restart what just failed, and whether at all. random is in
// [0,1).
func (b *Budget) Next(p Policy, now time.Time, random float64) (time.Duration, bool) {
	if !p.Enabled || p.Max == 0 {
		return 0, false
	}
	if !b.born.IsZero() && p.ResetAfter > 0 && now.Sub(b.born) >= p.ResetAfter {
		b.restarts, b.streak = nil, 0
	}
	keep := b.restarts[:0]
	for _, t := range b.restarts {
		if now.Sub(t) < p.Window {
			keep = append(keep, t)
		}
	}
	b.restarts = keep
	if p.Max > 0 && len(b.restarts) >= p.Max {
		return 0, false
	}
	delay := float64(p.Initial) * math.Pow(p.Multiplier, float64(b.streak))
	delay = min(delay, float64(p.MaxDelay))
	delay *= 1 + p.Jitter*(2*random-1)
	if p.Max > 0 { // without a limit nobody counts
		b.restarts = append(b.restarts, now)
	}
	b.streak++
	b.total++
	return time.Duration(max(delay, 0)), true
}
