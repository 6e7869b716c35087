package task

import (
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// preCommit asks the task what may be committed, of what it was given.
func (s *sink) preCommit(offsets kafka.Offsets) (kafka.Offsets, error) {
	if len(offsets) == 0 {
		return nil, nil
	}
	if err := s.settleReports(offsets); err != nil {
		return nil, err
	}
	asked := maps.Clone(offsets)
	safe := connectors.Offsets(offsets)
	var err error
	switch t := s.task.(type) {
	case connectors.PreCommitter:
		err = s.lane.Call(host.PreCommit, func() (err error) {
			safe, err = t.PreCommit(s.hard, connectors.Offsets(offsets))
			return err
		})
	case connectors.Flusher:
		err = s.lane.Call(host.PreCommit, func() error { return t.Flush(s.hard, connectors.Offsets(offsets)) })
	}
	if err == nil {
		err = s.settleReports(asked) // of what the task found out only now
	}
	if err != nil {
		return nil, err
	}
	return acceptable(safe, asked, s.committed, s.log), nil
}

// settleReports waits for the reports of failed records of the partitions, so that none is lost
// when its offset is committed. What did not get into the dead letter queue fails the task.
func (s *sink) settleReports(offsets kafka.Offsets) error {
	if err := s.lostLetter(); err != nil { // the end of a task that fails for it commits no more
		return err
	}
	ctx, cancel := s.until(s.env.Worker.OffsetFlushTimeout)
	defer cancel()
	err := s.pending.Settle(ctx, func(tp data.TopicPartition) bool { return has(offsets, tp) })
	if err != nil && s.lost == nil && !errors.Is(err, pipeline.ErrUnfinished) {
		s.lost = errs.Connect.Wrap(err, "report of a failed record")
	}
	return err
}

// acceptable is what of the task's answer is to be committed: asked for, not ahead of what was
// taken, and news.
func acceptable(answer connectors.Offsets, asked, committed kafka.Offsets, log *slog.Logger) kafka.Offsets {
	out := kafka.Offsets{}
	for tp, o := range answer {
		limit, ok := asked[tp]
		switch {
		case !ok:
			log.Warn("preCommit returned an offset of a partition that it was not asked about", "topic", tp.Topic, "partition", tp.Partition)
		case o > limit:
			log.Warn("preCommit returned an offset beyond what was put, ignored", "topic", tp.Topic, "partition", tp.Partition, "offset", o, "put", limit)
		case committed[tp] != o || !has(committed, tp):
			out[tp] = o
		}
	}
	return out
}

func has(o kafka.Offsets, tp data.TopicPartition) bool { _, ok := o[tp]; return ok }

// commitAsync begins a commit; settleCommit sees to its end.
func (s *sink) commitAsync(now time.Time) error {
	s.commitAsked = false
	s.nextCommit = now.Add(s.env.Worker.OffsetFlushInterval)
	s.commits.mu.Lock()
	busy := s.commits.pending != nil
	s.commits.mu.Unlock()
	if busy || len(s.current) == 0 {
		return nil
	}
	safe, err := s.preCommit(maps.Clone(s.current))
	if errors.Is(err, pipeline.ErrUnfinished) {
		s.log.Warn("offsets not committed, the next interval tries again", "err", err)
		return nil
	}
	if err != nil {
		s.log.Error("offsets not committed: preCommit failed; reading on from the last commit", "err", err)
		s.numbers.Committed(false, time.Since(now), time.Now().UnixMilli())
		return s.backToCommitted()
	}
	if len(safe) == 0 {
		return nil
	}
	s.commits.mu.Lock()
	s.commits.seq++
	seq := s.commits.seq
	s.commits.pending, s.commits.begun, s.commits.done = safe, now, false
	s.commits.mu.Unlock()
	s.consumer.CommitAsync(s.hard, maps.Clone(safe), func(err error) {
		s.commits.mu.Lock()
		defer s.commits.mu.Unlock()
		if s.commits.seq == seq {
			s.commits.done, s.commits.err, s.commits.ended = true, err, time.Now()
		} else if s.numbers != nil { // it was given up, and an answer that late says nothing
			s.numbers.Sink.Skipped(time.Now().UnixMilli())
		}
	})
	return nil
}

// backToCommitted makes the task see again what was not committed.
func (s *sink) backToCommitted() error {
	to := kafka.Offsets{}
	for tp, o := range s.committed {
		if s.assigned[tp] {
			to[tp], s.consumed[tp], s.current[tp] = o, o, o
		}
	}
	s.dropBatch()
	s.sieve.Forget(func(tp data.TopicPartition) bool { return has(to, tp) })
	if len(to) == 0 {
		return nil
	}
	return s.consumer.Seek(to)
}

// settleCommit takes note of a commit that was answered, or gives up one that takes too long.
func (s *sink) settleCommit(now time.Time) {
	s.commits.mu.Lock()
	defer s.commits.mu.Unlock()
	c := &s.commits
	switch {
	case c.pending == nil:
	case c.done:
		s.countCommit(c.err, int64(c.seq), c.ended.Sub(c.begun))
		if c.err != nil {
			s.log.Error("offsets not committed, the next interval tries again", "err", c.err)
		} else {
			for tp, o := range c.pending {
				if s.assigned[tp] {
					s.committed[tp] = o
				}
			}
		}
		c.pending, c.err = nil, nil
	case now.Sub(c.begun) > s.env.Worker.OffsetFlushTimeout:
		s.log.Warn("commit of offsets got no answer in time, the next interval tries again", "after", now.Sub(c.begun))
		s.numbers.Committed(false, now.Sub(c.begun), now.UnixMilli())
		c.pending = nil
		c.seq++
	}
}
