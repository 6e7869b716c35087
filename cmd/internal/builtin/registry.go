package builtin

import (
	"crypto/tls"
	"maps"
	"strings"

	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/codecs/avro"
	"github.com/troupe-connect/troupe/codecs/jsonschema"
	"github.com/troupe-connect/troupe/codecs/protobuf"
	"github.com/troupe-connect/troupe/codecs/registry"
)

// registryTLS reads the ssl.* settings of a schema registry's client, which checks host names only
// where ssl.endpoint.identification.algorithm asks for it, as Confluent's.
func registryTLS(props map[string]string) (func(host string) *tls.Config, error) {
	const identification = "ssl.endpoint.identification.algorithm"
	all := maps.Clone(props)
	all["security.protocol"] = "SSL"
	if strings.EqualFold(all[identification], "none") {
		all[identification] = ""
	}
	if _, ok := all[identification]; !ok {
		all[identification] = ""
	}
	r := security.NewReader(all)
	client := security.ReadClient(r)
	if err := r.Err(); err != nil {
		return nil, err
	}
	return client.TLS.ForHost, nil
}

// schemasOf is s as the worker's metrics show it.
func schemasOf(s *registry.Stats) metrics.Schemas {
	return metrics.Schemas{
		Requests: s.Requests.Load(), Failures: s.Failures.Load(), Retries: s.Retries.Load(),
		Failovers: s.Failovers.Load(), Shared: s.Shared.Load(), Waiting: s.Waiting.Load(),
	}
}

// SchemaFormats are the formats of schemas that an embedded registry understands.
func SchemaFormats() map[registry.Format]registry.Parser {
	return map[registry.Format]registry.Parser{
		registry.Avro: avro.ParseSchema, registry.JSON: jsonschema.ParseSchema, registry.Protobuf: protobuf.ParseSchema,
	}
}
