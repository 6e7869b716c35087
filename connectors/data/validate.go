package data

import (
	"math/big"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// ValidateValue checks a value, and all that is in it, against a schema. Errors are errs.Data.
// A value that fits costs no allocation.
func ValidateValue(schema *Schema, value any) error {
	if in := validate(schema, value); in != nil {
		return in.at("value")
	}
	return nil
}

// ValidateField is ValidateValue for the value of a field; the error names it.
func ValidateField(field string, schema *Schema, value any) error {
	if in := validate(schema, value); in != nil {
		return in.at(`field: "` + field + `"`)
	}
	return nil
}

// Validate checks the values of all fields. A field without a value must be optional or have a
// default. Errors are errs.Data.
func (s *Struct) Validate() error {
	if s.schema == nil || s.schema.typ != StructType {
		return errs.Data.New("Not a struct schema: %s", s.schema)
	}
	for i := range s.schema.fields {
		f := &s.schema.fields[i]
		if s.values[i] == nil && (f.Schema.optional || f.Schema.def != nil) {
			continue
		}
		if err := ValidateField(f.Name, f.Schema, s.values[i]); err != nil {
			return err
		}
	}
	return nil
}

// invalid is a misfit on its way up: the text around the place, and the place as far as it is
// known. Building the place on the way up keeps values that fit free of it.
type invalid struct {
	before, after string
	place         string
	err           error // complete already
}

func (in *invalid) at(outermost string) error {
	if in.err != nil {
		return in.err
	}
	return errs.Data.New("%s%s%s%s", in.before, in.place, outermost, in.after)
}

func (in *invalid) in(place string) *invalid {
	in.place += place
	return in
}

func validate(schema *Schema, value any) *invalid {
	if schema == nil {
		return &invalid{before: "No schema defined for "}
	}
	if value == nil {
		if schema.optional {
			return nil
		}
		return &invalid{before: "Invalid value: null used for required ", after: ", schema type: " + schema.typ.String()}
	}
	if !fits(schema, value) {
		return mismatch(schema, value)
	}
	switch schema.typ {
	case Array:
		if list, ok := value.([]any); ok {
			return validateArray(schema, list)
		}
	case MapType:
		if m, ok := value.(*Map); ok {
			return validateMap(schema, m)
		}
	case StructType:
		if st, ok := value.(*Struct); ok {
			return validateStruct(schema, st)
		}
	}
	return nil
}

// fits reports whether the Go type of a value is the one of the schema. A logical name decides
// before the type does, as in Java.
func fits(schema *Schema, value any) bool {
	switch schema.logical {
	case logicalNone:
	case logicalDecimal:
		_, ok := value.(Decimal)
		return ok
	default:
		_, ok := value.(time.Time)
		return ok
	}
	switch v := value.(type) {
	case string:
		return schema.typ == String
	case int64:
		return schema.typ == Int64
	case int32:
		return schema.typ == Int32
	case bool:
		return schema.typ == Boolean
	case float64:
		return schema.typ == Float64
	case []byte:
		return schema.typ == Bytes
	case *Struct:
		return schema.typ == StructType && v != nil
	case []any:
		return schema.typ == Array
	case *Map:
		return schema.typ == MapType && v != nil
	case int8:
		return schema.typ == Int8
	case int16:
		return schema.typ == Int16
	case float32:
		return schema.typ == Float32
	}
	return false
}

func mismatch(schema *Schema, value any) *invalid {
	text := "Invalid Java object for schema"
	if schema.name != "" {
		text += ` "` + schema.name + `"`
	}
	return &invalid{before: text + " with type " + schema.typ.String() + ": class " + JavaClass(value) + " for "}
}

func validateArray(schema *Schema, list []any) *invalid {
	const place = "element of array "
	if schema.elem == nil {
		return (&invalid{before: "No schema defined for "}).in(place)
	}
	for _, v := range list {
		if in := validate(schema.elem, v); in != nil {
			return in.in(place)
		}
	}
	return nil
}

func validateMap(schema *Schema, m *Map) *invalid {
	const keyPlace, valuePlace = "key of map ", "value of map "
	if schema.key == nil {
		return (&invalid{before: "No schema defined for "}).in(keyPlace)
	}
	if schema.elem == nil {
		return (&invalid{before: "No schema defined for "}).in(valuePlace)
	}
	for i := range m.entries {
		if in := validate(schema.key, m.entries[i].Key); in != nil {
			return in.in(keyPlace)
		}
		if in := validate(schema.elem, m.entries[i].Value); in != nil {
			return in.in(valuePlace)
		}
	}
	return nil
}

func validateStruct(schema *Schema, st *Struct) *invalid {
	if !SchemaEqual(st.schema, schema) {
		return &invalid{err: errs.Data.New("Struct schemas do not match.")}
	}
	if err := st.Validate(); err != nil {
		return &invalid{err: err}
	}
	return nil
}

// JavaClass is the name of the Java class whose objects are what the value is here, as messages
// name it: java.lang.Integer, [B. A type of its own can name its class with a JavaClass method.
func JavaClass(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case bool:
		return "java.lang.Boolean"
	case int8:
		return "java.lang.Byte"
	case int16:
		return "java.lang.Short"
	case int32:
		return "java.lang.Integer"
	case int64:
		return "java.lang.Long"
	case float32:
		return "java.lang.Float"
	case float64:
		return "java.lang.Double"
	case string:
		return "java.lang.String"
	case []byte:
		return "[B"
	case []any:
		return "java.util.ArrayList"
	case *Map:
		return "java.util.HashMap"
	case *Struct:
		return "org.apache.kafka.connect.data.Struct"
	case time.Time:
		return "java.util.Date"
	case Decimal:
		return "java.math.BigDecimal"
	case *big.Int:
		return "java.math.BigInteger"
	case interface{ JavaClass() string }:
		return v.JavaClass()
	}
	return "java.lang.Object"
}
