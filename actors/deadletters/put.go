package deadletters

import (
	"errors"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Sieve finds the records that make put fail (errors.deadletterqueue.put.enable). It belongs to the
// sink's runner; nil is a sink without.
//
// A batch that fails is halved, and each half that fails again, until the record is alone. That a record
// fails alone doesn't make it bad: the target may be down, and then every record does. So it is only
// suspect until another record is taken, in the same batch or a later one; then it becomes a dead letter.
// Until then no offset from it on is committed. If as many as limit fail in a row, or no record is taken
// within suspectWait, it's an outage: the task fails as it would have, the suspects are neither committed
// nor dead letters, and come again.
//
// Halves are put in order and before anything else, so the order of a partition's records is kept. What
// put did of a batch before it failed is done again with its halves, as after a restart.
type Sieve struct {
	// Limit is how many records may fail in a row, each alone (errors.deadletterqueue.put.failures).
	Limit int
	// Sink is the task that put belongs to.
	Sink Putter

	streak   int // records that failed alone since one was taken
	proof    bool
	suspects []suspect
	until    time.Time // of the suspects; zero if there are none
}

// Putter is what the sieve wants of a sink task.
type Putter interface {
	// Put gives records to the task.
	Put(records []data.SinkRecord) error
	// Took is told of records that the task has taken; all before them are dealt with.
	Took(records []data.SinkRecord)
	// Blames reports whether an error of put may be due to a record: not if it may pass, nor if the task
	// is being stopped or has to fail anyway.
	Blames(err error) bool
	// Original is the record as it was consumed.
	Original(r data.SinkRecord) (*kafka.Record, error)
	// Report makes a dead letter.
	Report(problem pipeline.Problem) error
}

// suspect is a record that failed alone.
type suspect struct {
	raw *kafka.Record
	err error
}

// suspectWait is how long a record may stay suspect. Longer than most pauses of a topic in use, so that the
// next record shows what is the matter; short enough for an outage to be seen as one.
const suspectWait = time.Minute

var errOutage = errors.New("no other record was taken, so this is taken for a failure of the target, not of single records; " +
	"nothing of it is committed or in the dead letter queue")

// Waits reports whether there are suspects.
func (p *Sieve) Waits() bool { return p != nil && len(p.suspects) > 0 }

// Until is when suspects that are there must be cleared up.
func (p *Sieve) Until() time.Time { return p.until }

// Overdue is the failure of a task whose suspects were not cleared up in time. Time doesn't count while
// nothing is put anyway.
func (p *Sieve) Overdue(now time.Time, idle bool) error {
	switch {
	case !p.Waits():
		return nil
	case idle:
		p.until = now.Add(suspectWait)
		return nil
	case now.Before(p.until):
		return nil
	}
	return errs.Connect.Wrap(errors.Join(p.suspects[0].err, errOutage), "Exiting WorkerSinkTask due to unrecoverable exception")
}

// Forget drops suspects that come again, here or elsewhere.
func (p *Sieve) Forget(gone func(data.TopicPartition) bool) {
	if p == nil {
		return
	}
	p.suspects = slices.DeleteFunc(p.suspects, func(s suspect) bool {
		return gone(data.TopicPartition{Topic: s.raw.Topic, Partition: s.raw.Partition})
	})
}

// Sift goes on from what put said of the batch: with nil if every record was taken or is a suspect or dead
// letter, else with the error that counts. rest is what isn't dealt with then.
func (p *Sieve) Sift(batch []data.SinkRecord, err error) (rest []data.SinkRecord, _ error) {
	if err == nil {
		p.streak = 0
		return batch, p.bury()
	}
	if !p.Sink.Blames(err) {
		return batch, err
	}
	p.proof = false
	next, err := p.halve(batch, 0, len(batch), err)
	if err != nil {
		return slices.Delete(batch, 0, next), err
	}
	if p.proof {
		return batch, p.bury()
	}
	return batch, nil
}

// halve deals with the part of the batch from lo to hi, of which put failed with err. next is the first
// record that isn't dealt with when there is an error.
func (p *Sieve) halve(batch []data.SinkRecord, lo, hi int, err error) (next int, _ error) {
	if hi-lo == 1 {
		return lo, p.suspect(batch[lo], err)
	}
	mid := lo + (hi-lo)/2
	for _, half := range [2][2]int{{lo, mid}, {mid, hi}} {
		from, to := half[0], half[1]
		err := p.Sink.Put(batch[from:to])
		switch {
		case err == nil:
			p.streak, p.proof = 0, true
			if err := p.bury(); err != nil {
				return to, err
			}
			p.Sink.Took(batch[from:to])
		case !p.Sink.Blames(err):
			return from, err
		default:
			if next, err := p.halve(batch, from, to, err); err != nil {
				return next, err
			}
		}
	}
	return hi, nil
}

// suspect takes note of a record that failed alone. An error is the end of the task.
func (p *Sieve) suspect(r data.SinkRecord, err error) error {
	if p.streak++; p.streak >= p.Limit {
		return errs.Connect.Wrap(errors.Join(err, errOutage), "put failed for %d records in a row, each on its own", p.streak)
	}
	raw, rerr := p.Sink.Original(r)
	if rerr != nil {
		return errors.Join(err, rerr)
	}
	if len(p.suspects) == 0 {
		p.until = time.Now().Add(suspectWait)
	}
	p.suspects = append(p.suspects, suspect{raw, err})
	return nil
}

// bury makes dead letters of the suspects.
func (p *Sieve) bury() error {
	for _, one := range p.suspects {
		if err := p.Sink.Report(ofPut(one.raw, one.err)); err != nil {
			return err
		}
	}
	clear(p.suspects)
	p.suspects = p.suspects[:0]
	return nil
}
