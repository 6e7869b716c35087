package primitive

import (
	"errors"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Boolean is the BooleanConverter: one byte, 0 or 1.
func Boolean() codecs.Plugin {
	return newPlugin("org.apache.kafka.connect.converters.BooleanConverter", codecs.ConfigDef(),
		func(def *config.Def) both { return &boolean{def} })
}

type boolean struct{ def *config.Def }

// The two payloads there are. They are shared by all records and so must not be written to,
// which the contract of converters says of every payload.
var falseBytes, trueBytes = []byte{0}, []byte{1}

// Configure reads the settings. Errors are errs.Config.
func (c *boolean) Configure(props map[string]string, isKey bool) error {
	return c.configure(codecs.WithUse(props, codecs.UseOf(isKey)))
}

func (c *boolean) configure(props map[string]string) error {
	_, err := c.def.Parse(props)
	return err
}

// FromConnect makes the byte of a boolean. Errors are errs.Data.
func (c *boolean) FromConnect(_ string, schema *data.Schema, value any) ([]byte, error) {
	if schema != nil && schema.Type() != data.Boolean {
		return nil, errs.Data.New("Invalid schema type for BooleanConverter: %s", schema.Type())
	}
	switch v := value.(type) {
	case nil:
		return nil, nil
	case bool:
		if v {
			return trueBytes, nil
		}
		return falseBytes, nil
	}
	return nil, errs.Data.New("BooleanConverter is not compatible with objects of type class %s", data.JavaClass(value))
}

// ToConnect makes a boolean of its byte. Errors are errs.Data.
func (c *boolean) ToConnect(_ string, payload []byte) (data.SchemaAndValue, error) {
	switch {
	case payload == nil:
		return data.SchemaAndValue{Schema: data.OptionalBooleanSchema}, nil
	case len(payload) != 1 || payload[0] > 1:
		return data.SchemaAndValue{}, errs.Data.Wrap(errors.New("not one byte of 0 or 1"), "Failed to deserialize boolean: ")
	}
	return data.SchemaAndValue{Schema: data.OptionalBooleanSchema, Value: payload[0] == 1}, nil
}
