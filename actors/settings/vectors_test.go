package settings_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// TestVectorsConfigDefs compares every definition that exists with the one recorded from Kafka
// Connect 4.1.1.
func TestVectorsConfigDefs(t *testing.T) {
	defs := recordedDefs(t)
	ours := workerAndConnectorDefs(t)
	for _, p := range builtins() {
		def := p.Describe().Config
		if def == nil {
			def = config.NewDef()
		}
		ours[p.Describe().Class] = def
	}
	var missing []string
	for name, want := range defs {
		def, ok := ours[name]
		if !ok {
			missing = append(missing, name)
			if !strings.HasPrefix(name, "org.apache.kafka.connect.mirror.") {
				t.Errorf("%s: its plugin is not among the built-ins of this test", name)
			}
			continue
		}
		t.Run(name, func(t *testing.T) { compareDefs(t, def, want) })
	}
	slices.Sort(missing)
	t.Logf("%d definitions compared; %d belong to plugins that don't exist yet: %s",
		len(defs)-len(missing), len(missing), strings.Join(missing, ", "))
}

// workerAndConnectorDefs are the definitions of this package.
func workerAndConnectorDefs(t *testing.T) map[string]*config.Def {
	reg := registry(t)
	const runtime = "org.apache.kafka.connect.runtime."
	ours := map[string]*config.Def{
		runtime + "standalone.StandaloneConfig":   settings.StandaloneDef(),
		runtime + "distributed.DistributedConfig": settings.DistributedDef(),
		runtime + "ConnectorConfig":               settings.ConnectorDef(),
		runtime + "SourceConnectorConfig":         settings.SourceConnectorDef(),
		runtime + "SinkConnectorConfig":           settings.SinkConnectorDef(),
		"enriched:topic.creation.default":         settings.TopicCreationDefaultDef(),
	}
	links := map[string]string{
		"connector.class": "FileStreamSource", "transforms": "ins,flt", "predicates": "tomb,top",
		"transforms.ins.type":  "org.apache.kafka.connect.transforms.InsertField$Value",
		"transforms.flt.type":  "org.apache.kafka.connect.transforms.Filter",
		"predicates.tomb.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
		"predicates.top.type":  "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
	}
	enrich := func(kind plugin.Kind, props map[string]string) *config.Def {
		def, err := settings.ValidationDef(reg, nil, kind, nullable(props))
		if err != nil {
			t.Fatal(err)
		}
		return def
	}
	ours["enriched:source+transforms+predicates"] = enrich(plugin.Source, links)
	links["connector.class"] = "FileStreamSink"
	ours["enriched:sink+transforms+predicates"] = enrich(plugin.Sink, links)
	groups, err := settings.WithTopicGroups(settings.SourceConnectorDef(), []string{"g1", "g2"}, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	ours["enriched:source+topic.creation.groups(g1,g2)"] = groups
	return ours
}

func nullable(props map[string]string) map[string]*string {
	out := map[string]*string{}
	for k, v := range props {
		out[k] = &v
	}
	return out
}

func compareDefs(t *testing.T, def *config.Def, want []recordedKey) {
	t.Helper()
	if got, names := def.Names(), recordedNames(want); !slices.Equal(got, names) {
		t.Errorf("keys\n got %v\nwant %v", got, names)
	}
	for _, w := range want {
		k, ok := def.Key(w.Name)
		if !ok {
			continue // the comparison of names said so
		}
		if got, want := describeKey(&k), w.describe(); got != want {
			t.Errorf("%s\n got %s\nwant %s", w.Name, got, want)
		}
	}
}

func recordedNames(keys []recordedKey) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}

func (k recordedKey) describe() string {
	def := "required"
	if k.HasDefault {
		def = "null"
		if k.DefaultString != nil {
			def = k.Default.T + " " + *k.DefaultString
		}
	}
	recommended := "no recommender"
	if k.RecommendedValues != nil {
		recommended = fmt.Sprint(*k.RecommendedValues)
	}
	return fmt.Sprint(k.Type, "|", def, "|", k.Importance, "|", orNone(k.Group), "|", k.OrderInGroup, "|", k.Width, "|",
		k.DisplayName, "|", k.Dependents, "|", orNone(k.Validator), "|", k.Internal, "|", recommended)
}

func orNone(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}

func describeKey(k *config.Key) string {
	def := "required"
	if !k.Required {
		def = "null"
		if text := k.DefaultText(); text != nil {
			def = kindOfValue(k) + " " + *text
		}
	}
	validator, group, recommended := "none", "none", "no recommender"
	if k.Validator != nil {
		if validator = k.Validator.String(); validator == "" {
			validator = "(no text)"
		}
	}
	if k.Group != "" {
		group = k.Group
	}
	if k.Recommender != nil {
		values := k.Recommender.ValidValues(k.Name, map[string]any{})
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = fmt.Sprint(v)
		}
		recommended = fmt.Sprint(texts)
	}
	importance := []string{"HIGH", "MEDIUM", "LOW"}[k.Importance]
	width := []string{"NONE", "SHORT", "MEDIUM", "LONG"}[k.Width]
	deps := k.Dependents
	if deps == nil {
		deps = []string{}
	}
	return fmt.Sprint(k.Type, "|", def, "|", importance, "|", group, "|", k.Order, "|", width, "|",
		k.DisplayName, "|", deps, "|", validator, "|", k.Internal, "|", recommended)
}

func kindOfValue(k *config.Key) string {
	switch k.Default.(type) {
	case bool:
		return "boolean"
	case int32:
		return "int32"
	case int16:
		return "int16"
	case int64:
		return "int64"
	case float64:
		return "float64"
	case []string:
		return "array"
	case config.Secret:
		return "password"
	}
	if k.Type == config.Class {
		return "class"
	}
	return "string"
}
