package data

import "github.com/troupe-connect/troupe/connectors/errs"

// Struct is a value of a STRUCT schema. A struct in a record is read only.
type Struct struct {
	schema *Schema
	values []any
}

// NewStruct is a struct of the schema, which must not be nil, with every field null. If it is no
// STRUCT schema, the struct has no fields and Validate and Put say so.
//
// A struct of few fields is one allocation with them: transforms make one per record and step.
func NewStruct(schema *Schema) *Struct {
	n := len(schema.fields)
	var s *Struct
	switch {
	case n <= 1:
		with := new(struct {
			Struct
			room [1]any
		})
		s, with.values = &with.Struct, with.room[:n:n]
	case n <= 2:
		with := new(struct {
			Struct
			room [2]any
		})
		s, with.values = &with.Struct, with.room[:n:n]
	case n <= 3:
		with := new(struct {
			Struct
			room [3]any
		})
		s, with.values = &with.Struct, with.room[:n:n]
	case n <= 4:
		with := new(struct {
			Struct
			room [4]any
		})
		s, with.values = &with.Struct, with.room[:n:n]
	case n <= 6:
		with := new(struct {
			Struct
			room [6]any
		})
		s, with.values = &with.Struct, with.room[:n:n]
	case n <= 8:
		with := new(struct {
			Struct
			room [8]any
		})
		s, with.values = &with.Struct, with.room[:n:n]
	case n <= 12:
		with := new(struct {
			Struct
			room [12]any
		})
		s, with.values = &with.Struct, with.room[:n:n]
	case n <= 16:
		with := new(struct {
			Struct
			room [16]any
		})
		s, with.values = &with.Struct, with.room[:n:n]
	default:
		s = &Struct{values: make([]any, n)}
	}
	s.schema = schema
	return s
}

// Schema is the struct's schema.
func (s *Struct) Schema() *Schema { return s.schema }

// At is the value of the i-th field as stored, without its default.
func (s *Struct) At(i int) any { return s.values[i] }

// SetAt sets the i-th field without checking the value: for code that derived the schema from
// the value. Validate finds what doesn't fit.
func (s *Struct) SetAt(i int, value any) { s.values[i] = value }

// Clear makes every field null: for code that made the struct and knows that nobody else uses it.
func (s *Struct) Clear() { clear(s.values) }

// Fill sets the first fields to the values of another struct, as stored and unchecked like SetAt:
// for code that made the schema from the other's by adding fields behind. Fields for which there is no
// room are left out.
func (s *Struct) Fill(from *Struct) { copy(s.values, from.values) }

// With sets a field, unchecked like SetAt, and returns the struct. A name that the schema doesn't have is a
// programmer's mistake and panics; use Put for names that come from data.
func (s *Struct) With(field string, value any) *Struct {
	s.values[s.schema.FieldIndex(field)] = value
	return s
}

// Put checks a value against its field's schema and sets it. Errors are errs.Data.
func (s *Struct) Put(field string, value any) error {
	i := s.schema.FieldIndex(field)
	if i < 0 {
		return errs.Data.New("%s is not a valid field name", field)
	}
	if err := ValidateField(field, s.schema.fields[i].Schema, value); err != nil {
		return err
	}
	s.values[i] = value
	return nil
}

// GetWithoutDefault is the value of a field as stored and whether the schema has the field.
func (s *Struct) GetWithoutDefault(field string) (any, bool) {
	i := s.schema.FieldIndex(field)
	if i < 0 {
		return nil, false
	}
	return s.values[i], true
}

// Get is the value of a field, its default where it is null, and whether the schema has the
// field.
func (s *Struct) Get(field string) (any, bool) {
	i := s.schema.FieldIndex(field)
	if i < 0 {
		return nil, false
	}
	v := s.values[i]
	if v == nil {
		v = s.schema.fields[i].Schema.def
	}
	return v, true
}

// GetTyped is the value of a field as stored, for code that knows the field's type. Errors are
// errs.Data: no such field, a field of another type, or of a logical type.
func (s *Struct) GetTyped(field string, t Type) (any, error) {
	i := s.schema.FieldIndex(field)
	if i < 0 {
		return nil, errs.Data.New("%s is not a valid field name", field)
	}
	schema := s.schema.fields[i].Schema
	if schema.typ != t {
		return nil, errs.Data.New("Field '%s' is not of type %s", field, t)
	}
	if v := s.values[i]; v != nil && !fits(&Schema{typ: t}, v) {
		return nil, errs.Data.New("Field '%s' has a value of class %s, not of type %s", field, JavaClass(v), t)
	}
	return s.values[i], nil
}
