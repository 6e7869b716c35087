//go:build integration

package jsonschema

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
)

// TestConfluentClient exchanges records with Confluent's Python client over a real registry and ours.
func TestConfluentClient(t *testing.T) {
	for name, url := range registrytest.Registries(t, "18733", registry.JSON, ParseSchema) {
		t.Run(name, func(t *testing.T) { exchange(t, url) })
	}
}

func exchange(t *testing.T, url string) {
	t.Helper()
	folder := t.TempDir()
	c := newConverter(t, registry.NewPool(), "schema.registry.url", url)
	t.Run("its records", func(t *testing.T) {
		registrytest.ConfluentClient(t, "write", "json", url, folder)
		records := registrytest.Records(t, folder)
		for name, want := range theirs {
			topic := "py-json-" + strings.Split(name, "-")[0]
			sv, err := c.ToConnect(topic, records[name])
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got := data.Text(sv.Value); got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		}
		if len(records) != len(theirs) {
			t.Errorf("%d records, %d expected", len(records), len(theirs))
		}
	})
	t.Run("our records", func(t *testing.T) {
		for name, sv := range ours() {
			b, err := c.FromConnect("go-json-"+name, sv.Schema, sv.Value)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, "go-"+name+".bin"), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(registrytest.ConfluentClient(t, "read", "json", url, folder)), &got); err != nil {
			t.Fatal(err)
		}
		for name, want := range read {
			if string(got[name]) != want {
				t.Errorf("%s: got %s, want %s", name, got[name], want)
			}
		}
	})
	t.Run("evolution", func(t *testing.T) {
		registrytest.Evolve(t, "json", url, newConverter(t, registry.NewPool(), "schema.registry.url", url, "object.additional.properties", "false"), evolutions,
			`{"BACKWARD-1": {"id": 1}, "BACKWARD-2": {"id": 2, "more": "m"}, "FORWARD-1": {"id": 1, "more": "m"}, "FORWARD-2": {"id": 2}, `+
				`"FULL-1": {"id": 1}, "FULL-2": {"id": 2}}`)
	})
}

// evolutions are records of an older and of a newer schema.
var evolutions = map[string]string{
	"BACKWARD-1": "Struct{id=1}", "BACKWARD-2": "Struct{more=m,id=2}", "FORWARD-1": "Struct{more=m,id=1}", "FORWARD-2": "Struct{id=2}",
	"FULL-1": "Struct{id=1}", "FULL-2": "Struct{id=2}",
}

// theirs are its records as we read them, in the order of Java's hash maps.
var theirs = map[string]string{
	"order-1": "Struct{either=Struct{io.confluent.connect.json.OneOf.field.1=x},price=19.99,name=Ada é 😀,paid=true,id=7," +
		"to=Struct{city=Bern},state=SENT,tags=[a, b]}",
	"order-2": "Struct{either=Struct{io.confluent.connect.json.OneOf.field.1=x},price=19.99,extra=more,name=Ada é 😀,paid=true,id=7," +
		"to=Struct{city=Bern},state=SENT,tags=[a, b]}",
	"number": "2.5", "list": "[1, 2, 3]", "reference": "Struct{at=Struct{city=Ulm}}",
}

// ours are our records, read what it reads of them.
func ours() map[string]data.SchemaAndValue {
	row := order()
	inner := data.StructOf("b", data.BytesSchema)
	schema := data.StructOf("inner", inner, "counts", data.MapOf(data.StringSchema, data.Int32Schema).MustBuild(),
		"pairs", data.MapOf(data.Int32Schema, data.StringSchema).MustBuild(), "day", data.DateSchema)
	nested := data.NewStruct(schema).With("inner", data.NewStruct(inner).With("b", []byte{1, 2})).
		With("counts", data.MapFrom("k", int32(3))).With("pairs", data.MapFrom(int32(1), "é 😀")).With("day", time.UnixMilli(86400000).UTC())
	return map[string]data.SchemaAndValue{
		"order":  {Schema: row.Schema(), Value: row},
		"nested": {Schema: schema, Value: nested},
	}
}

var read = map[string]string{
	"order": `{"created": 1700000000123, "customer": "Ada Lovelace", "email": "ada@example.com", "id": 123456789, ` +
		`"note": null, "paid": true, "price": 19.99, "quantity": 42, "tags": ["new", "gift"], "total": "AUf2"}`,
	"nested": `{"counts": {"k": 3}, "day": 1, "inner": {"b": "AQI="}, "pairs": [{"key": 1, "value": "\u00e9 \ud83d\ude00"}]}`,
}
