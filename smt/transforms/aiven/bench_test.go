package aiven_test

import (
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms/aiven"
)

// The record is that of testdata/smt/bench/Bench.java, which measures the Java classes.
func benchRecord() data.Record {
	schema := data.NewBuilder(data.StructType).Optional().Name("pg.inventory.customers.Value").
		Field("id", data.Int32Schema).Field("first_name", data.StringSchema).Field("email", data.OptionalStringSchema).
		Field("level", data.NewBuilder(data.Int32).Optional().Default(int32(5)).MustBuild()).Field("amount", data.OptionalFloat64Schema).
		Field("created", data.NewBuilder(data.Int64).Optional().Name("io.debezium.time.MicroTimestamp").Version(1).MustBuild()).
		Field("seen", data.NewBuilder(data.String).Optional().Name("io.debezium.time.ZonedTimestamp").Version(1).MustBuild()).MustBuild()
	key := data.NewBuilder(data.StructType).Name("pg.inventory.customers.Key").Field("id", data.Int32Schema).MustBuild()
	return data.Record{
		Topic: "pg.inventory.customers", Partition: data.PartitionOf(1), Timestamp: time.UnixMilli(1700000000000).UTC(),
		KeySchema: key, Key: data.NewStruct(key).With("id", int32(7)), ValueSchema: schema,
		Value: data.NewStruct(schema).With("id", int32(7)).With("first_name", "Ann").With("email", "a@x.org").With("amount", 12.5).
			With("created", int64(1700000000123456)).With("seen", "2023-11-14T22:13:20.123456Z"),
	}
}

func BenchmarkTransforms(b *testing.B) {
	for class, c := range map[string]props{
		"CaseTransform":              {"field.names": "first_name,email", "case": "upper"},
		"ConcatFields":               {"field.names": "id,first_name", "output.field.name": "o", "delimiter": "-"},
		"ExtractTimestamp":           {"field.name": "created"},
		"ExtractTopic":               {"field.name": "first_name"},
		"ExtractTopicFromSchemaName": {"schema.name.regex": "([^.]*)$"},
		"FilterByFieldValue":         {"field.name": "id", "field.value": "7", "field.value.matches": "false"},
		"Hash":                       {"field.name": "email", "function": "sha256"},
		"KeyToValue":                 {"key.fields": "id", "value.fields": "key_id"},
		"MakeTombstone":              nil,
		"TombstoneHandler":           {"behavior": "fail"},
	} {
		b.Run(class, func(b *testing.B) {
			var tr smt.Transform
			for _, p := range aiven.Plugins() {
				if smttest.SimpleName(p) == class && !strings.HasSuffix(p.Class, "$Key") {
					tr = p.New()
				}
			}
			if err := tr.Configure(c); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			in := benchRecord()
			var r data.Record
			for b.Loop() {
				r = in
				if out, err := tr.Apply(&r); err != nil || out == nil {
					b.Fatal(out, err)
				}
			}
		})
	}
}
