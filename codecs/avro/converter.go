package avro

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

// Class is the converter's class name.
const Class = "io.confluent.connect.avro.AvroConverter"

// The converter's own settings.
const (
	enhancedKey   = "enhanced.avro.schema.support"
	metaKey       = "connect.meta.data"
	optionalKey   = "allow.optional.map.keys"
	discardKey    = "discard.type.doc.default"
	logicalKey    = "avro.use.logical.type.converters"
	reflectionKey = "schema.reflection"
)

// configDef holds the converter's own settings beside those of all registry converters. Two are
// there to be refused or to fail as they do in Java: avro.use.logical.type.converters reads no
// dates, schema.reflection needs classes.
func configDef() *config.Def {
	return registry.Def(
		registry.Flag(enhancedKey, false), registry.Flag(registry.ScrubKey, false), registry.Flag(metaKey, true),
		registry.Flag(optionalKey, false), registry.Flag(discardKey, false), registry.Flag(logicalKey, false),
		registry.Flag(reflectionKey, false),
	)
}

// Plugin is the AvroConverter, whose clients are those of the pool. As in Java it publishes no
// settings to Connect.
func Plugin(clients registry.Clients) codecs.Plugin {
	def := configDef()
	return codecs.Plugin{
		Descriptor: plugin.Descriptor{
			Class: Class, Version: registry.Version,
			Config: config.NewDef(),
		},
		New: func() codecs.Converter { return &converter{def: def, clients: clients} },
	}
}

// converter converts keys or values.
// Everything that depends on a schema is kept in two caches of schemas.cache.config entries, with
// the last entry before them, so that a topic of one schema costs a comparison of pointers per
// record. One goroutine uses it, as one task does; what tasks share is the registry's client.
type converter struct {
	def     *config.Def
	clients registry.Clients
	env     codecs.Env
	options options
	session *registry.Session

	enc   encoder
	out   jackson.Chunk
	plans *registry.Cache[writeKey, *writer]
	last  *writer
	of    writeKey // of last

	dec     decoder
	schemas *reader
	readers *registry.Cache[*registry.Source, *readPlan]
	plan    *readPlan
	from    *registry.Source // of plan
	logical bool             // avro.use.logical.type.converters
	reflect bool             // schema.reflection
}

// writeKey counts the topic because the subject, and so the schema to write with, depends on it.
type writeKey struct {
	topic  string
	schema *data.Schema
}

// writer is how values of one schema get into one topic.
type writer struct {
	target *registry.Target
	plan   *plan
}

// UseEnv implements codecs.EnvUser.
func (c *converter) UseEnv(env codecs.Env) { c.env = env }

// Configure reads the settings. Errors are errs.Config.
func (c *converter) Configure(props map[string]string, isKey bool) error {
	session, err := registry.Open(c.clients, registry.Avro, c.def, props, isKey, c.env)
	if err != nil {
		return err
	}
	v := session.Settings.Values
	c.session, c.options = session, readOptions(v)
	c.logical, c.reflect = v.Bool(logicalKey), v.Bool(reflectionKey)
	session.Compatible = c.compatible
	size := v.Int(registry.CacheSizeKey)
	c.plans = registry.NewCache[writeKey, *writer](size)
	c.readers = registry.NewCache[*registry.Source, *readPlan](size)
	c.schemas = &reader{options: c.options}
	return nil
}

// readOptions are the settings that the mapping of schemas and values depends on.
func readOptions(v config.Values) options {
	return options{
		enhanced: v.Bool(enhancedKey), generalized: v.Bool(registry.GeneralizedSumKey),
		scrub: v.Bool(registry.ScrubKey),
		meta:  v.Bool(metaKey), optionalMapKeys: v.Bool(optionalKey), discardDocs: v.Bool(discardKey),
		flattenSingletons: v.Bool(registry.FlattenSingletonKey),
		ignoreDefaults:    v.Bool(registry.IgnoreDefaultKey),
	}
}

// parse reads a schema of the registry and those that it refers to.
func (c *converter) parse(s registry.Schema) (*schema, error) {
	resolved, err := c.session.References(s)
	if err != nil {
		return nil, err
	}
	before := make([]string, len(resolved))
	for i, r := range resolved {
		before[i] = r.Schema.Text
	}
	return parseSchema(s.Text, before...)
}

// compatible is the check of latest.compatibility.strict and id.compatibility.strict: whether the
// registry's schema can read what ours writes, by Avro's own rules of resolution.
func (c *converter) compatible(r, w registry.Schema) (bool, error) {
	reader, err := c.parse(r)
	if err != nil {
		return false, err
	}
	writer, err := c.parse(w)
	if err != nil {
		return false, err
	}
	return compatible(reader, writer), nil
}

// FromConnect implements codecs.Converter.
func (c *converter) FromConnect(topic string, schema *data.Schema, value any) ([]byte, error) {
	return c.FromConnectWithHeaders(nil, topic, schema, value)
}

// FromConnectWithHeaders implements codecs.HeaderAware. The result is part of a larger buffer.
// Null is Kafka's null where the schema is optional or there is none; for a required schema it is
// errs.Data, though a default may stand there: AvroConverter looks at the value alone.
func (c *converter) FromConnectWithHeaders(headers codecs.Headers, topic string,
	schema *data.Schema, value any,
) ([]byte, error) {
	if value == nil {
		if schema == nil || schema.Optional() {
			return nil, nil
		}
		return nil, errNull()
	}
	if schema != nil && schema.Optional() && isUnion(schema) && unset(value) {
		return nil, nil
	}
	w, err := c.writer(topic, schema, value)
	if err != nil {
		return nil, err
	}
	b := append(c.out.Start(), w.target.Prefix...)
	if b, err = c.enc.top(b, w.plan, value); err != nil {
		return nil, c.blame(topic, err)
	}
	if err := w.target.PutHeader(c.session, headers, topic, nil); err != nil {
		return nil, err
	}
	return c.out.Take(b), nil
}

// unset reports whether a value is a union's struct without a value, which is null.
func unset(value any) bool {
	s, ok := value.(*data.Struct)
	if !ok || s == nil {
		return false
	}
	for i, f := range s.Schema().Fields() {
		if s.At(i) != nil || f.Schema.Default() != nil {
			return false
		}
	}
	return true
}

// blame makes the converter's error of the encoder's.
func (c *converter) blame(topic string, err error) error {
	if u, ok := errors.AsType[unwritable](err); ok {
		return c.session.WriteError(topic, u.error)
	}
	return err
}

// writer is how values of the schema get into the topic. value is one of them.
func (c *converter) writer(topic string, schema *data.Schema, value any) (*writer, error) {
	key := writeKey{topic, schema}
	if c.last != nil && c.of == key && !c.last.target.Stale() {
		return c.last, nil
	}
	w, ok := c.plans.Get(key)
	if !ok && c.last != nil && c.of.topic == topic && schema != nil &&
		data.SchemaEqual(schema, c.of.schema) {
		w, ok = c.last, true // a connector that makes its schema anew for every record
	}
	if !ok || w.target.Stale() {
		var err error
		if w, err = c.newWriter(topic, schema, value); err != nil {
			return nil, err
		}
		c.plans.Put(key, w)
	}
	c.last, c.of = w, key
	return w, nil
}

// newWriter makes the schema and asks the registry for the one to write with. The value is tried
// first, since a value that doesn't fit must not leave its schema behind; only what Avro itself
// refuses (unwritable) comes after registering, as it does in Java.
func (c *converter) newWriter(topic string, schema *data.Schema, value any) (*writer, error) {
	own, err := c.options.fromSchema(schema)
	if err != nil {
		return nil, err
	}
	text := own.text()
	// What a name stands for in the text may be another schema of the same name: it is the text that counts.
	as, parseErr := parseSchema(text)
	if parseErr == nil {
		// A value that isn't its schema's must not leave the schema in the registry.
		_, err := c.enc.top(nil, c.options.plan(schema, own, as), value)
		if _, late := errors.AsType[unwritable](err); err != nil && !late {
			return nil, err
		}
	}
	target, err := c.session.Target(topic, registry.Schema{Format: registry.Avro, Text: text},
		recordName(own))
	if err != nil {
		return nil, err
	}
	if target.Chosen {
		as, parseErr = c.parse(target.Schema)
	}
	if parseErr != nil {
		return nil, c.session.WriteError(topic, parseErr)
	}
	return &writer{target, c.options.plan(schema, own, as)}, nil
}

// recordName is the name that subjects are made of, "" for what is no record.
func recordName(s *schema) string {
	if s.kind == kindRecord {
		return s.name.full()
	}
	return ""
}

// ToConnect implements codecs.Converter.
func (c *converter) ToConnect(topic string, payload []byte) (data.SchemaAndValue, error) {
	return c.ToConnectWithHeaders(nil, topic, payload)
}

// ToConnectWithHeaders implements codecs.HeaderAware. Strings and bytes in the value share the
// payload's memory.
func (c *converter) ToConnectWithHeaders(headers codecs.Headers, topic string,
	payload []byte,
) (data.SchemaAndValue, error) {
	if payload == nil {
		return data.SchemaAndValue{}, nil
	}
	f, err := c.session.Frame(headers, topic, payload)
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	return c.read(topic, f)
}

// read reads a value whose schema's id is known.
func (c *converter) read(topic string, f registry.Frame) (data.SchemaAndValue, error) {
	src, err := c.session.Source(topic, f.ID, "", c.nameOf)
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	if src != c.from {
		p, ok := c.readers.Get(src)
		if !ok {
			if p, err = c.newReader(topic, src); err != nil {
				return data.SchemaAndValue{}, err
			}
			c.readers.Put(src, p)
		}
		c.plan, c.from = p, src
	}
	c.dec.reset(f.Payload)
	v, err := c.dec.top(c.plan)
	switch {
	case errors.Is(err, errs.Data):
		return data.SchemaAndValue{}, err
	case err != nil:
		return data.SchemaAndValue{}, c.session.ReadError(topic, f.ID, err)
	}
	return data.SchemaAndValue{Schema: c.plan.schema, Value: v}, nil
}

// top reads a value as a whole. What is of the type bytes has no length then.
func (d *decoder) top(p *readPlan) (any, error) {
	if p.op == readBytes {
		return d.text(p, d.src)
	}
	return d.value(p, 0)
}

// nameOf is the name of the record that a schema is of.
func (c *converter) nameOf(s registry.Schema) (string, error) {
	parsed, err := c.parse(s)
	if err != nil {
		return "", err
	}
	return recordName(parsed), nil
}

// newReader plans the reading of values of one schema.
func (c *converter) newReader(topic string, src *registry.Source) (*readPlan, error) {
	w, err := c.parse(src.Writer)
	if err != nil {
		return nil, c.session.ReadError(topic, src.ID, err)
	}
	as := w
	if src.Reader != nil {
		if as, err = c.parse(src.Reader.Schema); err != nil {
			return nil, c.session.ReadError(topic, src.ID, err)
		}
	}
	if c.reflect {
		return nil, c.session.ReadError(topic, src.ID,
			errors.New("schema.reflection needs Java classes"))
	}
	if as.kind == kindNull {
		return &readPlan{op: readNull}, nil
	}
	schema, err := c.schemas.toSchema(as, src.Version)
	if err != nil {
		return nil, err
	}
	p := c.schemas.resolve(w, as, schema)
	if c.logical && hasLogical(as) {
		p = failPlan("dates and times can't be read with %s", logicalKey)
	}
	if p.schema != schema { // a plan that fails has none
		with := *p
		with.schema = schema
		p = &with
	}
	return p, nil
}

// hasLogical is usesLogical for a whole schema.
func hasLogical(s *schema) bool { return usesLogical(s, map[*schema]bool{}) }

// usesLogical reports whether a schema holds a logical type that avro.use.logical.type.converters makes
// a Java object of which Connect doesn't know.
func usesLogical(s *schema, seen map[*schema]bool) bool {
	if seen[s] {
		return false
	}
	seen[s] = true
	switch logical := strings.ToLower(s.propText(propLogical)); s.kind {
	case kindInt:
		return logical == "date" || logical == "time-millis"
	case kindLong:
		return strings.HasPrefix(logical, "time") || strings.HasPrefix(logical, "local-timestamp")
	case kindRecord:
		for i := range s.fields {
			if usesLogical(s.fields[i].schema, seen) {
				return true
			}
		}
	case kindUnion:
		for _, b := range s.branches {
			if usesLogical(b, seen) {
				return true
			}
		}
	case kindArray, kindMap:
		return usesLogical(s.elem, seen)
	}
	return false
}
