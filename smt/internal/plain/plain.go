// Package plain copies Connect values and schemas into values that encoding/json prints.
package plain

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/java"
)

// maxDepth bounds how deep a copy goes; what lies below is Deeper.
const maxDepth = 1000

// Deeper stands for what is nested too deep to be copied.
const Deeper = "… (nested too deep)"

// Object is a JSON object whose members keep their order.
type Object []Member

// Member is one member of an Object.
type Member struct {
	Name  string
	Value any
}

// MarshalJSON prints the members in order.
func (o Object) MarshalJSON() ([]byte, error) { return appendJSON(nil, o) }

// appendJSON goes down through objects and lists itself: encoding/json would check the text of an
// object once for every object around it.
func appendJSON(b []byte, v any) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case Object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, m.Name); err != nil {
				return nil, err
			}
			if b, err = appendJSON(append(b, ':'), m.Value); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case []any:
		b = append(b, '[')
		for i, x := range v {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendJSON(b, x); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	}
	enc, err := json.Marshal(v)
	return append(b, enc...), err
}

// Get is the value of the member of that name, nil if there is none.
func (o Object) Get(name string) any {
	for _, m := range o {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Value copies a value.
func Value(v any) any { return value(v, 0) }

func value(v any, depth int) any {
	if depth > maxDepth {
		return Deeper
	}
	switch v := v.(type) {
	case nil, bool, string, int8, int16, int32, int64:
		return v
	case float32:
		return float(float64(v), v)
	case float64:
		return float(v, v)
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case data.Decimal:
		return v.String()
	case *big.Int:
		return v.String()
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = value(v[i], depth+1)
		}
		return out
	case *data.Map:
		return mapValue(v, depth)
	case *data.Struct:
		return structValue(v, depth)
	}
	return data.Text(v)
}

// float is boxed unless JSON lacks it.
func float(f float64, boxed any) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return java.Float64Text(f)
	}
	return boxed
}

func mapValue(m *data.Map, depth int) any {
	if m == nil {
		return nil
	}
	object := make(Object, 0, m.Len())
	for _, e := range m.Entries() {
		name, ok := e.Key.(string)
		if !ok {
			return pairs(m, depth)
		}
		object = append(object, Member{name, value(e.Value, depth+1)})
	}
	return object
}

func pairs(m *data.Map, depth int) any {
	out := make([]any, 0, m.Len())
	for _, e := range m.Entries() {
		out = append(out, []any{value(e.Key, depth+1), value(e.Value, depth+1)})
	}
	return out
}

func structValue(s *data.Struct, depth int) any {
	if s == nil {
		return nil
	}
	fields := s.Schema().Fields()
	object := make(Object, len(fields))
	for i, f := range fields {
		object[i] = Member{f.Name, value(s.At(i), depth+1)}
	}
	return object
}

// Schema copies a schema: type, optional, and what else it has. Nil is nil.
func Schema(s *data.Schema) json.Marshaler {
	if s == nil {
		return nil
	}
	return schema(s, 0)
}

func schema(s *data.Schema, depth int) Object {
	o := Object{{"type", s.Type().String()}, {"optional", s.Optional()}}
	add := func(name string, v any, there bool) {
		if there {
			o = append(o, Member{name, v})
		}
	}
	version, hasVersion := s.Version()
	add("name", s.Name(), s.Name() != "")
	add("version", version, hasVersion)
	add("doc", s.Doc(), s.Doc() != "")
	add("default", Value(s.Default()), s.Default() != nil)
	if depth > maxDepth || s.Refers() != nil {
		return append(o, Member{"fields", Deeper})
	}
	if params := s.Parameters(); len(params) > 0 {
		p := make(Object, len(params))
		for i, x := range params {
			p[i] = Member{x.Name, x.Value}
		}
		add("parameters", p, true)
	}
	if s.Type() == data.StructType {
		fields := make([]any, len(s.Fields()))
		for i, f := range s.Fields() {
			fields[i] = Object{{"name", f.Name}, {"schema", schema(f.Schema, depth+1)}}
		}
		add("fields", fields, true)
	}
	if sub := s.KeySchema(); sub != nil {
		add("keySchema", schema(sub, depth+1), true)
	}
	if sub := s.ValueSchema(); sub != nil {
		add("valueSchema", schema(sub, depth+1), true)
	}
	return o
}
