package transforms_test

import (
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/data/datatest"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms"
)

func registry(t testing.TB) *plugin.Registry {
	t.Helper()
	var all []plugin.Plugin
	for _, p := range transforms.Plugins() {
		all = append(all, p)
	}
	r, err := plugin.NewRegistry(all...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The answers of the Java classes, through the chain as a task builds it.
func TestVectorsTransforms(t *testing.T) {
	reg := registry(t)
	datatest.Run(t, "transforms.jsonl", func(c datatest.Case) datatest.Outcome {
		var in struct {
			TransformClass string
			Config         map[string]string
			Input, Output  datatest.Record
		}
		c.Decode(&in)
		chain, err := smt.Build(reg, []smt.StepConfig{{Alias: "t", Class: in.TransformClass, Props: in.Config}}, nil)
		if err != nil {
			if c.Error != nil && c.Error.When != "configure" {
				return datatest.Outcome{Diff: "configure fails: " + err.Error()}
			}
			return c.Judge(err, nil)
		}
		defer func() {
			if err := chain.Close(); err != nil {
				t.Error(err)
			}
		}()
		if c.Error != nil && c.Error.When == "configure" {
			return c.Judge(nil, nil)
		}
		before := datatest.Record{}
		c.Decode(&struct{ Input *datatest.Record }{&before})
		out, err := apply(chain, &in.Input)
		if err != nil {
			if diff := datatest.Diff(before, in.Input); diff != "" {
				return datatest.Outcome{Diff: "the error left the record changed: " + diff}
			}
		}
		return c.Judge(err, func() string {
			switch {
			case out == nil && in.Output.Null:
				return ""
			case out == nil:
				return "the record is dropped"
			case in.Output.Null:
				return "the record isn't dropped"
			}
			return datatest.Diff(in.Output.Record, *out)
		})
	})
}

// apply runs a record of its kind through a chain.
func apply(chain *smt.Chain, in *datatest.Record) (*data.Record, error) {
	if in.Kind == "source" {
		return chain.Apply(&in.Record)
	}
	sink := &data.SinkRecord{Record: in.Record, Offset: in.Offset, TimestampType: in.TimestampType}
	out, err := chain.ApplySink(sink)
	if err != nil || out == nil {
		return nil, err
	}
	return &out.Record, nil
}
