package debezium

import (
	"slices"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// eventRouter makes the events that a service wrote to its outbox table: the payload becomes the
// value, and a column tells the topic (the outbox pattern).
// It is io.debezium.transforms.outbox.EventRouter without tracing. What comes in are the change
// events of the table, of which only inserts matter; what goes out are records that no longer show
// where they came from. Column places are found once per schema (outboxEvent), schemas of
// enveloped values once per route. It is used from one goroutine.
type eventRouter struct {
	kit.Base
	kit.Logs
	id, key, payload, at, version string
	hasAt, hasVersion             bool
	routeBy                       string
	router                        *kit.Router
	columns                       []placed
	ignoreMissing, enveloped      bool
	emptyIsTombstone              bool
	invalidOp                     int
	json                          *jsonPayload // nil: text stays text
	events                        smt.SchemaCache[*outboxEvent]
	envelopes                     map[envelopeKey]*data.Schema
	last                          envelopeKey
	lastEnvelope                  *data.Schema
}

// envelopeKey tells the schemas apart that values with placed columns have.
type envelopeKey struct {
	payload, row *data.Schema
	route        string
	version      int32
	versioned    bool
}

// Configure refuses with errs.Config and the key what Debezium's validators refuse. Two mistakes
// get through here as they do in Java and show at the first record: a placement word that is
// unknown, and a replacement that names no group.
func (t *eventRouter) Configure(props map[string]string) (err error) {
	s := settings(props)
	if err := s.validate(
		check{placementKey, arePlacements}, check{missingKey, isWord("ignore", "error")},
		check{outboxRegexKey, isRegex},
		check{emptyTombstoneKey, isBoolean}, check{invalidOpKey, isWord(invalidOps...)},
		check{expandKey, isBoolean}, check{jsonNullKey, isWord(jsonNulls...)},
	); err != nil {
		return err
	}
	t.id, t.key, t.payload = s.text(eventIDKey, "id"), s.text(eventKeyKey, "aggregateid"),
		s.text(eventPayloadKey, payloadField)
	t.at, t.hasAt = s[eventTimestampKey]
	t.version, t.hasVersion = s[eventVersionKey]
	t.routeBy = s.text(outboxRouteKey, defaultRouteByField)
	pattern := java.Trim(s.text(outboxRegexKey, defaultOutboxRegex))
	if t.router, err = kit.NewRouter(pattern, java.Trim(s.text(outboxTopicKey,
		defaultOutboxTopic))); err != nil {
		return config.Invalid(outboxRegexKey, pattern, "Invalid regex: "+err.Error())
	}
	t.columns = parsePlacements(s)
	t.enveloped = slices.ContainsFunc(t.columns, func(p placed) bool { return p.where == inEnvelope })
	t.ignoreMissing = s.word(missingKey, "error", missings...) == 1
	t.emptyIsTombstone = s.bool(emptyTombstoneKey, false)
	t.invalidOp = s.word(invalidOpKey, "warn", invalidOps...)
	t.envelopes = map[envelopeKey]*data.Schema{}
	if !s.bool(expandKey, false) {
		return nil
	}
	mode := s.word(fieldAdjustKey, "none", adjustModes...)
	if mode < 0 {
		return errs.IllegalArgument.New("%s: %q is none of %v", fieldAdjustKey, s[fieldAdjustKey],
			adjustModes)
	}
	t.json = &jsonPayload{
		keepNull: s.word(jsonNullKey, "ignore", jsonNulls...) == jsonKeepNil,
		names:    adjuster{mode: mode, fields: true},
	}
	return nil
}

// Apply drops null values, deletes and (but for `fatal`) updates; a value without an envelope
// passes as it is. On an error the record is unchanged, since the work is done on a copy.
func (t *eventRouter) Apply(r *data.Record) (*data.Record, error) {
	if r.Value == nil {
		return nil, nil
	}
	e := t.plan(r.ValueSchema)
	if !e.envelope {
		return r, nil
	}
	out := *r
	keep, err := t.event(&out, e)
	if err != nil || !keep {
		return nil, err
	}
	*r = out
	return r, nil
}

// ApplySink implements smt.SinkTransform: a record that was consumed needs a partition.
func (t *eventRouter) ApplySink(r *data.SinkRecord) (bool, error) {
	out := r.Record
	kept, err := t.Apply(&out)
	if err != nil || kept == nil {
		return false, err
	}
	if _, ok := out.Partition.Get(); !ok {
		return false, errs.IllegalState.New("the event has no partition: place a column with %s",
			placementKey)
	}
	r.Record = out
	return true, nil
}

// event makes the event of a row; false is for what the outbox pattern has no use for.
func (t *eventRouter) event(r *data.Record, e *outboxEvent) (bool, error) {
	s, err := kit.Struct(r.Value, "Detect Debezium Operation")
	if err != nil {
		return false, err
	}
	v, err := typed(s, r.ValueSchema, e.op, opField, data.String)
	if err != nil {
		return false, err
	}
	switch v {
	case nil:
		return false, errs.IllegalState.New(errNullReference, opField)
	case opDelete:
		return false, nil
	case opUpdate:
		return false, t.unexpected(r)
	}
	if e.afterErr != nil {
		return false, e.afterErr
	}
	after := any(nil)
	if s.Schema() == r.ValueSchema {
		after = stored(s, e.after)
	} else if after, err = named(s, afterField); err != nil {
		return false, err
	}
	row, err := kit.Struct(after, "Read Outbox Event")
	if err != nil {
		return false, err
	}
	if e.rowErr != nil {
		return false, e.rowErr
	}
	return true, t.route(r, e, s, row)
}

// unexpected says what is done about an update, by table.op.invalid.behavior: only `fatal` is an
// error, and fails the task.
func (t *eventRouter) unexpected(r *data.Record) error {
	say := t.Log().Warn
	switch invalidOps[t.invalidOp] {
	case "error":
		say = t.Log().Error
	case "fatal":
		return errs.IllegalState.New("Unexpected update message received %s, fail.",
			data.Text(r.Key))
	}
	say("a row of the outbox table was updated, which is ignored", "topic", r.Topic)
	return nil
}

// route makes the record the event of a row of the outbox table.
// The order of the steps decides which error a record with several mistakes has, and is Java's:
// payload column, timestamp, id header, payload, route, envelope, placed columns, key.
func (t *eventRouter) route(r *data.Record, e *outboxEvent, s, row *data.Struct) error {
	if e.payload < 0 {
		return errs.Connect.New("Unable to find payload field %s in event", t.payload)
	}
	at, err := t.timestamp(r.ValueSchema, e, s, row)
	if err != nil {
		return err
	}
	r.Headers = slices.Grow(slices.Clip(r.Headers), 1+len(t.columns))
	if err := e.addHeader(r, "id", row, e.id, t.id); err != nil {
		return err
	}
	payload, err := e.column(row, e.payload, t.payload)
	if err != nil {
		return err
	}
	payloadSchema := e.row.Fields()[e.payload].Schema
	if t.json != nil {
		payloadSchema, payload = t.expand(r, payloadSchema, payload)
	}
	v, err := typed(row, e.row, e.route, t.routeBy, data.String)
	if err != nil {
		return err
	}
	route, routed := v.(string)
	r.Partition = data.Partition{}
	var value *data.Struct
	if t.enveloped {
		if value, err = t.envelope(e, row, payloadSchema, payload, route); err != nil {
			return err
		}
	}
	if err := t.place(r, e, row, value); err != nil {
		return err
	}
	text, isText := payload.(string)
	switch empty := payload == nil || isText && java.Trim(text) == ""; {
	case empty && t.emptyIsTombstone:
		r.ValueSchema, r.Value = nil, nil
	case t.enveloped:
		r.ValueSchema, r.Value = value.Schema(), value
	default:
		r.ValueSchema, r.Value = payloadSchema, payload
	}
	if r.Key, err = e.column(row, e.key, t.key); err != nil {
		return err
	}
	r.KeySchema = data.StringSchema
	if e.key >= 0 {
		r.KeySchema = e.row.Fields()[e.key].Schema
	}
	r.Timestamp = at
	if !routed {
		return errs.IllegalState.New("the event has no %s, which its topic is made of", t.routeBy)
	}
	r.Topic, _, err = t.router.Route(route)
	return err
}

// addHeader adds a column as a header. i is its place in the row's schema.
func (e *outboxEvent) addHeader(r *data.Record, name string, row *data.Struct, i int,
	column string,
) error {
	v, err := e.column(row, i, column)
	if err != nil {
		return err
	}
	if i < 0 {
		return errs.Connect.New("Unable to find event-id field %s in event", column)
	}
	schema := e.row.Fields()[i].Schema
	// the bare value of a logical type will do for a header too
	if data.ValidateValue(schema, v) != nil {
		r.Headers, err = r.Headers.AddChecked(name, schema, v)
		return err
	}
	r.Headers = append(r.Headers, data.Header{Key: name, Schema: schema, Value: v})
	return nil
}

// Logical types of Debezium that a timestamp may have.
const (
	timestampName      = "io.debezium.time.Timestamp"
	microTimestampName = "io.debezium.time.MicroTimestamp"
	nanoTimestampName  = "io.debezium.time.NanoTimestamp"
)

// timestamp is the event's: of its column, or of the change.
// Both are milliseconds in the end. A column counts only if it is INT64 with one of Debezium's
// three logical names; an optional column that is null falls back to ts_ms of the event.
func (t *eventRouter) timestamp(schema *data.Schema, e *outboxEvent,
	s, row *data.Struct,
) (time.Time, error) {
	changed := func() (time.Time, error) {
		v, err := typed(s, schema, e.changed, "ts_ms", data.Int64)
		if ms, ok := v.(int64); ok {
			return time.UnixMilli(ms).UTC(), nil
		}
		return time.Time{}, err
	}
	if !t.hasAt {
		return changed()
	}
	f, ok := row.Schema().Field(t.at)
	if !ok {
		return time.Time{}, errs.Connect.New("Unable to find timestamp field %s in event", t.at)
	}
	v, err := row.GetTyped(t.at, data.Int64)
	if err != nil {
		return time.Time{}, err
	}
	n, ok := v.(int64)
	if !ok {
		return changed()
	}
	switch f.Schema.Name() {
	case timestampName:
	case microTimestampName:
		n /= 1_000
	case nanoTimestampName:
		n /= 1_000_000
	case "":
		return time.Time{}, errs.Connect.New("Unsupported field type %s (without logical schema name) for event timestamp", f.Schema.Type())
	default:
		return time.Time{}, errs.Connect.New("Unsupported field type %s for event timestamp",
			f.Schema.Name())
	}
	return time.UnixMilli(n).UTC(), nil
}

// expand makes a struct of JSON text. As in Java what can't be expanded stays text, though the
// schema may be another by then.
func (t *eventRouter) expand(r *data.Record, schema *data.Schema, payload any) (*data.Schema, any) {
	text, ok := payload.(string)
	if !ok {
		if payload != nil {
			t.Log().Warn("the payload is no text that could be JSON", "topic", r.Topic)
		}
		return schema, payload
	}
	doc, err := parseJSONPayload(text)
	if err == nil {
		var made *data.Schema
		if made, err = t.json.schema(t.payload, doc); err == nil {
			schema = made
			var value *data.Struct
			if value, err = jsonStruct(doc, made); err == nil {
				payload = value
			}
		}
	}
	if err != nil {
		t.Log().Warn("the payload can't be expanded as JSON", "topic", r.Topic, "err", err)
	}
	return schema, payload
}

// envelope is the value with the payload in it and room for the columns that are placed there.
func (t *eventRouter) envelope(e *outboxEvent, row *data.Struct, payloadSchema *data.Schema,
	payload any, route string,
) (*data.Struct, error) {
	k := envelopeKey{payload: payloadSchema, row: e.row, route: route}
	if t.hasVersion {
		v, err := typed(row, e.row, e.versioned, t.version, data.Int32)
		if err != nil {
			return nil, err
		}
		k.version, k.versioned = v.(int32)
	}
	schema, err := t.envelopeSchema(k)
	if err != nil {
		return nil, err
	}
	s := data.NewStruct(schema)
	if err := kit.Set(s, 0, payload); err != nil {
		return nil, err
	}
	return s, nil
}

// maxEnvelopes bounds the schemas that are kept, as the route comes from the data: beyond it all
// are forgotten and made again.
const maxEnvelopes = 1024

// envelopeSchema makes the schema of an enveloped value, or finds it. The last one is looked at
// first, without hashing a key.
func (t *eventRouter) envelopeSchema(k envelopeKey) (*data.Schema, error) {
	if t.last == k && t.lastEnvelope != nil {
		return t.lastEnvelope, nil
	}
	schema, ok := t.envelopes[k]
	if !ok {
		b := data.NewBuilder(data.StructType).Name(routedName(k.row.Name(),
			k.route)).Field(payloadField, k.payload)
		for _, c := range t.columns {
			if c.where != inEnvelope {
				continue
			}
			f, ok := k.row.Field(c.column)
			if ok {
				b.Field(c.alias, f.Schema)
			} else if !t.ignoreMissing {
				return nil, errs.Connect.New("Unable to find field %s in event", c.column)
			}
		}
		if k.versioned {
			b.Version(k.version)
		}
		var err error
		if schema, err = b.Build(); err != nil {
			return nil, err
		}
		if len(t.envelopes) >= maxEnvelopes {
			clear(t.envelopes)
		}
		t.envelopes[k] = schema
	}
	t.last, t.lastEnvelope = k, schema
	return schema, nil
}

// routedName is the name of a row's schema with the route before its last part.
func routedName(name, route string) string {
	if name == "" {
		return route
	}
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			return name[:i+1] + route + "." + name[i+1:]
		}
	}
	return route + "." + name
}

// place puts the further columns where they belong.
// A wrong placement word fails only here (see Configure). With
// table.field.additional.missing=ignore a column counts as missing by the row's own schema, which
// may be another than the event's.
func (t *eventRouter) place(r *data.Record, e *outboxEvent, row, value *data.Struct) error {
	for i, c := range t.columns {
		if t.ignoreMissing && row.Schema().FieldIndex(c.column) < 0 {
			continue
		}
		switch c.where {
		case inHeader:
			if err := e.addHeader(r, c.alias, row, e.columns[i], c.column); err != nil {
				return err
			}
		case inEnvelope:
			v, err := e.column(row, e.columns[i], c.column)
			if err != nil {
				return err
			}
			if err := value.Put(c.alias, v); err != nil {
				return err
			}
		case inPartition:
			v, err := typed(row, e.row, e.columns[i], c.column, data.Int32)
			if err != nil {
				return err
			}
			r.Partition = data.Partition{}
			if n, ok := v.(int32); ok {
				r.Partition = data.PartitionOf(n)
			}
		default:
			return errs.IllegalState.New("%s: column %s goes to none of %v", placementKey, c.column,
				placeWords)
		}
	}
	return nil
}
