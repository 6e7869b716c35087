package data

import (
	"fmt"
	"hash/crc32"
	"math/big"
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/connectors/java"
)

// String is the schema as Java prints it, Schema{name:TYPE}.
func (s *Schema) String() string {
	switch {
	case s == nil:
		return "null"
	case s.name != "":
		return "Schema{" + s.name + ":" + s.typ.String() + "}"
	}
	return "Schema{" + s.typ.String() + "}"
}

// String is the field as Java prints it.
func (f Field) String() string {
	return "Field{name=" + f.Name + ", index=" + strconv.Itoa(f.Index) + ", schema=" + f.Schema.String() + "}"
}

// String is the pair as Java prints it.
func (sv SchemaAndValue) String() string {
	return "SchemaAndValue{schema=" + sv.Schema.String() + ", value=" + Text(sv.Value) + "}"
}

// String is the struct as Java prints it: the fields that have a value, Struct{a=1,b=x}.
func (s *Struct) String() string { return string(AppendText(nil, s)) }

// String is the map as Java prints it: {a=1, b=x}.
func (m *Map) String() string { return string(AppendText(nil, m)) }

// Text is a value as Java's toString prints it, which is what StringConverter makes of it. It
// differs from what ConvertToString makes of times, bytes, arrays, maps and structs.
func Text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return string(AppendText(nil, value))
}

// AppendText appends Text to b.
func AppendText(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return append(b, v...)
	case bool:
		return strconv.AppendBool(b, v)
	case int8:
		return strconv.AppendInt(b, int64(v), 10)
	case int16:
		return strconv.AppendInt(b, int64(v), 10)
	case int32:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float32:
		return java.AppendFloat32(b, v)
	case float64:
		return java.AppendFloat64(b, v)
	case time.Time:
		return AppendDate(b, v)
	case Decimal:
		return v.Append(b)
	case *big.Int:
		return v.Append(b, 10)
	}
	return appendContainer(b, value)
}

func appendContainer(b []byte, value any) []byte {
	switch v := value.(type) {
	case []byte:
		// Java prints the identity of the array. What we print differs with the content at least.
		return fmt.Appendf(b, "[B@%08x", crc32.ChecksumIEEE(v))
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = AppendText(b, e)
		}
		return append(b, ']')
	case *Map:
		if v == nil {
			return append(b, "null"...)
		}
		b = append(b, '{')
		for i, e := range v.entries {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = append(AppendText(b, e.Key), '=')
			b = AppendText(b, e.Value)
		}
		return append(b, '}')
	case *Struct:
		if v == nil {
			return append(b, "null"...)
		}
		return v.appendTo(b)
	}
	return fmt.Append(b, value)
}

func (s *Struct) appendTo(b []byte) []byte {
	b = append(b, "Struct{"...)
	first := true
	for i, v := range s.values {
		if v == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(b, s.schema.fields[i].Name...), '=')
		b = AppendText(b, v)
	}
	return append(b, '}')
}
