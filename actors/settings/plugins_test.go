package settings_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	codecjson "github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// converter is a codecs.Plugin in all the kinds it is.
type converter struct{ codecs.Plugin }

func (c converter) Kinds() []plugin.Kind {
	var kinds []plugin.Kind
	if c.New != nil {
		kinds = append(kinds, plugin.Converter)
	}
	if c.NewHeader != nil {
		kinds = append(kinds, plugin.HeaderConverter)
	}
	return kinds
}

// builtins are the plugins that a worker has.
func builtins() []plugin.Plugin {
	all := []plugin.Plugin{converter{codecjson.Plugin()}, converter{simpleheader.Plugin()}}
	for _, p := range primitive.Plugins() {
		all = append(all, converter{p})
	}
	return all
}

// standIn is a plugin of which only the recorded definition exists.
type standIn struct {
	plugin.Descriptor
	kind plugin.Kind
}

func (s standIn) Describe() plugin.Descriptor { return s.Descriptor }
func (s standIn) Kind() plugin.Kind           { return s.kind }

// fileSource and fileSink stand for the file connectors: only their settings matter here.
type fileSource struct{ connectors.SourceConnector }

func (fileSource) ExactlyOnceSupport(props map[string]string) (connectors.ExactlyOnceSupport, error) {
	if props["file"] == "" {
		return connectors.ExactlyOnceUnsupported, nil
	}
	return connectors.ExactlyOnceSupported, nil
}

func (fileSource) Validate(_ context.Context, _ map[string]string, answer config.Validation) (config.Validation, error) {
	return answer, nil
}

type fileSink struct{ connectors.SinkConnector }

// registry holds the built-ins, and for the rest what is recorded of them.
func registry(t testing.TB, defs map[string][]recordedKey) *plugin.Registry {
	t.Helper()
	all := builtins()
	have := map[string]bool{}
	for _, p := range all {
		have[p.Describe().Class] = true
	}
	for class, keys := range defs {
		if have[class] || strings.HasPrefix(class, "enriched:") {
			continue
		}
		d := plugin.Descriptor{Class: class, Version: "4.1.1", Config: defOf(t, keys)}
		switch {
		case strings.HasSuffix(class, "FileStreamSourceConnector"):
			all = append(all, connectors.Source{Descriptor: d, Connector: func() connectors.SourceConnector { return fileSource{} }})
		case strings.HasSuffix(class, "FileStreamSinkConnector"):
			all = append(all, connectors.Sink{Descriptor: d, Connector: func() connectors.SinkConnector { return fileSink{} }})
		case strings.Contains(class, ".predicates."):
			all = append(all, standIn{d, plugin.Predicate})
		case strings.Contains(class, ".transforms."):
			all = append(all, standIn{d, plugin.Transformation})
		}
	}
	reg, err := plugin.NewRegistry(all...)
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

var types = map[string]config.Type{
	"BOOLEAN": config.Boolean, "STRING": config.String, "INT": config.Int, "SHORT": config.Short, "LONG": config.Long,
	"DOUBLE": config.Double, "LIST": config.List, "CLASS": config.Class, "PASSWORD": config.Password,
}

// defOf makes a definition of what is recorded, its validators left out except for the common
// ones.
func defOf(t testing.TB, keys []recordedKey) *config.Def {
	t.Helper()
	var out []config.Key
	for _, k := range keys {
		key := config.Key{Name: k.Name, Type: types[k.Type], Required: !k.HasDefault, Order: k.OrderInGroup, DisplayName: k.DisplayName}
		if k.DefaultString != nil {
			key.Default = *k.DefaultString
		}
		if k.Group != nil {
			key.Group = *k.Group
		}
		key.Importance = map[string]config.Importance{"HIGH": config.High, "MEDIUM": config.Medium, "LOW": config.Low}[k.Importance]
		if k.Validator != nil && *k.Validator == "non-empty string" {
			key.Validator = config.NonEmptyString()
		}
		out = append(out, key)
	}
	def, err := config.Define(out...)
	if err != nil {
		t.Fatal(err)
	}
	return def
}
