package debezium

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	topicRegexKey       = "topic.regex"
	topicReplacementKey = "topic.replacement"
	uniquenessKey       = "key.enforce.uniqueness"
	keyRegexKey         = "key.field.regex"
	keyNameKey          = "key.field.name"
	keyReplacementKey   = "key.field.replacement"
	schemaAdjustKey     = "schema.name.adjustment.mode"
	cacheSizeKey        = "logical.table.cache.size"
	physicalTableField  = "__dbz__physicalTableIdentifier"
)

func logicalTableConfig() *config.Def {
	text := func(name, title, doc string) config.Key {
		return key(name, title, config.String, config.WidthLong, config.Low, nil, doc)
	}
	return def("",
		text(topicRegexKey, "Topic regex",
			"Java regular expression that a topic must match as a whole to be routed."),
		text(topicReplacementKey, "Topic replacement",
			"The topic of the logical table, with $1 or ${name} for what a group matched."),
		key(uniquenessKey, "Add source topic name into key", config.Boolean, config.WidthShort,
			config.Low, true,
			"Whether the key gets a field that names the physical table, so that rows of different tables don't share a key."),
		text(keyRegexKey, "Key field regex",
			"Java regular expression that finds the name of the physical table in the topic; the topic is the name without it."),
		text(keyReplacementKey, "Key field replacement",
			"The name of the physical table, with $1 or ${name} for what a group matched."),
		key(cacheSizeKey, "Logical table cache size", config.Int, config.WidthLong, config.Low, 16,
			"Read for the sake of older configurations; what was worked out for a schema is kept anyway."),
	)
}

// logicalTableRouter brings the changes of several tables to one topic, under schemas of one name.
// A sharded table is one topic per shard, which this makes one. Since two shards may have the same
// primary key, the key gets a field with the shard unless key.enforce.uniqueness says no. Schemas
// are renamed by the new topic, so that all shards share one subject in a schema registry.
type logicalTableRouter struct {
	kit.Base
	topics   *kit.Router
	tables   *kit.Router // nil: the topic names the table
	unique   bool
	keyField string
	names    adjuster
	table    kit.Boxed
	keys     map[string]*smt.SchemaCache[*keyPlan]      // by new topic
	events   map[string]*smt.SchemaCache[*renamedEvent] // by new topic
	last     string                                     // topic seen last and its caches
	lastKeys *smt.SchemaCache[*keyPlan]
	lastEvts *smt.SchemaCache[*renamedEvent]
}

// keyPlan is the schema of the new key.
type keyPlan struct {
	schema *data.Schema
	err    error
}

// renamedEvent is a change event under its new names.
type renamedEvent struct {
	schema, row   *data.Schema
	before, after int // -1: the event has none
	err           error
}

// Configure says "Unable to validate config." as an errs.Connect error whatever is wrong, as Java
// does; the cause names the key.
func (t *logicalTableRouter) Configure(props map[string]string) (err error) {
	s := settings(props)
	if err := s.accept(
		check{topicRegexKey, isRequired}, check{topicRegexKey, isRegex}, check{topicReplacementKey, isRequired},
		check{uniquenessKey, isBoolean}, check{keyRegexKey, isRegex}, check{keyReplacementKey, replacesKey},
		check{schemaAdjustKey, isWord(adjustModes...)}, check{cacheSizeKey, isInteger},
	); err != nil {
		return err
	}
	if t.topics, err = kit.NewRouter(s[topicRegexKey], s[topicReplacementKey]); err != nil {
		return errs.Connect.Wrap(err, unableToValidate)
	}
	if java.Trim(s[keyRegexKey]) != "" {
		if t.tables, err = kit.NewRouter(s[keyRegexKey], s[keyReplacementKey]); err != nil {
			return errs.Connect.Wrap(err, unableToValidate)
		}
	}
	t.unique = s.bool(uniquenessKey, true)
	t.keyField = s.text(keyNameKey, physicalTableField)
	t.names = adjuster{mode: s.word(schemaAdjustKey, "none", adjustModes...)}
	t.keys, t.events = map[string]*smt.SchemaCache[*keyPlan]{},
		map[string]*smt.SchemaCache[*renamedEvent]{}
	return nil
}

// replacesKey checks that a key regex has a replacement.
func replacesKey(s settings, name string) string {
	if java.Trim(s[keyRegexKey]) != "" && java.Trim(s[name]) == "" {
		return name + " must be non-empty if " + keyRegexKey + " is set."
	}
	return ""
}

// Apply leaves a topic that doesn't match alone, and one whose replacement is empty. Tombstones
// and values that are no envelope keep their value but are routed and get the new key.
func (t *logicalTableRouter) Apply(r *data.Record) (*data.Record, error) {
	topic, ok, err := t.topics.Route(r.Topic)
	if err != nil {
		return nil, err
	}
	if !ok || topic == "" {
		return r, nil
	}
	t.open(topic)
	out := *r
	out.Topic, out.KeySchema, out.Key = topic, nil, nil
	if r.Key != nil {
		key, err := t.key(r, topic)
		if err != nil {
			return nil, err
		}
		out.KeySchema, out.Key = key.Schema(), key
	}
	if r.Value != nil && isEnvelope(r.ValueSchema) {
		s, err := t.event(r.Value, topic)
		if err != nil {
			return nil, err
		}
		out.ValueSchema, out.Value = s.Schema(), s
	}
	*r = out
	return r, nil
}

// maxTopics bounds the topics that caches are kept for; beyond it all are forgotten.
const maxTopics = 4096

// open finds the caches of a new topic.
func (t *logicalTableRouter) open(topic string) {
	if t.last == topic {
		return
	}
	if len(t.keys) >= maxTopics {
		clear(t.keys)
		clear(t.events)
	}
	if t.keys[topic] == nil {
		t.keys[topic], t.events[topic] = &smt.SchemaCache[*keyPlan]{},
			&smt.SchemaCache[*renamedEvent]{}
	}
	t.last, t.lastKeys, t.lastEvts = topic, t.keys[topic], t.events[topic]
}

const updatingPurpose = "Updating schema"

// key is the key with the name of the physical table.
func (t *logicalTableRouter) key(r *data.Record, topic string) (*data.Struct, error) {
	old, err := kit.Struct(r.Key, updatingPurpose)
	if err != nil {
		return nil, err
	}
	plan, ok := t.lastKeys.Get(old.Schema())
	if !ok {
		plan = &keyPlan{}
		b := renamed(old.Schema(), t.names.adjust(topic+".Key"))
		copyFields(b, old.Schema())
		if t.unique {
			b.Field(t.keyField, data.StringSchema)
		}
		plan.schema, plan.err = b.Build()
		t.lastKeys.Put(old.Schema(), plan)
	}
	if plan.err != nil {
		return nil, plan.err
	}
	s := data.NewStruct(plan.schema)
	s.Fill(old)
	n := len(old.Schema().Fields())
	for i := range n {
		if err := kit.CheckNull(s, i); err != nil {
			return nil, err
		}
	}
	if !t.unique {
		return s, nil
	}
	table := r.Topic
	if t.tables != nil {
		if table, _, err = t.tables.Route(r.Topic); err != nil {
			return nil, err
		}
	}
	s.SetAt(n, t.table.Of(table))
	return s, nil
}

// renamed starts a schema like another, but for the name and fields.
func renamed(from *data.Schema, name string) *data.Builder {
	b := data.NewBuilder(data.StructType).Name(name).Doc(from.Doc()).Parameters(from.Parameters()...)
	if v, ok := from.Version(); ok {
		b.Version(v)
	}
	return withOptional(b, from.Optional())
}

// event is a change event under its new names.
func (t *logicalTableRouter) event(value any, topic string) (*data.Struct, error) {
	old, err := kit.Struct(value, updatingPurpose)
	if err != nil {
		return nil, err
	}
	plan, ok := t.lastEvts.Get(old.Schema())
	if !ok {
		plan = t.planEvent(old.Schema(), topic)
		t.lastEvts.Put(old.Schema(), plan)
	}
	if plan.err != nil {
		return nil, plan.err
	}
	s := data.NewStruct(plan.schema)
	for i := range old.Schema().Fields() {
		v := stored(old, i)
		if v != nil && (i == plan.before || i == plan.after) {
			row, err := kit.Struct(v, updatingPurpose)
			if err != nil {
				return nil, err
			}
			if v, err = moveRow(plan.row, row); err != nil {
				return nil, err
			}
		}
		s.SetAt(i, v)
		if err := kit.CheckNull(s, i); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// planEvent makes the schemas under the new topic. Both rows get the schema of `before`, as in
// Java, so that an event without `before` can't be renamed; the error is kept and given for every
// such event.
func (t *logicalTableRouter) planEvent(old *data.Schema, topic string) *renamedEvent {
	p := &renamedEvent{before: old.FieldIndex(beforeField), after: old.FieldIndex(afterField)}
	if p.before < 0 {
		p.err = errs.IllegalState.New(errNullReference, beforeField)
		return p
	}
	row := old.Fields()[p.before].Schema
	if _, p.err = fieldsOf(row); p.err != nil {
		return p
	}
	if p.row, p.err = copyFields(renamed(row, t.names.adjust(topic+".Value")),
		row).Build(); p.err != nil {
		return p
	}
	b := renamed(old, t.names.adjust(topic+envelopeSuffix))
	for _, f := range old.Fields() {
		if f.Index == p.before || f.Index == p.after {
			b.Field(f.Name, p.row)
		} else {
			b.Field(f.Name, f.Schema)
		}
	}
	p.schema, p.err = b.Build()
	return p
}

// moveRow is a row under another schema, which mostly has the same fields.
func moveRow(to *data.Schema, row *data.Struct) (any, error) {
	s := data.NewStruct(to)
	fields, from := to.Fields(), row.Schema().Fields()
	for i := range from {
		j := i
		if i >= len(fields) || fields[i].Name != from[i].Name {
			if j = to.FieldIndex(from[i].Name); j < 0 {
				return nil, errs.Data.New(errNoSuchField, from[i].Name)
			}
		}
		v := row.At(i)
		if v == nil || fields[j].Schema != from[i].Schema {
			if err := kit.Set(s, j, v); err != nil {
				return nil, err
			}
			continue
		}
		s.SetAt(j, v)
	}
	return s, nil
}
