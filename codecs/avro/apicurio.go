package avro

import (
	"encoding/binary"
	"maps"
	"math"
	"strings"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// ApicurioClass is the class name of Apicurio Registry's own Avro converter.
const ApicurioClass = "io.apicurio.registry.utils.converter.AvroConverter"

// ApicurioPlugin is Apicurio's AvroConverter with content ids: behind a byte 0, in four bytes, which is the
// wire format that it shares with Confluent's, or with apicurio.registry.headers.enabled in a header. The
// registry is asked by its Confluent-compatible API, to which a URL of its own API is turned.
func ApicurioPlugin(clients registry.Clients) codecs.Plugin {
	def := configDef()
	return codecs.Plugin{
		Descriptor: plugin.Descriptor{
			Class: ApicurioClass, Version: registry.Version,
			Config: config.NewDef(),
		},
		New: func() codecs.Converter { return &apicurio{converter: converter{def: def, clients: clients}} },
	}
}

type apicurio struct {
	converter
	write   bool // ids go into headers
	read    bool // ids are looked for in headers
	headers apicurioHeaders
}

// apicurioHeaders are names of headers.
type apicurioHeaders struct{ contentID, globalID, encoding string }

// binaryEncoding is the encoding that the converter has.
const binaryEncoding = "BINARY"

// Configure reads apicurio.registry.*. Errors are errs.Config.
func (a *apicurio) Configure(props map[string]string, isKey bool) error {
	mapped, err := apicurioProps(props)
	if err != nil {
		return err
	}
	side := "value"
	if isKey {
		side = "key"
	}
	// Version 2 of Apicurio has true for a default, version 3 false: what both write is read.
	enabled := props["apicurio.registry.headers.enabled"]
	a.write, a.read = strings.EqualFold(enabled, "true"), !strings.EqualFold(enabled, "false")
	a.headers = apicurioHeaders{
		contentID: apicurioHeader(props, side, "contentId"),
		globalID:  apicurioHeader(props, side, "globalId"),
		encoding:  "apicurio." + side + ".encoding",
	}
	return a.converter.Configure(mapped, isKey)
}

// apicurioHeader is the name of a header, which a setting may change.
func apicurioHeader(props map[string]string, side, name string) string {
	if own := props["apicurio.registry.headers."+side+"."+name+".name"]; own != "" {
		return own
	}
	return "apicurio." + side + "." + name
}

// FromConnectWithHeaders implements codecs.HeaderAware: with ids in headers the value alone is the payload.
func (a *apicurio) FromConnectWithHeaders(headers codecs.Headers, topic string, schema *data.Schema, value any) ([]byte, error) {
	framed, err := a.converter.FromConnect(topic, schema, value)
	if err != nil || framed == nil || !a.write || headers == nil {
		return framed, err
	}
	id := make([]byte, 4, 8) // eight bytes, of which registries use four
	headers.Put(a.headers.contentID, append(id, framed[1:5]...))
	headers.Put(a.headers.encoding, []byte(binaryEncoding))
	return framed[5:], nil
}

// ToConnectWithHeaders implements codecs.HeaderAware: a record without an id in its headers has it before
// the value. Errors are errs.Data.
func (a *apicurio) ToConnectWithHeaders(headers codecs.Headers, topic string, payload []byte) (data.SchemaAndValue, error) {
	if payload == nil || !a.read || headers == nil {
		return a.converter.ToConnect(topic, payload)
	}
	id, ok := headers.Last(a.headers.contentID)
	if !ok {
		if _, global := headers.Last(a.headers.globalID); global {
			return data.SchemaAndValue{}, errs.Data.New("record of topic %s has its schema's id in header %s: only content ids, in header %s, are "+
				"read; set apicurio.registry.use-id=contentId where it is written", topic, a.headers.globalID, a.headers.contentID)
		}
		return a.converter.ToConnect(topic, payload)
	}
	if len(id) != 8 || binary.BigEndian.Uint64(id) > math.MaxInt32 {
		return data.SchemaAndValue{}, errs.Data.New("header %s of a record of topic %s holds no content id: %x", a.headers.contentID, topic, id)
	}
	if encoding, ok := headers.Last(a.headers.encoding); ok && string(encoding) != binaryEncoding {
		return data.SchemaAndValue{}, errs.Data.New("header %s of a record of topic %s is %q: only %s is read", a.headers.encoding, topic,
			encoding, binaryEncoding)
	}
	f := registry.Frame{InHeader: true, Payload: payload}
	f.ID.ID = int32(binary.BigEndian.Uint64(id))
	return a.converter.read(topic, f)
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
	if use := props["apicurio.registry.use-id"]; use != "" && use != "contentId" {
		return nil, errs.Config.New("Invalid value %s for configuration apicurio.registry.use-id: only contentId is supported", use)
	}
	if encoding := props["apicurio.registry.avro.encoding"]; encoding != "" && encoding != binaryEncoding {
		return nil, errs.Config.New("Invalid value %s for configuration apicurio.registry.avro.encoding: only %s is supported", encoding, binaryEncoding)
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
