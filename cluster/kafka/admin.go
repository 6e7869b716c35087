package kafka

import (
	"context"
	"log/slog"

	"github.com/troupe-connect/troupe/connectors/data"
)

// Admin asks and changes what a cluster has. Any goroutine may use it. It connects at the first
// call and again after the connection broke. Errors are classified (see Classify) and name the
// topic or group.
type Admin struct{}

// NewAdmin makes an admin client from Java's properties. A wrong setting is an errs.Config error.
func NewAdmin(props Props, log *slog.Logger, opts ...Option) (*Admin, error) { panic("todo") }

// TopicInfo is what DescribeTopics finds.
type TopicInfo struct {
	Name              string
	Partitions        int
	ReplicationFactor int // of partition 0
	Internal          bool
}

// NewTopic is a topic to be created.
type NewTopic struct {
	Name              string
	Partitions        int // -1: the broker's default
	ReplicationFactor int // -1: the broker's default
	Configs           map[string]string
}

// GroupInfo is the state of a consumer group.
type GroupInfo struct {
	State        string // "Dead" if there is none, "Empty", "Stable", …
	ProtocolType string
	Members      int
}

// ClusterID is the id of the cluster.
func (a *Admin) ClusterID(ctx context.Context) (string, error) { panic("todo") }

// DescribeTopics finds topics by name; those that don't exist are missing from the answer. No name means
// all topics.
func (a *Admin) DescribeTopics(ctx context.Context, names ...string) (map[string]TopicInfo, error) {
	panic("todo")
}

// CreateTopic makes a topic and reports whether it was made: false if it was there already.
func (a *Admin) CreateTopic(ctx context.Context, topic NewTopic) (bool, error) { panic("todo") }

// DescribeTopicConfigs returns a topic's settings.
func (a *Admin) DescribeTopicConfigs(ctx context.Context, topic string) (map[string]string, error) {
	panic("todo")
}

// ListGroupOffsets returns the offsets that a group has committed.
func (a *Admin) ListGroupOffsets(ctx context.Context, group string) (Offsets, error) { panic("todo") }

// AlterGroupOffsets sets offsets of a group without members.
func (a *Admin) AlterGroupOffsets(ctx context.Context, group string, offsets Offsets) error {
	panic("todo")
}

// DeleteGroupOffsets removes offsets of a group without members. Offsets that don't exist are no error.
func (a *Admin) DeleteGroupOffsets(ctx context.Context, group string, partitions ...data.TopicPartition) error {
	panic("todo")
}

// DeleteGroup removes a group without members. One that doesn't exist is no error.
func (a *Admin) DeleteGroup(ctx context.Context, group string) error { panic("todo") }

// DescribeGroup returns a group's state.
func (a *Admin) DescribeGroup(ctx context.Context, group string) (GroupInfo, error) { panic("todo") }

// DeleteRecords removes records before the offsets.
func (a *Admin) DeleteRecords(ctx context.Context, before Offsets) error { panic("todo") }

// EndOffsets returns the offsets behind the last record of each partition of the topics.
func (a *Admin) EndOffsets(ctx context.Context, topics ...string) (Offsets, error) { panic("todo") }

// Close ends the connections.
func (a *Admin) Close() error { panic("todo") }
