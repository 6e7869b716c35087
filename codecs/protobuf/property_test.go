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

// A schema reads what it has written, in its canonical form too.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`syntax = "proto3"; package p; import "google/type/date.proto"; message A { map<string, google.type.Date> m = 1; oneof o { A a = 2; E e = 3; } } enum E { X = 0; }`,
		`message A { optional int32 a = 1 [default = 3]; repeated group G = 2 { optional string s = 1; } reserved 5 to 7; extensions 100 to max; }`,
		"message A0{ optional int32 A; }", "\"\\\xd1", "",
	} {
		f.Add(text)
	}
	parse := func(text string) (registry.Parsed, error) {
		return ParseSchema(registry.Schema{Format: registry.Protobuf, Text: text}, nil)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse(text)
		if err != nil {
			return
		}
		for _, normalize := range []bool{false, true} {
			canonical := p.Canonical(normalize)
			again, err := parse(canonical)
			if err != nil {
				t.Fatalf("%q is refused: %v", canonical, err)
			}
			if got := again.Canonical(normalize); got != canonical {
				t.Fatalf("%q became %q", canonical, got)
			}
			if found := again.Reads(p); len(found) > 0 {
				t.Fatalf("%q can't read itself: %q", canonical, found)
			}
		}
	})
}
