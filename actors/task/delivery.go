package task

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/actors/offsets"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

// delivery is what becomes of a source task's records between the converters and Kafka, and of their
// offsets: atLeastOnce, or transactional. All but flush is called on the runner's goroutine.
type delivery interface {
	// enter is the start of the loop, at first and after each pause.
	enter()
	// polling is called before each poll: until polled what is under way may be brought to its end by others.
	polling()
	// polled is called when poll has returned, whatever it did: it sees to what happened meanwhile. An
	// error here, or from any of the others, fails the task.
	polled() error
	// begin is told of a batch, also an empty one, before its first record; the slice is the task's again
	// when the batch ends.
	begin(records []data.SourceRecord) error
	// out is where the i-th record is converted to.
	out(i int) *kafka.Record
	// pass hands the i-th record to the producer, and reports whether it went there: it may be dealt with
	// otherwise.
	pass(i int, src *data.SourceRecord) (sent bool, err error)
	// done is told of each record that the loop is through with, also of those that a transform dropped or
	// that failed and are tolerated: sent is false then.
	done(i int, src *data.SourceRecord, sent bool) error
	// batchEnd is the end of a batch, noBatch of a poll that failed and is tried again.
	batchEnd() error
	noBatch() error
	// bury takes a dead letter to the producer, and sees to the offset of the record that it is about.
	bury(letter *kafka.Record, about *pipeline.Unsent) error
	// settle brings what is under way to its end, before a pause.
	settle() error
	// end is the last commit, before the task is stopped. err is why the task fails, nil if it doesn't; the
	// error returned takes its place.
	end(err error) error
	// flush commits offsets, if that is not the loop's business. It is called from another goroutine, never
	// twice at a time.
	flush(ctx context.Context) error
}

// atLeastOnce produces records as they come, and commits the offsets of what Kafka has acknowledged without
// a gap, now and then.
type atLeastOnce struct {
	*source
	writer *offsets.Writer

	flights []flight            // of the batch under way
	kept    []data.SourceRecord // of it too; nil but for a RecordCommitter
	told    *flight             // the record that is being reported, if Kafka refused it: it is tracked already
	back    takenBack

	merge, merged chan struct{} // flush asks for the committable offsets; the loop has handed them on
}

func newAtLeastOnce(s *source, w *offsets.Writer) *atLeastOnce {
	s.follow(s.tracker.Acked)
	return &atLeastOnce{
		source: s, writer: w,
		merge: make(chan struct{}, 1), merged: make(chan struct{}, 1),
	}
}

// flight is one record on its way: what the promise needs to know, found through the record's
// context. Flights of a batch lie side by side, so a record costs no allocation of its own.
type flight struct {
	context.Context
	rec   kafka.Record
	entry offsets.Entry
	of    *atLeastOnce
	src   *data.SourceRecord // nil but for a RecordCommitter
}

func (d *atLeastOnce) enter() {}

func (d *atLeastOnce) polling() {}

// polled fails for a record that Kafka refused since, sends those again that it may take after all, and lets
// go of what it has acknowledged.
func (d *atLeastOnce) polled() error {
	if err := d.failedSend(); err != nil {
		return err
	}
	if !d.back.empty() {
		if err := d.resend(d.hard); err != nil {
			return err
		}
	}
	d.collect()
	return nil
}

func (d *atLeastOnce) begin(records []data.SourceRecord) error {
	if len(records) == 0 {
		return nil
	}
	d.flights = make([]flight, len(records))
	if d.recordCommitter != nil {
		d.kept = slices.Clone(records) // poll's slice is the task's again before the records are acknowledged
	}
	return nil
}

func (d *atLeastOnce) out(i int) *kafka.Record { return &d.flights[i].rec }

func (d *atLeastOnce) pass(i int, src *data.SourceRecord) (bool, error) {
	f := &d.flights[i]
	if f.rec.Topic != d.lastTopic {
		if err := d.newTopic(f.rec.Topic); err != nil {
			return false, err
		}
	}
	f.Context, f.rec.Context, f.of = d.ctx, f, d //nolint:fatcontext // f is the context of its own record only
	if d.kept != nil {
		f.src = &d.kept[i]
	}
	d.tracker.Submit(&f.entry, src.SourcePartition, src.SourceOffset)
	if err := d.produce(&f.rec, delivered); err != nil {
		d.tracker.Drop(&f.entry)
		return false, err
	}
	return true, nil
}

func (d *atLeastOnce) done(_ int, src *data.SourceRecord, sent bool) error {
	if !sent && !d.letters.Took() { // else when its letter is there
		d.commitRecord(src, nil)
	}
	return nil
}

func (d *atLeastOnce) batchEnd() error {
	d.flights, d.kept = nil, nil // those under way are the producer's
	d.tellCommitted()
	return nil
}

func (d *atLeastOnce) noBatch() error { return nil }

// end waits for what is in flight, and commits.
func (d *atLeastOnce) end(err error) error {
	ctx, cancel := d.until(d.env.Worker.OffsetFlushTimeout)
	defer cancel()
	if werr := d.drain(ctx); werr != nil && d.lease.Check() == nil {
		d.log.Warn("task ends with records that Kafka hasn't acknowledged, they will be sent again", "records", d.tracker.Pending(), "err", werr)
	}
	d.lastCommit()
	return err
}

// lastCommit commits what Kafka has, unless the incarnation was given up.
func (d *atLeastOnce) lastCommit() {
	d.handOver()
	if d.lease.Check() != nil {
		return
	}
	// Not the context of drain: it may have been used up waiting for the acknowledgements.
	ctx, cancel := context.WithTimeout(d.hard, d.env.Worker.OffsetFlushTimeout)
	defer cancel()
	begun := time.Now()
	n, err := d.writer.Flush(ctx)
	d.countFlush(n, err, begun)
	if err != nil {
		d.log.Error("offsets not committed at the task's end, records since the last commit will be sent again", "err", err)
		return
	}
	if n > 0 || d.committed.Load() {
		d.committed.Store(true)
		d.tellCommitted()
	}
}

func (d *atLeastOnce) drain(ctx context.Context) error {
	for d.tracker.Pending() > 0 {
		if err := d.producer.Flush(ctx); err != nil {
			return err
		}
		if err := d.failedSend(); err != nil {
			return err // its record won't ever be acknowledged
		}
		if d.back.empty() {
			return d.tracker.Wait(ctx)
		}
		if err := d.resend(ctx); err != nil {
			return err
		}
	}
	return nil
}

// settle lets what is in flight arrive before a pause, so that its offsets are committed during
// it.
func (d *atLeastOnce) settle() error {
	ctx, cancel := context.WithTimeout(d.soft, d.env.Worker.OffsetFlushTimeout)
	defer cancel()
	if err := d.drain(ctx); err != nil && !d.stopping() {
		d.log.Warn("paused with records that Kafka hasn't acknowledged", "records", d.tracker.Pending(), "err", err)
	}
	d.handOver()
	return nil
}

// collect lets go of what is acknowledged, and hands the offsets on if a flush asks for them.
func (d *atLeastOnce) collect() {
	select {
	case <-d.merge:
		d.handOver()
		select {
		case d.merged <- struct{}{}:
		default:
		}
	default:
		d.tracker.Collect()
	}
}

// handOver gives the offsets that may be committed by now to the writer.
func (d *atLeastOnce) handOver() {
	c := d.tracker.Committable()
	for _, o := range c.Offsets {
		d.writer.Put(o.Partition, o.Offset)
	}
}

// delivered is the promise of every record; it runs on the producer's goroutine.
func delivered(r *kafka.Record, err error) {
	f := r.Context.(*flight)
	d := f.of
	switch {
	case err == nil:
		if d.recordCommitter != nil {
			d.commitRecord(f.src, &connectors.RecordMetadata{
				TopicPartition: data.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Offset: r.Offset,
			})
		}
		f.entry.Ack()
	case kafka.Classify(err) == kafka.Aborted:
		// Given up by us: not acknowledged, so not committed, so sent again by the next incarnation.
	case d.takeBack(f, err):
		return // the runner needs the record yet
	default:
		d.refused(f, r, err)
	}
	f.rec.Key, f.rec.Value, f.rec.Headers = nil, nil, nil // a slow neighbour keeps the slab
}

// refused is a record that Kafka will never take, of a task without a dead letter queue.
func (d *atLeastOnce) refused(f *flight, r *kafka.Record, err error) {
	if d.pipe.Policy.TolerateAll {
		if err = d.skip(f, r, err); err == nil {
			return
		}
	} else {
		err = pipeline.Unrecoverable(r.Topic, err)
	}
	d.sendErr.CompareAndSwap(nil, &err)
}

// skip reports a refused record and lets it go.
func (d *atLeastOnce) skip(f *flight, r *kafka.Record, err error) error {
	if _, rerr := d.pipe.Policy.Report(d.ctx, pipeline.ProduceProblem(r, err)); rerr != nil {
		return errors.Join(err, rerr)
	}
	if d.recordCommitter != nil {
		d.commitRecord(f.src, nil)
	}
	if d.numbers != nil {
		d.numbers.Source.Skipped()
	}
	f.entry.Ack()
	return nil
}

// flush writes the collected offsets to the store. It runs beside the loop, so that a poll that
// waits doesn't hold it up.
func (d *atLeastOnce) flush(ctx context.Context) error {
	if d.sendErr.Load() != nil {
		return nil // the task is about to fail; its end commits
	}
	begun := time.Now()
	d.askForOffsets(ctx)
	n, err := d.writer.Flush(ctx)
	d.countFlush(n, err, begun)
	if err != nil {
		return err
	}
	d.committed.Store(true)
	if n > 0 {
		d.log.Debug("offsets committed", "partitions", n, "took", time.Since(begun))
	}
	return nil
}

// mergeWait is how long a flush waits for the runner to come back from poll; then it writes what
// it was given before.
const mergeWait = 2 * time.Second

func (d *atLeastOnce) askForOffsets(ctx context.Context) {
	select {
	case <-d.merged: // of a flush that didn't wait for it
	default:
	}
	select {
	case d.merge <- struct{}{}:
	default: // asked already
	}
	ctx, cancel := context.WithTimeout(ctx, mergeWait)
	defer cancel()
	select {
	case <-d.merged:
	case <-ctx.Done():
	}
}
