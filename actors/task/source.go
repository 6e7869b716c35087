package task

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/offsets"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// source is the runner of a source task: poll, transform, convert, produce; commit the offsets of
// what Kafka has acknowledged without a gap.
type source struct {
	*runner
	task            connectors.SourceTask
	committer       connectors.SourceCommitter // the task, if it wants to know of commits
	recordCommitter connectors.RecordCommitter // the task, if it wants to know each record's fate
	records         *host.Lane                 // of recordCommitter, whose calls come from the producer's goroutine
	props           map[string]string          // the task's, resolved
	pipe            pipeline.Source
	producer        *kafka.Producer
	tracker         *offsets.Tracker
	writer          *offsets.Writer
	reader          *offsets.Reader
	topics          *topicCreation
	transaction     connectors.TransactionContext // nil but with transaction.boundary=connector
	ctx             context.Context               // never ends: what a record in flight carries

	letters *letters // nil without a dead letter queue
	back    takenBack

	merge, merged chan struct{} // flush asks for the committable offsets; run has handed them on

	lastTopic string // noted last, so that it costs a comparison per record
	committed atomic.Bool
	sendErr   atomic.Pointer[error] // the first record that Kafka refused for good
	commitMu  sync.Mutex            // one CommitRecord at a time
	blocked   atomic.Bool           // the producer didn't take a record, it is tried again
}

// flight is one record on its way: what the promise needs to know, found through the record's
// context. Flights of a batch lie side by side, so a record costs no allocation of its own.
type flight struct {
	context.Context
	rec   kafka.Record
	entry offsets.Entry
	of    *source
	src   *data.SourceRecord // nil but for a RecordCommitter
}

func (s *source) wake() {}

func (s *source) run() (err error) {
	tc := &sourceContext{s}
	if err := s.start(func(ctx context.Context) error { return s.task.Start(ctx, tc, s.props) }); err != nil {
		return s.end(err)
	}
	s.tell(state.Running)
	return s.end(s.guard(s.loop))
}

// end waits for what is in flight, commits, and stops the task, whatever ended the loop: the JVM's
// order, in which a task hears of its last records and commits before it lets go of its source.
func (s *source) end(err error) error {
	ctx, cancel := s.until(s.env.Worker.OffsetFlushTimeout)
	if werr := s.drain(ctx); werr != nil && s.lease.Check() == nil {
		s.log.Warn("task ends with records that Kafka hasn't acknowledged, they will be sent again", "records", s.tracker.Pending(), "err", werr)
	}
	cancel()
	s.lastCommit()
	s.stopTask()
	s.topics.close()
	s.producer.Abort() // flushed already, or given up
	return err
}

// lastCommit commits what Kafka has, unless the incarnation was given up.
func (s *source) lastCommit() {
	s.handOver()
	if s.lease.Check() != nil {
		return
	}
	// Not the context of drain: it may have been used up waiting for the acknowledgements.
	ctx, cancel := context.WithTimeout(s.hard, s.env.Worker.OffsetFlushTimeout)
	defer cancel()
	n, err := s.writer.Flush(ctx)
	if err != nil {
		s.log.Error("offsets not committed at the task's end, records since the last commit will be sent again", "err", err)
		return
	}
	if n > 0 || s.committed.Load() {
		s.committed.Store(true)
		s.tellCommitted()
	}
}

func (s *source) stopTask() {
	ctx, cancel := s.until(s.env.Worker.TaskShutdownTimeout)
	defer cancel()
	if err := s.lane.Call(host.Stop, func() error { return s.task.Stop(ctx) }); err != nil {
		s.log.Warn("task's stop failed", "err", err)
	}
}

func (s *source) drain(ctx context.Context) error {
	for s.tracker.Pending() > 0 {
		if err := s.producer.Flush(ctx); err != nil {
			return err
		}
		if err := s.failedSend(); err != nil {
			return err // its record won't ever be acknowledged
		}
		if s.back.empty() {
			return s.tracker.Wait(ctx)
		}
		if err := s.resend(ctx); err != nil {
			return err
		}
	}
	return nil
}

// loop is one batch after another.
func (s *source) loop() error {
	for refusals := 0; !s.stopping(); {
		if s.gate.isPaused() {
			s.tell(state.Paused)
			s.settle()
			if !s.gate.wait(s.soft) {
				return nil
			}
			s.tell(state.Running)
		}
		records, err := s.poll()
		if err := s.failedSend(); err != nil {
			return err
		}
		if !s.back.empty() {
			if err := s.resend(s.hard); err != nil {
				return err
			}
		}
		s.collect()
		switch {
		case err == nil:
			refusals = 0
		case s.stopping():
			return nil
		case retriable(err):
			s.log.Warn("poll failed, trying again", "err", err)
			if !act.Sleep(s.soft, backoff(refusals, 10*time.Second)) {
				return nil
			}
			refusals++
			continue
		default:
			return callFailed(err, "poll")
		}
		if err := s.send(records); err != nil {
			return err
		}
		s.tellCommitted()
	}
	return nil
}

// poll asks the task for a batch.
func (s *source) poll() (records []data.SourceRecord, err error) {
	err = s.lane.Count(host.Poll, func() (int, error) {
		records, err = s.task.Poll(s.soft)
		return len(records), err
	})
	return records, err
}

// collect lets go of what is acknowledged, and hands the offsets on if a flush asks for them.
func (s *source) collect() {
	select {
	case <-s.merge:
		s.handOver()
		select {
		case s.merged <- struct{}{}:
		default:
		}
	default:
		s.tracker.Collect()
	}
}

// handOver gives the offsets that may be committed by now to the writer.
func (s *source) handOver() {
	c := s.tracker.Committable()
	for _, o := range c.Offsets {
		s.writer.Put(o.Partition, o.Offset)
	}
}

// settle lets what is in flight arrive before a pause, so that its offsets are committed during
// it.
func (s *source) settle() {
	ctx, cancel := context.WithTimeout(s.soft, s.env.Worker.OffsetFlushTimeout)
	defer cancel()
	if err := s.drain(ctx); err != nil && !s.stopping() {
		s.log.Warn("paused with records that Kafka hasn't acknowledged", "records", s.tracker.Pending(), "err", err)
	}
	s.handOver()
}

// send takes a batch the whole way to the producer. It waits when the producer's buffer is full:
// that is the back-pressure.
func (s *source) send(records []data.SourceRecord) error {
	if len(records) == 0 {
		return nil
	}
	return s.lane.Batch(host.Convert, whereSource(records), func() (int, error) { return len(records), s.sendAll(records) })
}

// whereSource names the i-th of the records.
func whereSource(records []data.SourceRecord) func(int) string {
	return func(i int) string { return pipeline.WhereSource(&records[i])() }
}

func (s *source) sendAll(records []data.SourceRecord) error {
	s.noteTopic() // the note may have been reset since the last batch
	flights := make([]flight, len(records))
	var kept []data.SourceRecord // poll's slice is the task's again before the records are acknowledged
	if s.recordCommitter != nil {
		kept = slices.Clone(records)
	}
	for i := range records {
		s.lane.At(i)
		rec, f := &records[i], &flights[i]
		goesOn, err := s.pipe.Convert(s.hard, rec, &f.rec)
		if err != nil {
			return err
		}
		if !goesOn {
			if !s.letters.took() { // else when its letter is there
				s.commitRecord(rec, nil)
			}
			continue
		}
		if f.rec.Topic != s.lastTopic {
			if err := s.newTopic(f.rec.Topic); err != nil {
				return err
			}
		}
		f.Context, f.rec.Context, f.of = s.ctx, f, s //nolint:fatcontext // f is the context of its own record only
		if s.recordCommitter != nil {
			f.src = &kept[i]
		}
		s.tracker.Submit(&f.entry, rec.SourcePartition, rec.SourceOffset)
		if err := s.produce(&f.rec, delivered); err != nil {
			s.tracker.Drop(&f.entry)
			return err
		}
	}
	return nil
}

// produce hands one record over. What may pass is tried again until the incarnation is given up.
func (s *source) produce(rec *kafka.Record, promise func(*kafka.Record, error)) error {
	for n := 0; ; n++ {
		err := s.producer.Produce(s.hard, rec, promise)
		switch {
		case err == nil:
			if n > 0 {
				s.blocked.Store(false)
			}
			return nil
		case s.hard.Err() != nil:
			return context.Cause(s.hard)
		case kafka.Classify(err) != kafka.Retriable:
			return errs.Connect.Wrap(err, "Unrecoverable exception trying to send to topic %q", rec.Topic)
		}
		s.blocked.Store(true)
		s.log.Warn("record not taken by the producer, trying again", "topic", rec.Topic, "err", err)
		if !act.Sleep(s.hard, backoff(n, 10*time.Second)) {
			return context.Cause(s.hard)
		}
	}
}

// delivered is the promise of every record; it runs on the producer's goroutine.
func delivered(r *kafka.Record, err error) {
	f := r.Context.(*flight)
	s := f.of
	switch {
	case err == nil:
		if s.recordCommitter != nil {
			s.commitRecord(f.src, &connectors.RecordMetadata{
				TopicPartition: data.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Offset: r.Offset,
			})
		}
		f.entry.Ack()
	case kafka.Classify(err) == kafka.Aborted:
		// Given up by us: not acknowledged, so not committed, so sent again by the next incarnation.
	case s.takeBack(f, err):
		return // the runner needs the record yet
	default:
		s.refused(f, r, err)
	}
	f.rec.Key, f.rec.Value, f.rec.Headers = nil, nil, nil // a slow neighbour keeps the slab
}

// refused is a record that Kafka will never take, of a task without a dead letter queue.
func (s *source) refused(f *flight, r *kafka.Record, err error) {
	if s.pipe.Policy.TolerateAll {
		if err = s.skip(f, r, err); err == nil {
			return
		}
	} else {
		err = unrecoverable(r, err)
	}
	s.sendErr.CompareAndSwap(nil, &err)
}

// skip reports a refused record and lets it go.
func (s *source) skip(f *flight, r *kafka.Record, err error) error {
	if _, rerr := s.pipe.Policy.Report(s.ctx, produceProblem(r, err)); rerr != nil {
		return errors.Join(err, rerr)
	}
	if s.recordCommitter != nil {
		s.commitRecord(f.src, nil)
	}
	f.entry.Ack()
	return nil
}

func produceProblem(r *kafka.Record, err error) pipeline.Problem {
	return pipeline.Problem{
		Stage: pipeline.KafkaProduce, Class: "org.apache.kafka.connect.source.SourceTask",
		Where: "record for topic " + r.Topic, Err: err, Attempts: 1,
	}
}

func unrecoverable(r *kafka.Record, err error) error {
	return errs.Connect.Wrap(err, "Unrecoverable exception from producer send callback, topic %q", r.Topic)
}

func (s *source) failedSend() error {
	if err := s.sendErr.Load(); err != nil {
		return *err
	}
	return nil
}

// newTopic is called when the topic is another than the last record's: it may have to be made.
func (s *source) newTopic(topic string) error {
	if err := s.topics.ensure(s.hard, topic); err != nil {
		return err
	}
	s.lastTopic = topic
	s.noteTopic()
	return nil
}

// noteTopic tells which topic the task writes to (KIP-558).
func (s *source) noteTopic() {
	if s.env.Topics != nil && s.lastTopic != "" {
		s.env.Topics(s.spec.ID, s.lastTopic)
	}
}

func (s *source) commitRecord(rec *data.SourceRecord, md *connectors.RecordMetadata) {
	if s.recordCommitter == nil {
		return
	}
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	// Mostly on the producer's goroutine, where a panic would end the process.
	if err := s.records.Each(host.CommitRecord, func() error { return s.recordCommitter.CommitRecord(s.ctx, rec, md) }); err != nil {
		s.log.Error("task's commitRecord failed", "err", err)
	}
}

// flush writes the collected offsets to the store. It runs beside the loop, so that a poll that
// waits doesn't hold it up.
func (s *source) flush(ctx context.Context) error {
	if s.sendErr.Load() != nil {
		return nil // the task is about to fail; its end commits
	}
	begun := time.Now()
	s.askForOffsets(ctx)
	n, err := s.writer.Flush(ctx)
	if err != nil {
		return err
	}
	s.committed.Store(true)
	if n > 0 {
		s.log.Debug("offsets committed", "partitions", n, "took", time.Since(begun))
	}
	return nil
}

// mergeWait is how long a flush waits for the runner to come back from poll; then it writes what
// it was given before.
const mergeWait = 2 * time.Second

func (s *source) askForOffsets(ctx context.Context) {
	select {
	case <-s.merged: // of a flush that didn't wait for it
	default:
	}
	select {
	case s.merge <- struct{}{}:
	default: // asked already
	}
	ctx, cancel := context.WithTimeout(ctx, mergeWait)
	defer cancel()
	select {
	case <-s.merged:
	case <-ctx.Done():
	}
}

// tellCommitted calls the task's Commit after a commit, on the goroutine that all its calls come
// from.
func (s *source) tellCommitted() {
	if !s.committed.CompareAndSwap(true, false) || s.committer == nil {
		return
	}
	if err := s.lane.Call(host.Commit, func() error { return s.committer.Commit(s.hard) }); err != nil {
		s.log.Error("task's commit failed", "err", err)
	}
}

// sourceContext is what the task gets.
type sourceContext struct{ s *source }

func (c *sourceContext) Offsets() connectors.OffsetReader { return c.s.reader }

func (c *sourceContext) Logger() *slog.Logger { return c.s.log }

func (c *sourceContext) Config() map[string]string { return c.s.props }

func (c *sourceContext) Transaction() connectors.TransactionContext { return c.s.transaction }
