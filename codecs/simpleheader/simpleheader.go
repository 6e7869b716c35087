// Package simpleheader is the SimpleHeaderConverter, the header converter that workers use
// unless told otherwise: values as text, read back as the most fitting type.
package simpleheader

import (
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Plugin is the SimpleHeaderConverter.
func Plugin() codecs.Plugin {
	return codecs.Plugin{
		Descriptor: plugin.Descriptor{
			Class:   "org.apache.kafka.connect.storage.SimpleHeaderConverter",
			Version: codecs.Version,
			Config:  config.NewDef(),
		},
		NewHeader: func() codecs.HeaderConverter { return converter{} },
	}
}

type converter struct{}

// Configure takes any settings: there are none.
func (converter) Configure(map[string]string) error { return nil }

// FromConnectHeader makes text of a value. Errors are errs.Data.
func (converter) FromConnectHeader(_, _ string, schema *data.Schema, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	s, _, err := data.ConvertToString(schema, value)
	if err != nil {
		return nil, err
	}
	return java.Bytes(s), nil
}

// ToConnectHeader makes a value of text: of what the text looks like. Bytes that are no UTF-8
// are read as Java does, with U+FFFD in their place. It never fails: what looks like
// nothing else is a string.
func (converter) ToConnectHeader(_, _ string, payload []byte) (data.SchemaAndValue, error) {
	if payload == nil {
		return data.SchemaAndValue{}, nil
	}
	return data.ParseString(java.Text(payload)), nil
}
