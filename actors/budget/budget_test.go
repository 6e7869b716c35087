package budget_test

import (
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/budget"
)

// plain is a policy without dice.
var plain = budget.Policy{
	Enabled: true, Max: 5, Window: 10 * time.Minute, Initial: time.Second, MaxDelay: 60 * time.Second,
	Multiplier: 2, ResetAfter: 5 * time.Minute,
}

func but(change func(*budget.Policy)) budget.Policy {
	p := plain
	change(&p)
	return p
}

// gaveUp stands for "no restart" in the tables.
const gaveUp time.Duration = -1

// lives runs something that lives for each of the times and then fails, and returns when it was
// born, gaveUp for a failure that it was not restarted after.
func lives(b *budget.Budget, p budget.Policy, random float64, lifetimes ...time.Duration) []time.Duration {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	b.Started(now)
	births := []time.Duration{0}
	for _, life := range lifetimes {
		now = now.Add(life)
		v := b.Next(p, budget.Failure{}, now, random)
		if !v.Restart {
			return append(births, gaveUp)
		}
		now = now.Add(v.After)
		b.Started(now)
		births = append(births, now.Sub(start))
	}
	return births
}

func seconds(s ...float64) []time.Duration {
	out := make([]time.Duration, len(s))
	for i, x := range s {
		out[i] = time.Duration(x * float64(time.Second))
	}
	return out
}

func TestBudgetBirths(t *testing.T) {
	for _, tt := range []struct {
		name   string
		policy budget.Policy
		random float64
		lives  []time.Duration
		want   []time.Duration
	}{
		{"doubles", plain, 0.5, seconds(0, 0, 0, 0, 0), seconds(0, 1, 3, 7, 15, 31)},
		{"budget spent", plain, 0.5, seconds(0, 0, 0, 0, 0, 0), append(seconds(0, 1, 3, 7, 15, 31), gaveUp)},
		{"ceiling", but(func(p *budget.Policy) { p.MaxDelay = 3 * time.Second }), 0.5, seconds(0, 0, 0, 0), seconds(0, 1, 3, 6, 9)},
		{"other multiplier", but(func(p *budget.Policy) { p.Multiplier = 1 }), 0.5, seconds(0, 0, 0), seconds(0, 1, 2, 3)},
		{"jitter at its least", but(func(p *budget.Policy) { p.Jitter = 0.2 }), 0, seconds(0, 0), seconds(0, 0.8, 2.4)},
		{"jitter at its middle", but(func(p *budget.Policy) { p.Jitter = 0.2 }), 0.5, seconds(0, 0), seconds(0, 1, 3)},
		{"jitter applies to the ceiling", but(func(p *budget.Policy) { p.Jitter = 0.5; p.MaxDelay = time.Second }), 0, seconds(0, 0), seconds(0, 0.5, 1)},
		{"no delay at all", but(func(p *budget.Policy) { p.Initial = 0 }), 0.5, seconds(0, 0), seconds(0, 0, 0)},
		{"disabled", but(func(p *budget.Policy) { p.Enabled = false }), 0.5, seconds(0), append(seconds(0), gaveUp)},
		{"max 0", but(func(p *budget.Policy) { p.Max = 0 }), 0.5, seconds(0), append(seconds(0), gaveUp)},
		{"max 1", but(func(p *budget.Policy) { p.Max = 1 }), 0.5, seconds(0, 0), append(seconds(0, 1), gaveUp)},
		{
			"failures older than the window do not count",
			but(func(p *budget.Policy) { p.Max = 2; p.Window = 10 * time.Second; p.Multiplier = 1 }),
			0.5,
			seconds(0, 5, 5, 5, 5), // fails at 0, 6, 12, 18, 24: never more than 2 in 10 s
			seconds(0, 1, 7, 13, 19, 25),
		},
		{
			"the edge of the window is outside",
			but(func(p *budget.Policy) { p.Max = 1; p.Window = 10 * time.Second }),
			0.5,
			seconds(0, 9), // fails at 0 and, born at 1, at 10
			seconds(0, 1, 12),
		},
		{
			"just inside the window",
			but(func(p *budget.Policy) { p.Max = 1; p.Window = 10 * time.Second }),
			0.5,
			seconds(0, 8.999),
			append(seconds(0, 1), gaveUp),
		},
		{
			"healthy for reset.after begins anew",
			but(func(p *budget.Policy) { p.Max = 2 }),
			0.5,
			seconds(0, 0, 300, 0, 0),
			append(seconds(0, 1, 3, 304, 306), gaveUp),
		},
		{
			"healthy for almost reset.after does not",
			but(func(p *budget.Policy) { p.Max = 2 }),
			0.5,
			seconds(0, 0, 299.999),
			append(seconds(0, 1, 3), gaveUp),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b budget.Budget
			got := lives(&b, tt.policy, tt.random, tt.lives...)
			if len(got) != len(tt.want) {
				t.Fatalf("births %v, want %v", got, tt.want)
			}
			for i := range got {
				if d := got[i] - tt.want[i]; d < -time.Microsecond || d > time.Microsecond {
					t.Fatalf("births %v, want %v", got, tt.want)
				}
			}
		})
	}
}

func TestBudgetWithoutLimitNeverEndsAndKeepsNothing(t *testing.T) {
	p := but(func(p *budget.Policy) { p.Max = -1 })
	var b budget.Budget
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b.Started(now)
	fail := func() {
		if v := b.Next(p, budget.Failure{}, now, 0.5); !v.Restart || v.After <= 0 || v.After > p.MaxDelay {
			t.Fatalf("restart %d: %+v", b.Restarts(), v)
		}
		now = now.Add(time.Millisecond)
	}
	for range 5000 { // beyond where the exponent leaves the range of a float
		fail()
	}
	if b.Restarts() != 5000 {
		t.Errorf("%d restarts counted", b.Restarts())
	}
	if n := testing.AllocsPerRun(100, fail); n != 0 {
		t.Errorf("%v allocations per failure: something is kept", n)
	}
}

func TestBudgetClear(t *testing.T) {
	p := but(func(p *budget.Policy) { p.Max = 2 })
	var b budget.Budget
	if got := lives(&b, p, 0.5, seconds(0, 0, 0)...); got[len(got)-1] != gaveUp || b.Restarts() != 2 {
		t.Fatalf("births %v, restarts %d", got, b.Restarts())
	}
	b.Clear()
	if b.Restarts() != 0 {
		t.Errorf("%d restarts after Clear", b.Restarts())
	}
	if got := lives(&b, p, 0.5, seconds(0, 0)...); got[1] != time.Second || got[2] != 3*time.Second {
		t.Errorf("births after Clear %v", got)
	}
}
