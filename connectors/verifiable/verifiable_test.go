package verifiable

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/connectorstest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// output is a buffer for several goroutines.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

// lines are the JSON objects printed.
func (o *output) lines(t *testing.T) []map[string]any {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []map[string]any
	for d := json.NewDecoder(&o.buf); ; {
		var m map[string]any
		if err := d.Decode(&m); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
}

func quiet(s connectors.Source, task func() connectors.SourceTask) connectors.Source {
	s.Task = task
	return s
}

func sinkRecord(offset int64, key, value any) data.SinkRecord {
	return data.SinkRecord{
		Record: data.Record{Topic: "t", Key: key, Value: value}, Offset: offset,
		OriginalTopic: "t", OriginalPartition: 1, OriginalOffset: offset,
	}
}

func TestContracts(t *testing.T) {
	t.Run("source", connectorstest.SourceContract{
		Source:  quiet(Source(), func() connectors.SourceTask { return &sourceTask{out: io.Discard} }),
		Config:  map[string]string{topicKey: "t", throughputKey: "-1"},
		Records: 250,
	}.Run)
	t.Run("schema source", connectorstest.SourceContract{
		Source:       quiet(SchemaSource(), func() connectors.SourceTask { return &schemaTask{out: io.Discard} }),
		Config:       map[string]string{topicKey: "t", throughputKey: "-1", "num.messages": "150", "multiple.schema": "true"},
		Records:      150,
		NotResumable: true, // counts its versions anew in each task
	}.Run)
	t.Run("mock source", connectorstest.SourceContract{
		Source: MockSource(), Config: map[string]string{}, NotResumable: true,
		Wrong: map[string]map[string]string{"delay": {modeKey: connectorFailure, delayKey: "soon"}},
	}.Run)
	sink := Sink()
	var out output
	sink.Task = func() connectors.SinkTask { return &sinkTask{out: &out} }
	t.Run("sink", connectorstest.SinkContract{
		Sink:    sink,
		Config:  map[string]string{nameKey: "c"},
		Records: []data.SinkRecord{sinkRecord(0, int32(3), int64(10)), sinkRecord(1, nil, data.MapFrom("a", true))},
		Written: func(t *testing.T) {
			got := out.lines(t)
			if len(got) != 4 || got[0]["flushed"] != nil || got[2]["flushed"] != true || got[0]["seqno"] != 10.0 || got[0]["task"] != 3.0 ||
				got[0]["sinkTask"] != 0.0 || got[3]["offset"] != 1.0 || got[3]["seqno"] != "{a=true}" || got[1]["name"] != "c" {
				t.Errorf("printed %v", got)
			}
		},
	}.Run)
	t.Run("mock sink", connectorstest.SinkContract{Sink: MockSink(), Config: map[string]string{}}.Run)
}

func TestClassNames(t *testing.T) {
	for _, s := range []connectors.Source{Source(), SchemaSource(), MockSource()} {
		if !strings.HasPrefix(s.Class, "org.apache.kafka.connect.tools.") || s.TaskClass != strings.TrimSuffix(s.Class, "Connector")+"Task" {
			t.Errorf("class %s, task %s", s.Class, s.TaskClass)
		}
	}
}

func start(t *testing.T, task connectors.SourceTask, offsets connectors.OffsetReader, props map[string]string) {
	t.Helper()
	if err := task.Start(t.Context(), connectorstest.NewSourceTaskContext(offsets, props), props); err != nil {
		t.Fatal(err)
	}
}

func TestSourcePrintsAndGoesOn(t *testing.T) {
	var out output
	task := &sourceTask{out: &out}
	offsets := connectorstest.NewOffsets()
	if err := offsets.Commit(map[string]any{idKey: 2}, map[string]any{seqnoField: 41}); err != nil {
		t.Fatal(err)
	}
	start(t, task, offsets, map[string]string{nameKey: "c", idKey: "2", topicKey: "t", throughputKey: "-1", "complete.record.data": "TRUE"})
	records, err := task.Poll(t.Context())
	if err != nil || len(records) != freeBatch {
		t.Fatal(len(records), err)
	}
	r := &records[0]
	s, ok := r.Value.(*data.Struct)
	if !ok || r.Key != int32(2) || r.SourceOffset.OffsetMap()[seqnoField] != int64(42) {
		t.Fatalf("%+v", r)
	}
	if name, _ := s.Get("name"); name != "c" {
		t.Errorf("value %v", s)
	}
	if err := task.CommitRecord(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	got := out.lines(t)
	if len(got) != freeBatch+1 || got[0]["seqno"] != 42.0 || got[0]["committed"] != nil || got[freeBatch]["committed"] != true || got[freeBatch]["seqno"] != 42.0 {
		t.Errorf("printed %v", got)
	}
}

func TestThroughput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task := &sourceTask{out: io.Discard}
		start(t, task, connectorstest.NewOffsets(), map[string]string{idKey: "0", topicKey: "t", throughputKey: "20"})
		began := time.Now()
		for n := 0; n < 100; {
			records, err := task.Poll(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n += len(records)
		}
		if took := time.Since(began); took < 4900*time.Millisecond || took > 5100*time.Millisecond {
			t.Errorf("100 records at 20 a second took %v", took)
		}
		start(t, task, connectorstest.NewOffsets(), map[string]string{idKey: "0", topicKey: "t", throughputKey: "0"})
		for i, want := range []int{1, 0, 0} {
			if records, err := task.Poll(t.Context()); len(records) != want || err != nil {
				t.Errorf("poll %d: %d records, %v", i, len(records), err)
			}
		}
	})
}

func TestWrongSettings(t *testing.T) {
	good := map[string]string{idKey: "0", topicKey: "t", throughputKey: "-1", "num.messages": "1"}
	for key, bad := range map[string]string{idKey: "x", topicKey: "", throughputKey: "1.5", "num.messages": "", "partition.count": "0"} {
		props := map[string]string{key: bad}
		for k, v := range good {
			if k != key {
				props[k] = v
			}
		}
		tc := connectorstest.NewSourceTaskContext(connectorstest.NewOffsets(), props)
		if err := (&schemaTask{}).Start(t.Context(), tc, props); !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), key) {
			t.Errorf("schema source, %s=%q: %v", key, bad, err)
		}
		if _, known := good[key]; !known || key == "num.messages" {
			continue
		}
		if err := (&sourceTask{}).Start(t.Context(), tc, props); !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), key) {
			t.Errorf("source, %s=%q: %v", key, bad, err)
		}
	}
	if err := (&sinkTask{}).Start(t.Context(), nil, nil); !errors.Is(err, errs.Config) {
		t.Errorf("sink without id: %v", err)
	}
	offsets := connectorstest.NewOffsets()
	if err := offsets.Commit(map[string]any{idKey: 0}, map[string]any{seqnoField: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := (&sourceTask{}).Start(t.Context(), connectorstest.NewSourceTaskContext(offsets, good), good); !errors.Is(err, errs.Connect) {
		t.Errorf("offset of a wrong type: %v", err)
	}
}

func TestSchemaSource(t *testing.T) {
	task := &schemaTask{out: io.Discard}
	start(t, task, connectorstest.NewOffsets(), map[string]string{
		idKey: "1", topicKey: "t", throughputKey: "-1", "num.messages": "3",
		"multiple.schema": "true", "partition.count": "2",
	})
	records, err := task.Poll(t.Context())
	if err != nil || len(records) != 3 {
		t.Fatal(records, err)
	}
	if got := data.Text(records[1].Value); got != "Struct{boolean=true,int=12,long=12,float=12.2,double=12.2,partitioning=1,string=def,id=1,seqno=1}" {
		t.Error(got)
	}
	if p, ok := records[0].Partition.Get(); p != 1 || !ok || records[2].ValueSchema != recordSchema1 || records[0].Key != "key" {
		t.Errorf("%+v", records)
	}
	synctest.Test(t, func(t *testing.T) {
		if records, err := task.Poll(t.Context()); len(records) != 0 || err != nil {
			t.Errorf("after the last message: %v, %v", records, err)
		}
	})
}

func TestMockFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cc := connectorstest.NewConnectorContext(nil)
		conn := MockSource().Connector()
		if err := conn.Start(t.Context(), cc, map[string]string{modeKey: connectorFailure}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(14999 * time.Millisecond) // of the bubble's time
		if len(cc.Errors()) != 0 {
			t.Error("failed early")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := cc.Errors(); len(got) != 1 || !errors.Is(got[0], errs.Connect) {
			t.Errorf("raised %v", got)
		}
		props := map[string]string{modeKey: taskFailure, delayKey: "2500"}
		began := time.Now()
		task := MockSource().Task()
		start(t, task, connectorstest.NewOffsets(), props)
		var err error
		for err == nil {
			_, err = task.Poll(t.Context())
		}
		if took := time.Since(began); took != 2500*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		sink, tc := MockSink().Task(), connectorstest.NewSinkTaskContext(props)
		if err := sink.Start(t.Context(), tc, props); err != nil || tc.LastTimeout() != 250*time.Millisecond {
			t.Errorf("%v, timeout %v", err, tc.LastTimeout())
		}
		if err := sink.Put(t.Context(), nil); err != nil {
			t.Error(err)
		}
		time.Sleep(2500 * time.Millisecond)
		if err := sink.Put(t.Context(), nil); err == nil {
			t.Error("the sink does not fail")
		}
		if err := conn.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
