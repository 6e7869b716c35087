package kafka_test

import (
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// The group waits for a member that does not come to the rebalance; one that is closed meanwhile must not
// wait with it, and is out of the group at once.
func TestCloseDuringARebalance(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(2, "t"))
	busy := newConsumer(t, c, "g", nil, "t")
	await(t, busy, kafka.Assigned) // and is not polled again: it gives nothing back
	closing := newConsumer(t, c, "g", nil, "t")
	kafkatest.Eventually(t, "the second is in the group", func() bool { return c.Members("g") == 2 })
	began := time.Now()
	if err := closing.Close(soon(t)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("leaving took %s", took)
	}
	if n := c.Members("g"); n != 1 {
		t.Errorf("%d members after it left, want 1", n)
	}
}
