package task

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/actors/offsets"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// transactional is the delivery of a source task that writes in transactions, its offsets with its
// records: both are there or neither.
type transactional struct {
	*source
	journal  storage.OffsetJournal
	boundary boundary
	joining  joining
	promise  func(*kafka.Record, error)
	open     bool                // a transaction is under way
	inside   int                 // records in it
	through  atomic.Int64        // records of transactions that were committed, or aborted by the task
	slab     []fate              // of the batch under way
	kept     []data.SourceRecord // of it too; nil but for a RecordCommitter
	fates    []*fate             // records since the last commit, for a RecordCommitter
}

// fate is one record of a transaction. Those of a batch lie side by side.
type fate struct {
	rec  kafka.Record
	src  *data.SourceRecord // nil but for a RecordCommitter
	sent bool               // not filtered, nor in a transaction that was aborted
}

func newTransactional(s *source, store storage.OffsetStore, conf *settings.SourceSettings) (*transactional, error) {
	journal, ok := store.(storage.OffsetJournal)
	if !ok {
		return nil, errNoJournal
	}
	x := &transactional{source: s, journal: journal, boundary: newBoundary(conf), joining: newJoining(s, conf)}
	if x.boundary.asked != nil {
		s.transaction = x.boundary.asked
	}
	x.promise = x.written
	s.follow(x.through.Load)
	return x, nil
}

// flush does nothing: offsets go with the transactions, never by themselves.
func (x *transactional) flush(context.Context) error { return nil }

func (x *transactional) enter() { x.boundary.enter() }

func (x *transactional) begin(records []data.SourceRecord) error {
	if err := x.boundary.begin(len(records)); err != nil || len(records) == 0 {
		return err
	}
	x.slab = make([]fate, len(records))
	if x.recordCommitter != nil {
		x.kept = slices.Clone(records) // poll's slice is the task's again before the commit
	}
	return nil
}

func (x *transactional) out(i int) *kafka.Record { return &x.slab[i].rec }

// pass hands the record over, into the transaction.
func (x *transactional) pass(i int, src *data.SourceRecord) (bool, error) {
	rec := &x.slab[i].rec
	if x.letters.Refuses(rec) {
		return false, x.letters.TooLarge(x.hard, src, rec)
	}
	if rec.Topic != x.lastTopic {
		if err := x.topic(rec.Topic); err != nil {
			return false, err
		}
	}
	if x.joining.within > 0 {
		x.joining.hold(i, src)
		return true, nil
	}
	return true, x.put(rec, src)
}

// put hands the record to the producer, in the transaction.
func (x *transactional) put(rec *kafka.Record, src *data.SourceRecord) error {
	if err := x.failedSend(); err != nil {
		return err
	}
	if err := x.beginTransaction(); err != nil {
		return err
	}
	if err := x.produce(rec, x.promise); err != nil {
		return err
	}
	x.inside++
	x.tracker.Set(src.SourcePartition, src.SourceOffset)
	return nil
}

// done ends the transaction behind the record, if the task asked for that.
func (x *transactional) done(i int, _ *data.SourceRecord, sent bool) error {
	if x.kept != nil {
		f := &x.slab[i]
		f.src, f.sent = &x.kept[i], sent
		x.fates = append(x.fates, f)
	}
	if x.boundary.marks == nil {
		return nil
	}
	return x.obey(x.hard, x.boundary.marks[i])
}

// batchEnd ends the transaction where that is due.
func (x *transactional) batchEnd() error {
	if err := x.putHeld(); err != nil {
		return err
	}
	x.slab, x.kept = nil, nil // those under way are the producer's
	if x.open && x.joining.waits() {
		return nil
	}
	return x.boundaryReached()
}

func (x *transactional) boundaryReached() error {
	what, err := x.boundary.endOfBatch()
	if err != nil {
		return err
	}
	return x.obey(x.hard, what)
}

// noBatch drops what the task asked for single records of the batch that didn't come. There will be a pause.
func (x *transactional) noBatch() error {
	x.boundary.forget()
	return x.boundaryReached()
}

// settle ends the transaction before a pause: it would stay open, and be timed out.
func (x *transactional) settle() error { return x.finish(x.hard) }

// end commits what a task that didn't fail has open, and what whole batches one that did fail has.
func (x *transactional) end(err error) error {
	x.endJoining()
	if x.lease.Check() == nil {
		ctx, cancel := x.until(x.env.Worker.TaskShutdownTimeout)
		if err == nil {
			err = x.guard(func() error { return x.finish(ctx) })
		} else {
			x.saveWhole(ctx, err)
		}
		x.leave(ctx, err)
		cancel()
	}
	return x.judge(err)
}

// leave aborts what is still open: consumers that read what is committed need not wait until the
// broker does.
func (x *transactional) leave(ctx context.Context, err error) {
	if !x.open || kafka.Classify(err) == kafka.Fenced {
		return
	}
	if aerr := x.producer.AbortTransaction(ctx); aerr != nil && x.lease.Check() == nil {
		x.log.Warn("transaction not aborted, the broker does that after transaction.timeout.ms", "err", aerr)
	}
}

// topic is called when the topic is another than the last record's.
func (x *transactional) topic(topic string) error {
	if topic == x.journal.Topic() {
		// A task that reads its offsets waits for the end of that topic, which would not come before
		// the end of the task's own transaction.
		return errs.Lasting(errs.Connect.New(
			"topic %q: Source tasks may not produce to their own offsets topics when exactly-once support is enabled", topic))
	}
	return x.newTopic(topic)
}

func (x *transactional) beginTransaction() error {
	if x.open {
		return nil
	}
	if err := x.producer.BeginTransaction(); err != nil {
		return errs.Connect.Wrap(err, "task %s", x.spec.ID)
	}
	x.open = true
	return nil
}

// written is the promise of every record; it runs on the producer's goroutine.
func (x *transactional) written(r *kafka.Record, err error) {
	r.Key, r.Value, r.Headers = nil, nil, nil // a slow neighbour keeps the slab
	if err == nil || kafka.Classify(err) == kafka.Aborted {
		return
	}
	x.lose(r, err)
}

// lose is a record that Kafka will never take: the transaction can't be committed.
func (x *transactional) lose(r *kafka.Record, err error) {
	err = pipeline.Unrecoverable(r.Topic, err)
	x.sendErr.CompareAndSwap(nil, &err)
}

// finish ends the transaction when the task pauses or stops, unless its end is the connector's
// business and it didn't ask for it.
func (x *transactional) finish(ctx context.Context) error {
	what, err := x.boundary.end()
	if err != nil {
		return err
	}
	return x.obey(ctx, what)
}

func (x *transactional) obey(ctx context.Context, what ending) error {
	switch what {
	case abortIt:
		if err := x.abort(ctx); err != nil {
			return err
		}
	case commitIt:
	default:
		return nil
	}
	return x.commit(ctx)
}

// abort drops the records of the transaction. Its offsets are committed next, else the task would
// read the same records again.
func (x *transactional) abort(ctx context.Context) error {
	if !x.open {
		x.log.Warn("the task asked for its transaction to be aborted, but there are no records in it")
		return nil
	}
	if err := x.producer.AbortTransaction(ctx); err != nil {
		return errs.Connect.Wrap(err, "task %s", x.spec.ID)
	}
	x.log.Info("transaction aborted as the task asked")
	x.open = false
	x.countDropped(x.inside)
	x.inside = 0
	x.sendErr.Store(nil) // of a record that is gone now
	for _, f := range x.fates {
		f.sent = false
	}
	return nil
}

// commit commits records and offsets, and tells the task.
func (x *transactional) commit(ctx context.Context) error {
	x.joining.broken = true // also if it panics
	pairs, err := offsets.Encode(x.spec.ID.Connector, x.tracker.Committable().Offsets)
	if err != nil {
		return err
	}
	if x.open || len(pairs) > 0 {
		if err := x.commitWith(ctx, pairs); err != nil {
			return err
		}
	}
	x.joining.broken = false
	for i, f := range x.fates {
		var md *connectors.RecordMetadata
		if f.sent {
			md = &connectors.RecordMetadata{
				TopicPartition: data.TopicPartition{Topic: f.rec.Topic, Partition: f.rec.Partition}, Offset: f.rec.Offset,
			}
		}
		x.commitRecord(f.src, md)
		x.fates[i] = nil
	}
	x.fates = x.fates[:0]
	x.committed.Store(true)
	x.tellCommitted()
	return nil
}

// commitWith commits the transaction, with offsets; after an abort they go in one of their own.
// Nothing is tried again: what the outcome of a commit was that failed shows only to one who
// begins anew.
func (x *transactional) commitWith(ctx context.Context, pairs []storage.Pair) (err error) {
	begun := time.Now()
	defer func() {
		x.countTransaction(err, begun)
		x.joining.committed()
	}()
	records, err := x.journal.Begin(ctx, pairs)
	if err != nil {
		return err
	}
	if err := x.beginTransaction(); err != nil {
		return err
	}
	if err := produceOffsets(ctx, x.producer, x.journal.Topic(), records); err != nil {
		return err
	}
	if err := x.producer.CommitTransaction(ctx); err != nil {
		if lost := x.failedSend(); lost != nil {
			err = lost // it names the topic
		}
		return errs.Connect.Wrap(err, "Failed to flush offsets and/or records for task %s", x.spec.ID)
	}
	x.open = false
	x.journal.Committed(records)
	return nil
}
