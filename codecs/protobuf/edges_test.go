package protobuf

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// headers are a record's, of which each name has one value.
type headers map[string][]byte

func (h headers) Last(name string) ([]byte, bool) { b, ok := h[name]; return b, ok }
func (h headers) Put(name string, value []byte)   { h[name] = value }

// everyType has a field of each way in which bytes are told apart.
const everyType = `syntax = "proto3"; import "google/protobuf/timestamp.proto"; import "google/type/date.proto";
import "google/type/timeofday.proto"; import "confluent/type/decimal.proto"; enum E { A = 0; B = 1; }
message M { int32 a = 1; sint32 b = 2; fixed32 c = 3; int64 d = 4; sint64 e = 5; fixed64 f = 6; float g = 7; double h = 8; bool i = 9;
string j = 10; bytes k = 11; E l = 12; M m = 13; repeated int32 n = 14; map<string, int32> o = 15; google.protobuf.Timestamp p = 16;
google.type.Date q = 17; google.type.TimeOfDay r = 18; confluent.type.Decimal s = 19; oneof u { string t = 20; } }`

// A field of any type that ends too early is refused, as data.
func TestTruncatedFields(t *testing.T) {
	c := newConverter(t, register(everyType))
	for field, whole := range map[string]string{
		"int32": "\x08\x80\x80\x04", "sint32": "\x10\xff\xff\x03", "fixed32": "\x1d\x01\x02\x03\x04", "int64": "\x20\x80\x80\x80\x04",
		"sint64": "\x28\xff\xff\x03", "fixed64": "\x31\x01\x02\x03\x04\x05\x06\x07\x08", "float": "\x3d\x01\x02\x03\x04",
		"double": "\x41\x01\x02\x03\x04\x05\x06\x07\x08", "bool": "\x48\x01", "string": "\x52\x03abc", "bytes": "\x5a\x03abc",
		"enum": "\x60\x01", "message": "\x6a\x03\x08\x80\x01", "packed": "\x72\x03\x80\x80\x01", "map": "\x7a\x05\x0a\x01k\x10\x07",
		"timestamp": "\x82\x01\x03\x08\x80\x01", "date": "\x8a\x01\x07\x08\xe7\x0f\x10\x05\x18\x06", "time": "\x92\x01\x02\x08\x05",
		"decimal": "\x9a\x01\x03\x0a\x01\x05", "member of a oneof": "\xa2\x01\x01x",
	} {
		frame := "\x00\x00\x00\x00\x01\x00"
		if _, err := c.ToConnect("t", []byte(frame+whole)); err != nil {
			t.Errorf("%s: %v", field, err)
			continue
		}
		for n := 1; n < len(whole); n++ {
			if got, err := c.ToConnect("t", []byte(frame+whole[:n])); !errors.Is(err, errs.Data) {
				t.Errorf("%s: the first %d of %d bytes are %v, %v", field, n, len(whole), got.Value, err)
			}
		}
		for n := range len(frame) {
			if _, err := c.ToConnect("t", []byte(frame[:n])); !errors.Is(err, errs.Data) {
				t.Errorf("%d bytes of the frame: %v", n, err)
			}
		}
	}
}

// What a logical type can't be is an error of the value, whichever part of the message says it.
func TestLogicalTypesOutOfRange(t *testing.T) {
	c := newConverter(t, register(everyType))
	for name, field := range map[string]string{
		"30 February": "\x8a\x01\x07\x08\xe7\x0f\x10\x02\x18\x1e", "month 13": "\x8a\x01\x07\x08\xe7\x0f\x10\x0d\x18\x01",
		"hour 24": "\x92\x01\x02\x08\x18", "minute 60": "\x92\x01\x02\x10\x3c", "a decimal of no bytes": "\x9a\x01\x00",
		"nanos of two seconds": "\x82\x01\x06\x10\x80\xa8\xd6\xb9\x07", "seconds after the year 9999": "\x82\x01\x07\x08\x80\x80\xa2\xa9\xe0\x0f",
	} {
		if got, err := c.ToConnect("t", []byte("\x00\x00\x00\x00\x01\x00"+field)); !errors.Is(err, errs.Data) {
			t.Errorf("%s: %v, %v", name, got.Value, err)
		}
	}
}

// A message may come in as many parts as the payload has room for, at a cost in proportion to it.
func TestManyPartsOfAMessage(t *testing.T) {
	c := newConverter(t, register(`syntax = "proto3"; message M { M m = 1; string s = 2; int32 n = 3; }`))
	const parts = 2000
	var b strings.Builder
	b.WriteString("\x00\x00\x00\x00\x01\x00")
	for i := range parts {
		b.WriteString("\x0a\x02\x18")
		b.WriteByte(byte(i % 100))
	}
	raw := []byte(b.String())
	before := bytes.Clone(raw)
	got, err := c.ToConnect("t", raw)
	if want := "Struct{m=Struct{s=,n=99},s=,n=0}"; err != nil || got.Value.(*data.Struct).String() != want {
		t.Fatalf("%v, %v", got.Value, err)
	}
	if !bytes.Equal(raw, before) {
		t.Error("the payload was written to")
	}
	allocs := testing.AllocsPerRun(5, func() { _, err = c.ToConnect("t", raw) })
	if err != nil || allocs > parts/10 {
		t.Errorf("%d parts cost %v allocations, %v", parts, allocs, err)
	}
}

func TestNullAndTombstones(t *testing.T) {
	fake := registrytest.NewFake()
	c := newConverter(t, fake)
	for name, schema := range map[string]*data.Schema{"no schema": nil, "optional": data.OptionalStringSchema, "required": order().Schema()} {
		if b, err := c.FromConnect("t", schema, nil); b != nil || err != nil {
			t.Errorf("%s: null became %x, %v", name, b, err)
		}
	}
	if _, err := c.FromConnect("t", nil, "x"); !errors.Is(err, errs.Data) {
		t.Errorf("a value without schema: %v", err)
	}
	if got, err := c.ToConnect("t", nil); err != nil || got.Schema != nil || got.Value != nil {
		t.Errorf("a tombstone is %v, %v", got, err)
	}
	if calls := fake.Calls(); len(calls) > 0 {
		t.Errorf("null asked the registry: %v", calls)
	}
}

// Behind an id in a header stand the message indexes, and all of the value is the message.
func TestHeaderIDs(t *testing.T) {
	const serializer = "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer"
	fake := registrytest.NewFake()
	c := newConverter(t, fake, "value.schema.id.serializer", serializer)
	h := headers{}
	b, err := c.FromConnectWithHeaders(h, "t", data.StringSchema, "x")
	if err != nil || string(b) != "\x0a\x01x" {
		t.Fatalf("%q, %v", b, err)
	}
	if id := h["__value_schema_id"]; len(id) <= 17 || id[0] != 1 {
		t.Fatalf("header is %x", id)
	}
	in := newConverter(t, fake)
	if got, err := in.ToConnectWithHeaders(h, "t", b); err != nil || got.Value != "x" {
		t.Errorf("%v, %v", got.Value, err)
	}
	for name, id := range map[string][]byte{
		"no indexes": h["__value_schema_id"][:17], "half a GUID": h["__value_schema_id"][:9], "empty": {}, "magic byte 2": {2, 0, 0, 0, 1, 0},
	} {
		if _, err := in.ToConnectWithHeaders(headers{"__value_schema_id": id}, "t", b); !errors.Is(err, errs.Data) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSettingsNameTheirKey(t *testing.T) {
	for key, value := range map[string]string{
		enhancedKey: "maybe", intEnumsKey: "1", optionalKey: "x", proto2Key: "x", wrapperKey: "x", wrapRawKey: "x", structForNullsKey: "x",
		indexUnionsKey: "x", flattenUnionsKey: "x", skipKnownKey: "x", lookupOnlyKey: "x", registry.ScrubKey: "x",
		referencesKey: "io.confluent.Nope", registry.CacheSizeKey: "many",
	} {
		err := New(registry.NewPool()).Configure(props("schema.registry.url", "http://127.0.0.1:1", key, value), false)
		if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}

// The files that every schema may import are shared by all converters: run with -race, this shows
// that linking a schema with them writes nothing that another one reads.
func TestTasksShareAPool(t *testing.T) {
	fake := registrytest.NewFake()
	pool := registry.NewPool(registry.WithScheme("mock", func(*url.URL) (registry.Client, error) { return fake, nil }))
	var wg sync.WaitGroup
	for task := range 8 {
		wg.Go(func() {
			c := newConverter(t, pool, skipKnownKey, fmt.Sprint(task%2 == 0))
			row := order().With("note", "n")
			for i := range 20 {
				topic := fmt.Sprint("t", i%3, task%2)
				b, err := c.FromConnect(topic, row.Schema(), row)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := c.ToConnect(topic, b)
				if err != nil || data.Text(got.Value) != data.Text(row) {
					t.Errorf("%v, %v", got.Value, err)
				}
			}
		})
	}
	wg.Wait()
}

// More schemas than schemas.cache.config go through: what is forgotten is worked out again.
func TestMoreSchemasThanTheCache(t *testing.T) {
	c := newConverter(t, registrytest.NewFake(), registry.CacheSizeKey, "2")
	for i := range 12 {
		schema := data.NewBuilder(data.StructType).Name(fmt.Sprint("S", i%5)).Field("n", data.Int32Schema).MustBuild()
		topic := fmt.Sprint("t", i%5)
		b, err := c.FromConnect(topic, schema, data.NewStruct(schema).With("n", int32(i+1)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.ToConnect(topic, b)
		if err != nil || data.Text(got.Value) != fmt.Sprintf("Struct{n=%d}", i+1) {
			t.Errorf("schema %d: %v, %v", i, got.Value, err)
		}
	}
}

// A message may have more fields than fit into 16 bits.
func TestWideMessage(t *testing.T) {
	const fields = 1<<15 + 10
	var text strings.Builder
	text.WriteString(`syntax = "proto3"; message Wide {`)
	for i := 1; i <= fields; i++ {
		fmt.Fprintf(&text, " int32 f%d = %d;", i, i+20_000)
	}
	text.WriteString("}")
	fake := registrytest.NewFake()
	fake.Put(registry.Registered{Subject: "t-value", Version: 1, ID: 1, Schema: registry.Schema{Format: registry.Protobuf, Text: text.String()}})
	b := protowire.AppendTag([]byte{0, 0, 0, 0, 1, 0}, fields+20_000, protowire.VarintType)
	b = protowire.AppendVarint(b, 77)
	v, err := newConverter(t, fake).ToConnect("t", b)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := v.Value.(*data.Struct).Get(fmt.Sprint("f", fields)); got != int32(77) {
		t.Errorf("the last field is %v", got)
	}
}
