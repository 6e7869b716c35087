package kafka_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// cable is a network that can be pulled: connections break and new ones are refused, as of a machine whose
// broker doesn't run.
type cable struct {
	refused atomic.Int64

	mu     sync.Mutex
	pulled bool
	conns  []net.Conn
}

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pulled {
		c.refused.Add(1)
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		c.conns = append(c.conns, conn)
	}
	return conn, err
}

func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled = true
	for _, conn := range c.conns {
		conn.Close() //nolint:errcheck // it may have ended
	}
	c.conns = nil
}

func (c *cable) plug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled = false
}

// A consumer that can't reach any broker for a while keeps its partitions and its place in them, and goes
// on there: nothing is told, and nothing comes twice, though nothing was committed.
func TestConsumerOutlastsAnOutage(t *testing.T) {
	for _, protocol := range []string{"RangeAssignor", "CooperativeStickyAssignor", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.New(t, kafkatest.Topics(2, "t"))
			props := cluster.Props()
			props["heartbeat.interval.ms"] = "50"
			props["session.timeout.ms"] = "20000"
			props["retry.backoff.ms"], props["retry.backoff.max.ms"] = "5", "10"
			if protocol == "consumer" {
				props["group.protocol"] = protocol
			} else {
				props["partition.assignment.strategy"] = "org.apache.kafka.clients.consumer." + protocol
			}
			wire := &cable{}
			c, err := kafka.NewConsumer(props, "g", []string{"t"}, "", quiet(), kafka.WithDialer(wire.dial))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(soon(t)) //nolint:errcheck // the cluster may be gone
			var told []string
			seen := map[string]int{}
			until := func(what string, ok func() bool) {
				t.Helper()
				for deadline := time.Now().Add(20 * time.Second); !ok(); {
					if time.Now().After(deadline) {
						t.Fatalf("not in time: %s; told %v, seen %d", what, told, len(seen))
					}
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
					p, err := c.Poll(ctx, 0)
					cancel()
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range p.Records {
						seen[string(r.Value)]++
					}
					if r := p.Rebalance; r != nil {
						told = append(told, fmt.Sprint(r.Kind, len(r.Partitions)))
						r.Done(nil)
					}
				}
			}
			cluster.Values("t", "a", "b", "c", "d")
			until("the first records", func() bool { return len(seen) == 4 })
			wire.pull()
			until("many refusals", func() bool { return wire.refused.Load() > 200 })
			cluster.Values("t", "e", "f")
			wire.plug()
			until("what came meanwhile", func() bool { return len(seen) == 6 })
			for v, n := range seen {
				if n != 1 {
					t.Errorf("%s came %d times", v, n)
				}
			}
			if len(told) != 1 || told[0] != "assigned 2" {
				t.Errorf("it was told %v", told)
			}
			if err := c.Commit(soon(t), kafka.Offsets{{Topic: "t", Partition: 0}: 1}); err != nil {
				t.Errorf("commit after the outage: %v", err)
			}
		})
	}
}

// Without any broker Close ends when its context does.
func TestConsumerClosesDuringAnOutage(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.New(t, kafkatest.Topics(2, "t"))
	wire := &cable{}
	props := cluster.Props()
	props["heartbeat.interval.ms"] = "50"
	c, err := kafka.NewConsumer(props, "g", []string{"t"}, "", quiet(), kafka.WithDialer(wire.dial))
	if err != nil {
		t.Fatal(err)
	}
	kafkatest.Eventually(t, "it is assigned", func() bool {
		p, err := c.Poll(soon(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		if p.Rebalance != nil {
			p.Rebalance.Done(nil)
		}
		return len(c.Assignment()) == 2
	})
	wire.pull()
	kafkatest.Eventually(t, "it tries", func() bool { return wire.refused.Load() > 3 })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	before := time.Now()
	err = c.Close(ctx)
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("closed after %s: %v", took, err)
	}
}

// A consumer that closed during an outage is out of its group as soon as a broker answers: the one that
// takes its place needn't wait for its session, which here is far beyond the test's time.
func TestDepartsAfterAnOutage(t *testing.T) {
	for _, protocol := range []string{"classic", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.New(t, kafkatest.Topics(2, "t"))
			late := kafka.NewDepartures()
			defer late.Close()
			wire := &cable{}
			props := cluster.Props()
			props["group.protocol"] = protocol
			props["session.timeout.ms"], props["heartbeat.interval.ms"] = "300000", "50"
			props["retry.backoff.ms"], props["retry.backoff.max.ms"] = "5", "10"
			if protocol == "consumer" {
				delete(props, "session.timeout.ms") // it is the broker's, 45 s
			}
			assigned := func() *kafka.Consumer {
				c, err := kafka.NewConsumer(props, "g", []string{"t"}, "", quiet(), kafka.WithDialer(wire.dial), kafka.WithDepartures(late))
				if err != nil {
					t.Fatal(err)
				}
				kafkatest.Eventually(t, "it is assigned", func() bool {
					p, err := c.Poll(soon(t), 0)
					if err != nil {
						t.Fatal(err)
					}
					if p.Rebalance != nil {
						p.Rebalance.Done(nil)
					}
					return len(c.Assignment()) == 2
				})
				return c
			}
			c := assigned()
			wire.pull()
			kafkatest.Eventually(t, "it tries", func() bool { return wire.refused.Load() > 3 })
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := c.Close(ctx); err == nil {
				t.Error("it closed without an error, though it could not leave")
			}
			if late.Waiting() != 1 {
				t.Errorf("%d wait to leave, want 1", late.Waiting())
			}
			wire.plug()
			next := assigned()
			kafkatest.Eventually(t, "nobody waits any more", func() bool { return late.Waiting() == 0 })
			if n := cluster.Members("g"); protocol == "classic" && n != 1 {
				t.Errorf("%d members, want the new one", n)
			}
			if err := next.Close(soon(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// What still waits is given up when the worker ends.
func TestDeparturesClose(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.New(t, kafkatest.Topics(1, "t"))
	late := kafka.NewDepartures()
	wire := &cable{}
	c, err := kafka.NewConsumer(cluster.Props(), "g", []string{"t"}, "", quiet(), kafka.WithDialer(wire.dial), kafka.WithDepartures(late))
	if err != nil {
		t.Fatal(err)
	}
	kafkatest.Eventually(t, "it is in the group", func() bool {
		p, err := c.Poll(soon(t), 0)
		if p.Rebalance != nil {
			p.Rebalance.Done(nil)
		}
		return err == nil && len(c.Assignment()) == 1
	})
	wire.pull()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	c.Close(ctx) //nolint:errcheck // it can't leave
	if late.Waiting() != 1 {
		t.Errorf("%d wait to leave, want 1", late.Waiting())
	}
	before := time.Now()
	if late.Close(); time.Since(before) > 10*time.Second {
		t.Errorf("closing took %s", time.Since(before))
	}
	if late.Waiting() != 0 {
		t.Errorf("%d still wait", late.Waiting())
	}
}
