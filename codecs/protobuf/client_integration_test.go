//go:build integration

package protobuf

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
	for name, url := range registrytest.Registries(t, "18736", registry.Protobuf, ParseSchema) {
		t.Run(name, func(t *testing.T) { exchange(t, url) })
	}
}

func exchange(t *testing.T, url string) {
	t.Helper()
	folder := t.TempDir()
	pool := registry.NewPool()
	c := newConverter(t, pool, "schema.registry.url", url)
	t.Run("its records", func(t *testing.T) {
		registrytest.ConfluentClient(t, "write", "protobuf", url, folder)
		records := registrytest.Records(t, folder)
		for name, want := range theirs {
			topic := "py-protobuf-" + strings.Split(name, "-")[0]
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
		c := newConverter(t, pool, "schema.registry.url", url, "optional.for.nullables", "true")
		for name, sv := range ours() {
			b, err := c.FromConnect("go-protobuf-"+name, sv.Schema, sv.Value)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, "go-"+name+".bin"), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(registrytest.ConfluentClient(t, "read", "protobuf", url, folder)), &got); err != nil {
			t.Fatal(err)
		}
		for name, want := range read {
			if string(got[name]) != want {
				t.Errorf("%s: got %s, want %s", name, got[name], want)
			}
		}
	})
	t.Run("evolution", func(t *testing.T) {
		registrytest.Evolve(t, "protobuf", url, newConverter(t, pool, "schema.registry.url", url), evolutions,
			`{"BACKWARD-1": {"id": "1"}, "BACKWARD-2": {"id": "2", "more": "m"}, "FORWARD-1": {"id": "1", "more": "m"}, "FORWARD-2": {"id": "2"}, `+
				`"FULL-1": {"id": "1"}, "FULL-2": {"id": "2"}}`)
	})
}

// evolutions are records of an older and of a newer schema.
var evolutions = map[string]string{
	"BACKWARD-1": "Struct{id=1}", "BACKWARD-2": "Struct{id=2,more=m}", "FORWARD-1": "Struct{id=1,more=m}", "FORWARD-2": "Struct{id=2}",
	"FULL-1": "Struct{id=1}", "FULL-2": "Struct{id=2}",
}

// theirs are its records as we read them: oneofs come first.
var theirs = map[string]string{
	"order-1": "Struct{either_0=Struct{number=-5},id=7,price=19.99,name=Ada é 😀,paid=true,tags=[a, b],to=Struct{city=Bern}," +
		"state=SENT,counts={k=3},at=Tue Nov 14 22:13:20 UTC 2023,raw=[B@6cdbfd72,u=4000000000,f=[1, 2],line=Struct{f=1.5}}",
	"nested": "Struct{f=0.5}",
	"empty":  "Struct{id=0,price=0.0,name=,paid=false,tags=[],state=NEW,counts={},raw=[B@00000000,u=0,f=[]}",
}

// ours are our records, read what it reads of them.
func ours() map[string]data.SchemaAndValue {
	row := order()
	counts := data.MapOf(data.StringSchema, data.Int32Schema).Name("counts").MustBuild()
	inner := data.NewBuilder(data.StructType).Name("Inner").Field("b", data.BytesSchema).MustBuild()
	schema := data.NewBuilder(data.StructType).Name("Nested").
		Field("inner", inner).Field("counts", counts).
		Field("day", data.DateSchema).Field("at", data.TimeSchema).Field("n", data.OptionalInt32Schema).MustBuild()
	nested := data.NewStruct(schema).With("inner", data.NewStruct(inner).With("b", []byte{1, 2})).
		With("counts", data.MapFrom("k", int32(3))).With("day", time.UnixMilli(86400000).UTC()).With("at", time.UnixMilli(3723004).UTC())
	return map[string]data.SchemaAndValue{
		"order":  {Schema: row.Schema(), Value: row},
		"nested": {Schema: schema, Value: nested},
		"text":   {Schema: data.StringSchema, Value: "x"},
	}
}

// read has a map as a list: the converter writes maps as messages of a key and a value, which are the same on the wire.
var read = map[string]string{
	"order": `{"created": "2023-11-14T22:13:20.123Z", "customer": "Ada Lovelace", "email": "ada@example.com", "id": "123456789", ` +
		`"paid": true, "price": 19.99, "quantity": 42, "tags": ["new", "gift"], "total": {"precision": 5, "scale": 2, "value": "AUf2"}}`,
	"nested": `{"at": {"hours": 1, "minutes": 2, "nanos": 4000000, "seconds": 3}, "counts": [{"key": "k", "value": 3}], ` +
		`"day": {"day": 2, "month": 1, "year": 1970}, "inner": {"b": "AQI="}}`,
	"text": `{"value": "x"}`,
}
