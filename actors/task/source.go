package task

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/offsets"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// source is the runner of a source task: poll, transform, convert, produce. What becomes of the records
// and their offsets behind that, and when they are committed, is its delivery's.
type source struct {
	*runner
	task            connectors.SourceTask
	committer       connectors.SourceCommitter // the task, if it wants to know of commits
	recordCommitter connectors.RecordCommitter // the task, if it wants to know each record's fate
	records         *host.Lane                 // of recordCommitter, whose calls come from the producer's goroutine
	props           map[string]string          // the task's, resolved
	pipe            pipeline.Source
	deliver         delivery
	producer        *kafka.Producer
	tracker         *offsets.Tracker
	reader          *offsets.Reader
	topics          *topicCreation
	transaction     connectors.TransactionContext // nil but with transaction.boundary=connector
	letters         *deadletters.Source           // nil without a dead letter queue
	ctx             context.Context               // never ends: that of calls on the producer's goroutine

	lastTopic string // noted last, so that it costs a comparison per record
	committed atomic.Bool
	sendErr   atomic.Pointer[error] // the first record that Kafka refused for good
	commitMu  sync.Mutex            // one CommitRecord at a time
	blocked   atomic.Bool           // the producer didn't take a record, it is tried again
}

func (s *source) wake() {}

func (s *source) flush(ctx context.Context) error { return s.deliver.flush(ctx) }

func (s *source) run() error {
	tc := &sourceContext{s}
	err := s.start(func(ctx context.Context) error { return s.task.Start(ctx, tc, s.props) })
	if err == nil {
		s.tell(state.Running)
		err = s.guard(s.loop)
	}
	// Also after a failure: the JVM's order, in which a task hears of its last records and commits before
	// it lets go of its source.
	err = s.deliver.end(err)
	s.stopTask()
	s.topics.close()
	s.producer.Abort() // flushed already, or given up
	return err
}

func (s *source) stopTask() {
	ctx, cancel := s.until(s.env.Worker.TaskShutdownTimeout)
	defer cancel()
	if err := s.lane.Call(host.Stop, func() error { return s.task.Stop(ctx) }); err != nil {
		s.log.Warn("task's stop failed", "err", err)
	}
}

// loop is one batch after another.
func (s *source) loop() error {
	s.deliver.enter()
	for refusals := 0; !s.stopping(); {
		if s.gate.isPaused() {
			s.tell(state.Paused)
			if err := s.deliver.settle(); err != nil {
				return err
			}
			if !s.gate.wait(s.soft) {
				return nil
			}
			s.tell(state.Running)
			s.deliver.enter()
		}
		s.deliver.polling()
		records, err := s.poll()
		if err := s.deliver.polled(); err != nil {
			return err
		}
		switch {
		case err == nil:
			refusals = 0
			if err := s.batch(records); err != nil {
				return err
			}
		case s.stopping():
			return nil
		case retriable(err):
			s.log.Warn("poll failed, trying again", "err", err)
			if err := s.deliver.noBatch(); err != nil {
				return err
			}
			if !act.Sleep(s.soft, backoff(refusals, 10*time.Second)) {
				return nil
			}
			refusals++
		default:
			return callFailed(err, "poll")
		}
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

// batch takes a batch the whole way to the producer. It waits when the producer's buffer is full: that is
// the back-pressure.
func (s *source) batch(records []data.SourceRecord) error {
	if err := s.deliver.begin(records); err != nil {
		return err
	}
	if len(records) > 0 {
		s.noteTopic() // the note may have been reset since the last batch
		if err := s.lane.Batch(host.Convert, whereSource(records), func() (int, error) { return len(records), s.send(records) }); err != nil {
			return err
		}
	}
	return s.deliver.batchEnd()
}

// whereSource names the i-th of the records.
func whereSource(records []data.SourceRecord) func(int) string {
	return func(i int) string { return pipeline.WhereSource(&records[i])() }
}

// send is the way of each record: transforms, converters, producer.
func (s *source) send(records []data.SourceRecord) error {
	dropped := 0
	defer func() { s.countDropped(dropped) }()
	for i := range records {
		s.lane.At(i)
		rec := &records[i]
		sent, err := s.pipe.Convert(s.hard, rec, s.deliver.out(i))
		if err == nil && sent {
			sent, err = s.deliver.pass(i, rec)
		}
		if err != nil {
			return err
		}
		if !sent {
			dropped++
		}
		if err := s.deliver.done(i, rec, sent); err != nil {
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
