package kafka

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
)

// DialFunc opens connections in place of the network's own (tests, in-memory brokers).
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Offsets are offsets of the next record to read, by partition.
type Offsets = map[data.TopicPartition]int64

// Consumer reads the topics of a group's share. One goroutine polls and calls everything else,
// except Wakeup and Close, which any goroutine may call.
type Consumer struct{}

// NewConsumer makes a consumer in the group ("" takes group.id of props) of the topics, or if there
// are none of those whose whole name matches the Java pattern topicsRegex. It doesn't connect yet; a
// wrong setting or pattern is an errs.Config error.
func NewConsumer(props Props, group string, topics []string, topicsRegex string, log *slog.Logger, opts ...Option) (*Consumer, error) {
	panic("todo")
}

// Polled is what a poll found: either may be empty.
type Polled struct {
	// Records are ordered per partition. The slice is the consumer's and valid until the next
	// Poll; the records may be kept.
	Records []*Record
	// Rebalance, if not nil, must be answered with Done before the next Poll. Records polled
	// before it, and those next to it, still count.
	Rebalance *Rebalance
}

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

// String is the kind's name.
func (k RebalanceKind) String() string { panic("todo") }

// Rebalance is a change of the partitions this consumer owns. The group waits for Done.
type Rebalance struct {
	Kind       RebalanceKind
	Partitions []data.TopicPartition
	// Committed are the group's offsets of assigned partitions, those that have one.
	Committed Offsets
	// Position is where reading of each assigned partition begins: the committed offset or
	// what auto.offset.reset says, resolved.
	Position Offsets
}

// Done lets the group go on. For Assigned, seek (may be nil) overrides positions before the
// first record is fetched. It must be called once, from any goroutine.
func (r *Rebalance) Done(seek Offsets) { panic("todo") }

// Poll waits for records, a rebalance, Wakeup or the end of ctx, which is no error: it then
// returns an empty Polled. At most max records are returned; max <= 0 stands for
// max.poll.records. An error is of a kind (see Classify); after one that isn't retriable the
// consumer is of no more use.
//
// A consumer that isn't polled for max.poll.interval.ms leaves the group, as Java's does; the next
// Poll tells that its partitions are Lost and joins again.
func (c *Consumer) Poll(ctx context.Context, max int) (Polled, error) { panic("todo") }

// Wakeup makes a Poll that waits, or else the next one, return at once.
func (c *Consumer) Wakeup() { panic("todo") }

// Pause stops fetching partitions. Partitions that are lost and assigned again are not paused.
func (c *Consumer) Pause(partitions ...data.TopicPartition) { panic("todo") }

// Resume is the opposite of Pause.
func (c *Consumer) Resume(partitions ...data.TopicPartition) { panic("todo") }

// Seek sets where the next Poll reads on in assigned partitions. Others are an errs.IllegalState
// error.
func (c *Consumer) Seek(to Offsets) error { panic("todo") }

// Position is the offset of the next record that Poll returns of an assigned partition.
func (c *Consumer) Position(tp data.TopicPartition) (int64, bool) { panic("todo") }

// Assignment are the partitions that were told of by Assigned, in order.
func (c *Consumer) Assignment() []data.TopicPartition { panic("todo") }

// Commit commits the offsets as a member of the group and waits for the answer or ctx's end.
// The error of a generation that is over is retriable: the partitions are with another member.
func (c *Consumer) Commit(ctx context.Context, offsets Offsets) error { panic("todo") }

// CommitAsync is Commit without the wait: done is called once, from another goroutine, and must
// not commit. Commits are sent in order.
func (c *Consumer) CommitAsync(ctx context.Context, offsets Offsets, done func(error)) {
	panic("todo")
}

// MaxPollInterval is max.poll.interval.ms.
func (c *Consumer) MaxPollInterval() time.Duration { panic("todo") }

// Close leaves the group and closes, waiting at most until ctx ends. It doesn't commit.
func (c *Consumer) Close(ctx context.Context) error { panic("todo") }
