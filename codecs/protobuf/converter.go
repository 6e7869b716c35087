package protobuf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/internal/jackson"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Class is the Java class of the converter.
const Class = "io.confluent.connect.protobuf.ProtobufConverter"

// Plugin is the ProtobufConverter, for keys and values. pool makes the clients of registries.
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
// Schemas are kept in two caches of schemas.cache.config entries, with the last entry before them;
// the message indexes of the last record are kept as bytes, so that they are parsed but not looked
// up for each. One goroutine uses it, as one task does.
type converter struct {
	clients registry.Clients
	env     codecs.Env
	session *registry.Session
	opts    options

	skipKnown, lookupOnly bool
	references            string // reference.subject.name.strategy
	serialized            bool   // schema.format

	enc     encoder
	out     jackson.Chunk
	writers *registry.Cache[*data.Schema, *writer]
	lastOut *data.Schema
	last    *writer // of lastOut

	dec     *decoder
	readers *registry.Cache[readerKey, *reader]
	lastIn  *registry.Source
	path    []byte // message indexes of the last record read
	hint    string // path
	reader  *reader
}

// writer is what is known of a schema that values are written with.
type writer struct {
	made *made
	plan *encPlan
	own  registry.Schema

	topic   string // of target
	target  *registry.Target
	indexes []byte // where the message is in target's schema, as they stand in a frame
}

// readerKey is a schema and the place of the message in it.
type readerKey struct {
	src  *registry.Source
	path string
}

// reader is what is known of a schema that values were written with.
type reader struct {
	schema *data.Schema
	plan   *decMessage
}

// UseEnv implements codecs.EnvUser.
func (c *converter) UseEnv(env codecs.Env) { c.env = env }

// Configure reads the settings. Errors are errs.Config.
func (c *converter) Configure(props map[string]string, isKey bool) error {
	session, err := registry.Open(c.clients, registry.Protobuf, settingsDef(), props, isKey, c.env)
	if err != nil {
		return err
	}
	c.session = session
	session.Compatible = c.compatible
	v := session.Settings.Values
	c.opts = optionsOf(v)
	c.skipKnown, c.lookupOnly = v.Bool(skipKnownKey), v.Bool(lookupOnlyKey)
	c.references, c.serialized = v.String(referencesKey), v.String(formatKey) == "serialized"
	c.enc = encoder{options: &c.opts}
	c.dec = &decoder{options: &c.opts}
	size := v.Int(registry.CacheSizeKey)
	c.writers = registry.NewCache[*data.Schema, *writer](size)
	c.readers = registry.NewCache[readerKey, *reader](size)
	return nil
}

// FromConnect makes the frame and message of a value.
func (c *converter) FromConnect(topic string, schema *data.Schema, value any) ([]byte, error) {
	return c.FromConnectWithHeaders(nil, topic, schema, value)
}

// FromConnectWithHeaders makes the frame and message of a value. The result is part of a larger buffer.
// A schema that is null is a plain error here (NullPointerException in Java); null under a schema
// is Kafka's null, and the schema is worked out but not registered.
func (c *converter) FromConnectWithHeaders(headers codecs.Headers, topic string,
	schema *data.Schema, value any,
) ([]byte, error) {
	if schema == nil {
		if value == nil {
			return nil, nil
		}
		return nil, errs.Data.New("a value without a schema can't be written with Protobuf")
	}
	w, err := c.writer(schema)
	if err != nil || value == nil {
		return nil, err
	}
	if w.target == nil || w.topic != topic || w.target.Stale() {
		if err := c.aim(w, topic, value); err != nil || w.target == nil {
			return nil, err
		}
	}
	b := append(c.out.Start(), w.target.Prefix...)
	if len(w.target.Prefix) > 0 {
		b = append(b, w.indexes...)
	}
	b, there, err := c.enc.root(b, w.plan, value)
	if err != nil || !there {
		return nil, err
	}
	if err := w.target.PutHeader(c.session, headers, topic, w.indexes); err != nil {
		return nil, err
	}
	return c.out.Take(b), nil
}

// writer is what is known of a schema; making it fails for what Protobuf can't say.
func (c *converter) writer(schema *data.Schema) (*writer, error) {
	if schema == c.lastOut {
		return c.last, nil
	}
	w, ok := c.writers.Get(schema)
	if !ok {
		m, err := c.opts.fromConnect(schema)
		if err != nil {
			return nil, err
		}
		w = &writer{
			made: m, plan: c.opts.plan(schema, m),
			own: registry.Schema{Format: registry.Protobuf, Text: m.file.text()},
		}
		if c.serialized {
			w.own.Text = m.file.serialized()
		}
		c.writers.Put(schema, w)
	}
	c.lastOut, c.last = schema, w
	return w, nil
}

// aim finds what to write with. Nothing is registered for a value that can't be written, or that is
// Kafka's null: then there is no target.
func (c *converter) aim(w *writer, topic string, value any) error {
	w.target = nil
	if _, there, err := c.enc.root(nil, w.plan, value); err != nil || !there {
		return err
	}
	if err := c.refer(w, topic); err != nil {
		return err
	}
	target, err := c.session.Target(topic, w.own, w.made.full)
	if err != nil {
		return err
	}
	f := w.made.file
	if target.Chosen {
		if f, err = parse("default", target.Schema.Text); err != nil {
			return c.session.WriteError(topic, err)
		}
	}
	w.indexes = frameIndexes(f.indexes(w.plan.messageName(w.made), c.session.Settings.Normalize))
	w.target, w.topic = target, topic
	return nil
}

// messageName is the full name of the message that a whole record is written as.
// For a top-level Decimal, Date, Time or Timestamp it is a message that the registered file
// (wrappers.proto) doesn't have, so that no indexes are written and nobody can read the record. So
// it is in Java, and another frame here would be one that Java reads as something else.
func (p *encPlan) messageName(m *made) string {
	switch p.op {
	case opDecimal:
		return decimalType
	case opDate:
		return dateType
	case opTime:
		return timeType
	case opTimestamp:
		return timestampType
	}
	return m.full
}

// refer makes references of the files that the schema imports, where known ones aren't left out.
func (c *converter) refer(w *writer, topic string) error {
	if c.skipKnown || w.own.References != nil {
		return nil
	}
	for _, path := range w.made.file.imports {
		dep := registry.Schema{Format: registry.Protobuf, Text: knownFile(path).text()}
		subject := registry.ReferenceSubject(c.references, path)
		version, err := c.session.Refer(subject, dep, c.lookupOnly)
		if err != nil {
			w.own.References = nil
			return c.session.WriteError(topic, err)
		}
		w.own.References = append(w.own.References, registry.Reference{
			Name: path, Subject: subject,
			Version: version,
		})
	}
	return nil
}

// frameIndexes is a path as it stands in a frame; that to the first message is a single 0.
func frameIndexes(path []int32) []byte {
	if len(path) == 0 {
		return nil
	}
	if slices.Equal(path, []int32{0}) {
		return []byte{0}
	}
	b := binary.AppendVarint(nil, int64(len(path)))
	for _, i := range path {
		b = binary.AppendVarint(b, int64(i))
	}
	return b
}

// maxIndexes bounds how deep a message lies in its file.
const maxIndexes = 1000

// parseIndexes takes a path from the start of b.
// The number of indexes comes first; 0 stands for the path [0], which 02 00 does too. A path that
// leads nowhere is found out later, by the schema.
func parseIndexes(b []byte) (path []int32, rest []byte, err error) {
	n, rest, err := varint(b)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case n == 0:
		return []int32{0}, rest, nil
	case n < 0 || n > maxIndexes || int(n) > len(rest):
		return nil, nil, fmt.Errorf("invalid number of message indexes: %d", n)
	}
	for range n {
		var i int32
		if i, rest, err = varint(rest); err != nil {
			return nil, nil, err
		}
		path = append(path, i)
	}
	return path, rest, nil
}

// varint reads one of Kafka's varints.
func varint(b []byte) (int32, []byte, error) {
	v, size := uvarint(b)
	if size <= 0 || size > 5 {
		return 0, nil, errors.New("the value ends within the message indexes")
	}
	u := uint32(v)
	return int32(u>>1) ^ -int32(u&1), b[size:], nil
}

// ToConnect makes a value of a frame and a message.
func (c *converter) ToConnect(topic string, payload []byte) (data.SchemaAndValue, error) {
	return c.ToConnectWithHeaders(nil, topic, payload)
}

// ToConnectWithHeaders makes a value of a frame and a message. Strings and bytes in the value share
// the payload's memory.
// Where the id is in a header, the indexes stand behind it and all of the payload is the message.
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
	start, rest := frame.Payload, frame.Payload
	if frame.InHeader {
		start = frame.Extra
	}
	path, after, err := parseIndexes(start)
	if err != nil {
		return data.SchemaAndValue{}, c.session.ReadError(topic, frame.ID, err)
	}
	if !frame.InHeader {
		rest = after
	}
	if raw := start[:len(start)-len(after)]; !bytes.Equal(raw, c.path) || c.hint == "" {
		c.path, c.hint, c.lastIn = bytes.Clone(raw), string(raw), nil
	}
	src, err := c.session.Source(topic, frame.ID, c.hint, func(s registry.Schema) (string, error) { return nameAt(s, path) })
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	r, err := c.readerOf(topic, src, path)
	if err != nil {
		return data.SchemaAndValue{}, err
	}
	v, err := c.dec.root(r.plan, rest)
	if err != nil {
		if errors.Is(err, errs.Data) {
			return data.SchemaAndValue{}, err
		}
		return data.SchemaAndValue{}, c.session.ReadError(topic, frame.ID, err)
	}
	return data.SchemaAndValue{Schema: r.schema, Value: v}, nil
}

// nameAt is the full name of the message at a path, by which subjects may be named.
func nameAt(s registry.Schema, path []int32) (string, error) {
	f, err := parse("default", s.Text)
	if err != nil {
		return "", err
	}
	m := f.at(path)
	if m == nil {
		return "", fmt.Errorf("Invalid message indexes: %v", path)
	}
	return m.full, nil
}

// readerOf finds how to read, by the schema and the path within it.
func (c *converter) readerOf(topic string, src *registry.Source, path []int32) (*reader, error) {
	if src == c.lastIn {
		return c.reader, nil
	}
	key := readerKey{src, c.hint}
	r, ok := c.readers.Get(key)
	if !ok {
		var err error
		if r, err = c.newReader(topic, src, path); err != nil {
			return nil, err
		}
		c.readers.Put(key, r)
	}
	c.lastIn, c.reader = src, r
	return r, nil
}

// newReader reads the schema to read with: the latest where that is asked for, else the writer's.
// In the latest schema the message is looked for by name, else its first one counts, whatever it
// is: Java's rule.
func (c *converter) newReader(topic string, src *registry.Source, path []int32) (*reader, error) {
	fail := func(err error) (*reader, error) { return nil, c.session.ReadError(topic, src.ID, err) }
	f, err := c.schemaFile(src.Writer)
	if err != nil {
		return fail(err)
	}
	m, version := f.at(path), src.Version
	if m == nil {
		return fail(fmt.Errorf("Invalid message indexes: %v", path))
	}
	if src.Reader != nil {
		version = src.Reader.Version
		if f, err = c.schemaFile(src.Reader.Schema); err != nil {
			return fail(err)
		}
		same := f.find(m.full)
		if same == nil && len(f.messages) > 0 {
			same = f.messages[0]
		}
		if m = same; m == nil {
			return fail(errors.New("the latest schema has no message"))
		}
	}
	r := &reader{}
	if r.schema, err = c.opts.toConnect(m, int32(version)); err != nil {
		return nil, err
	}
	r.plan = c.opts.decode(m, r.schema)
	return r, nil
}

// schemaFile parses a schema with those that it refers to, and resolves its types.
func (c *converter) schemaFile(s registry.Schema) (*file, error) {
	f, err := parse("default", s.Text)
	if err != nil {
		return nil, err
	}
	deps := map[string]*file{}
	if len(s.References) > 0 {
		all, err := c.session.References(s)
		if err != nil {
			return nil, err
		}
		for _, ref := range all {
			if deps[ref.Name], err = parse(ref.Name, ref.Schema.Text); err != nil {
				return nil, err
			}
		}
	}
	return f, linked(f, deps)
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
