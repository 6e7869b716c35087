package dlq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// Replay puts dead letters back.
type Replay struct {
	Clients *Clients
	Topic   string
	Filter  *Filter // prepared
	// To is the topic to write to; "" is that of the letter's context.
	To string
	// KeepPartition writes to the partition that the record was consumed from, and not by its key.
	KeepPartition bool
	// Now gives records the time of writing and not their own.
	Now bool
	// Edit changes records; nil: they are written as they failed.
	Edit *Command
	// AsIs writes dead letters of sources too whose bytes aren't those that the source would have written.
	AsIs bool
	// Limit is how many letters at most, more than 0.
	Limit int64
	// Round begins anew: progress of other rounds doesn't count.
	Round string
	// ProgressTopic is the topic of progress.
	ProgressTopic string
	// DryRun writes nothing. Editing commands run.
	DryRun bool
	// Would is told of what a dry run would write; nil where the editing command left a letter out.
	Would func(*Letter, *kafka.Record) error
}

// Totals are the sums of a replay.
type Totals struct {
	Read     int64            `json:"read"`
	Replayed int64            `json:"replayed"` // in a dry run: would be
	Done     int64            `json:"already"`  // by replays before
	LeftOut  int64            `json:"leftOut"`  // by the editing command
	To       map[string]int64 `json:"to"`
}

// The bounds of one transaction. It is short, so that readers of the topics don't wait for it.
const (
	chunkRecords = 1000
	chunkBytes   = 4 << 20
	chunkTime    = time.Second      // of reading and editing: who edits by hand loses nothing
	commitLimit  = 50 * time.Second // less than transaction.timeout.ms, which is a minute
	abortLimit   = 10 * time.Second
)

// Run replays. What the totals name was written, whatever the error; each letter was written once, and is
// not written again if Run is called again. When ctx ends, what was read so far is written and the
// context's cause is returned. An error of a replay that another has replaced is a *FencedError.
func (r *Replay) Run(ctx context.Context) (totals Totals, err error) {
	run := &replaying{Replay: r, parts: map[string]int{}, totals: Totals{To: map[string]int64{}}}
	if run.admin, err = r.Clients.Admin(); err != nil {
		return run.totals, err
	}
	defer func() { err = errors.Join(err, run.admin.Close()) }()
	if err := run.prepare(ctx); err != nil {
		return run.totals, err
	}
	defer run.reader.Close()
	if run.producer != nil {
		defer run.producer.Abort()
	}
	err = run.reader.Each(ctx, func(rec *kafka.Record) error { return run.take(ctx, rec) })
	if errors.Is(err, errStop) {
		err = nil
	}
	// What was taken counts as done only with what comes of it written, also after an error.
	return run.totals, errors.Join(err, run.write(ctx))
}

// replaying is a Replay under way.
type replaying struct {
	*Replay
	reader   *kafka.RangeReader
	producer *kafka.Producer // nil in a dry run
	admin    *kafka.Admin
	progress Progress
	parts    map[string]int // partitions of topics that are written to
	totals   Totals
	taken    int64 // letters that were chosen

	offsets map[int32]int64 // what will be done when the chunk is written
	written map[int32]int64 // what is done
	chunk   []outgoing
	bytes   int
	leftOut int64     // of the chunk
	since   time.Time // when its first letter was taken
}

// outgoing is a record to be written and the letter it comes from.
type outgoing struct {
	record *kafka.Record
	letter string // its place
}

// prepare finds out where to begin.
func (r *replaying) prepare(ctx context.Context) (err error) {
	if r.reader, err = r.Clients.open(ctx, rangeOf(r.Topic, r.Filter)); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.reader.Close()
		}
	}()
	if !r.DryRun {
		// Before the progress is read: from here on no replay before this one can write, and what it wrote
		// is decided.
		if err := r.begin(ctx); err != nil {
			return err
		}
	}
	r.progress = Progress{topic: r.Topic, id: r.reader.TopicID(), round: r.Round}
	if err := r.Clients.loadProgress(ctx, r.ProgressTopic, &r.progress, r.Filter, !r.DryRun); err != nil {
		if r.producer != nil {
			r.producer.Abort()
		}
		return fmt.Errorf("progress of the replay: %w", err)
	}
	from := r.progress.from()
	r.reader.Skip(from)
	r.offsets, r.written = from, maps.Clone(from)
	return nil
}

// beginLimit is how long the coordinator may take to end the transaction of a replay that was killed.
const beginLimit = 2 * time.Minute

// transactionalID belongs to the dead letter topic, whatever the filter.
func transactionalID(topic string) string { return "troupe-dlq-replay-" + topic }

func (r *replaying) begin(ctx context.Context) error {
	var err error
	if r.producer, err = kafka.NewProducer(r.Clients.transactional(transactionalID(r.Topic)), r.Clients.log, r.Clients.opts...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, beginLimit, fmt.Errorf("the brokers took more than %s", beginLimit))
	defer cancel()
	if err := r.producer.InitTransactions(ctx); err != nil {
		r.producer.Abort()
		return fmt.Errorf("transactional id %s: %w", transactionalID(r.Topic), err)
	}
	return nil
}

// take takes one record of the dead letter topic.
func (r *replaying) take(ctx context.Context, rec *kafka.Record) error {
	r.totals.Read++
	l := Read(rec)
	chosen, err := r.Filter.Match(&l)
	if err != nil {
		return err
	}
	if !chosen {
		r.offsets[rec.Partition] = rec.Offset + 1
		return nil
	}
	done, err := r.progress.Done(&l)
	if err != nil {
		return err
	}
	if done {
		r.totals.Done++
		r.offsets[rec.Partition] = rec.Offset + 1
		return nil
	}
	if len(r.chunk) == 0 && r.leftOut == 0 {
		r.since = time.Now()
	}
	if err := r.add(ctx, &l); err != nil {
		return err
	}
	r.offsets[rec.Partition] = rec.Offset + 1
	r.taken++
	if len(r.chunk) >= chunkRecords || r.bytes >= chunkBytes || time.Since(r.since) >= chunkTime {
		if err := r.write(ctx); err != nil {
			return err
		}
	}
	if r.Limit > 0 && r.taken >= r.Limit {
		return errStop
	}
	return nil
}

// FencedError is the end of a replay by a later one.
type FencedError struct {
	Topic string
	Err   error
}

// Error is the text.
func (e *FencedError) Error() string {
	return fmt.Sprintf("another replay of topic %s has begun and goes on in place of this one: %v", e.Topic, e.Err)
}

// Unwrap is the cause.
func (e *FencedError) Unwrap() error { return e.Err }
