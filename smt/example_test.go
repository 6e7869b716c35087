package smt_test

import (
	"fmt"
	"log"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/predicates"
	"github.com/troupe-connect/troupe/smt/transforms"
)

// A chain is made of what a connector's configuration says: here tombstones are dropped, and
// the rest is put under a field and sent to another topic.
func ExampleBuild() {
	var plugins []plugin.Plugin
	for _, p := range transforms.Plugins() {
		plugins = append(plugins, p)
	}
	for _, p := range predicates.Plugins() {
		plugins = append(plugins, p)
	}
	registry, err := plugin.NewRegistry(plugins...)
	if err != nil {
		log.Fatal(err)
	}
	chain, err := smt.Build(registry,
		[]smt.StepConfig{
			{Alias: "drop", Class: "Filter", Predicate: "empty"},
			{Alias: "wrap", Class: "org.apache.kafka.connect.transforms.HoistField$Value", Props: map[string]string{"field": "line"}},
			{Alias: "route", Class: "RegexRouter", Props: map[string]string{"regex": `(.*)-v\d`, "replacement": "$1"}},
		},
		[]smt.PredicateConfig{{Alias: "empty", Class: "RecordIsTombstone"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, value := range []any{"hello", nil} {
		out, err := chain.Apply(&data.Record{Topic: "logs-v2", Value: value})
		if err != nil {
			log.Fatal(err)
		}
		if out == nil {
			fmt.Println("dropped")
			continue
		}
		fmt.Println(out.Topic, out.Value)
	}
	// Output:
	// logs {line=hello}
	// dropped
}
