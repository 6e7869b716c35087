package debezium_test

import (
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/smttest"
	"github.com/troupe-connect/troupe/smt/transforms/debezium"
)

// The records are those of testdata/smt/bench/Bench.java, which measures the Java classes.
var (
	benchRow = data.NewBuilder(data.StructType).Optional().Name("pg.inventory.customers.Value").
			Field("id", data.Int32Schema).Field("first_name", data.StringSchema).Field("email", data.OptionalStringSchema).
			Field("level", data.NewBuilder(data.Int32).Optional().Default(int32(5)).MustBuild()).Field("amount", data.OptionalFloat64Schema).
			Field("created", logical(data.Int64, "io.debezium.time.MicroTimestamp")).
			Field("seen", logical(data.String, "io.debezium.time.ZonedTimestamp")).MustBuild()
	benchOutbox = data.NewBuilder(data.StructType).Optional().Name("pg.inventory.outbox.Value").
			Field("id", data.StringSchema).Field("aggregatetype", data.StringSchema).Field("aggregateid", data.StringSchema).
			Field("type", data.OptionalStringSchema).Field("payload", data.OptionalStringSchema).MustBuild()
	benchSource = data.NewBuilder(data.StructType).Name("io.debezium.connector.postgresql.Source").Version(1).
			Field("version", data.StringSchema).Field("connector", data.StringSchema).Field("name", data.StringSchema).
			Field("ts_ms", data.Int64Schema).Field("snapshot", data.OptionalStringSchema).Field("db", data.StringSchema).
			Field("schema", data.StringSchema).Field("table", data.StringSchema).Field("txId", data.OptionalInt64Schema).
			Field("lsn", data.OptionalInt64Schema).MustBuild()
	benchKey = data.NewBuilder(data.StructType).Name("pg.inventory.customers.Key").Field("id", data.Int32Schema).MustBuild()
)

func benchEnvelope(row *data.Schema, name string) *data.Schema {
	return data.NewBuilder(data.StructType).Name(name).Version(2).Field("before", row).Field("after", row).
		Field("source", benchSource).Field("op", data.StringSchema).Field("ts_ms", data.OptionalInt64Schema).MustBuild()
}

func benchEvent(schema *data.Schema, table string, before, after any, op string) data.Record {
	source := data.NewStruct(benchSource).With("version", "3.6.1.Final").With("connector", "postgresql").With("name", "pg").
		With("ts_ms", int64(1700000000123)).With("snapshot", "false").With("db", "shop").With("schema", "inventory").
		With("table", table).With("txId", int64(501)).With("lsn", int64(90001))
	return data.Record{
		Topic: "pg.inventory.customers", Partition: data.PartitionOf(1), Timestamp: time.UnixMilli(1700000000000).UTC(),
		KeySchema: benchKey, Key: data.NewStruct(benchKey).With("id", int32(7)), ValueSchema: schema,
		Value: data.NewStruct(schema).With("before", before).With("after", after).With("source", source).With("op", op).
			With("ts_ms", int64(1700000000456)),
	}
}

func benchRowOf(email string) *data.Struct {
	return data.NewStruct(benchRow).With("id", int32(7)).With("first_name", "Ann").With("email", email).With("amount", 12.5).
		With("created", int64(1700000000123456)).With("seen", "2023-11-14T22:13:20.123456Z")
}

func benchUpdate() data.Record {
	return benchEvent(benchEnvelope(benchRow, "pg.inventory.customers.Envelope"), "customers", benchRowOf("a@x.org"), benchRowOf("b@x.org"), "u")
}

func benchCreated() data.Record {
	row := data.NewStruct(benchOutbox).With("id", "7f1c").With("aggregatetype", "Order").With("aggregateid", "42").With("type", "OrderCreated").
		With("payload", `{"id": 42, "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}], "note": null, "total": 12.5}`)
	return benchEvent(benchEnvelope(benchOutbox, "pg.inventory.outbox.Envelope"), "outbox", nil, row, "c")
}

var benchSteps = []struct {
	name  string // a part behind a slash tells configurations of one class apart
	class string
	props props
	in    func() data.Record
}{
	{"ExtractNewRecordState", "ExtractNewRecordState", nil, benchUpdate},
	{"ExtractNewRecordState/all", "ExtractNewRecordState", props{
		"delete.tombstone.handling.mode": "rewrite", "add.fields": "op,table,source.ts_ms", "add.headers": "op,db",
	}, benchUpdate},
	{"ByLogicalTableRouter", "ByLogicalTableRouter", props{"topic.regex": "(.*)customers", "topic.replacement": "$1all"}, benchUpdate},
	{"EventRouter", "EventRouter", props{"table.fields.additional.placement": "type:header"}, benchCreated},
	{"EventRouter/json", "EventRouter", props{"table.expand.json.payload": "true"}, benchCreated},
	{"TimezoneConverter", "TimezoneConverter", props{"converted.timezone": "Europe/Berlin"}, benchUpdate},
	{"ExtractChangedRecordState", "ExtractChangedRecordState", props{"header.changed.name": "C", "header.unchanged.name": "U"}, benchUpdate},
	{"PartitionRouting", "PartitionRouting", props{"partition.payload.fields": "change.id,source.table", "partition.topic.num": "7"}, benchUpdate},
	{"HeaderToValue", "HeaderToValue", props{"headers": "h", "fields": "after.h", "operation": "move"}, func() data.Record {
		r := benchUpdate()
		r.Headers = data.Headers{{Key: "h", Schema: data.OptionalStringSchema, Value: "x"}}
		return r
	}},
	{"ExtractSchemaToNewRecord", "ExtractSchemaToNewRecord", nil, func() data.Record {
		column := data.NewBuilder(data.Int32).Parameter("__debezium.source.column.name", "id").
			Parameter("__debezium.source.column.type", "INT4").MustBuild()
		row := data.NewBuilder(data.StructType).Optional().Name("pg.inventory.ids.Value").Field("id", column).MustBuild()
		return benchEvent(benchEnvelope(row, "pg.inventory.ids.Envelope"), "ids", nil, data.NewStruct(row).With("id", int32(1)), "c")
	}},
	{"SchemaChangeEventFilter", "SchemaChangeEventFilter", props{"schema.change.event.exclude.list": "TRUNCATE"}, func() data.Record {
		one := data.StructOf("type", data.StringSchema)
		schema := data.NewBuilder(data.StructType).Name("io.debezium.connector.mysql.SchemaChangeValue").
			Field("tableChanges", data.ArrayOf(one).MustBuild()).MustBuild()
		return data.Record{ValueSchema: schema, Value: data.NewStruct(schema).With("tableChanges", []any{data.NewStruct(one).With("type", "ALTER")})}
	}},
	{"DecodeLogicalDecodingMessageContent", "DecodeLogicalDecodingMessageContent", nil, func() data.Record {
		inner := data.StructOf("prefix", data.OptionalStringSchema, "content", data.OptionalBytesSchema)
		schema := data.NewBuilder(data.StructType).Name("io.debezium.connector.postgresql.MessageValue").
			Field("op", data.StringSchema).Field("message", inner).MustBuild()
		message := data.NewStruct(inner).With("content", []byte(`{"id": 42, "total": 12.5}`))
		return data.Record{ValueSchema: schema, Value: data.NewStruct(schema).With("op", "m").With("message", message)}
	}},
}

func BenchmarkTransforms(b *testing.B) {
	for _, step := range benchSteps {
		b.Run(step.name, func(b *testing.B) {
			var tr smt.Transform
			for _, p := range debezium.Plugins() {
				if smttest.SimpleName(p) == step.class {
					tr = p.New()
				}
			}
			if err := tr.Configure(step.props); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			in := step.in()
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
