package avro

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// headers are a record's, of which each name has one value.
type headers map[string][]byte

func (h headers) Last(name string) ([]byte, bool) { b, ok := h[name]; return b, ok }
func (h headers) Put(name string, value []byte)   { h[name] = value }

func with(t testing.TB, clients registry.Clients, pairs ...string) *converter {
	t.Helper()
	props := map[string]string{"schema.registry.url": "mock://edges"}
	for i := 0; i+1 < len(pairs); i += 2 {
		props[pairs[i]] = pairs[i+1]
	}
	c := newConverter(clients)
	if err := c.Configure(props, false); err != nil {
		t.Fatal(err)
	}
	return c
}

// ofEveryType is a value of each type whose payload must be whole.
func ofEveryType() map[string]data.SchemaAndValue {
	inner := data.NewBuilder(data.StructType).Name("n.R").
		Field("a", data.OptionalInt64Schema).Field("b", data.StringSchema).MustBuild()
	return map[string]data.SchemaAndValue{
		"boolean":   {Schema: data.BooleanSchema, Value: true},
		"int":       {Schema: data.Int32Schema, Value: int32(math.MinInt32)},
		"int8":      {Schema: data.Int8Schema, Value: int8(-128)},
		"long":      {Schema: data.Int64Schema, Value: int64(math.MinInt64)},
		"float":     {Schema: data.Float32Schema, Value: float32(1.5)},
		"double":    {Schema: data.Float64Schema, Value: 1.5},
		"string":    {Schema: data.StringSchema, Value: "aé日"},
		"optional":  {Schema: data.OptionalStringSchema, Value: "x"},
		"bytes":     {Schema: data.OptionalBytesSchema, Value: []byte{1, 2}},
		"decimal":   {Schema: data.DecimalBuilder(2).Optional().MustBuild(), Value: data.NewDecimal(-70000, 2)},
		"date":      {Schema: data.DateSchema, Value: time.UnixMilli(86_400_000 * 300).UTC()},
		"time":      {Schema: data.TimeSchema, Value: time.UnixMilli(86_399_999).UTC()},
		"timestamp": {Schema: data.TimestampSchema, Value: time.UnixMilli(1_700_000_000_123).UTC()},
		"array":     {Schema: data.ArrayOf(data.Int32Schema).MustBuild(), Value: []any{int32(1), int32(70000)}},
		"map":       {Schema: data.MapOf(data.StringSchema, data.Int32Schema).MustBuild(), Value: data.MapFrom("k", int32(7))},
		"entries":   {Schema: data.MapOf(data.Int32Schema, data.StringSchema).MustBuild(), Value: data.MapFrom(int32(7), "v")},
		"record":    {Schema: inner, Value: data.NewStruct(inner).With("a", int64(9)).With("b", "text")},
		"anything":  {Value: data.MapFrom("a", []any{int64(1), "b", nil})},
	}
}

// Whatever part of a payload is missing, the record is refused, as data: no type takes a rest for less.
func TestTruncatedPayloads(t *testing.T) {
	for name, sv := range ofEveryType() {
		c := with(t, registrytest.NewFake())
		whole, err := c.FromConnect("t", sv.Schema, sv.Value)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := c.ToConnect("t", whole); err != nil || data.Text(got.Value) != data.Text(sv.Value) {
			t.Errorf("%s: %v, %v", name, got.Value, err)
		}
		for n := range len(whole) {
			if got, err := c.ToConnect("t", whole[:n]); !errors.Is(err, errs.Data) {
				t.Errorf("%s: the first %d of %d bytes are %v, %v", name, n, len(whole), got.Value, err)
			}
		}
	}
}

// The type bytes as a whole has no length in front, so that every payload is one, also an empty one.
func TestBareBytes(t *testing.T) {
	c := with(t, registrytest.NewFake())
	whole, err := c.FromConnect("t", data.BytesSchema, []byte("\x04ab"))
	if err != nil || string(whole) != "\x00\x00\x00\x00\x01\x04ab" {
		t.Fatalf("%q, %v", whole, err)
	}
	for _, want := range []string{"\x04ab", "\x04", ""} {
		got, err := c.ToConnect("t", append(whole[:5:5], want...))
		if raw, _ := got.Value.([]byte); err != nil || string(raw) != want {
			t.Errorf("%q became %q, %v", want, raw, err)
		}
	}
}

func TestVarintsTooLong(t *testing.T) {
	fake := registrytest.NewFake()
	for i, text := range []string{`"int"`, `"long"`, `"string"`} {
		schema := registry.Schema{Format: registry.Avro, Text: text}
		fake.Put(registry.Registered{Subject: "t-value", Version: i + 1, ID: int32(i + 1), Schema: schema})
	}
	c := with(t, fake)
	for id, most := range map[int]int{1: 5, 2: 10, 3: 10} {
		for _, n := range []int{most, most + 1, 40} {
			b := payload(id, bytes.Repeat([]byte{0xff}, n)...)
			if got, err := c.ToConnect("t", append(b, 1)); !errors.Is(err, errs.Data) {
				t.Errorf("schema %d: %d bytes that go on are %v, %v", id, n, got.Value, err)
			}
		}
	}
	negative := append(payload(3), binary.AppendVarint(nil, -1)...)
	if _, err := c.ToConnect("t", negative); !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), "negative") {
		t.Errorf("a negative length: %v", err)
	}
}

// A registry whose schema has an integer for our float gets what Java's Number makes of it.
func TestFloatsForIntegers(t *testing.T) {
	for _, tt := range []struct {
		f        float64
		asInt    int32
		asLong   int64
		position string
	}{
		{1e20, math.MaxInt32, math.MaxInt64, "above"},
		{-1e20, math.MinInt32, math.MinInt64, "below"},
		{math.NaN(), 0, 0, "nowhere"},
		{-2.9, -2, -2, "within"},
	} {
		if got := (&plan{as: kindInt}).appendFloat(nil, tt.f); !bytes.Equal(got, binary.AppendVarint(nil, int64(tt.asInt))) {
			t.Errorf("%s: %v as int is %x", tt.position, tt.f, got)
		}
		if got := (&plan{as: kindLong}).appendFloat(nil, tt.f); !bytes.Equal(got, binary.AppendVarint(nil, tt.asLong)) {
			t.Errorf("%s: %v as long is %x", tt.position, tt.f, got)
		}
	}
}

func TestNullAndTombstones(t *testing.T) {
	fake := registrytest.NewFake()
	c := with(t, fake)
	for name, schema := range map[string]*data.Schema{
		"no schema": nil, "optional": data.OptionalStringSchema,
		"with a default": data.NewBuilder(data.String).Optional().Default("d").MustBuild(),
	} {
		if b, err := c.FromConnect("t", schema, nil); b != nil || err != nil {
			t.Errorf("%s: null became %x, %v", name, b, err)
		}
	}
	if _, err := c.FromConnect("t", data.StringSchema, nil); !errors.Is(err, errs.Data) {
		t.Errorf("required: %v", err)
	}
	if got, err := c.ToConnect("t", nil); err != nil || got.Schema != nil || got.Value != nil {
		t.Errorf("a tombstone is %v, %v", got, err)
	}
	if calls := fake.Calls(); len(calls) > 0 {
		t.Errorf("null asked the registry: %v", calls)
	}
}

// An id in a header makes the whole value payload; a header that holds no id is an error, not a reason to
// look into the value.
func TestHeaderIDs(t *testing.T) {
	fake := registrytest.NewFake()
	out := with(t, fake, "value.schema.id.serializer", "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer")
	h := headers{}
	b, err := out.FromConnectWithHeaders(h, "t", data.StringSchema, "x")
	if err != nil || string(b) != "\x02x" || len(h["__value_schema_id"]) != 17 {
		t.Fatalf("%q with %q, %v", b, h, err)
	}
	if _, err := out.FromConnect("t", data.StringSchema, "x"); !errors.Is(err, errs.Data) {
		t.Errorf("without headers: %v", err)
	}
	framed, err := with(t, fake).FromConnect("t", data.StringSchema, "y")
	if err != nil {
		t.Fatal(err)
	}
	in := with(t, fake)
	if got, err := in.ToConnectWithHeaders(headers{}, "t", framed); err != nil || got.Value != "y" {
		t.Errorf("no header: %v, %v", got.Value, err)
	}
	id := headers{"__value_schema_id": framed[:5]}
	if got, err := in.ToConnectWithHeaders(id, "t", []byte("\x02x")); err != nil || got.Value != "x" {
		t.Errorf("an id in the header: %v, %v", got.Value, err)
	}
	for _, bad := range []string{"", "\x00", "\x00\x00\x00\x01", "\x01short", "\x02\x00\x00\x00\x01", "\xff"} {
		bad := headers{"__value_schema_id": []byte(bad)}
		if _, err := in.ToConnectWithHeaders(bad, "t", framed); !errors.Is(err, errs.Data) {
			t.Errorf("header %q: %v", bad, err)
		}
	}
	prefix := with(t, fake, "value.schema.id.deserializer", "io.confluent.kafka.serializers.schema.id.PrefixSchemaIdDeserializer")
	if got, err := prefix.ToConnectWithHeaders(headers{"__value_schema_id": {9}}, "t", framed); err != nil || got.Value != "y" {
		t.Errorf("a header that isn't looked at: %v, %v", got.Value, err)
	}
}

func TestSettingsNameTheirKey(t *testing.T) {
	for key, value := range map[string]string{
		enhancedKey: "maybe", metaKey: "1", optionalKey: "yes", discardKey: "-", logicalKey: "on", reflectionKey: "off",
		registry.ScrubKey: "?", registry.CacheSizeKey: "many", registry.GeneralizedSumKey: "x", registry.FlattenSingletonKey: "x",
		registry.IgnoreDefaultKey: "x", "auto.register.schemas": "x", "normalize.schemas": "x", "use.latest.version": "x",
		"latest.compatibility.strict": "x", "id.compatibility.strict": "x", "use.schema.id": "1.5", "use.latest.with.metadata": "a",
		"latest.cache.size": "-1", "latest.cache.ttl.sec": "soon", "http.connect.timeout.ms": "1s", "http.read.timeout.ms": "1s",
		"max.retries": "-1", "retries.wait.ms": "-1", "retries.max.wait.ms": "-1", "missing.id.cache.ttl.sec": "x",
		"missing.cache.size": "-1", "proxy.port": "http", "schema.registry.url.randomize": "x",
		"bearer.auth.cache.expiry.buffer.seconds": "3601", "schema.registry.outage.max.ms": "a day", "schema.registry.url": "",
		"value.subject.name.strategy": "Nope", "context.name.strategy": "Nope", "value.schema.id.serializer": "Nope",
		"value.schema.id.deserializer": "Nope",
	} {
		props := map[string]string{"schema.registry.url": "http://127.0.0.1:1", key: value}
		err := newConverter(registry.NewPool()).Configure(props, false)
		if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}

// A converter is one task's, and yet the registry's client, its answers and the parsed schemas are
// everyone's: run with -race, this shows that nothing else is shared.
func TestTasksShareAPool(t *testing.T) {
	fake := registrytest.NewFake()
	pool := registry.NewPool(registry.WithScheme("mock", func(*url.URL) (registry.Client, error) { return fake, nil }))
	var wg sync.WaitGroup
	for task := range 8 {
		wg.Go(func() {
			c := with(t, pool)
			for name, sv := range ofEveryType() {
				topic := fmt.Sprint(name, task%2)
				b, err := c.FromConnect(topic, sv.Schema, sv.Value)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if got, err := c.ToConnect(topic, b); err != nil || data.Text(got.Value) != data.Text(sv.Value) {
					t.Errorf("%s: %v, %v", name, got.Value, err)
				}
			}
		})
	}
	wg.Wait()
	for _, call := range fake.Calls() {
		if n := strings.Count(strings.Join(fake.Calls(), "\n")+"\n", call+"\n"); strings.HasPrefix(call, "register ") && n > 1 {
			t.Errorf("%s was asked %d times", call, n)
		}
	}
}

// More schemas than schemas.cache.config go through: what is forgotten is worked out again.
func TestMoreSchemasThanTheCache(t *testing.T) {
	c := with(t, registrytest.NewFake(), registry.CacheSizeKey, "2")
	var payloads [][]byte
	for round := range 2 {
		for i := range 5 {
			schema := data.NewBuilder(data.StructType).Name(fmt.Sprint("S", i)).Field("n", data.Int32Schema).MustBuild()
			b, err := c.FromConnect(fmt.Sprint("t", i), schema, data.NewStruct(schema).With("n", int32(i)))
			if err != nil {
				t.Fatal(err)
			}
			if round == 0 {
				payloads = append(payloads, b)
			} else if !bytes.Equal(b, payloads[i]) {
				t.Errorf("schema %d: %x, at first %x", i, b, payloads[i])
			}
		}
	}
	for i, b := range append(payloads, payloads...) {
		got, err := c.ToConnect(fmt.Sprint("t", i%5), b)
		if err != nil || data.Text(got.Value) != fmt.Sprintf("Struct{n=%d}", i%5) {
			t.Errorf("payload %d: %v, %v", i, got.Value, err)
		}
	}
}

var _ codecs.Headers = headers{}
