package transforms

import (
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/internal/reuse"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func insertFieldConfig() *config.Def {
	const suffix = " A ! at the end makes the field required, a ? optional, which is the default."
	text := func(name, doc string) config.Key {
		return kit.Key(name, config.String, config.Medium, doc)
	}
	return config.NewDef(
		text("topic.field", "Name of the field for the record's topic."+suffix),
		text("partition.field", "Name of the field for the record's Kafka partition."+suffix),
		text("offset.field", "Name of the field for the record's Kafka offset, in sink connectors only."+suffix),
		text("timestamp.field", "Name of the field for the record's timestamp."+suffix),
		text("static.field", "Name of the field for a fixed text."+suffix),
		text("static.value", "The fixed text for static.field."),
		replaceNullConfig(),
	)
}

// The fields that insertField knows, in the order in which it adds them.
const (
	insertTopic = iota
	insertPartition
	insertOffset
	insertTimestamp
	insertStatic
	insertKinds
)

// insertField adds fields with the record's coordinates or a fixed text.
type insertField struct {
	kit.Base
	side     smt.Side
	specs    [insertKinds]insertion
	static   any
	topic    kit.Boxed
	defaults defaults
	schemas  smt.SchemaCache[*data.Schema]
	made     reuse.Structs
}

// Structs implements reuse.Maker.
func (t *insertField) Structs() (*reuse.Structs, any) { return &t.made, t.side }

// CopiesStructs implements reuse.Copier.
func (*insertField) CopiesStructs() {}

// insertion is one field to add; the zero value is none.
type insertion struct {
	name     any // string, boxed once
	optional bool
}

const insertPurpose = "field insertion"

// Configure wants at least one thing to insert, and both name and value of the static one.
func (t *insertField) Configure(props map[string]string) error {
	v, err := insertFieldConfig().Parse(props)
	if err != nil {
		return err
	}
	some := false
	for i, setting := range [insertKinds]string{"topic.field", "partition.field", "offset.field", "timestamp.field", "static.field"} {
		if !v.IsNull(setting) {
			t.specs[i] = parseInsertion(v.String(setting))
			some = true
		}
	}
	if !some {
		return errs.Config.New("No field insertion configured")
	}
	if t.specs[insertStatic].name != nil && v.IsNull("static.value") {
		return config.Invalid("static.value", nil,
			"No value specified for static field: "+v.String("static.field"))
	}
	t.static = v.String("static.value")
	t.defaults = defaults(v.Bool(replaceNullKey))
	return nil
}

// parseInsertion reads name, name! (required) or name? (optional, which is the default).
func parseInsertion(spec string) insertion {
	if name, ok := strings.CutSuffix(spec, "?"); ok {
		return insertion{name, true}
	}
	if name, ok := strings.CutSuffix(spec, "!"); ok {
		return insertion{name, false}
	}
	return insertion{spec, true}
}

// Apply is for source records, which have no offset to insert; ApplySink is for those of sinks.
func (t *insertField) Apply(r *data.Record) (*data.Record, error) {
	if err := t.apply(r, nil); err != nil {
		return nil, err
	}
	return r, nil
}

// ApplySink implements smt.SinkTransform: only sink records have an offset.
func (t *insertField) ApplySink(r *data.SinkRecord) (bool, error) {
	err := t.apply(&r.Record, r)
	return err == nil, err
}

func (t *insertField) apply(r *data.Record, sink *data.SinkRecord) error {
	schema, value := t.side.Get(r)
	if value == nil {
		return nil
	}
	if schema == nil {
		m, err := asMap(value, insertPurpose)
		if err == nil {
			err = t.intoMap(r, sink, m)
		}
		return err
	}
	s, err := kit.Struct(value, insertPurpose)
	if err != nil {
		return err
	}
	return t.intoStruct(r, sink, s)
}

func (t *insertField) intoMap(r *data.Record, sink *data.SinkRecord, m *data.Map) error {
	out := m.Clone()
	for i := range t.specs {
		name := t.specs[i].name
		if name == nil {
			continue
		}
		v, ok, err := t.value(i, r, sink)
		if err != nil {
			return err
		}
		if at, isTime := v.(time.Time); isTime {
			v = at.UnixMilli() // a time without a schema is a number
		}
		if ok {
			out.Put(name, v)
		}
	}
	t.side.Set(r, nil, out)
	return nil
}

func (t *insertField) intoStruct(r *data.Record, sink *data.SinkRecord, s *data.Struct) error {
	schema, ok := t.schemas.Get(s.Schema())
	if !ok {
		var err error
		if schema, err = t.makeSchema(s.Schema()); err != nil {
			return err
		}
		t.schemas.Put(s.Schema(), schema)
	}
	out := t.made.New(schema)
	n := len(s.Schema().Fields())
	for i := range n {
		if err := t.defaults.copyField(out, i, s, i); err != nil {
			return err
		}
	}
	for i := range t.specs {
		if t.specs[i].name == nil {
			continue
		}
		v, ok, err := t.value(i, r, sink)
		if err != nil {
			return err
		}
		if ok && v == nil {
			err = kit.CheckNull(out, n)
		}
		if err != nil {
			return err
		}
		out.SetAt(n, v)
		n++
	}
	t.side.Set(r, schema, out)
	return nil
}

// value is what one of the fields is to hold. ok is false for what the record doesn't have:
// the field is then left out of a map and unset in a struct.
func (t *insertField) value(kind int, r *data.Record,
	sink *data.SinkRecord,
) (v any, ok bool, err error) {
	switch kind {
	case insertTopic:
		if r.Topic == "" {
			return nil, true, nil
		}
		return t.topic.Of(r.Topic), true, nil
	case insertPartition:
		if p, ok := r.Partition.Get(); ok {
			return p, true, nil
		}
	case insertOffset:
		if sink == nil {
			return nil, false, errs.Data.New("Only SinkRecord supported for [%s], found: org.apache.kafka.connect.source.SourceRecord", insertPurpose)
		}
		return sink.Offset, true, nil
	case insertTimestamp:
		if hasTimestamp(r) {
			return r.Timestamp, true, nil
		}
	case insertStatic:
		return t.static, true, nil
	}
	return nil, false, nil
}

func (t *insertField) makeSchema(from *data.Schema) (*data.Schema, error) {
	b := data.NewBuilder(data.StructType).Basics(from)
	for _, f := range from.Fields() {
		b.Field(f.Name, f.Schema)
	}
	types := [insertKinds][2]*data.Schema{
		{data.StringSchema, data.OptionalStringSchema},
		{data.Int32Schema, data.OptionalInt32Schema},
		{data.Int64Schema, data.OptionalInt64Schema},
		{data.TimestampSchema, data.OptionalTimestampSchema},
		{data.StringSchema, data.OptionalStringSchema},
	}
	for i, spec := range t.specs {
		if name, ok := spec.name.(string); ok {
			schema := types[i][0]
			if spec.optional {
				schema = types[i][1]
			}
			b.Field(name, schema)
		}
	}
	return b.Build()
}
