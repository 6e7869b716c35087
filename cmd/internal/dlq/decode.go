package dlq

import (
	"encoding/json"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Decoder makes text of keys and values whose schema is in a registry.
type Decoder struct {
	keys, values []codecs.Converter
}

// schemaConverters are the classes that a Decoder tries.
var schemaConverters = []string{
	"io.confluent.connect.avro.AvroConverter",
	"io.confluent.connect.json.JsonSchemaConverter",
	"io.confluent.connect.protobuf.ProtobufConverter",
}

// NewDecoder makes a decoder for the registry at the URL, which may hold user and password.
func NewDecoder(plugins *plugin.Registry, url string) (*Decoder, error) {
	d := &Decoder{}
	props := map[string]string{
		"schema.registry.url": url, "basic.auth.credentials.source": "URL", "max.retries": "0", "http.read.timeout.ms": "10000",
	}
	for _, class := range schemaConverters {
		found, err := plugins.Find(plugin.Converter, class)
		if err != nil {
			continue // a build without that format
		}
		p, ok := found.(codecs.Plugin)
		if !ok {
			return nil, errs.Config.New("%s is no converter", class)
		}
		for _, isKey := range []bool{true, false} {
			c := p.New()
			if err := c.Configure(props, isKey); err != nil {
				return nil, errs.Config.Wrap(err, "--schema-registry %s", url)
			}
			if isKey {
				d.keys = append(d.keys, c)
			} else {
				d.values = append(d.values, c)
			}
		}
	}
	return d, nil
}

// Decode fills in what key and value of the letter mean, where they begin like a value with a schema
// id and the registry knows it.
func (d *Decoder) Decode(l *Letter) {
	topic := l.Record.Topic
	if l.Context != nil && l.Context.Topic != "" {
		topic = l.Context.Topic
	}
	l.KeyText = decode(d.keys, topic, l.Record.Key)
	l.ValueText = decode(d.values, topic, l.Record.Value)
}

// decode is what the first converter makes of the bytes that can read them, "" if none can.
func decode(converters []codecs.Converter, topic string, raw []byte) string {
	if len(raw) < 5 || raw[0] > 1 {
		return ""
	}
	for _, c := range converters {
		if sv, err := c.ToConnect(topic, raw); err == nil {
			return data.Text(sv.Value)
		}
	}
	return ""
}

// decodedJSON is the member "decoded" of a letter; nil for none.
func (l *Letter) decodedJSON() json.RawMessage {
	if l.KeyText == "" && l.ValueText == "" {
		return nil
	}
	out := map[string]string{}
	if l.KeyText != "" {
		out["key"] = l.KeyText
	}
	if l.ValueText != "" {
		out["value"] = l.ValueText
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil
	}
	return raw
}
