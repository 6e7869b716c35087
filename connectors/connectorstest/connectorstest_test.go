package connectorstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// faulty is a source and a sink whose faults can be chosen.
type faulty struct {
	fault string
	props map[string]string
	next  int64
	stop  chan struct{}
}

func (f *faulty) is(fault string) bool { return f.fault == fault }

var numberDef = config.NewDef(config.Key{Name: "number", Type: config.Int, Default: int32(1), Doc: "A number."})

func (f *faulty) descriptor() plugin.Descriptor {
	d := plugin.Descriptor{Class: "x.Faulty", Version: "1", Config: numberDef}
	switch f.fault {
	case "no class":
		d.Class = ""
	case "undocumented":
		d.Config = config.NewDef(config.Key{Name: "number", Type: config.Int, Default: int32(1)})
	case "lax":
		d.Config = nil
	}
	return d
}

type faultyConnector struct{ *faulty }

func (f faultyConnector) Start(_ context.Context, _ connectors.SourceContext, props map[string]string) error {
	f.props = props
	return nil
}

func (f faultyConnector) TaskConfigs(_ context.Context, n int) ([]map[string]string, error) {
	if f.is("shared configs") {
		return []map[string]string{f.props}, nil
	}
	if f.is("too many configs") {
		n++
	}
	out := make([]map[string]string, n)
	for i := range out {
		out[i] = map[string]string{}
	}
	return out, nil
}

func (f faultyConnector) Stop(context.Context) error { return nil }

type faultySinkConnector struct{ faultyConnector }

func (f faultySinkConnector) Start(_ context.Context, _ connectors.ConnectorContext, props map[string]string) error {
	f.props = props
	return nil
}

type faultyTask struct{ *faulty }

func (f faultyTask) start() {
	if f.is("stop needs start") || f.is("goroutine left") {
		f.stop = make(chan struct{})
	}
	if f.is("goroutine left") {
		go func() { <-f.stop }()
	}
}

func (f faultyTask) Start(ctx context.Context, tc connectors.SourceTaskContext, _ map[string]string) error {
	f.start()
	if f.is("never resumes") {
		return nil
	}
	offset, err := tc.Offsets().Offset(ctx, map[string]any{"p": 1})
	if n, ok := offset["n"].(int64); ok {
		f.next = n
	}
	return err
}

func (f faultyTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	if f.is("ignores its context") && ctx.Err() != nil {
		select {}
	}
	f.next++
	r := data.SourceRecord{
		Record:          data.Record{Topic: "t", ValueSchema: data.Int64Schema, Value: f.next},
		SourcePartition: map[string]any{"p": 1},
		SourceOffset:    data.OffsetMap{"n": f.next},
	}
	switch f.fault {
	case "no topic":
		r.Topic = ""
	case "wrong value":
		r.Value = "text"
	case "nested offset":
		r.SourceOffset = data.OffsetMap{"n": map[string]any{}}
	}
	return []data.SourceRecord{r}, nil
}

func (f faultyTask) Stop(context.Context) error {
	if f.is("stop needs start") {
		close(f.stop)
	}
	return nil
}

type faultySinkTask struct {
	faultyTask
	kept []data.SinkRecord
}

func (f *faultySinkTask) Start(context.Context, connectors.SinkTaskContext, map[string]string) error {
	f.start()
	return nil
}

func (f *faultySinkTask) Put(ctx context.Context, records []data.SinkRecord) error {
	if f.is("ignores its context") && ctx.Err() != nil {
		select {}
	}
	if f.is("keeps the slice") {
		f.kept = records
	} else {
		f.kept = append(f.kept, records...)
	}
	return nil
}

func (f *faultySinkTask) PreCommit(_ context.Context, offsets connectors.Offsets) (connectors.Offsets, error) {
	for _, r := range f.kept {
		if r.Topic != "t" {
			return nil, fmt.Errorf("record of topic %q", r.Topic)
		}
	}
	f.kept = nil
	if f.is("commits too much") {
		for tp := range offsets {
			offsets[tp]++
		}
	}
	return offsets, nil
}

var wrongNumber = map[string]map[string]string{"no number": {"number": "x"}}

func sourceWith(fault string) SourceContract {
	d := (&faulty{fault: fault}).descriptor()
	return SourceContract{
		Source: connectors.Source{
			Descriptor: d,
			Connector:  func() connectors.SourceConnector { return faultyConnector{&faulty{fault: fault}} },
			Task:       func() connectors.SourceTask { return faultyTask{&faulty{fault: fault}} },
		},
		Config: map[string]string{}, Records: 5, Wrong: wrongNumber,
	}
}

func sinkWith(fault string) SinkContract {
	return SinkContract{
		Sink: connectors.Sink{
			Descriptor: (&faulty{fault: fault}).descriptor(),
			Connector:  func() connectors.SinkConnector { return faultySinkConnector{faultyConnector{&faulty{fault: fault}}} },
			Task:       func() connectors.SinkTask { return &faultySinkTask{faultyTask: faultyTask{&faulty{fault: fault}}} },
		},
		Config: map[string]string{}, Wrong: wrongNumber,
		Records: []data.SinkRecord{{Record: data.Record{Topic: "t"}, OriginalTopic: "t", OriginalOffset: 3}},
	}
}

func TestContractsHold(t *testing.T) {
	t.Run("source", sourceWith("").Run)
	t.Run("sink", sinkWith("").Run)
}

// Each fault is found: the contract runs in a process of its own, where it is to fail.
func TestContractsFindFaults(t *testing.T) {
	const variable = "CONNECTORSTEST_FAULT"
	if fault, isChild := os.LookupEnv(variable); isChild {
		callLimit = 300 * time.Millisecond
		kind, fault, _ := strings.Cut(fault, " ")
		if kind == "source" {
			sourceWith(fault).Run(t)
		} else {
			sinkWith(fault).Run(t)
		}
		return
	}
	for fault, want := range map[string]string{
		"source no class":            "neither may be empty",
		"source undocumented":        "has no documentation",
		"source lax":                 "not of kind errs.Config",
		"source stop needs start":    "panic: close of nil channel",
		"source shared configs":      "the maps are shared",
		"source too many configs":    "4 configurations for 3 tasks",
		"source goroutine left":      "1 goroutines are left",
		"source ignores its context": "has not returned after",
		"source never resumes":       "after the committed offset comes",
		"source no topic":            `record has topic ""`,
		"source wrong value":         "record of topic \"t\":",
		"source nested offset":       "only plain values can be stored",
		"sink lax":                   "not of kind errs.Config",
		"sink stop needs start":      "panic: close of nil channel",
		"sink goroutine left":        "1 goroutines are left",
		"sink ignores its context":   "has not returned after",
		"sink keeps the slice":       `record of topic "of another batch"`,
		"sink commits too much":      "PreCommit gives offset 5",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestContractsFindFaults$")
			cmd.Env = append(os.Environ(), variable+"="+fault)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(string(out), want) {
				t.Errorf("%v, want a failure with %q:\n%s", err, want, out)
			}
		})
	}
}

func TestOffsets(t *testing.T) {
	ctx := t.Context()
	o := NewOffsets()
	p, q := map[string]any{"a": 1, "b": "x"}, map[string]any{"a": 2}
	if err := o.Commit(p, map[string]any{"i": int32(7), "f": 1.5, "whole": 2.0, "s": "s", "n": nil, "b": []byte{1}}); err != nil {
		t.Fatal(err)
	}
	got, err := o.Offsets(ctx, []map[string]any{q, {"b": "x", "a": int64(1)}})
	if err != nil || got[0] != nil || got[1]["i"] != int64(7) || got[1]["f"] != 1.5 || got[1]["s"] != "s" || got[1]["b"] != "AQ==" {
		t.Errorf("%v, %v", got, err)
	}
	if err := o.Commit(p, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := o.Offset(ctx, p); got != nil || err != nil {
		t.Errorf("removed offset: %v, %v", got, err)
	}
	if err := o.Commit(p, map[string]any{"c": make(chan int)}); !errors.Is(err, errs.Data) {
		t.Errorf("what JSON can't hold: %v", err)
	}
	if _, err := o.Offset(ended(t), p); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
	if err := o.CommitRecord(&data.SourceRecord{}); err != nil {
		t.Errorf("record without offset: %v", err)
	}
}

func TestContexts(t *testing.T) {
	cc := NewConnectorContext(nil)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			cc.RequestTaskReconfiguration()
			cc.RaiseError(errs.Connect.New("x"))
		})
	}
	wg.Wait()
	if cc.Reconfigurations() != 10 || len(cc.Errors()) != 10 || cc.Offsets() == nil {
		t.Errorf("%d, %v", cc.Reconfigurations(), cc.Errors())
	}
	a, b := data.TopicPartition{Topic: "t"}, data.TopicPartition{Topic: "t", Partition: 1}
	tc := NewSinkTaskContext(map[string]string{"k": "v"}, a)
	tc.Config()["k"] = "changed"
	if tc.Config()["k"] != "v" {
		t.Error("Config is shared")
	}
	if err := tc.Pause(b); !errors.Is(err, errs.IllegalState) {
		t.Errorf("pause of a partition that is not assigned: %v", err)
	}
	if err := tc.Pause(a); err != nil || !tc.Paused(a) {
		t.Errorf("pause: %v", err)
	}
	tc.Assign(a, b)
	if err := tc.Resume(a, b); err != nil || tc.Paused(a) || len(tc.Assignment()) != 2 {
		t.Errorf("resume: %v", err)
	}
	tc.Offset(connectors.Offsets{a: 5})
	tc.Timeout(time.Second)
	tc.RequestCommit()
	if tc.Rewound()[a] != 5 || tc.LastTimeout() != time.Second || tc.Commits() != 1 {
		t.Errorf("%v %v %d", tc.Rewound(), tc.LastTimeout(), tc.Commits())
	}
	if err := tc.Reporter().Report(data.SinkRecord{Offset: 3}, errs.Data.New("bad"))(t.Context()); err != nil {
		t.Error(err)
	}
	if got := tc.Reported(); len(got) != 1 || got[0].Record.Offset != 3 || !errors.Is(got[0].Err, errs.Data) {
		t.Errorf("reported %v", got)
	}
	tc.NoReporter()
	if tc.Reporter() != nil {
		t.Error("there is a reporter")
	}
}
