package debezium

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// rootName stands for the name of the value itself, as if it were a field.
const rootName = "payload"

// maxNesting bounds what is done for a schema that holds itself.
const maxNesting = 64

// inserter puts headers into a struct and the structs in it. It goes by names and levels as the
// Java code does, which works for one level of nesting and has results of its own below.
type inserter struct {
	entries, nested []headerField
}

// check reports an error where the way to a field leads through something other than a struct.
func (in *inserter) check(schema *data.Schema) error {
	for _, e := range in.nested {
		current := schema
		for i := 0; i < len(e.parts)-1; i++ {
			if current.Type() != data.StructType {
				return errs.Data.New("Cannot look up fields on non-struct type")
			}
			f, ok := current.Field(e.parts[i])
			if !ok {
				break
			}
			if f.Schema.Type().Primitive() {
				return errs.IllegalArgument.New("Field '%s' is a primitive type, not a struct. Cannot add nested field '%s'.",
					e.parts[i], e.name)
			}
			current = f.Schema
		}
	}
	return nil
}

// holds reports whether a header goes somewhere into the field, by its name.
func (in *inserter) holds(field string) bool {
	return slices.ContainsFunc(in.nested, func(e headerField) bool { return strings.Contains(e.name, field+".") })
}

// target is the name under which a header becomes a field of the struct, "" if it doesn't.
func target(e *headerField, field string, level int) string {
	switch {
	case len(e.parts) == 1 && field == rootName:
		return e.parts[0]
	case len(e.parts) == level+1 && e.parts[max(level-1, 0)] == field:
		return e.parts[level]
	}
	return ""
}

// parents are the structs that have to be made in a struct for fields in them.
func (in *inserter) parents(field string, schema *data.Schema, level int) []string {
	var names []string
	for _, e := range in.nested {
		here := level == 0 && field == rootName || level > 0 && level < len(e.parts) &&
			e.parts[level-1] == field
		if !here || level >= len(e.parts)-1 {
			continue
		}
		name := e.parts[level]
		if schema.FieldIndex(name) < 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// inParent is the name under which a header becomes a field of a struct that was made, "" if it
// doesn't.
func inParent(e *headerField, parent, field string, level int) string {
	switch {
	case level == 0 && field == rootName:
		if len(e.parts) > 1 && e.parts[0] == parent {
			return e.parts[1]
		}
	case level > 0 && level+1 < len(e.parts):
		if strings.Join(e.parts[:level+1], ".") == parent {
			return e.parts[level+1]
		}
	}
	return ""
}

// schema is the schema with the fields added. A struct in which nothing is changed is left as it is.
func (in *inserter) schema(field string, old *data.Schema, level int) (*data.Schema, error) {
	if old.Type().Primitive() {
		return old, nil
	}
	if level > maxNesting {
		return nil, errs.Data.New("field %s lies deeper than %d structs", field, maxNesting)
	}
	fields, err := fieldsOf(old)
	if err != nil {
		return nil, err
	}
	b := data.NewBuilder(data.StructType).Basics(old)
	for _, f := range fields {
		schema := f.Schema
		if in.holds(f.Name) {
			if schema, err = in.schema(f.Name, schema, level+1); err != nil {
				return nil, err
			}
		}
		b.Field(f.Name, schema)
	}
	for i := range in.entries {
		if name := target(&in.entries[i], field, level); name != "" && !b.HasField(name) {
			b.Field(name, in.entries[i].schema)
		}
	}
	for _, parent := range in.parents(field, old, level) {
		inner := data.NewBuilder(data.StructType).Optional()
		for i := range in.entries {
			if name := inParent(&in.entries[i], parent, field, level); name != "" {
				inner.Field(name, in.entries[i].schema)
			}
		}
		schema, err := inner.Build()
		if err != nil {
			return nil, err
		}
		b.Field(parent, schema)
	}
	return b.Build()
}

// value is a struct with the headers put in.
func (in *inserter) value(field string, old *data.Struct, schema *data.Schema,
	level int,
) (*data.Struct, error) {
	if schema.Type() != data.StructType {
		return nil, errs.Data.New("Not a struct schema: %s", schema)
	}
	s := data.NewStruct(schema)
	for i, f := range old.Schema().Fields() {
		v := stored(old, i)
		if v == nil {
			continue
		}
		at := schema.FieldIndex(f.Name)
		if in.holds(f.Name) {
			inner, err := kit.Struct(v, "Nested field")
			if err != nil {
				return nil, err
			}
			made, err := in.value(f.Name, inner, schema.Fields()[at].Schema, level+1)
			if err != nil {
				return nil, err
			}
			if err := kit.Set(s, at, made); err != nil {
				return nil, err
			}
			continue
		}
		s.SetAt(at, v)
	}
	for i := range in.entries {
		if name := target(&in.entries[i], field, level); name != "" {
			if err := s.Put(name, in.entries[i].value); err != nil {
				return nil, err
			}
		}
	}
	for _, parent := range in.parents(field, old.Schema(), level) {
		f, ok := schema.Field(parent)
		if !ok {
			continue
		}
		if f.Schema.Type() != data.StructType {
			return nil, errs.Data.New("Not a struct schema: %s", f.Schema)
		}
		inner := data.NewStruct(f.Schema)
		for i := range in.entries {
			if name := inParent(&in.entries[i], parent, field, level); name != "" {
				if err := inner.Put(name, in.entries[i].value); err != nil {
					return nil, err
				}
			}
		}
		if err := kit.Set(s, f.Index, inner); err != nil {
			return nil, err
		}
	}
	return s, nil
}
