package jsonschema

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/codecstest"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// props are the settings given, name and value in turn, with those that must be there.
func props(pairs ...string) map[string]string {
	m := map[string]string{"schema.registry.url": "mock://test"}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func newConverter(tb testing.TB, clients registry.Clients, pairs ...string) codecs.HeaderAware {
	tb.Helper()
	c := New(clients)
	if err := c.Configure(props(pairs...), false); err != nil {
		tb.Fatal(err)
	}
	return c
}

// order is a struct as a database table's row makes it.
func order() *data.Struct {
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
		With("id", int64(123456789)).With("customer", "Ada Lovelace").With("email", "ada@example.com").
		With("quantity", int32(42)).With("price", 19.99).With("paid", true).
		With("created", time.UnixMilli(1700000000123).UTC()).With("total", data.NewDecimal(83958, 2)).
		With("tags", []any{"new", "gift"})
}

func TestConverter(t *testing.T) {
	fake := registrytest.NewFake()
	p := Plugin(nil)
	p.New = func() codecs.Converter { return New(fake) }
	row := order()
	codecstest.Run(t, codecstest.Suite{
		Plugin: p, Props: props(), Samples: []data.SchemaAndValue{
			{Schema: data.StringSchema, Value: "x"},
			{Schema: data.OptionalInt8Schema, Value: int8(-5)},
			{Schema: data.BytesSchema, Value: []byte{0, 255}},
			{Schema: data.MapOf(data.Int32Schema, data.OptionalStringSchema).MustBuild(), Value: data.MapFrom(int32(1), nil, int32(2), "b")},
			{Schema: data.ArrayOf(data.DecimalSchema(1)).MustBuild(), Value: []any{data.NewDecimal(15, 1)}},
		},
	})
	c := newConverter(t, fake)
	b, err := c.FromConnect("t", row.Schema(), row)
	if err != nil {
		t.Fatal(err)
	}
	sv, err := c.ToConnect("t", b)
	if err != nil || sv.Value.(*data.Struct).String() != row.String() {
		t.Errorf("%v, %v", sv, err)
	}
}

// A value that can't be written leaves the registry as it was.
func TestNothingRegisteredForBadValues(t *testing.T) {
	fake := registrytest.NewFake()
	c := newConverter(t, fake)
	for schema, v := range map[*data.Schema]any{data.Int32Schema: "x", data.StringSchema: nil, data.Float32Schema: 1.5} {
		b, err := c.FromConnect("t", schema, v)
		if v == nil && (b != nil || err != nil) || v != nil && !errors.Is(err, errs.Data) {
			t.Errorf("%v of %s: %q, %v", v, schema, b, err)
		}
	}
	if n := len(fake.Calls()); n > 0 {
		t.Errorf("%d calls: %v", n, fake.Calls())
	}
}

// The registry is asked once for a schema, also when topics alternate.
func TestAsksOnce(t *testing.T) {
	fake := registrytest.NewFake()
	c := newConverter(t, fake)
	for i := range 20 {
		topic := []string{"a", "b"}[i%2]
		b, err := c.FromConnect(topic, data.StringSchema, "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ToConnect(topic, b); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(fake.Calls()); n != 6 { // for each topic: register, schema, version
		t.Errorf("%d calls: %v", n, fake.Calls())
	}
}

func TestIndented(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1,"b":[1,"x,{:"],"c":{},"d":[]}`: "{\n  \"a\" : 1,\n  \"b\" : [ 1, \"x,{:\" ],\n  \"c\" : { },\n  \"d\" : [ ]\n}",
		`[{"a":"\""}]`:                         "[ {\n  \"a\" : \"\\\"\"\n} ]",
		`5`:                                    "5",
	} {
		if got := string(indented([]byte(in))); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

// seeds are payloads and schemas that are odd in one way each.
var seeds = []string{
	"", "null", "5", "05", "-0.0", "1e400", "1 2", "NaN", "-INF", `"AQI="`, "\xef\xbb\xbf{}", "\xfe\xff\x00[\x00]",
	`{"id":1,"customer":"x","kids":[{"id":2}],"id":3}`, `[{"key":1,"value":2},{"key":1}]`, strings.Repeat("[", 2000), strings.Repeat(`{"kids":[`, 600),
}

const fuzzed = `{"type":"object","title":"N","properties":{"id":{"type":"integer"},"customer":{"oneOf":[{"type":"null"},{"type":"string"}]},
"u":{"oneOf":[{"type":"number"},{"type":"array","items":{"type":"string","connect.type":"bytes"}},{"$ref":"#"}]},
"d":{"type":"string","title":"org.apache.kafka.connect.data.Decimal","connect.type":"bytes","connect.parameters":{"scale":"2"}},
"m":{"type":"array","connect.type":"map","items":{"type":"object","properties":{"key":{"type":"integer"},"value":{"$ref":"#"}}}},
"kids":{"type":"array","items":{"$ref":"#"}}}}`

// FuzzToConnect reads any payload with a schema that has all there is, and writes what it has read.
func FuzzToConnect(f *testing.F) {
	fake := registrytest.NewFake()
	fake.Put(registry.Registered{ID: 1, Subject: "t-value", Version: 1, Schema: registry.Schema{Format: registry.JSON, Text: fuzzed}})
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	c := newConverter(f, fake)
	f.Fuzz(func(t *testing.T, payload []byte) {
		framed := append([]byte{0, 0, 0, 0, 1}, payload...)
		before := bytes.Clone(framed)
		sv, err := c.ToConnect("t", framed)
		if !bytes.Equal(before, framed) {
			t.Fatal("the payload was changed")
		}
		if err != nil {
			if !errors.Is(err, errs.Data) {
				t.Fatalf("not an errs.Data error: %v", err)
			}
			return
		}
		if _, err := c.FromConnect("u", sv.Schema, sv.Value); err != nil && !errors.Is(err, errs.Data) {
			t.Fatalf("writing what was read: not an errs.Data error: %v", err)
		}
	})
}

// FuzzSchema makes Connect schemas of any text, and texts of those.
func FuzzSchema(f *testing.F) {
	f.Add(fuzzed)
	for _, s := range []string{
		`{"$ref":"#"}`, `{"allOf":[{"$ref":"#"}]}`, `{"oneOf":[{"$ref":"#"},{"type":"null"}]}`, `{"type":"array","items":{"$ref":"#"}}`,
		`{"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}},"$ref":"#/definitions/a"}`,
		`{"$schema":"https://json-schema.org/draft/2020-12/schema","$anchor":"x","type":["object","null"],"properties":{"a":{"$ref":"#x"}}}`,
		`{"type":"object","properties":{"a":{"connect.index":7},"b":{"enum":[1,null,{"x":[]}],"default":{}}}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := toSchema(props(), text)
		if err != nil {
			if !errors.Is(err, errs.Data) {
				t.Fatalf("not an errs.Data error: %v", err)
			}
			return
		}
		if _, err := fromSchema(props(), s); err != nil && !errors.Is(err, errs.Data) {
			t.Fatalf("not an errs.Data error: %v", err)
		}
	})
}

func BenchmarkFromConnect(b *testing.B) {
	c, row := newConverter(b, registrytest.NewFake()), order()
	b.ReportAllocs()
	for b.Loop() {
		out, err := c.FromConnect("t", row.Schema(), row)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(out)))
	}
}

func BenchmarkToConnect(b *testing.B) {
	c, row := newConverter(b, registrytest.NewFake()), order()
	payload, err := c.FromConnect("t", row.Schema(), row)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if _, err := c.ToConnect("t", payload); err != nil {
			b.Fatal(err)
		}
	}
}
