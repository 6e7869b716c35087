package aiven

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	outputFieldKey    = "output.field.name"
	replaceMissingKey = "field.replace.missing"
	delimiterKey      = "delimiter"
)

func concatFieldsConfig() *config.Def {
	return config.NewDef(
		required(fieldNamesKey, config.List, config.High, nil,
			"Names of the fields whose texts are joined."),
		required(outputFieldKey, config.String, config.High, config.NonEmptyString(),
			"Name of the field for the joined text."),
		optional(replaceMissingKey, config.String, config.High, "",
			"What stands for a field that is null or isn't there."),
		optional(delimiterKey, config.String, config.High, "", "What is put between the texts."),
	)
}

// concatFields adds a field with the texts of other fields, joined.
// The new schema has the fields and nothing else of the old one: no name, version or parameters.
// That is Java's ConcatFields, and a schema registry's subject by record name changes with it.
type concatFields struct {
	kit.Base
	side               smt.Side
	fields             []string
	names              []any // fields, boxed once
	output             string
	missing, delimiter string
	buf                []byte
	plans              smt.SchemaCache[*concatPlan]
}

// concatPlan is the schema with the field added and the fields to join, -1 for one that isn't there.
type concatPlan struct {
	schema *data.Schema
	from   []int
	err    error
}

// Configure doesn't ask that the output is a new field: a name that is taken fails when the schema
// is made.
func (t *concatFields) Configure(props map[string]string) error {
	v, err := concatFieldsConfig().Parse(props)
	if err != nil {
		return err
	}
	t.fields, t.output = v.List(fieldNamesKey), v.String(outputFieldKey)
	t.missing, t.delimiter = v.String(replaceMissingKey), v.String(delimiterKey)
	for _, f := range t.fields {
		t.names = append(t.names, f)
	}
	return nil
}

// Apply fails with errs.Data for null, and for what is neither struct nor map.
func (t *concatFields) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	switch v := value.(type) {
	case *data.Struct:
		out, err := t.inStruct(schema, v)
		if err != nil {
			return nil, err
		}
		t.side.Set(r, out.Schema(), out)
		return r, nil
	case *data.Map:
		if schema != nil {
			if schema.Type() != data.StructType {
				return nil, errs.Data.New("Cannot list fields on non-struct type")
			}
			plan := t.planOf(schema)
			if plan.err != nil {
				return nil, plan.err
			}
			schema = plan.schema // that a map has no such schema is nobody's concern in Java either
		}
		t.buf = t.buf[:0]
		for i, name := range t.names {
			x, _ := v.Get(name)
			t.add(i, x)
		}
		out := v.Clone()
		out.Put(t.output, string(t.buf))
		t.side.Set(r, schema, out)
		return r, nil
	case nil:
		return nil, wrong(r, "%s Value can't be null", place(t.side))
	}
	return nil, wrong(r, "Value type must be STRUCT or MAP")
}

// add adds the i-th text to the buffer.
func (t *concatFields) add(i int, value any) {
	if i > 0 {
		t.buf = append(t.buf, t.delimiter...)
	}
	if value == nil {
		t.buf = append(t.buf, t.missing...)
		return
	}
	t.buf = data.AppendText(t.buf, value)
}

// inStruct joins the fields of a struct, null ones by their default.
func (t *concatFields) inStruct(schema *data.Schema, in *data.Struct) (*data.Struct, error) {
	if schema != nil && schema != in.Schema() && !data.SchemaEqual(schema, in.Schema()) {
		if schema.Type() != data.StructType {
			return nil, errs.Data.New("Cannot list fields on non-struct type")
		}
		return nil, errs.Data.New("Struct schemas do not match.")
	}
	plan := t.planOf(in.Schema())
	if plan.err != nil {
		return nil, plan.err
	}
	out := data.NewStruct(plan.schema)
	n := len(in.Schema().Fields())
	for i := range n {
		out.SetAt(i, stored(in, i))
		if err := kit.CheckNull(out, i); err != nil {
			return nil, err
		}
	}
	t.buf = t.buf[:0]
	for i, from := range plan.from {
		var v any
		if from >= 0 {
			v = stored(in, from)
		}
		t.add(i, v)
	}
	out.SetAt(n, string(t.buf))
	return out, nil
}

// planOf finds the plan for a schema; what can't be made is kept as an error.
func (t *concatFields) planOf(schema *data.Schema) *concatPlan {
	plan, ok := t.plans.Get(schema)
	if !ok {
		plan = t.plan(schema)
		t.plans.Put(schema, plan)
	}
	return plan
}

// plan makes the schema with the field added, which keeps nothing else of the old one.
func (t *concatFields) plan(from *data.Schema) *concatPlan {
	p := &concatPlan{}
	b := data.NewBuilder(data.StructType)
	for _, f := range from.Fields() {
		b.Field(f.Name, f.Schema)
	}
	p.schema, p.err = b.Field(t.output, data.OptionalStringSchema).Build()
	for _, name := range t.fields {
		p.from = append(p.from, from.FieldIndex(name))
	}
	return p
}
