package kafka

import (
	"cmp"
	"slices"
	"sync"

	"github.com/troupe-connect/troupe/connectors/data"
)

// Offsets are offsets of the next record to read, by partition.
type Offsets = map[data.TopicPartition]int64

// RebalanceKind says what happened to the partitions.
type RebalanceKind uint8

// The kinds of rebalance.
const (
	// Assigned partitions are new. Committed and Position are set.
	Assigned RebalanceKind = iota + 1
	// Revoked partitions are to go to another member as soon as Done is called: until then their
	// offsets can be committed.
	Revoked
	// Lost partitions belong to somebody else already; commits would be refused.
	Lost
)

var rebalanceNames = [...]string{"", "assigned", "revoked", "lost"}

// String is the kind's name.
func (k RebalanceKind) String() string { return rebalanceNames[k] }

// Rebalance is a change of the partitions this consumer owns. The group waits for Done.
type Rebalance struct {
	Kind       RebalanceKind
	Partitions []data.TopicPartition // in order
	// Committed are the group's offsets of assigned partitions, those that have one.
	Committed Offsets
	// Position is where reading of each assigned partition begins: the committed offset or what
	// auto.offset.reset says, resolved. A partition that the brokers don't know (its topic is
	// being deleted) has none.
	Position Offsets

	of   *membership
	once sync.Once
	seek Offsets
	done chan struct{}
}

func newRebalance(kind RebalanceKind, partitions []data.TopicPartition) *Rebalance {
	slices.SortFunc(partitions, func(a, b data.TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return &Rebalance{Kind: kind, Partitions: partitions, done: make(chan struct{})}
}

// Done lets the group go on. For Assigned, seek (may be nil) overrides positions before the first
// record is fetched; partitions other than the assigned ones are left out. Calls after the first
// do nothing. Any goroutine may call it.
func (r *Rebalance) Done(seek Offsets) {
	r.once.Do(func() {
		r.seek = seek
		close(r.done)
	})
}

func (r *Rebalance) answered() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// partitionsOf flattens franz-go's form.
func partitionsOf(m map[string][]int32) []data.TopicPartition {
	var out []data.TopicPartition
	for topic, numbers := range m {
		for _, n := range numbers {
			out = append(out, data.TopicPartition{Topic: topic, Partition: n})
		}
	}
	return out
}

// byTopic is the opposite.
func byTopic(partitions []data.TopicPartition) map[string][]int32 {
	m := make(map[string][]int32)
	for _, tp := range partitions {
		m[tp.Topic] = append(m[tp.Topic], tp.Partition)
	}
	return m
}
