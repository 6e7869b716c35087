package confluent_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms/confluent"
)

type props = map[string]string

// configs are configurations by class, the one that needs all required settings first.
var configs = map[string][]props{
	"Drop":             {{}, {"schema.behavior": "force_optional"}, {"schema.behavior": "validate"}},
	"ExtractTimestamp": {{"field.name": "a"}, {"field.name": "f"}},
	"ExtractTopic":     {{"field": "b"}, {"field": "a", "skip.missing.or.null": "true"}},
	"Filter": {
		{"filter.condition": "$[?(@.b == '12')]", "filter.type": "include"},
		{"filter.condition": "$.d.y", "filter.type": "exclude", "missing.or.null.behavior": "include"},
	},
	"GzipDecompress":         {{}},
	"MessageTimestampRouter": {{"message.timestamp.keys": "a,b"}, {"message.timestamp.keys": "b", "message.timestamp.format": "yyyy"}},
	"TombstoneHandler":       {{}, {"behavior": "fail"}, {"behavior": "ignore"}},
	"TopicRegexRouter":       {{"regex": "(?P<a>.*)-(\\d)", "replacement": "${a}"}},
}

func TestContract(t *testing.T) {
	for _, p := range confluent.Plugins() {
		all := configs[smttest.SimpleName(p)]
		if len(all) == 0 {
			t.Errorf("no configuration for %s", p.Class)
		}
		smttest.CheckTransform(t, p, all...)
	}
}

func FuzzTransformsConfluent(f *testing.F) {
	plugins := confluent.Plugins()
	for i, p := range plugins {
		for _, c := range configs[smttest.SimpleName(p)] {
			raw, err := json.Marshal(c)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), string(raw), []byte{byte(i), 1, 2, 3})
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, config string, record []byte) {
		p := plugins[int(which)%len(plugins)]
		err := smttest.FuzzOne(p, config, record)
		if errors.Is(err, smttest.ErrMisfit) && smttest.SimpleName(p) == "Drop" {
			return // retain keeps a schema that null doesn't fit
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

func registry(t testing.TB) *plugin.Registry {
	t.Helper()
	var all []plugin.Plugin
	for _, p := range confluent.Plugins() {
		all = append(all, p)
	}
	r, err := plugin.NewRegistry(all...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func build(t testing.TB, class string, c props) *smt.Chain {
	t.Helper()
	if !strings.Contains(class, ".") {
		class = "io.confluent.connect.transforms." + class
	}
	chain, err := smt.Build(registry(t), []smt.StepConfig{{Alias: "t", Class: class, Props: c}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := chain.Close(); err != nil {
			t.Error(err)
		}
	})
	return chain
}

var orderSchema = data.StructOf("status", data.OptionalStringSchema, "at", data.TimestampSchema, "to", data.StructOf("topic", data.OptionalStringSchema))

func order(status any) data.Record {
	to := data.NewStruct(orderSchema.Fields()[2].Schema).With("topic", "nested")
	return data.Record{
		Topic: "orders", KeySchema: data.StringSchema, Key: "k", ValueSchema: orderSchema,
		Value:   data.NewStruct(orderSchema).With("status", status).With("at", time.UnixMilli(1700000000123).UTC()).With("to", to),
		Headers: data.Headers{{Key: "h", Schema: data.StringSchema, Value: "from-header"}},
	}
}

func plain(pairs ...any) data.Record { return data.Record{Topic: "bar", Value: data.MapFrom(pairs...)} }

// What the documentation says, and the examples in it.
func TestDocumented(t *testing.T) {
	number := data.Record{Topic: "t", KeySchema: data.Int32Schema, Key: int32(24), Value: "v"}
	optional := number
	optional.KeySchema = data.OptionalInt32Schema
	topic := func(r *data.Record) string { return r.Topic }
	key := func(r *data.Record) string {
		text := data.Text(r.Key) + " " + r.KeySchema.String()
		if r.KeySchema != nil && r.KeySchema.Optional() {
			text += "?"
		}
		return text
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte("Hello world")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	const nested = `$["to"]["topic"]`
	for _, tt := range []struct {
		name, class string
		config      props
		in          data.Record
		show        func(*data.Record) string
		want        string // "dropped" and "fails" too
	}{
		{"drop", "Drop$Key", nil, number, key, "null null"},
		{"retain", "Drop$Key", props{"schema.behavior": "retain"}, number, key, "null Schema{INT32}"},
		{"validate", "Drop$Key", props{"schema.behavior": "validate"}, number, key, "fails"},
		{"validate optional", "Drop$Key", props{"schema.behavior": "validate"}, optional, key, "null Schema{INT32}?"},
		{"force", "Drop$Key", props{"schema.behavior": "force_optional"}, number, key, "null Schema{INT32}?"},
		{"topic of key", "ExtractTopic$Key", nil, order("x"), topic, "k"},
		{"topic of field", "ExtractTopic$Value", props{"field": "status"}, order("new"), topic, "new"},
		{"topic of null", "ExtractTopic$Value", props{"field": "status"}, order(nil), topic, "fails"},
		{"skipped", "ExtractTopic$Value", props{"field": "status", "skip.missing.or.null": "true"}, order(nil), topic, "orders"},
		{"topic of path", "ExtractTopic$Value", props{"field": nested, "field.format": "JSON_PATH"}, order("x"), topic, "nested"},
		{"topic of no text", "ExtractTopic$Value", props{"field": "at"}, order("x"), topic, "fails"},
		{"topic of header", "ExtractTopic$Header", props{"field": "h"}, order("x"), topic, "from-header"},
		{"topic of no header", "ExtractTopic$Header", props{"field": "i"}, order("x"), topic, "fails"},
		{"include", "Filter$Value", props{"filter.condition": "$[?(@.status == 'new')]", "filter.type": "include"}, order("new"), topic, "orders"},
		{"not included", "Filter$Value", props{"filter.condition": "$[?(@.status == 'new')]", "filter.type": "include"}, order("old"), topic, "dropped"},
		{"exclude", "Filter$Value", props{"filter.condition": "$[?(@.status =~ /n.*/)]", "filter.type": "exclude"}, order("new"), topic, "dropped"},
		{"null in a predicate", "Filter$Value", props{"filter.condition": "$[?(@.nope == 'x')]", "filter.type": "exclude"}, order("new"), topic, "orders"},
		{"missing", "Filter$Value", props{"filter.condition": "$.nope", "filter.type": "include"}, order("new"), topic, "fails"},
		{"missing excluded", "Filter$Value", props{"filter.condition": "$.nope", "filter.type": "include", "missing.or.null.behavior": "exclude"}, order("new"), topic, "dropped"},
		{"missing included", "Filter$Value", props{"filter.condition": "$.nope", "filter.type": "include", "missing.or.null.behavior": "include"}, order("new"), topic, "orders"},
		{
			"nested key", "Filter$Value",
			props{"filter.condition": "$.key[?(@.nestedKey == 'value1' || @.nestedKey == 'value2')]", "filter.type": "include"},
			plain("key", data.MapFrom("nestedKey", "value2")), topic, "bar",
		},
		{"gzip", "GzipDecompress$Value", nil, data.Record{ValueSchema: data.BytesSchema, Value: packed.Bytes()}, func(r *data.Record) string {
			return string(r.Value.([]byte))
		}, "Hello world"},
		{"no gzip", "GzipDecompress$Value", nil, data.Record{Value: []byte("plain")}, topic, "fails"},
		{
			"time in value", "MessageTimestampRouter",
			props{
				"topic.format": "foo-${topic}-${timestamp}", "message.timestamp.format": "yyyy-MM-dd", "topic.timestamp.format": "yyyy.MM.dd",
				"message.timestamp.keys": "timestamp,time,ts",
			},
			plain("time", "2019-08-06"), topic, "foo-bar-2019.08.06",
		},
		{"number of ms", "MessageTimestampRouter", props{"message.timestamp.keys": "ts", "message.timestamp.format": ""}, plain("ts", int64(1700000000123)), topic, "bar-20231114"},
		{"no time", "MessageTimestampRouter", props{"message.timestamp.keys": "ts"}, plain("a", "b"), topic, "fails"},
		{"time in struct", "MessageTimestampRouter", props{"message.timestamp.keys": "at"}, order("x"), topic, "fails"},
		{"tombstone", "TombstoneHandler", nil, data.Record{Topic: "t"}, topic, "dropped"},
		{"tombstone fails", "TombstoneHandler", props{"behavior": "fail"}, data.Record{Topic: "t", ValueSchema: data.OptionalStringSchema}, topic, "fails"},
		{"no tombstone", "TombstoneHandler", props{"behavior": "fail"}, order("x"), topic, "orders"},
		{"regex", "io.confluent.connect.cloud.transforms.TopicRegexRouter", props{"regex": "(?P<a>or).*", "replacement": "${a}-$1"}, order("x"), topic, "or-or"},
		{"no match", "TopicRegexRouter", props{"regex": "or", "replacement": "x"}, order("x"), topic, "orders"},
		{"timestamp", "com.github.jcustenborder.kafka.connect.transform.common.ExtractTimestamp$Value", props{"field.name": "at"}, order("x"), func(r *data.Record) string {
			return r.Timestamp.Format(time.RFC3339Nano)
		}, "2023-11-14T22:13:20.123Z"},
		{"timestamp of no time", "ExtractTimestamp$Value", props{"field.name": "status"}, order("x"), topic, "fails"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := build(t, tt.class, tt.config).Apply(&tt.in)
			var got string
			switch {
			case err != nil && !errors.Is(err, errs.Data):
				t.Fatal(err)
			case err != nil:
				got = "fails"
			case out == nil:
				got = "dropped"
			default:
				got = tt.show(out)
			}
			if got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestRefusedSettings(t *testing.T) {
	for class, c := range map[string]props{
		"Drop$Key":               {"schema.behavior": "drop"},
		"Filter$Value":           {"filter.condition": "status", "filter.type": "include"},
		"Filter$Key":             {"filter.condition": "$.a", "filter.type": "keep"},
		"ExtractTopic$Value":     {"field": "a[", "field.format": "JSON_PATH"},
		"ExtractTopic$Header":    {},
		"MessageTimestampRouter": {"message.timestamp.keys": "a", "topic.timestamp.format": "bad"},
		"TombstoneHandler":       {"behavior": "drop_silent"},
		"TopicRegexRouter":       {"regex": "(", "replacement": "x"},
	} {
		_, err := smt.Build(registry(t), []smt.StepConfig{{Alias: "t", Class: "io.confluent.connect.transforms." + class, Props: c}}, nil)
		if !errors.Is(err, errs.Config) {
			t.Errorf("%s %v: %v, want an errs.Config error", class, c, err)
		}
	}
}
