package transforms

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func flattenConfig() *config.Def {
	return config.NewDef(kit.Optional(kit.Key("delimiter", config.String, config.Medium,
		"What is put between the names on the way to a nested field to make the name of the flat one."), ".", nil))
}

// maxDepth bounds how deep maps and structs may be nested, so that no record can use up the
// stack or grow names without limit.
const maxDepth = 1000

// flatten turns nested structs or maps into one, with joined names. Arrays stay as they are.
type flatten struct {
	kit.Base
	side      smt.Side
	delimiter string
	plans     smt.SchemaCache[*flattenPlan]
}

// flattenPlan is the flat schema, and the way through the nested one.
type flattenPlan struct {
	schema *data.Schema
	root   flattenNode
}

// flattenNode is a struct on the way: for each field its struct, nil for a field that is a
// leaf. Leaves are numbered in the order in which the walk meets them.
type flattenNode struct {
	schema *data.Schema
	nested []*flattenNode
	leaves int // in it and below
}

const flattenPurpose = "flattening"

func (t *flatten) Configure(props map[string]string) error {
	v, err := flattenConfig().Parse(props)
	if err != nil {
		return err
	}
	t.delimiter = v.String("delimiter")
	return nil
}

// Apply flattens structs and maps, not arrays: those stay as they are, with what is in them.
func (t *flatten) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	if value == nil {
		return r, nil
	}
	if schema == nil {
		in, err := asMap(value, flattenPurpose)
		if err != nil {
			return nil, err
		}
		out := data.NewMap(in.Len())
		if err := t.flattenMap(out, in, "", 0); err != nil {
			return nil, err
		}
		t.side.Set(r, nil, out)
		return r, nil
	}
	in, err := kit.Struct(value, flattenPurpose)
	if err != nil {
		return nil, err
	}
	plan, ok := t.plans.Get(schema)
	if !ok {
		if plan, err = t.plan(schema); err != nil {
			return nil, err
		}
		t.plans.Put(schema, plan)
	}
	out := data.NewStruct(plan.schema)
	if err := plan.root.copy(out, 0, in); err != nil {
		return nil, err
	}
	t.side.Set(r, plan.schema, out)
	return r, nil
}

func (t *flatten) join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + t.delimiter + name
}

func errTooDeep(name string) error {
	return errs.Data.New("Flatten transformation does not support more than %d levels (at field %.200s)", maxDepth, name)
}

func (t *flatten) flattenMap(out, in *data.Map, prefix string, depth int) error {
	if depth > maxDepth {
		return errTooDeep(prefix)
	}
	for _, e := range in.Entries() {
		own, ok := e.Key.(string)
		if !ok {
			return errs.Data.New("Only string keys are supported for [%s], found: %s",
				flattenPurpose, data.JavaClass(e.Key))
		}
		name := t.join(prefix, own)
		switch v := e.Value.(type) {
		case *data.Map:
			if err := t.flattenMap(out, v, name, depth+1); err != nil {
				return err
			}
		case nil, bool, string, []byte, []any, int8, int16, int32, int64, float32, float64:
			if prefix == "" {
				out.Put(e.Key, v) // boxed already
			} else {
				out.Put(name, v)
			}
		case *data.Struct:
			return errs.Data.New("Flatten transformation does not support class %s for record without schemas (for field %s).", data.JavaClass(v), name)
		default:
			return errs.Data.New("Flatten transformation was passed a value of type class %s which is not supported by Connect's data API", data.JavaClass(v))
		}
	}
	return nil
}

// copy copies the leaves of a struct to out, the first of them to at.
func (n *flattenNode) copy(out *data.Struct, at int, in *data.Struct) error {
	if !sameFields(in, n.schema) {
		return errs.Data.New("Struct schemas do not match.")
	}
	for i, nested := range n.nested {
		if nested == nil {
			if err := defaults(true).copyField(out, at, in, i); err != nil {
				return err
			}
			at++
			continue
		}
		s, err := kit.StructOrNull(in.At(i), flattenPurpose)
		if err != nil {
			return err
		}
		if s != nil {
			if err := nested.copy(out, at, s); err != nil {
				return err
			}
		}
		at += nested.leaves
	}
	return nil
}

// plan works out the flat schema. A field is optional where any struct around it is, and has their
// default's value for its own.
func (t *flatten) plan(schema *data.Schema) (*flattenPlan, error) {
	if schema.Type() != data.StructType {
		return nil, errNotStruct()
	}
	b := data.NewBuilder(data.StructType).Basics(schema)
	def, _ := schema.Default().(*data.Struct)
	root, err := t.planNode(b, schema, "", schema.Optional(), def, 0)
	if err != nil {
		return nil, err
	}
	p := &flattenPlan{root: *root}
	p.schema, err = b.Build()
	return p, err
}

// planNode adds the leaves of a struct's schema to b. A leaf is optional if anything above it
// is, and has the default that the nearest struct above gives it, if it has none of its own.
func (t *flatten) planNode(b *data.Builder, schema *data.Schema, prefix string, optional bool,
	parent *data.Struct, depth int,
) (*flattenNode, error) {
	if depth > maxDepth {
		return nil, errTooDeep(prefix)
	}
	n := &flattenNode{schema: schema, nested: make([]*flattenNode, len(schema.Fields()))}
	for i, f := range schema.Fields() {
		name := t.join(prefix, f.Name)
		opt := optional || f.Schema.Optional()
		def := f.Schema.Default()
		if def == nil && parent != nil {
			def = defaults(true).field(parent, i)
		}
		switch f.Schema.Type() {
		case data.StructType:
			if f.Schema.Refers() != nil { // it has no end
				return nil, errTooDeep(name)
			}
			from, _ := def.(*data.Struct)
			node, err := t.planNode(b, f.Schema, name, opt, from, depth+1)
			if err != nil {
				return nil, err
			}
			n.nested[i] = node
			n.leaves += node.leaves
		case data.MapType:
			return nil, errs.Data.New("Flatten transformation does not support %s for record with schemas (for field %s).", f.Schema.Type(), name)
		default:
			leaf, err := leafSchema(f.Schema, opt, def)
			if err != nil {
				return nil, err
			}
			b.Field(name, leaf)
			n.leaves++
		}
	}
	return n, nil
}

func leafSchema(from *data.Schema, optional bool, def any) (*data.Schema, error) {
	if optional == from.Optional() && from.Default() != nil || optional == from.Optional() &&
		def == nil {
		return from, nil
	}
	b := data.NewBuilder(from.Type())
	if from.Type() == data.Array && from.ValueSchema() != nil {
		b = data.ArrayOf(from.ValueSchema())
	}
	b.Basics(from)
	if optional {
		b.Optional()
	}
	if def != nil {
		b.Default(def)
	}
	return b.Build()
}
