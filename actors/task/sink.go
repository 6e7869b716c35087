package task

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// sink is the runner of a sink task: consume, convert, put; commit what the task says is safe.
// Everything but the fields of signals belongs to the runner goroutine.
type sink struct {
	*runner
	task     connectors.SinkTask
	props    map[string]string // the task's, resolved
	pipe     pipeline.Sink
	consumer *kafka.Consumer

	batch     []data.SinkRecord // converted, not yet taken by the task
	redeliver bool              // batch was refused: the same again, nothing new
	refusals  int               // of this batch

	consumed   kafka.Offsets // next offset of what was consumed, dropped records too
	current    kafka.Offsets // the same, of what the task has taken
	committed  kafka.Offsets
	assigned   map[data.TopicPartition]bool
	pausedByUs map[data.TopicPartition]bool // by the task, through its context

	rewinds     kafka.Offsets
	taskTimeout time.Duration // 0: none
	paused      bool          // the connector is
	commitAsked bool
	nextCommit  time.Time

	without     time.Time // since when it has no partitions; zero if it has some
	withoutTold bool

	commits  signals
	activeAt time.Time // of countActive

	lastTopic string // noted last
	pending   pipeline.Pending
	lost      error                 // a report that failed: the task is to fail
	reporter  *deadletters.Reporter // nil without a dead letter queue or errors.log.enable
	sieve     *deadletters.Sieve    // nil unless records that make put fail are dead letters
	refused   atomic.Pointer[error] // the first dead letter that Kafka refused
}

// signals is what comes from other goroutines.
type signals struct {
	mu      sync.Mutex
	seq     int           // of the newest commit
	pending kafka.Offsets // of the commit under way, nil if none
	begun   time.Time
	ended   time.Time // when the answer came
	done    bool
	err     error
}

func newSink(r *runner, t connectors.SinkTask, props map[string]string, c *kafka.Consumer, pipe pipeline.Sink) *sink {
	return &sink{
		runner: r, task: t, props: props, consumer: c, pipe: pipe,
		consumed: kafka.Offsets{}, current: kafka.Offsets{}, committed: kafka.Offsets{},
		assigned: map[data.TopicPartition]bool{}, pausedByUs: map[data.TopicPartition]bool{},
	}
}

func (s *sink) wake() { s.consumer.Wakeup() }

// flush does nothing: a sink commits on its runner.
func (s *sink) flush(context.Context) error { return nil }

func (s *sink) run() (err error) {
	defer func() {
		ctx, cancel := s.until(s.env.Worker.OffsetFlushTimeout)
		defer cancel()
		if cerr := s.consumer.Close(ctx); cerr != nil && err == nil && !s.stopping() {
			err = cerr
		}
	}()
	s.lease.OnShut(func() { go s.leave() })
	tc := &sinkContext{s}
	if err := s.start(func(ctx context.Context) error { return s.task.Start(ctx, tc, s.props) }); err != nil {
		s.stopTask()
		return err
	}
	s.tell(state.Running)
	s.without = time.Now()
	s.nextCommit = s.without.Add(s.env.Worker.OffsetFlushInterval)
	err = s.guard(s.loop)
	// Also after a failure, as on the JVM: what the task took before is committed, it is closed and
	// stopped.
	if cerr := s.guard(s.closeAll); cerr != nil {
		if err == nil {
			err = cerr
		} else {
			s.log.Warn("task did not close cleanly after its failure", "err", cerr)
		}
	}
	s.stopTask()
	return err
}

// leaveTimeout is how long an incarnation that was given up tries to leave its group.
const leaveTimeout = 10 * time.Second

// leave gives back the partitions of an incarnation that was given up: its put may hang for ever, and
// until max.poll.interval.ms nobody else would get them. Of one that ended by itself there is nothing
// left to do.
func (s *sink) leave() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.hard), leaveTimeout)
	defer cancel()
	if err := s.consumer.Close(ctx); err != nil {
		s.log.Warn("consumer of a task that was given up did not leave its group; its partitions stay where they are until its session ends", "err", err)
	}
}

func (s *sink) stopTask() {
	ctx, cancel := s.until(s.env.Worker.TaskShutdownTimeout)
	defer cancel()
	if err := s.lane.Call(host.Stop, func() error { return s.task.Stop(ctx) }); err != nil {
		s.log.Warn("task's stop failed", "err", err)
	}
}

// loop is one round after another: commit if it is time, poll, convert, put.
func (s *sink) loop() error {
	for !s.stopping() {
		now := time.Now()
		if err := s.follow(); err != nil {
			return err
		}
		s.sayWithout(now)
		s.settleCommit(now)
		s.countActive(now)
		if err := s.lostLetter(); err != nil {
			return err
		}
		if err := s.sieve.Overdue(now, s.paused || s.redeliver); err != nil {
			return err
		}
		if s.commitAsked || !now.Before(s.nextCommit) {
			if err := s.commitAsync(now); err != nil {
				return err
			}
			if err := s.lostLetter(); err != nil {
				return err // else what was put would be put once more before that is seen
			}
		}
		if err := s.rewind(); err != nil {
			return err
		}
		polled, err := s.poll(now)
		if err != nil {
			return err
		}
		if err := s.convert(polled.Records); err != nil {
			return err
		}
		if polled.Rebalance != nil {
			if err := s.rebalance(polled.Rebalance); err != nil {
				return err
			}
		}
		if s.stopping() {
			return nil
		}
		if err := s.put(); err != nil {
			return err
		}
	}
	return nil
}

// follow makes the wish for PAUSED or RUNNING come true.
func (s *sink) follow() error {
	want := s.gate.isPaused()
	if want == s.paused {
		return nil
	}
	s.paused = want
	if want {
		s.consumer.Pause(s.partitions()...)
		s.commitAsked = true
		s.tell(state.Paused)
		return nil
	}
	if !s.redeliver {
		s.resumeUnpaused()
	}
	s.tell(state.Running)
	return nil
}

func (s *sink) partitions() []data.TopicPartition {
	return slices.SortedFunc(maps.Keys(s.assigned), comparePartitions)
}

// resumeUnpaused lets flow what the task itself has not paused.
func (s *sink) resumeUnpaused() {
	var tps []data.TopicPartition
	for tp := range s.assigned {
		if !s.pausedByUs[tp] {
			tps = append(tps, tp)
		}
	}
	s.consumer.Resume(tps...)
}

func (s *sink) rewind() error {
	if len(s.rewinds) == 0 {
		return nil
	}
	to := kafka.Offsets{}
	for tp, o := range s.rewinds {
		if s.assigned[tp] {
			to[tp], s.consumed[tp], s.current[tp], s.committed[tp] = o, o, o, o
		}
	}
	s.rewinds = nil
	if len(to) == 0 {
		return nil
	}
	s.sieve.Forget(func(tp data.TopicPartition) bool { return has(to, tp) })
	return s.consumer.Seek(to)
}

// poll waits for records until the next commit is due or the task wants its turn.
func (s *sink) poll(now time.Time) (kafka.Polled, error) {
	wait := s.nextCommit.Sub(now)
	if !s.without.IsZero() && !s.withoutTold {
		wait = min(wait, s.without.Add(withoutWarn).Sub(now))
	}
	if s.sieve.Waits() {
		wait = min(wait, s.sieve.Until().Sub(now))
	}
	switch {
	case s.taskTimeout > 0:
		wait = min(wait, s.taskTimeout)
		s.taskTimeout = 0
	case s.redeliver:
		// The JVM waits for the next commit here, up to a minute. A task that names no time-out
		// gets its batch again sooner.
		wait = min(wait, backoff(s.refusals+3, 30*time.Second))
	}
	ctx, cancel := context.WithTimeout(s.soft, max(wait, 0))
	defer cancel()
	for {
		polled, err := s.consumer.Poll(ctx, 0)
		switch {
		case err == nil:
			// While a batch waits, everything is paused: whatever else wakes us up must not make the
			// same batch come again at once.
			if s.redeliver && polled.Rebalance == nil && ctx.Err() == nil && !s.gate.changed(s.paused) {
				continue
			}
			return polled, nil
		case s.stopping():
			return kafka.Polled{}, nil
		case kafka.Classify(err) == kafka.Retriable:
			s.log.Warn("poll failed, trying again", "err", err)
			if !act.Sleep(s.soft, time.Second) {
				return kafka.Polled{}, nil
			}
		default:
			return kafka.Polled{}, errs.Connect.Wrap(err, "consumer of %s", s.spec.ID)
		}
	}
}

// convert appends what was polled to the batch. Maps are touched once per run of records of one
// partition, not per record.
func (s *sink) convert(records []*kafka.Record) error {
	if len(records) == 0 {
		return nil
	}
	s.countRead(records)
	where := func(i int) string { return deadletters.WhereConsumed(records[i]) }
	return s.lane.Batch(host.Convert, where, func() (int, error) { return len(records), s.convertAll(records) })
}

func (s *sink) convertAll(records []*kafka.Record) error {
	s.batch = slices.Grow(s.batch, len(records))
	run := records[0]
	s.lastTopic = "" // noted anew with every batch: the note may have been reset
	for i, r := range records {
		s.lane.At(i)
		if r.Partition != run.Partition || r.Topic != run.Topic {
			s.consumed[data.TopicPartition{Topic: run.Topic, Partition: run.Partition}] = run.Offset + 1
		}
		run = r
		if r.Topic != s.lastTopic {
			s.lastTopic = r.Topic
			if s.env.Topics != nil {
				s.env.Topics(s.spec.ID, r.Topic)
			}
		}
		n := len(s.batch)
		s.batch = s.batch[:n+1]
		kept, err := s.pipe.Convert(s.hard, r, &s.batch[n])
		if err != nil {
			return err
		}
		if !kept {
			s.batch = s.batch[:n]
		}
	}
	s.consumed[data.TopicPartition{Topic: run.Topic, Partition: run.Partition}] = run.Offset + 1
	return nil
}

// lostLetter is the error of a report that got lost, or is bound to be: its record must not be committed, so
// the task fails, and at once, since it would only do more that has to be done again.
func (s *sink) lostLetter() error {
	if s.lost == nil {
		if err := s.refused.Load(); err != nil {
			s.lost = errs.Connect.Wrap(*err, "report of a failed record")
		}
	}
	return s.lost
}

// letterRefused is told by the dead letter queue's producer, on its goroutine.
func (s *sink) letterRefused(err error) {
	if s.refused.CompareAndSwap(nil, &err) {
		s.consumer.Wakeup()
	}
}

// put gives the batch to the task, also an empty one, so that it can act on time.
func (s *sink) put() error {
	err := s.Put(s.batch)
	if s.sieve != nil && len(s.batch) > 0 {
		if err != nil && s.Blames(err) {
			s.log.Warn("put failed, looking for the records that it fails for", "records", len(s.batch), "err", err)
		}
		s.batch, err = s.sieve.Sift(s.batch, err)
	}
	if s.reporter != nil && (err == nil || !retriable(err)) {
		if rerr := s.reporter.Failed(); rerr != nil {
			return rerr // also if the task swallowed it
		}
	}
	switch {
	case err == nil:
		s.countPut()
		if !s.sieve.Waits() {
			maps.Copy(s.current, s.consumed)
		}
		s.dropBatch()
		s.refusals = 0
		if s.redeliver {
			s.redeliver = false
			if !s.paused {
				s.resumeUnpaused()
			}
		}
		return nil
	case s.stopping():
		return nil // not taken, so not committed
	case retriable(err):
		if !s.redeliver {
			s.log.Warn("put refused a batch, the same again soon", "records", len(s.batch), "err", err)
			s.redeliver = true
			s.consumer.Pause(s.partitions()...)
		}
		s.refusals++
		return nil
	}
	return callFailed(err, "Exiting WorkerSinkTask due to unrecoverable exception")
}

func (s *sink) rebalance(r *kafka.Rebalance) error {
	s.log.Debug("partitions changed", "how", r.Kind.String(), "partitions", r.Partitions)
	switch r.Kind {
	case kafka.Assigned:
		return s.opened(r)
	case kafka.Revoked:
		// What was polled before still counts: give it to the task first, so that it is committed.
		err := error(nil)
		if !s.redeliver {
			err = s.put()
		}
		if err == nil {
			err = s.closePartitions(r.Partitions, true)
		}
		r.Done(nil)
		return err
	default:
		err := s.closePartitions(r.Partitions, false)
		r.Done(nil)
		return err
	}
}

func (s *sink) opened(r *kafka.Rebalance) error {
	defer s.countPartitions()
	if len(r.Partitions) > 0 {
		s.hasPartitions()
	}
	for _, tp := range r.Partitions {
		s.assigned[tp] = true
		if o, ok := r.Position[tp]; ok {
			s.consumed[tp], s.current[tp], s.committed[tp] = o, o, o
		}
	}
	seek := kafka.Offsets{}
	var err error
	if opener, ok := s.task.(connectors.PartitionOpener); ok && len(r.Partitions) > 0 {
		err = s.lane.Call(host.Open, func() error { return opener.Open(s.soft, r.Partitions) })
		for tp, o := range s.rewinds {
			if s.assigned[tp] {
				seek[tp], s.consumed[tp], s.current[tp], s.committed[tp] = o, o, o, o
			}
		}
		s.rewinds = nil
	}
	if s.paused || s.redeliver {
		s.consumer.Pause(r.Partitions...)
	}
	r.Done(seek)
	return err
}

// closeAll is the last commit of a task that ends.
func (s *sink) closeAll() error {
	tps := s.partitions()
	if len(tps) == 0 || s.lease.Check() != nil {
		return nil
	}
	return s.closePartitions(tps, true)
}

// closePartitions takes partitions from the task: commit what is safe, unless they are lost
// already, close, and forget them.
func (s *sink) closePartitions(tps []data.TopicPartition, commit bool) error {
	var safe kafka.Offsets
	if commit {
		offsets := kafka.Offsets{}
		for _, tp := range tps {
			if o, ok := s.current[tp]; ok {
				offsets[tp] = o
			}
		}
		var err error
		if safe, err = s.preCommit(offsets); err != nil {
			s.log.Error("offsets of closing partitions not committed: preCommit failed", "err", err)
			safe = nil
		}
	}
	err := s.closeTask(tps)
	if len(safe) > 0 {
		ctx, cancel := s.until(s.env.Worker.OffsetFlushTimeout)
		defer cancel()
		begun := time.Now()
		cerr := s.consumer.Commit(ctx, safe)
		s.countCommit(cerr, int64(s.commits.seq), time.Since(begun))
		if cerr != nil {
			s.log.Error("offsets of closing partitions not committed, their records will come again", "err", cerr)
		} else {
			maps.Copy(s.committed, safe)
		}
	}
	s.pending.Forget(tps)
	s.sieve.Forget(func(tp data.TopicPartition) bool { return slices.Contains(tps, tp) })
	for _, tp := range tps {
		delete(s.assigned, tp)
		delete(s.consumed, tp)
		delete(s.current, tp)
		delete(s.committed, tp)
		delete(s.pausedByUs, tp)
	}
	s.countPartitions()
	if len(s.assigned) == 0 && s.without.IsZero() {
		s.without = time.Now()
	}
	s.batch = slices.DeleteFunc(s.batch, func(r data.SinkRecord) bool {
		return !s.assigned[data.TopicPartition{Topic: r.OriginalTopic, Partition: r.OriginalPartition}]
	})
	return err
}

func (s *sink) closeTask(tps []data.TopicPartition) error {
	closer, ok := s.task.(connectors.PartitionCloser)
	if !ok {
		return nil
	}
	ctx, cancel := s.until(s.env.Worker.TaskShutdownTimeout)
	defer cancel()
	return s.lane.Call(host.Close, func() error { return closer.Close(ctx, tps) })
}

// dropBatch lets go of the batch and its values.
func (s *sink) dropBatch() {
	clear(s.batch)
	s.batch = s.batch[:0]
}

func comparePartitions(a, b data.TopicPartition) int {
	if a.Topic != b.Topic {
		if a.Topic < b.Topic {
			return -1
		}
		return 1
	}
	return int(a.Partition - b.Partition)
}
