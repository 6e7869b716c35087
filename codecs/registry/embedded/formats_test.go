package embedded_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs/jsonschema"
	"github.com/troupe-connect/troupe/codecs/protobuf"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/embedded"
)

// formatBody is the body that registers a schema of a format.
func formatBody(t *testing.T, f registry.Format, text string, references ...registry.Reference) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"schemaType": f, "schema": text, "references": references})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func serveFormats(t *testing.T) *httptest.Server {
	t.Helper()
	r, err := embedded.Open(t.Context(), embedded.Memory{}, map[registry.Format]registry.Parser{
		registry.JSON: jsonschema.ParseSchema, registry.Protobuf: protobuf.ParseSchema,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r.Handler())
	t.Cleanup(s.Close)
	return s
}

// TestLevelsOfFormats registers a first, a second and a third schema: the levels decide whether the
// third may follow.
func TestLevelsOfFormats(t *testing.T) {
	object := func(required string, names ...string) string {
		props := ""
		for i, name := range names {
			if i > 0 {
				props += ","
			}
			props += `"` + name + `":{"type":"string"}`
		}
		return `{"type":"object","additionalProperties":false,"properties":{` + props + `},"required":[` + required + `]}`
	}
	message := func(fields string) string { return `syntax = "proto3"; message A { ` + fields + ` }` }
	required := []string{object(`"b"`, "a", "b"), object("", "a", "b"), object(`"b","a"`, "a", "b")}
	wider := []string{object("", "a"), object("", "a", "b"), object("", "a", "b", "c")}
	proto := []string{message("int32 a = 1;"), message("int32 b = 2;"), message("string a = 1; int32 b = 2;")}
	one := []string{message("int32 a = 1; int32 b = 2;"), message("int32 a = 1;"), message("oneof o { int32 a = 1; int32 b = 2; }")}
	for _, tt := range []struct {
		name    string
		format  registry.Format
		schemas []string
		allowed string
	}{
		{"required", registry.JSON, required, "NONE FORWARD FORWARD_TRANSITIVE"},
		{"wider", registry.JSON, wider, "NONE BACKWARD BACKWARD_TRANSITIVE"},
		{"kind", registry.Protobuf, proto, "NONE BACKWARD FORWARD FULL"},
		{"oneof", registry.Protobuf, one, "NONE BACKWARD FORWARD FULL FORWARD_TRANSITIVE"},
	} {
		for level := range strings.FieldsSeq("NONE BACKWARD FORWARD FULL BACKWARD_TRANSITIVE FORWARD_TRANSITIVE FULL_TRANSITIVE") {
			s := serveFormats(t)
			call(t, s, `PUT /config {"compatibility":"NONE"}`)
			for _, text := range tt.schemas[:2] {
				if got := call(t, s, "POST /subjects/s/versions "+formatBody(t, tt.format, text)); !strings.HasPrefix(got, "200") {
					t.Fatal(got)
				}
			}
			call(t, s, `PUT /config {"compatibility":"`+level+`"}`)
			got := call(t, s, "POST /subjects/s/versions "+formatBody(t, tt.format, tt.schemas[2]))
			if strings.HasPrefix(got, "200") != slices.Contains(strings.Fields(tt.allowed), level) {
				t.Errorf("%s at %s: %s", tt.name, level, got)
			}
		}
	}
}

func TestReferencesOfFormats(t *testing.T) {
	for _, tt := range []struct {
		format           registry.Format
		place, name      string
		user, other, bad string
	}{
		{
			registry.JSON, `{"type":"object","properties":{"city":{"type":"string"}}}`, "place.json",
			`{"type":"object","properties":{"at":{"$ref":"place.json"}}}`, `{"type":"object","properties":{"at":{"type":"integer"}}}`, "{",
		},
		{
			registry.Protobuf, `syntax = "proto3"; message Place { string city = 1; }`, "place.proto",
			`syntax = "proto3"; import "place.proto"; message A { Place at = 1; }`, `syntax = "proto3"; message A { int32 at = 1; }`, "message",
		},
	} {
		s := serveFormats(t)
		ref := registry.Reference{Name: tt.name, Subject: "place", Version: 1}
		for _, step := range []struct{ request, want string }{
			{"POST /subjects/user/versions " + formatBody(t, tt.format, tt.user, ref), "422"},
			{"POST /subjects/place/versions " + formatBody(t, tt.format, tt.place), "200"},
			{"POST /subjects/user/versions " + formatBody(t, tt.format, tt.user, ref), "200"},
			{"POST /subjects/user/versions " + formatBody(t, tt.format, tt.other), "409"},
			{"POST /subjects/user/versions " + formatBody(t, tt.format, tt.bad), "422"},
			{"DELETE /subjects/place", "422"},
		} {
			if got := call(t, s, step.request); !strings.HasPrefix(got, step.want) {
				t.Errorf("%s: got %s, want %s", step.request, got, step.want)
			}
		}
	}
}
