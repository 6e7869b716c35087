package jsonschema

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// headers are a record's, of which each name has one value.
type headers map[string][]byte

func (h headers) Last(name string) ([]byte, bool) { b, ok := h[name]; return b, ok }
func (h headers) Put(name string, value []byte)   { h[name] = value }

// A row that ends too early is refused, as data, wherever it does.
func TestTruncatedRow(t *testing.T) {
	c := newConverter(t, registrytest.NewFake())
	row := order()
	whole, err := c.FromConnect("t", row.Schema(), row)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if got, err := c.ToConnect("t", whole[:n]); !errors.Is(err, errs.Data) {
			t.Errorf("the first %d of %d bytes are %v, %v", n, len(whole), got.Value, err)
		}
	}
}

// What a type can't be is refused as data; what Jackson bends into shape is bent.
func TestValuesOfAnotherType(t *testing.T) {
	decimal, array := data.DecimalSchema(2), data.ArrayOf(data.Int32Schema).MustBuild()
	byNumber := data.MapOf(data.Int32Schema, data.StringSchema).MustBuild()
	byName := data.MapOf(data.StringSchema, data.Int32Schema).MustBuild()
	row := data.NewBuilder(data.StructType).Name("R").Field("a", data.Int32Schema).MustBuild()
	samples := map[*data.Schema]any{
		data.Int8Schema: int8(1), data.Int64Schema: int64(1), data.StringSchema: "s", data.BytesSchema: []byte("b"), data.BooleanSchema: true,
		data.DateSchema: time.UnixMilli(86_400_000).UTC(), data.TimestampSchema: time.UnixMilli(1).UTC(), decimal: data.NewDecimal(1, 2), array: []any{int32(1)},
		byNumber: data.MapFrom(int32(1), "x"), byName: data.MapFrom("k", int32(1)), row: data.NewStruct(row).With("a", int32(1)),
	}
	for _, tt := range []struct {
		schema  *data.Schema
		payload string
		want    string // "" for an error
	}{
		{data.Int8Schema, "300", "44"},
		{data.Int8Schema, `"5"`, "0"},
		{data.Int8Schema, "true", "0"},
		{data.Int8Schema, "null", ""},
		{data.Int64Schema, "5.9", "5"},
		{data.Int64Schema, "[]", "0"},
		{data.BooleanSchema, "1", "false"},
		{data.BooleanSchema, "nul", ""},
		{data.StringSchema, `"\u12"`, ""},
		{data.StringSchema, `"\x"`, ""},
		{data.StringSchema, "\"\xff\"", ""},
		{data.StringSchema, "{", ""},
		{data.BytesSchema, `"YQ=="`, "[97]"},
		{data.BytesSchema, `"*"`, ""},
		{data.BytesSchema, "NaN", ""},
		{data.DateSchema, `"1"`, ""},
		{data.DateSchema, "1.0", ""},
		{data.DateSchema, "3000000000", ""},
		{data.TimestampSchema, "true", ""},
		{decimal, "1.5", "1.5"},
		{decimal, `"!"`, ""},
		{decimal, `""`, ""},
		{decimal, "[]", ""},
		{decimal, "NaN", ""},
		{array, "7", "[]"},
		{array, "[1,]", ""},
		{array, `{"x":3}`, "[3]"},
		{array, "[1 2]", ""},
		{byNumber, "{}", ""},
		{byNumber, "[1]", ""},
		{byNumber, `[{"key":1}]`, ""},
		{byNumber, `[{"key":1,"value":"v","more":2}]`, ""},
		{byName, "[]", ""},
		{byName, `{"a":1,"a":2}`, "{a=2}"},
		{byName, `{"a":null}`, ""},
		{row, "[]", ""},
		{row, `{"a":null}`, ""},
		{row, `{"a":1,"b":{"c":[]}}`, "Struct{a=1}"},
		{row, `{"a":1`, ""},
	} {
		c := newConverter(t, registrytest.NewFake())
		b, err := c.FromConnect("t", tt.schema, samples[tt.schema])
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.ToConnect("t", append(b[:5:5], tt.payload...))
		switch {
		case tt.want == "" && !errors.Is(err, errs.Data):
			t.Errorf("%s as %s: %v, %v", tt.payload, tt.schema.Type(), got.Value, err)
		case tt.want != "" && (err != nil || fmt.Sprint(text(got.Value)) != tt.want):
			t.Errorf("%s as %s: %v, %v, want %s", tt.payload, tt.schema.Type(), text(got.Value), err, tt.want)
		}
	}
}

// text is a value for comparing, bytes as numbers.
func text(v any) any {
	if raw, ok := v.([]byte); ok {
		return raw
	}
	return data.Text(v)
}

func TestNullAndTombstones(t *testing.T) {
	c := newConverter(t, registrytest.NewFake())
	if b, err := c.FromConnect("t", data.OptionalStringSchema, nil); err != nil || string(b) != "\x00\x00\x00\x00\x01null" {
		t.Errorf("optional: %q, %v", b, err)
	}
	withDefault := data.NewBuilder(data.String).Optional().Default("d").MustBuild()
	if b, err := c.FromConnect("u", withDefault, nil); err != nil || string(b[5:]) != `"d"` {
		t.Errorf("with a default: %q, %v", b, err)
	}
	for name, schema := range map[string]*data.Schema{"no schema": nil, "required": data.StringSchema} {
		if b, err := c.FromConnect("t", schema, nil); b != nil || err != nil {
			t.Errorf("%s: null became %q, %v", name, b, err)
		}
	}
	if _, err := c.FromConnect("t", nil, "x"); !errors.Is(err, errs.Data) {
		t.Errorf("a value without schema: %v", err)
	}
	if got, err := c.ToConnect("t", nil); err != nil || got.Schema != nil || got.Value != nil {
		t.Errorf("a tombstone is %v, %v", got, err)
	}
}

func TestHeaderIDs(t *testing.T) {
	const serializer = "io.confluent.kafka.serializers.schema.id.HeaderSchemaIdSerializer"
	fake := registrytest.NewFake()
	c := newConverter(t, fake, "value.schema.id.serializer", serializer)
	h := headers{}
	b, err := c.FromConnectWithHeaders(h, "t", data.StringSchema, "x")
	if err != nil || string(b) != `"x"` || len(h["__value_schema_id"]) != 17 {
		t.Fatalf("%q with %x, %v", b, h, err)
	}
	in := newConverter(t, fake)
	if got, err := in.ToConnectWithHeaders(h, "t", b); err != nil || got.Value != "x" {
		t.Errorf("%v, %v", got.Value, err)
	}
	for _, bad := range []string{"", "\x00\x00", "\x01\x02\x03", "\x07\x00\x00\x00\x01"} {
		if _, err := in.ToConnectWithHeaders(headers{"__value_schema_id": []byte(bad)}, "t", b); !errors.Is(err, errs.Data) {
			t.Errorf("header %q: %v", bad, err)
		}
	}
}

func TestSettingsNameTheirKey(t *testing.T) {
	for key, value := range map[string]string{
		additionalKey: "maybe", nonRequiredKey: "1", ignoreModernKey: "x", decimalKey: "HEX", failInvalidKey: "x", indentKey: "x",
		"json.fail.unknown.properties": "x", "json.write.dates.iso8601": "x", "json.oneof.for.nullables": "x",
		"json.schema.spec.version": "draft_5", "json.default.property.inclusion": "some", "json.key.type": "Plain", "json.value.type": "Plain",
	} {
		err := New(registry.NewPool()).Configure(props("schema.registry.url", "http://127.0.0.1:1", key, value), false)
		if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}

// Run with -race, this shows that converters share nothing but the pool's client.
func TestTasksShareAPool(t *testing.T) {
	fake := registrytest.NewFake()
	pool := registry.NewPool(registry.WithScheme("mock", func(*url.URL) (registry.Client, error) { return fake, nil }))
	var wg sync.WaitGroup
	for task := range 8 {
		wg.Go(func() {
			c := newConverter(t, pool, failInvalidKey, "true")
			row := order()
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
