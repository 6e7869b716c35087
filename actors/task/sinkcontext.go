package task

import (
	"log/slog"
	"maps"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// sinkContext is the task's side of the sink, to be used within the task's calls.
type sinkContext struct{ s *sink }

func (c *sinkContext) Offset(o connectors.Offsets) {
	if c.s.rewinds == nil {
		c.s.rewinds = kafka.Offsets{}
	}
	maps.Copy(c.s.rewinds, kafka.Offsets(o))
}

func (c *sinkContext) Timeout(d time.Duration) { c.s.taskTimeout = d }

func (c *sinkContext) Assignment() []data.TopicPartition { return c.s.partitions() }

func (c *sinkContext) Pause(tps ...data.TopicPartition) error {
	if err := c.owned("pause", tps); err != nil {
		return err
	}
	for _, tp := range tps {
		c.s.pausedByUs[tp] = true
	}
	c.s.consumer.Pause(tps...)
	return nil
}

func (c *sinkContext) Resume(tps ...data.TopicPartition) error {
	if err := c.owned("resume", tps); err != nil {
		return err
	}
	for _, tp := range tps {
		delete(c.s.pausedByUs, tp)
	}
	if !c.s.paused && !c.s.redeliver {
		c.s.consumer.Resume(tps...)
	}
	return nil
}

func (c *sinkContext) owned(verb string, tps []data.TopicPartition) error {
	for _, tp := range tps {
		if !c.s.assigned[tp] {
			return errs.IllegalState.New("SinkTasks may not %s partitions that are not currently assigned to them: %s-%d", verb, tp.Topic, tp.Partition)
		}
	}
	return nil
}

func (c *sinkContext) RequestCommit() { c.s.commitAsked = true }

func (c *sinkContext) Logger() *slog.Logger { return c.s.log }

func (c *sinkContext) Config() map[string]string { return c.s.props }

func (c *sinkContext) Reporter() connectors.ErrantRecordReporter {
	if c.s.reporter == nil {
		return nil
	}
	return c.s.reporter
}
