package primitive

import (
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// ByteArray is the ByteArrayConverter: bytes as they are. It does for Confluent's of the same name too.
func ByteArray() codecs.Plugin {
	p := newPlugin("org.apache.kafka.connect.converters.ByteArrayConverter", codecs.ConfigDef(),
		func(*config.Def) both { return byteArray{} })
	p.Aliases = []string{"io.confluent.connect.replicator.util.ByteArrayConverter"}
	return p
}

type byteArray struct{}

// Configure takes any settings: Java's doesn't look at them.
func (byteArray) Configure(map[string]string, bool) error { return nil }

func (byteArray) configure(map[string]string) error { return nil }

// FromConnect returns the value itself. Errors are errs.Data.
func (byteArray) FromConnect(_ string, schema *data.Schema, value any) ([]byte, error) {
	if schema != nil && schema.Type() != data.Bytes {
		return nil, errs.Data.New("Invalid schema type for ByteArrayConverter: %s", schema.Type())
	}
	switch v := value.(type) {
	case nil:
		return nil, nil
	case []byte:
		if v == nil { // a value, though an empty one: only nil itself is null
			return []byte{}, nil
		}
		return v, nil
	}
	return nil, errs.Data.New("ByteArrayConverter is not compatible with objects of type class %s", data.JavaClass(value))
}

// ToConnect returns the payload itself as value.
func (byteArray) ToConnect(_ string, payload []byte) (data.SchemaAndValue, error) {
	if payload == nil {
		return data.SchemaAndValue{Schema: data.OptionalBytesSchema}, nil
	}
	return data.SchemaAndValue{Schema: data.OptionalBytesSchema, Value: payload}, nil
}
