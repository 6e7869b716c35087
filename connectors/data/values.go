package data

import (
	"encoding/base64"
	"math/big"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// The conversions below are those of Java's Values. Each takes the value's schema, nil for
// none, which says what a time is. Errors are errs.Data, and errs.IllegalArgument for a text
// that is no number where a Decimal is wanted.

// ConvertTo turns a value into one of the schema to; from is its own schema, nil if unknown.
func ConvertTo(to, from *Schema, value any) (any, error) {
	if value == nil {
		if to.optional {
			return nil, nil
		}
		return nil, errNullValue()
	}
	switch to.typ {
	case Bytes:
		return convertBytes(to, value)
	case String:
		s, _, err := ConvertToString(from, value)
		return s, err
	case Boolean:
		b, _, err := ConvertToBoolean(from, value)
		return b, err
	case Int32, Int64:
		return convertInteger(to, from, value)
	case Int8:
		n, _, err := ConvertToInt8(from, value)
		return n, err
	case Int16:
		n, _, err := ConvertToInt16(from, value)
		return n, err
	case Float32:
		f, _, err := ConvertToFloat32(from, value)
		return f, err
	case Float64:
		f, _, err := ConvertToFloat64(from, value)
		return f, err
	case Array:
		return convertToList(to, value)
	case MapType:
		return convertToMap(to, value)
	case StructType:
		return convertToStruct(to, value)
	}
	return nil, unable(value, to.String())
}

func convertInteger(to, from *Schema, value any) (any, error) {
	switch to.logical {
	case logicalDate:
		return convertToDate(to, from, value)
	case logicalTime:
		return convertToTime(to, from, value)
	case logicalTimestamp:
		return convertToTimestamp(to, from, value)
	}
	if to.typ == Int32 {
		n, _, err := ConvertToInt32(from, value)
		return n, err
	}
	n, _, err := ConvertToInt64(from, value)
	return n, err
}

func convertBytes(to *Schema, value any) (any, error) {
	if to.logical == logicalDecimal {
		return convertToDecimal(to, value)
	}
	switch v := value.(type) {
	case []byte:
		return v, nil
	case Decimal:
		return DecimalFromLogical(to, v)
	}
	return nil, unable(value, to.String())
}

func errNullValue() error {
	return errs.Data.New("Unable to convert a null value to a schema that requires a value")
}

func unable(value any, to string) error {
	return errs.Data.New("Unable to convert %s (class %s) to %s", Text(value), JavaClass(value), to)
}

// ConvertToBoolean is the value as a bool: false for the number 0 and the text false. ok is
// false for null.
func ConvertToBoolean(schema *Schema, value any) (b, ok bool, err error) {
	switch v := value.(type) {
	case nil:
		return false, false, nil
	case bool:
		return v, true, nil
	case string:
		if b, ok := ParseString(v).Value.(bool); ok {
			return b, true, nil
		}
	}
	n, err := asInt64(value, schema)
	return n != 0, err == nil, err
}

// ConvertToInt8 is the value as an int8, of which the low bits are kept. ok is false for null.
func ConvertToInt8(schema *Schema, value any) (n int8, ok bool, err error) {
	l, ok, err := ConvertToInt64(schema, value)
	return int8(l), ok, err
}

// ConvertToInt16 is the value as an int16, of which the low bits are kept. ok is false for null.
func ConvertToInt16(schema *Schema, value any) (n int16, ok bool, err error) {
	l, ok, err := ConvertToInt64(schema, value)
	return int16(l), ok, err
}

// ConvertToInt32 is the value as an int32, of which the low bits are kept. ok is false for null.
func ConvertToInt32(schema *Schema, value any) (n int32, ok bool, err error) {
	l, ok, err := ConvertToInt64(schema, value)
	return int32(l), ok, err
}

// ConvertToInt64 is the value as an int64: numbers without their fraction, times as their
// schema keeps them, texts as numbers. ok is false for null.
func ConvertToInt64(schema *Schema, value any) (n int64, ok bool, err error) {
	if value == nil {
		return 0, false, nil
	}
	n, err = asInt64(value, schema)
	return n, err == nil, err
}

// ConvertToFloat32 is the value as a float32. ok is false for null.
func ConvertToFloat32(schema *Schema, value any) (f float32, ok bool, err error) {
	if f, ok := value.(float32); ok {
		return f, true, nil
	}
	d, ok, err := ConvertToFloat64(schema, value)
	return float32(d), ok, err
}

// ConvertToFloat64 is the value as a float64. ok is false for null.
func ConvertToFloat64(schema *Schema, value any) (f float64, ok bool, err error) {
	if value == nil {
		return 0, false, nil
	}
	f, err = asFloat64(value, schema)
	return f, err == nil, err
}

// ConvertToString is the text of a value that ParseString reads back: arrays, maps and structs
// like JSON, bytes in base64, times as AppendISO prints them. ok is false for null.
func ConvertToString(_ *Schema, value any) (s string, ok bool, err error) {
	switch v := value.(type) {
	case nil:
		return "", false, nil
	case string:
		return v, true, nil
	}
	b, err := AppendValue(make([]byte, 0, 32), value)
	return string(b), err == nil, err
}

// AppendValue appends what ConvertToString gives, and null for null.
func AppendValue(b []byte, value any) ([]byte, error) { return appendValue(b, value, false) }

func appendValue(b []byte, value any, embedded bool) ([]byte, error) {
	switch v := value.(type) {
	case string:
		if !embedded {
			return append(b, v...), nil
		}
		return appendEscaped(b, v), nil
	case []byte:
		if !embedded {
			return base64.StdEncoding.AppendEncode(b, v), nil
		}
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), v), '"'), nil
	case time.Time:
		return AppendISO(b, v), nil
	case []any:
		return appendList(b, v)
	case *Map:
		if v != nil {
			return appendMap(b, v)
		}
		return append(b, "null"...), nil
	case *Struct:
		if v != nil {
			return appendStruct(b, v)
		}
		return append(b, "null"...), nil
	case nil, bool, int8, int16, int32, int64, float32, float64, Decimal, *big.Int:
		return AppendText(b, value), nil
	}
	return b, errs.Data.New("Failed to serialize unexpected value type %s: %s", JavaClass(value), Text(value))
}

func appendList(b []byte, list []any) ([]byte, error) {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(b, e, true); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

func appendMap(b []byte, m *Map) ([]byte, error) {
	b = append(b, '{')
	for i, e := range m.entries {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(b, e.Key, true); err != nil {
			return b, err
		}
		if b, err = appendValue(append(b, ':'), e.Value, true); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendStruct(b []byte, s *Struct) ([]byte, error) {
	b = append(b, '{')
	for i, v := range s.values {
		f := &s.schema.fields[i]
		if i > 0 {
			b = append(b, ',')
		}
		if v == nil {
			v = f.Schema.def
		}
		b = append(appendEscaped(b, f.Name), ':')
		var err error
		if b, err = appendValue(b, v, true); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

func appendEscaped(b []byte, s string) []byte {
	b = append(b, '"')
	if !strings.ContainsAny(s, `"\`) {
		return append(append(b, s...), '"')
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

// ConvertToList is the value as an array; a text is parsed.
func ConvertToList(_ *Schema, value any) ([]any, error) { return convertToList(listSelector, value) }

// ConvertToMap is the value as a map; a text is parsed.
func ConvertToMap(_ *Schema, value any) (*Map, error) { return convertToMap(mapSelector, value) }

// ConvertToStruct is the value as a struct, which it must be.
func ConvertToStruct(_ *Schema, value any) (*Struct, error) {
	return convertToStruct(structSelector, value)
}

// What is named in errors as the schema that was wanted.
var (
	listSelector   = ArrayOf(StringSchema).MustBuild()
	mapSelector    = MapOf(StringSchema, StringSchema).MustBuild()
	structSelector = NewBuilder(StructType).MustBuild()
)

// parsed is what a text stands for, and any other value itself. Null is an error.
func parsed(value any) (any, error) {
	if s, ok := value.(string); ok {
		value = ParseString(s).Value
	}
	if value == nil {
		return nil, errNullValue()
	}
	return value, nil
}

func convertToList(to *Schema, value any) ([]any, error) {
	value, err := parsed(value)
	if err != nil {
		return nil, err
	}
	if list, ok := value.([]any); ok {
		return list, nil
	}
	return nil, unable(value, to.String())
}

func convertToMap(to *Schema, value any) (*Map, error) {
	value, err := parsed(value)
	if err != nil {
		return nil, err
	}
	if m, ok := value.(*Map); ok {
		return m, nil
	}
	return nil, unable(value, to.String())
}

func convertToStruct(to *Schema, value any) (*Struct, error) {
	if value == nil {
		return nil, errNullValue()
	}
	if s, ok := value.(*Struct); ok {
		return s, nil
	}
	return nil, unable(value, to.String())
}

// ConvertToDate is the value as a Date: the day of a Timestamp, a number of days, a text.
func ConvertToDate(schema *Schema, value any) (time.Time, error) {
	return convertToDate(DateSchema, schema, value)
}

// ConvertToTime is the value as a Time: the time of day of a Timestamp, milliseconds, a text.
func ConvertToTime(schema *Schema, value any) (time.Time, error) {
	return convertToTime(TimeSchema, schema, value)
}

// ConvertToTimestamp is the value as a Timestamp: that of a Date or Time, milliseconds, a text.
func ConvertToTimestamp(schema *Schema, value any) (time.Time, error) {
	return convertToTimestamp(TimestampSchema, schema, value)
}

func convertToDate(to, from *Schema, value any) (time.Time, error) {
	value, err := parsed(value)
	if err != nil {
		return time.Time{}, err
	}
	if t, ok := value.(time.Time); ok {
		switch {
		case from == nil || from.logical == logicalDate:
			return t, nil
		case from.logical == logicalTimestamp:
			return DateToLogical(to, int32(t.UnixMilli()/millisPerDay))
		}
	}
	n, err := asInt64(value, from)
	if err != nil {
		return time.Time{}, err
	}
	return DateToLogical(to, int32(n))
}

func convertToTime(to, from *Schema, value any) (time.Time, error) {
	value, err := parsed(value)
	if err != nil {
		return time.Time{}, err
	}
	if t, ok := value.(time.Time); ok {
		switch {
		case from == nil || from.logical == logicalTime:
			return t, nil
		case from.logical == logicalTimestamp:
			return TimeToLogical(to, int32(floorMod(t.UnixMilli(), millisPerDay)))
		}
	}
	n, err := asInt64(value, from)
	if err != nil {
		return time.Time{}, err
	}
	return TimeToLogical(to, int32(n))
}

func convertToTimestamp(to, from *Schema, value any) (time.Time, error) {
	value, err := parsed(value)
	if err != nil {
		return time.Time{}, err
	}
	if t, ok := value.(time.Time); ok {
		switch {
		case from == nil || from.logical == logicalTimestamp:
			return t, nil
		case from.logical == logicalDate:
			days, err := DateFromLogical(from, t)
			if err != nil {
				return time.Time{}, err
			}
			return TimestampToLogical(to, int64(days)*millisPerDay)
		}
	}
	n, err := asInt64(value, from)
	if err != nil {
		return time.Time{}, err
	}
	return TimestampToLogical(to, n)
}

// ConvertToDecimal is the value as a Decimal. The scale is used for bytes only; of other values
// it is what they have.
func ConvertToDecimal(_ *Schema, value any, scale int32) (Decimal, error) {
	if value == nil {
		return Decimal{}, errNullValue()
	}
	return convertToDecimal(DecimalSchema(scale), value)
}

func convertToDecimal(to *Schema, value any) (Decimal, error) {
	switch v := value.(type) {
	case []byte:
		return DecimalToLogical(to, v)
	case Decimal:
		return v, nil
	case string:
		return ParseDecimal(v)
	}
	if f, ok := numberAsFloat64(value); ok {
		return ParseDecimal(java.Float64Text(f)) // Java goes by way of the double's text too
	}
	return Decimal{}, unable(value, to.String())
}

// numberAsInt64 is a number's longValue.
func numberAsInt64(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case int32:
		return int64(v), true
	case int16:
		return int64(v), true
	case int8:
		return int64(v), true
	case float64:
		return java.FloatToInt64(v), true
	case float32:
		return java.FloatToInt64(float64(v)), true
	case Decimal:
		return v.Int64(), true
	case *big.Int:
		return lowBits(v), true
	}
	return 0, false
}

// numberAsFloat64 is a number's doubleValue.
func numberAsFloat64(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case Decimal:
		return v.Float64(), true
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f, true
	}
	n, ok := numberAsInt64(value)
	return float64(n), ok
}

func asInt64(value any, schema *Schema) (int64, error) {
	if n, ok := numberAsInt64(value); ok {
		return n, nil
	}
	switch v := value.(type) {
	case string:
		if d, ok := parseDecimal(v); ok {
			return d.Int64(), nil
		}
	case time.Time:
		if schema == nil {
			break
		}
		switch schema.logical {
		case logicalDate:
			n, err := DateFromLogical(schema, v)
			return int64(n), err
		case logicalTime:
			n, err := TimeFromLogical(schema, v)
			return int64(n), err
		case logicalTimestamp:
			return v.UnixMilli(), nil
		}
	}
	if schema != nil {
		return 0, unable(value, schema.String())
	}
	return 0, unable(value, "a number")
}

func asFloat64(value any, schema *Schema) (float64, error) {
	if f, ok := numberAsFloat64(value); ok {
		return f, nil
	}
	if s, ok := value.(string); ok {
		if d, ok := parseDecimal(s); ok {
			return d.Float64(), nil
		}
	}
	n, err := asInt64(value, schema)
	return float64(n), err
}
