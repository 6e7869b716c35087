package monitorable

import (
	"context"
	"errors"
	"sync"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
)

const (
	// SinkClass is the class of the sink that counts. It takes alter.offsets.result and
	// task-CONNECTOR-N.put.inject.error.
	SinkClass = classes + "MonitorableSinkConnector"
	// ErrantSinkClass is the sink that reports every record as an error.
	ErrantSinkClass = classes + "ErrantRecordSinkConnector"
	// BlockingSinkClass is a sink whose tasks hang in Stop, whatever the worker asks for, until
	// Book.Release.
	BlockingSinkClass = classes + "BlockingConnectorTest$BlockingSinkConnector"
	// FaultyClass is a transform that fails for good on "value-7" and once on "value-4".
	FaultyClass = classes + "ErrorHandlingIntegrationTest$FaultyPassthrough"
)

// sinkOf is a sink of the class given, with tasks of its own.
func (b *Book) sinkOf(class string, task func(counting) connectors.SinkTask) connectors.Sink {
	return connectors.Sink{
		Descriptor: described(class),
		Connector:  func() connectors.SinkConnector { return &sinkConnector{book: b} },
		Task:       func() connectors.SinkTask { return task(counting{book: b, since: map[data.TopicPartition]int{}}) },
		TaskClass:  class + "$Task",
	}
}

func (b *Book) sink() connectors.Sink {
	return b.sinkOf(SinkClass, func(c counting) connectors.SinkTask { return &c })
}

func (b *Book) errantSink() connectors.Sink {
	return b.sinkOf(ErrantSinkClass, func(c counting) connectors.SinkTask { return &errantTask{counting: c} })
}

func (b *Book) blockingSink() connectors.Sink {
	return b.sinkOf(BlockingSinkClass, func(c counting) connectors.SinkTask { return &blockingTask{c} })
}

type sinkConnector struct {
	book  *Book
	page  *Connector
	props map[string]string
}

func (c *sinkConnector) Start(_ context.Context, _ connectors.ConnectorContext, props map[string]string) error {
	c.props, c.page = props, c.book.Connector(props["name"])
	c.page.started()
	return nil
}

func (c *sinkConnector) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	return taskConfigs(c.props, maxTasks), nil
}

func (c *sinkConnector) Stop(context.Context) error {
	if c.page != nil {
		c.page.stopped()
	}
	return nil
}

// AlterOffsets implements connectors.SinkOffsetAlterer.
func (c *sinkConnector) AlterOffsets(_ context.Context, props map[string]string, _ connectors.Offsets) (bool, error) {
	return boolean(props, "alter.offsets.result"), nil
}

// counting is a task that writes down what happens to it.
type counting struct {
	book    *Book
	page    *Task
	tc      connectors.SinkTaskContext
	since   map[data.TopicPartition]int // records since the last commit
	failPut bool
}

func (t *counting) Start(_ context.Context, tc connectors.SinkTaskContext, props map[string]string) (err error) {
	if t.page, err = t.book.taskPage(props); err != nil {
		return err
	}
	t.tc, t.failPut = tc, boolean(props, "task-"+props[taskKey]+".put.inject.error")
	t.page.count(Counts{Starts: 1})
	return nil
}

// Open implements connectors.PartitionOpener.
func (t *counting) Open(_ context.Context, partitions []data.TopicPartition) error {
	t.page.each(partitions, func(h *History) { h.Assigned++; h.Held = true })
	return nil
}

// Close implements connectors.PartitionCloser.
func (t *counting) Close(_ context.Context, partitions []data.TopicPartition) error {
	t.page.each(partitions, func(h *History) { h.Revoked++; h.Held = false })
	for _, tp := range partitions {
		delete(t.since, tp)
	}
	return nil
}

func (t *counting) Put(_ context.Context, records []data.SinkRecord) error {
	if t.failPut && len(records) > 0 {
		return errs.Connect.New("Injecting errors during task put")
	}
	t.page.took(records)
	for i := range records {
		t.since[data.TopicPartition{Topic: records[i].OriginalTopic, Partition: records[i].OriginalPartition}]++
	}
	return nil
}

// PreCommit implements connectors.PreCommitter.
func (t *counting) PreCommit(_ context.Context, offsets connectors.Offsets) (connectors.Offsets, error) {
	for tp := range offsets {
		t.page.each([]data.TopicPartition{tp}, func(h *History) { h.Committed++ })
		t.page.count(Counts{Commits: t.since[tp]})
		t.since[tp] = 0
	}
	return offsets, nil
}

func (t *counting) Stop(context.Context) error {
	if t.page != nil {
		t.page.count(Counts{Stops: 1})
	}
	return nil
}

var errErrant = errors.New("errant")

// errantTask reports each record: those at even offsets at once, the others from a goroutine of its
// own, so that reports overtake each other.
type errantTask struct {
	counting
	later sync.WaitGroup
}

func (t *errantTask) Put(ctx context.Context, records []data.SinkRecord) error {
	reporter := t.tc.Reporter()
	if reporter == nil && len(records) > 0 {
		return errs.Connect.New("there is no reporter")
	}
	for i := range records {
		r := records[i]
		if r.OriginalOffset%2 == 0 {
			reporter.Report(r, errErrant)
			continue
		}
		t.later.Go(func() { reporter.Report(r, errErrant) })
	}
	return t.counting.Put(ctx, records)
}

// PreCommit waits until everything is reported, as the JVM's task does not: a report that comes after
// the commit may get lost with the worker.
func (t *errantTask) PreCommit(ctx context.Context, offsets connectors.Offsets) (connectors.Offsets, error) {
	t.later.Wait()
	return t.counting.PreCommit(ctx, offsets)
}

func (t *errantTask) Stop(ctx context.Context) error {
	t.later.Wait()
	return t.counting.Stop(ctx)
}

// blockingTask hangs at its end.
type blockingTask struct{ counting }

func (t *blockingTask) Stop(ctx context.Context) error {
	<-t.book.freed
	return t.counting.Stop(ctx)
}

func faultyPassthrough() smt.Plugin {
	return smt.Plugin{Descriptor: described(FaultyClass), New: func() smt.Transform { return &faulty{} }}
}

// faulty lets records through, but for two.
type faulty struct{ failed bool }

func (*faulty) Configure(map[string]string) error { return nil }

func (f *faulty) Apply(r *data.Record) (*data.Record, error) {
	switch r.Value {
	case "value-4":
		if !f.failed {
			f.failed = true
			return r, errs.Retriable.New("Error when value='value-4'. A reattempt with this record will succeed.")
		}
	case "value-7":
		return r, errs.Retriable.New("Error when value='value-7'")
	}
	return r, nil
}

func (*faulty) Close() error { return nil }
