package smttest

import (
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/data/datatest"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// CheckVectors holds transforms to the answers recorded from the Java classes in a file of the
// format of transforms.jsonl, each case through a chain as a task builds it.
func CheckVectors(t *testing.T, file string, plugins ...smt.Plugin) {
	t.Helper()
	all := make([]plugin.Plugin, len(plugins))
	for i, p := range plugins {
		all[i] = p
	}
	reg, err := plugin.NewRegistry(all...)
	if err != nil {
		t.Fatal(err)
	}
	datatest.Run(t, file, func(c datatest.Case) datatest.Outcome { return checkVector(t, reg, c) })
}

func checkVector(t *testing.T, reg *plugin.Registry, c datatest.Case) datatest.Outcome {
	var in struct {
		TransformClass string
		Config         map[string]string
		Input, Output  datatest.Record
	}
	c.Decode(&in)
	setTimestamp(c, &in.Input)
	chain, err := smt.Build(reg, []smt.StepConfig{{Alias: "t", Class: in.TransformClass, Props: in.Config}}, nil)
	if err != nil {
		if c.Error != nil && c.Error.When != "configure" || c.Error == nil {
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
	setTimestamp(c, &before)
	kept := in.Input // what is in the record must stay as it is also where the transform answers
	out, err := apply(chain, &in.Input)
	if diff := datatest.Diff(before, kept); diff != "" {
		return datatest.Outcome{Diff: "the values of the record were changed: " + diff}
	}
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
}

// setTimestamp tells the first moment of the year 1, which some cases have, from no timestamp.
func setTimestamp(c datatest.Case, r *datatest.Record) {
	var in struct{ Input struct{ Timestamp *int64 } }
	c.Decode(&in)
	if ms := in.Input.Timestamp; ms != nil {
		r.Timestamp = time.UnixMilli(*ms).In(time.FixedZone("UTC", 0))
	}
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
