package protobuf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
)

func TestRoundTrips(t *testing.T) {
	for seed := range uint64(1000) {
		r := registrytest.NewRandom(seed, true)
		c := newConverter(t, registrytest.NewFake(), "optional.for.nullables", "true")
		schema := r.Struct()
		for range 3 {
			sv := data.SchemaAndValue{Schema: schema, Value: r.Value(schema)}
			if err := registrytest.RoundTrip(c, "t", sv); err != nil {
				t.Fatalf("seed %d: %s of %s: %v", seed, data.Text(sv.Value), schema, err)
			}
		}
	}
}

// shared are forty messages, each of which holds the next one four times.
func shared(leaf string) registry.Schema {
	const depth = 40
	var b strings.Builder
	b.WriteString(`syntax = "proto3"; `)
	for i := range depth {
		next := fmt.Sprint("D", i+1)
		fmt.Fprintf(&b, "message D%d { repeated %s a = 1; oneof o { %s b = 2; } map<string, %s> c = 3; optional %s e = 4; } ", i, next, next, next, next)
	}
	fmt.Fprintf(&b, `message D%d { %s x = 1; }`, depth, leaf)
	return registry.Schema{Format: registry.Protobuf, Text: b.String()}
}

// Done with each message wherever it is, neither would end.
func TestSharedParts(t *testing.T) {
	fake := registrytest.NewFake()
	fake.Put(registry.Registered{Subject: "t-value", Version: 1, ID: 1, Schema: shared("string")})
	if _, err := newConverter(t, fake).ToConnect("t", []byte("\x00\x00\x00\x00\x01\x00")); err != nil {
		t.Error(err)
	}
	var both [2]registry.Parsed
	for i, leaf := range []string{"string", "int32"} {
		p, err := ParseSchema(shared(leaf), nil)
		if err != nil {
			t.Fatal(err)
		}
		both[i] = p
	}
	if len(both[1].Reads(both[0])) == 0 {
		t.Error("another type is not found")
	}
}
