package json

import (
	"errors"
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/codecs/internal/jackson"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// The texts of Java's errors.
const (
	writeFailed = "Converting Kafka Connect data to byte[] failed due to serialization error: "
	readFailed  = "Converting byte[] to Kafka Connect data failed due to serialization error: "
	noNull      = "Conversion error: null value for field that is required and has no default value"
)

// encoder writes values as JSON. Its methods append to b and return it, also with an error.
type encoder struct {
	replaceNull bool
	numeric     bool // decimal.format=NUMERIC
	// same are pairs of schemas that were found to be equal though they are not one.
	same map[[2]*data.Schema]struct{}
}

// maxSame bounds the pairs that an encoder remembers.
const maxSame = 1000

// append appends a value; depth is the number of arrays and objects around it.
func (e *encoder) append(b []byte, p *plan, v any, depth int) ([]byte, error) {
	if p == nil {
		return e.appendSchemaless(b, v, depth)
	}
	if v == nil {
		def := p.schema.Default()
		switch {
		case def != nil && e.replaceNull:
			v = def
		case p.schema.Optional():
			return append(b, "null"...), nil
		default:
			return b, errs.Data.New(noNull)
		}
	}
	switch p.op {
	case opString:
		if s, ok := v.(string); ok {
			return java.AppendJSONString(b, s), nil
		}
	case opInt64:
		if n, ok := v.(int64); ok {
			return appendInt(b, n), nil
		}
	case opInt32:
		if n, ok := v.(int32); ok {
			return appendInt(b, int64(n)), nil
		}
	case opFloat64:
		if f, ok := v.(float64); ok {
			return java.AppendJSONFloat(b, f, 64), nil
		}
	case opBoolean:
		if x, ok := v.(bool); ok {
			return appendBool(b, x), nil
		}
	case opInt16:
		if n, ok := v.(int16); ok {
			return appendInt(b, int64(n)), nil
		}
	case opInt8:
		if n, ok := v.(int8); ok {
			return appendInt(b, int64(n)), nil
		}
	case opFloat32:
		if f, ok := v.(float32); ok {
			return java.AppendJSONFloat(b, float64(f), 32), nil
		}
	case opBytes:
		if x, ok := v.([]byte); ok {
			return jackson.AppendBase64(b, x), nil
		}
	default:
		return e.appendLarge(b, p, v, depth)
	}
	return b, invalidType(p, v)
}

func invalidType(p *plan, v any) error {
	return errs.Data.New("Invalid type for %s: class %s", p.schema.Type(), data.JavaClass(v))
}

func (e *encoder) appendLarge(b []byte, p *plan, v any, depth int) ([]byte, error) {
	switch p.op {
	case opStruct:
		if s, ok := v.(*data.Struct); ok && s != nil {
			return e.appendStruct(b, p, s, depth)
		}
	case opArray:
		if list, ok := v.([]any); ok {
			return e.appendArray(b, p.elem, list, depth)
		}
	case opMap:
		if m, ok := v.(*data.Map); ok && m != nil {
			return e.appendMap(b, p, m, depth)
		}
	case opDecimal:
		return e.appendDecimal(b, p, v)
	case opDate, opTime, opTimestamp:
		return appendTime(b, p, v)
	}
	return b, invalidType(p, v)
}

// appendSchemaless appends a value by its Go type.
func (e *encoder) appendSchemaless(b []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return java.AppendJSONString(b, v), nil
	case int64:
		return appendInt(b, v), nil
	case int32:
		return appendInt(b, int64(v)), nil
	case bool:
		return appendBool(b, v), nil
	case float64:
		return java.AppendJSONFloat(b, v, 64), nil
	case *data.Map:
		if v != nil {
			return e.appendMap(b, nil, v, depth)
		}
	case []any:
		return e.appendArray(b, nil, v, depth)
	case []byte:
		return jackson.AppendBase64(b, v), nil
	case int16:
		return appendInt(b, int64(v)), nil
	case int8:
		return appendInt(b, int64(v)), nil
	case float32:
		return java.AppendJSONFloat(b, float64(v), 32), nil
	case *data.Struct:
		return b, errs.Data.New("Mismatching schema.")
	}
	return b, errs.Data.New("Java class class %s does not have corresponding schema type.", data.JavaClass(v))
}

func (e *encoder) appendStruct(b []byte, p *plan, s *data.Struct, depth int) (_ []byte, err error) {
	if s.Schema() != p.schema && !e.equal(s.Schema(), p.schema) {
		return b, errs.Data.New("Mismatching schema.")
	}
	if depth++; depth > jackson.MaxDepth {
		return b, tooDeep()
	}
	b = append(b, '{')
	for i := range p.fields {
		f := &p.fields[i]
		b = append(b, f.lead...)
		if b, err = e.append(b, f.plan, s.At(i), depth); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// equal compares two schemas that are not one, in full only once.
func (e *encoder) equal(a, b *data.Schema) bool {
	pair := [2]*data.Schema{a, b}
	if _, ok := e.same[pair]; ok {
		return true
	}
	if !data.SchemaEqual(a, b) {
		return false
	}
	if e.same == nil || len(e.same) >= maxSame {
		e.same = map[[2]*data.Schema]struct{}{}
	}
	e.same[pair] = struct{}{}
	return true
}

func (e *encoder) appendArray(b []byte, elem *plan, list []any, depth int) (_ []byte, err error) {
	if depth++; depth > jackson.MaxDepth {
		return b, tooDeep()
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = e.append(b, elem, v, depth); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// appendMap appends a map: as an object where keys are strings, else as an array of pairs. p is
// nil for a map without schema.
func (e *encoder) appendMap(b []byte, p *plan, m *data.Map, depth int) (_ []byte, err error) {
	if depth++; depth > jackson.MaxDepth {
		return b, tooDeep()
	}
	if p == nil {
		if stringKeys(m) {
			return e.appendObject(b, nil, nil, m, depth)
		}
		return e.appendPairs(b, nil, nil, m, depth)
	}
	if p.key == nil {
		return b, errs.Data.New("A MAP schema without a key schema can't be converted to JSON")
	}
	if p.key.schema.Type() == data.String {
		return e.appendObject(b, p.key, p.elem, m, depth)
	}
	return e.appendPairs(b, p.key, p.elem, m, depth)
}

func stringKeys(m *data.Map) bool {
	for _, entry := range m.Entries() {
		if _, ok := entry.Key.(string); !ok {
			return false
		}
	}
	return true
}

func (e *encoder) appendObject(b []byte, key, elem *plan, m *data.Map, depth int) (_ []byte, err error) {
	b = append(b, '{')
	for i, entry := range m.Entries() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = e.appendKey(b, key, entry.Key); err != nil {
			return b, err
		}
		b = append(b, ':')
		if b, err = e.append(b, elem, entry.Value, depth); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// appendKey appends a key as the name of a member. What is not text in JSON, such as null or the
// number of a date, is put in quotes.
func (e *encoder) appendKey(b []byte, p *plan, key any) ([]byte, error) {
	if s, ok := key.(string); ok && (p == nil || p.op == opString) {
		return java.AppendJSONString(b, s), nil
	}
	at := len(b)
	b, err := e.append(append(b, '"'), p, key, jackson.MaxDepth)
	if err != nil {
		return b, err
	}
	if b[at+1] == '"' {
		return append(b[:at], b[at+1:]...), nil
	}
	return append(b, '"'), nil
}

func (e *encoder) appendPairs(b []byte, key, elem *plan, m *data.Map, depth int) (_ []byte, err error) {
	if depth++; depth > jackson.MaxDepth && m.Len() > 0 {
		return b, tooDeep()
	}
	b = append(b, '[')
	for i, entry := range m.Entries() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '[')
		if b, err = e.append(b, key, entry.Key, depth); err != nil {
			return b, err
		}
		b = append(b, ',')
		if b, err = e.append(b, elem, entry.Value, depth); err != nil {
			return b, err
		}
		b = append(b, ']')
	}
	return append(b, ']'), nil
}

func (e *encoder) appendDecimal(b []byte, p *plan, v any) ([]byte, error) {
	d, ok := v.(data.Decimal)
	if !ok {
		return b, errs.Data.New("Invalid type for Decimal, expected BigDecimal but was class %s", data.JavaClass(v))
	}
	if e.numeric {
		return d.Append(b), nil
	}
	if p.scaled && d.Scale == p.scale && d.Unscaled != nil && d.Unscaled.IsInt64() {
		var buf [8]byte
		return jackson.AppendBase64(b, data.Int64Bytes(&buf, d.Unscaled.Int64())), nil
	}
	raw, err := data.DecimalFromLogical(p.schema, d)
	switch {
	case errors.Is(err, errs.IllegalArgument): // a schema without parameters, which Java fails on too
		return b, errs.Data.Wrap(err, "Invalid Decimal schema")
	case err != nil:
		return b, err
	}
	return jackson.AppendBase64(b, raw), nil
}

func appendTime(b []byte, p *plan, v any) ([]byte, error) {
	t, ok := v.(time.Time)
	if !ok {
		return b, errs.Data.New("Invalid type for %s, expected Date but was class %s", p.op, data.JavaClass(v))
	}
	switch p.op {
	case opDate:
		days, err := data.DateFromLogical(p.schema, t)
		if err != nil {
			return b, err
		}
		return appendInt(b, int64(days)), nil
	case opTime:
		ms, err := data.TimeFromLogical(p.schema, t)
		if err != nil {
			return b, err
		}
		return appendInt(b, int64(ms)), nil
	}
	return appendInt(b, t.UnixMilli()), nil
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

func appendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }
