package jsonschema

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
		r := registrytest.NewRandom(seed, false)
		c := newConverter(t, registrytest.NewFake())
		schema := r.Struct()
		for range 3 {
			sv := data.SchemaAndValue{Schema: schema, Value: r.Value(schema)}
			if err := registrytest.RoundTrip(c, "t", sv); err != nil {
				t.Fatalf("seed %d: %s of %s: %v", seed, data.Text(sv.Value), schema, err)
			}
		}
	}
}

// shared are forty schemas, each of which holds the next one three times.
func shared(leaf string) registry.Schema {
	const depth = 40
	var b strings.Builder
	b.WriteString(`{"$ref":"#/definitions/d0","definitions":{`)
	for i := range depth {
		ref := fmt.Sprintf(`{"$ref":"#/definitions/d%d"}`, i+1)
		fmt.Fprintf(&b, `"d%d":{"type":"object","properties":{"a":%s,"b":{"oneOf":[%s,{"type":"null"}]},`+
			`"c":{"oneOf":[{"type":"integer"},{"allOf":[%s]}]}}},`, i, ref, ref, ref)
	}
	fmt.Fprintf(&b, `"d%d":{"type":%q}}}`, depth, leaf)
	return registry.Schema{Format: registry.JSON, Text: b.String()}
}

// Done with each part wherever it is, neither would end.
func TestSharedParts(t *testing.T) {
	fake := registrytest.NewFake()
	fake.Put(registry.Registered{Subject: "t-value", Version: 1, ID: 1, Schema: shared("string")})
	if _, err := newConverter(t, fake).ToConnect("t", []byte("\x00\x00\x00\x00\x01{}")); err != nil {
		t.Error(err)
	}
	var both [2]registry.Parsed
	for i, leaf := range []string{"string", "integer"} {
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
		`{"type":"object","properties":{"a":{"oneOf":[{"type":"null"},{"$ref":"#"}]}}}`, `{"enum":[1,"a",null],"not":{"const":1}}`,
		`{"type":"array","items":[{"type":"integer","multipleOf":3}],"additionalItems":{"allOf":[{"type":"string"},{"minLength":1}]}}`,
		`{"type":["object","null"],"dependencies":{"a":["b"],"c":{"type":"object"}},"patternProperties":{"^x":true},"required":["q"]}`, "true",
	} {
		f.Add(text)
	}
	parse := func(text string) (registry.Parsed, error) {
		return ParseSchema(registry.Schema{Format: registry.JSON, Text: text}, nil)
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
