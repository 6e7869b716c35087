package data

import (
	"slices"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Builder makes a Schema step by step. The first mistake is kept and returned by Build as an
// errs.SchemaBuilder error. A Builder is used from one goroutine.
//
// As in Java, a property that was set can't be set to another value.
type Builder struct {
	s   Schema
	err error
	set property // properties that were set
	// within are the places in the STRUCT being built that stand for it.
	within []*Schema
}

type property uint8

const (
	setOptional property = 1 << iota
	setName
	setVersion
	setDoc
	setDefault
)

// fieldIndexFrom is the number of fields from which a schema keeps a map of its names. Below it
// comparing names one by one is as fast.
const fieldIndexFrom = 9

// NewBuilder starts a schema of any type. An ARRAY or MAP made this way has no element, key or
// value schema; use ArrayOf and MapOf unless that is what is meant.
func NewBuilder(t Type) *Builder {
	b := &Builder{s: Schema{typ: t}}
	if t < Int8 || t > StructType {
		return b.fail("type cannot be null")
	}
	return b
}

// ArrayOf starts an ARRAY schema.
func ArrayOf(elem *Schema) *Builder {
	b := &Builder{s: Schema{typ: Array, elem: elem}}
	if elem == nil {
		return b.fail("valueSchema cannot be null.")
	}
	return b
}

// MapOf starts a MAP schema.
func MapOf(key, value *Schema) *Builder {
	b := PartialMapOf(key, value)
	if key == nil {
		return b.fail("keySchema cannot be null.")
	}
	if value == nil {
		return b.fail("valueSchema cannot be null.")
	}
	return b
}

// PartialMapOf starts a MAP schema whose key or value schema may be nil, which is what parsing
// makes of a map with nothing but nulls in it.
func PartialMapOf(key, value *Schema) *Builder {
	return &Builder{s: Schema{typ: MapType, key: key, elem: value}}
}

// StructOf is a required STRUCT schema from name, schema pairs given in order, for code that
// knows its fields: it panics on a mistake of the programmer's.
func StructOf(field string, schema *Schema, more ...any) *Schema {
	b := NewBuilder(StructType).Field(field, schema)
	for i := 0; i+1 < len(more); i += 2 {
		b.Field(more[i].(string), more[i+1].(*Schema))
	}
	return b.MustBuild()
}

// Optional makes null a value of the schema.
func (b *Builder) Optional() *Builder { return b.optional(true) }

// Required makes null no value of the schema, which is the default.
func (b *Builder) Required() *Builder { return b.optional(false) }

func (b *Builder) optional(optional bool) *Builder {
	if b.again(setOptional, "optional", b.s.optional == optional) {
		b.s.optional = optional
	}
	return b
}

// Name sets the schema's name; "" leaves it without one.
func (b *Builder) Name(name string) *Builder {
	if b.again(setName, "name", b.s.name == name) && name != "" {
		b.s.name, b.s.logical = name, logicalOf(name)
		return b
	}
	return b.forget(setName, b.s.name == "")
}

// Version sets the schema's version.
func (b *Builder) Version(version int32) *Builder {
	if b.again(setVersion, "version", b.s.version == version) {
		b.s.version, b.s.hasVersion = version, true
	}
	return b
}

// Doc sets the documentation; "" leaves the schema without.
func (b *Builder) Doc(doc string) *Builder {
	if b.again(setDoc, "doc", b.s.doc == doc) {
		b.s.doc = doc
	}
	return b.forget(setDoc, b.s.doc == "")
}

// Default sets the default value, which must be a value of the schema as built so far: so set
// what else there is to set first. The default of a STRUCT is a Struct of what Build returns
// before Default is called.
func (b *Builder) Default(value any) *Builder {
	if !b.again(setDefault, "default", Equal(b.s.def, value)) {
		return b
	}
	if err := ValidateValue(&b.s, value); err != nil {
		if b.err == nil {
			b.err = errs.SchemaBuilder.Wrap(err, "Invalid default value")
		}
		return b
	}
	b.s.def = value
	return b.forget(setDefault, value == nil)
}

// Parameter sets one parameter, in place if there is one of that name.
func (b *Builder) Parameter(name, value string) *Builder {
	for i := range b.s.params {
		if b.s.params[i].Name == name {
			b.s.params = slices.Clone(b.s.params) // may be shared with a schema that was built
			b.s.params[i].Value = value
			return b
		}
	}
	b.s.params = append(slices.Clip(b.s.params), Parameter{name, value})
	return b
}

// Parameters sets several parameters.
func (b *Builder) Parameters(params ...Parameter) *Builder {
	for _, p := range params {
		b.Parameter(p.Name, p.Value)
	}
	return b
}

// Basics takes over name, version, documentation and parameters of another schema: what
// transforms keep of a schema whose fields they change.
func (b *Builder) Basics(from *Schema) *Builder {
	b.Name(from.name).Doc(from.doc).Parameters(from.params...)
	if from.hasVersion {
		b.Version(from.version)
	}
	return b
}

// Field adds a field to a STRUCT.
func (b *Builder) Field(name string, schema *Schema) *Builder {
	switch {
	case b.s.typ != StructType:
		return b.fail("Cannot create fields on type %s", b.s.typ)
	case name == "":
		return b.fail("fieldName cannot be null.")
	case schema == nil:
		return b.fail("fieldSchema for field %s cannot be null.", name)
	case b.s.FieldIndex(name) >= 0:
		return b.fail("Cannot create field because of field name duplication %s", name)
	}
	f := Field{Name: name, Index: len(b.s.fields), Schema: schema}
	b.s.fields = append(b.s.fields, f)
	switch n := len(b.s.fields); {
	case n == fieldIndexFrom:
		b.s.index = indexFields(b.s.fields)
	case n > fieldIndexFrom:
		b.s.index[name] = f.Index
	}
	return b
}

func indexFields(fields []Field) map[string]int {
	index := make(map[string]int, len(fields))
	for i := range fields {
		index[fields[i].Name] = i
	}
	return index
}

// HasField reports whether the STRUCT being built has a field of that name already.
func (b *Builder) HasField(name string) bool { return b.s.FieldIndex(name) >= 0 }

// Within is a schema for a place inside the STRUCT being built that holds the same STRUCT again:
// a node's next node. It has the name, the fields and all else of the STRUCT that Build returns
// first, to which Refers leads, but its own optionality and, beside the STRUCT's parameters, those
// given. Until then nothing may be asked of it.
func (b *Builder) Within(optional bool, params ...Parameter) *Schema {
	s := &Schema{typ: StructType, optional: optional, params: params}
	b.within = append(b.within, s)
	return s
}

// Build returns the schema. The builder may be used further; what it built doesn't change.
func (b *Builder) Build() (*Schema, error) {
	if b.err != nil {
		return nil, b.err
	}
	s := b.s
	s.fields = slices.Clip(s.fields)
	if s.index != nil {
		s.index = indexFields(s.fields)
	}
	for _, place := range b.within {
		place.standFor(&s)
	}
	b.within = nil
	return &s, nil
}

// standFor completes a schema that Within made.
func (s *Schema) standFor(whole *Schema) {
	optional, params := s.optional, s.params
	*s = *whole
	s.optional, s.refers = optional, whole
	if len(params) > 0 {
		s.params = (&Builder{s: Schema{params: whole.params}}).Parameters(params...).s.params
	}
}

// MustBuild is Build for schemas fixed in code; it panics on an error.
func (b *Builder) MustBuild() *Schema {
	s, err := b.Build()
	if err != nil {
		panic(err)
	}
	return s
}

// again reports whether a property may be set: for the first time, or to what it is.
func (b *Builder) again(p property, name string, same bool) bool {
	if b.set&p != 0 && !same {
		b.fail("Invalid SchemaBuilder call: %s has already been set.", name)
		return false
	}
	b.set |= p
	return true
}

// forget takes a property that was set to nothing as not set.
func (b *Builder) forget(p property, nothing bool) *Builder {
	if nothing {
		b.set &^= p
	}
	return b
}

func (b *Builder) fail(format string, args ...any) *Builder {
	if b.err == nil {
		b.err = errs.SchemaBuilder.New(format, args...)
	}
	return b
}
