package group_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// Without a coordinator, or with one that says nothing any more, a worker stops what it runs, and has it
// back with the coordinator. In real time: the clients then wait in locks, for which a bubble's clock
// doesn't go on.
func TestCoordinatorGone(t *testing.T) {
	for name, hide := range map[string]func(*kafkatest.Cluster){"down": (*kafkatest.Cluster).Stop, "silent": (*kafkatest.Cluster).Hang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kafka.Props{
				"session.timeout.ms": "600", "heartbeat.interval.ms": "100", "rebalance.timeout.ms": "1000",
				"request.timeout.ms": "500", "retry.backoff.ms": "10", "retry.backoff.max.ms": "50",
			})
			w.delay = 0
			w.configure(3, "a", "b")
			k := w.start("k", group.Sessioned)
			kafkatest.Eventually(t, "work runs", func() bool { return k.runs() == 8 })
			hide(w.cluster)
			kafkatest.Eventually(t, "work is lost", func() bool { return k.runs() == 0 && k.last().Kind == group.Lost })
			w.cluster.Start()
			kafkatest.Eventually(t, "work runs again", func() bool { return k.runs() == 8 })
		})
	}
}

// Kafka is away for less than the session of its members, as it is for those of a broker that was started
// anew. Those who are back have their own work again, in the generation in which they lost it, before anybody
// misses the one that doesn't come back; only its work waits. In real time, as above.
func TestBackFromOutage(t *testing.T) {
	for name, missing := range map[string]int{"nobody is missing": -1, "the leader is missing": 0, "a follower is missing": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kafka.Props{
				"session.timeout.ms": "6000", "heartbeat.interval.ms": "100", "rebalance.timeout.ms": "9000",
				"request.timeout.ms": "500", "retry.backoff.ms": "10", "retry.backoff.max.ms": "50",
			})
			w.configure(3, "a", "b", "c")
			var all []*worker
			for n, name := range []string{"one", "two", "three"} {
				all = append(all, w.start(name, group.Sessioned))
				kafkatest.Eventually(t, "work is spread", func() bool {
					for _, k := range all {
						if few := []int{12, 5, 4}[n]; k.runs() < few {
							return false
						}
					}
					return true
				})
			}
			generation := 0
			kafkatest.Eventually(t, "all are in one generation", func() bool {
				generation = all[0].m.Status().Generation
				for _, k := range all {
					if e := k.last(); e.Generation != generation || e.Kind != group.Assigned || !e.Assignment.Revoked.Empty() {
						return false
					}
				}
				return true
			})
			for _, k := range all {
				k.kinds()
			}
			w.cluster.Stop()
			var living []*worker
			for n, k := range all {
				kafkatest.Eventually(t, "the coordinator is lost", func() bool { return k.last().Kind == group.Lost && k.runs() == 0 })
				if n == missing {
					k.kill()
				} else {
					living = append(living, k)
				}
			}
			w.cluster.Start()
			kafkatest.Eventually(t, "those who are back run their own", func() bool {
				for _, k := range living {
					if k.runs() != 4 {
						return false
					}
				}
				return true
			})
			for _, k := range living {
				if got, s := k.kinds(), k.m.Status(); got != "lost assigned" || s.Generation != generation {
					t.Errorf("%s was told %s, in generation %d, was %d", k.name, got, s.Generation, generation)
				}
			}
			if missing < 0 {
				return
			}
			kafkatest.Eventually(t, "the group misses one", func() bool { return living[0].m.Status().Generation > generation })
			for _, k := range living {
				kafkatest.Eventually(t, "all know", func() bool { return k.last().Kind == group.Assigned })
				d := k.last().Assignment.Delay
				if waits := missing > 0; k.runs() < 4 || waits != (d > 0) || waits && k.runs() != 4 {
					t.Errorf("%s runs %d, delay %s", k.name, k.runs(), d)
				}
			}
		})
	}
}

// The coordinator's broker is down, and the other brokers go on naming it, as they do until the controller
// misses it. A member whose session, as far as it knows, hasn't ended keeps its work; and it joins again, still
// with it, when the broker is back. In real time, over real connections.
func TestCoordinatorDownButNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kafka.Props{
		"session.timeout.ms": "3000", "heartbeat.interval.ms": "100", "rebalance.timeout.ms": "5000",
		"retry.backoff.ms": "10", "retry.backoff.max.ms": "50",
	}, kafkatest.Brokers(3))
	w.delay = 0
	net := &oneBroker{conns: map[net.Conn]string{}}
	w.dial = kafka.WithDialer(net.dial)
	w.configure(3, "a", "b")
	k := w.start("k", group.Sessioned)
	kafkatest.Eventually(t, "work runs", func() bool { return k.runs() == 8 })
	k.kinds()
	address, err := k.co.FindCoordinator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	refused := net.cut(address)
	for range 20 { // many times what a heartbeat may take, though less than a session
		n := net.refused.Load()
		kafkatest.Eventually(t, "it goes on trying", func() bool { return net.refused.Load() > n })
	}
	if refused == 0 || k.runs() != 8 {
		t.Errorf("%d connections were cut, %d run", refused, k.runs())
	}
	net.cut("")
	k.m.Rejoin("test")
	kafkatest.Eventually(t, "it is back in the group", func() bool { return k.last().Kind == group.Assigned })
	if got := k.kinds(); strings.Contains(got, "lost") || k.runs() != 8 {
		t.Errorf("it was told %s and runs %d", got, k.runs())
	}
	net.cut(address)
	kafkatest.Eventually(t, "two sessions are over", func() bool { return k.last().Kind == group.Lost && k.runs() == 0 })
	net.cut("")
	kafkatest.Eventually(t, "work runs again", func() bool { return k.runs() == 8 })
}

// oneBroker is a network in which one broker can be down.
type oneBroker struct {
	refused atomic.Int64

	mu    sync.Mutex
	down  string
	conns map[net.Conn]string
}

func (o *oneBroker) dial(ctx context.Context, network, address string) (net.Conn, error) {
	o.mu.Lock()
	down := o.down
	o.mu.Unlock()
	if address == down {
		o.refused.Add(1)
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		o.mu.Lock()
		o.conns[conn] = address
		o.mu.Unlock()
	}
	return conn, err
}

// cut breaks the connections to the address, and refuses new ones until the next call.
func (o *oneBroker) cut(address string) (broken int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = address
	for conn, to := range o.conns {
		if to == address && conn.Close() == nil {
			broken++
		}
	}
	return broken
}

// What is asked for while the owner is busy with an event is done after it.
func TestAskedWhileBusy(t *testing.T) {
	for name, tt := range map[string]struct {
		ask         func(*group.Member)
		generations int
		members     int
	}{
		"nothing":          {func(*group.Member) {}, 0, 1},
		"rejoin":           {func(m *group.Member) { m.Rejoin("test") }, 1, 1},
		"rejoin twice":     {func(m *group.Member) { m.Rejoin("test"); m.Rejoin("again") }, 1, 1},
		"leave":            {func(m *group.Member) { m.Leave("test") }, 0, 0},
		"rejoin and leave": {func(m *group.Member) { m.Rejoin("test"); m.Leave("no") }, 0, 0},
		"leave and rejoin": {func(m *group.Member) { m.Leave("test"); m.Rejoin("no") }, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(w *world) {
				w.configure(3, "a", "b")
				k := w.start("k", group.Sessioned)
				w.settle(time.Minute, k)
				release := make(chan struct{})
				k.mu.Lock()
				k.block = release
				k.mu.Unlock()
				k.m.Rejoin("to be busy")
				w.settle(5*time.Second, k)
				busy := k.m.Status().Generation
				tt.ask(k.m)
				w.settle(5*time.Second, k)
				k.mu.Lock()
				k.block = nil
				k.mu.Unlock()
				close(release)
				w.settle(10*time.Second, k)
				if n := w.cluster.Members("workers"); n != tt.members {
					t.Errorf("%d members, want %d", n, tt.members)
				}
				if now := k.m.Status().Generation; tt.members == 1 && now != busy+tt.generations {
					t.Errorf("generation %d, busy was %d", now, busy)
				}
				if k.runs() != 8 {
					t.Errorf("it runs %d", k.runs())
				}
				k.m.Rejoin("test")
				w.settle(10*time.Minute, k)
				if n := w.cluster.Members("workers"); n != 1 || k.runs() != 8 {
					t.Errorf("at the end: %d members, %d run", n, k.runs())
				}
			})
		})
	}
}

// A worker that can't read the config topic leaves, tries again after a while, and comes back: all the time
// it goes on with what it runs.
func TestLeavesToReadAndComesBack(t *testing.T) {
	bubble(t, func(w *world) {
		w.configure(3, "a", "b", "c", "d")
		one := w.start("one", group.Sessioned)
		w.settle(time.Second, one)
		two := w.start("two", group.Sessioned)
		if got := w.settle(time.Minute, one, two); got != "one=8 two=8" {
			t.Fatal(got)
		}
		for _, wait := range []time.Duration{6 * time.Second, 7500 * time.Millisecond, 10 * time.Second} { // as in Java
			two.m.Leave("the config topic can't be read")
			if got := w.settle(wait, one, two); got != "one=8 two=8" || w.cluster.Members("workers") != 1 {
				t.Errorf("out of the group: %s, %d members", got, w.cluster.Members("workers"))
			}
			two.m.Rejoin("the config topic was read")
			if got := w.settle(10*time.Second, one, two); got != "one=8 two=8" || w.cluster.Members("workers") != 2 {
				t.Errorf("back in the group: %s, %d members", got, w.cluster.Members("workers"))
			}
		}
		if got := w.settle(time.Hour, one, two); got != "one=8 two=8" {
			t.Error(got)
		}
	})
}
