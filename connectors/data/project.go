package data

import (
	"errors"
	"math/big"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// Project turns a value of the schema source into one of target, which may be a later or
// earlier version of it: numbers become larger types, fields that target doesn't have are
// dropped, those that source doesn't have get their defaults. Errors are errs.SchemaProjector
// where the schemas don't go together and errs.Data where the value doesn't.
func Project(source *Schema, value any, target *Schema) (any, error) {
	if source == nil || target == nil {
		return nil, errs.Data.New("projection needs two schemas, got %s and %s", source, target)
	}
	if err := compatible(source, target); err != nil {
		return nil, err
	}
	if source.optional && !target.optional {
		if target.def == nil {
			return nil, errs.SchemaProjector.New("Writer schema is optional, however, target schema does not provide a default value.")
		}
		if value == nil {
			return target.def, nil
		}
	}
	if value == nil {
		return nil, nil
	}
	switch target.typ {
	case StructType:
		return projectStruct(source, value, target)
	case Array:
		return projectArray(source, value, target)
	case MapType:
		return projectMap(source, value, target)
	}
	return projectPrimitive(source, value, target), nil
}

func compatible(source, target *Schema) error {
	switch {
	case source.typ != target.typ && !promotable(source.typ, target.typ):
		return errs.SchemaProjector.New("Schema type mismatch. source type: %s and target type: %s", source.typ, target.typ)
	case source.name != target.name:
		return errs.SchemaProjector.New("Schema name mismatch. source name: %s and target name: %s",
			orNull(source.name), orNull(target.name))
	case !equalParameters(source.params, target.params):
		return errs.SchemaProjector.New("Schema parameters not equal. source parameters: %s and target parameters: %s",
			parametersText(source.params), parametersText(target.params))
	}
	return nil
}

func promotable(from, to Type) bool { return from <= to && to <= Float64 }

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

func parametersText(params []Parameter) string {
	if len(params) == 0 {
		return "null"
	}
	var b strings.Builder
	for i, p := range params {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name + "=" + p.Value)
	}
	return "{" + b.String() + "}"
}

func notA(typ Type, value any) error {
	return errs.Data.New("value of schema type %s is a %s: %s", typ, JavaClass(value), Text(value))
}

func projectStruct(source *Schema, value any, target *Schema) (any, error) {
	from, ok := value.(*Struct)
	if !ok {
		return nil, notA(StructType, value)
	}
	to := NewStruct(target)
	for i := range target.fields {
		f := &target.fields[i]
		var v any
		if sf, ok := source.Field(f.Name); ok {
			stored, ok := from.Get(f.Name)
			if !ok {
				return nil, errs.Data.New("%s is not a valid field name", f.Name)
			}
			var err error
			if v, err = Project(sf.Schema, stored, f.Schema); err != nil {
				if errors.Is(err, errs.SchemaProjector) {
					return nil, errs.SchemaProjector.Wrap(err, "Error projecting %s", f.Name)
				}
				return nil, err
			}
		} else if f.Schema.optional {
			continue
		} else if v = f.Schema.def; v == nil {
			return nil, errs.SchemaProjector.New("Required field `%s` is missing from source schema: %s", f.Name, source)
		}
		if err := ValidateField(f.Name, f.Schema, v); err != nil {
			return nil, err
		}
		to.values[i] = v
	}
	return to, nil
}

func projectArray(source *Schema, value any, target *Schema) (any, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, notA(Array, value)
	}
	out := make([]any, len(list))
	for i, v := range list {
		v, err := Project(source.elem, v, target.elem)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func projectMap(source *Schema, value any, target *Schema) (any, error) {
	m, ok := value.(*Map)
	if !ok {
		return nil, notA(MapType, value)
	}
	out := NewMap(m.Len())
	for _, e := range m.entries {
		k, err := Project(source.key, e.Key, target.key)
		if err != nil {
			return nil, err
		}
		v, err := Project(source.elem, e.Value, target.elem)
		if err != nil {
			return nil, err
		}
		out.Put(k, v)
	}
	return out, nil
}

// projectPrimitive makes the number of the target's type; anything else stays what it is.
func projectPrimitive(source *Schema, value any, target *Schema) any {
	if !promotable(source.typ, target.typ) {
		return value
	}
	n, isNumber := numberAsInt64(value)
	if !isNumber {
		return value
	}
	switch value.(type) {
	case Decimal, *big.Int:
	case float32, float64: // Java narrows floats to int first
		f, _ := numberAsFloat64(value)
		if target.typ < Int64 {
			n = int64(java.FloatToInt32(f))
		}
	}
	switch target.typ {
	case Int8:
		return int8(n)
	case Int16:
		return int16(n)
	case Int32:
		return int32(n)
	case Int64:
		return n
	case Float32:
		return numberAsFloat32(value)
	}
	f, _ := numberAsFloat64(value)
	return f
}

// numberAsFloat32 is a number's floatValue, rounded once.
func numberAsFloat32(value any) float32 {
	switch v := value.(type) {
	case float32:
		return v
	case Decimal:
		return v.Float32()
	case float64:
		return float32(v)
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float32()
		return f
	}
	n, _ := numberAsInt64(value)
	return float32(n)
}
