// Package primitive holds the converters without a format of their own: text (StringConverter),
// bytes as they are (ByteArrayConverter), and the binary forms of Kafka's serializers (Boolean,
// Short, Integer, Long, Float and DoubleConverter).
package primitive

import (
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Plugins are all converters of the package, each for keys, values and headers.
func Plugins() []codecs.Plugin {
	return []codecs.Plugin{
		String(), ByteArray(), Boolean(), Short(), Integer(), Long(), Float(), Double(),
	}
}

// both is what the converters of this package are: made once, used for either purpose.
type both interface {
	codecs.Converter
	configure(props map[string]string) error
}

func newPlugin(class string, def *config.Def, make func(def *config.Def) both) codecs.Plugin {
	return codecs.Plugin{
		Descriptor: plugin.Descriptor{Class: class, Version: codecs.Version, Config: def},
		New:        func() codecs.Converter { return make(def) },
		NewHeader:  func() codecs.HeaderConverter { return header{make(def)} },
	}
}

// header is a converter used for header values, which it converts as it does others.
type header struct{ of both }

// Configure reads the settings. Errors are errs.Config.
func (h header) Configure(props map[string]string) error {
	return h.of.configure(codecs.AsHeaders(props))
}

// FromConnectHeader is the converter's FromConnect.
func (h header) FromConnectHeader(topic, _ string, schema *data.Schema, value any) ([]byte, error) {
	return h.of.FromConnect(topic, schema, value)
}

// ToConnectHeader is the converter's ToConnect.
func (h header) ToConnectHeader(topic, _ string, payload []byte) (data.SchemaAndValue, error) {
	return h.of.ToConnect(topic, payload)
}
