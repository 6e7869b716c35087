package avro

import (
	"math/big"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// defaultNode is a default value as JSON. asField is for the default of a record's field, where
// Java makes doubles of floats.
func (m *maker) defaultNode(s *data.Schema, v any, asField bool) (node, error) {
	if v == nil {
		return node{}, nil
	}
	switch v := v.(type) {
	case bool:
		return boolNode(v), nil
	case int8:
		return intNode(int64(v)), nil
	case int16:
		return intNode(int64(v)), nil
	case int32:
		return intNode(int64(v)), nil
	case int64:
		return intNode(v), nil
	case float32:
		if asField {
			return floatNode(float64(v)), nil
		}
		return node{kind: nodeFloat, text: java.Float32Text(v)}, nil
	case float64:
		return floatNode(v), nil
	case string:
		return stringNode(v), nil
	case []byte:
		return stringNode(latin(v)), nil
	case data.Decimal:
		raw, err := data.DecimalFromLogical(s, v)
		return stringNode(latin(raw)), err
	case time.Time:
		return timeNode(s, v)
	case *big.Int:
		return node{}, errs.Data.New("Invalid type used for default value of %s field: %s",
			s.Type(), data.JavaClass(v))
	}
	return m.defaultLarge(s, v, asField)
}

// timeNode is the default of a logical time as the number that is written for it.
func timeNode(s *data.Schema, t time.Time) (node, error) {
	switch s.Name() {
	case data.DateName:
		days, err := data.DateFromLogical(s, t)
		return intNode(int64(days)), err
	case data.TimeName:
		ms, err := data.TimeFromLogical(s, t)
		return intNode(int64(ms)), err
	}
	return intNode(t.UnixMilli()), nil
}

// defaultLarge is the default of a type that holds others.
func (m *maker) defaultLarge(s *data.Schema, v any, asField bool) (node, error) {
	switch v := v.(type) {
	case []any:
		n := node{kind: nodeArray}
		for _, e := range v {
			item, err := m.defaultNode(s.ValueSchema(), e, asField)
			if err != nil {
				return n, err
			}
			n.items = append(n.items, item)
		}
		return n, nil
	case *data.Map:
		return m.defaultMap(s, v, asField)
	case *data.Struct:
		if isUnion(s) {
			return m.defaultUnion(v, asField)
		}
		n := node{kind: nodeObject}
		for i, f := range v.Schema().Fields() {
			value := v.At(i)
			if value == nil {
				value = f.Schema.Default()
			}
			item, err := m.defaultNode(f.Schema, value, asField)
			if err != nil {
				return n, err
			}
			fieldName := f.Name
			if m.scrub {
				fieldName = scrub(fieldName)
			}
			n.set(fieldName, item)
		}
		return n, nil
	}
	return node{}, errs.Data.New("Invalid type used for default value of %s field: %s", s.Type(),
		data.JavaClass(v))
}

// defaultUnion is the default of the first field that has a value.
func (m *maker) defaultUnion(v *data.Struct, asField bool) (node, error) {
	for i, f := range v.Schema().Fields() {
		if value := v.At(i); value != nil {
			return m.defaultNode(f.Schema, value, asField)
		}
	}
	return node{}, nil
}

// defaultMap is an object for a map of strings, else an array of entries.
func (m *maker) defaultMap(s *data.Schema, v *data.Map, asField bool) (node, error) {
	plain := m.plainMap(s)
	n := node{kind: nodeArray}
	if plain {
		n.kind = nodeObject
	}
	for _, e := range v.Entries() {
		key, err := m.defaultNode(s.KeySchema(), e.Key, asField)
		if err != nil {
			return n, err
		}
		value, err := m.defaultNode(s.ValueSchema(), e.Value, asField)
		if err != nil {
			return n, err
		}
		if plain {
			n.set(key.text, value)
		} else {
			n.items = append(n.items, node{kind: nodeArray, items: []node{key, value}})
		}
	}
	return n, nil
}
