package task

import (
	"context"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
)

// joining lets batches that follow one another closely share a transaction, where transactions end with
// poll's batches: a commit costs the brokers and the task the same however little it is of. A batch is
// committed at once unless the last commit has just been; then its transaction stays open, for the batches
// that come until that commit is `within` ago. A task that takes longer over its next batch does not keep
// the transaction open: an alarm ends it meanwhile, on a goroutine of its own.
//
// A batch goes to the producer when all of it has been converted: one that fails the task leaves those
// before it whole in the transaction, which is committed, as it was long ago in Kafka Connect.
//
// Tasks that are told of commits or of each record keep a transaction for each batch: they are told when
// poll's batch is committed and before the next poll, as in Kafka Connect. So do those with a dead letter
// topic, whose letters go into the transaction one by one.
type joining struct {
	within time.Duration // 0: a transaction for each batch
	last   time.Time     // end of the last commit
	alarm  *time.Timer   // of the transaction under way, nil if none is set
	late   error         // of a commit that an alarm made
	held   []heldRecord  // of the batch under way, converted and not yet with the producer
	broken bool          // a batch is in the transaction in part, or its end was tried and failed
	// turn holds a token while the loop, or an alarm, has the transaction to itself; the loop gives it away
	// while the task polls.
	turn chan struct{}
	over chan struct{} // closed when the loop has ended: it keeps the token
}

// heldRecord is the i-th record of a batch.
type heldRecord struct {
	i   int
	src *data.SourceRecord
}

func (j *joining) hold(i int, src *data.SourceRecord) { j.held = append(j.held, heldRecord{i, src}) }

// newJoining is for a loop that has the turn.
func newJoining(s *source, conf *settings.SourceSettings) joining {
	if conf.Boundary != settings.BoundaryPoll || conf.BoundaryJoin == 0 ||
		s.committer != nil || s.recordCommitter != nil || s.letters != nil {
		return joining{}
	}
	j := joining{within: conf.BoundaryJoin, turn: make(chan struct{}, 1), over: make(chan struct{})}
	j.turn <- struct{}{}
	return j
}

// waits reports whether a transaction that could be committed may wait for more.
func (j *joining) waits() bool { return j.within > 0 && time.Since(j.last) < j.within }

// committed is the end of a transaction, however it went.
func (j *joining) committed() {
	if j.within == 0 {
		return
	}
	if j.alarm != nil {
		j.alarm.Stop() // one that has begun will see that there is nothing to do
		j.alarm = nil
	}
	j.last = time.Now()
}

// putHeld hands a batch that has been converted to the producer.
func (x *transactional) putHeld() error {
	for n, h := range x.joining.held {
		x.joining.broken = n > 0
		if err := x.put(&x.slab[h.i].rec, h.src); err != nil {
			return err
		}
	}
	x.joining.broken = false
	clear(x.joining.held) // the records are the task's again
	x.joining.held = x.joining.held[:0]
	return nil
}

// saveWhole commits the whole batches of a task that fails for a reason of its own. It never tries a commit
// again that failed: the tracker has handed the offsets out, so that records would go without them.
func (x *transactional) saveWhole(ctx context.Context, why error) {
	j := &x.joining
	if j.within == 0 || !x.open || j.broken || x.failedSend() != nil || kafka.Classify(why) == kafka.Fenced {
		return
	}
	if err := x.guard(func() error { return x.commit(ctx) }); err != nil {
		x.log.Warn("batches polled before the failure could not be committed, they will be read again", "err", err)
	}
}

// polling gives the transaction away for as long as the task polls.
func (x *transactional) polling() {
	j := &x.joining
	if j.within == 0 {
		return
	}
	if x.open && j.alarm == nil {
		j.alarm = time.AfterFunc(max(0, j.within-time.Since(j.last)), x.overdue)
	}
	<-j.turn
}

// polled takes it back. The error is that of a commit which was made meanwhile.
func (x *transactional) polled() error {
	if x.joining.within == 0 {
		return nil
	}
	x.joining.turn <- struct{}{}
	return x.joining.late
}

// overdue commits what waits for more, while the task polls.
func (x *transactional) overdue() {
	j := &x.joining
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	case <-j.over:
		return
	}
	if !x.open || j.waits() || j.late != nil || x.lease.Check() != nil { // it was committed while this waited for its turn
		return
	}
	j.late = x.guard(func() error { return x.commit(x.hard) })
}

// endJoining has nothing committed any more but by the loop, whose turn it is.
func (x *transactional) endJoining() {
	if x.joining.within == 0 {
		return
	}
	if x.joining.alarm != nil {
		x.joining.alarm.Stop()
	}
	close(x.joining.over)
}
