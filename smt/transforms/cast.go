package transforms

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func castConfig() *config.Def {
	return config.NewDef(
		kit.Required(kit.Key("spec", config.List, config.High,
			"What to cast to what: field:type pairs for fields of a map or struct, or one type for the whole key or value. "+
				"Types are int8, int16, int32, int64, float32, float64, boolean and string; bytes can be cast to string only."),
			config.LambdaValidator("list of colon-delimited pairs, e.g. <code>foo:bar,abc:xyz</code>", func(_ string, value any) error {
				l, _ := value.([]string)
				if len(l) == 0 {
					return errs.Config.New("Must specify at least one field to cast.")
				}
				_, _, err := parseCasts(l)
				return err
			})),
		replaceNullConfig(),
	)
}

// cast changes the type of fields or of the whole key or value.
type cast struct {
	kit.Base
	side     smt.Side
	whole    data.Type // 0: fields are cast
	fields   []fieldCast
	defaults defaults
	plans    smt.SchemaCache[*castPlan]
}

type fieldCast struct {
	field any // string, boxed once
	to    data.Type
}

// castPlan is a schema made and what each field is cast to, 0 for not at all.
type castPlan struct {
	schema *data.Schema
	to     []data.Type
}

const castPurpose = "cast types"

// Configure refuses a spec with a word that is no type to cast to, and one with a type for the
// whole beside others.
func (c *cast) Configure(props map[string]string) error {
	v, err := castConfig().Parse(props)
	if err != nil {
		return err
	}
	c.defaults = defaults(v.Bool(replaceNullKey))
	c.fields, c.whole, err = parseCasts(v.List("spec"))
	return err
}

func parseCasts(spec []string) (fields []fieldCast, whole data.Type, err error) {
	for _, s := range spec {
		parts := kit.Split(s, ":")
		if len(parts) > 2 {
			return nil, 0, config.Invalid("renames", spec, "Invalid rename mapping: "+s)
		}
		if len(parts) == 0 {
			parts = []string{""}
		}
		to, err := castType(java.Trim(parts[len(parts)-1]))
		if err != nil {
			return nil, 0, err
		}
		if len(parts) == 1 {
			whole = to
			continue
		}
		fields = append(fields, fieldCast{java.Trim(parts[0]), to})
	}
	if whole != 0 && len(spec) > 1 {
		return nil, 0, errs.Config.New("Cast transformations that specify a type to cast the entire value to may only specify a single cast in their spec")
	}
	return fields, whole, nil
}

const castOutputs = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]"

func castType(name string) (data.Type, error) {
	t, ok := data.TypeByName(strings.ToUpper(name))
	if !ok {
		return 0, errs.Config.New("Invalid value java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type.%s for configuration Invalid type found in casting spec: %s", strings.ToUpper(name), name)
	}
	if t > data.String {
		return 0, errs.Config.New("Cast transformation does not support casting to %s; supported types are %s", t, castOutputs)
	}
	return t, nil
}

// Apply leaves null alone. Casting follows Java's narrowing: numbers wrap, fractions are cut.
func (c *cast) Apply(r *data.Record) (*data.Record, error) {
	schema, value := c.side.Get(r)
	if value == nil {
		return r, nil
	}
	var err error
	if schema == nil {
		value, err = c.schemaless(value)
	} else {
		schema, value, err = c.withSchema(schema, value)
	}
	if err != nil {
		return nil, err
	}
	c.side.Set(r, schema, value)
	return r, nil
}

func (c *cast) schemaless(value any) (any, error) {
	if c.whole != 0 {
		return castValue(nil, value, c.whole)
	}
	in, err := asMap(value, castPurpose)
	if err != nil {
		return nil, err
	}
	out := in.Clone()
	for _, f := range c.fields {
		v, _ := in.Get(f.field)
		if v, err = castValue(nil, v, f.to); err != nil {
			return nil, err
		}
		out.Put(f.field, v) // also where there was no such entry, as in Java
	}
	return out, nil
}

func (c *cast) withSchema(schema *data.Schema, value any) (*data.Schema, any, error) {
	plan, ok := c.plans.Get(schema)
	if !ok {
		var err error
		if plan, err = c.plan(schema); err != nil {
			return nil, nil, err
		}
		c.plans.Put(schema, plan)
	}
	if c.whole != 0 {
		v, err := castValue(schema, value, c.whole)
		return plan.schema, v, err
	}
	in, err := kit.Struct(value, castPurpose)
	if err != nil {
		return nil, nil, err
	}
	if !sameFields(in, schema) {
		return nil, nil, errs.Data.New("Struct schemas do not match.")
	}
	out, err := c.castStruct(in, plan)
	return plan.schema, out, err
}

func (c *cast) castStruct(in *data.Struct, plan *castPlan) (*data.Struct, error) {
	out := data.NewStruct(plan.schema)
	for i, to := range plan.to {
		if to == 0 {
			if err := c.defaults.copyField(out, i, in, i); err != nil {
				return nil, err
			}
			continue
		}
		v, err := castValue(in.Schema().Fields()[i].Schema, c.defaults.field(in, i), to)
		if err == nil && v == nil {
			err = kit.CheckNull(out, i)
		}
		if err != nil {
			return nil, err
		}
		out.SetAt(i, v)
	}
	return out, nil
}

func (c *cast) plan(from *data.Schema) (*castPlan, error) {
	if c.whole != 0 {
		schema, err := castSchema(from, data.NewBuilder(c.whole).Basics(from), c.whole)
		return &castPlan{schema: schema}, err
	}
	if from.Type() != data.StructType {
		return nil, errNotStruct()
	}
	p := &castPlan{to: make([]data.Type, len(from.Fields()))}
	for _, fc := range c.fields {
		if i := from.FieldIndex(fc.field.(string)); i >= 0 {
			p.to[i] = fc.to
		}
	}
	b := data.NewBuilder(data.StructType).Basics(from)
	for i, f := range from.Fields() {
		schema := f.Schema
		if to := p.to[i]; to != 0 {
			var err error
			if schema, err = castSchema(f.Schema, data.NewBuilder(to), to); err != nil {
				return nil, err
			}
		}
		b.Field(f.Name, schema)
	}
	if from.Optional() {
		b.Optional()
	}
	if from.Default() != nil {
		// Java casts the default to a struct, which it refuses.
		if _, err := castValue(from, from.Default(), data.StructType); err != nil {
			return nil, err
		}
	}
	var err error
	p.schema, err = b.Build()
	return p, err
}

// castSchema builds a schema that is optional and has a default as another does.
func castSchema(from *data.Schema, b *data.Builder, to data.Type) (*data.Schema, error) {
	if from.Optional() {
		b.Optional()
	}
	if from.Default() != nil {
		def, err := castValue(from, from.Default(), to)
		if err != nil {
			return nil, err
		}
		b.Default(def)
	}
	return b.Build()
}
