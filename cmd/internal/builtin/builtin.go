// Package builtin is the one list of the plugins that the troupe binary brings.
package builtin

import (
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/codecs/avro"
	"github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/codecs/jsonschema"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/codecs/protobuf"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
	"github.com/troupe-connect/troupe/connectors/config/provider"
	"github.com/troupe-connect/troupe/connectors/filestream"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/connectors/verifiable"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/predicates"
	"github.com/troupe-connect/troupe/smt/transforms"
	"github.com/troupe-connect/troupe/smt/transforms/aiven"
	"github.com/troupe-connect/troupe/smt/transforms/confluent"
	"github.com/troupe-connect/troupe/smt/transforms/debezium"
)

// KafkaVersion is the version of Kafka Connect that Troupe answers as, and that its copies of
// Kafka's own plugins carry.
const KafkaVersion = "4.1.1"

// Plugins are all built-in plugins.
func Plugins() []plugin.Plugin { return pluginsAt(newPool()) }

func newPool() *registry.Pool { return registry.NewPool(registry.WithTLS(registryTLS)) }

// pluginsAt are all built-in plugins, whose converters ask schema registries through pool.
func pluginsAt(pool *registry.Pool) []plugin.Plugin {
	all := []plugin.Plugin{
		filestream.Source(), filestream.Sink(),
		verifiable.Source(), verifiable.Sink(), verifiable.SchemaSource(), verifiable.MockSource(), verifiable.MockSink(),
		json.Plugin(), simpleheader.Plugin(),
		avro.Plugin(pool), avro.ApicurioPlugin(pool), jsonschema.Plugin(pool), protobuf.Plugin(pool),
		provider.File(KafkaVersion), provider.Directory(KafkaVersion), provider.EnvVar(KafkaVersion),
	}
	for _, p := range primitive.Plugins() {
		all = append(all, p)
	}
	for _, family := range [][]smt.Plugin{transforms.Plugins(), debezium.Plugins(), aiven.Plugins(), confluent.Plugins()} {
		for _, p := range family {
			all = append(all, p)
		}
	}
	for _, p := range predicates.Plugins() {
		all = append(all, p)
	}
	return all
}

// Registry is a registry of the built-in plugins and more.
func Registry(more ...plugin.Plugin) (*plugin.Registry, error) {
	reg, _, err := Watched(more...)
	return reg, err
}

// Watched is Registry, with what its converters do at schema registries.
func Watched(more ...plugin.Plugin) (*plugin.Registry, func() metrics.Schemas, error) {
	pool := newPool()
	reg, err := plugin.NewRegistry(append(pluginsAt(pool), more...)...)
	return reg, func() metrics.Schemas { return schemasOf(pool.Stats()) }, err
}
