package group_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
)

// owners is who runs what.
func (w *world) owners() map[state.TaskID]*worker {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.ledger)
}

// three starts three workers that share 24 connectors and tasks; the first leads.
func (w *world) three() (one, two, three *worker) {
	w.t.Helper()
	w.configure(3, "a", "b", "c", "d", "e", "f")
	one = w.start("one", group.Sessioned)
	w.settle(time.Second, one)
	two, three = w.start("two", group.Sessioned), w.start("three", group.Sessioned)
	if got := w.settle(time.Hour, one, two, three); got != "one=8 two=8 three=8" {
		w.t.Fatal(got)
	}
	if s := one.m.Status(); s.Leader != s.MemberID {
		w.t.Fatalf("the first doesn't lead: %+v", s)
	}
	for _, k := range []*worker{one, two, three} {
		k.kinds()
	}
	return one, two, three
}

// stayed checks that all ran on where it did that didn't run on those who are gone.
func (w *world) stayed(before map[state.TaskID]*worker, gone ...string) {
	w.t.Helper()
	after := w.owners()
	for id, was := range before {
		if now := after[id]; now != was && !strings.Contains(strings.Join(gone, " "), was.name) {
			w.t.Errorf("%s moved away from %s", id, was.name)
		}
	}
}

// A worker that hands over is gone after a heartbeat or two, and its work runs on: shared evenly, without a
// delay, and nothing else moves.
func TestHandOver(t *testing.T) {
	bubble(t, func(w *world) {
		one, two, three := w.three()
		before := w.owners()
		if took := two.handOver(); took > 4*time.Second {
			t.Errorf("handing over took %s", took)
		}
		if got := w.settle(4*time.Second, one, three); total(one, three) != 24 {
			t.Errorf("a heartbeat after the worker is gone: %s", got)
		}
		if n := w.cluster.Members("workers"); n != 2 {
			t.Errorf("%d members are left", n)
		}
		if got := w.settle(time.Minute, one, three); got != "one=12 three=12" {
			t.Error(got)
		}
		w.stayed(before, "two")
		for _, k := range []*worker{one, three} {
			if d := k.last().Assignment.Delay; d != 0 {
				t.Errorf("%s was told of a delay of %s", k.name, d)
			}
			if got := k.kinds(); strings.Contains(got, "revoked") {
				t.Errorf("%s was told %s", k.name, got)
			}
		}
		if got := two.kinds(); got != "" {
			t.Errorf("who hands over was told %s", got)
		}
	})
}

// Whoever leaves, and however many: all runs at once on those that stay.
func TestHandOverTogether(t *testing.T) {
	for name, leave := range map[string]func(one, two, three *worker) []*worker{
		"the leader":           func(one, _, _ *worker) []*worker { return []*worker{one} },
		"both that follow":     func(_, two, three *worker) []*worker { return []*worker{two, three} },
		"leader and one":       func(one, two, _ *worker) []*worker { return []*worker{one, two} },
		"one and then leader":  func(one, two, _ *worker) []*worker { return []*worker{two, one} },
		"three, but a new one": func(one, two, three *worker) []*worker { return []*worker{one, two, three} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				one, two, three := w.three()
				gone := leave(one, two, three)
				all := []*worker{one, two, three}
				if len(gone) == 3 {
					all = append(all, w.start("four", group.Sessioned))
				}
				names := ""
				done := make(chan time.Duration, len(gone))
				for _, k := range gone {
					names += " " + k.name
					go func() { done <- k.handOver() }()
				}
				for range gone {
					if took := <-done; took > 8*time.Second {
						t.Errorf("handing over took %s", took)
					}
				}
				got := w.settle(10*time.Second, all...)
				if n := total(all...); n != 24 {
					t.Errorf("%d run without%s: %s", n, names, got)
				}
				w.settle(time.Minute, all...)
				if n := total(all...); n != 24 {
					t.Errorf("%d run a minute later", n)
				}
			})
		})
	}
}

// What a worker leaves that crashes goes on waiting for it while another hands over.
func TestHandOverBesideCrash(t *testing.T) {
	bubble(t, func(w *world) {
		one, two, three := w.three()
		three.kill()
		w.settle(time.Minute, one, two)
		if took := two.handOver(); took > 4*time.Second {
			t.Errorf("handing over took %s", took)
		}
		if got := w.settle(10*time.Second, one); got != "one=16" {
			t.Errorf("%s: eight of two are to run, eight of three to wait", got)
		}
		if d := one.last().Assignment.Delay; d < 3*time.Minute || d > 5*time.Minute {
			t.Errorf("the delay is %s", d)
		}
		if got := w.settle(4*time.Minute, one); got != "one=24" {
			t.Error(got)
		}
	})
}

// A worker that dies while another hands over is missed until its session ends; then the hand-over goes on.
func TestHandOverWhileOneDies(t *testing.T) {
	bubble(t, func(w *world) {
		one, two, three := w.three()
		three.kill()
		w.settle(5*time.Second, one, two) // kfake, unlike Kafka, would end the session of two while it joins
		two.handOver()
		if got := w.settle(10*time.Second, one); got != "one=16" {
			t.Error(got)
		}
	})
}

// Answers that are lost on the way make the worker try again.
func TestHandOverTriesAgain(t *testing.T) {
	for _, fault := range []kafkatest.Fault{
		{Request: "SyncGroup", Error: "REBALANCE_IN_PROGRESS", Times: 2, TopLevel: true},
		{Request: "SyncGroup", Error: "ILLEGAL_GENERATION", Times: 1, TopLevel: true},
		{Request: "JoinGroup", Error: "UNKNOWN_MEMBER_ID", Times: 1, TopLevel: true},
		{Request: "JoinGroup", Error: "NOT_COORDINATOR", Times: 2, TopLevel: true},
		{Request: "JoinGroup", Error: "COORDINATOR_LOAD_IN_PROGRESS", Times: 2, TopLevel: true},
	} {
		t.Run(fault.Error+" of "+fault.Request, func(t *testing.T) {
			bubble(t, func(w *world) {
				one, two, three := w.three()
				end := w.cluster.Fail(fault)
				two.handOver()
				if n := end(); n == 0 {
					t.Fatal("nothing failed")
				}
				if got := w.settle(20*time.Second, one, three); total(one, three) != 24 {
					t.Error(got)
				}
				if fault.Error != "UNKNOWN_MEMBER_ID" && w.cluster.Members("workers") != 2 {
					t.Errorf("%d members are left", w.cluster.Members("workers"))
				}
			})
		})
	}
}

// When another member doesn't come to the rebalance the worker leaves after a while without handing over.
func TestHandOverTakesTooLong(t *testing.T) {
	bubble(t, func(w *world) {
		w.limit = 6 * time.Second // shorter than a session, which kfake, unlike Kafka, ends while members join
		one, two, three := w.three()
		release := make(chan struct{})
		three.mu.Lock()
		three.block = release
		three.mu.Unlock()
		three.m.Rejoin("it is busy then")
		w.settle(4*time.Second, one, two)
		took := two.handOver()
		if took < w.limit || took > w.limit+time.Second {
			t.Errorf("it took %s", took)
		}
		three.mu.Lock()
		three.block = nil
		three.mu.Unlock()
		close(release)
		w.settle(10*time.Minute, one, three)
		if n := total(one, three); n != 24 {
			t.Errorf("%d run", n)
		}
	})
}

// A leader that doesn't know the config topic as far as others gives nothing out before it does.
func TestHandOverWaitsForTheLeader(t *testing.T) {
	bubble(t, func(w *world) {
		one, two, three := w.three()
		one.mu.Lock()
		one.stale = true
		one.mu.Unlock()
		w.configure(3, "new")
		time.AfterFunc(5*time.Second, func() {
			one.mu.Lock()
			defer one.mu.Unlock()
			one.stale = false
		})
		two.handOver()
		if got := w.settle(10*time.Second, one, three); total(one, three) != 28 {
			t.Error(got)
		}
	})
}

// With protocol eager nothing ever waits; the worker just leaves.
func TestHandOverEager(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(3, "a", "b")
		one := w.start("one", group.Eager)
		w.settle(time.Second, one)
		two := w.start("two", group.Eager)
		if got := w.settle(time.Minute, one, two); got != "one=4 two=4" {
			t.Fatal(got)
		}
		if took := two.handOver(); took > time.Second {
			t.Errorf("it took %s", took)
		}
		if got := w.settle(10*time.Second, one); got != "one=8" {
			t.Error(got)
		}
	})
}

// A worker that never got into the group ends at once.
func TestHandOverWithoutMembership(t *testing.T) {
	bubble(t, func(w *world) {
		end := w.cluster.Fail(kafkatest.Fault{Request: "JoinGroup", Error: "COORDINATOR_LOAD_IN_PROGRESS", Times: -1, TopLevel: true})
		defer end()
		k := w.start("k", group.Sessioned)
		w.settle(time.Minute, k)
		if took := k.handOver(); took > time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// Worker after worker is restarted: each gets its part back, and nothing ever waits or runs twice.
func TestRollingRestart(t *testing.T) {
	bubble(t, func(w *world) {
		one, two, three := w.three()
		workers := []*worker{one, two, three}
		for n, k := range workers {
			k.handOver()
			if got := w.settle(4*time.Second, workers...); total(workers...) != 24 {
				t.Errorf("after %s left: %s", k.name, got)
			}
			workers[n] = w.start(k.name+"'", group.Sessioned)
			if got := w.settle(2*time.Minute, workers...); strings.Count(got, "=8") != 3 {
				t.Errorf("after %s is back: %s", k.name, got)
			}
		}
	})
}
