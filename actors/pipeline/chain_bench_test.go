package pipeline_test

import (
	"testing"

	"github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms"
)

// BenchmarkChainToJSON is what the chain workload of the side-by-side benchmark costs between the source
// task and the producer: a line of 100 bytes, six transforms, JSON with its schema.
func BenchmarkChainToJSON(b *testing.B) {
	var all []plugin.Plugin
	for _, p := range transforms.Plugins() {
		all = append(all, p)
	}
	registry, err := plugin.NewRegistry(all...)
	if err != nil {
		b.Fatal(err)
	}
	chain, err := smt.Build(registry, []smt.StepConfig{
		{Alias: "hoistfield", Class: "org.apache.kafka.connect.transforms.HoistField$Value", Props: map[string]string{"field": "line"}},
		{Alias: "insertfield", Class: "org.apache.kafka.connect.transforms.InsertField$Value", Props: map[string]string{"topic.field": "topic"}},
		{Alias: "insertfield", Class: "org.apache.kafka.connect.transforms.InsertField$Value", Props: map[string]string{"static.field": "origin", "static.value": "bench"}},
		{Alias: "maskfield", Class: "org.apache.kafka.connect.transforms.MaskField$Value", Props: map[string]string{"fields": "origin"}},
		{Alias: "replacefield", Class: "org.apache.kafka.connect.transforms.ReplaceField$Value", Props: map[string]string{"renames": "line:text"}},
		{Alias: "regexrouter", Class: "org.apache.kafka.connect.transforms.RegexRouter", Props: map[string]string{"regex": "(.*)", "replacement": "$1"}},
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer chain.Close()
	conv := json.Plugin().New()
	if err := conv.Configure(nil, false); err != nil {
		b.Fatal(err)
	}
	in := data.Record{
		Topic: "bench-chain", ValueSchema: data.StringSchema,
		Value: "2026-11-22T18:00:00.000Z INFO [worker-1] a line of some log, of about a hundred bytes as they are",
	}
	b.ReportAllocs()
	for b.Loop() {
		r := in
		out, err := chain.Apply(&r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := conv.FromConnect(out.Topic, out.ValueSchema, out.Value); err != nil {
			b.Fatal(err)
		}
	}
}
