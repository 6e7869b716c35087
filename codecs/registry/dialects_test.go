package registry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// answer is what a server says to one kind of request.
type answer struct {
	status int
	body   string
}

// TestDialects has registries of other makers say what they say: Apicurio 3.3.3 as recorded, Karapace
// and Confluent's as their sources and documentation have it.
func TestDialects(t *testing.T) {
	for _, tt := range []struct {
		name, does string // write, or read
		answers    []answer
		kind       *errs.Kind // nil for success
		want       string
	}{
		{"Apicurio registers", "write", []answer{{200, `{"id":1}`}}, nil, ""},
		{"Karapace registers", "write", []answer{{200, `{"id": 1}`}}, nil, ""},
		{"Confluent registers", "write", []answer{{200, `{"id":1,"version":1,"guid":"9ce8bda2-9d0c-4b3d-8c94-ea3d3ac58a16","schemaType":"AVRO","schema":"\"int\"","ts":1}`}}, nil, ""},
		{
			"Apicurio compares", "write",
			[]answer{{409, `{"message":"io.apicurio.registry.rules.violation.RuleViolationException: Incompatible artifact: s [AVRO]","error_code":409}`}},
			errs.Data, "Incompatible artifact: s [AVRO]; error code: 409",
		},
		{
			"Karapace compares", "write",
			[]answer{{409, `{"error_code": 409, "message": "Incompatible schema, compatibility_mode=BACKWARD. Incompatibilities: reader type: int"}`}},
			errs.Data, "Incompatible schema, compatibility_mode=BACKWARD. Incompatibilities: reader type: int; error code: 409",
		},
		{
			"Apicurio refuses", "write",
			[]answer{{422, `{"message":"Failed to discover artifact type from content.","error_code":42201}`}},
			errs.Data, "Failed to discover artifact type from content.; error code: 42201",
		},
		{
			"Karapace has no primary", "write",
			[]answer{{500, `{"error_code": 50003, "message": "Error while forwarding the request to the master."}`}},
			errs.Retriable, "Error while forwarding the request to the master.; error code: 50003",
		},
		{"Karapace has no rights", "write", []answer{{403, `{"message": "Forbidden"}`}}, errs.Config, "Forbidden; error code: 0"},
		{"a proxy wants a login", "write", []answer{{401, "<html>Unauthorized</html>"}}, errs.Config, "Unable to parse error message from schema registry"},
		{"a proxy has no server", "write", []answer{{503, ""}}, errs.Retriable, "Unable to parse error message from schema registry: '()'"},
		{"no registry", "write", []answer{{200, "<html>Welcome</html>"}}, errs.Data, "the answer is not what a schema registry says"},
		{
			"Apicurio reads", "read",
			[]answer{{200, `{"schema":"\"int\""}`}, {200, `{"subject":"t-value","version":1,"id":1,"schema":"\"int\""}`}},
			nil, "",
		},
		{
			"Karapace reads", "read",
			[]answer{{200, `{"schema": "\"int\"", "subject": "t-value", "version": 1}`}, {200, `{"id": 1, "schema": "\"int\"", "subject": "t-value", "version": 1}`}},
			nil, "",
		},
		{"Apicurio knows no id", "read", []answer{{404, `{"message":"Schema 99 not found.","error_code":40403}`}}, errs.Data, "Schema 99 not found.; error code: 40403"},
		{"Karapace knows no id", "read", []answer{{404, `{"error_code": 40403, "message": "Schema not found"}`}}, errs.Data, "Schema not found; error code: 40403"},
		{"Apicurio knows no such path", "read", []answer{{404, ""}}, errs.Data, "Unable to parse error message from schema registry: '()'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				a := tt.answers[min(asked, len(tt.answers)-1)]
				asked++
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(a.status)
				fmt.Fprint(w, a.body)
			}))
			defer server.Close()
			s := withTask(t, t.Context(), nil, registry.NewPool(), map[string]string{
				"schema.registry.url": server.URL, "max.retries": "0", "schema.registry.outage.max.ms": "0",
			})
			var err error
			if tt.does == "write" {
				var target *registry.Target
				if target, err = s.Target("t", intSchema, ""); err == nil && target.ID != 1 {
					t.Errorf("got %+v", target)
				}
			} else {
				var source *registry.Source
				if source, err = s.Source("t", registry.SchemaID{ID: 1}, "", nil); err == nil && source.Writer.Text != `"int"` {
					t.Errorf("got %+v", source)
				}
			}
			switch {
			case tt.kind == nil:
				if err != nil {
					t.Error(err)
				}
			case errs.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.want):
				t.Errorf("got %v (%v), want %v: %s", err, errs.KindOf(err), tt.kind, tt.want)
			}
		})
	}
}
