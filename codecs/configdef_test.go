package codecs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/troupe-connect/troupe/connectors/config"
)

// recordedKey is a setting as Java defines it.
type recordedKey struct {
	Name, Type    string
	HasDefault    bool
	DefaultString *string
	Importance    string
	Group         *string
	OrderInGroup  int
	Width         string
	DisplayName   string
	Dependents    []string
	Validator     *string
	Internal      bool
}

var (
	typeNames  = []string{"", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"}
	importance = []string{"HIGH", "MEDIUM", "LOW"}
	widths     = []string{"NONE", "SHORT", "MEDIUM", "LONG"}
)

// TestConfigDefs compares every converter's settings with those of its Java class.
func TestConfigDefs(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "vectors", "configdefs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var recorded map[string][]recordedKey
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	for _, p := range builtins() {
		want, ok := recorded[p.Class]
		if !ok {
			t.Errorf("%s is not recorded", p.Class)
		}
		keys := p.Config.Keys()
		if len(keys) != len(want) {
			t.Errorf("%s has %d settings, want %d", p.Class, len(keys), len(want))
			continue
		}
		for i, k := range keys {
			if got, want := describe(k), describeRecorded(want[i]); got != want {
				t.Errorf("%s:\n got %s\nwant %s", p.Class, got, want)
			}
		}
	}
}

func describe(k config.Key) string {
	r := recordedKey{
		Name: k.Name, Type: typeNames[k.Type], HasDefault: !k.Required, Importance: importance[k.Importance],
		OrderInGroup: k.Order, Width: widths[k.Width], DisplayName: k.DisplayName, Dependents: k.Dependents, Internal: k.Internal,
	}
	if !k.Required {
		s := fmt.Sprint(k.Default)
		r.DefaultString = &s
	}
	if k.Group != "" {
		r.Group = &k.Group
	}
	if k.Validator != nil {
		s := k.Validator.String()
		r.Validator = &s
	}
	return describeRecorded(r)
}

func describeRecorded(r recordedKey) string {
	show := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	return fmt.Sprint(r.Name, " ", r.Type, " default ", r.HasDefault, " ", show(r.DefaultString), " ", r.Importance,
		" group ", show(r.Group), " ", r.OrderInGroup, " ", r.Width, " ", r.DisplayName, " ", slices.Sorted(slices.Values(r.Dependents)),
		" validator ", show(r.Validator), " internal ", r.Internal)
}
