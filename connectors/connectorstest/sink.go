package connectorstest

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// SinkContract checks what every sink owes the worker.
type SinkContract struct {
	Sink connectors.Sink
	// Config is a configuration with which the connector works.
	Config map[string]string
	// Records are records that the sink writes.
	Records []data.SinkRecord
	// Wrong are configurations that must be refused, by the name of the case.
	Wrong map[string]map[string]string
	// Written, if set, is called when the records were written and flushed once, and the task is
	// stopped: to look at the target system.
	Written func(t *testing.T)
}

// Run runs the checks as subtests. It must not run beside other tests, whose goroutines it would
// take for those of the connector.
func (c SinkContract) Run(t *testing.T) {
	t.Run("description", func(t *testing.T) { describes(t, c.Sink, plugin.Sink) })
	t.Run("stop without start", c.stopWithoutStart)
	for name, props := range c.Wrong {
		t.Run("wrong settings/"+name, func(t *testing.T) { c.wrong(t, props) })
	}
	t.Run("context that ends", func(t *testing.T) { noGoroutineLeft(t, c.contextEnds) })
	t.Run("records", func(t *testing.T) { noGoroutineLeft(t, c.records) })
}

func (c SinkContract) stopWithoutStart(t *testing.T) {
	noGoroutineLeft(t, func(t *testing.T) {
		ok(t, "Stop of a connector", func() error { return c.Sink.Connector().Stop(t.Context()) })
		ok(t, "Stop of a task", func() error { return c.Sink.Task().Stop(t.Context()) })
	})
}

func (c SinkContract) wrong(t *testing.T, props map[string]string) {
	noGoroutineLeft(t, func(t *testing.T) {
		conn := c.Sink.Connector()
		refused(t, c.Sink.Config, props, conn, func() error {
			return conn.Start(t.Context(), NewConnectorContext(nil), maps.Clone(props))
		})
		ok(t, "Stop after a failed Start", func() error { return conn.Stop(t.Context()) })
	})
}

// partitions are those of the records, each with the offset behind its last record.
func (c SinkContract) partitions() (list []data.TopicPartition, offsets connectors.Offsets) {
	offsets = connectors.Offsets{}
	for _, r := range c.Records {
		tp := data.TopicPartition{Topic: r.OriginalTopic, Partition: r.OriginalPartition}
		if _, ok := offsets[tp]; !ok {
			list = append(list, tp)
		}
		offsets[tp] = r.OriginalOffset + 1
	}
	return list, offsets
}

// task starts a connector and the first of its tasks, with the records' partitions opened.
func (c SinkContract) task(t *testing.T) (task connectors.SinkTask, stop func()) {
	t.Helper()
	conn := c.Sink.Connector()
	ok(t, "Start of the connector", func() error {
		return conn.Start(t.Context(), NewConnectorContext(nil), maps.Clone(c.Config))
	})
	props := taskConfigs(t, conn.TaskConfigs)
	assigned, _ := c.partitions()
	task = c.Sink.Task()
	ok(t, "Start of the task", func() error {
		return task.Start(t.Context(), NewSinkTaskContext(props, assigned...), props)
	})
	if o, isOpener := task.(connectors.PartitionOpener); isOpener {
		ok(t, "Open", func() error { return o.Open(t.Context(), assigned) })
	}
	return task, func() {
		ctx := context.WithoutCancel(t.Context())
		if cl, isCloser := task.(connectors.PartitionCloser); isCloser {
			ok(t, "Close", func() error { return cl.Close(ctx, assigned) })
		}
		ok(t, "Stop of the task", func() error { return task.Stop(ctx) })
		ok(t, "Stop of the connector", func() error { return conn.Stop(ctx) })
	}
}

func (c SinkContract) contextEnds(t *testing.T) {
	task, stop := c.task(t)
	defer stop()
	err := within(t, callLimit, "Put with a context that has ended", func() error { return task.Put(ended(t), nil) })
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Put with a context that has ended: %v", err)
	}
	_, offsets := c.partitions()
	err = within(t, callLimit, "flush with a context that has ended", func() error { return flush(ended(t), t, task, offsets) })
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("flush with a context that has ended: %v", err)
	}
}

// flush does what the worker does before it commits.
func flush(ctx context.Context, t *testing.T, task connectors.SinkTask, offsets connectors.Offsets) error {
	switch f := task.(type) {
	case connectors.PreCommitter:
		safe, err := f.PreCommit(ctx, maps.Clone(offsets))
		if err != nil {
			return err
		}
		for tp, o := range safe {
			if most, assigned := offsets[tp]; !assigned || o > most {
				t.Errorf("PreCommit gives offset %d for %s-%d, of which %d was consumed", o, tp.Topic, tp.Partition, most)
			}
		}
	case connectors.Flusher:
		return f.Flush(ctx, maps.Clone(offsets))
	}
	return nil
}

func (c SinkContract) records(t *testing.T) {
	task, stop := c.task(t)
	defer func() {
		stop()
		if c.Written != nil && !t.Failed() {
			c.Written(t)
		}
	}()
	_, offsets := c.partitions()
	ok(t, "Put of no records", func() error { return task.Put(t.Context(), nil) })
	batch := make([]data.SinkRecord, len(c.Records))
	copy(batch, c.Records)
	ok(t, "Put", func() error { return task.Put(t.Context(), batch) })
	// The slice is the worker's again: what the task kept must not be in it.
	for i := range batch {
		batch[i] = data.SinkRecord{Record: data.Record{Topic: "of another batch", Value: "of another batch"}}
	}
	ok(t, "flush", func() error { return flush(t.Context(), t, task, offsets) })
	ok(t, "flush of nothing new", func() error { return flush(t.Context(), t, task, offsets) })
}
