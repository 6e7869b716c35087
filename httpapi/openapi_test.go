package httpapi

import (
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/httpapi/logging"
)

// TestOpenAPI checks that the description and the routes are the same and that its references
// lead somewhere.
func TestOpenAPI(t *testing.T) {
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]struct{ Parameters []map[string]any }
		Components map[string]map[string]any
	}
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi is %q", doc.OpenAPI)
	}
	var described []string
	for path, operations := range doc.Paths {
		for method := range operations {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	s, err := New(DefaultConfig(), fakeRegistry(), logging.NewRegistry(nil), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile(`:(\w+)`)
	var served []string
	for _, r := range append(s.publicRoutes(), s.adminRoutes()...) {
		served = append(served, r.method+" "+parameter.ReplaceAllString(r.path, "{$1}"))
	}
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Errorf("described and served differ:\n%q\n%q", described, served)
	}
	refs := regexp.MustCompile(`"#/components/(\w+)/(\w+)"`).FindAllStringSubmatch(string(openAPIDocument), -1)
	if len(refs) == 0 {
		t.Error("no reference found")
	}
	for _, ref := range refs {
		if doc.Components[ref[1]][ref[2]] == nil {
			t.Errorf("%s leads nowhere", ref[0])
		}
	}
}
