package json

import (
	"bytes"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/internal/jackson"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// The settings.
const (
	schemasEnable = "schemas.enable"
	schemasCache  = "schemas.cache.size"
	decimalFormat = "decimal.format"
	replaceNull   = "replace.null.with.default"
)

func configDef() *config.Def {
	return codecs.ConfigDef(
		config.Key{
			Name: schemasEnable, Type: config.Boolean, Default: true, Importance: config.High,
			Group: "Schemas", Order: 0, Width: config.WidthMedium, DisplayName: "Enable Schemas",
			Doc: "Include schemas within each of the serialized values and keys.",
		},
		config.Key{
			Name: schemasCache, Type: config.Int, Default: int32(1000), Importance: config.High,
			Group: "Schemas", Order: 1, Width: config.WidthMedium, DisplayName: "Schema Cache Size",
			Doc: "The maximum number of schemas that can be cached in this converter instance.",
		},
		config.Key{
			Name: decimalFormat, Type: config.String, Default: "BASE64", Importance: config.Low,
			Validator: config.CaseInsensitiveValidString("BASE64", "NUMERIC"),
			Group:     "Serialization", Order: 0, Width: config.WidthMedium, DisplayName: "Decimal Format",
			Doc: "Controls which format this converter will serialize decimals in. " +
				"This value is case insensitive and can be either 'BASE64' (default) or 'NUMERIC'",
		},
		config.Key{
			Name: replaceNull, Type: config.Boolean, Default: true, Importance: config.Low,
			Group: "Serialization", Order: 1, Width: config.WidthMedium, DisplayName: "Replace null with default",
			Doc: "Whether to replace fields that have a default value and that are null to the default value. " +
				"When set to true, the default value is used, otherwise null is used.",
		},
	)
}

// Plugin is the JsonConverter, for keys, values and headers.
func Plugin() codecs.Plugin {
	def := configDef()
	return codecs.Plugin{
		Descriptor: plugin.Descriptor{
			Class:   "org.apache.kafka.connect.json.JsonConverter",
			Version: codecs.Version,
			Config:  def,
		},
		New:       func() codecs.Converter { return &converter{def: def} },
		NewHeader: func() codecs.HeaderConverter { return &header{converter{def: def}} },
	}
}

// converter converts keys or values.
type converter struct {
	def     *config.Def
	wrapped bool // schemas.enable

	enc     encoder
	out     jackson.Chunk
	plans   *lru[*data.Schema, *envelope]
	lastOut *data.Schema
	last    *envelope // of lastOut

	dec     decoder
	schemas *lru[string, *data.Schema] // by the text of the schema
	starts  []start                    // of payloads that had a schema, last used first
}

// start is how payloads with a schema begin: everything up to the colon behind "payload".
type start struct {
	text   []byte
	schema *data.Schema
}

// maxStarts is how many starts are compared with a payload before it is read in full. A topic
// rarely mixes more schemas than that.
const maxStarts = 4

// Configure reads the settings. Errors are errs.Config.
func (c *converter) Configure(props map[string]string, isKey bool) error {
	return c.configure(codecs.WithUse(props, codecs.UseOf(isKey)))
}

func (c *converter) configure(props map[string]string) error {
	v, err := c.def.Parse(props)
	if err != nil {
		return err
	}
	c.wrapped = v.Bool(schemasEnable)
	c.enc = encoder{replaceNull: v.Bool(replaceNull), numeric: strings.EqualFold(v.String(decimalFormat), "NUMERIC")}
	c.dec = decoder{replaceNull: v.Bool(replaceNull), keys: map[string]any{}}
	c.plans = newLRU[*data.Schema, *envelope](v.Int(schemasCache))
	c.schemas = newLRU[string, *data.Schema](v.Int(schemasCache))
	return nil
}

// FromConnect makes JSON of a value. The result is part of a larger buffer. Errors are errs.Data.
func (c *converter) FromConnect(_ string, schema *data.Schema, value any) ([]byte, error) {
	if schema == nil && value == nil {
		return nil, nil
	}
	env, err := c.envelope(schema)
	if err != nil {
		return nil, err
	}
	b := c.out.Start()
	if !c.wrapped {
		if b, err = c.enc.append(b, env.plan, value, 0); err != nil {
			return nil, err
		}
		return c.out.Take(b), nil
	}
	b = append(b, env.prefix...)
	if b, err = c.enc.append(b, env.plan, value, 1); err != nil {
		return nil, err
	}
	return c.out.Take(append(b, '}')), nil
}

// schemaless is the envelope of values without schema.
var schemaless = &envelope{prefix: []byte(`{"schema":null,"payload":`)}

func (c *converter) envelope(schema *data.Schema) (*envelope, error) {
	if schema == nil {
		return schemaless, nil
	}
	if schema == c.lastOut {
		return c.last, nil
	}
	env, ok := c.plans.get(schema)
	if !ok {
		env = &envelope{plan: compile(schema, map[*data.Schema]*plan{})}
		if c.wrapped {
			b, err := c.enc.appendSchema([]byte(`{"schema":`), schema, nil, 1)
			if err != nil {
				return nil, err
			}
			env.prefix = slices.Clip(append(b, `,"payload":`...))
		}
		c.plans.put(schema, env)
	}
	c.lastOut, c.last = schema, env
	return env, nil
}

// ToConnect makes a value of JSON. Strings in the value share the payload's memory. Errors are
// errs.Data.
func (c *converter) ToConnect(_ string, payload []byte) (data.SchemaAndValue, error) {
	if payload == nil {
		return data.SchemaAndValue{}, nil
	}
	src, err := jackson.ToUTF8(payload)
	if err != nil {
		return data.SchemaAndValue{}, errs.Data.Wrap(err, readFailed)
	}
	c.dec.misfit, c.dec.members, c.dec.nth = false, c.dec.members[:0], 0
	if c.wrapped {
		if sv, ok, err := c.startsKnown(src); ok || err != nil {
			return sv, err
		}
	}
	c.dec.Reset(src)
	if err := c.dec.Document(); err != nil {
		return data.SchemaAndValue{}, errs.Data.Wrap(err, readFailed)
	}
	if c.wrapped {
		return c.enveloped()
	}
	v, err := c.dec.value(nil, 0)
	return data.SchemaAndValue{Value: v}, err
}

// startsKnown reads a payload that starts like one before it: only the value is left to be read. ok
// is false for any other, also for one that is not as expected further on.
func (c *converter) startsKnown(src []byte) (sv data.SchemaAndValue, ok bool, err error) {
	for i := range c.starts {
		s := c.starts[i]
		if !bytes.HasPrefix(src, s.text) {
			continue
		}
		c.dec.Reset(src)
		c.dec.Pos = len(s.text)
		if c.dec.Scanner.Value(1) != nil || !c.dec.ends() {
			return sv, false, nil
		}
		if i > 0 {
			copy(c.starts[1:i+1], c.starts[:i])
			c.starts[0] = s
		}
		v, err := c.dec.value(s.schema, 0)
		if err != nil {
			return sv, false, err
		}
		return data.SchemaAndValue{Schema: s.schema, Value: v}, true, nil
	}
	return sv, false, nil
}

// ends reports whether the object around the value just read ends here.
func (d *decoder) ends() bool {
	d.Space()
	return d.Pos < len(d.Src) && d.Src[d.Pos] == '}'
}

const noEnvelope = "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not contain additional fields." +
	" If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter configuration."

// enveloped makes the value of a document that must be an object of schema and payload.
func (c *converter) enveloped() (data.SchemaAndValue, error) {
	d := &c.dec
	schemaAt, payloadAt := d.member(0, "schema"), d.member(0, "payload")
	if schemaAt == 0 || payloadAt == 0 || !d.onlyEnvelope() {
		return data.SchemaAndValue{}, errs.Data.New(noEnvelope)
	}
	schema, err := c.schema(schemaAt)
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	v, err := d.value(schema, payloadAt)
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	if root := &d.Nodes[0]; root.Count == 2 && schemaAt < payloadAt {
		c.remember(schema, int(d.Nodes[payloadAt-1].End)+1)
	}
	return data.SchemaAndValue{Schema: schema, Value: v}, nil
}

// onlyEnvelope reports whether the document has no members but schema and payload.
func (d *decoder) onlyEnvelope() bool {
	for at := uint32(1); at < d.Nodes[0].Next; at = d.Nodes[at+1].Next {
		if n := &d.Nodes[at]; !d.Is(n, "schema") && !d.Is(n, "payload") {
			return false
		}
	}
	return true
}

// schema is the schema at a node, known by its text.
func (c *converter) schema(at uint32) (*data.Schema, error) {
	if c.dec.Nodes[at].Kind != jackson.KindObject {
		return c.dec.schema(at)
	}
	raw := c.dec.raw(at)
	if s, ok := c.schemas.get(jackson.Text(raw)); ok {
		return s, nil
	}
	s, err := c.dec.schema(at)
	if err != nil {
		return nil, err
	}
	c.schemas.put(string(raw), s)
	return s, nil
}

// remember keeps the start of the payload; from is a place before the colon that ends it.
func (c *converter) remember(schema *data.Schema, from int) {
	src := c.dec.Src
	end := from + bytes.IndexByte(src[from:], ':') + 1
	if len(c.starts) < maxStarts {
		c.starts = append(c.starts, start{})
	}
	copy(c.starts[1:], c.starts)
	c.starts[0] = start{text: bytes.Clone(src[:end]), schema: schema}
}

// header converts header values, which are converted as others are.
type header struct{ converter }

// Configure reads the settings. Errors are errs.Config.
func (h *header) Configure(props map[string]string) error {
	return h.configure(codecs.AsHeaders(props))
}

// FromConnectHeader is FromConnect.
func (h *header) FromConnectHeader(topic, _ string, schema *data.Schema, value any) ([]byte, error) {
	return h.FromConnect(topic, schema, value)
}

// ToConnectHeader is ToConnect.
func (h *header) ToConnectHeader(topic, _ string, payload []byte) (data.SchemaAndValue, error) {
	return h.ToConnect(topic, payload)
}
