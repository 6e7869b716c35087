package debezium_test

import (
	"math/rand/v2"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt/smttest"
)

func logical(t data.Type, name string) *data.Schema {
	return data.NewBuilder(t).Optional().Name(name).Version(1).MustBuild()
}

// column is a column that events of the tests may have, with values of it.
type column struct {
	name   string
	schema *data.Schema
	values []any
}

var columns = []column{
	{"id", data.Int32Schema, []any{int32(1), int32(-7)}},
	{"first_name", data.StringSchema, []any{"Ann", "", "é\x00"}},
	{"level", data.NewBuilder(data.Int32).Optional().Default(int32(5)).MustBuild(), []any{nil, int32(9)}},
	{"amount", data.DecimalBuilder(2).Optional().MustBuild(), []any{data.NewDecimal(1234, 2), nil}},
	{"raw", data.OptionalBytesSchema, []any{[]byte{0, 255}, nil}},
	{"ms", logical(data.Int64, "io.debezium.time.Timestamp"), []any{int64(1700000000123), int64(-1)}},
	{"us", logical(data.Int64, "io.debezium.time.MicroTimestamp"), []any{int64(1700000000123456)}},
	{"zts", logical(data.String, "io.debezium.time.ZonedTimestamp"), []any{"2023-11-14T22:13:20.5+01:00", "no time"}},
	{"zt", logical(data.String, "io.debezium.time.ZonedTime"), []any{"22:13:20Z", nil}},
	{"cts", data.TimestampBuilder().Optional().MustBuild(), []any{time.UnixMilli(1700000000123).UTC()}},
	{"aggregateid", data.StringSchema, []any{"42"}},
	{"aggregatetype", data.StringSchema, []any{"Order"}},
	{"type", data.OptionalStringSchema, []any{"OrderCreated"}},
	{"part", data.OptionalInt32Schema, []any{int32(2), nil}},
	{"ver", data.OptionalInt32Schema, []any{int32(3)}},
	{"payload", data.OptionalStringSchema, []any{
		`{"a": 1, "b": [1, 2], "c": {"d": null}, "e": [{"f": 1}, {"g": "x"}]}`, "[]", "{", "  ", nil, `{"a b": 12345678901, "n": 1e3}`, "text",
		`{"big": 123456789012345678901234567890}`,
	}},
}

var sourceSchema = data.NewBuilder(data.StructType).Name("io.debezium.connector.postgresql.Source").Version(1).
	Field("db", data.StringSchema).Field("table", data.StringSchema).Field("ts_ms", data.Int64Schema).
	Field("ts_us", data.OptionalInt64Schema).MustBuild()

// events are records as Debezium writes them, and some that are nearly so.
func events(bytes []byte) []func() data.Record {
	return []func() data.Record{func() data.Record { return eventFrom(smttest.Bytes(bytes)) }}
}

func event(seed uint64) data.Record { return eventFrom(rand.New(rand.NewPCG(seed, 2))) }

func eventFrom(n *rand.Rand) data.Record {
	r := data.Record{
		Topic: []string{"pg.inventory.customers", "pg.inventory.times", "orders-1"}[n.IntN(3)], Partition: data.PartitionOf(1),
		Timestamp: time.UnixMilli(1700000000000).UTC(),
	}
	r.KeySchema = data.NewBuilder(data.StructType).Name("pg.Key").Field("id", data.Int32Schema).MustBuild()
	r.Key = data.NewStruct(r.KeySchema).With("id", int32(n.IntN(3)))
	for _, h := range []data.Header{
		{Key: "a", Schema: data.StringSchema, Value: "1"},
		{Key: "b", Schema: data.OptionalInt64Schema},
		{Key: "C", Schema: data.ArrayOf(data.OptionalStringSchema).Optional().MustBuild(), Value: []any{"level", "id", nil}},
		{Key: "C", Value: "x"},
	} {
		if n.IntN(2) == 0 {
			r.Headers = append(r.Headers, h)
		}
	}
	switch n.IntN(12) {
	case 0:
		return r // a tombstone
	case 1:
		return message(n, r)
	case 2:
		return schemaChange(n, r)
	}
	return change(n, r)
}

// change makes the record a change event, from which something may be missing.
func change(n *rand.Rand, r data.Record) data.Record {
	row := data.NewBuilder(data.StructType).Optional().Name("pg.inventory.customers.Value")
	var picked []column
	for _, c := range columns {
		if n.IntN(5) > 0 {
			row.Field(c.name, parametered(n, c.schema))
			picked = append(picked, c)
		}
	}
	rowSchema := row.MustBuild()
	rowOf := func() any {
		if n.IntN(4) == 0 {
			return nil
		}
		s := data.NewStruct(rowSchema)
		for i, c := range picked {
			s.SetAt(i, c.values[n.IntN(len(c.values))])
		}
		return s
	}
	source := data.NewStruct(sourceSchema).With("db", "shop").With("table", []string{"times", "customers"}[n.IntN(2)]).
		With("ts_ms", int64(1700000000123))
	envelope := data.NewBuilder(data.StructType).Name("pg.inventory.customers.Envelope").Version(2)
	var values []any
	for _, f := range []struct {
		name   string
		schema *data.Schema
		value  any
	}{
		{"before", rowSchema, rowOf()},
		{"after", rowSchema, rowOf()},
		{"source", sourceSchema, source},
		{"op", data.StringSchema, []string{"c", "u", "d", "r", "t", "m", "?"}[n.IntN(7)]},
		{"ts_ms", data.OptionalInt64Schema, int64(1700000000456)},
		{"transaction", data.NewBuilder(data.StructType).Optional().Field("id", data.StringSchema).MustBuild(), nil},
	} {
		if n.IntN(20) > 0 {
			envelope.Field(f.name, f.schema)
			values = append(values, f.value)
		}
	}
	r.ValueSchema = envelope.MustBuild()
	s := data.NewStruct(r.ValueSchema)
	for i, v := range values {
		s.SetAt(i, v)
	}
	r.Value = s
	return r
}

// parametered gives some schemas what the source says of the column.
func parametered(n *rand.Rand, schema *data.Schema) *data.Schema {
	if n.IntN(8) == 0 {
		return schema
	}
	b := data.NewBuilder(schema.Type()).Basics(schema).
		Parameter("__debezium.source.column.name", "c").Parameter("__debezium.source.column.type", "int4").
		Parameter("__debezium.source.column.length", []string{"10", "ten"}[n.IntN(2)])
	if schema.Optional() {
		b.Optional()
	}
	if schema.Default() != nil {
		b.Default(schema.Default())
	}
	return b.MustBuild()
}

func message(n *rand.Rand, r data.Record) data.Record {
	inner := data.NewBuilder(data.StructType).Field("prefix", data.OptionalStringSchema).Field("content", data.OptionalBytesSchema).MustBuild()
	r.ValueSchema = data.NewBuilder(data.StructType).Name("io.debezium.connector.postgresql.MessageValue").
		Field("op", data.StringSchema).Field("source", sourceSchema).Field("message", inner).MustBuild()
	content := []any{nil, []byte(`{"a": [1]}`), []byte("[]"), []byte("text"), []byte{0xff}}[n.IntN(5)]
	source := data.NewStruct(sourceSchema).With("db", "d").With("table", "t").With("ts_ms", int64(1))
	r.Value = data.NewStruct(r.ValueSchema).With("op", "m").With("source", source).With("message", data.NewStruct(inner).With("content", content))
	return r
}

func schemaChange(n *rand.Rand, r data.Record) data.Record {
	one := data.StructOf("type", data.StringSchema)
	r.ValueSchema = data.NewBuilder(data.StructType).Name("io.debezium.connector.mysql.SchemaChangeValue").
		Field("tableChanges", data.ArrayOf(one).Optional().MustBuild()).MustBuild()
	changes := []any{
		nil, []any{}, []any{data.NewStruct(one).With("type", "ALTER")}, []any{data.NewStruct(one).With("type", "OTHER")},
	}[n.IntN(4)]
	r.Value = data.NewStruct(r.ValueSchema).With("tableChanges", changes)
	return r
}
