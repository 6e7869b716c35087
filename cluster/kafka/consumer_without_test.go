package kafka_test

import (
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// Of two members of one partition, one is given nothing and says so; before a broker answers both are joining.
func TestWithoutPartitions(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"))
	c.Stop()
	members := []*kafka.Consumer{newConsumer(t, c, "g", nil, "t"), newConsumer(t, c, "g", nil, "t")}
	for _, m := range members {
		if got := m.Without(); !strings.Contains(got, "it is joining group g") {
			t.Errorf("without a broker: %q", got)
		}
	}
	c.Start()
	kafkatest.Eventually(t, "one has the partition, the other knows that it was given none", func() bool {
		has, none := 0, 0
		for _, m := range members {
			p, err := m.Poll(soonIn(t, 50*time.Millisecond), 0)
			if err != nil {
				t.Fatal(err)
			}
			if p.Rebalance != nil {
				p.Rebalance.Done(nil)
			}
			switch {
			case len(m.Assignment()) == 1:
				has++
			case strings.Contains(m.Without(), "is a member of group g (generation ") && strings.Contains(m.Without(), "given none"):
				none++
			}
		}
		return has == 1 && none == 1
	})
}
