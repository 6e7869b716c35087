package codecstest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/codecstest"
	"github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

func value(schema *data.Schema, v any) data.SchemaAndValue {
	return data.SchemaAndValue{Schema: schema, Value: v}
}

func nested() data.SchemaAndValue {
	inner := data.NewBuilder(data.StructType).Field("x", data.OptionalStringSchema).Optional().MustBuild()
	schema := data.StructOf("id", data.Int64Schema, "price", data.DecimalSchema(2), "at", data.OptionalTimestampSchema,
		"tags", data.ArrayOf(data.StringSchema).MustBuild(), "inner", inner,
		"counts", data.MapOf(data.Int32Schema, data.BooleanSchema).MustBuild())
	return value(schema, data.NewStruct(schema).With("id", int64(7)).With("price", data.NewDecimal(1999, 2)).
		With("tags", []any{"a", "é😀\n"}).With("inner", data.NewStruct(inner).With("x", "y")).
		With("counts", data.MapFrom(int32(1), true)))
}

func TestBuiltins(t *testing.T) {
	text := []data.SchemaAndValue{value(data.StringSchema, "plain"), value(nil, "é日😀"), value(data.StringSchema, ""), value(nil, int64(12))}
	suites := map[string]codecstest.Suite{
		"json with schemas": {Plugin: json.Plugin(), Samples: []data.SchemaAndValue{
			nested(), value(data.StringSchema, "x\"\\\x00"), value(data.BytesSchema, []byte{0, 1, 255}), value(data.Float32Schema, float32(0.1)),
			value(nil, data.MapFrom("a", int64(1), "b", []any{nil, true, 1.5})),
		}},
		"json without schemas": {
			Plugin: json.Plugin(), Props: map[string]string{"schemas.enable": "false", "decimal.format": "NUMERIC"},
			Samples: []data.SchemaAndValue{value(nil, data.MapFrom("a", int64(1), "b", []any{nil, "x"})), value(nil, strings.Repeat("long", 20_000))},
		},
		"string":         {Plugin: primitive.String(), Samples: text, Back: map[int]any{3: "12"}, Anything: true},
		"string, UTF-16": {Plugin: primitive.String(), Props: map[string]string{"converter.encoding": "UTF-16"}, Samples: text, Back: map[int]any{3: "12"}, Anything: true},
		"bytes":          {Plugin: primitive.ByteArray(), Samples: []data.SchemaAndValue{value(data.BytesSchema, []byte("abc")), value(nil, []byte{})}},
		"boolean":        {Plugin: primitive.Boolean(), Samples: []data.SchemaAndValue{value(data.BooleanSchema, true), value(nil, false)}},
		"short":          {Plugin: primitive.Short(), Samples: []data.SchemaAndValue{value(nil, int16(-300))}},
		"integer":        {Plugin: primitive.Integer(), Samples: []data.SchemaAndValue{value(nil, int32(-70000))}},
		"long":           {Plugin: primitive.Long(), Samples: []data.SchemaAndValue{value(nil, int64(-1)<<40)}},
		"float":          {Plugin: primitive.Float(), Samples: []data.SchemaAndValue{value(nil, float32(1.5))}},
		"double":         {Plugin: primitive.Double(), Samples: []data.SchemaAndValue{value(nil, -0.25)}},
		"simple header": {Plugin: simpleheader.Plugin(), Samples: []data.SchemaAndValue{
			value(nil, "text"), value(nil, int64(1)<<40), value(nil, true), value(nil, []any{"a", "b"}),
		}},
	}
	for name, s := range suites {
		t.Run(name, func(t *testing.T) { codecstest.Run(t, s) })
	}
}

// sloppy is a converter that does what a converter must not.
type sloppy struct{ buf []byte }

func (s *sloppy) Configure(map[string]string, bool) error { return nil }

func (s *sloppy) FromConnect(_ string, _ *data.Schema, v any) ([]byte, error) {
	text, ok := v.(string)
	if !ok && v != nil {
		return nil, errors.New("no text")
	}
	s.buf = append(s.buf[:0], text...)
	return s.buf, nil
}

func (s *sloppy) ToConnect(_ string, b []byte) (data.SchemaAndValue, error) {
	if b == nil {
		return data.SchemaAndValue{}, nil
	}
	if b[0] == 'c' {
		b[0] = 'C'
	}
	return data.SchemaAndValue{Value: string(b)}, nil
}

func TestFindsBreaches(t *testing.T) {
	found := codecstest.Check(codecstest.Suite{
		Plugin: codecs.Plugin{
			Descriptor: plugin.Descriptor{Class: "Sloppy", Version: "1", Config: config.NewDef(config.Key{Name: "n", Type: config.Int})},
			New:        func() codecs.Converter { return &sloppy{buf: []byte{}} },
		},
		Samples: []data.SchemaAndValue{{Value: "abc"}, {Value: "cde"}, {Value: "x"}},
	})
	for _, want := range []string{
		"a wrong value of n must be an errs.Config error",
		"null without schema must be written as null",
		"sample 1 became Cde, want cde",
		"the bytes of an earlier record changed",
		`ToConnect of "": panic`,
		"ToConnect changed its payload",
		"must give errs.Data errors only",
	} {
		if !slices.ContainsFunc(found, func(err error) bool { return strings.Contains(err.Error(), want) }) {
			t.Errorf("not found: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("found: %v", errors.Join(found...))
	}
}
