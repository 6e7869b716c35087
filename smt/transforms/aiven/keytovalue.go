package aiven

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	keyFieldsKey   = "key.fields"
	valueFieldsKey = "value.fields"
	wholeKey       = "*"
	wholeKeyField  = "_key"
)

func keyToValueConfig() *config.Def {
	return config.NewDef(
		required(keyFieldsKey, config.List, config.High, nil,
			"Names of the fields of the key that are copied into the value; * is the whole key."),
		optional(valueFieldsKey, config.List, config.High, "",
			"Names of the fields in the value, in the same order; the name in the key, and _key for the whole key, where there is none."),
	)
}

// keyToValue copies the key, or fields of it, into the value.
// Plans are kept by the value's schema, then by the key's: a topic has few of each.
type keyToValue struct {
	kit.Base
	copies         []keyCopy
	keyFields      string // as messages list them
	fields, wholes bool   // whether fields are copied, and the whole key
	plans          smt.SchemaCache[*smt.SchemaCache[*keyPlan]]
}

// keyCopy is a field of the value and the field of the key that it is copied from.
type keyCopy struct {
	to, from         string
	toName, fromName any // boxed once
}

// keyPlan is what to do for one schema of keys and one of values.
type keyPlan struct {
	schema *data.Schema
	source []keySource // by field of schema
	err    error
}

// keySource is where a field is from: of the value, of the key, or the whole key.
type keySource struct {
	value, key int // -1: not from there
	whole      bool
}

// Configure refuses two fields of one name (errs.Data, as in Java).
func (t *keyToValue) Configure(props map[string]string) error {
	v, err := keyToValueConfig().Parse(props)
	if err != nil {
		return err
	}
	names := v.List(valueFieldsKey)
	var from []string
	for i, key := range v.List(keyFieldsKey) {
		to := key
		if i < len(names) {
			to = names[i]
		}
		if to == wholeKey {
			to = wholeKeyField
		}
		for _, c := range t.copies {
			if c.to == to {
				return errs.Data.New("More than one key value is copied to the value field name '%s'", to)
			}
		}
		t.copies = append(t.copies, keyCopy{to, key, to, key})
		from = append(from, key)
		t.wholes = t.wholes || key == wholeKey
		t.fields = t.fields || key != wholeKey
	}
	t.keyFields = "[" + strings.Join(from, ", ") + "]"
	return nil
}

// Apply infers the schema of a key that has none, where the value has one.
func (t *keyToValue) Apply(r *data.Record) (*data.Record, error) {
	if err := t.check(r); err != nil {
		return nil, err
	}
	s, ok := r.Value.(*data.Struct)
	if !ok {
		out, err := t.intoMap(r)
		if err != nil {
			return nil, err
		}
		r.ValueSchema, r.Value = nil, out
		return r, nil
	}
	keySchema := r.KeySchema
	if keySchema == nil {
		var err error
		if keySchema, err = data.InferSchema(r.Key); err != nil {
			return nil, err
		}
		if keySchema == nil {
			return nil, errs.Data.New("Cannot infer schema for unsupported key class: %s",
				data.JavaClass(r.Key))
		}
	}
	out, err := t.intoStruct(r, keySchema, s)
	if err != nil {
		return nil, err
	}
	r.ValueSchema, r.Value = out.Schema(), out
	return r, nil
}

// check reports an error where the key can't give what is wanted or the value can't take it.
func (t *keyToValue) check(r *data.Record) error {
	_, mapKey := r.Key.(*data.Map)
	_, structKey := r.Key.(*data.Struct)
	_, mapValue := r.Value.(*data.Map)
	switch {
	case t.fields && r.KeySchema != nil && r.KeySchema.Type() != data.StructType:
		return errs.Data.New("Named key fields %s cannot be copied from the key schema: %s",
			t.keyFields, r.KeySchema.Type())
	case t.fields && r.KeySchema == nil && !mapKey && !structKey:
		return errs.Data.New("Named key fields %s cannot be copied from the key class: %s",
			t.keyFields, data.JavaClass(r.Key))
	case t.wholes && r.KeySchema == nil && mapKey && r.ValueSchema != nil &&
		r.ValueSchema.Type() == data.StructType:
		return errs.Data.New("The value requires a schema, but the key class is a schemaless Map")
	case r.ValueSchema == nil && !mapValue || r.ValueSchema != nil &&
		r.ValueSchema.Type() != data.StructType:
		return errs.Data.New("The value needs to be a Struct or Map in order to append fields")
	}
	return nil
}

// intoMap copies into a map, which loses a schema that it may have had. A key that is no map or
// struct has no fields: only as a whole it is copied.
func (t *keyToValue) intoMap(r *data.Record) (*data.Map, error) {
	in, ok := r.Value.(*data.Map)
	if !ok {
		return nil, notCast(r.Value, "java.util.Map")
	}
	out := in.Clone()
	for i := range t.copies {
		c := &t.copies[i]
		var v any
		switch key := r.Key.(type) {
		case *data.Struct:
			if v, ok = key.Get(c.from); !ok && c.from != wholeKey {
				return nil, errs.Data.New("%s is not a valid field name", c.from)
			}
		case *data.Map:
			v, _ = key.Get(c.fromName)
		default:
			if c.from != wholeKey {
				continue
			}
		}
		if c.from == wholeKey {
			v = r.Key
		}
		out.Put(c.toName, v)
	}
	return out, nil
}

// intoStruct copies into a new struct, with the value's defaults for nulls.
func (t *keyToValue) intoStruct(r *data.Record, keySchema *data.Schema,
	in *data.Struct,
) (*data.Struct, error) {
	if in.Schema() != r.ValueSchema && !data.SchemaEqual(in.Schema(), r.ValueSchema) {
		return nil, errs.Data.New("Struct schemas do not match.")
	}
	plan := t.planOf(keySchema, r.ValueSchema)
	if plan.err != nil {
		return nil, plan.err
	}
	key, isStruct := r.Key.(*data.Struct)
	if isStruct && key.Schema() != keySchema && !data.SchemaEqual(key.Schema(), keySchema) {
		return nil, errs.Data.New("Struct schemas do not match.")
	}
	out := data.NewStruct(plan.schema)
	for i := range plan.source {
		var v any
		src := &plan.source[i]
		switch {
		case src.value >= 0:
			v = stored(in, src.value)
		case src.whole:
			v = r.Key
		case isStruct:
			v = stored(key, src.key)
		default:
			continue // a key that is no struct has no fields, and Java leaves the field unset
		}
		if src.whole && !isStruct || v == nil {
			if err := kit.Set(out, i, v); err != nil {
				return nil, err
			}
			continue
		}
		out.SetAt(i, v)
	}
	return out, nil
}

// planOf finds the plan for two schemas; what can't be made is kept as an error.
func (t *keyToValue) planOf(key, value *data.Schema) *keyPlan {
	byKey, ok := t.plans.Get(value)
	if !ok {
		byKey = &smt.SchemaCache[*keyPlan]{}
		t.plans.Put(value, byKey)
	}
	plan, ok := byKey.Get(key)
	if !ok {
		plan = t.plan(key, value)
		byKey.Put(key, plan)
	}
	return plan
}

// plan makes the schema: the fields of the value, of which those that are copied over are replaced in
// their place, and then the new ones.
func (t *keyToValue) plan(key, value *data.Schema) *keyPlan {
	p := &keyPlan{}
	names := make([]string, 0, len(value.Fields())+len(t.copies))
	schemas := map[string]*data.Schema{}
	sources := map[string]keySource{}
	for _, f := range value.Fields() {
		names = append(names, f.Name)
		schemas[f.Name], sources[f.Name] = f.Schema, keySource{value: f.Index, key: -1}
	}
	for _, c := range t.copies {
		if _, ok := schemas[c.to]; !ok {
			names = append(names, c.to)
		}
		if c.from == wholeKey {
			schemas[c.to], sources[c.to] = key, keySource{value: -1, key: -1, whole: true}
			continue
		}
		if key.Type() != data.StructType {
			p.err = errs.Data.New("Cannot look up fields on non-struct type")
			return p
		}
		f, ok := key.Field(c.from)
		if !ok {
			p.err = errs.Data.New("Key field '%s' not found in key schema", c.from)
			return p
		}
		schemas[c.to], sources[c.to] = f.Schema, keySource{value: -1, key: f.Index}
	}
	b := data.NewBuilder(data.StructType).Basics(value)
	if value.Optional() {
		b.Optional()
	}
	for _, name := range names {
		b.Field(name, schemas[name])
		p.source = append(p.source, sources[name])
	}
	p.schema, p.err = b.Build()
	return p
}
