package avro

import (
	"maps"
	"strings"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// ApicurioClass is the class name of Apicurio Registry's own Avro converter.
const ApicurioClass = "io.apicurio.registry.utils.converter.AvroConverter"

// ApicurioPlugin is Apicurio's AvroConverter, as far as it writes the wire format that it shares
// with Confluent's: a byte 0 and an id of four bytes. The registry is asked by its
// Confluent-compatible API, to which a URL of its own API is turned.
func ApicurioPlugin(clients registry.Clients) codecs.Plugin {
	def := configDef()
	return codecs.Plugin{
		Descriptor: plugin.Descriptor{
			Class: ApicurioClass, Version: registry.Version,
			Config: config.NewDef(),
		},
		New: func() codecs.Converter { return &apicurio{converter{def: def, clients: clients}} },
	}
}

type apicurio struct{ converter }

// Configure reads apicurio.registry.*. Errors are errs.Config.
func (a *apicurio) Configure(props map[string]string, isKey bool) error {
	mapped, err := apicurioProps(props)
	if err != nil {
		return err
	}
	return a.converter.Configure(mapped, isKey)
}

// apicurioKeys are the settings that Confluent's converter has under another name.
var apicurioKeys = map[string]string{
	"apicurio.registry.find-latest":                 "use.latest.version",
	"apicurio.registry.auth.client.id":              "bearer.auth.client.id",
	"apicurio.registry.auth.client.secret":          "bearer.auth.client.secret",
	"apicurio.registry.auth.client.scope":           "bearer.auth.scope",
	"apicurio.registry.auth.service.token.endpoint": "bearer.auth.issuer.endpoint.url",
}

// apicurioStrategies are the classes that name artifacts, and what names subjects likewise.
var apicurioStrategies = map[string]string{
	"TopicIdStrategy": registry.TopicNames, "RecordIdStrategy": registry.RecordNames,
	"TopicRecordIdStrategy":     registry.TopicRecordNames,
	"QualifiedRecordIdStrategy": registry.RecordNames,
}

// apicurioProps are the settings as Confluent's converter has them. What would need another wire
// format is refused.
func apicurioProps(props map[string]string) (map[string]string, error) {
	out := maps.Clone(props)
	url, ok := props["apicurio.registry.url"]
	if !ok {
		return nil, errs.Config.New(`Missing required configuration "apicurio.registry.url" which has no default value.`)
	}
	out["schema.registry.url"] = compatible7(url)
	if props["apicurio.registry.headers.enabled"] == "true" {
		return nil, errs.Config.New("apicurio.registry.headers.enabled=true: ids in Apicurio's own headers are not supported")
	}
	if handler := props["apicurio.registry.id-handler"]; handler != "" &&
		!strings.Contains(handler, "4Byte") {
		return nil, errs.Config.New("Invalid value %s for configuration apicurio.registry.id-handler: only handlers of 4-byte ids are supported", handler)
	}
	out["auto.register.schemas"] = "false" // its default
	if auto, ok := props["apicurio.registry.auto-register"]; ok {
		out["auto.register.schemas"] = auto
	}
	for from, to := range apicurioKeys {
		if v, ok := props[from]; ok {
			out[to] = v
		}
	}
	if out["bearer.auth.issuer.endpoint.url"] != "" {
		out["bearer.auth.credentials.source"] = "OAUTHBEARER"
	}
	if user, ok := props["apicurio.registry.auth.username"]; ok {
		out["basic.auth.credentials.source"] = "USER_INFO"
		out["basic.auth.user.info"] = user + ":" + props["apicurio.registry.auth.password"]
	}
	if given := props["apicurio.registry.artifact-resolver-strategy"]; given != "" {
		strategy, ok := apicurioStrategies[given[strings.LastIndexByte(given, '.')+1:]]
		if !ok {
			return nil, errs.Config.New("Invalid value %s for configuration apicurio.registry.artifact-resolver-strategy: "+
				"the Confluent-compatible API has no subjects of such names", given)
		}
		out["key.subject.name.strategy"], out["value.subject.name.strategy"] = strategy, strategy
	}
	return out, nil
}

// compatible7 is the URL of the Confluent-compatible API beside Apicurio's own.
func compatible7(urls string) string {
	all := strings.Split(urls, ",")
	for i, u := range all {
		u = strings.TrimSuffix(strings.TrimSpace(u), "/")
		for _, own := range []string{"/apis/registry/v3", "/apis/registry/v2"} {
			if base, ok := strings.CutSuffix(u, own); ok {
				u = base + "/apis/ccompat/v7"
			}
		}
		all[i] = u
	}
	return strings.Join(all, ",")
}
