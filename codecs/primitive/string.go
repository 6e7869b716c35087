package primitive

import (
	"fmt"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

const encodingSetting = "converter.encoding"

// String is the StringConverter: any value as the text that Java's toString makes of it, read
// back as a string.
func String() codecs.Plugin {
	def := codecs.ConfigDef(config.Key{
		Name: encodingSetting, Type: config.String, Default: "UTF-8", Importance: config.High,
		Order: -1, Width: config.WidthMedium, DisplayName: "Encoding",
		Doc: "The name of the Java character set to use for encoding strings as byte arrays.",
	})
	return newPlugin("org.apache.kafka.connect.storage.StringConverter", def,
		func(def *config.Def) both { return &str{def: def} })
}

type str struct {
	def     *config.Def
	out, in charset
}

// Configure reads the settings. Errors are errs.Config, or errs.Serialization for a character
// set that there isn't, as in Java.
func (c *str) Configure(props map[string]string, isKey bool) error {
	return c.configure(codecs.WithUse(props, codecs.UseOf(isKey)))
}

func (c *str) configure(props map[string]string) error {
	v, err := c.def.Parse(props)
	if err != nil {
		return err
	}
	side := "value."
	if v.String(codecs.TypeSetting) == string(codecs.ForKeys) {
		side = "key."
	}
	// The settings of the serializer and deserializer inside Java's converter work here too.
	if c.out, err = charsetOf(props, side+"serializer.encoding", v); err != nil {
		return err
	}
	c.in, err = charsetOf(props, side+"deserializer.encoding", v)
	return err
}

func charsetOf(props map[string]string, override string, v config.Values) (charset, error) {
	setting, name := encodingSetting, v.String(encodingSetting)
	if s, ok := props[override]; ok {
		setting, name = override, s
	}
	cs, ok := lookupCharset(name)
	if !ok {
		cause := fmt.Errorf("setting %s: %q is no character set that is known here", setting, name)
		return nil, errs.Serialization.Wrap(cause, "Unsupported encoding %s", name)
	}
	return cs, nil
}

// FromConnect makes the text of a value; the schema isn't looked at. The bytes of a string in
// UTF-8 share its memory.
func (c *str) FromConnect(_ string, _ *data.Schema, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		return c.out.encode(v), nil
	}
	return c.out.encode(data.Text(value)), nil
}

// ToConnect makes a string of text. In UTF-8 it shares the payload's memory.
func (c *str) ToConnect(_ string, payload []byte) (data.SchemaAndValue, error) {
	if payload == nil {
		return data.SchemaAndValue{Schema: data.OptionalStringSchema}, nil
	}
	return data.SchemaAndValue{Schema: data.OptionalStringSchema, Value: c.in.decode(payload)}, nil
}
