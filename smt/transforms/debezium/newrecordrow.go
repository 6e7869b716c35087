package debezium

import (
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// rowMaker makes rows of the rows in change events of one schema: the fields, __deleted if the row
// is rewritten, and the added fields.
type rowMaker struct {
	rewrite, add bool
	from         *data.Schema // of the row that the rest is for
	equal        *data.Schema // another one like it, seen last
	schema       *data.Schema
	err          error // why there is no schema
	required     []int // fields that must not be null
	defaults     []int // fields whose null becomes their default
	added        []reference
}

// make makes the row of the change event s. deleted is the value of __deleted.
func (m *rowMaker) make(t *newRecordState, e *event, s, row *data.Struct,
	deleted any,
) (*data.Struct, error) {
	if schema := row.Schema(); schema != m.from && schema != m.equal {
		if data.SchemaEqual(m.from, schema) {
			m.equal = schema
		} else {
			m.plan(t, e, schema)
		}
	}
	if m.err != nil {
		return nil, m.err
	}
	out := data.NewStruct(m.schema)
	out.Fill(row)
	for _, i := range m.defaults {
		if out.At(i) == nil {
			out.SetAt(i, m.from.Fields()[i].Schema.Default())
		}
	}
	for _, i := range m.required {
		if out.At(i) == nil {
			return nil, kit.CheckNull(out, i)
		}
	}
	n := len(m.from.Fields())
	if m.rewrite {
		out.SetAt(n, deleted)
		n++
	}
	for i := range m.added {
		v, err := m.added[i].value(s)
		if err != nil {
			return nil, err
		}
		if m.added[i].check {
			err = kit.Set(out, n, v)
		} else {
			out.SetAt(n, v)
		}
		if err != nil {
			return nil, err
		}
		n++
	}
	return out, nil
}

// plan works out the schema of rows made of rows of a schema.
// An error, such as of an added field whose name is taken, is kept and given for every row of the
// schema.
func (m *rowMaker) plan(t *newRecordState, e *event, from *data.Schema) {
	*m = rowMaker{rewrite: m.rewrite, add: m.add, from: from}
	b := data.NewBuilder(data.StructType).Basics(from)
	for _, f := range from.Fields() {
		b.Field(f.Name, f.Schema)
		if m.rewrite && t.nullToDefault && f.Schema.Default() != nil {
			m.defaults = append(m.defaults, f.Index)
		}
		if !f.Schema.Optional() {
			m.required = append(m.required, f.Index)
		}
	}
	if m.rewrite {
		b.Field(deletedField, data.OptionalStringSchema)
	}
	if m.add {
		if m.err = e.opErr; m.err != nil {
			return
		}
		if m.added, m.err = resolve(t.fields, e.schema); m.err != nil {
			return
		}
		for _, ref := range m.added {
			b.Field(ref.name, ref.schema)
		}
	}
	m.schema, m.err = b.Build()
}
