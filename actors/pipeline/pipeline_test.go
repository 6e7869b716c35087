package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
)

// failing is an error that comes so many times before it works.
type failing struct {
	err   error
	times int // -1 for ever
	calls int
}

func (f *failing) try() error {
	f.calls++
	if f.times < 0 || f.calls <= f.times {
		return orPanic(f.err)
	}
	return nil
}

// bytesConverter takes strings as they are; at the stage that fails it does what failing says.
type bytesConverter struct {
	fail *failing
	log  *[]string
	name string
}

func (c *bytesConverter) Configure(map[string]string, bool) error { return nil }

func (c *bytesConverter) do() error {
	if c.log != nil {
		*c.log = append(*c.log, c.name)
	}
	if c.fail != nil {
		return c.fail.try()
	}
	return nil
}

func (c *bytesConverter) FromConnect(_ string, _ *data.Schema, v any) ([]byte, error) {
	if err := c.do(); err != nil || v == nil {
		return nil, err
	}
	return []byte(v.(string)), nil
}

func (c *bytesConverter) ToConnect(_ string, b []byte) (data.SchemaAndValue, error) {
	if err := c.do(); err != nil || b == nil {
		return data.SchemaAndValue{}, err
	}
	return data.SchemaAndValue{Schema: data.StringSchema, Value: string(b)}, nil
}

type headerConverter struct{ bytesConverter }

func (c *headerConverter) Configure(map[string]string) error { return nil }

func (c *headerConverter) FromConnectHeader(_, _ string, s *data.Schema, v any) ([]byte, error) {
	return c.FromConnect("", s, v)
}

func (c *headerConverter) ToConnectHeader(_, _ string, b []byte) (data.SchemaAndValue, error) {
	return c.ToConnect("", b)
}

// chain is a transform: drop, fail, or change the topic and value.
type chain struct {
	fail *failing
	drop bool
	log  *[]string
}

func (c *chain) Apply(r *data.Record) (*data.Record, error) {
	if c.log != nil {
		*c.log = append(*c.log, "transform")
	}
	if c.fail != nil {
		if err := c.fail.try(); err != nil {
			return nil, &smt.StepError{Alias: "a", Class: "test.Transform", Err: err}
		}
	}
	if c.drop {
		return nil, nil
	}
	r.Topic, r.Value = r.Topic+"-2", r.Value.(string)+"!"
	return r, nil
}

func (c *chain) ApplySink(r *data.SinkRecord) (*data.SinkRecord, error) {
	out, err := c.Apply(&r.Record)
	if err != nil || out == nil {
		return nil, err
	}
	return r, nil
}

// parts makes converters of which the one of the stage fails.
func parts(stage pipeline.Stage, fail *failing, log *[]string) (pipeline.Converters, *chain) {
	at := func(s pipeline.Stage) *failing {
		if s == stage {
			return fail
		}
		return nil
	}
	return pipeline.Converters{
		Key:    pipeline.Codec[codecs.Converter]{Class: "test.Key", Conv: &bytesConverter{at(pipeline.KeyConverter), log, "key"}},
		Value:  pipeline.Codec[codecs.Converter]{Class: "test.Value", Conv: &bytesConverter{at(pipeline.ValueConverter), log, "value"}},
		Header: pipeline.Codec[codecs.HeaderConverter]{Class: "test.Header", Conv: &headerConverter{bytesConverter{at(pipeline.HeaderConverter), log, "header"}}},
	}, &chain{fail: at(pipeline.Transformation), log: log}
}

func sourceRecord() *data.SourceRecord {
	return &data.SourceRecord{
		Record: data.Record{
			Topic: "t", Key: "k", Value: "v", Timestamp: time.UnixMilli(1234),
			Headers: data.Headers{{Key: "h", Value: "1"}},
		},
		SourcePartition: map[string]any{"file": "f"}, SourceOffset: data.OffsetMap{"line": int64(3)},
	}
}

func sinkRecord() *kafka.Record {
	return &kafka.Record{
		Topic: "t", Partition: 2, Offset: 7, Key: []byte("k"), Value: []byte("v"), Timestamp: time.UnixMilli(1234),
		Headers: []kafka.RecordHeader{{Key: "h", Value: []byte("1")}},
	}
}

func TestSourceConvert(t *testing.T) {
	var order []string
	conv, ch := parts("", nil, &order)
	s := pipeline.Source{Chain: ch, Converters: conv, Policy: &pipeline.Policy{}}
	rec := sourceRecord()
	var out kafka.Record
	kept, err := s.Convert(t.Context(), rec, &out)
	if err != nil || !kept {
		t.Fatal(kept, err)
	}
	if out.Topic != "t-2" || string(out.Key) != "k" || string(out.Value) != "v!" || out.Partition != kafka.NoPartition ||
		!out.Timestamp.Equal(time.UnixMilli(1234)) || len(out.Headers) != 1 || out.Headers[0].Key != "h" || string(out.Headers[0].Value) != "1" {
		t.Errorf("got %+v", out)
	}
	if rec.Topic != "t" || rec.Value != "v" {
		t.Errorf("the task's record was changed: %+v", rec)
	}
	if !slices.Equal(order, []string{"transform", "header", "key", "value"}) {
		t.Errorf("order %v", order)
	}
	ch.drop = true
	if kept, err := s.Convert(t.Context(), rec, &out); kept || err != nil {
		t.Errorf("dropped record: %v, %v", kept, err)
	}
}

func TestSourceAddress(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*data.SourceRecord)
		check  func(*kafka.Record) bool
		err    string
	}{
		{"partition", func(r *data.SourceRecord) { r.Partition = data.PartitionOf(5) }, func(r *kafka.Record) bool { return r.Partition == 5 }, ""},
		{"no timestamp", func(r *data.SourceRecord) { r.Timestamp = time.Time{} }, func(r *kafka.Record) bool { return r.Timestamp.IsZero() }, ""},
		{"timestamp -1 is none", func(r *data.SourceRecord) { r.Timestamp = time.UnixMilli(-1) }, func(r *kafka.Record) bool { return r.Timestamp.IsZero() }, ""},
		{"timestamp 0", func(r *data.SourceRecord) { r.Timestamp = time.UnixMilli(0) }, func(r *kafka.Record) bool { return r.Timestamp.UnixMilli() == 0 && !r.Timestamp.IsZero() }, ""},
		{"negative timestamp", func(r *data.SourceRecord) { r.Timestamp = time.UnixMilli(-2) }, nil, "invalid record timestamp -2"},
		{"negative partition", func(r *data.SourceRecord) { r.Partition = data.PartitionOf(-1) }, nil, "invalid partition: -1"},
		{"no topic", func(r *data.SourceRecord) { r.Topic = "" }, nil, "no topic"},
		{"nulls", func(r *data.SourceRecord) { r.Key, r.Value = nil, nil }, func(r *kafka.Record) bool { return r.Key == nil && r.Value == nil }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conv, _ := parts("", nil, nil)
			s := pipeline.Source{Converters: conv, Policy: &pipeline.Policy{}}
			rec := sourceRecord()
			tt.change(rec)
			var out kafka.Record
			kept, err := s.Convert(t.Context(), rec, &out)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if !kept || err != nil || !tt.check(&out) {
				t.Errorf("kept %v, %v: %+v", kept, err, out)
			}
		})
	}
}

func TestSinkConvert(t *testing.T) {
	var order []string
	conv, ch := parts("", nil, &order)
	s := pipeline.Sink{Chain: ch, Converters: conv, Policy: &pipeline.Policy{}}
	out := data.SinkRecord{Record: data.Record{Key: "of another record", Headers: data.Headers{{Key: "old"}}}}
	kept, err := s.Convert(t.Context(), sinkRecord(), &out)
	if err != nil || !kept {
		t.Fatal(kept, err)
	}
	p, ok := out.Partition.Get()
	if out.Topic != "t-2" || out.Key != "k" || out.Value != "v!" || out.ValueSchema != data.StringSchema || p != 2 || !ok || out.Offset != 7 ||
		out.OriginalTopic != "t" || out.OriginalPartition != 2 || out.OriginalOffset != 7 ||
		len(out.Headers) != 1 || out.Headers[0].Value != "1" || !out.Timestamp.Equal(time.UnixMilli(1234)) || out.TimestampType != data.CreateTime {
		t.Errorf("got %+v", out)
	}
	if !slices.Equal(order, []string{"key", "value", "header", "transform"}) {
		t.Errorf("order %v", order)
	}
	ch.drop = true
	if kept, err := s.Convert(t.Context(), sinkRecord(), &out); kept || err != nil {
		t.Errorf("dropped record: %v, %v", kept, err)
	}
}

// reports keeps what was reported.
type reports struct {
	got []pipeline.Problem
	err error
}

func (r *reports) Report(_ context.Context, p pipeline.Problem) (pipeline.Wait, error) {
	r.got = append(r.got, p)
	return nil, r.err
}

// Every stage on both ways: tried again while that may help, then reported, then tolerated or not.
func TestStages(t *testing.T) {
	classes := map[pipeline.Stage]string{
		pipeline.Transformation: "test.Transform", pipeline.KeyConverter: "test.Key",
		pipeline.ValueConverter: "test.Value", pipeline.HeaderConverter: "test.Header",
	}
	for stage, class := range classes {
		for _, way := range []string{"source", "sink"} {
			for _, tt := range []struct {
				name     string
				fail     failing
				policy   pipeline.Policy
				kept     bool
				err      bool
				attempts int // of the report, 0 for none
			}{
				{"none tolerated", failing{err: errs.Data.New("bad"), times: -1}, pipeline.Policy{RetryTimeout: time.Minute, RetryDelayMax: time.Second}, false, true, 1},
				{"all tolerated", failing{err: errs.Data.New("bad"), times: -1}, pipeline.Policy{TolerateAll: true}, false, false, 1},
				{"passes at the third try", failing{err: errs.Retriable.New("busy"), times: 2}, pipeline.Policy{RetryTimeout: time.Minute, RetryDelayMax: time.Second}, true, false, 0},
				{"no retry configured", failing{err: errs.Retriable.New("busy"), times: 2}, pipeline.Policy{}, false, true, 1},
				{"time is up", failing{err: errs.Retriable.New("busy"), times: -1}, pipeline.Policy{TolerateAll: true, RetryTimeout: time.Second, RetryDelayMax: time.Minute}, false, false, 4},
			} {
				t.Run(string(stage)+"/"+way+"/"+tt.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						fail, policy, rep := tt.fail, tt.policy, &reports{}
						policy.Reporters = []pipeline.Reporter{rep}
						conv, ch := parts(stage, &fail, nil)
						var (
							kept bool
							err  error
						)
						if way == "source" {
							s := pipeline.Source{Chain: ch, Converters: conv, Policy: &policy}
							kept, err = s.Convert(t.Context(), sourceRecord(), &kafka.Record{})
						} else {
							s := pipeline.Sink{Chain: ch, Converters: conv, Policy: &policy}
							kept, err = s.Convert(t.Context(), sinkRecord(), &data.SinkRecord{})
						}
						if kept != tt.kept || (err != nil) != tt.err {
							t.Fatalf("kept %v, %v", kept, err)
						}
						var se *pipeline.StageError
						if tt.err && (!errors.As(err, &se) || se.Stage != stage || se.Class != class ||
							!strings.HasPrefix(err.Error(), "Tolerance exceeded in error handler: ") || !errors.Is(err, tt.fail.err)) {
							t.Errorf("error %v", err)
						}
						if tt.attempts == 0 {
							if len(rep.got) != 0 {
								t.Errorf("reported %+v", rep.got)
							}
							return
						}
						if len(rep.got) != 1 || rep.got[0].Attempts != tt.attempts || rep.got[0].Stage != stage || rep.got[0].Class != class {
							t.Fatalf("reported %+v", rep.got)
						}
						where := map[string]string{
							"source": "source record {topic='t', sourcePartition={file=f}, sourceOffset={line=3}}",
							"sink":   "consumed record {topic='t', partition=2, offset=7, timestamp=1234}",
						}[way]
						if rep.got[0].Where != where {
							t.Errorf("where %s", rep.got[0].Where)
						}
					})
				})
			}
		}
	}
}

// The waits between tries: 300 ms, doubled, never beyond the time that is left.
func TestRetryDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var at []time.Duration
		p := pipeline.Policy{RetryTimeout: 5 * time.Second, RetryDelayMax: time.Minute, TolerateAll: true}
		skip, err := p.Recover(t.Context(), pipeline.At{Where: func() string { return "" }}, errs.Retriable.New("busy"), func() error {
			at = append(at, time.Since(begun))
			return errs.Retriable.New("busy")
		})
		want := []time.Duration{300 * time.Millisecond, 900 * time.Millisecond, 2100 * time.Millisecond, 4500 * time.Millisecond, 5 * time.Second}
		if !skip || err != nil || !slices.Equal(at, want) {
			t.Errorf("skip %v, %v; tries at %v, want %v", skip, err, at, want)
		}
	})
}

func TestRetryWithoutLimitIsBoundByTheDelayAndEndsWithTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("the task was stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Hour, func() { cancel(gone) })
		tries, last := 0, time.Now()
		p := pipeline.Policy{RetryTimeout: -1, RetryDelayMax: 2 * time.Second}
		_, err := p.Recover(ctx, pipeline.At{Where: func() string { return "" }}, errs.Retriable.New("busy"), func() error {
			tries++
			if d := time.Since(last); d > 2*time.Second {
				t.Errorf("a wait of %v", d)
			}
			last = time.Now()
			return errs.Retriable.New("busy")
		})
		if !errors.Is(err, gone) || tries < 1800 {
			t.Errorf("%d tries, then %v", tries, err)
		}
	})
}

func TestReportThatFailsFailsTheTask(t *testing.T) {
	full := errors.New("queue is full")
	p := pipeline.Policy{TolerateAll: true, Reporters: []pipeline.Reporter{&reports{err: full}}}
	skip, err := p.Recover(t.Context(), pipeline.At{Where: func() string { return "x" }}, errs.Data.New("bad"), nil)
	if skip || !errors.Is(err, full) {
		t.Errorf("skip %v, %v", skip, err)
	}
}

func TestLogReporter(t *testing.T) {
	for _, messages := range []bool{false, true} {
		var b bytes.Buffer
		l := &pipeline.LogReporter{Log: slog.New(slog.NewTextHandler(&b, nil)), IncludeMessages: messages}
		if _, err := l.Report(t.Context(), pipeline.Problem{Stage: pipeline.TaskPut, Class: "c", Where: "there", Err: errors.New("bad"), Attempts: 2}); err != nil {
			t.Fatal(err)
		}
		if s := b.String(); !strings.Contains(s, "stage=TASK_PUT class=c attempts=2 err=bad") || strings.Contains(s, "there") != messages {
			t.Errorf("logged %s", s)
		}
	}
}

// Thousands of bad records are some lines and a number, each minute anew.
func TestLogReporterIsRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		l := &pipeline.LogReporter{Log: slog.New(slog.NewTextHandler(&b, nil))}
		lines := func() (single int, rest string) {
			synctest.Wait()
			for line := range strings.Lines(b.String()) {
				if strings.Contains(line, `msg="Error encountered in task"`) {
					single++
				} else if _, after, ok := strings.Cut(line, `msg="more errors encountered in task" `); ok {
					rest += after
				}
			}
			b.Reset()
			return single, rest
		}
		report := func(n int) {
			for range n {
				_, _ = l.Report(t.Context(), pipeline.Problem{Stage: pipeline.TaskPut, Class: "c", Err: errors.New("bad"), Attempts: 1})
			}
		}
		report(20)
		time.Sleep(2 * time.Minute)
		if single, rest := lines(); single != 20 || rest != "" {
			t.Errorf("of 20: %d lines, then %q", single, rest)
		}
		report(5000)
		time.Sleep(30 * time.Second)
		report(1)
		time.Sleep(31 * time.Second)
		if single, rest := lines(); single != 20 || rest != "records=4981 within=1m0s\n" {
			t.Errorf("of 5001: %d lines, then %q", single, rest)
		}
		report(3)
		time.Sleep(2 * time.Minute)
		if single, rest := lines(); single != 3 || rest != "" {
			t.Errorf("of 3 in the next minute: %d lines, then %q", single, rest)
		}
	})
}

func TestPending(t *testing.T) {
	a, b := data.TopicPartition{Topic: "t"}, data.TopicPartition{Topic: "t", Partition: 1}
	bad := errors.New("not written")
	var ends []string
	waitFor := func(name string, err error) pipeline.Reporter {
		return reportFunc(func() (pipeline.Wait, error) {
			return func(context.Context) error { ends = append(ends, name); return err }, nil
		})
	}
	var pending pipeline.Pending
	report := func(r pipeline.Reporter, tp data.TopicPartition) pipeline.Wait {
		p := pipeline.Policy{Reporters: []pipeline.Reporter{r}, Pending: &pending}
		wait, err := p.Report(t.Context(), pipeline.Problem{Record: &kafka.Record{Topic: tp.Topic, Partition: tp.Partition}})
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	report(waitFor("a1", nil), a)
	report(waitFor("a2", bad), a)
	b1 := report(waitFor("b1", nil), b)
	if err := b1(t.Context()); err != nil {
		t.Error(err)
	}
	if err := pending.Settle(t.Context(), func(tp data.TopicPartition) bool { return tp == a }); !errors.Is(err, bad) {
		t.Errorf("settle: %v", err)
	}
	if got := strings.Join(ends, " "); got != "b1 a1 a2" {
		t.Errorf("waited for %s", got)
	}
	pending.Forget([]data.TopicPartition{b})
	ends = nil
	if err := pending.Settle(t.Context(), func(data.TopicPartition) bool { return true }); err != nil || len(ends) != 0 {
		t.Errorf("settle: %v, waited for %v", err, ends)
	}
}

// A report that has not ended when there is no more time is waited for the next time too.
func TestPendingUnfinished(t *testing.T) {
	tp := data.TopicPartition{Topic: "t"}
	ends, done := 0, make(chan struct{})
	var pending pipeline.Pending
	p := pipeline.Policy{Pending: &pending, Reporters: []pipeline.Reporter{reportFunc(func() (pipeline.Wait, error) {
		return func(ctx context.Context) error {
			select {
			case <-done:
				ends++
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, nil
	})}}
	for range 2 {
		if _, err := p.Report(t.Context(), pipeline.Problem{Record: &kafka.Record{Topic: tp.Topic}}); err != nil {
			t.Fatal(err)
		}
	}
	all := func(data.TopicPartition) bool { return true }
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if err := pending.Settle(over, all); !errors.Is(err, pipeline.ErrUnfinished) {
			t.Errorf("settle: %v", err)
		}
	}
	close(done)
	if err := pending.Settle(t.Context(), all); err != nil || ends != 2 {
		t.Errorf("settle: %v, %d ended", err, ends)
	}
}

type reportFunc func() (pipeline.Wait, error)

func (f reportFunc) Report(context.Context, pipeline.Problem) (pipeline.Wait, error) { return f() }

// What does not fail costs nothing: no allocation for error handling.
func TestConvertDoesNotAllocate(t *testing.T) {
	conv := pipeline.Converters{
		Key:   pipeline.Codec[codecs.Converter]{Conv: noop{}},
		Value: pipeline.Codec[codecs.Converter]{Conv: noop{}},
	}
	policy := &pipeline.Policy{RetryTimeout: time.Minute}
	src, snk := pipeline.Source{Converters: conv, Policy: policy}, pipeline.Sink{Converters: conv, Policy: policy}
	rec, in := sourceRecord(), sinkRecord()
	rec.Headers, in.Headers = nil, nil
	ctx := t.Context()
	var (
		out    kafka.Record
		sinkTo data.SinkRecord
	)
	if n := testing.AllocsPerRun(100, func() { _, _ = src.Convert(ctx, rec, &out) }); n != 0 {
		t.Errorf("source: %v allocations per record", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = snk.Convert(ctx, in, &sinkTo) }); n != 0 {
		t.Errorf("sink: %v allocations per record", n)
	}
}

type noop struct{}

func (noop) Configure(map[string]string, bool) error               { return nil }
func (noop) FromConnect(string, *data.Schema, any) ([]byte, error) { return nil, nil }
func (noop) ToConnect(string, []byte) (data.SchemaAndValue, error) { return data.SchemaAndValue{}, nil }
