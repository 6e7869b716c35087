package assign

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// checkSettled checks what holds once nothing moves: everything configured runs on one member, nothing
// else runs, and no member has more than one more than another of either kind.
func checkSettled(t *testing.T, s *simulation) {
	t.Helper()
	runs := map[item]string{}
	var least, most [kinds]int
	for n, m := range s.members {
		var counts [kinds]int
		for _, i := range m.Runs.items() {
			if other, twice := runs[i]; twice {
				t.Errorf("%v runs on %s and %s", i, other, m.ID)
			}
			runs[i] = m.ID
			counts[kindOf(i)]++
		}
		for k, c := range counts {
			if n == 0 || c < least[k] {
				least[k] = c
			}
			most[k] = max(most[k], c)
		}
	}
	configured := s.lastIn.configured()
	for i := range configured {
		if runs[i] == "" {
			t.Errorf("%v runs nowhere", i)
		}
	}
	for i, id := range runs {
		if !configured.has(i) {
			t.Errorf("%v runs on %s and isn't configured", i, id)
		}
	}
	for k := range kinds {
		if most[k]-least[k] > 1 {
			t.Errorf("kind %d: one member has %d, another %d", k, least[k], most[k])
		}
	}
}

// checkRound checks what holds in every round.
func checkRound(t *testing.T, s *simulation) {
	t.Helper()
	configured := s.lastIn.configured()
	got := map[item]string{}
	for _, m := range s.lastIn.Members {
		share, ok := s.lastPlan.Shares[m.ID]
		if !ok {
			t.Fatalf("member %s has no share", m.ID)
		}
		had, revoked := setOf(m.Runs.items()), setOf(share.Revoked.items())
		for _, i := range share.Assigned.items() {
			if other, twice := got[i]; twice {
				t.Errorf("%v is given to %s and %s", i, other, m.ID)
			}
			got[i] = m.ID
			if !configured.has(i) {
				t.Errorf("%v is given to %s and isn't configured", i, m.ID)
			}
			if had.has(i) {
				t.Errorf("%v is given to %s, which has it", i, m.ID)
			}
			if revoked.has(i) {
				t.Errorf("%v is given to %s and revoked", i, m.ID)
			}
		}
		want, have := apply(m.Runs, share).items(), share.Runs.items()
		if len(setOf(want).minus(setOf(have)))+len(setOf(have).minus(setOf(want))) > 0 {
			t.Errorf("%s: should run %v, is said to run %v", m.ID, want, have)
		}
	}
	for i, id := range got {
		for _, m := range s.lastIn.Members {
			if m.ID != id && slices.Contains(m.Runs.items(), i) {
				t.Errorf("%v is given to %s while %s runs it", i, id, m.ID)
			}
		}
	}
	if limit := time.Duration(s.c.maxDelay) * time.Millisecond; s.lastPlan.Delay < 0 || s.lastPlan.Delay > limit {
		t.Errorf("delay %s, the most is %s", s.lastPlan.Delay, limit)
	}
}

// Whatever happened, each round is sound; and when it stops happening, a few rounds bring each task to
// one member and then nothing moves any more.
func TestEveryHistorySettles(t *testing.T) {
	longest := 0
	for seed := range uint64(6000) {
		var last *simulation
		rounds := 0
		first := newSimulation(0)
		first.urls = seed >= 3000
		live(first, seed, 1+int(seed%40), func(s *simulation) {
			if last = s; s != nil {
				rounds++
				checkRound(t, s)
			}
		})
		// What a leader doesn't know of stays: bring it to a state that it knows.
		configured := last.lastIn.configured()
		for n := range last.members {
			m := &last.members[n]
			m.Runs = workOf(slices.DeleteFunc(m.Runs.items(), func(i item) bool { return !configured.has(i) }))
		}
		took := last.settle()
		if took < 0 {
			t.Errorf("seed %d: things still move after 40 rounds", seed)
		}
		longest = max(longest, took)
		checkSettled(t, last)
		before := fmt.Sprint(last.members)
		for range 3 {
			last.now = last.now.Add(time.Hour)
			if last.rebalance(true); fmt.Sprint(last.members) != before {
				t.Errorf("seed %d: work moves without a reason", seed)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d, %d rounds", seed, rounds)
		}
	}
	if longest > 12 {
		t.Errorf("it took up to %d rounds", longest)
	}
}

func settled(t *testing.T, r *rand.Rand, maxDelay time.Duration) *simulation {
	t.Helper()
	s := newSimulation(maxDelay)
	for n := range 1 + r.IntN(7) {
		s.join(fmt.Sprintf("w%d-%d", n, r.Uint32()))
	}
	for n := range 1 + r.IntN(8) {
		s.configure(fmt.Sprintf("c%d", n), r.IntN(9))
	}
	if s.settle() < 0 {
		t.Fatal("does not settle")
	}
	checkSettled(t, s)
	return s
}

func owners(s *simulation) map[item]string {
	out := map[item]string{}
	for _, m := range s.members {
		for _, i := range m.Runs.items() {
			out[i] = m.ID
		}
	}
	return out
}

// A member that joins a balanced group gets its part and nothing else moves.
func TestJoinMovesTheLeast(t *testing.T) {
	for seed := range uint64(500) {
		s := settled(t, rand.New(rand.NewPCG(seed, 1)), 5*time.Minute)
		before := owners(s)
		s.join("new")
		if s.settle() < 0 {
			t.Fatalf("seed %d: does not settle", seed)
		}
		checkSettled(t, s)
		var moved, must [kinds]int
		for i, id := range owners(s) {
			if id != before[i] {
				moved[kindOf(i)]++
				if id != "new" {
					t.Errorf("seed %d: %v moved from %s to %s", seed, i, before[i], id)
				}
			}
		}
		for i := range s.lastIn.configured() {
			must[kindOf(i)]++
		}
		for k := range kinds {
			// The new member gets the level that all reach, and no extra one is taken from anybody.
			if part := must[k] / len(s.members); moved[k] > part+1 || moved[k] < part {
				t.Errorf("seed %d: %d of kind %d moved, its part is %d", seed, moved[k], k, part)
			}
		}
	}
}

// A worker that is away for less than the delay gets its work back, and nothing else moves at all.
func TestBounceMovesNothing(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := settled(t, r, 5*time.Minute)
		idle := func(m Member) bool { return len(m.Runs.items()) == 0 }
		if len(s.members) < 2 || slices.ContainsFunc(s.members, idle) {
			continue // members without work get a part of what is lost, as in Java
		}
		gone := s.members[r.IntN(len(s.members))]
		before := owners(s)
		s.leave(gone.ID)
		plan := s.rebalance(true)
		if len(gone.Runs.items()) > 0 && plan.Delay != 5*time.Minute {
			t.Fatalf("seed %d: delay %s after a loss", seed, plan.Delay)
		}
		s.now = s.now.Add(time.Minute)
		s.join("back")
		if plan = s.rebalance(true); len(gone.Runs.items()) > 0 && plan.Delay != 4*time.Minute {
			t.Fatalf("seed %d: delay %s after a minute", seed, plan.Delay)
		}
		s.now = s.now.Add(plan.Delay)
		if s.settle() < 0 {
			t.Fatalf("seed %d: does not settle", seed)
		}
		checkSettled(t, s)
		for i, id := range owners(s) {
			if was := before[i]; id != was && !(was == gone.ID && id == "back") {
				t.Errorf("seed %d: %v moved from %s to %s", seed, i, was, id)
			}
		}
	}
}

// Work never goes back and forth: while a settled group settles anew after one event, no item that
// stays configured changes hands twice.
func TestNoPingPong(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := settled(t, r, maxDelays[r.IntN(len(maxDelays))])
		switch r.IntN(3) {
		case 0:
			s.join("new")
		case 1:
			if len(s.members) > 1 {
				s.leave(s.members[r.IntN(len(s.members))].ID)
			}
		default:
			s.configure("c0", r.IntN(20))
		}
		given := map[item]int{}
		for round := 0; ; round++ {
			plan := s.rebalance(true)
			moved := 0
			for _, share := range plan.Shares {
				for _, i := range share.Assigned.items() {
					given[i]++
					moved++
				}
				moved += len(share.Revoked.items())
			}
			if moved == 0 && plan.Delay == 0 {
				break
			}
			if round > 40 {
				t.Fatalf("seed %d: does not settle", seed)
			}
			s.now = s.now.Add(plan.Delay)
		}
		checkSettled(t, s)
		for i, n := range given {
			if n > 1 {
				t.Errorf("seed %d: %v was given out %d times", seed, i, n)
			}
		}
	}
}

// Members that leave on purpose: what they ran goes on at once elsewhere, evenly, nothing else moves, and
// nothing waits, neither now nor when they are gone.
func TestHandOverMovesOnlyWhatIsHandedOver(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 5))
		s := settled(t, r, maxDelays[r.IntN(len(maxDelays))])
		if len(s.members) < 2 {
			continue
		}
		before := owners(s)
		gone := map[string]bool{}
		for range 1 + r.IntN(len(s.members)-1) {
			id := s.members[r.IntN(len(s.members))].ID
			if !gone[id] && len(s.members) > 1 {
				gone[id] = true
				s.handOver(id)
			}
		}
		plan := s.rebalance(true)
		checkRound(t, s)
		if plan.Delay != 0 {
			t.Fatalf("seed %d: a delay of %s", seed, plan.Delay)
		}
		checkSettled(t, s)
		for i, id := range owners(s) {
			if was := before[i]; gone[was] == (id == was) {
				t.Errorf("seed %d: %v was with %s and is with %s", seed, i, was, id)
			}
		}
		after := owners(s)
		if n := s.settle(); n != 1 {
			t.Errorf("seed %d: when they are gone, %d rounds", seed, n)
		}
		if now := owners(s); !maps.Equal(now, after) {
			t.Errorf("seed %d: when they are gone, it is %v and was %v", seed, now, after)
		}
	}
}

// Amid crashes, lost answers and leaders that change, what is handed over never waits: it runs after the
// round that hears of it, or when the answer is lost after the next. And the group settles.
func TestHandedOverNeverWaits(t *testing.T) {
	handed := 0
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 6))
		delay := maxDelays[r.IntN(len(maxDelays))]
		s := settled(t, r, delay)
		s.join("stays")
		for round := range 20 {
			if r.IntN(2) == 0 {
				s.step(r)
			}
			if r.IntN(9) == 0 {
				s.c = NewCooperative(delay)
			}
			if n := len(s.members); n > 1 && r.IntN(3) == 0 {
				given := s.members[r.IntN(n)]
				s.handOver(given.ID)
				var missed []string
				if r.IntN(3) == 0 {
					missed = append(missed, s.members[r.IntN(len(s.members))].ID)
				}
				s.rebalance(r.IntN(8) > 0, missed...)
				if missed != nil {
					s.rebalance(true)
				}
				runs := owners(s)
				configured := s.lastIn.configured()
				for _, i := range given.Runs.items() {
					if _, ok := runs[i]; !ok && configured.has(i) && !waitsToMove(s, i) {
						t.Fatalf("seed %d, round %d: %v of %s waits: %+v", seed, round, i, given.ID, s.lastPlan)
					}
					handed++
				}
			}
		}
		if s.settle() < 0 {
			t.Fatalf("seed %d: does not settle", seed)
		}
		checkSettled(t, s)
	}
	if handed < 1000 {
		t.Errorf("only %d were handed over", handed)
	}
}

// waitsToMove reports whether the last round revoked the item, so that the next one gives it out.
func waitsToMove(s *simulation, i item) bool {
	for _, share := range s.lastPlan.Shares {
		if slices.Contains(share.Revoked.items(), i) {
			return true
		}
	}
	return false
}

// Inputs stay as they were: the caller may use them again.
func TestInputsAreNotChanged(t *testing.T) {
	for seed := range uint64(100) {
		history(seed, 20, func(s *simulation) {
			if s == nil {
				return
			}
			again := Input{Now: s.now, Generation: s.gen, LastGeneration: s.last, Configured: s.config, Members: s.members}
			before := fmt.Sprint(again)
			NewCooperative(0).Plan(again)
			Eager(again)
			if after := fmt.Sprint(again); after != before {
				t.Fatalf("seed %d: %s became %s", seed, before, after)
			}
		})
	}
}

// Eager deals out everything, each once, and as evenly as can be over both kinds together.
func TestEagerDealsEvenly(t *testing.T) {
	for seed := range uint64(300) {
		history(seed, 10, func(s *simulation) {
			if s == nil {
				return
			}
			plan := Eager(s.lastIn)
			seen, least, most := set{}, 1<<30, 0
			for _, m := range s.lastIn.Members {
				items := plan.Shares[m.ID].Assigned.items()
				for _, i := range items {
					if seen.has(i) {
						t.Fatalf("seed %d: %v twice", seed, i)
					}
					seen.add(i)
				}
				least, most = min(least, len(items)), max(most, len(items))
			}
			if len(seen) != len(s.lastIn.configured()) || most-least > 1 {
				t.Fatalf("seed %d: %d of %d dealt out, from %d to %d each", seed, len(seen), len(s.lastIn.configured()), least, most)
			}
		})
	}
}

func BenchmarkPlan(b *testing.B) {
	s := newSimulation(5 * time.Minute)
	for n := range 20 {
		s.join(fmt.Sprintf("connect-10.0.0.%d:8083-6b5f", n))
	}
	for n := range 200 {
		s.configure(fmt.Sprintf("connector-%d", n), 20)
	}
	if s.settle() < 0 {
		b.Fatal("does not settle")
	}
	b.ReportAllocs()
	for b.Loop() {
		s.rebalance(true)
	}
}
