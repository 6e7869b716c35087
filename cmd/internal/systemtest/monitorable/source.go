package monitorable

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

const (
	classes = "org.apache.kafka.connect.integration."

	// SourceClass is the class of the source. It takes the settings topic, num.tasks (else
	// tasks.max), messages.per.poll (1), throughput (records a second), max.messages,
	// custom.exactly.once.support and custom.transaction.boundaries (supported, unsupported, null or
	// fail), alter.offsets.result, connector.start.inject.error, connector.stop.inject.error,
	// task-CONNECTOR-N.start.inject.error and task-CONNECTOR-N.poll.inject.error.
	SourceClass = classes + "MonitorableSourceConnector"
	// NaughtyClass is a source that sends to its own offsets topic, offsets.storage.topic.
	NaughtyClass = classes + "ExactlyOnceSourceIntegrationTest$NaughtyConnector"

	taskKey = "task.id" // in task settings and in source partitions: CONNECTOR-N
	// pollWait is how long Poll waits at most for records that are due later.
	pollWait = time.Second
)

func described(class string) plugin.Descriptor {
	return plugin.Descriptor{Class: class, Version: "an entirely different version", Config: config.NewDef()}
}

func (b *Book) source() connectors.Source {
	return connectors.Source{
		Descriptor: described(SourceClass),
		Connector:  func() connectors.SourceConnector { return &sourceConnector{book: b} },
		Task:       func() connectors.SourceTask { return &sourceTask{book: b} },
		TaskClass:  SourceClass + "$MonitorableSourceTask",
	}
}

// boolean is a setting as Java's Boolean.parseBoolean reads it.
func boolean(props map[string]string, key string) bool { return strings.EqualFold(props[key], "true") }

type sourceConnector struct {
	book  *Book
	page  *Connector
	props map[string]string
}

func (c *sourceConnector) Start(_ context.Context, _ connectors.SourceContext, props map[string]string) error {
	c.props, c.page = props, c.book.Connector(props["name"])
	c.page.started()
	if boolean(props, "connector.start.inject.error") {
		return errs.Connect.New("Injecting errors during connector start")
	}
	return nil
}

func (c *sourceConnector) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	n, err := integer(c.props, "num.tasks", int64(maxTasks))
	return taskConfigs(c.props, int(n)), err
}

// taskConfigs are those of n tasks, each with its id.
func taskConfigs(props map[string]string, n int) []map[string]string {
	out := make([]map[string]string, n)
	for i := range out {
		out[i] = map[string]string{}
		maps.Copy(out[i], props)
		out[i]["connector.name"] = props["name"]
		out[i][taskKey] = fmt.Sprintf("%s-%d", props["name"], i)
	}
	return out
}

// taskPage finds the page of a task by its configuration.
func (b *Book) taskPage(props map[string]string) (*Task, error) {
	name := props["connector.name"]
	n, err := strconv.Atoi(strings.TrimPrefix(props[taskKey], name+"-"))
	if err != nil {
		return nil, errs.Config.New("Invalid value %q for configuration %s: want %s-N", props[taskKey], taskKey, name)
	}
	return b.Connector(name).Task(n), nil
}

func (c *sourceConnector) Stop(context.Context) error {
	if c.page == nil {
		return nil
	}
	c.page.stopped()
	if boolean(c.props, "connector.stop.inject.error") {
		return errs.Connect.New("Injecting errors during connector stop")
	}
	return nil
}

// ExactlyOnceSupport implements connectors.ExactlyOnceDefiner.
func (c *sourceConnector) ExactlyOnceSupport(props map[string]string) (connectors.ExactlyOnceSupport, error) {
	switch strings.ToLower(props["custom.exactly.once.support"]) {
	case "supported":
		return connectors.ExactlyOnceSupported, nil
	case "unsupported":
		return connectors.ExactlyOnceUnsupported, nil
	case "fail":
		return connectors.ExactlyOnceUnknown, errs.Connect.New("oops")
	}
	return connectors.ExactlyOnceUnknown, nil
}

// CanDefineTransactionBoundaries implements connectors.TransactionBoundaryDefiner.
func (c *sourceConnector) CanDefineTransactionBoundaries(props map[string]string) (bool, error) {
	switch strings.ToLower(props["custom.transaction.boundaries"]) {
	case "supported":
		return true, nil
	case "fail":
		return false, errs.Connect.New("oh no :(")
	}
	return false, nil
}

// AlterOffsets implements connectors.SourceOffsetAlterer.
func (c *sourceConnector) AlterOffsets(_ context.Context, props map[string]string, _ []connectors.SourceOffset) (bool, error) {
	return boolean(props, "alter.offsets.result"), nil
}

// integer is a whole number among the settings, or the one for absent.
func integer(props map[string]string, key string, absent int64) (int64, error) {
	text, ok := props[key]
	if !ok {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errs.Config.New("Invalid value %q for configuration %s: not a whole number", text, key)
	}
	return n, nil
}

// sourceTask numbers its records from 1 on: key-CONNECTOR-N-7, value-CONNECTOR-N-7 and a header
// header-7 with the number.
type sourceTask struct {
	book  *Book
	page  *Task
	tc    connectors.SourceTaskContext
	topic string
	id    string

	failPoll         bool
	batch, rate, max int64 // rate: records a second, none if not positive
	first, seqno     int64 // what it began behind, and the number last given
	began            time.Time
	partition        map[string]any
	records          []data.SourceRecord
	fib              fibonacci
}

func (t *sourceTask) Start(ctx context.Context, tc connectors.SourceTaskContext, props map[string]string) (err error) {
	if t.page, err = t.book.taskPage(props); err != nil {
		return err
	}
	t.page.count(Counts{Starts: 1})
	t.tc, t.id, t.topic = tc, props[taskKey], props["topic"]
	if t.topic == "" {
		t.topic = "sequential-topic"
	}
	for _, s := range []struct {
		key    string
		absent int64
		to     *int64
	}{{"messages.per.poll", 1, &t.batch}, {"throughput", -1, &t.rate}, {"max.messages", math.MaxInt64, &t.max}} {
		if *s.to, err = integer(props, s.key, s.absent); err != nil {
			return err
		}
	}
	t.partition = map[string]any{taskKey: t.id}
	offset, err := tc.Offsets().Offset(ctx, t.partition)
	if err != nil {
		return err
	}
	if saved, ok := offset["saved"]; ok {
		if t.seqno, ok = saved.(int64); !ok {
			return errs.Connect.New("stored offset of %s is %v (%T), not a whole number", t.id, saved, saved)
		}
	}
	t.first, t.began = t.seqno, time.Now()
	t.fib = newFibonacci(t.seqno)
	t.failPoll = boolean(props, "task-"+t.id+".poll.inject.error")
	if boolean(props, "task-"+t.id+".start.inject.error") {
		return errs.Connect.New("Injecting errors during task start")
	}
	return nil
}

func (t *sourceTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	if t.failPoll {
		return nil, errs.Connect.New("Injecting errors during task poll")
	}
	t.records = t.records[:0]
	if !t.due(ctx) {
		return nil, nil
	}
	for i := range int(min(t.batch, t.max-t.seqno)) {
		t.seqno++
		n := strconv.FormatInt(t.seqno, 10)
		t.records = append(t.records, data.SourceRecord{
			Record: data.Record{
				Topic: t.topic, KeySchema: data.StringSchema, Key: "key-" + t.id + "-" + n,
				ValueSchema: data.StringSchema, Value: "value-" + t.id + "-" + n,
				Headers: data.Headers{}.Add("header-"+n, data.Int64Schema, t.seqno),
			},
			SourcePartition: t.partition,
			SourceOffset:    data.OffsetMap{"saved": t.seqno},
		})
		t.boundary(i)
	}
	t.page.count(Counts{Records: len(t.records)})
	return t.records, nil
}

// due waits, but not for long, until the rate lets the next batch go.
func (t *sourceTask) due(ctx context.Context) bool {
	wait := time.Duration(0)
	switch {
	case t.seqno >= t.max:
		wait = math.MaxInt64
	case t.rate > 0:
		wait = time.Until(t.began.Add(time.Duration(t.seqno-t.first) * time.Second / time.Duration(t.rate)))
	}
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(min(wait, pollWait))
	defer timer.Stop()
	select {
	case <-timer.C:
		return wait <= pollWait
	case <-ctx.Done():
		return false
	}
}

// boundary ends transactions at the numbers of Fibonacci's sequence: those that end on an even number
// are aborted.
func (t *sourceTask) boundary(i int) {
	tx := t.tc.Transaction()
	if tx == nil || t.seqno != t.fib.next {
		return
	}
	if t.fib.next%2 == 0 {
		tx.AbortAfter(i)
	} else {
		tx.CommitAfter(i)
	}
	t.fib.beyond(t.seqno)
}

// CommitRecord implements connectors.RecordCommitter.
func (t *sourceTask) CommitRecord(context.Context, *data.SourceRecord, *connectors.RecordMetadata) error {
	t.page.count(Counts{Commits: 1})
	return nil
}

func (t *sourceTask) Stop(context.Context) error {
	if t.page != nil {
		t.page.count(Counts{Stops: 1})
	}
	return nil
}

// fibonacci steps through 1, 2, 3, 5, 8 and so on.
type fibonacci struct{ prior, next int64 }

// newFibonacci begins at the first number above seqno.
func newFibonacci(seqno int64) fibonacci {
	f := fibonacci{0, 1}
	f.beyond(seqno)
	return f
}

func (f *fibonacci) beyond(seqno int64) {
	for f.next <= seqno {
		f.prior, f.next = f.next, f.next+f.prior
	}
}

// naughtySource asks for offsets in Poll and sends to the topic where they are kept.
func (b *Book) naughtySource() connectors.Source {
	return connectors.Source{
		Descriptor: described(NaughtyClass),
		Connector:  func() connectors.SourceConnector { return &naughtyConnector{} },
		Task:       func() connectors.SourceTask { return &naughtyTask{} },
		TaskClass:  classes + "ExactlyOnceSourceIntegrationTest$NaughtyTask",
	}
}

type naughtyConnector struct{ props map[string]string }

func (c *naughtyConnector) Start(_ context.Context, _ connectors.SourceContext, props map[string]string) error {
	c.props = props
	return nil
}

func (c *naughtyConnector) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	return taskConfigs(c.props, maxTasks), nil
}

func (*naughtyConnector) Stop(context.Context) error { return nil }

type naughtyTask struct {
	tc    connectors.SourceTaskContext
	topic string
}

func (t *naughtyTask) Start(_ context.Context, tc connectors.SourceTaskContext, props map[string]string) error {
	t.tc, t.topic = tc, props["offsets.storage.topic"]
	if t.topic == "" {
		return errs.Connect.New("No offsets topic")
	}
	return nil
}

func (t *naughtyTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	if _, err := t.tc.Offsets().Offset(ctx, map[string]any{"": nil}); err != nil {
		return nil, err
	}
	return []data.SourceRecord{{Record: data.Record{Topic: t.topic, Key: ""}}}, nil
}

func (*naughtyTask) Stop(context.Context) error { return nil }
