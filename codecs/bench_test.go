package codecs_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/connectors/data"
)

// tenFields is a struct as a database table's row makes it.
func tenFields() *data.Struct {
	schema := data.NewBuilder(data.StructType).Name("shop.orders").
		Field("id", data.Int64Schema).
		Field("customer", data.StringSchema).
		Field("email", data.OptionalStringSchema).
		Field("quantity", data.Int32Schema).
		Field("price", data.Float64Schema).
		Field("paid", data.BooleanSchema).
		Field("note", data.OptionalStringSchema).
		Field("created", data.TimestampSchema).
		Field("total", data.DecimalSchema(2)).
		Field("tags", data.ArrayOf(data.StringSchema).MustBuild()).
		MustBuild()
	return data.NewStruct(schema).
		With("id", int64(123456789)).
		With("customer", "Ada Lovelace").
		With("email", "ada@example.com").
		With("quantity", int32(42)).
		With("price", 19.99).
		With("paid", true).
		With("created", time.UnixMilli(1700000000123).UTC()).
		With("total", data.Decimal{Unscaled: big.NewInt(83958), Scale: 2}).
		With("tags", []any{"new", "gift"})
}

func schemalessRow() *data.Map {
	return data.MapFrom("id", int64(123456789), "customer", "Ada Lovelace", "email", "ada@example.com",
		"quantity", int64(42), "price", 19.99, "paid", true, "note", nil, "created", int64(1700000000123),
		"total", "839.58", "tags", []any{"new", "gift"})
}

const line = "2026-11-22T18:00:00.000Z INFO [worker-1] a line of some log, of about a hundred bytes as they mostly are"

func benchmarks(b *testing.B) map[string]struct {
	conv   codecs.Converter
	schema *data.Schema
	value  any
} {
	b.Helper()
	enabled := configure(b, json.Plugin(), map[string]string{"schemas.enable": "true"})
	plain := configure(b, json.Plugin(), map[string]string{"schemas.enable": "false"})
	text := configure(b, primitive.String(), nil)
	longs := configure(b, primitive.Long(), nil)
	row := tenFields()
	return map[string]struct {
		conv   codecs.Converter
		schema *data.Schema
		value  any
	}{
		"string":                 {text, data.StringSchema, line},
		"long":                   {longs, data.Int64Schema, int64(1700000000123)},
		"json/schema/string":     {enabled, data.StringSchema, line},
		"json/schema/struct10":   {enabled, row.Schema(), row},
		"json/plain/struct10":    {plain, row.Schema(), row},
		"json/plain/map10":       {plain, nil, schemalessRow()},
		"json/plain/string":      {plain, data.StringSchema, line},
		"json/schema/schemaless": {enabled, nil, schemalessRow()},
	}
}

func configure(tb testing.TB, p codecs.Plugin, props map[string]string) codecs.Converter {
	tb.Helper()
	c := p.New()
	if err := c.Configure(props, false); err != nil {
		tb.Fatal(err)
	}
	return c
}

func BenchmarkFromConnect(b *testing.B) {
	for name, bm := range benchmarks(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out, err := bm.conv.FromConnect("t", bm.schema, bm.value)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(out)))
			}
		})
	}
}

func BenchmarkToConnect(b *testing.B) {
	for name, bm := range benchmarks(b) {
		payload, err := bm.conv.FromConnect("t", bm.schema, bm.value)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if _, err := bm.conv.ToConnect("t", payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
