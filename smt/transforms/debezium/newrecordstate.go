package debezium

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// oldUnwrapName is what ExtractNewRecordState was called before Debezium 0.10.
const oldUnwrapName = "UnwrapFromEnvelope"

// oldUnwrapSettings had an effect in older versions and have none any more.
var oldUnwrapSettings = []string{
	"drop.tombstones", "drop.deletes", "delete.handling.mode", "add.source.fields", "operation.header",
}

const (
	modeKey           = "delete.tombstone.handling.mode"
	routeByFieldKey   = "route.by.field"
	fieldsPrefixKey   = "add.fields.prefix"
	fieldsKey         = "add.fields"
	headersPrefixKey  = "add.headers.prefix"
	headersKey        = "add.headers"
	dropHeaderKey     = "drop.fields.header.name"
	dropFromKeyKey    = "drop.fields.from.key"
	dropCompatibleKey = "drop.fields.keep.schema.compatible"
	replaceNullKey    = "replace.null.with.default" // not in the definition
	metadataPrefix    = "__"
	deletedField      = "__deleted"
)

// deleteMode says what becomes of deletes and tombstones.
type deleteMode int

const (
	modeDrop deleteMode = iota
	modeTombstone
	modeRewrite
	modeRewriteWithTombstone
	modeDeleteToTombstone
)

var deleteModes = []string{"drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone"}

func newRecordStateConfig() *config.Def {
	mode := key(modeKey, "Handle delete and tombstone records", config.String, config.WidthMedium,
		config.Medium, "tombstone",
		"What becomes of deletes and tombstones. drop: neither is kept. tombstone: a delete becomes a record whose value is null, "+
			"tombstones are dropped. rewrite: a delete becomes the row it had with the field __deleted, tombstones are dropped. "+
			"rewrite-with-tombstone: the same, and tombstones are kept. delete-to-tombstone: a delete becomes a tombstone, tombstones are dropped.")
	mode.Validator = config.LambdaValidator("(no text)", func(name string, value any) error {
		text, ok := value.(string)
		if ok && !slices.Contains(deleteModes, strings.ToLower(java.Trim(text))) {
			return config.Invalid(name, value, "Value must be one of "+strings.Join(deleteModes,
				", "))
		}
		return nil
	})
	const added = " A bare name is one of source, or one of op, ts_ms, ts_us, ts_ns; struct.field is one of another struct, " +
		"and :name behind it another name. A field that isn't there is left out."
	return def("",
		mode,
		key(routeByFieldKey, "Route by field name", config.String, config.WidthLong, config.Low, "",
			"Name of a column whose text becomes the topic; null and blanks leave the topic as it is."),
		key(fieldsPrefixKey, "Prefix of added fields", config.String, config.WidthShort, config.Low,
			metadataPrefix,
			"What is put before the name of each field of add.fields."),
		key(fieldsKey, "Fields to add to the row", config.List, config.WidthLong, config.Low, "",
			"Fields of the change event that are added to the row."+added),
		key(headersPrefixKey, "Prefix of added headers", config.String, config.WidthShort,
			config.Low, metadataPrefix,
			"What is put before the name of each header of add.headers."),
		key(headersKey, "Headers to add", config.List, config.WidthLong, config.Low, "",
			"Fields of the change event that become headers."+added),
		key(dropHeaderKey, "Header with names of fields to drop", config.String, config.WidthShort,
			config.Low, nil,
			"Name of a header that holds a list of names of fields to leave out of the row."),
		key(dropFromKeyKey, "Drop the fields from the key too", config.Boolean, config.WidthShort,
			config.Low, false,
			"Whether the fields that the header names are left out of the key too."),
		key(dropCompatibleKey, "Drop only optional fields", config.Boolean, config.WidthShort,
			config.Low, true,
			"Whether only fields that may be null are left out, so that older readers understand the row."),
	)
}

// newRecordState replaces a change event by the row as it is after the change.
// What a record becomes depends on `after` and `before`, never on `op`: with `after` it is the
// row, with `before` alone a delete, with neither a truncate, which is dropped in every mode. What
// isn't an envelope passes unchanged, and any null value is a tombstone. One task calls it, from
// one goroutine.
type newRecordState struct {
	kit.Base
	kit.Logs
	mode          deleteMode
	nullToDefault bool // in rewrite modes
	routeBy       string
	fields        []fieldRef
	headers       []fieldRef
	drop          dropFields
	events        smt.SchemaCache[*event]
}

// event is what there is to know about change events of one schema.
type event struct {
	schema         *data.Schema
	envelope       bool
	before, after  int
	beforeErr, err error // where before or after is missing
	opErr          error // where op isn't a text
	headers        []reference
	headersErr     error
	rows           [4]rowMaker
}

var noEvent = &event{}

// The rows of an event, by what is done to them.
const (
	rowAfter    = iota // everything
	rowBefore          // everything
	rowRewrite         // __deleted alone: what the header drops is taken from it
	rowAddition        // the added fields alone
)

// Configure accepts replace.null.with.default whatever it is, since Debezium reads it outside its
// definition. Settings of older versions are warned of, not refused.
func (t *newRecordState) Configure(props map[string]string) (err error) {
	s := settings(props)
	if err := s.accept(
		check{modeKey, isWord(deleteModes...)},
		check{dropFromKeyKey, isBoolean},
		check{dropCompatibleKey, isBoolean},
	); err != nil {
		return err
	}
	t.warnOfOld(s)
	t.mode = deleteMode(s.word(modeKey, "tombstone", deleteModes...))
	if t.fields, err = fieldRefs(s.text(fieldsPrefixKey, metadataPrefix),
		s.text(fieldsKey, "")); err != nil {
		return err
	}
	if t.headers, err = fieldRefs(s.text(headersPrefixKey, metadataPrefix),
		s.text(headersKey, "")); err != nil {
		return err
	}
	t.routeBy = s.text(routeByFieldKey, "")
	t.nullToDefault = s.bool(replaceNullKey, true)
	t.drop = dropFields{
		header: s.text(dropHeaderKey, ""), fromKey: s.bool(dropFromKeyKey, false),
		compatible: s.bool(dropCompatibleKey, true),
	}
	return nil
}

// warnOfOld names the settings that an older version understood, since the default that now applies
// may be another.
func (t *newRecordState) warnOfOld(s settings) {
	for _, name := range oldUnwrapSettings {
		if v, ok := s[name]; ok {
			t.Log().Warn("a setting of older versions has no effect, deletes and tombstones are handled by "+modeKey,
				"setting", name, "value", v, "mode", s.text(modeKey, "tombstone"))
		}
	}
}

// rewrites reports whether deletes are kept as rows with __deleted.
func (t *newRecordState) rewrites() bool {
	return t.mode == modeRewrite || t.mode == modeRewriteWithTombstone
}

// Apply changes the record only when all went well.
func (t *newRecordState) Apply(r *data.Record) (*data.Record, error) {
	if r.Value == nil {
		return t.tombstone(r)
	}
	e := t.event(r.ValueSchema)
	if !e.envelope {
		return r, nil
	}
	out := *r
	keep, err := t.unwrap(&out, e)
	if err != nil || !keep {
		return nil, err
	}
	*r = out
	return r, nil
}

// tombstone is what becomes of a null value: only rewrite-with-tombstone keeps it. Its one header
// is `op`, as there is no event to take others from.
func (t *newRecordState) tombstone(r *data.Record) (*data.Record, error) {
	if t.mode != modeRewriteWithTombstone {
		return nil, nil
	}
	for _, ref := range t.headers {
		if ref.field == opField {
			r.Headers = r.Headers.AddString(ref.name, opDelete)
		}
	}
	return r, nil
}

// unwrap replaces the value of a change event; false is for one that is dropped.
func (t *newRecordState) unwrap(r *data.Record, e *event) (bool, error) {
	s, err := kit.Struct(r.Value, extractPurpose)
	if err != nil {
		return false, err
	}
	if s.Schema() != r.ValueSchema && !data.SchemaEqual(s.Schema(), r.ValueSchema) {
		return false, errs.Data.New("Struct schemas do not match.")
	}
	if len(t.headers) > 0 {
		if e.headersErr != nil {
			return false, e.headersErr
		}
		r.Headers = slices.Grow(slices.Clip(r.Headers), len(t.headers))
		for i := range e.headers {
			if r.Headers, err = e.headers[i].addTo(r.Headers, s); err != nil {
				return false, err
			}
		}
	}
	if e.err != nil {
		return false, e.err
	}
	if after := stored(s, e.after); after != nil {
		return true, t.upsert(r, e, s, after)
	}
	if e.beforeErr != nil {
		return false, e.beforeErr
	}
	before := stored(s, e.before)
	if before == nil || t.mode == modeDrop {
		return false, nil // the table was truncated, or deletes aren't wanted
	}
	return true, t.deleted(r, e, s, before)
}

// upsert makes the value the row that there is after the change.
func (t *newRecordState) upsert(r *data.Record, e *event, s *data.Struct, after any) error {
	row, ok := after.(*data.Struct)
	if !ok || row == nil {
		return notRow(after)
	}
	var out *data.Struct
	var err error
	if t.rewrites() {
		out, err = e.rows[rowAfter].make(t, e, s, row, "false")
	} else {
		out, err = e.rows[rowAfter].make(t, e, s, row, nil)
	}
	if err != nil {
		return err
	}
	if err := t.route(r, out); err != nil {
		return err
	}
	r.ValueSchema, r.Value = out.Schema(), out
	if t.drop.header != "" {
		return t.drop.apply(r)
	}
	return nil
}

// deleted makes the value what the mode says of a row that was deleted.
func (t *newRecordState) deleted(r *data.Record, e *event, s *data.Struct, before any) error {
	row, isRow := before.(*data.Struct)
	names, err := t.drop.names(r)
	if err != nil {
		return err
	}
	switch {
	case t.mode == modeTombstone:
		r.ValueSchema, r.Value = e.schema.Fields()[e.after].Schema, nil
	case t.mode == modeDeleteToTombstone:
		r.ValueSchema, r.Value = nil, nil
	case !isRow:
		return notRow(before)
	case len(names) > 0:
		rewritten, err := e.rows[rowRewrite].make(t, e, s, row, "true")
		if err != nil {
			return err
		}
		r.ValueSchema, r.Value = rewritten.Schema(), rewritten
	}
	if t.routeBy != "" {
		old, err := structOf(s, beforeField)
		if err != nil {
			return err
		}
		if old == nil {
			return errs.IllegalState.New(errNullReference, beforeField)
		}
		if err := t.route(r, old); err != nil {
			return err
		}
	}
	if len(names) > 0 {
		if err := t.drop.applyNames(r, names); err != nil {
			return err
		}
	}
	if !t.rewrites() {
		return nil
	}
	var out *data.Struct
	if len(names) > 0 {
		out, err = e.rows[rowAddition].make(t, e, s, r.Value.(*data.Struct), nil)
	} else {
		out, err = e.rows[rowBefore].make(t, e, s, row, "true")
	}
	if err != nil {
		return err
	}
	r.ValueSchema, r.Value = out.Schema(), out
	return nil
}

// notRow is Java's error for a row that is no struct.
func notRow(value any) error {
	_, err := kit.Struct(value, "source field insertion")
	return err
}

// route makes the topic the text of a column.
func (t *newRecordState) route(r *data.Record, row *data.Struct) error {
	if t.routeBy == "" {
		return nil
	}
	topic, _, err := textOf(row, t.routeBy)
	if err == nil && java.Trim(topic) != "" {
		r.Topic = topic
	}
	return err
}

// event is what there is to know about values of a schema.
func (t *newRecordState) event(schema *data.Schema) *event {
	if schema == nil {
		return noEvent
	}
	e, ok := t.events.Get(schema)
	if ok {
		return e
	}
	e = &event{schema: schema, envelope: isEnvelope(schema)}
	t.events.Put(schema, e)
	if !e.envelope {
		return e
	}
	e.after, e.err = fieldOf(schema, afterField)
	e.before, e.beforeErr = fieldOf(schema, beforeField)
	e.headers, e.headersErr = resolve(t.headers, schema)
	if i := schema.FieldIndex(opField); i < 0 {
		e.opErr = errs.Data.New(errNoSuchField, opField)
	} else if op := schema.Fields()[i].Schema; op.Type() != data.String {
		e.opErr = errs.Data.New("Field '%s' is not of type STRING", opField)
	}
	e.rows[rowAfter] = rowMaker{rewrite: t.rewrites(), add: true}
	e.rows[rowBefore] = e.rows[rowAfter]
	e.rows[rowRewrite] = rowMaker{rewrite: true}
	e.rows[rowAddition] = rowMaker{add: true}
	return e
}
