package transforms

import (
	"slices"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func headerFromConfig() *config.Def {
	return config.NewDef(
		kit.Required(kit.Key("fields", config.List, config.High,
			"Names of the fields that become headers."), nonEmptyList()),
		kit.Required(kit.Key("headers", config.List, config.High,
			"Names of the headers, one for each of fields, in the same order."), nonEmptyList()),
		kit.Required(kit.Key("operation", config.String, config.High,
			"move takes the fields out of the key or value, copy leaves them in it."),
			config.ValidString("move", "copy")),
		replaceNullConfig(),
	)
}

// headerFrom makes headers of fields.
type headerFrom struct {
	kit.Base
	side            smt.Side
	fields, headers []string
	move            bool
	purpose         string
	defaults        defaults
	plans           smt.SchemaCache[*headerPlan]
}

// headerPlan is what to do for one schema: which fields become headers, which stay.
type headerPlan struct {
	headers []int
	schema  *data.Schema // of what stays
	stay    []int
}

// Configure wants as many headers as fields.
func (t *headerFrom) Configure(props map[string]string) error {
	v, err := headerFromConfig().Parse(props)
	if err != nil {
		return err
	}
	t.fields, t.headers = v.List("fields"), v.List("headers")
	if len(t.fields) != len(t.headers) {
		return errs.Config.New("'fields' config must have the same number of elements as 'headers' config.")
	}
	t.move = v.String("operation") == "move"
	t.purpose = "header " + v.String("operation")
	t.defaults = defaults(v.Bool(replaceNullKey))
	return nil
}

func (t *headerFrom) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	headers := slices.Grow(slices.Clip(r.Headers), len(t.fields))
	var err error
	if schema == nil {
		value, headers, err = t.fromMap(value, headers)
	} else {
		schema, value, headers, err = t.fromStruct(schema, value, headers)
	}
	if err != nil {
		return nil, err
	}
	r.Headers = headers
	t.side.Set(r, schema, value)
	return r, nil
}

// fromMap takes entries of a map; one that isn't there becomes a header of null.
func (t *headerFrom) fromMap(value any, headers data.Headers) (any, data.Headers, error) {
	in, err := asMap(value, t.purpose)
	if err != nil {
		return nil, nil, err
	}
	out := in
	if t.move {
		out = in.Clone()
	}
	for i, field := range t.fields {
		v, _ := in.Get(field)
		headers = append(headers, data.Header{Key: t.headers[i], Value: v})
		if t.move {
			out.Delete(field)
		}
	}
	return out, headers, nil
}

// fromStruct takes fields of a struct; one that isn't there fails.
func (t *headerFrom) fromStruct(schema *data.Schema, value any,
	headers data.Headers,
) (*data.Schema, any, data.Headers, error) {
	in, err := kit.Struct(value, t.purpose)
	if err != nil {
		return nil, nil, nil, err
	}
	if !sameFields(in, schema) {
		return nil, nil, nil, errs.Data.New("Struct schemas do not match.")
	}
	plan, ok := t.plans.Get(schema)
	if !ok {
		if plan, err = t.plan(schema); err != nil {
			return nil, nil, nil, err
		}
		t.plans.Put(schema, plan)
	}
	out := in
	if t.move {
		out = data.NewStruct(plan.schema)
		for i, from := range plan.stay {
			if err := t.defaults.copyField(out, i, in, from); err != nil {
				return nil, nil, nil, err
			}
		}
		schema = plan.schema
	}
	for i, from := range plan.headers {
		f := &in.Schema().Fields()[from]
		v := t.defaults.field(in, from)
		if v == nil && !f.Schema.Optional() {
			return nil, nil, nil, errs.Data.New("A null value requires an optional schema but was %s", f.Schema)
		}
		headers = append(headers, data.Header{Key: t.headers[i], Schema: f.Schema, Value: v})
	}
	return schema, out, headers, nil
}

func (t *headerFrom) plan(from *data.Schema) (*headerPlan, error) {
	p := &headerPlan{}
	for _, name := range t.fields {
		i := from.FieldIndex(name)
		if i < 0 {
			return nil, errs.Data.New("Field does not exist: %s", name)
		}
		p.headers = append(p.headers, i)
	}
	b := data.NewBuilder(data.StructType).Basics(from)
	for _, f := range from.Fields() {
		if !slices.Contains(t.fields, f.Name) {
			b.Field(f.Name, f.Schema)
			p.stay = append(p.stay, f.Index)
		}
	}
	var err error
	p.schema, err = b.Build()
	return p, err
}
