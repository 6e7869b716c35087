package kafka

import (
	"context"
	"errors"
	"slices"

	"github.com/IBM/sarama"

	"github.com/troupe-connect/troupe/connectors/data"
)

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

// ClusterID is the id of the cluster.
func (a *Admin) ClusterID(ctx context.Context) (string, error) {
	return ask(ctx, a, func(c *saramaConn) (string, error) {
		resp, err := c.metadata([]string{})
		if err != nil || resp.ClusterID == nil {
			return "", err
		}
		return *resp.ClusterID, nil
	}, "ask for the cluster id")
}

// metadata asks any broker about topics: nil is all, an empty slice none.
func (c *saramaConn) metadata(topics []string) (*sarama.MetadataResponse, error) {
	broker := c.client.LeastLoadedBroker()
	if broker == nil {
		return nil, sarama.ErrOutOfBrokers
	}
	if err := broker.Open(c.client.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		return nil, err
	}
	request := sarama.NewMetadataRequest(c.client.Config().Version, topics)
	request.Topics = topics // the constructor makes none out of an empty slice
	request.AllowAutoTopicCreation = false
	return broker.GetMetadata(request)
}

// DescribeTopics finds topics by name; those that don't exist are missing from the answer. No name
// means all topics.
func (a *Admin) DescribeTopics(ctx context.Context, names ...string) (map[string]TopicInfo, error) {
	return ask(ctx, a, func(c *saramaConn) (map[string]TopicInfo, error) {
		resp, err := c.metadata(names)
		if err != nil {
			return nil, err
		}
		found := map[string]TopicInfo{}
		for _, t := range resp.Topics {
			switch {
			case t.Err == sarama.ErrUnknownTopicOrPartition:
			case t.Err != sarama.ErrNoError && t.Err != sarama.ErrLeaderNotAvailable:
				return nil, failed(t.Err, "topic %s", t.Name)
			default:
				info := TopicInfo{Name: t.Name, Partitions: len(t.Partitions), Internal: t.IsInternal}
				if len(t.Partitions) > 0 {
					info.ReplicationFactor = len(t.Partitions[0].Replicas)
				}
				found[t.Name] = info
			}
		}
		return found, nil
	}, "describe topics %v", names)
}

// CreateTopic makes a topic and reports whether it was made: false if it was there already.
func (a *Admin) CreateTopic(ctx context.Context, topic NewTopic) (bool, error) {
	detail := &sarama.TopicDetail{NumPartitions: int32(topic.Partitions), ReplicationFactor: int16(topic.ReplicationFactor), ConfigEntries: map[string]*string{}}
	for k, v := range topic.Configs {
		detail.ConfigEntries[k] = &v
	}
	return ask(ctx, a, func(c *saramaConn) (bool, error) {
		err := c.admin.CreateTopic(topic.Name, detail, false)
		if errors.Is(err, sarama.ErrTopicAlreadyExists) {
			return false, nil
		}
		return err == nil, err
	}, "create topic %s (%d partitions, replication factor %d)", topic.Name, topic.Partitions, topic.ReplicationFactor)
}

// DeleteTopic removes a topic. One that doesn't exist is no error.
func (a *Admin) DeleteTopic(ctx context.Context, name string) error {
	return a.do(ctx, func(c *saramaConn) error {
		err := c.admin.DeleteTopic(name)
		if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			return nil
		}
		return err
	}, "delete topic %s", name)
}

// CreatePartitions raises a topic's number of partitions to total.
func (a *Admin) CreatePartitions(ctx context.Context, topic string, total int) error {
	return a.do(ctx, func(c *saramaConn) error {
		return c.admin.CreatePartitions(topic, int32(total), nil, false)
	}, "raise topic %s to %d partitions", topic, total)
}

// DescribeTopicConfigs returns a topic's settings, defaults included.
func (a *Admin) DescribeTopicConfigs(ctx context.Context, topic string) (map[string]string, error) {
	return ask(ctx, a, func(c *saramaConn) (map[string]string, error) {
		entries, err := c.admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic}) //nolint:staticcheck // there is one resource
		out := make(map[string]string, len(entries))
		for _, e := range entries {
			out[e.Name] = e.Value
		}
		return out, err
	}, "describe the settings of topic %s", topic)
}

// AlterTopicConfigs sets settings of a topic and leaves the others; a nil value goes back to the
// default.
func (a *Admin) AlterTopicConfigs(ctx context.Context, topic string, configs map[string]*string) error {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for k, v := range configs {
		op := sarama.IncrementalAlterConfigsOperationSet
		if v == nil {
			op = sarama.IncrementalAlterConfigsOperationDelete
		}
		entries[k] = sarama.IncrementalAlterConfigsEntry{Operation: op, Value: v}
	}
	return a.do(ctx, func(c *saramaConn) error {
		return c.admin.IncrementalAlterConfig(sarama.TopicResource, topic, entries, false)
	}, "alter the settings of topic %s", topic)
}

// DeleteRecords removes records before the offsets.
func (a *Admin) DeleteRecords(ctx context.Context, before Offsets) error {
	perTopic := map[string]map[int32]int64{}
	for tp, offset := range before {
		if perTopic[tp.Topic] == nil {
			perTopic[tp.Topic] = map[int32]int64{}
		}
		perTopic[tp.Topic][tp.Partition] = offset
	}
	for topic, offsets := range perTopic {
		err := a.do(ctx, func(c *saramaConn) error {
			if err := c.client.RefreshMetadata(topic); err != nil {
				return err
			}
			return c.admin.DeleteRecords(topic, offsets)
		}, "delete records of topic %s before %v", topic, offsets)
		if err != nil {
			return err
		}
	}
	return nil
}

// EndOffsets returns the offsets behind the last record of each partition of the topics.
func (a *Admin) EndOffsets(ctx context.Context, topics ...string) (Offsets, error) {
	return a.listOffsets(ctx, sarama.OffsetNewest, nil, topics)
}

// StableOffsets returns how far each partition of the topics can be read with
// isolation.level=read_committed now: up to the first transaction that is open.
func (a *Admin) StableOffsets(ctx context.Context, topics ...string) (Offsets, error) {
	return a.listOffsets(ctx, sarama.OffsetNewest, &sarama.ListOffsetsOptions{IsolationLevel: sarama.ReadCommitted}, topics)
}

// StartOffsets returns the offsets of the first record of each partition of the topics.
func (a *Admin) StartOffsets(ctx context.Context, topics ...string) (Offsets, error) {
	return a.listOffsets(ctx, sarama.OffsetOldest, nil, topics)
}

func (a *Admin) listOffsets(ctx context.Context, which int64, opts *sarama.ListOffsetsOptions, topics []string) (Offsets, error) {
	if len(topics) == 0 {
		return Offsets{}, nil
	}
	topics = slices.Clone(topics)
	return ask(ctx, a, func(c *saramaConn) (Offsets, error) {
		if err := c.client.RefreshMetadata(topics...); err != nil {
			return nil, err
		}
		wanted := map[string]map[int32]int64{}
		for _, topic := range topics {
			partitions, err := c.client.Partitions(topic)
			if err != nil {
				return nil, failed(err, "topic %s", topic)
			}
			wanted[topic] = map[int32]int64{}
			for _, n := range partitions {
				wanted[topic][n] = which
			}
		}
		answer, err := c.admin.ListOffsets(wanted, opts)
		if err != nil {
			return nil, err
		}
		out := Offsets{}
		for topic, partitions := range answer {
			for n, result := range partitions {
				if result.Err != nil && !errors.Is(result.Err, sarama.ErrNoError) {
					return nil, failed(result.Err, "%s-%d", topic, n)
				}
				out[data.TopicPartition{Topic: topic, Partition: n}] = result.Offset
			}
		}
		return out, nil
	}, "list offsets of topics %v", topics)
}
