package assign

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// outage is an outage of Kafka as a random group lives it: all stop what they run, some are gone, and the
// others come back one after the other, some of them as other members.
type outage struct {
	*simulation
	r    *rand.Rand
	had  map[item]string // by URL
	away []Member
	dead map[string]bool // URLs
	ids  int
}

func newOutage(t *testing.T, seed uint64) *outage {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 8))
	o := &outage{simulation: newSimulation(5 * time.Minute), r: r, had: map[item]string{}, dead: map[string]bool{}}
	for n := range 2 + r.IntN(5) {
		o.join(fmt.Sprintf("w%d@worker-%d", n, n))
	}
	for n := range 1 + r.IntN(8) {
		o.configure(fmt.Sprintf("c%d", n), r.IntN(9))
	}
	if o.settle() < 0 {
		t.Fatal("does not settle")
	}
	for _, m := range o.members {
		for _, i := range m.Runs.items() {
			o.had[i] = m.URL
		}
	}
	o.away, o.members = o.members, nil
	for _, m := range o.away[1:] {
		if r.IntN(3) == 0 {
			o.dead[m.URL] = true
		}
	}
	return o
}

// comeBack makes some of those that live members again, at least one; false if all are back.
func (o *outage) comeBack() bool {
	var still []Member
	back := 0
	o.r.Shuffle(len(o.away), func(i, j int) { o.away[i], o.away[j] = o.away[j], o.away[i] })
	for _, m := range o.away {
		if o.dead[m.URL] || back > 0 && o.r.IntN(2) == 0 {
			still = append(still, m)
			continue
		}
		back++
		if m.Runs = (Work{}); o.r.IntN(2) == 0 {
			o.ids++
			m.ID = fmt.Sprintf("again-%d-%d", o.ids, o.r.Uint32())
		}
		o.members = append(o.members, m)
	}
	o.away = still
	return back > 0
}

// check: who is back has its own, nobody has what is another's, and what waits is that of the others.
func (o *outage) check(t *testing.T) {
	t.Helper()
	here := map[string]bool{}
	runs := map[item]string{}
	for _, m := range o.members {
		here[m.URL] = true
		for _, i := range m.Runs.items() {
			if runs[i] = m.URL; o.had[i] != m.URL {
				t.Errorf("%v was with %s and is with %s", i, o.had[i], m.URL)
			}
		}
	}
	waiting := 0
	for i, url := range o.had {
		switch {
		case !here[url]:
			waiting++
		case runs[i] == "":
			t.Errorf("%v stands still though %s is back", i, url)
		}
	}
	if got := len(o.lastPlan.Why.Waiting.items()); got != waiting || (o.lastPlan.Delay > 0) != (waiting > 0) {
		t.Errorf("%d wait for %s, want %d", got, o.lastPlan.Delay, waiting)
	}
}

// After an outage each worker has its own work in the round in which it is back, whoever else is missing,
// in whatever order they come and under whatever ids; and only the work of those that don't come is given to
// others, when the delay is over.
func TestWhoIsBackHasItsOwn(t *testing.T) {
	missing := 0
	for seed := range uint64(2000) {
		o := newOutage(t, seed)
		for o.comeBack() {
			o.rebalance(true)
			checkRound(t, o.simulation)
			o.check(t)
			o.now = o.now.Add(time.Duration(o.r.IntN(20)) * time.Second)
		}
		missing += len(o.dead)
		if o.settle() < 0 {
			t.Fatalf("seed %d: does not settle", seed)
		}
		checkSettled(t, o.simulation)
		for i, url := range o.had {
			for _, m := range o.members {
				if m.URL == url && len(o.dead) == 0 && !setOf(m.Runs.items()).has(i) {
					t.Errorf("%v has moved from %s though nobody was missing", i, url)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if missing < 1000 {
		t.Errorf("only %d were missing", missing)
	}
}
