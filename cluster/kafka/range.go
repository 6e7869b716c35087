package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Range says which records of a topic to read.
type Range struct {
	Topic string
	// Partitions to read; none means all. One that the topic hasn't is an error.
	Partitions []int32
	// From is the offset to begin at, by partition. Others, and those whose records there are gone, begin
	// with the first record that there is.
	From map[int32]int64
	// First and End bound the offsets of all partitions: First is read, End is not. An End of 0 is none.
	First, End int64
	// Last, if more than 0, leaves out of each partition what lies further than so many offsets before its
	// end.
	Last int64
}

// RangeReader reads what a topic holds at the moment it's opened, in no group and committing nothing. One
// goroutine uses it; it never makes the topic.
type RangeReader struct {
	peek  peeking // has the bounds' requests and knows the last trouble
	log   *LogReader
	id    string
	ends  map[int32]int64
	limit time.Duration // without any progress
	end   context.CancelCauseFunc
}

// rangeStall is how long nothing may come before gaps are looked for.
const rangeStall = 500 * time.Millisecond

// OpenRange asks for the topic's bounds, for default.api.timeout.ms at most. ctx is that of the whole
// reading. props are those of a consumer; isolation.level counts, group.id and
// auto.offset.reset don't. A topic that doesn't exist is an errs.NotFound error. Close the reader.
func OpenRange(ctx context.Context, props Props, from Range, log *slog.Logger, opts ...Option) (*RangeReader, error) {
	r := &RangeReader{peek: peeking{Peek: Peek{Topic: from.Topic}}, ends: map[int32]int64{}}
	ctx, r.end = context.WithCancelCause(ctx)
	client, err := r.client(ctx, props, log, opts)
	if err != nil {
		r.end(nil)
		return nil, err
	}
	if err := r.begin(ctx, client, from, log); err != nil {
		r.end(nil)
		client.Close()
		return nil, err
	}
	return r, nil
}

func (r *RangeReader) client(ctx context.Context, props Props, log *slog.Logger, opts []Option) (*kgo.Client, error) {
	props = maps.Clone(props)
	props["allow.auto.create.topics"] = "false"
	reading := security.NewReader(props)
	s := readSettings(reading, opts)
	var c consumerSettings
	c.readFetch(reading)
	if reading.Err() != nil {
		return nil, reading.Err()
	}
	r.limit, r.peek.committed = s.apiTimeout, c.readCommitted
	dial := s.dialer
	s.dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			r.peek.note(err)
		}
		return conn, err
	}
	// The client tries a login again that failed. It won't do, as no file of settings changes now.
	refused := func(err error) { r.end(failed(err, "log in to Kafka")) }
	// Marks of transactions are kept to see that a partition which ends with one is at its end.
	client, err := kgo.NewClient(slices.Concat(s.franzOptions(log, refused), c.opts, []kgo.Opt{kgo.KeepControlRecords(), kgo.WithContext(ctx)})...)
	if err != nil {
		return nil, errs.Config.Wrap(err, "consumer of topic %s", r.peek.Topic)
	}
	return client, nil
}

func (r *RangeReader) begin(ctx context.Context, client *kgo.Client, from Range, log *slog.Logger) error {
	// The client interrupts what it has under way with a broker only when its own context ends.
	late := time.AfterFunc(r.limit, func() { r.end(errAPITimeout) })
	defer late.Stop()
	all, err := r.peek.partitions(ctx, client)
	if err != nil {
		return failed(r.peek.reason(ctx, err), "read topic %s", from.Topic)
	}
	wanted := all
	if len(from.Partitions) > 0 {
		wanted = from.Partitions
		for _, n := range wanted {
			if !slices.Contains(all, n) {
				return errs.NotFound.New("topic %s has no partition %d, it has %d", from.Topic, n, len(all))
			}
		}
	}
	r.log = &LogReader{client: client, topic: from.Topic, log: log, positions: make([]int64, len(all)), fatal: make(chan error, 1)}
	if r.peek.committed {
		r.log.isolation = 1
	}
	if err := r.bounds(ctx, client, from, wanted); err != nil {
		return failed(r.peek.reason(ctx, err), "find the bounds of topic %s", from.Topic)
	}
	about, err := r.log.describe(ctx)
	if err != nil {
		return failed(r.peek.reason(ctx, err), "describe topic %s", from.Topic)
	}
	if id := about.TopicID; id != [16]byte{} {
		r.id = hex.EncodeToString(id[:])
	}
	return nil
}

// bounds finds where to begin in each partition that holds something of the range, and sets its end.
func (r *RangeReader) bounds(ctx context.Context, client *kgo.Client, from Range, wanted []int32) error {
	first, err := r.peek.offsets(ctx, client, wanted, -2)
	if err != nil {
		return err
	}
	end, err := r.peek.offsets(ctx, client, wanted, -1)
	if err != nil {
		return err
	}
	for _, n := range wanted {
		at, until := max(first[n], from.From[n], from.First), end[n]
		if from.End > 0 {
			until = min(until, from.End)
		}
		if from.Last > 0 {
			at = max(at, end[n]-from.Last)
		}
		if at < until {
			r.ends[n], r.log.positions[n] = until, at
		}
	}
	return nil
}

// TopicID tells a topic from one of the same name before or after it: 32 hexadecimal digits, or empty where
// brokers are too old to have one.
func (r *RangeReader) TopicID() string { return r.id }

// Skip leaves out what lies before the offsets, by partition. Call it before Each.
func (r *RangeReader) Skip(to map[int32]int64) {
	for n, at := range to {
		if end, ok := r.ends[n]; !ok || at < r.log.positions[n] {
			continue
		} else if at >= end {
			delete(r.ends, n)
		}
		r.log.positions[n] = at
	}
}

// start has the client fetch.
func (r *RangeReader) start() {
	starts := map[int32]kgo.Offset{}
	for n := range r.ends {
		starts[n] = kgo.NewOffset().At(r.log.positions[n])
	}
	if len(starts) > 0 {
		r.log.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{r.log.topic: starts})
	}
}

// Each hands out the records, those of each partition in order, until all that the range held at the
// start was, or each returns an error, which is returned. What brokers get over by themselves is waited
// for; nothing at all for default.api.timeout.ms is an error. Call it once.
func (r *RangeReader) Each(ctx context.Context, each func(*Record) error) error {
	r.start()
	progress := time.Now()
	for at := r.left(); at > 0; {
		wait, cancel := context.WithTimeout(ctx, rangeStall)
		records, err := r.log.Poll(wait)
		cancel()
		for _, rec := range records {
			if end, ok := r.ends[rec.Partition]; !ok || rec.Offset >= end {
				continue // it came after the start
			}
			if err := each(rec); err != nil {
				return err
			}
		}
		if err == nil && len(records) == 0 && ctx.Err() == nil && r.left() == at {
			err = r.skip(ctx)
		}
		switch now := r.left(); {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return failed(context.Cause(ctx), "read topic %s", r.log.topic)
		case now != at:
			at, progress = now, time.Now()
		case time.Since(progress) > r.limit:
			return failed(r.stalled(), "read topic %s", r.log.topic)
		}
	}
	return nil
}

// skip looks for gaps; that brokers don't answer now is no error yet.
func (r *RangeReader) skip(ctx context.Context) error {
	if _, err := r.log.SkipGap(ctx, r.ends); err != nil && Classify(err) != Retriable && ctx.Err() == nil {
		return err
	}
	return nil
}

// left is how many offsets are still to be read.
func (r *RangeReader) left() int64 {
	var n int64
	for partition, end := range r.ends {
		n += max(0, end-r.log.positions[partition])
	}
	return n
}

func (r *RangeReader) stalled() error {
	r.peek.mu.Lock()
	defer r.peek.mu.Unlock()
	return errors.Join(errAPITimeout, r.peek.trouble)
}

// Close ends the connections.
func (r *RangeReader) Close() {
	r.end(nil)
	r.log.client.Close()
}
