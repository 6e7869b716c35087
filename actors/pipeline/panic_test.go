package pipeline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
)

// thrown is an error that is thrown instead of returned.
type thrown struct{ error }

// orPanic throws what is to be thrown.
func orPanic(err error) error {
	if t, ok := errors.AsType[thrown](err); ok {
		panic(t.error)
	}
	return err
}

// mine is a transform that panics for one value; it has its say in a real chain.
type mine struct{ value any }

func (m mine) Configure(map[string]string) error { return nil }
func (m mine) Close() error                      { return nil }
func (m mine) Apply(r *data.Record) (*data.Record, error) {
	if r.Value == m.value {
		var none map[string]int
		none["a"] = 1
	}
	return r, nil
}

// A panic is an error of the record that it happened with, in every stage on both ways: reported
// with its stage, class and stack, not tried again, and tolerated or not as any other.
func TestPanics(t *testing.T) {
	classes := map[pipeline.Stage]string{
		pipeline.Transformation: "test.Second", pipeline.KeyConverter: "test.Key",
		pipeline.ValueConverter: "test.Value", pipeline.HeaderConverter: "test.Header",
	}
	for stage, class := range classes {
		for _, way := range []string{"source", "sink"} {
			for _, tolerate := range []bool{true, false} {
				name := string(stage) + "/" + way + "/none"
				if tolerate {
					name = string(stage) + "/" + way + "/all"
				}
				t.Run(name, func(t *testing.T) {
					rep := &reports{}
					fail := &failing{err: thrown{errs.Retriable.New("thrown on purpose")}, times: 1}
					policy := &pipeline.Policy{TolerateAll: tolerate, RetryTimeout: time.Hour, Reporters: []pipeline.Reporter{rep}}
					conv, _ := parts(stage, fail, nil)
					var ch pipeline.Chain
					if stage == pipeline.Transformation {
						ch = smt.NewChain(
							smt.Step{Alias: "a", Class: "test.First", Transform: mine{"never"}},
							smt.Step{Alias: "b", Class: "test.Second", Transform: mine{"v"}})
					}
					convert := func(value string) (bool, error) {
						if way == "source" {
							rec := sourceRecord()
							rec.Value = value
							return (&pipeline.Source{Chain: ch, Converters: conv, Policy: policy}).Convert(t.Context(), rec, &kafka.Record{})
						}
						r := sinkRecord()
						r.Value = []byte(value)
						return (&pipeline.Sink{Chain: ch, Converters: conv, Policy: policy}).Convert(t.Context(), r, &data.SinkRecord{})
					}
					kept, err := convert("v")
					if kept || (err == nil) != tolerate {
						t.Fatalf("kept %v, %v", kept, err)
					}
					if len(rep.got) != 1 {
						t.Fatalf("reported %+v", rep.got)
					}
					got := rep.got[0]
					f, ok := errors.AsType[*act.Failure](got.Err)
					if got.Stage != stage || got.Class != class || got.Attempts != 1 || !ok || !strings.Contains(f.Stack, "pipeline_test.") {
						t.Errorf("reported %+v", got)
					}
					if err != nil {
						outer := act.AsFailure(err, false)
						if !strings.HasPrefix(err.Error(), "Tolerance exceeded in error handler: "+string(stage)+" by "+class+" of ") ||
							!strings.Contains(err.Error(), "panic: ") || !strings.Contains(outer.Stack, "pipeline_test.") {
							t.Errorf("failed with %v\n%s", err, outer.Stack)
						}
						return
					}
					if kept, err := convert("w"); !kept || err != nil { // the next record
						t.Errorf("kept %v, %v", kept, err)
					}
				})
			}
		}
	}
}
