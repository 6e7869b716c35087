package task

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/offsets"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// ExactlyOnce is what a worker with exactly.once.source.support=enabled offers the tasks of its
// source connectors (KIP-618). Its functions may be called from any goroutine.
type ExactlyOnce struct {
	// GroupID is the worker's group.id: transactional ids are <GroupID>-<connector>-<task>.
	GroupID string
	// Fence has the leader shut out the producers of a connector's earlier task generations. It
	// blocks until that is done, or ctx ends.
	Fence func(ctx context.Context, connector string) error
	// Verify reads the config topic to its end and returns an error unless generation is still the
	// connector's newest and the task is still assigned to this worker: one that wraps ErrSuperseded
	// if it is not, any other if that couldn't be found out. It blocks until ctx ends.
	Verify func(ctx context.Context, id state.TaskID, generation int) error
}

// ErrSuperseded is found in the error of a task that another has replaced, here or on another
// worker. It is not started again.
var ErrSuperseded = errs.Connect.New("the task belongs to an older generation of its connector's tasks, or to another worker by now")

// transactionalID is that of one task's producer.
func (x *ExactlyOnce) transactionalID(id state.TaskID) string {
	return x.GroupID + "-" + id.String()
}

// claim makes the producer the only one that writes for the task: the leader shuts out those of
// earlier generations, then the transactional id that of an earlier incarnation. Only then is it
// sure that the offsets stay as they are read.
func (r *runner) claim(producer *kafka.Producer) error {
	if r.spec.Inc > 1 {
		// A supervisor that hasn't heard of the newest generation may have restarted the task; it
		// must not shut out the one that has replaced it.
		if err := r.verify(r.soft); err != nil {
			return err
		}
	}
	if err := r.env.ExactlyOnce.Fence(r.soft, r.spec.ID.Connector); err != nil {
		return errs.Connect.Wrap(err, "fence out producers of earlier generations of connector %q", r.spec.ID.Connector)
	}
	if r.stopping() {
		return context.Cause(r.soft) // a later generation may be on its way already
	}
	if err := initTransactions(r.soft, producer, r.log); err != nil {
		return err
	}
	return r.verify(r.soft)
}

// verify checks that the task isn't replaced. That it is can't be mended by a restart.
func (r *runner) verify(ctx context.Context) error {
	err := r.env.ExactlyOnce.Verify(ctx, r.spec.ID, r.spec.Generation)
	if err == nil {
		return nil
	}
	err = errs.Connect.Wrap(err, "task %s, generation %d of its connector's tasks", r.spec.ID, r.spec.Generation)
	if errors.Is(err, ErrSuperseded) {
		return errs.Lasting(err)
	}
	return err
}

// initTransactions shuts out producers before this one with the same transactional id. What may
// pass is tried again until ctx ends.
func initTransactions(ctx context.Context, producer *kafka.Producer, log *slog.Logger) error {
	for n := 0; ; n++ {
		err := producer.InitTransactions(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return errs.Connect.Wrap(context.Cause(ctx), "%s", err.Error())
		case kafka.Classify(err) != kafka.Retriable:
			return err
		}
		log.Warn("transactions not begun, trying again", "err", err)
		if !act.Sleep(ctx, backoff(n, 10*time.Second)) {
			return errs.Connect.Wrap(context.Cause(ctx), "%s", err.Error())
		}
	}
}

// transactional is the runner of a source task that writes in transactions, its offsets with its
// records: both are there or neither.
type transactional struct {
	*source
	journal  storage.OffsetJournal
	boundary boundary
	promise  func(*kafka.Record, error)
	open     bool    // a transaction is under way
	fates    []*fate // records since the last commit, for a RecordCommitter
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
	x := &transactional{source: s, journal: journal, boundary: newBoundary(conf)}
	if x.boundary.asked != nil {
		s.transaction = x.boundary.asked
	}
	x.promise = x.written
	if s.letters != nil {
		s.letters.send = x.bury
	}
	return x, nil
}

// flush implements flow: offsets go with the transactions, never by themselves.
func (x *transactional) flush(context.Context) error { return nil }

func (x *transactional) run() error {
	tc := &sourceContext{x.source}
	err := x.start(func(ctx context.Context) error { return x.task.Start(ctx, tc, x.props) })
	if err == nil {
		x.tell(state.Running)
		err = x.guard(x.loop)
	}
	return x.end(err)
}

// end commits what a task that didn't fail has open, and stops the task.
func (x *transactional) end(err error) error {
	if x.lease.Check() == nil {
		ctx, cancel := x.until(x.env.Worker.TaskShutdownTimeout)
		if err == nil {
			err = x.guard(func() error { return x.finish(ctx) })
		}
		x.leave(ctx, err)
		cancel()
	}
	err = x.judge(err)
	x.stopTask()
	x.topics.close()
	x.producer.Abort()
	return err
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

// loop is one batch after another.
func (x *transactional) loop() error {
	x.boundary.enter()
	for refusals := 0; !x.stopping(); {
		if x.gate.isPaused() {
			x.tell(state.Paused)
			// Else the transaction would stay open, and be timed out.
			if err := x.finish(x.hard); err != nil {
				return err
			}
			if !x.gate.wait(x.soft) {
				return nil
			}
			x.tell(state.Running)
			x.boundary.enter()
		}
		records, err := x.poll()
		if err == nil {
			refusals = 0
			err = x.batch(records)
			if err != nil {
				return err
			}
			continue
		}
		if x.stopping() {
			return nil
		}
		if !retriable(err) {
			return callFailed(err, "poll")
		}
		x.log.Warn("poll failed, trying again", "err", err)
		x.boundary.forget()
		if err := x.batchEnd(); err != nil {
			return err
		}
		if !act.Sleep(x.soft, backoff(refusals, 10*time.Second)) {
			return nil
		}
		refusals++
	}
	return nil
}

// batch takes a batch the whole way to the producer, and ends the transaction where that is due.
func (x *transactional) batch(records []data.SourceRecord) error {
	if err := x.boundary.begin(len(records)); err != nil {
		return err
	}
	if err := x.send(records); err != nil {
		return err
	}
	return x.batchEnd()
}

func (x *transactional) send(records []data.SourceRecord) error {
	if len(records) == 0 {
		return nil
	}
	return x.lane.Batch(host.Convert, whereSource(records), func() (int, error) { return len(records), x.sendAll(records) })
}

func (x *transactional) sendAll(records []data.SourceRecord) error {
	x.noteTopic() // the note may have been reset since the last batch
	fates := make([]fate, len(records))
	var kept []data.SourceRecord // poll's slice is the task's again before the commit
	if x.recordCommitter != nil {
		kept = slices.Clone(records)
	}
	for i := range records {
		x.lane.At(i)
		rec, f := &records[i], &fates[i]
		goesOn, err := x.pipe.Convert(x.hard, rec, &f.rec)
		if err != nil {
			return err
		}
		if goesOn && x.letters.refuses(&f.rec) {
			if goesOn, err = false, x.letters.tooLarge(x.hard, rec, &f.rec); err != nil {
				return err
			}
		}
		if goesOn {
			if err := x.pass(rec, &f.rec); err != nil {
				return err
			}
		}
		if kept != nil {
			f.src, f.sent = &kept[i], goesOn
			x.fates = append(x.fates, f)
		}
		if x.boundary.marks != nil {
			if err := x.obey(x.hard, x.boundary.marks[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// pass hands one record over, into the transaction.
func (x *transactional) pass(src *data.SourceRecord, rec *kafka.Record) error {
	if rec.Topic != x.lastTopic {
		if err := x.topic(rec.Topic); err != nil {
			return err
		}
	}
	if err := x.failedSend(); err != nil {
		return err
	}
	if err := x.begin(); err != nil {
		return err
	}
	if err := x.produce(rec, x.promise); err != nil {
		return err
	}
	x.tracker.Set(src.SourcePartition, src.SourceOffset)
	return nil
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

func (x *transactional) begin() error {
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
	err = errs.Connect.Wrap(err, "Unrecoverable exception from producer send callback, topic %q", r.Topic)
	x.sendErr.CompareAndSwap(nil, &err)
}

// batchEnd is the end of a batch, also of one that didn't come.
func (x *transactional) batchEnd() error {
	what, err := x.boundary.endOfBatch()
	if err != nil {
		return err
	}
	return x.obey(x.hard, what)
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
	x.sendErr.Store(nil) // of a record that is gone now
	for _, f := range x.fates {
		f.sent = false
	}
	return nil
}

// commit commits records and offsets, and tells the task.
func (x *transactional) commit(ctx context.Context) error {
	pairs, err := offsets.Encode(x.spec.ID.Connector, x.tracker.Committable().Offsets)
	if err != nil {
		return err
	}
	if x.open || len(pairs) > 0 {
		if err := x.commitWith(ctx, pairs); err != nil {
			return err
		}
	}
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
func (x *transactional) commitWith(ctx context.Context, pairs []storage.Pair) error {
	records, err := x.journal.Begin(ctx, pairs)
	if err != nil {
		return err
	}
	if err := x.begin(); err != nil {
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

// judgeTime is how long a task that was fenced may look for the reason.
const judgeTime = 10 * time.Second

// judge makes of an error what an operator can act on. A producer is fenced when another took over
// its transactional id, or when its transaction was open for too long: the broker's answer is the
// same. A task that was replaced must not begin again, it would fence out the one that replaced it.
func (x *transactional) judge(err error) error {
	if kafka.Classify(err) != kafka.Fenced || x.lease.Check() != nil {
		return err
	}
	ctx, cancel := x.until(judgeTime)
	defer cancel()
	verr := x.verify(ctx)
	if errors.Is(verr, ErrSuperseded) {
		return errs.Lasting(errs.Connect.Wrap(err,
			"The task %s was fenced: a later generation of the connector's tasks writes with its transactional id %s. "+
				"What its last transaction held is not visible to consumers that read what is committed, and the later task begins from the "+
				"offsets before it, so that nothing is lost or doubled",
			x.spec.ID, x.env.ExactlyOnce.transactionalID(x.spec.ID)))
	}
	if verr != nil {
		return errs.Connect.Wrap(errors.Join(verr, err),
			"The task %s was fenced: another producer used its transactional id %s, or it did not finish writing before its producer transaction "+
				"expired. What its last transaction held is not visible to consumers that read what is committed",
			x.spec.ID, x.env.ExactlyOnce.transactionalID(x.spec.ID))
	}
	if strings.HasSuffix(kafka.ClassName(err), ".ProducerFencedException") || strings.HasSuffix(kafka.ClassName(err), ".InvalidProducerEpochException") {
		return errs.Connect.Wrap(err,
			"The task %s was unable to finish writing records to Kafka before its producer transaction expired, or another producer used its "+
				"transactional id %s. It may be necessary to reconfigure this connector in order for it to run healthily with exactly-once "+
				"support. Options for this include: tune the connector's producer configuration for higher throughput, increase the transaction "+
				"timeout for the connector's producers (producer.override.transaction.timeout.ms), decrease the offset commit interval "+
				"(if using interval-based transaction boundaries), or use the 'poll' transaction boundary (if the connector is not already "+
				"configured to use it)",
			x.spec.ID, x.env.ExactlyOnce.transactionalID(x.spec.ID))
	}
	return err
}
