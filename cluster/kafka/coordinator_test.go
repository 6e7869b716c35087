package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func newCoordinator(t *testing.T, c *kafkatest.Cluster, more kafka.Props) *kafka.Coordinator {
	t.Helper()
	co, err := kafka.NewCoordinator(with(c.Props(), more), "workers", quiet(), c.Option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := co.Close(); err != nil {
			t.Error(err)
		}
	})
	return co
}

// protocols are in the order that isn't the alphabet's: the order is the vote.
func joinRequest(id string, protocols ...string) kafka.JoinRequest {
	r := kafka.JoinRequest{MemberID: id, ProtocolType: "connect", Reason: "test"}
	for _, p := range protocols {
		r.Protocols = append(r.Protocols, kafka.GroupProtocol{Name: p, Metadata: []byte("metadata of " + p)})
	}
	return r
}

func join(t *testing.T, co *kafka.Coordinator, id string) kafka.JoinResponse {
	t.Helper()
	joined, err := co.Join(soon(t), joinRequest(id, "sessioned", "compatible", "default"))
	if err != nil {
		t.Fatal(err)
	}
	return joined
}

func syncAs(t *testing.T, co *kafka.Coordinator, joined kafka.JoinResponse, assignments map[string][]byte) string {
	t.Helper()
	got, err := co.Sync(soon(t), kafka.SyncRequest{
		MemberID: joined.MemberID, Generation: joined.Generation,
		ProtocolType: "connect", Protocol: joined.Protocol, Assignments: assignments,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestCoordinatorOneMember(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Brokers(3))
	co := newCoordinator(t, c, nil)
	address, err := co.FindCoordinator(soon(t))
	if err != nil || !strings.Contains(c.Bootstrap(), address) {
		t.Errorf("coordinator at %q, %v", address, err)
	}
	joined := join(t, co, "")
	if joined.MemberID == "" || joined.Leader != joined.MemberID || joined.Protocol != "sessioned" || joined.Generation < 1 ||
		len(joined.Members) != 1 || joined.Members[0].ID != joined.MemberID || string(joined.Members[0].Metadata) != "metadata of sessioned" {
		t.Errorf("joined: %+v", joined)
	}
	if got := syncAs(t, co, joined, map[string][]byte{joined.MemberID: []byte("all")}); got != "all" {
		t.Errorf("assignment %q", got)
	}
	if err := co.Heartbeat(soon(t), joined.MemberID, joined.Generation); err != nil {
		t.Error(err)
	}
	if err := co.Heartbeat(soon(t), joined.MemberID, joined.Generation+1); !errors.Is(err, kafka.ErrGeneration) {
		t.Errorf("another generation: %v", err)
	}
	if err := co.Heartbeat(soon(t), "nobody", joined.Generation); !errors.Is(err, kafka.ErrUnknownMember) || kafka.Classify(err) != kafka.Fenced {
		t.Errorf("unknown member: %v", err)
	}
	again := join(t, co, joined.MemberID)
	if again.MemberID != joined.MemberID || again.Generation != joined.Generation+1 {
		t.Errorf("joined again: %+v", again)
	}
	for range 2 { // the second time it is gone already
		if err := co.Leave(soon(t), joined.MemberID, "test is over"); err != nil {
			t.Error(err)
		}
	}
	if n := c.Members("workers"); n != 0 {
		t.Errorf("%d members are left", n)
	}
}

func TestCoordinatorTwoMembers(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Brokers(3))
	one, two := newCoordinator(t, c, nil), newCoordinator(t, c, nil)
	first := join(t, one, "")
	syncAs(t, one, first, map[string][]byte{first.MemberID: []byte("all")})
	var second kafka.JoinResponse
	var wait sync.WaitGroup
	wait.Go(func() {
		var err error
		if second, err = two.Join(soon(t), joinRequest("", "compatible", "default")); err != nil {
			t.Error(err)
		}
	})
	kafkatest.Eventually(t, "the first is told to rebalance", func() bool {
		return errors.Is(one.Heartbeat(soon(t), first.MemberID, first.Generation), kafka.ErrRebalance)
	})
	first = join(t, one, first.MemberID)
	wait.Wait()
	if first.Protocol != "compatible" || second.Protocol != "compatible" || first.Generation != second.Generation ||
		second.Leader != first.MemberID || len(first.Members) != 2 || len(second.Members) != 0 {
		t.Fatalf("%+v and %+v", first, second)
	}
	// Heartbeats go through while a Sync waits for the leader.
	wait.Go(func() {
		if got := syncAs(t, two, second, nil); got != "half" {
			t.Errorf("assignment %q", got)
		}
	})
	if err := two.Heartbeat(soon(t), second.MemberID, second.Generation); err != nil && !errors.Is(err, kafka.ErrRebalance) {
		t.Error(err)
	}
	syncAs(t, one, first, map[string][]byte{first.MemberID: []byte("other half"), second.MemberID: []byte("half")})
	wait.Wait()
}

func TestCoordinatorMovesAndLoads(t *testing.T) {
	for _, code := range []string{"NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			c := kafkatest.New(t, kafkatest.Brokers(3))
			co := newCoordinator(t, c, kafka.Props{"retry.backoff.ms": "5"})
			hits := func(request string, f func()) {
				t.Helper()
				end := c.Fail(kafkatest.Fault{Request: request, Error: code, Times: 2, TopLevel: true})
				f()
				if n := end(); n != 2 {
					t.Errorf("%s met %d faults, want 2", request, n)
				}
			}
			var joined kafka.JoinResponse
			hits("JoinGroup", func() { joined = join(t, co, "") })
			hits("SyncGroup", func() { syncAs(t, co, joined, map[string][]byte{joined.MemberID: []byte("all")}) })
			hits("Heartbeat", func() {
				if err := co.Heartbeat(soon(t), joined.MemberID, joined.Generation); err != nil {
					t.Error(err)
				}
			})
			hits("LeaveGroup", func() {
				if err := co.Leave(soon(t), joined.MemberID, ""); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestCoordinatorOutage(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Brokers(3))
	co := newCoordinator(t, c, kafka.Props{"retry.backoff.ms": "5", "retry.backoff.max.ms": "20", "heartbeat.interval.ms": "100"})
	joined := join(t, co, "")
	syncAs(t, co, joined, map[string][]byte{joined.MemberID: []byte("all")})
	c.Stop()
	before := time.Now()
	err := co.Heartbeat(soon(t), joined.MemberID, joined.Generation)
	if took := time.Since(before); kafka.Classify(err) != kafka.Retriable || !errors.Is(err, errs.Retriable) || took > 5*time.Second {
		t.Errorf("heartbeat without a broker, after %s: %v", took, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := co.Join(ctx, joinRequest(joined.MemberID, "default")); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "join group workers") {
		t.Errorf("join without a broker: %v", err)
	}
	c.Start()
	kafkatest.Eventually(t, "heartbeats go through again", func() bool {
		return co.Heartbeat(soon(t), joined.MemberID, joined.Generation) == nil
	})
	c.Hang()
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := co.Heartbeat(ctx, joined.MemberID, joined.Generation); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("heartbeat to a silent broker: %v", err)
	}
	c.Start()
	kafkatest.Eventually(t, "heartbeats go through again", func() bool {
		return co.Heartbeat(soon(t), joined.MemberID, joined.Generation) == nil
	})
}

// Refusals are told at once and by name.
func TestCoordinatorRefusals(t *testing.T) {
	for code, want := range map[string]struct {
		class kafka.Class
		is    error
	}{
		"GROUP_AUTHORIZATION_FAILED":  {kafka.Authorization, errs.Authorization},
		"INCONSISTENT_GROUP_PROTOCOL": {kafka.Fatal, kafka.ErrProtocol},
		"UNKNOWN_MEMBER_ID":           {kafka.Fenced, kafka.ErrUnknownMember},
		"REBALANCE_IN_PROGRESS":       {kafka.Retriable, kafka.ErrRebalance},
		"GROUP_MAX_SIZE_REACHED":      {kafka.Fatal, nil},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			c := kafkatest.New(t)
			co := newCoordinator(t, c, nil)
			c.Fail(kafkatest.Fault{Request: "JoinGroup", Error: code, Times: -1, TopLevel: true})
			_, err := co.Join(soon(t), joinRequest("", "default"))
			if kafka.Classify(err) != want.class || want.is != nil && !errors.Is(err, want.is) || soon(t).Err() != nil {
				t.Errorf("%v (%s)", err, kafka.Classify(err))
			}
		})
	}
	for _, props := range []kafka.Props{{"bootstrap.servers": "nowhere"}, {"bootstrap.servers": "a:1", "session.timeout.ms": "soon"}} {
		if _, err := kafka.NewCoordinator(props, "g", quiet()); !errors.Is(err, errs.Config) {
			t.Errorf("%v: %v", props, err)
		}
	}
}

// A call ends with its context and with Close, also one that the broker keeps waiting, and in a bubble no
// goroutine is left.
func TestCoordinatorEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.New(t, kafkatest.InMemory())
		one := newCoordinator(t, c, nil)
		two, err := kafka.NewCoordinator(c.Props(), "workers", quiet(), c.Option())
		if err != nil {
			t.Fatal(err)
		}
		first := join(t, one, "")
		syncAs(t, one, first, map[string][]byte{first.MemberID: nil})
		checkEnds(t, two, func(cancel context.CancelFunc) { cancel() })
		checkEnds(t, two, func(context.CancelFunc) {
			if err := two.Close(); err != nil {
				t.Error(err)
			}
		})
		if _, err := two.Join(t.Context(), joinRequest("", "default")); !errors.Is(err, kafka.ErrAborted) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// checkEnds joins while the other member doesn't, and ends that.
func checkEnds(t *testing.T, co *kafka.Coordinator, end func(context.CancelFunc)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := co.Join(ctx, joinRequest("", "default"))
		done <- err
	}()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("the join didn't wait: %v", err)
	default:
	}
	before := time.Now()
	end(cancel)
	err := <-done
	if took := time.Since(before); err == nil || took > time.Second {
		t.Errorf("ended after %s: %v", took, err)
	}
	if !errors.Is(err, context.Canceled) && !errors.Is(err, kafka.ErrAborted) {
		t.Error(fmt.Errorf("ended by %w", err))
	}
}
