package predicates_test

import (
	"fmt"
	"testing"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/data/datatest"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/predicates"
)

// drop is a transform that drops what it gets, so that a predicate's answer shows.
type drop struct{}

func (drop) Configure(map[string]string) error        { return nil }
func (drop) Apply(*data.Record) (*data.Record, error) { return nil, nil }
func (drop) Close() error                             { return nil }
func dropPlugin() smt.Plugin {
	return smt.Plugin{Descriptor: plugin.Descriptor{Class: "test.Drop"}, New: func() smt.Transform { return drop{} }}
}

// The answers of the Java classes, through the chain as a task builds it: plain and negated.
func TestVectorsPredicates(t *testing.T) {
	all := []plugin.Plugin{dropPlugin()}
	for _, p := range predicates.Plugins() {
		all = append(all, p)
	}
	reg, err := plugin.NewRegistry(all...)
	if err != nil {
		t.Fatal(err)
	}
	datatest.Run(t, "predicates.jsonl", func(c datatest.Case) datatest.Outcome {
		var in struct {
			PredicateClass string
			Config         map[string]string
			Input          datatest.Record
			Output         bool
		}
		c.Decode(&in)
		for _, negate := range []bool{false, true} {
			got, err := test(reg, in.PredicateClass, in.Config, &in.Input.Record, negate)
			out := c.Judge(err, func() string {
				if got != (in.Output != negate) {
					return fmt.Sprintf("with negate=%v: %v, want %v", negate, got, in.Output != negate)
				}
				return ""
			})
			if out != (datatest.Outcome{}) {
				return out
			}
		}
		return datatest.Outcome{}
	})
}

// test is whether a step with the predicate applies to a record.
func test(reg *plugin.Registry, class string, props map[string]string, r *data.Record, negate bool) (bool, error) {
	chain, err := smt.Build(reg,
		[]smt.StepConfig{{Alias: "drop", Class: "test.Drop", Predicate: "p", Negate: negate}},
		[]smt.PredicateConfig{{Alias: "p", Class: class, Props: props}})
	if err != nil {
		return false, err
	}
	out, err := chain.Apply(r)
	return out == nil, err
}
