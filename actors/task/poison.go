package task

import (
	"errors"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// poison finds the records that make put fail (errors.deadletterqueue.put.enable). It belongs to the
// sink's runner; nil is a sink without.
//
// A batch that fails is halved, and each half that fails again, until the record is alone. That a record
// fails alone doesn't make it bad: the target may be down, and then every record does. So it is only
// suspect until another record is taken, in the same batch or a later one; then it becomes a dead letter.
// Until then no offset from it on is committed. If as many as limit fail in a row, or no record is taken
// within poisonWait, it's an outage: the task fails as it would have, the suspects are neither committed
// nor dead letters, and come again.
//
// Halves are put in order and before anything else, so the order of a partition's records is kept. What
// put did of a batch before it failed is done again with its halves, as after a restart.
type poison struct {
	limit    int // of streak
	streak   int // records that failed alone since one was taken
	proof    bool
	suspects []suspect
	until    time.Time // of the suspects; zero if there are none
}

// suspect is a record that failed alone.
type suspect struct {
	raw *kafka.Record
	err error
}

// poisonWait is how long a record may stay suspect. Longer than most pauses of a topic in use, so that the
// next record shows what is the matter; short enough for an outage to be seen as one.
const poisonWait = time.Minute

var errNoPoison = errors.New("no other record was taken, so this is taken for a failure of the target, not of single records; " +
	"nothing of it is committed or in the dead letter queue")

// waits reports whether there are suspects.
func (p *poison) waits() bool { return p != nil && len(p.suspects) > 0 }

// overdue is the failure of a task whose suspects were not cleared up in time. Time doesn't count while
// nothing is put anyway.
func (p *poison) overdue(now time.Time, idle bool) error {
	switch {
	case !p.waits():
		return nil
	case idle:
		p.until = now.Add(poisonWait)
		return nil
	case now.Before(p.until):
		return nil
	}
	return errs.Connect.Wrap(errors.Join(p.suspects[0].err, errNoPoison), "Exiting WorkerSinkTask due to unrecoverable exception")
}

// forget drops suspects that come again, here or elsewhere.
func (p *poison) forget(gone func(data.TopicPartition) bool) {
	if p == nil {
		return
	}
	p.suspects = slices.DeleteFunc(p.suspects, func(s suspect) bool {
		return gone(data.TopicPartition{Topic: s.raw.Topic, Partition: s.raw.Partition})
	})
}

// sift goes on from what put said of the batch: with nil if every record was taken or is a suspect or dead
// letter, else with the error that counts. After one that is retriable the batch holds what is left of it.
func (s *sink) sift(err error) error {
	p := s.poison
	if err == nil {
		p.streak = 0
		return s.bury()
	}
	if !s.blames(err) {
		return err
	}
	s.log.Warn("put failed, looking for the records that it fails for", "records", len(s.batch), "err", err)
	p.proof = false
	next, err := s.halve(0, len(s.batch), err)
	if err != nil {
		s.batch = slices.Delete(s.batch, 0, next)
		return err
	}
	if p.proof {
		return s.bury()
	}
	return nil
}

// blames reports whether an error of put may be due to a record.
func (s *sink) blames(err error) bool {
	return !retriable(err) && !s.stopping() && s.reporter.failed() == nil
}

// halve deals with the part of the batch from lo to hi, of which put failed with err. next is the first
// record that isn't dealt with when there is an error.
func (s *sink) halve(lo, hi int, err error) (next int, _ error) {
	if hi-lo == 1 {
		return lo, s.suspect(s.batch[lo], err)
	}
	mid := lo + (hi-lo)/2
	for _, half := range [2][2]int{{lo, mid}, {mid, hi}} {
		from, to := half[0], half[1]
		err := s.give(s.batch[from:to])
		switch {
		case err == nil:
			if err := s.taken(s.batch[from:to]); err != nil {
				return to, err
			}
		case !s.blames(err):
			return from, err
		default:
			if next, err := s.halve(from, to, err); err != nil {
				return next, err
			}
		}
	}
	return hi, nil
}

// suspect takes note of a record that failed alone. An error is the end of the task.
func (s *sink) suspect(r data.SinkRecord, err error) error {
	p := s.poison
	if p.streak++; p.streak >= p.limit {
		return errs.Connect.Wrap(errors.Join(err, errNoPoison), "put failed for %d records in a row, each on its own", p.streak)
	}
	raw, rerr := s.reporter.original(r)
	if rerr != nil {
		return errors.Join(err, rerr)
	}
	if len(p.suspects) == 0 {
		p.until = time.Now().Add(poisonWait)
	}
	p.suspects = append(p.suspects, suspect{raw, err})
	return nil
}

// taken is told of a part of the batch that the task has taken. All before it is dealt with then.
func (s *sink) taken(part []data.SinkRecord) error {
	s.poison.streak, s.poison.proof = 0, true
	if err := s.bury(); err != nil {
		return err
	}
	for i := range part {
		r := &part[i]
		s.current[data.TopicPartition{Topic: r.OriginalTopic, Partition: r.OriginalPartition}] = r.OriginalOffset + 1
	}
	return nil
}

// bury makes dead letters of the suspects.
func (s *sink) bury() error {
	for _, one := range s.poison.suspects {
		problem := pipeline.Problem{
			Stage: pipeline.TaskPut, Class: sinkTaskClass, Err: one.err, Attempts: 1, Record: one.raw, Where: whereConsumed(one.raw),
		}
		if _, err := s.pipe.Policy.Report(s.hard, problem); err != nil {
			return err
		}
	}
	clear(s.poison.suspects)
	s.poison.suspects = s.poison.suspects[:0]
	return nil
}
