package dlq

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/cluster/kafka"
)

// add makes the record of a letter part of the chunk.
func (r *replaying) add(ctx context.Context, l *Letter) error {
	out, err := r.outgoing(l)
	if err != nil {
		return err
	}
	if r.Edit != nil {
		if out, err = r.Edit.Edit(ctx, l, out); err != nil {
			return err
		}
	}
	if out == nil {
		r.leftOut++
	} else {
		if err := r.check(ctx, l, out); err != nil {
			return err
		}
		r.chunk = append(r.chunk, outgoing{out, l.Place()})
		r.bytes += len(out.Key) + len(out.Value)
	}
	if r.DryRun && r.Would != nil {
		return r.Would(l, out)
	}
	return nil
}

// outgoing is the record as it was when it failed.
func (r *replaying) outgoing(l *Letter) (*kafka.Record, error) {
	out := &kafka.Record{
		Topic: r.To, Partition: kafka.NoPartition, Key: l.Record.Key, Value: l.Record.Value, Headers: l.Headers,
	}
	if !r.Now {
		out.Timestamp = l.Time()
	}
	c := l.Context
	if c == nil {
		c = &Context{Partition: -1}
	}
	if out.Topic == "" {
		out.Topic = c.Topic
	}
	if out.Topic == "" {
		return nil, fmt.Errorf("%s does not say what topic it is from: it has no header %stopic, as with errors.deadletterqueue.context.headers.enable=false; --to names a topic",
			l.Place(), deadletters.HeaderPrefix)
	}
	if why := c.altered(); why != "" && r.Edit == nil && !r.AsIs {
		return nil, fmt.Errorf("%s, of source connector %s, is not the record that was to be written to topic %s: %s; "+
			"mend it with --edit, write it as it is with --as-is, or leave it out by a filter", l.Place(), c.Connector, c.Topic, why)
	}
	if r.KeepPartition {
		if c.Partition < 0 {
			return nil, fmt.Errorf("%s does not say what partition it is from, which --keep-partition needs: it has no header %spartition", l.Place(), deadletters.HeaderPrefix)
		}
		out.Partition = c.Partition
	}
	return out, nil
}

// check finds before a transaction what would fail it.
func (r *replaying) check(ctx context.Context, l *Letter, out *kafka.Record) error {
	if out.Topic == r.Topic || out.Topic == r.ProgressTopic {
		return fmt.Errorf("%s would be written to topic %s, where it can't go; --to names another", l.Place(), out.Topic)
	}
	parts, known := r.parts[out.Topic]
	if !known {
		found, err := r.admin.DescribeTopics(ctx, out.Topic)
		if err != nil {
			return err
		}
		parts = found[out.Topic].Partitions
		r.parts[out.Topic] = parts
	}
	switch {
	case parts == 0:
		return fmt.Errorf("topic %s, to which %s would be written, does not exist: make it, or name another with --to", out.Topic, l.Place())
	case int(out.Partition) >= parts:
		return fmt.Errorf("%s would be written to partition %d of topic %s, which has %d", l.Place(), out.Partition, out.Topic, parts)
	}
	return nil
}

// write writes the chunk and the progress in one transaction: all of it or nothing. ctx doesn't end it
// halfway.
func (r *replaying) write(ctx context.Context) error {
	if len(r.chunk) == 0 && r.leftOut == 0 && maps.Equal(r.offsets, r.written) {
		return nil
	}
	if !r.DryRun {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), commitLimit, fmt.Errorf("the transaction took more than %s", commitLimit))
		defer cancel()
		if err := r.transact(ctx); err != nil {
			// What is left must not be tried again here: whether it was written is for the next run to see.
			clear(r.offsets)
			maps.Copy(r.offsets, r.written)
			r.chunk, r.bytes, r.leftOut = nil, 0, 0
			return err
		}
	}
	r.totals.Replayed += int64(len(r.chunk))
	r.totals.LeftOut += r.leftOut
	for i := range r.chunk {
		r.totals.To[r.chunk[i].record.Topic]++
	}
	clear(r.chunk)
	r.chunk, r.bytes, r.leftOut = r.chunk[:0], 0, 0
	clear(r.written)
	maps.Copy(r.written, r.offsets)
	return nil
}

// transact is one transaction.
func (r *replaying) transact(ctx context.Context) error {
	progress, err := r.progress.record(r.ProgressTopic, r.Filter, r.offsets)
	if err != nil {
		return err
	}
	if err := r.producer.BeginTransaction(); err != nil {
		return r.whose(err)
	}
	var first outcome
	for i := range r.chunk {
		if err = r.producer.Produce(ctx, r.chunk[i].record, first.of(r.chunk[i].letter)); err != nil {
			break
		}
	}
	if err == nil {
		err = r.producer.Produce(ctx, progress, first.of("the progress of the replay"))
	}
	if err == nil {
		err = r.producer.Flush(ctx)
	}
	if err = errors.Join(first.get(), err); err != nil {
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), abortLimit, fmt.Errorf("it took more than %s", abortLimit))
		defer cancel()
		err = fmt.Errorf("none of the last %d letters was written: %w", len(r.chunk), r.whose(err))
		return errors.Join(err, r.producer.AbortTransaction(ctx))
	}
	if err := r.producer.CommitTransaction(ctx); err != nil {
		return fmt.Errorf("whether the last %d records were written isn't known; run it again, nothing is written twice: %w", len(r.chunk), r.whose(err))
	}
	return nil
}

// whose tells that another replay has taken over.
func (r *replaying) whose(err error) error {
	if kafka.Classify(err) == kafka.Fenced {
		return &FencedError{r.Topic, err}
	}
	return err
}

// outcome keeps the first error of a transaction's records.
type outcome struct {
	mu  sync.Mutex // promises come from the producer's goroutine
	err error
}

func (o *outcome) get() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

func (o *outcome) of(what string) func(*kafka.Record, error) {
	return func(r *kafka.Record, err error) {
		if err == nil {
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = fmt.Errorf("%s, written to topic %s: %w", what, r.Topic, err)
		}
	}
}
