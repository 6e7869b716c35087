package avro

import (
	"errors"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// describeDefault sets the default. A field's own comes before connect.default; without the latter
// a parameter says that it is the field's, so that writing the schema again gives the same text.
func (r *reader) describeDefault(b *data.Builder, s *schema, at place) error {
	def := at.def
	own, ok := s.prop(propDefault)
	switch {
	case def == nil && ok:
		def = own
	case def != nil && !ok:
		if r.meta && !r.discardDocs {
			b.Parameter(fieldDefParam, "true")
		}
	}
	if def == nil || def.kind == nodeNull {
		return nil
	}
	soFar, err := b.Build()
	if err != nil {
		return err
	}
	v, err := r.defaultValue(soFar, s, def, 0)
	if err != nil {
		return err
	}
	if v != nil {
		b.Default(v)
	}
	return nil
}

// fieldDefault is the default of a field as Avro reads it: nil for one of another type.
func fieldDefault(s *schema, def *node) *node {
	if def == nil {
		return nil
	}
	if s.kind == kindUnion && len(s.branches) > 0 {
		s = s.branches[0]
	}
	ok := true
	switch def.kind {
	case nodeNull, nodeTrue, nodeFalse:
	case nodeInt:
		ok = numberKinds[s.kind]
	case nodeFloat:
		ok = s.kind == kindFloat || s.kind == kindDouble
	case nodeString:
		ok = s.kind == kindString || s.kind == kindEnum || s.kind == kindBytes ||
			s.kind == kindFixed
	case nodeArray:
		ok = s.kind == kindArray
	case nodeObject:
		ok = s.kind == kindMap || s.kind == kindRecord
	}
	if !ok {
		return nil
	}
	return def
}

// defaultValue is a JSON default as a value of the Connect schema, read as leniently as Jackson does:
// nil is no default.
func (r *reader) defaultValue(c *data.Schema, s *schema, def *node, depth int) (any, error) {
	if depth > maxNesting {
		return nil, errs.Data.New("default: %v", errNesting)
	}
	if def.kind == nodeNull && s.kind != kindUnion {
		return nil, nil
	}
	switch s.kind {
	case kindUnion:
		return r.defaultBranch(c, s, def, depth)
	case kindInt, kindLong:
		return intValue(c, s.kind, def.asInt(s.kind))
	case kindFloat:
		f, _ := strconv.ParseFloat(javaFloat(def.text), 32)
		return float32(f), nil
	case kindDouble:
		return def.float(), nil
	case kindBoolean:
		return def.kind == nodeTrue || def.kind == nodeString && def.text == "true", nil
	case kindString, kindEnum:
		if def.kind == nodeArray || def.kind == nodeObject {
			return "", nil
		}
		if def.kind == nodeString {
			return def.text, nil
		}
		return def.String(), nil
	case kindBytes, kindFixed:
		return defaultBytes(c, def)
	case kindArray:
		return r.defaultArray(c, s, def, depth)
	case kindMap:
		if def.kind != nodeObject {
			return nil, nil
		}
		m := data.NewMap(len(def.members))
		for i := range def.members {
			v, err := r.defaultValue(c.ValueSchema(), s.elem, &def.members[i].value, depth+1)
			if err != nil {
				return nil, err
			}
			m.Put(def.members[i].name, v)
		}
		return m, nil
	case kindRecord:
		return r.defaultRecord(c, s, def, depth)
	}
	return nil, nil
}

// defaultBytes reads a default that is text in ISO 8859-1.
func defaultBytes(c *data.Schema, def *node) (any, error) {
	if def.kind != nodeString {
		return nil, nil
	}
	raw := fromLatin(def.text)
	if c.Name() != data.DecimalName {
		return raw, nil
	}
	return boxed(data.DecimalToLogical(c, raw))
}

// javaFloat is a number's text for strconv, which has another word for infinity.
func javaFloat(text string) string { return strings.Replace(text, "Infinity", "Inf", 1) }

// intValue is an integer as a value of its Connect schema.
func intValue(c *data.Schema, k kind, n int64) (any, error) {
	switch c.Name() {
	case data.DateName:
		return boxed(data.DateToLogical(c, int32(n)))
	case data.TimeName:
		return boxed(data.TimeToLogical(c, int32(n)))
	case data.TimestampName:
		return boxed(data.TimestampToLogical(c, n))
	}
	switch {
	case c.Type() == data.Int8:
		return int8(n), nil
	case c.Type() == data.Int16:
		return int16(n), nil
	case k == kindInt:
		return int32(n), nil
	}
	return n, nil
}

// boxed is a result as a value, nil with an error.
func boxed[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// defaultArray reads an array's default.
func (r *reader) defaultArray(c *data.Schema, s *schema, def *node, depth int) (any, error) {
	// of a map as an array of records it makes nothing
	if def.kind != nodeArray || c.Type() == data.MapType {
		return nil, nil
	}
	list := make([]any, len(def.items))
	for i := range def.items {
		v, err := r.defaultValue(c.ValueSchema(), s.elem, &def.items[i], depth+1)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

// defaultRecord reads a record's default; a field that it leaves out has its own.
func (r *reader) defaultRecord(c *data.Schema, s *schema, def *node, depth int) (any, error) {
	if def.kind != nodeObject {
		return nil, nil
	}
	st := data.NewStruct(c)
	for i := range s.fields {
		f := &s.fields[i]
		in, ok := def.get(f.name)
		if !ok {
			if in = f.def; in == nil {
				continue
			}
		}
		v, err := r.defaultValue(c.Fields()[i].Schema, f.schema, in, depth+1)
		if err != nil {
			return nil, err
		}
		st.SetAt(i, v)
	}
	return st, nil
}

// defaultBranch is the default of a union: the first branch's, or that of the first other one that
// takes it.
func (r *reader) defaultBranch(c *data.Schema, s *schema, def *node, depth int) (any, error) {
	if other, ok := s.nullable(); ok {
		if def.kind == nodeNull {
			return nil, nil
		}
		return r.defaultValue(c, other, def, depth+1)
	}
	if len(s.branches) == 1 && r.flattenSingletons {
		return r.defaultValue(c, s.branches[0], def, depth+1)
	}
	i := 0
	for _, b := range s.branches {
		if b.kind == kindNull {
			continue
		}
		if b.validDefault(def) {
			v, err := r.defaultValue(c.Fields()[i].Schema, b, def, depth+1)
			if err != nil {
				return nil, err
			}
			st := data.NewStruct(c)
			st.SetAt(i, v)
			return st, nil
		}
		i++
	}
	if def.kind == nodeNull {
		return nil, nil
	}
	return nil, errors.New("no branch of the union takes the default " + def.String())
}
