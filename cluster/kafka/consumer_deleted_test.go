package kafka_test

import (
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors/data"
)

// TestDeletedTopic deletes one of two topics that are consumed by name: its partition is given back,
// the other goes on, and when a topic of that name is made again it is consumed from its beginning.
func TestDeletedTopic(t *testing.T) {
	for name, assignor := range map[string]string{"eager": "RangeAssignor", "cooperative": "CooperativeStickyAssignor"} {
		t.Run(name, func(t *testing.T) {
			c := kafkatest.New(t, kafkatest.Topics(1, "gone", "stays"), kafkatest.NoAutoCreate())
			con := newConsumer(t, c, "g", kafka.Props{
				"auto.offset.reset": "earliest", "partition.assignment.strategy": "org.apache.kafka.clients.consumer." + assignor,
			}, "gone", "stays")
			c.Values("gone", "g1", "g2")
			c.Values("stays", "s1")
			f := &follower{t: t, con: con, held: map[data.TopicPartition]bool{}, got: map[string]int{}}
			f.until(func() bool { return f.got["g1"]+f.got["g2"]+f.got["s1"] == 3 })
			c.DeleteTopic("gone")
			f.until(func() bool {
				return !f.held[data.TopicPartition{Topic: "gone"}] && f.held[data.TopicPartition{Topic: "stays"}]
			})
			c.Values("stays", "s2")
			f.until(func() bool { return f.got["s2"] == 1 })
			c.CreateTopic("gone", 1, nil)
			c.Values("gone", "g3")
			f.until(func() bool { return f.got["g3"] == 1 })
			for value, times := range f.got {
				if times != 1 {
					t.Errorf("%s came %d times", value, times)
				}
			}
		})
	}
}

// TestTopicMadeAnew deletes a topic and makes another of that name at once, as tools do that empty
// topics.
func TestTopicMadeAnew(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "t"), kafkatest.NoAutoCreate())
	con := newConsumer(t, c, "g", kafka.Props{"auto.offset.reset": "earliest"}, "t")
	c.Values("t", "old1")
	f := &follower{t: t, con: con, held: map[data.TopicPartition]bool{}, got: map[string]int{}}
	f.until(func() bool { return f.got["old1"] == 1 })
	c.DeleteTopic("t")
	c.CreateTopic("t", 1, nil)
	c.Values("t", "new1")
	f.until(func() bool { return f.got["new1"] == 1 })
}

// follower polls and remembers.
type follower struct {
	t    *testing.T
	con  *kafka.Consumer
	held map[data.TopicPartition]bool
	got  map[string]int
}

func (f *follower) until(ok func() bool) {
	f.t.Helper()
	ctx := soon(f.t)
	for !ok() {
		polled, err := f.con.Poll(ctx, 0)
		if err != nil || ctx.Err() != nil {
			f.t.Fatalf("held %v, got %v: %v %v", f.held, f.got, err, ctx.Err())
		}
		for _, r := range polled.Records {
			f.got[string(r.Value)]++
		}
		if r := polled.Rebalance; r != nil {
			for _, tp := range r.Partitions {
				f.held[tp] = r.Kind == kafka.Assigned
				if at, ok := f.con.Position(tp); ok && r.Kind == kafka.Revoked && tp.Topic != "gone" {
					if err := f.con.Commit(ctx, kafka.Offsets{tp: at}); err != nil {
						f.t.Error(err)
					}
				}
			}
			r.Done(nil)
		}
	}
}
