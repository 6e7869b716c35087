package transforms

import (
	"encoding/base64"
	"math/big"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

const castInputs = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING, BYTES]"

// castValue is a value as another type, as Java's casts and parsers have it: numbers lose what
// doesn't fit, texts must be numbers that do.
func castValue(schema *data.Schema, value any, to data.Type) (any, error) {
	if value == nil {
		return nil, nil
	}
	from, ok := typeOf(schema, value)
	if !ok {
		return nil, errs.Data.New("Cast transformation was passed a value of type class %s which is not supported by Connect's data API", data.JavaClass(value))
	}
	if from >= data.Array {
		return nil, errs.Data.New("Cast transformation does not support casting from %s; supported types are %s", from, castInputs)
	}
	if to == data.String {
		return castToString(value), nil
	}
	value, err := encodeLogical(schema, value)
	if err != nil {
		return nil, err
	}
	var out any
	switch v := value.(type) {
	case string:
		out, ok = parseAs(v, to)
		if !ok {
			return nil, errs.Data.New("Value (%s) was out of range for requested data type", v)
		}
		return out, nil
	case bool:
		n := int64(0)
		if v {
			n = 1
		}
		out, ok = integerAs(n, to)
	case int8:
		out, ok = integerAs(int64(v), to)
	case int16:
		out, ok = integerAs(int64(v), to)
	case int32:
		out, ok = integerAs(int64(v), to)
	case int64:
		out, ok = integerAs(v, to)
	case float32:
		out, ok = floatAs(float64(v), to)
	case float64:
		out, ok = floatAs(v, to)
	case data.Decimal:
		out, ok = decimalAs(v, to)
	default:
		return nil, errs.Data.New("Unexpected type in Cast transformation: class %s",
			data.JavaClass(value))
	}
	if !ok {
		return nil, errs.Data.New("%s is not supported in the Cast transformation.", to)
	}
	return out, nil
}

// typeOf is the type that a schema gives, or that a value has by itself.
func typeOf(schema *data.Schema, value any) (data.Type, bool) {
	if schema != nil {
		return schema.Type(), true
	}
	switch value.(type) {
	case string:
		return data.String, true
	case int64:
		return data.Int64, true
	case int32:
		return data.Int32, true
	case bool:
		return data.Boolean, true
	case float64:
		return data.Float64, true
	case float32:
		return data.Float32, true
	case int16:
		return data.Int16, true
	case int8:
		return data.Int8, true
	case []byte:
		return data.Bytes, true
	case []any:
		return data.Array, true
	case *data.Map:
		return data.MapType, true
	case *data.Struct:
		return data.StructType, true
	}
	return 0, false
}

// encodeLogical turns times of a logical type into the number that they are kept as.
func encodeLogical(schema *data.Schema, value any) (any, error) {
	t, ok := value.(time.Time)
	if !ok || schema == nil {
		return value, nil
	}
	switch schema.Name() {
	case data.DateName:
		return data.DateFromLogical(schema, t)
	case data.TimeName:
		return data.TimeFromLogical(schema, t)
	case data.TimestampName:
		return data.TimestampFromLogical(schema, t)
	}
	return value, nil
}

func integerAs(n int64, to data.Type) (any, bool) {
	switch to {
	case data.Int8:
		return int8(n), true
	case data.Int16:
		return int16(n), true
	case data.Int32:
		return int32(n), true
	case data.Int64:
		return n, true
	case data.Float32:
		return float32(n), true
	case data.Float64:
		return float64(n), true
	case data.Boolean:
		return n != 0, true
	}
	return nil, false
}

func floatAs(f float64, to data.Type) (any, bool) {
	switch to {
	case data.Float32:
		return float32(f), true
	case data.Float64:
		return f, true
	case data.Int64, data.Boolean:
		return integerAs(java.FloatToInt64(f), to)
	}
	return integerAs(int64(java.FloatToInt32(f)), to) // narrow types go by way of int
}

func decimalAs(d data.Decimal, to data.Type) (any, bool) {
	switch to {
	case data.Float32:
		return d.Float32(), true
	case data.Float64:
		return d.Float64(), true
	}
	return integerAs(d.Int64(), to)
}

func parseAs(s string, to data.Type) (any, bool) {
	bits := 0
	switch to {
	case data.Boolean:
		return strings.EqualFold(s, "true"), true
	case data.Float32:
		f, ok := java.ParseFloat(s, 32)
		return float32(f), ok
	case data.Float64:
		f, ok := java.ParseFloat(s, 64)
		return f, ok
	case data.Int8:
		bits = 8
	case data.Int16:
		bits = 16
	case data.Int32:
		bits = 32
	case data.Int64:
		bits = 64
	default:
		return nil, false
	}
	n, ok := java.ParseInt(s, bits)
	if !ok {
		return nil, false
	}
	return integerAs(n, to)
}

// castToString is the text that Java's cast makes: of dates their ISO form, of bytes base64.
func castToString(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case time.Time:
		return string(data.AppendISO(nil, v))
	case *big.Int:
		return v.String()
	}
	return data.Text(value)
}
