package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Peek says which records of a topic to look at.
type Peek struct {
	Topic string
	// Count is how many records at most, over all partitions; at least 1.
	Count int
	// FromEnd asks for the last records instead of the first. They are then read into memory and
	// handed out by time. It looks at the last Count offsets of each partition: where a topic is compacted or
	// holds marks of transactions there can be fewer records among them.
	FromEnd bool
}

// PeekTopic reads records that are in a topic now, without joining a group and without committing
// anything, and calls each with one after the other, on the caller's goroutine; an error of it
// ends the reading and is returned. Records come in order per partition. It never makes the topic.
//
// It returns when Count records were handed out, when all that the topic held at the start was, or
// when ctx ends, which is an error: what was read until then has been handed out. props are those of a
// consumer; isolation.level counts, group.id and auto.offset.reset don't.
func PeekTopic(ctx context.Context, props Props, peek Peek, each func(*Record) error, log *slog.Logger, opts ...Option) error {
	if peek.Count < 1 {
		return errs.Config.New("number of records to read from topic %s is %d, it must be at least 1", peek.Topic, peek.Count)
	}
	p := peeking{Peek: peek, ends: map[int32]int64{}}
	client, err := p.client(ctx, props, log, opts)
	if err != nil {
		return err
	}
	defer client.Close()
	starts, err := p.bounds(ctx, client)
	if err != nil {
		return failed(p.reason(ctx, err), "read topic %s", peek.Topic)
	}
	if len(starts) == 0 {
		return nil
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{peek.Topic: starts})
	if peek.FromEnd {
		return p.last(ctx, client, each)
	}
	left := peek.Count
	return p.read(ctx, client, func(r *Record) (bool, error) {
		left--
		return left > 0, each(r)
	})
}

// peeking is one call of PeekTopic.
type peeking struct {
	Peek
	committed bool            // isolation.level=read_committed
	ends      map[int32]int64 // of partitions that aren't read to their end yet

	mu      sync.Mutex // of what follows, which the client's goroutines write
	trouble error      // the last connection or login that failed
}

func (p *peeking) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = err
}

func (p *peeking) client(ctx context.Context, props Props, log *slog.Logger, opts []Option) (*kgo.Client, error) {
	props = maps.Clone(props)
	if props == nil {
		props = Props{}
	}
	props["allow.auto.create.topics"] = "false"
	r := security.NewReader(props)
	s := readSettings(r, opts)
	c := consumerSettings{}
	c.readFetch(r)
	if r.Err() != nil {
		return nil, r.Err()
	}
	p.committed = c.readCommitted
	dial := s.dialer
	s.dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			p.note(err)
		}
		return conn, err
	}
	// Marks of transactions are kept to see that a partition which ends with one is at its end.
	options := slices.Concat(s.franzOptions(log, p.note), c.opts, []kgo.Opt{kgo.KeepControlRecords(), kgo.WithContext(ctx)})
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, errs.Config.Wrap(err, "consumer of topic %s", p.Topic)
	}
	return client, nil
}

// reason is err, or if ctx has ended that, with the connection or login that failed last: the
// client itself tries again for as long as it lives.
func (p *peeking) reason(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trouble != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), p.trouble)
	}
	return context.Cause(ctx)
}

// bounds finds where each partition that holds records is to be read from, and its end.
func (p *peeking) bounds(ctx context.Context, client *kgo.Client) (map[int32]kgo.Offset, error) {
	partitions, err := p.partitions(ctx, client)
	if err != nil {
		return nil, err
	}
	first, err := p.offsets(ctx, client, partitions, -2)
	if err != nil {
		return nil, err
	}
	end, err := p.offsets(ctx, client, partitions, -1)
	if err != nil {
		return nil, err
	}
	starts := map[int32]kgo.Offset{}
	for _, n := range partitions {
		if first[n] >= end[n] {
			continue
		}
		p.ends[n] = end[n]
		at := first[n]
		if p.FromEnd {
			at = max(at, end[n]-int64(p.Count))
		}
		starts[n] = kgo.NewOffset().At(at)
	}
	return starts, nil
}

func (p *peeking) partitions(ctx context.Context, client *kgo.Client) ([]int32, error) {
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = new(p.Topic)
	req.Topics = append(req.Topics, topic)
	answer, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	var found []int32
	for _, t := range answer.Topics {
		switch err := kerr.ErrorForCode(t.ErrorCode); {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			return nil, errs.NotFound.Wrap(err, "the topic does not exist")
		case err != nil:
			return nil, err
		}
		for _, part := range t.Partitions {
			found = append(found, part.Partition)
		}
	}
	slices.Sort(found)
	return found, nil
}

// offsets asks for offsets at a time: -2 is the first, -1 the end.
func (p *peeking) offsets(ctx context.Context, client *kgo.Client, partitions []int32, at int64) (map[int32]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	if p.committed {
		req.IsolationLevel = 1
	}
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = p.Topic
	for _, n := range partitions {
		part := kmsg.NewListOffsetsRequestTopicPartition()
		part.Partition, part.Timestamp = n, at
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = append(req.Topics, topic)
	answer, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	found := map[int32]int64{}
	for _, t := range answer.Topics {
		for _, part := range t.Partitions {
			if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
				return nil, fmt.Errorf("partition %d: %w", part.Partition, err)
			}
			found[part.Partition] = part.Offset
		}
	}
	return found, nil
}

// pollAtOnce is how many records are taken out of the client at a time.
const pollAtOnce = 500

// read hands records to each until it says no or every partition is at its end.
func (p *peeking) read(ctx context.Context, client *kgo.Client, each func(*Record) (more bool, err error)) error {
	for len(p.ends) > 0 {
		fetches := client.PollRecords(ctx, pollAtOnce)
		var bad error
		fetches.EachError(func(_ string, n int32, err error) {
			if ctx.Err() == nil && bad == nil && Classify(err) != Retriable {
				bad = failed(err, "read %s-%d", p.Topic, n)
			}
		})
		for it := fetches.RecordIter(); !it.Done(); {
			r := it.Next()
			end, open := p.ends[r.Partition]
			if !open || r.Offset >= end { // what came after the start doesn't count
				delete(p.ends, r.Partition)
				continue
			}
			if r.Offset == end-1 {
				delete(p.ends, r.Partition)
			}
			if r.Attrs.IsControl() {
				continue
			}
			if more, err := each(r); err != nil || !more {
				return err
			}
		}
		if bad != nil {
			return bad
		}
		if ctx.Err() != nil && len(p.ends) > 0 {
			return failed(p.reason(ctx, ctx.Err()), "read topic %s, of which %d partitions were not read to their end", p.Topic, len(p.ends))
		}
	}
	return nil
}

// last hands out the last records. What was read before a failure is handed out too.
func (p *peeking) last(ctx context.Context, client *kgo.Client, each func(*Record) error) error {
	var found []*Record
	err := p.read(ctx, client, func(r *Record) (bool, error) {
		found = append(found, r)
		return true, nil
	})
	slices.SortStableFunc(found, func(a, b *Record) int {
		if a.Partition == b.Partition {
			return cmp.Compare(a.Offset, b.Offset)
		}
		return a.Timestamp.Compare(b.Timestamp)
	})
	for _, r := range found[max(0, len(found)-p.Count):] {
		if eerr := each(r); eerr != nil {
			return eerr
		}
	}
	return err
}
