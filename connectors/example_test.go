package connectors_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/connectorstest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// What follows is a whole source connector. Copy it and replace what it counts by what you read.

// counterConfig are the settings; validation, REST answers and documentation come from here.
var counterConfig = config.NewDef(
	config.Key{
		Name: "topic", Type: config.String, Required: true, Validator: config.NonEmptyString(),
		Importance: config.High, Doc: "The topic to send to.",
	},
	config.Key{
		Name: "count", Type: config.Long, Default: int64(10), Validator: config.AtLeast[int64](0),
		Importance: config.Medium, Doc: "How far to count.",
	},
)

// CounterSource is the plugin: a value that names the class and makes connectors and tasks. A
// program lists it: plugin.NewRegistry(CounterSource(), …).
func CounterSource() connectors.Source {
	return connectors.Source{
		Descriptor: plugin.Descriptor{Class: "org.example.CounterSourceConnector", Version: "1.0", Config: counterConfig},
		Connector:  func() connectors.SourceConnector { return &counter{} },
		Task:       func() connectors.SourceTask { return &counterTask{} },
		TaskClass:  "org.example.CounterSourceTask",
	}
}

// counter divides the work. There is only one counter to read, so there is one task.
type counter struct{ props map[string]string }

func (c *counter) Start(_ context.Context, _ connectors.SourceContext, props map[string]string) error {
	if _, err := counterConfig.Parse(props); err != nil {
		return err // of kind errs.Config: the worker shows it and doesn't try again
	}
	c.props = props
	return nil
}

func (c *counter) TaskConfigs(context.Context, int) ([]map[string]string, error) {
	task := map[string]string{}
	// a map of its own: the worker adds to it
	maps.Copy(task, c.props)
	return []map[string]string{task}, nil
}

func (c *counter) Stop(context.Context) error { return nil }

// counterTask reads. One goroutine at a time calls it, so it needs no locks.
type counterTask struct {
	topic     string
	next, end int64
	partition map[string]any // one map for all records: maps are told apart by identity first
	records   []data.SourceRecord
}

func (t *counterTask) Start(ctx context.Context, tc connectors.SourceTaskContext, props map[string]string) error {
	v, err := counterConfig.Parse(props)
	if err != nil {
		return err
	}
	t.topic, t.end = v.String("topic"), v.Long("count")
	t.partition = map[string]any{"counter": "main"}
	// Go on behind what was committed: nil the first time, integers are int64.
	offset, err := tc.Offsets().Offset(ctx, t.partition)
	if err != nil {
		return err
	}
	if n, ok := offset["n"].(int64); ok {
		t.next = n + 1
	}
	return nil
}

func (t *counterTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	t.records = t.records[:0] // the worker is done with the last batch
	for ; t.next < t.end && len(t.records) < 100; t.next++ {
		t.records = append(t.records, data.SourceRecord{
			Record:          data.Record{Topic: t.topic, ValueSchema: data.Int64Schema, Value: t.next},
			SourcePartition: t.partition,
			SourceOffset:    data.OffsetMap{"n": t.next},
		})
	}
	if len(t.records) == 0 {
		wait(ctx, time.Second) // nothing to read now: wait, but obey the context
	}
	return t.records, nil
}

func (t *counterTask) Stop(context.Context) error { return nil }

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// What follows is a whole sink connector.

var printerConfig = config.NewDef(config.Key{
	Name: "prefix", Type: config.String, Default: "", Importance: config.Low, Doc: "What to print before each value.",
})

// PrinterSink prints values when they are flushed.
func PrinterSink(print func(string)) connectors.Sink {
	return connectors.Sink{
		Descriptor: plugin.Descriptor{Class: "org.example.PrinterSinkConnector", Version: "1.0", Config: printerConfig},
		Connector:  func() connectors.SinkConnector { return &printer{} },
		Task:       func() connectors.SinkTask { return &printerTask{print: print} },
		TaskClass:  "org.example.PrinterSinkTask",
	}
}

// printer gives every task the same configuration: Kafka spreads the partitions over them.
type printer struct{ props map[string]string }

func (p *printer) Start(_ context.Context, _ connectors.ConnectorContext, props map[string]string) error {
	p.props = props
	_, err := printerConfig.Parse(props)
	return err
}

func (p *printer) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	tasks := make([]map[string]string, maxTasks)
	for i := range tasks {
		tasks[i] = map[string]string{"prefix": p.props["prefix"]}
	}
	return tasks, nil
}

func (p *printer) Stop(context.Context) error { return nil }

// printerTask collects values in Put and writes them in Flush: what is not flushed comes again
// after a restart.
type printerTask struct {
	print  func(string)
	prefix string
	values []any
}

func (t *printerTask) Start(_ context.Context, _ connectors.SinkTaskContext, props map[string]string) error {
	v, err := printerConfig.Parse(props)
	if err == nil {
		t.prefix = v.String("prefix")
	}
	return err
}

func (t *printerTask) Put(_ context.Context, records []data.SinkRecord) error {
	for i := range records { // values may be kept, the slice may not
		t.values = append(t.values, records[i].Value)
	}
	return nil
}

// Flush makes the task a connectors.Flusher, one of the optional abilities.
func (t *printerTask) Flush(context.Context, connectors.Offsets) error {
	for _, v := range t.values {
		t.print(t.prefix + data.Text(v))
	}
	t.values = nil
	return nil
}

func (t *printerTask) Stop(context.Context) error { return nil }

// The contract kit checks what every connector owes the worker; run it for yours.

func TestCounterSource(t *testing.T) {
	connectorstest.SourceContract{
		Source:  CounterSource(),
		Config:  map[string]string{"topic": "numbers", "count": "250"},
		Records: 250,
		Wrong: map[string]map[string]string{
			"no topic":       {"count": "1"},
			"negative count": {"topic": "t", "count": "-1"},
		},
	}.Run(t)
}

func TestPrinterSink(t *testing.T) {
	var printed []string
	connectorstest.SinkContract{
		Sink:   PrinterSink(func(s string) { printed = append(printed, s) }),
		Config: map[string]string{"prefix": "value="},
		Records: []data.SinkRecord{
			{Record: data.Record{Topic: "t", Value: "a"}, OriginalTopic: "t", OriginalOffset: 0},
			{Record: data.Record{Topic: "t", Value: int64(2)}, OriginalTopic: "t", OriginalOffset: 1},
		},
		Written: func(t *testing.T) {
			if got := fmt.Sprint(printed); got != "[value=a value=2]" {
				t.Errorf("printed %s", got)
			}
		},
	}.Run(t)
}

// A task can be used without a worker, with the fake contexts of connectorstest.
func ExampleSource() {
	ctx := context.Background()
	offsets := connectorstest.NewOffsets()
	props := map[string]string{"topic": "numbers", "count": "5"}
	if err := offsets.Commit(map[string]any{"counter": "main"}, map[string]any{"n": 2}); err != nil {
		fmt.Println(err)
	}
	task := CounterSource().Task()
	if err := task.Start(ctx, connectorstest.NewSourceTaskContext(offsets, props), props); err != nil {
		fmt.Println(err)
	}
	records, err := task.Poll(ctx)
	for _, r := range records {
		fmt.Println(r.Topic, r.Value, r.SourceOffset.OffsetMap())
	}
	fmt.Println(err, task.Stop(ctx))
	// Output:
	// numbers 3 map[n:3]
	// numbers 4 map[n:4]
	// <nil> <nil>
}

func ExampleSink() {
	ctx := context.Background()
	props := map[string]string{"prefix": "value="}
	task := PrinterSink(func(s string) { fmt.Println(s) }).Task()
	if err := task.Start(ctx, connectorstest.NewSinkTaskContext(props), props); err != nil {
		fmt.Println(err)
	}
	err := task.Put(ctx, []data.SinkRecord{{Record: data.Record{Value: data.MapFrom("a", int64(1))}}})
	fmt.Println("put:", err)
	err = task.(connectors.Flusher).Flush(ctx, nil)
	fmt.Println("flush:", err)
	// Output:
	// put: <nil>
	// value={a=1}
	// flush: <nil>
}
