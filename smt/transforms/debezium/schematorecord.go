package debezium

import (
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// Parameters of a field's schema that tell of the column it is from.
const (
	columnName    = "__debezium.source.column.name"
	columnType    = "__debezium.source.column.type"
	columnLength  = "__debezium.source.column.length"
	columnScale   = "__debezium.source.column.scale"
	columnComment = "__debezium.source.column.comment"
)

// schemaToRecord adds to change events what their source says of the table's columns.
type schemaToRecord struct {
	kit.Base
	block, table, column *data.Schema
	plans                smt.SchemaCache[*sourceSchema]
}

// sourceSchema is the schema of events with the addition, and the addition, which is the same for
// all events of a table.
type sourceSchema struct {
	schema        *data.Schema
	before, after int
	err           error
	columns       []any
	columnsErr    error
	tableName     string
	block         *data.Struct
}

// Configure makes the three schemas of the addition, whose names schema.name.adjustment.mode may
// change.
func (t *schemaToRecord) Configure(props map[string]string) (err error) {
	s := settings(props)
	mode := s.word(schemaAdjustKey, "none", adjustModes...)
	if mode < 0 {
		return errs.IllegalArgument.New("%s: %q is none of %v", schemaAdjustKey, s[schemaAdjustKey],
			adjustModes)
	}
	names := adjuster{mode: mode}
	t.column = data.NewBuilder(data.StructType).Name(names.adjust("io.debezium.connector.source.schema.Column")).Version(1).
		Field("name", data.StringSchema).Field("typeName", data.StringSchema).
		Field("length", data.OptionalInt32Schema).Field("scale", data.OptionalInt32Schema).
		Field("comment", data.OptionalStringSchema).MustBuild()
	t.table = data.NewBuilder(data.StructType).Name("io.debezium.connector.source.schema.Table").Version(1).
		Field("columns", data.ArrayOf(t.column).MustBuild()).MustBuild()
	t.block, err = data.NewBuilder(data.StructType).Name(names.adjust("io.debezium.connector.source.Schema")).Version(1).
		Field("id", data.StringSchema).Field("table", t.table).Build()
	return err
}

// Apply fails where the connector doesn't write column.propagate.source.type: without these
// parameters there is nothing to tell. A truncate, which has no row, passes before that is found
// out.
func (t *schemaToRecord) Apply(r *data.Record) (*data.Record, error) {
	if r.Value == nil || !isEnvelope(r.ValueSchema) {
		return r, nil
	}
	s, err := kit.Struct(r.Value, extractPurpose)
	if err != nil {
		return nil, err
	}
	if s.Schema() != r.ValueSchema && !data.SchemaEqual(s.Schema(), r.ValueSchema) {
		return nil, errs.Data.New("Struct schemas do not match.")
	}
	p, ok := t.plans.Get(r.ValueSchema)
	if !ok {
		p = t.plan(r.ValueSchema)
		t.plans.Put(r.ValueSchema, p)
	}
	switch {
	case p.err != nil:
		return nil, p.err
	case stored(s, p.after) == nil && stored(s, p.before) == nil:
		return r, nil
	case p.columnsErr != nil:
		return nil, p.columnsErr
	}
	block, err := t.addition(p, s)
	if err != nil {
		return nil, err
	}
	out := data.NewStruct(p.schema)
	fields := s.Schema().Fields()
	for i := range fields {
		out.SetAt(i, stored(s, i))
	}
	out.SetAt(len(fields), block)
	r.ValueSchema, r.Value = p.schema, out
	return r, nil
}

// addition is what is added for events of the table that s is of.
func (t *schemaToRecord) addition(p *sourceSchema, s *data.Struct) (*data.Struct, error) {
	v, err := named(s, sourceField)
	if err != nil {
		return nil, err
	}
	source, ok := v.(*data.Struct)
	if !ok || source == nil {
		return nil, errs.IllegalState.New(errNullReference, sourceField)
	}
	if v, err = named(source, "table"); err != nil {
		return nil, err
	}
	if name, ok := v.(string); ok && p.block != nil && name == p.tableName {
		return p.block, nil
	}
	block := data.NewStruct(t.block)
	if err := block.Put("id", v); err != nil {
		return nil, err
	}
	block.With("table", data.NewStruct(t.table).With("columns", p.columns))
	p.tableName, p.block = v.(string), block
	return block, nil
}

// plan works out the schema with the addition and its columns, which are those of `after`.
func (t *schemaToRecord) plan(from *data.Schema) *sourceSchema {
	p := &sourceSchema{}
	if p.after, p.err = fieldOf(from, afterField); p.err != nil {
		return p
	}
	if p.before, p.err = fieldOf(from, beforeField); p.err != nil {
		return p
	}
	b := copyFields(withOptional(data.NewBuilder(data.StructType).Basics(from), from.Optional()),
		from)
	if p.schema, p.columnsErr = b.Field("sourceSchema", t.block).Build(); p.columnsErr != nil {
		return p
	}
	fields, err := fieldsOf(from.Fields()[p.after].Schema)
	if err != nil {
		p.columnsErr = err
		return p
	}
	p.columns = []any{}
	for _, f := range fields {
		c, err := t.columnOf(f.Schema)
		if err != nil {
			p.columnsErr = err
			return p
		}
		p.columns = append(p.columns, c)
	}
	return p
}

// columnOf is what the parameters of a field's schema tell of its column.
func (t *schemaToRecord) columnOf(schema *data.Schema) (*data.Struct, error) {
	name, hasName := schema.Parameter(columnName)
	typeName, hasType := schema.Parameter(columnType)
	if !hasName || !hasType {
		return nil, errs.IllegalArgument.New("Ensure that enable configurations \"column.propagate.source.type\" " +
			"or \"datatype.propagate.source.type\" and the value is set to \".*\"")
	}
	c := data.NewStruct(t.column).With("name", name).With("typeName", typeName)
	for _, p := range []struct{ parameter, field string }{{columnLength, "length"}, {columnScale, "scale"}} {
		text, ok := schema.Parameter(p.parameter)
		if !ok {
			continue
		}
		n, ok := parseInt32(text)
		if !ok {
			return nil, errs.IllegalArgument.New("For input string: \"%s\"", text)
		}
		c.With(p.field, n)
	}
	if comment, ok := schema.Parameter(columnComment); ok {
		c.With("comment", comment)
	}
	return c, nil
}
