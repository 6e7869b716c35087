package group_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

func TestOneWorker(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(3, "a", "b")
		k := w.start("k", group.Sessioned)
		if got := w.settle(time.Second, k); got != "k=8" {
			t.Error(got)
		}
		e := k.last()
		if e.Kind != group.Assigned || !e.Leads || e.Protocol != group.Sessioned || e.Generation < 1 || !strings.HasPrefix(e.MemberID, "k-") {
			t.Errorf("%+v", e)
		}
		s := k.m.Status()
		if s.Leader != s.MemberID || s.MemberID != e.MemberID || s.LeaderURL != "http://k:8083/" || s.Connectors != 2 || s.Tasks != 6 || s.Generation != e.Generation {
			t.Errorf("%+v", s)
		}
		if got := w.settle(time.Hour, k); got != "k=8" || k.m.Status().Generation != s.Generation {
			t.Errorf("after an hour: %s, %+v", got, k.m.Status())
		}
		if err := k.end(); err != nil {
			t.Error(err)
		}
		if n := w.cluster.Members("workers"); n != 0 {
			t.Errorf("%d members are left", n)
		}
		if s := k.m.Status(); s.MemberID != "" || s.Generation != -1 {
			t.Errorf("after the end: %+v", s)
		}
	})
}

// Workers join one after the other, and together; work is shared evenly, nothing ever runs twice (which
// the ledger checks), and then nothing moves any more.
func TestWorkersShare(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(3, "a", "b", "c", "d")
		one := w.start("one", group.Sessioned)
		if got := w.settle(time.Minute, one); got != "one=16" {
			t.Error(got)
		}
		two := w.start("two", group.Sessioned)
		if got := w.settle(time.Minute, one, two); got != "one=8 two=8" {
			t.Error(got)
		}
		if got := one.kinds(); got != "assigned revoked assigned assigned" {
			t.Errorf("one was told %s", got)
		}
		three, four := w.start("three", group.Sessioned), w.start("four", group.Sessioned)
		if got := w.settle(time.Hour, one, two, three, four); got != "one=4 two=4 three=4 four=4" {
			t.Error(got)
		}
		before := one.m.Status().Generation
		w.configure(4, "e")
		one.m.Rejoin("a connector is new")
		if got := w.settle(time.Hour, one, two, three, four); len(got) == 0 || total(one, two, three, four) != 21 {
			t.Errorf("%s, %d in all", got, total(one, two, three, four))
		}
		if n := one.m.Status().Generation - before; n < 1 || n > 3 {
			t.Errorf("%d rebalances for a new connector", n)
		}
		leaders := 0
		for _, k := range []*worker{one, two, three, four} {
			if s := k.m.Status(); s.Leader == s.MemberID {
				leaders++
			}
			if s := k.m.Status(); s.Leader != one.m.Status().Leader || s.Generation != one.m.Status().Generation {
				t.Errorf("%s: %+v", k.name, s)
			}
		}
		if leaders != 1 {
			t.Errorf("%d leaders", leaders)
		}
	})
}

func total(workers ...*worker) int {
	n := 0
	for _, k := range workers {
		n += k.runs()
	}
	return n
}

// A worker that is gone, with a word or without, leaves its work waiting for the delay; then the others
// get it.
func TestWorkerGone(t *testing.T) {
	for name, gone := range map[string]func(*worker){
		"left":   (*worker).endWell,
		"killed": (*worker).kill,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.configure(3, "a", "b", "c", "d")
				one := w.start("one", group.Sessioned)
				w.settle(time.Second, one)
				two := w.start("two", group.Sessioned)
				if got := w.settle(time.Minute, one, two); got != "one=8 two=8" {
					t.Fatal(got)
				}
				gone(two)
				if got := w.settle(time.Minute, one, two); got != "one=8 two=0" {
					t.Error(got)
				}
				if d := one.last().Assignment.Delay; d != 5*time.Minute {
					t.Errorf("delay %s", d)
				}
				if got := w.settle(5*time.Minute, one, two); got != "one=16 two=0" {
					t.Error(got)
				}
			})
		})
	}
}

// A worker that comes back within the delay gets its work back at once, and the other goes on with its own.
func TestWorkerReturns(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(3, "a", "b", "c", "d")
		one := w.start("one", group.Sessioned)
		w.settle(time.Second, one)
		two := w.start("two", group.Sessioned)
		w.settle(time.Minute, one, two)
		two.kill()
		w.settle(time.Minute, one)
		one.kinds()
		two = w.start("two", group.Sessioned)
		if got := w.settle(10*time.Second, one, two); got != "one=8 two=8" {
			t.Error(got)
		}
		if got := w.settle(10*time.Minute, one, two); got != "one=8 two=8" {
			t.Error(got)
		}
		if got := one.kinds(); strings.Contains(got, "revoked") {
			t.Errorf("one was told %s", got)
		}
	})
}

// When the leader is gone the next one knows nothing of what was, and deals everything out at once.
func TestLeaderGone(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(3, "a", "b", "c", "d")
		one := w.start("one", group.Sessioned)
		w.settle(time.Second, one)
		two := w.start("two", group.Sessioned)
		w.settle(time.Minute, one, two)
		if s := one.m.Status(); s.Leader != s.MemberID {
			t.Fatalf("the first isn't the leader: %+v", s)
		}
		one.kill()
		if got := w.settle(time.Minute, one, two); got != "one=0 two=16" {
			t.Error(got)
		}
		if s := two.m.Status(); s.Leader != s.MemberID {
			t.Errorf("%+v", s)
		}
	})
}

// One eager worker brings all to the eager protocol, in which everybody stops everything before a
// rebalance; when it is gone they are back to the newest that all speak.
func TestProtocolFallsBack(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(3, "a", "b", "c", "d")
		one := w.start("one", group.Sessioned)
		w.settle(time.Second, one)
		w.twice = true // nobody knew that the protocol would change; a JVM worker would go on even after it
		old := w.start("old", group.Eager)
		if got := w.settle(time.Minute, one, old); got != "one=8 old=8" {
			t.Error(got)
		}
		w.mu.Lock()
		w.twice = false
		w.mu.Unlock()
		if p := one.m.Status().Protocol; p != group.Eager {
			t.Errorf("the group speaks %s", p)
		}
		if got := one.kinds(); got != "assigned revoked assigned" {
			t.Errorf("one was told %s", got)
		}
		mid := w.start("mid", group.Compatible)
		w.settle(time.Minute, one, old, mid)
		if n := total(one, old, mid); n != 16 {
			t.Errorf("%d run", n)
		}
		if got := one.kinds(); got != "revoked assigned" {
			t.Errorf("one was told %s", got)
		}
		old.endWell()
		w.settle(10*time.Minute, one, mid)
		if p := one.m.Status().Protocol; p != group.Compatible || total(one, mid) != 16 {
			t.Errorf("the group speaks %s, %d run", p, total(one, mid))
		}
		mid.endWell()
		w.settle(10*time.Minute, one)
		if p := one.m.Status().Protocol; p != group.Sessioned || total(one) != 16 {
			t.Errorf("the group speaks %s, %d run", p, total(one))
		}
	})
}

// A group that moves from broker to broker is followed, without losing anything.
func TestCoordinatorMoves(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(3, "a", "b")
		k := w.start("k", group.Sessioned)
		w.settle(time.Minute, k)
		k.kinds()
		end := w.cluster.Fail(kafkatest.Fault{Request: "Heartbeat", Error: "NOT_COORDINATOR", Times: 3, TopLevel: true})
		got := w.settle(time.Minute, k)
		if n := end(); got != "k=8" || n != 3 || k.kinds() != "" {
			t.Errorf("%s, %d faults, told %q", got, n, k.kinds())
		}
		end = w.cluster.Fail(kafkatest.Fault{Request: "SyncGroup", Error: "REBALANCE_IN_PROGRESS", Times: 2, TopLevel: true})
		k.m.Rejoin("test")
		got = w.settle(time.Minute, k)
		if n := end(); got != "k=8" || n != 2 || k.kinds() != "assigned" {
			t.Errorf("%s, %d faults, told %q", got, n, k.kinds())
		}
	})
}

// A member whose generation is over joins again, goes on with what it runs, and tells the leader so. One that the
// group forgot stops all that it runs, since others may run it by now, and joins as a new one; what nobody else
// has the leader gives back at once.
func TestFenced(t *testing.T) {
	for _, code := range []string{"UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION"} {
		for _, request := range []string{"Heartbeat", "JoinGroup", "SyncGroup"} {
			t.Run(code+" of "+request, func(t *testing.T) {
				bubble(t, func(w *world) {
					w.configure(3, "a", "b")
					k := w.start("k", group.Sessioned)
					w.settle(time.Minute, k)
					k.kinds()
					id := k.m.Status().MemberID
					end := w.cluster.Fail(kafkatest.Fault{Request: request, Error: code, Times: 1, TopLevel: true})
					if request != "Heartbeat" {
						k.m.Rejoin("test")
					}
					w.settle(2*time.Minute, k)
					if n := end(); n != 1 {
						t.Fatalf("%d faults", n)
					}
					told, claims := "assigned", 8
					if code == "UNKNOWN_MEMBER_ID" {
						told, claims = "lost assigned", 0
					}
					if got := k.kinds(); got != told && got != told+" assigned" || k.runs() != 8 {
						t.Errorf("told %q, runs %d", got, k.runs())
					}
					if now := k.m.Status().MemberID; (now != id) != (code == "UNKNOWN_MEMBER_ID") {
						t.Errorf("member id was %s and is %s", id, now)
					}
					last := k.rounds[len(k.rounds)-1]
					for _, m := range last.Members {
						if m.ID == k.m.Status().MemberID && len(items(m.Runs())) != claims {
							t.Errorf("it told the leader that it runs %v", m.Runs())
						}
					}
				})
			})
		}
	}
}

// An owner that doesn't come back within the rebalance time-out costs the membership, so that the others
// get on; when it is back the member joins anew.
func TestBusyOwner(t *testing.T) {
	for name, heeds := range map[string]bool{"hangs": false, "gives up": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) { // with a delay: without one the others get work that still runs
				w.configure(3, "a", "b", "c", "d")
				one := w.start("one", group.Sessioned)
				w.settle(time.Second, one)
				two := w.start("two", group.Sessioned)
				w.settle(time.Minute, one, two)
				id := two.m.Status().MemberID
				release := make(chan struct{})
				two.mu.Lock()
				two.block, two.heeds = release, heeds
				two.mu.Unlock()
				two.kinds()
				one.m.Rejoin("test")
				w.settle(50*time.Second, one, two)
				if n := w.cluster.Members("workers"); n != 2 {
					t.Errorf("%d members while one isn't busy for long", n)
				}
				w.settle(20*time.Second, one, two) // a rebalance is seen with the next heartbeat, and so is the time-out
				if now := two.m.Status().MemberID; !heeds && (w.cluster.Members("workers") != 1 || one.runs() != 8) {
					t.Errorf("%d members while one is busy, %s is %s", w.cluster.Members("workers"), id, now)
				}
				two.mu.Lock()
				two.block = nil
				two.mu.Unlock()
				close(release)
				w.settle(10*time.Minute, one, two)
				if now := two.m.Status().MemberID; now == id || w.cluster.Members("workers") != 2 {
					t.Errorf("%d members after it, %s is %s", w.cluster.Members("workers"), id, now)
				}
			})
		})
	}
}

// Members that haven't read as far as others are told so, and get their work once they have.
func TestConfigMismatch(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(2, "a")
		one := w.start("one", group.Sessioned)
		w.settle(time.Second, one)
		one.mu.Lock()
		one.stale = true
		one.mu.Unlock()
		w.configure(2, "b")
		two := w.start("two", group.Sessioned)
		w.settle(10*time.Second, one, two)
		e := two.last()
		if e.Kind != group.Assigned || e.Assignment.Error != group.ConfigMismatch || e.Assignment.Offset != 1 || !e.Assignment.Assigned.Empty() {
			t.Errorf("%+v", e)
		}
		one.mu.Lock()
		one.stale = false
		one.mu.Unlock()
		if got := w.settle(time.Minute, one, two); got != "one=3 two=3" {
			t.Error(got)
		}
	})
}

// Leave takes the member out until Rejoin, and what it runs goes on; back in time it keeps it.
func TestLeaveAndRejoin(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(3, "a", "b", "c", "d")
		one := w.start("one", group.Sessioned)
		w.settle(time.Second, one)
		two := w.start("two", group.Sessioned)
		w.settle(time.Minute, one, two)
		one.kinds()
		two.kinds()
		two.m.Leave("can't read the config topic")
		if got := w.settle(time.Minute, one, two); got != "one=8 two=8" || w.cluster.Members("workers") != 1 {
			t.Errorf("%s, %d members", got, w.cluster.Members("workers"))
		}
		if s := two.m.Status(); s.MemberID != "" || s.Generation != -1 {
			t.Errorf("%+v", s)
		}
		two.m.Rejoin("could read it")
		if got := w.settle(10*time.Minute, one, two); got != "one=8 two=8" || w.cluster.Members("workers") != 2 {
			t.Errorf("%s, %d members", got, w.cluster.Members("workers"))
		}
		if got := one.kinds() + " " + two.kinds(); strings.Contains(got, "revoked") || strings.Contains(got, "lost") {
			t.Errorf("told %s", got)
		}
		two.m.Leave("once")
		two.m.Rejoin("no, stay")
		w.settle(time.Minute, one, two)
		if n := w.cluster.Members("workers"); n != 2 {
			t.Errorf("%d members", n)
		}
	})
}

// What joining again can't help ends Run, with the group left.
func TestRunFails(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*world, *worker)
		want  func(error) bool
	}{
		{"not allowed", func(w *world, _ *worker) {
			w.cluster.Fail(kafkatest.Fault{Request: "JoinGroup", Error: "GROUP_AUTHORIZATION_FAILED", Times: -1, TopLevel: true})
		}, func(err error) bool { return kafka.Classify(err) == kafka.Authorization }},
		{"no plan", func(_ *world, k *worker) {
			k.mu.Lock()
			k.plan = errors.New("no idea")
			k.mu.Unlock()
		}, func(err error) bool { return err != nil && strings.HasSuffix(err.Error(), "no idea") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(w *world) {
				k := w.start("k", group.Sessioned)
				w.settle(time.Minute, k)
				tt.spoil(w, k)
				k.m.Rejoin("test")
				if err := <-k.done; !tt.want(err) {
					t.Error(err)
				}
				if n := w.cluster.Members("workers"); n != 0 {
					t.Errorf("%d members are left", n)
				}
				k.done <- nil // for end
			})
		})
	}
}

// Run ends at once with its context, also while it joins and while it is out of the group.
func TestRunEnds(t *testing.T) {
	for name, set := range map[string]func(*world){
		"running":          func(w *world) { w.settle(time.Minute) },
		"joining":          func(*world) {},
		"out of the group": func(*world) {},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				k := w.start("k", group.Sessioned)
				if name == "out of the group" {
					w.settle(time.Second)
					k.m.Leave("test")
					w.settle(time.Second)
				}
				set(w)
				before := time.Now()
				k.cancel(nil)
				err := <-k.done
				if took := time.Since(before); err != nil || took > 6*time.Second {
					t.Errorf("after %s: %v", took, err)
				}
				k.done <- nil // for end
			})
		})
	}
}

// Many workers come and go in disorder; in the end all work runs, each once.
func TestManyWorkers(t *testing.T) {
	bubble(t, func(w *world) {
		w.delay = time.Minute
		for n := range 6 {
			w.configure(5, fmt.Sprint("c", n))
		}
		var workers []*worker
		for n := range 6 {
			workers = append(workers, w.start(fmt.Sprint("w", n), group.Sessioned))
			if n%2 == 0 {
				w.settle(700 * time.Millisecond)
			}
		}
		w.settle(time.Minute)
		workers[1].kill()
		workers[4].endWell()
		w.settle(20 * time.Second)
		w.configure(5, "new")
		workers = append(workers, w.start("late", group.Sessioned))
		workers[0].kill()
		alive := []*worker{workers[2], workers[3], workers[5], workers[6]}
		got := w.settle(30*time.Minute, alive...)
		if n := total(alive...); n != 42 {
			t.Errorf("%d run: %s", n, got)
		}
		for _, k := range alive {
			if n := k.runs(); n < 9 || n > 12 {
				t.Errorf("uneven: %s", got)
			}
		}
	})
}

var _ group.Handler = (*worker)(nil)
