package avro_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
)

// tenFields is a struct as a database table's row makes it; the same as in codecs' benchmarks.
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
		With("quantity", int32(3)).
		With("price", 19.99).
		With("paid", true).
		With("created", time.UnixMilli(1700000000123).UTC()).
		With("total", data.Decimal{Unscaled: big.NewInt(5997), Scale: 2}).
		With("tags", []any{"new", "priority"})
}

// converters are the AvroConverter and, to compare, the JsonConverter with and without schemas.
func converters(b *testing.B) map[string]codecs.Converter {
	plain, enveloped := json.Plugin().New(), json.Plugin().New()
	if err := plain.Configure(map[string]string{"schemas.enable": "false"}, false); err != nil {
		b.Fatal(err)
	}
	if err := enveloped.Configure(nil, false); err != nil {
		b.Fatal(err)
	}
	return map[string]codecs.Converter{
		"avro": configured(b, registrytest.NewFake(), nil), "json": plain, "json with schemas": enveloped,
	}
}

// The same in whole workers is measured by the workloads avro and avro-source of testdata/bench/sidebyside.py.
func BenchmarkFromConnect(b *testing.B) {
	value := tenFields()
	for name, c := range converters(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out, err := c.FromConnect("t", value.Schema(), value)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(out)))
			}
		})
	}
}

func BenchmarkToConnect(b *testing.B) {
	value := tenFields()
	for name, c := range converters(b) {
		out, err := c.FromConnect("t", value.Schema(), value)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(out)))
			for b.Loop() {
				if _, err := c.ToConnect("t", out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
