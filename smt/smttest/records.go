package smttest

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
)

// Records makes records of many forms, by name: with and without schema, with what a transform
// may not expect, and with values that don't fit their schemas. Fields a to g are of different
// types. Each call of a function makes a new record.
func Records() map[string]func() data.Record {
	return map[string]func() data.Record{
		"empty":        func() data.Record { return data.Record{} },
		"no topic":     func() data.Record { return withValue(nil, data.MapFrom("a", "x")) },
		"map":          func() data.Record { return full(nil, someMap()) },
		"struct":       func() data.Record { return full(structSchema(), someStruct(true)) },
		"unset fields": func() data.Record { return full(structSchema(), someStruct(false)) },
		"null struct":  func() data.Record { return full(structSchema(), nil) },
		"string":       func() data.Record { return full(data.StringSchema, "a text") },
		"plain string": func() data.Record { return full(nil, "a text") },
		"bytes":        func() data.Record { return full(data.BytesSchema, []byte{0, 255}) },
		"list":         func() data.Record { return full(nil, []any{"a", nil, int64(1)}) },
		"number":       func() data.Record { return full(nil, math.NaN()) },
		"big number":   func() data.Record { return full(nil, new(big.Int).Lsh(big.NewInt(1), 200)) },
		"decimal":      func() data.Record { return full(data.DecimalSchema(2), data.NewDecimal(12345, 2)) },
		"time":         func() data.Record { return full(data.TimestampSchema, time.UnixMilli(1700000000123).UTC()) },
		"far time":     func() data.Record { return full(nil, time.UnixMilli(math.MaxInt64).UTC()) },
		"other keys":   func() data.Record { return full(nil, data.MapFrom(int64(1), "a", nil, "b", 1.5, "c")) },
		"deep map":     func() data.Record { return full(nil, deep(5000)) },
		"wrong value":  func() data.Record { return full(structSchema(), "no struct") },
		"wrong map":    func() data.Record { return full(structSchema(), someMap()) },
		"wrong schema": func() data.Record { return full(data.Int32Schema, someStruct(true)) },
		"other struct": func() data.Record {
			return full(structSchema(), data.NewStruct(data.StructOf("z", data.OptionalInt8Schema)))
		},
		"unknown type":   func() data.Record { return full(nil, data.MapFrom("a", struct{}{})) },
		"untyped field":  func() data.Record { return full(structSchema(), data.NewStruct(structSchema()).With("a", 5)) },
		"array of maps":  func() data.Record { return full(nil, data.MapFrom("a", []any{someMap(), someMap()})) },
		"tombstone":      func() data.Record { r := full(nil, nil); r.KeySchema = data.StringSchema; return r },
		"many fields":    func() data.Record { return full(nil, wide(300)) },
		"schemaless key": func() data.Record { return data.Record{Topic: "t", Key: someMap(), Value: someMap()} },
	}
}

func withValue(schema *data.Schema, value any) data.Record {
	return data.Record{KeySchema: schema, Key: value, ValueSchema: schema, Value: value}
}

func full(schema *data.Schema, value any) data.Record {
	r := withValue(schema, value)
	r.Topic, r.Partition = "orders-1", data.PartitionOf(3)
	r.Timestamp = time.UnixMilli(1700000000123).UTC()
	r.Headers = data.Headers{
		{Key: "a", Schema: data.StringSchema, Value: "1"}, {Key: "b", Schema: data.Int64Schema, Value: int64(2)}, {Key: "a"},
	}
	return r
}

func structSchema() *data.Schema {
	inner := data.StructOf("x", data.OptionalInt64Schema, "y", data.StringSchema)
	return data.NewBuilder(data.StructType).Name("s").Version(2).Doc("doc").Parameter("p", "q").
		Field("a", data.Int64Schema).
		Field("b", data.OptionalStringSchema).
		Field("c", data.NewBuilder(data.Int32).Default(int32(7)).MustBuild()).
		Field("d", inner).
		Field("e", data.NewBuilder(data.Array).MustBuild()).
		Field("f", data.TimestampBuilder().Optional().MustBuild()).
		Field("g", data.OptionalBytesSchema).
		MustBuild()
}

func someStruct(set bool) *data.Struct {
	schema := structSchema()
	s := data.NewStruct(schema)
	if !set {
		return s
	}
	inner, _ := schema.Field("d")
	return s.With("a", int64(1700000000123)).With("b", "2023-11-14").With("c", int32(-1)).
		With("d", data.NewStruct(inner.Schema).With("y", "why")).
		With("e", []any{}).With("f", time.UnixMilli(0).UTC()).With("g", []byte("bytes"))
}

func someMap() *data.Map {
	return data.MapFrom("a", int64(1700000000123), "b", "12", "c", 1.5, "d", data.MapFrom("x", nil, "y", data.MapFrom("z", true)),
		"e", []any{"x"}, "f", int32(9), "g", []byte("bytes"))
}

func deep(levels int) *data.Map {
	m := data.MapFrom("a", "bottom")
	for range levels {
		m = data.MapFrom("a", m)
	}
	return m
}

func wide(n int) *data.Map {
	m := data.NewMap(n)
	for i := range n {
		m.Put("f"+strconv.Itoa(i), int64(i))
	}
	return m
}

// Random makes a record of any form, the same for the same seed, for fuzz tests.
func Random(seed uint64) data.Record { return RandomFrom(rand.New(rand.NewPCG(seed, 1))) }

// Bytes draws numbers from the bytes that a fuzz test is given, and when they are used up from what
// they seed: so each byte decides one thing in what is made of the numbers.
func Bytes(b []byte) *rand.Rand { return rand.New(&byteSource{b, rand.NewPCG(uint64(len(b)), 1)}) }

type byteSource struct {
	left []byte
	rest *rand.PCG
}

// Uint64 implements rand.Source.
func (s *byteSource) Uint64() uint64 {
	n := s.rest.Uint64()
	if len(s.left) == 0 {
		return n
	}
	n = uint64(s.left[0])<<56 | n>>8
	s.left = s.left[1:]
	return n
}

// RandomFrom is Random by numbers from anywhere.
func RandomFrom(numbers *rand.Rand) data.Record {
	g := generator{numbers}
	r := data.Record{Topic: g.text()}
	r.KeySchema, r.Key = g.typed(3)
	r.ValueSchema, r.Value = g.typed(4)
	if g.IntN(2) == 0 {
		r.KeySchema = nil
	}
	if g.IntN(2) == 0 {
		r.ValueSchema = nil
	}
	if g.IntN(3) > 0 {
		r.Partition = data.PartitionOf(int32(g.IntN(10)))
	}
	if g.IntN(3) > 0 {
		r.Timestamp = time.UnixMilli(g.Int64() - g.Int64()).UTC()
	}
	for range g.IntN(4) {
		schema, v := g.typed(1)
		r.Headers = append(r.Headers, data.Header{Key: g.text(), Schema: schema, Value: v})
	}
	return r
}

type generator struct{ *rand.Rand }

func (g generator) text() string {
	texts := [...]string{"a", "b", "c", "d", "", "orders", "a.b", "12", "-1.5e3", "2023-11-14", "é\x00\xff", "true", "NaN", "${topic}"}
	return texts[g.IntN(len(texts))]
}

// typed is a value and a schema that it mostly fits.
func (g generator) typed(depth int) (*data.Schema, any) {
	if g.IntN(12) == 0 {
		schema, _ := g.typed(0)
		return schema, nil
	}
	n := 12
	if depth > 0 {
		n = 15
	}
	switch g.IntN(n) {
	case 0:
		return data.Int8Schema, int8(g.Int64())
	case 1:
		return data.Int16Schema, int16(g.Int64())
	case 2:
		return data.OptionalInt32Schema, int32(g.Int64())
	case 3:
		return data.Int64Schema, g.Int64() - g.Int64()
	case 4:
		return data.Float32Schema, math.Float32frombits(g.Uint32())
	case 5:
		return data.Float64Schema, math.Float64frombits(g.Uint64())
	case 6:
		return data.BooleanSchema, g.IntN(2) == 0
	case 7, 8:
		return data.OptionalStringSchema, g.text()
	case 9:
		return data.BytesSchema, []byte(g.text())
	case 10:
		return data.DecimalSchema(3), data.NewDecimal(g.Int64(), 3)
	case 11:
		return data.TimestampSchema, time.UnixMilli(g.Int64() - g.Int64()).UTC()
	case 12:
		schema, v := g.typed(depth - 1)
		return data.ArrayOf(schema).MustBuild(), []any{v}
	case 13:
		return g.mapping(depth)
	}
	return g.structure(depth)
}

func (g generator) mapping(depth int) (*data.Schema, any) {
	m := data.NewMap(4)
	schema, v := g.typed(depth - 1)
	for range g.IntN(5) {
		m.Put(g.text(), v)
		_, v = g.typed(depth - 1)
	}
	return data.MapOf(data.StringSchema, schema).MustBuild(), m
}

func (g generator) structure(depth int) (*data.Schema, any) {
	b := data.NewBuilder(data.StructType)
	var values []any
	for _, name := range [...]string{"a", "b", "c", "d", "a.b"} {
		if g.IntN(4) == 0 {
			continue
		}
		schema, v := g.typed(depth - 1)
		b.Field(name, schema)
		values = append(values, v)
	}
	if g.IntN(3) == 0 {
		b.Optional().Name(g.text())
	}
	schema := b.MustBuild()
	s := data.NewStruct(schema)
	for i, v := range values {
		s.SetAt(i, v)
	}
	return schema, s
}
