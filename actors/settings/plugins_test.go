package settings_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	codecjson "github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
	"github.com/troupe-connect/troupe/connectors/config/provider"
	"github.com/troupe-connect/troupe/connectors/filestream"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt/predicates"
	"github.com/troupe-connect/troupe/smt/transforms"
)

// builtins are the plugins that a worker has.
func builtins() []plugin.Plugin {
	all := []plugin.Plugin{codecjson.Plugin(), simpleheader.Plugin()}
	for _, p := range primitive.Plugins() {
		all = append(all, p)
	}
	for _, p := range transforms.Plugins() {
		all = append(all, p)
	}
	for _, p := range predicates.Plugins() {
		all = append(all, p)
	}
	return append(all, filestream.Source(), filestream.Sink(), provider.File("4.1.1"), provider.Directory("4.1.1"))
}

// registry holds the built-ins.
func registry(t testing.TB) *plugin.Registry {
	t.Helper()
	reg, err := plugin.NewRegistry(builtins()...)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// recordedKey is a key in configdefs.json.
type recordedKey struct {
	Name, Type        string
	HasDefault        bool
	Default           *recordedValue
	DefaultString     *string
	Importance        string
	Group             *string
	OrderInGroup      int
	Width             string
	DisplayName       string
	Dependents        []string
	Validator         *string
	Internal          bool
	RecommendedValues *[]string
}

type recordedValue struct{ T string }

func recordedDefs(t testing.TB) map[string][]recordedKey {
	t.Helper()
	dir := os.Getenv("VECTORS_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "testdata", "vectors")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "configdefs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var defs map[string][]recordedKey
	if err := json.Unmarshal(raw, &defs); err != nil {
		t.Fatal(err)
	}
	return defs
}
