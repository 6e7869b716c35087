package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"github.com/troupe-connect/troupe/connectors/data"
)

// GroupInfo is the state of a consumer group.
type GroupInfo struct {
	State        string // "Dead" if there is none, "Empty", "Stable", …
	ProtocolType string
	Members      int
}

// ListGroupOffsets returns the offsets that a group has committed; none of a group that doesn't exist.
func (a *Admin) ListGroupOffsets(ctx context.Context, group string) (Offsets, error) {
	return ask(ctx, a, func(c *saramaConn) (Offsets, error) {
		out := Offsets{}
		resp, err := c.admin.ListConsumerGroupOffsets(group, nil)
		if err == nil && resp.Err != sarama.ErrNoError {
			err = resp.Err
		}
		if errors.Is(err, sarama.ErrGroupIDNotFound) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for topic, partitions := range resp.Blocks {
			for n, block := range partitions {
				if block.Err != sarama.ErrNoError {
					return nil, failed(block.Err, "%s-%d", topic, n)
				}
				if block.Offset >= 0 {
					out[data.TopicPartition{Topic: topic, Partition: n}] = block.Offset
				}
			}
		}
		return out, nil
	}, "list the offsets of group %s", group)
}

// AlterGroupOffsets sets offsets of a group without members; of one with members it is an error that
// is Fenced (the broker says UNKNOWN_MEMBER_ID).
func (a *Admin) AlterGroupOffsets(ctx context.Context, group string, offsets Offsets) error {
	if len(offsets) == 0 {
		return nil
	}
	request := map[string]map[int32]sarama.OffsetAndMetadata{}
	for tp, offset := range offsets {
		if request[tp.Topic] == nil {
			request[tp.Topic] = map[int32]sarama.OffsetAndMetadata{}
		}
		request[tp.Topic][tp.Partition] = sarama.OffsetAndMetadata{Offset: offset, LeaderEpoch: -1}
	}
	return a.do(ctx, func(c *saramaConn) error {
		resp, err := c.admin.AlterConsumerGroupOffsets(group, request, nil)
		if err != nil {
			return err
		}
		for topic, partitions := range resp.Errors {
			for n, err := range partitions {
				if err != sarama.ErrNoError {
					return failed(err, "%s-%d", topic, n)
				}
			}
		}
		return nil
	}, "alter offsets of group %s", group)
}

// DeleteGroupOffsets removes offsets of a group without members. Offsets, topics and groups that don't
// exist are no error.
func (a *Admin) DeleteGroupOffsets(ctx context.Context, group string, partitions ...data.TopicPartition) error {
	for _, tp := range partitions {
		err := a.do(ctx, func(c *saramaConn) error {
			err := c.admin.DeleteConsumerGroupOffset(group, tp.Topic, tp.Partition)
			if errors.Is(err, sarama.ErrGroupIDNotFound) || errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
				return nil
			}
			return err
		}, "delete the offset of group %s for %s-%d", group, tp.Topic, tp.Partition)
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteGroup removes a group without members; with members it is an error of Java's class
// GroupNotEmptyException. One that doesn't exist is no error.
func (a *Admin) DeleteGroup(ctx context.Context, group string) error {
	return a.do(ctx, func(c *saramaConn) error {
		err := c.admin.DeleteConsumerGroup(group)
		if errors.Is(err, sarama.ErrGroupIDNotFound) {
			return nil
		}
		return err
	}, "delete group %s", group)
}

// DescribeGroup returns a group's state.
func (a *Admin) DescribeGroup(ctx context.Context, group string) (GroupInfo, error) {
	return ask(ctx, a, func(c *saramaConn) (info GroupInfo, err error) {
		groups, err := c.admin.DescribeConsumerGroups([]string{group})
		if err != nil {
			return info, err
		}
		for _, g := range groups {
			switch g.Err {
			case sarama.ErrGroupIDNotFound:
				info = GroupInfo{State: "Dead"}
			case sarama.ErrNoError:
				info = GroupInfo{State: g.State, ProtocolType: g.ProtocolType, Members: len(g.Members)}
			default:
				return info, g.Err
			}
		}
		return info, nil
	}, "describe group %s", group)
}

// FenceProducers ends producers with these transactional ids, and what transactions they have open is
// aborted.
func (a *Admin) FenceProducers(ctx context.Context, transactionalIDs ...string) error {
	for _, id := range transactionalIDs {
		err := a.do(ctx, func(c *saramaConn) error { return c.fence(id) }, "fence the producer with transactional id %s", id)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *saramaConn) fence(id string) error {
	coordinator, err := c.client.TransactionCoordinator(id)
	if err != nil {
		return err
	}
	resp, err := coordinator.InitProducerID(&sarama.InitProducerIDRequest{
		Version: 4, TransactionalID: &id, TransactionTimeout: time.Minute, ProducerID: -1, ProducerEpoch: -1,
	})
	if err != nil {
		return err
	}
	if resp.Err == sarama.ErrNotCoordinatorForConsumer || resp.Err == sarama.ErrConsumerCoordinatorNotAvailable {
		return errors.Join(resp.Err, c.client.RefreshTransactionCoordinator(id))
	}
	if resp.Err != sarama.ErrNoError {
		return resp.Err
	}
	return nil
}
