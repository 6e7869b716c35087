package transforms

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func valueToKeyConfig() *config.Def {
	return config.NewDef(
		kit.Required(kit.Key("fields", config.List, config.High,
			"Names of the value's fields that the key is made of."), nonEmptyList()),
		replaceNullConfig(),
	)
}

// valueToKey makes a new key of fields of the value.
type valueToKey struct {
	kit.Base
	fields   []string
	names    []any
	defaults defaults
	plans    smt.SchemaCache[*keyPlan]
}

type keyPlan struct {
	schema *data.Schema
	from   []int
}

const valueToKeyPurpose = "copying fields from value to key"

func (t *valueToKey) Configure(props map[string]string) error {
	v, err := valueToKeyConfig().Parse(props)
	if err != nil {
		return err
	}
	t.fields = v.List("fields")
	for _, f := range t.fields {
		t.names = append(t.names, f)
	}
	t.defaults = defaults(v.Bool(replaceNullKey))
	return nil
}

// Apply of a null value fails: there are no fields to take.
func (t *valueToKey) Apply(r *data.Record) (*data.Record, error) {
	if r.ValueSchema == nil {
		m, err := asMap(r.Value, valueToKeyPurpose)
		if err != nil {
			return nil, err
		}
		key := data.NewMap(len(t.names))
		for _, name := range t.names {
			v, _ := m.Get(name)
			key.Put(name, v)
		}
		r.KeySchema, r.Key = nil, key
		return r, nil
	}
	s, err := kit.Struct(r.Value, valueToKeyPurpose)
	if err != nil {
		return nil, err
	}
	plan, ok := t.plans.Get(s.Schema())
	if !ok {
		if plan, err = t.plan(s.Schema()); err != nil {
			return nil, err
		}
		t.plans.Put(s.Schema(), plan)
	}
	key := data.NewStruct(plan.schema)
	for i, from := range plan.from {
		if err := t.defaults.copyField(key, i, s, from); err != nil {
			return nil, err
		}
	}
	r.KeySchema, r.Key = plan.schema, key
	r.ValueSchema = s.Schema()
	return r, nil
}

func (t *valueToKey) plan(from *data.Schema) (*keyPlan, error) {
	b := data.NewBuilder(data.StructType)
	p := &keyPlan{}
	for _, name := range t.fields {
		f, ok := from.Field(name)
		if !ok {
			return nil, errs.Data.New("Field does not exist: %s", name)
		}
		b.Field(name, f.Schema)
		p.from = append(p.from, f.Index)
	}
	var err error
	p.schema, err = b.Build()
	return p, err
}
