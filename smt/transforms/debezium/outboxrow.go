package debezium

import (
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// outboxEvent is what there is to know about change events of one schema: where their fields lie, -1
// for one that isn't there.
type outboxEvent struct {
	envelope             bool
	op, after, changed   int
	row                  *data.Schema // of after
	afterErr, rowErr     error
	id, key, payload     int // in row
	route, at, versioned int
	columns              []int
}

// event is what there is to know about values of a schema.
func (t *eventRouter) plan(schema *data.Schema) *outboxEvent {
	if schema == nil {
		return noOutboxEvent
	}
	e, ok := t.events.Get(schema)
	if ok {
		return e
	}
	e = &outboxEvent{
		envelope: isEnvelope(schema), op: schema.FieldIndex(opField),
		changed: schema.FieldIndex("ts_ms"),
	}
	t.events.Put(schema, e)
	if e.after, e.afterErr = fieldOf(schema, afterField); e.afterErr != nil {
		return e
	}
	e.row = schema.Fields()[e.after].Schema
	if _, e.rowErr = fieldsOf(e.row); e.rowErr != nil {
		return e
	}
	e.id, e.key, e.payload = e.row.FieldIndex(t.id), e.row.FieldIndex(t.key),
		e.row.FieldIndex(t.payload)
	e.route, e.at, e.versioned = e.row.FieldIndex(t.routeBy), e.row.FieldIndex(t.at),
		e.row.FieldIndex(t.version)
	for _, c := range t.columns {
		e.columns = append(e.columns, e.row.FieldIndex(c.column))
	}
	return e
}

var noOutboxEvent = &outboxEvent{}

// column is the value of a column, its default where it is null. i is its place in the row's schema.
func (e *outboxEvent) column(row *data.Struct, i int, name string) (any, error) {
	if row.Schema() != e.row {
		return named(row, name)
	}
	if i < 0 {
		return nil, errs.Data.New(errNoSuchField, name)
	}
	return stored(row, i), nil
}

// typed is a value as stored that must be of a type. i is its place in the schema that s mostly has.
func typed(s *data.Struct, schema *data.Schema, i int, name string, t data.Type) (any, error) {
	if s.Schema() != schema || i < 0 || schema.Fields()[i].Schema.Type() != t {
		return s.GetTyped(name, t)
	}
	v := s.At(i)
	switch v.(type) {
	case string:
		if t == data.String {
			return v, nil
		}
	case int64:
		if t == data.Int64 {
			return v, nil
		}
	case int32:
		if t == data.Int32 {
			return v, nil
		}
	case nil:
		return nil, nil
	}
	return s.GetTyped(name, t)
}
