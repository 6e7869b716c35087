package jsonschema

import (
	"errors"
	"strings"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/internal/jackson"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Class is the Java class of the converter.
const Class = "io.confluent.connect.json.JsonSchemaConverter"

// Plugin is the JsonSchemaConverter, for keys and values. pool makes the clients of registries.
func Plugin(pool *registry.Pool) codecs.Plugin {
	return codecs.Plugin{
		Descriptor: plugin.Descriptor{
			Class: Class, Version: registry.Version,
			Config: config.NewDef(),
		},
		New: func() codecs.Converter { return New(pool) },
	}
}

// New is an unconfigured converter whose registry's client the given Clients make.
func New(clients registry.Clients) codecs.HeaderAware { return &converter{clients: clients} }

// converter converts keys or values.
// Schemas are kept in two caches of schemas.cache.config entries, with the last entry before them.
// One goroutine uses it, as one task does; what tasks share is the registry's client.
type converter struct {
	clients registry.Clients
	env     codecs.Env
	session *registry.Session
	opts    options
	check   bool   // json.fail.invalid.schema
	indent  bool   // json.indent.output
	typeKey string // type.property

	enc     encoder
	out     jackson.Chunk
	writers *registry.Cache[*data.Schema, *writer]
	lastOut *data.Schema
	last    *writer // of lastOut

	dec     *decoder
	readers *registry.Cache[*registry.Source, *reader]
	lastIn  *registry.Source
	reader  *reader // of lastIn
}

// writer is what is known of a schema that values are written with.
type writer struct {
	plan  *plan
	own   registry.Schema
	title string

	topic  string // of target
	target *registry.Target
	valid  *validator // of target's schema
}

// reader is what is known of a schema that values were written with.
type reader struct {
	schema *data.Schema
	plan   *plan
	valid  *validator
}

// UseEnv implements codecs.EnvUser.
func (c *converter) UseEnv(env codecs.Env) { c.env = env }

// Configure reads the settings. Errors are errs.Config.
func (c *converter) Configure(props map[string]string, isKey bool) error {
	session, err := registry.Open(c.clients, registry.JSON, settingsDef(), props, isKey, c.env)
	if err != nil {
		return err
	}
	c.session = session
	session.Compatible = c.compatible
	v := session.Settings.Values
	c.opts = optionsOf(v)
	c.check, c.indent, c.typeKey = v.Bool(failInvalidKey), v.Bool(indentKey),
		v.String(typePropertyKey)
	c.enc = encoder{options: &c.opts}
	c.dec = newDecoder(&c.opts)
	size := v.Int(registry.CacheSizeKey)
	c.writers = registry.NewCache[*data.Schema, *writer](size)
	c.readers = registry.NewCache[*registry.Source, *reader](size)
	return nil
}

// FromConnect makes the frame and JSON of a value.
func (c *converter) FromConnect(topic string, schema *data.Schema, value any) ([]byte, error) {
	return c.FromConnectWithHeaders(nil, topic, schema, value)
}

// FromConnectWithHeaders makes the frame and JSON of a value. The result is part of a larger buffer.
// Null under an optional schema is the JSON text null in a frame, not Kafka's null: a sink sees a
// record, not a tombstone. Null under a required schema is Kafka's null; both are the JVM
// converter's.
func (c *converter) FromConnectWithHeaders(headers codecs.Headers, topic string,
	schema *data.Schema, value any,
) ([]byte, error) {
	if schema == nil {
		return c.schemaless(topic, value)
	}
	w, err := c.writer(schema)
	if err != nil {
		return nil, err
	}
	if w.target == nil || w.topic != topic || w.target.Stale() {
		if err := c.aim(w, topic, value); err != nil || w.target == nil {
			return nil, err
		}
	}
	b := c.out.Start()
	b = append(b, w.target.Prefix...)
	at := len(b)
	b, there, err := c.enc.append(b, w.plan, value, 0)
	if err != nil || !there {
		return nil, err
	}
	if w.valid != nil {
		if err := w.valid.check(b[at:]); err != nil {
			return nil, c.session.WriteError(topic, err)
		}
	}
	if c.indent {
		b = append(b[:at], indented(b[at:])...)
	}
	if err := w.target.PutHeader(c.session, headers, topic, nil); err != nil {
		return nil, err
	}
	return c.out.Take(b), nil
}

// schemaless refuses what has no schema, after the value itself is found to be one of Connect's.
func (c *converter) schemaless(topic string, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	if _, _, err := c.enc.append(nil, nil, value, 0); err != nil {
		return nil, err
	}
	return nil, c.session.WriteError(topic,
		errors.New("a value without a schema can't be written with JSON Schema"))
}

// writer is what is known of a schema; making it fails for what JSON Schema can't say.
func (c *converter) writer(schema *data.Schema) (*writer, error) {
	if schema == c.lastOut {
		return c.last, nil
	}
	w, ok := c.writers.Get(schema)
	if !ok {
		text, err := c.opts.fromConnect(schema)
		if err != nil {
			return nil, err
		}
		w = &writer{
			plan: compile(schema), own: registry.Schema{Format: registry.JSON, Text: text},
			title: titleOf(text),
		}
		c.writers.Put(schema, w)
	}
	c.lastOut, c.last = schema, w
	return w, nil
}

// aim finds what to write with. Nothing is registered for a value that can't be written, or that is
// Kafka's null: then there is no target.
func (c *converter) aim(w *writer, topic string, value any) error {
	_, there, err := c.enc.append(nil, w.plan, value, 0)
	if err != nil || !there {
		w.target = nil
		return err
	}
	target, err := c.session.Target(topic, w.own, w.title)
	if err != nil {
		return err
	}
	w.target, w.topic, w.valid = target, topic, nil
	if c.check {
		w.valid, err = c.validator(target.Schema)
	}
	if err != nil {
		w.target = nil
		return c.session.WriteError(topic, err)
	}
	return nil
}

// titleOf is the title of a schema's text, which subjects may be named by.
func titleOf(text string) string {
	v, err := parseJSON([]byte(text))
	if err != nil {
		return ""
	}
	root, _ := v.(*object)
	return asText(root.get("title"))
}

// asText is Jackson's asText.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case number, bool:
		return string(appendJSON(nil, v))
	}
	return ""
}

// ToConnect makes a value of a frame and JSON.
func (c *converter) ToConnect(topic string, payload []byte) (data.SchemaAndValue, error) {
	return c.ToConnectWithHeaders(nil, topic, payload)
}

// ToConnectWithHeaders makes a value of a frame and JSON. Strings in the value share the payload's
// memory.
func (c *converter) ToConnectWithHeaders(headers codecs.Headers, topic string,
	payload []byte,
) (data.SchemaAndValue, error) {
	if payload == nil {
		return data.SchemaAndValue{}, nil
	}
	frame, err := c.session.Frame(headers, topic, payload)
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	src, err := c.session.Source(topic, frame.ID, "", func(s registry.Schema) (string, error) { return titleOf(s.Text), nil })
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	r, err := c.readerOf(topic, src)
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	if err := c.dec.scan(frame.Payload); err != nil {
		return data.SchemaAndValue{}, c.session.ReadError(topic, frame.ID, err)
	}
	if r.valid != nil {
		if err := r.valid.check(frame.Payload); err != nil {
			return data.SchemaAndValue{}, c.session.ReadError(topic, frame.ID, err)
		}
	}
	v, err := c.dec.value(r.plan, 0)
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	return data.SchemaAndValue{Schema: r.schema, Value: v}, nil
}

// readerOf finds how to read, by the schema.
func (c *converter) readerOf(topic string, src *registry.Source) (*reader, error) {
	if src == c.lastIn {
		return c.reader, nil
	}
	r, ok := c.readers.Get(src)
	if !ok {
		var err error
		if r, err = c.newReader(topic, src); err != nil {
			return nil, err
		}
		c.readers.Put(src, r)
	}
	c.lastIn, c.reader = src, r
	return r, nil
}

// newReader reads the schema to read with: the latest where that is asked for, else the writer's.
func (c *converter) newReader(topic string, src *registry.Source) (*reader, error) {
	text, version := src.Writer, src.Version
	if src.Reader != nil {
		text, version = src.Reader.Schema, src.Reader.Version
	}
	doc, err := c.document(text)
	if err != nil {
		return nil, c.session.ReadError(topic, src.ID, err)
	}
	if class := doc.javaType(c.typeKey); class != "" {
		return nil, c.session.ReadError(topic, src.ID,
			errors.New("Class "+class+" could not be found."))
	}
	m, err := doc.load(c.opts.ignoreModern)
	if err != nil {
		return nil, errs.Data.Wrap(err, "Invalid JSON")
	}
	r := &reader{}
	if r.schema, err = c.opts.toConnect(m, int32(version)); err != nil {
		return nil, err
	}
	r.plan = compile(r.schema)
	if c.check {
		if r.valid, err = c.validator(text); err != nil {
			return nil, c.session.ReadError(topic, src.ID, err)
		}
	}
	return r, nil
}

// document parses a schema with those that it refers to.
func (c *converter) document(s registry.Schema) (*document, error) {
	root, err := parseJSON([]byte(s.Text))
	if err != nil {
		return nil, err
	}
	doc := &document{root: root, refs: map[string]any{}}
	if len(s.References) == 0 {
		return doc, nil
	}
	all, err := c.session.References(s)
	if err != nil {
		return nil, err
	}
	for _, ref := range all {
		if doc.refs[ref.Name], err = parseJSON([]byte(ref.Schema.Text)); err != nil {
			return nil, err
		}
		doc.names = append(doc.names, ref.Name)
	}
	return doc, nil
}

// javaType is the class that a schema says its values are of, which is one that isn't here.
func (d *document) javaType(property string) string {
	root, _ := d.root.(*object)
	if root.has("oneOf") || root.has("anyOf") || root.has("allOf") || !root.has(property) {
		return ""
	}
	return asText(root.get(property))
}

// indented is JSON as Jackson prints it for people.
func indented(compact []byte) []byte {
	var out []byte
	var objects []bool // of what is open: an object?
	newline := func() { out = append(append(out, '\n'), strings.Repeat("  ", count(objects))...) }
	inString := false
	for i := 0; i < len(compact); i++ {
		b := compact[i]
		switch {
		case inString:
			out = append(out, b)
			if b == '\\' {
				i++
				out = append(out, compact[i])
			}
			inString = b != '"'
			continue
		case b == '"':
			inString = true
			out = append(out, b)
		case b == '{' || b == '[':
			out = append(out, b)
			if next := compact[i+1]; next == '}' || next == ']' {
				out = append(out, ' ', next)
				i++
				continue
			}
			objects = append(objects, b == '{')
			if b == '{' {
				newline()
			} else {
				out = append(out, ' ')
			}
		case b == '}' || b == ']':
			objects = objects[:len(objects)-1]
			if b == '}' {
				newline()
			} else {
				out = append(out, ' ')
			}
			out = append(out, b)
		case b == ',':
			out = append(out, b)
			if objects[len(objects)-1] {
				newline()
			} else {
				out = append(out, ' ')
			}
		case b == ':':
			out = append(out, " : "...)
		default:
			out = append(out, b)
		}
	}
	return out
}

// count is how many of the open ones are objects, by which lines are indented.
func count(objects []bool) int {
	n := 0
	for _, o := range objects {
		if o {
			n++
		}
	}
	return n
}

// compatible reports whether what was written with one schema can be read with another.
func (c *converter) compatible(reader, writer registry.Schema) (bool, error) {
	var both [2]registry.Parsed
	for i, s := range []registry.Schema{reader, writer} {
		refs, err := c.session.References(s)
		if err != nil {
			return false, err
		}
		if both[i], err = ParseSchema(s, refs); err != nil {
			return false, err
		}
	}
	return len(both[0].Reads(both[1])) == 0, nil
}
