package protobuf

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
	codecstest.Run(t, codecstest.Suite{
		Plugin: p, Props: props(), Samples: []data.SchemaAndValue{
			{Schema: data.StringSchema, Value: "x"},
			{Schema: data.Int32Schema, Value: int32(-5)},
			{Schema: data.Float64Schema, Value: -0.5},
			{Schema: data.BooleanSchema, Value: false},
			{Schema: data.BytesSchema, Value: []byte{0, 255}},
		},
	})
	c := newConverter(t, fake, "optional.for.nullables", "true")
	row := order()
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
	for schema, v := range map[*data.Schema]any{data.Int32Schema: "x", data.StringSchema: nil, data.BooleanSchema: 1.5} {
		b, err := c.FromConnect("t", schema, v)
		if v == nil && (b != nil || err != nil) || v != nil && !errors.Is(err, errs.Data) {
			t.Errorf("%v of %s: %q, %v", v, schema, b, err)
		}
	}
	if n := len(fake.Calls()); n > 0 {
		t.Errorf("%d calls: %v", n, fake.Calls())
	}
}

// register puts a schema at id 1 of the topic t.
func register(text string) *registrytest.Fake {
	fake := registrytest.NewFake()
	fake.Put(registry.Registered{ID: 1, Subject: "t-value", Version: 1, Schema: registry.Schema{Format: registry.Protobuf, Text: text}})
	return fake
}

// What protobuf-java merges: parts of a message, the last of a single value, packed and single elements.
func TestMerges(t *testing.T) {
	c := newConverter(t, register(`syntax = "proto3"; message M { M m = 1; int32 a = 2; repeated int32 r = 3; oneof o { M x = 4; string s = 5; } }`))
	for name, tt := range map[string]struct{ payload, want string }{
		"two parts of a message": {"\x0a\x02\x10\x01\x0a\x03\x1a\x01\x07", "Struct{m=Struct{a=1,r=[7]},a=0,r=[]}"},
		"the last number":        {"\x10\x01\x10\x02", "Struct{a=2,r=[]}"},
		"packed and single":      {"\x1a\x02\x01\x02\x18\x03\x1a\x01\x04", "Struct{a=0,r=[1, 2, 3, 4]}"},
		"the last of a oneof":    {"\x22\x02\x10\x01\x2a\x01z", "Struct{o_0=Struct{s=z},a=0,r=[]}"},
		"another and back":       {"\x22\x02\x10\x01\x2a\x01z\x22\x02\x1a\x00", "Struct{o_0=Struct{x=Struct{a=0,r=[]}},a=0,r=[]}"},
		"wrong wire type":        {"\x12\x01\x01\x10\x05", "Struct{a=5,r=[]}"},
		"an unknown group":       {"\x9b\x01\x08\x01\x9c\x01\x10\x05", "Struct{a=5,r=[]}"},
	} {
		sv, err := c.ToConnect("t", []byte("\x00\x00\x00\x00\x01\x00"+tt.payload))
		if err != nil || sv.Value.(*data.Struct).String() != tt.want {
			t.Errorf("%s: %v, %v, want %s", name, sv.Value, err, tt.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	c := newConverter(t, register(`syntax = "proto3"; message M { M m = 1; string s = 2; fixed64 f = 3; }`))
	deep := ""
	for len(deep) < 20_000 {
		deep = "\x0a" + string(binaryUvarint(len(deep))) + deep
	}
	for name, payload := range map[string]string{
		"half a varint": "\x08\x80", "a varint without end": "\x08" + strings.Repeat("\xff", 11), "number 0": "\x00\x01",
		"a length beyond the end": "\x12\x05ab", "a negative length": "\x12\xff\xff\xff\xff\x0f", "half a fixed": "\x19\x01\x02",
		"no UTF-8": "\x12\x01\xff", "an end without a start": "\x0c", "a group without end": "\x9b\x01\x08\x01", "wire type 7": "\x0f",
		"deep": deep, "deep groups": strings.Repeat("\x9b\x01", 5000),
	} {
		if _, err := c.ToConnect("t", []byte("\x00\x00\x00\x00\x01\x00"+payload)); !errors.Is(err, errs.Data) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, indexes := range map[string]string{
		"none": "", "too many": "\xfe\xff\xff\xff\x0f", "negative": "\x01", "no such message": "\x02\x08", "half": "\x04\x00",
	} {
		if _, err := c.ToConnect("t", []byte("\x00\x00\x00\x00\x01"+indexes)); !errors.Is(err, errs.Data) {
			t.Errorf("message indexes, %s: %v", name, err)
		}
	}
}

func binaryUvarint(n int) []byte {
	b, _ := open(nil)
	for b = b[:0]; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

const fuzzed = `syntax = "proto3"; import "google/type/date.proto"; import "google/protobuf/timestamp.proto"; import "confluent/type/decimal.proto";
import "google/protobuf/wrappers.proto"; message N { int64 id = 1; optional string s = 2; repeated sint32 r = 3; N n = 4; repeated N kids = 5;
map<string, N> m = 6; oneof u { bool b = 7; bytes y = 8; N o = 9; } E e = 10; google.type.Date d = 11; google.protobuf.Timestamp t = 12;
confluent.type.Decimal c = 13; google.protobuf.Int32Value w = 14; repeated string l = 15; double f = 600; enum E { A = 0; B = 1; } }`

// FuzzToConnect reads any payload with a message that has all there is, and writes what it has read.
func FuzzToConnect(f *testing.F) {
	c := newConverter(f, register(fuzzed))
	for _, s := range []string{
		"\x00\x08\x01\x12\x01x\x1a\x02\x01\x02", "\x00\x22\x02\x08\x01\x2a\x00\x2a\x02\x08\x05", "\x00\x32\x07\x0a\x01k\x12\x02\x08\x01",
		"\x00\x38\x01\x42\x01z\x4a\x00", "\x00\x50\x01\x5a\x07\x08\xe8\x0f\x10\x01\x18\x01\x62\x02\x08\x01\x6a\x06\x0a\x01\x05\x18\x02\x72\x02\x08\x01",
		"\x00\x7a\x01a\x7a\x01b\xc1\x25\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x02\x00", "", "\x00" + strings.Repeat("\x22\x02", 300),
	} {
		f.Add([]byte(s))
	}
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
		`message A { optional A a = 1; repeated group G = 2 { optional int32 x = 1; } extensions 100 to max; }`,
		`syntax = "proto3"; package p.q; message A { message B { map<int32, .p.q.A> m = 1; } B b = 1 [(confluent.field_meta) = { params: [{ key: "scale", value: "2" }] }]; }`,
		`edition = "2023"; message A {}`, "", `import "x.proto"; enum E { A = 1; }`, "CgdkZWZhdWx0",
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
