package budget

import (
	"fmt"
	"math"
	"time"
)

// Policy says how often and how fast something that fails is started again: the supervisor.*.restart.*
// settings.
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
	restarts [Lasting][]time.Time // within the window, of unknown and of passing failures
	streak   int                  // failures since the last reset: exponent of the delay
	born     time.Time            // of the incarnation that runs now
	place    string               // of the failure before
	total    int
}

// Verdict is what becomes of a failure.
type Verdict struct {
	Restart bool
	After   time.Duration // of a restart
	Class   Class
	// Alarm says that a failure which may pass has lasted for longer than the policy's budget.
	Alarm bool
	// Why says it in words, for log and status.
	Why string
}

// Started notes the birth of an incarnation.
func (b *Budget) Started(now time.Time) { b.born = now }

// Clear is a restart on request: everything begins anew.
func (b *Budget) Clear() { *b = Budget{} }

// Restarts is the number of automatic restarts since Clear.
func (b *Budget) Restarts() int { return b.total }

// Left is how many restarts of failures of unknown class are left at now; -1 without a limit.
func (b *Budget) Left(p Policy, now time.Time) int {
	if p.Max < 0 {
		return -1
	}
	used := 0
	for _, t := range b.restarts[Unknown] {
		if now.Sub(t) < p.Window {
			used++
		}
	}
	return max(p.Max-used, 0)
}

// Next judges the failure of what ran. random is in [0,1).
func (b *Budget) Next(p Policy, f Failure, now time.Time, random float64) Verdict {
	again := f.Place != "" && f.Place == b.place
	b.place = f.Place
	switch {
	case f.Class == Lasting:
		return Verdict{Class: Lasting, Why: "a restart would not help"}
	case f.Class == Unknown && again:
		return Verdict{Class: Lasting, Why: "it fails at the same record again"}
	case !p.Enabled:
		return Verdict{Class: f.Class, Why: "supervisor.restart.enabled=false"}
	case p.Max == 0:
		return Verdict{Class: f.Class, Why: spent}
	}
	b.forget(p, now)
	counted := &b.restarts[f.Class]
	over := p.Max > 0 && len(*counted) >= p.Max
	if over && f.Class == Unknown {
		return Verdict{Class: f.Class, Why: spent}
	}
	if p.Max > 0 && !over { // without a limit nobody counts
		*counted = append(*counted, now)
	}
	v := Verdict{Restart: true, After: b.delay(p, random), Class: f.Class, Alarm: over}
	b.streak++
	b.total++
	switch {
	case f.Class == Passing:
		v.Why = "the failure may pass, restarts go on until it does"
	case p.Max < 0:
		v.Why = "restarts have no limit"
	default:
		v.Why = fmt.Sprintf("restart %d of at most %d within %s", len(*counted), p.Max, p.Window)
	}
	return v
}

// spent is why something is not restarted although restarts are on.
const spent = "no restarts left in its budget"

// forget drops what counts no more.
func (b *Budget) forget(p Policy, now time.Time) {
	if !b.born.IsZero() && p.ResetAfter > 0 && now.Sub(b.born) >= p.ResetAfter {
		b.restarts, b.streak = [Lasting][]time.Time{}, 0
	}
	for class, times := range b.restarts {
		keep := times[:0]
		for _, t := range times {
			if now.Sub(t) < p.Window {
				keep = append(keep, t)
			}
		}
		b.restarts[class] = keep
	}
}

// delay is the wait before the next restart.
func (b *Budget) delay(p Policy, random float64) time.Duration {
	delay := float64(p.Initial) * math.Pow(p.Multiplier, float64(b.streak))
	delay = min(delay, float64(p.MaxDelay))
	delay *= 1 + p.Jitter*(2*random-1)
	return time.Duration(max(delay, 0))
}
