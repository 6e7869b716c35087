package jsonschema

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs/registry"
)

func TestCompatible(t *testing.T) {
	const closed = `{"type":"object","additionalProperties":false,"properties":{"a":{"type":"integer"}}}`
	for _, tt := range []struct{ name, writer, reader, want string }{
		{"the same", closed, closed, ""},
		{"integer read as number", `{"type":"integer"}`, `{"type":"number"}`, ""},
		{"number read as integer", `{"type":"number"}`, `{"type":"integer"}`, "TYPE_NARROWED"},
		{"another type", `{"type":"string"}`, `{"type":"integer"}`, "TYPE_CHANGED"},
		{"bytes as text or number", `{"type":"string","connect.type":"bytes"}`, `{"type":"number","connect.type":"bytes"}`, ""},
		{"anything", `{"type":"string"}`, `true`, ""},
		{"nothing was written", `{"type":"object","properties":{"a":false}}`, `{"type":"object","properties":{"a":{"type":"string"}}}`, ""},
		{"a property more in a closed object", closed, strings.Replace(closed, `}}}`, `},"b":{"type":"string"}}}`, 1), ""},
		{"a required one", closed, strings.Replace(closed, `}}}`, `},"b":{"type":"string"}},"required":["b"]}`, 1), "REQUIRED_PROPERTY_ADDED"},
		{"a required one with default", closed, strings.Replace(closed, `}}}`, `},"b":{"type":"string","default":"x"}},"required":["b"]}`, 1), ""},
		{"a property less in a closed object", closed, `{"type":"object","additionalProperties":false}`, "PROPERTY_REMOVED_FROM_CLOSED"},
		{"a property more in an open object", `{"type":"object"}`, `{"type":"object","properties":{"b":{"type":"string"}}}`, "PROPERTY_ADDED_TO_OPEN"},
		{"a property less in an open object", `{"type":"object","properties":{"b":{"type":"string"}}}`, `{"type":"object"}`, ""},
		{"closing", `{"type":"object"}`, `{"type":"object","additionalProperties":false}`, "ADDITIONAL_PROPERTIES_REMOVED"},
		{
			"covered by the rest", `{"type":"object","additionalProperties":{"type":"string"}}`,
			`{"type":"object","additionalProperties":{"type":"string"},"properties":{"b":{"type":"string"}}}`, "",
		},
		{
			"not covered by a pattern", `{"type":"object","patternProperties":{"^x":{"type":"string"}},"additionalProperties":false}`,
			`{"type":"object","patternProperties":{"^x":{"type":"string"}},"additionalProperties":false,"properties":{"xy":{"type":"integer"}}}`, "NOT_COVERED",
		},
		{"null is new", `{"type":"string"}`, `{"oneOf":[{"type":"null"},{"type":"string"}]}`, ""},
		{"null is gone", `{"oneOf":[{"type":"null"},{"type":"string"}]}`, `{"type":"string"}`, "TYPE_CHANGED"},
		{"a branch more", `{"oneOf":[{"type":"null"},{"type":"string"}]}`, `{"oneOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]}`, ""},
		{"a branch less", `{"oneOf":[{"type":"string"},{"type":"integer"},{"type":"null"}]}`, `{"oneOf":[{"type":"null"},{"type":"string"}]}`, "SUM_TYPE_NARROWED"},
		{"a branch replaced", `{"oneOf":[{"type":"null"},{"type":"string"}]}`, `{"oneOf":[{"type":"null"},{"type":"boolean"}]}`, "SUBSCHEMAS_CHANGED"},
		{"one of became all of", `{"oneOf":[{"type":"null"},{"type":"string"}]}`, `{"allOf":[{"type":"null"},{"type":"string"}]}`, "COMBINED_TYPE_CHANGED"},
		{"a symbol more", `{"enum":["a"]}`, `{"enum":["b","a"]}`, ""},
		{"a symbol less", `{"enum":["b","a"]}`, `{"enum":["a"]}`, "ENUM_ARRAY_NARROWED"},
		{"other symbols", `{"enum":["a"]}`, `{"enum":["b"]}`, "ENUM_ARRAY_CHANGED"},
		{"longer text", `{"type":"string","maxLength":5}`, `{"type":"string","maxLength":9}`, ""},
		{"shorter text", `{"type":"string"}`, `{"type":"string","maxLength":9}`, "MAX_LENGTH_ADDED"},
		{"a larger minimum", `{"type":"number","minimum":1}`, `{"type":"number","minimum":2}`, "MINIMUM_INCREASED"},
		{"finer steps", `{"type":"integer","multipleOf":6}`, `{"type":"integer","multipleOf":3}`, ""},
		{"coarser steps", `{"type":"integer","multipleOf":3}`, `{"type":"integer","multipleOf":6}`, "MULTIPLE_OF_EXPANDED"},
		{"items", `{"type":"array","items":{"type":"integer"}}`, `{"type":"array","items":{"type":"string"}}`, "TYPE_CHANGED"},
		{"items of a tuple", `{"type":"array","items":[{"type":"integer"}],"additionalItems":false}`, `{"type":"array","items":[],"additionalItems":false}`, "ITEM_REMOVED"},
		{"itself", `{"type":"object","properties":{"n":{"$ref":"#"},"v":{"type":"string"}}}`, `{"type":"object","properties":{"n":{"$ref":"#"},"v":{"type":"integer"}}}`, "TYPE_CHANGED"},
		{"less is refused", `{"not":{"type":"string","maxLength":9}}`, `{"not":{"type":"string","maxLength":5}}`, ""},
		{"more is refused", `{"not":{"type":"string","maxLength":5}}`, `{"not":{"type":"string","maxLength":9}}`, "NOT_TYPE_EXTENDED"},
		{"a dependency", `{"type":"object"}`, `{"type":"object","dependencies":{"a":["b"]}}`, "DEPENDENCY_ARRAY_ADDED"},
	} {
		var both [2]registry.Parsed
		for i, text := range []string{tt.writer, tt.reader} {
			p, err := ParseSchema(registry.Schema{Format: registry.JSON, Text: text}, nil)
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			both[i] = p
		}
		found := strings.Join(both[1].Reads(both[0]), " ")
		if (found == "") != (tt.want == "") || !strings.Contains(found, tt.want) {
			t.Errorf("%s: found %q, want %q", tt.name, found, tt.want)
		}
	}
}
