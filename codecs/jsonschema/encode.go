package jsonschema

import (
	"errors"
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/codecs/internal/jackson"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// op is how values of a schema are written and read: by its logical name, else by its type.
type op uint8

const (
	opNone op = iota // a schema without a type
	opInt8
	opInt16
	opInt32
	opInt64
	opFloat32
	opFloat64
	opBoolean
	opString
	opBytes
	opArray
	opMap
	opStruct
	opUnion
	opDecimal
	opDate
	opTime
	opTimestamp
)

var opsByType = [...]op{
	data.Int8: opInt8, data.Int16: opInt16, data.Int32: opInt32, data.Int64: opInt64,
	data.Float32: opFloat32, data.Float64: opFloat64, data.Boolean: opBoolean,
	data.String: opString, data.Bytes: opBytes,
	data.Array: opArray, data.MapType: opMap, data.StructType: opStruct,
}

var logicalNames = map[op]string{opDate: "Date", opTime: "Time", opTimestamp: "Timestamp"}

// opOf goes by the logical name, then by what makes a union, then by the type.
func opOf(s *data.Schema) op {
	switch s.Name() {
	case "":
	case data.DecimalName:
		return opDecimal
	case data.DateName:
		return opDate
	case data.TimeName:
		return opTime
	case data.TimestampName:
		return opTimestamp
	}
	if isUnion(s) {
		return opUnion
	}
	return opsByType[s.Type()]
}

// plan is a schema made ready for writing and reading its values.
type plan struct {
	schema    *data.Schema
	op        op
	def       any
	optional  bool
	named     bool // a map whose keys are names of an object's members
	key, elem *plan
	fields    []fieldPlan
	scale     int32 // of a decimal, if scaled
	scaled    bool
}

// fieldPlan is a field with its name as it is written.
type fieldPlan struct {
	name string
	lead []byte // name and colon
	plan *plan
}

// compile makes the plan of a schema.
func compile(s *data.Schema) *plan { return compileIn(s, map[*data.Schema]*plan{}) }

// compileIn compiles a schema that occurs several times once, which done holds.
func compileIn(s *data.Schema, done map[*data.Schema]*plan) *plan {
	if s == nil {
		return nil
	}
	if p := done[s]; p != nil {
		return p
	}
	p := &plan{schema: s, op: opOf(s), def: s.Default(), optional: s.Optional()}
	done[s] = p
	if p.op == opDecimal {
		scale, err := data.DecimalScale(s)
		p.scale, p.scaled = scale, err == nil
	}
	switch s.Type() {
	case data.Array:
		p.elem = compileIn(s.ValueSchema(), done)
	case data.MapType:
		key := s.KeySchema()
		p.named = key != nil && key.Type() == data.String && !key.Optional()
		p.key, p.elem = compileIn(key, done), compileIn(s.ValueSchema(), done)
	case data.StructType:
		p.fields = make([]fieldPlan, len(s.Fields()))
		for i, f := range s.Fields() {
			lead := append(java.AppendJSONString(nil, f.Name), ':')
			p.fields[i] = fieldPlan{name: f.Name, lead: lead, plan: compileIn(f.Schema, done)}
		}
	}
	return p
}

// encoder writes values as JSON. Its methods append to b and return it, also with an error.
type encoder struct {
	*options
	same map[[2]*data.Schema]struct{} // pairs of schemas found equal though they are not one
}

// maxSame bounds the pairs that an encoder remembers.
const maxSame = 1000

// noValue says that there is nothing to write: a required value that is null.
const noValue = false

// append appends a value; depth is the number of arrays and objects around it. there is false
// where Java has no value, not even a null, so that a field is left out.
func (e *encoder) append(b []byte, p *plan, v any, depth int) (_ []byte, there bool, err error) {
	if p == nil {
		return e.appendSchemaless(b, v, depth)
	}
	if v == nil {
		switch {
		case p.def != nil && !e.ignoreDefault:
			v = p.def
		case p.optional:
			return append(b, "null"...), true, nil
		default:
			return b, noValue, nil
		}
	}
	switch p.op {
	case opString:
		if s, ok := v.(string); ok {
			return java.AppendJSONString(b, s), true, nil
		}
	case opInt64:
		if n, ok := v.(int64); ok {
			return strconv.AppendInt(b, n, 10), true, nil
		}
	case opInt32:
		if n, ok := v.(int32); ok {
			return strconv.AppendInt(b, int64(n), 10), true, nil
		}
	case opFloat64:
		if f, ok := v.(float64); ok {
			return java.AppendJSONFloat(b, f, 64), true, nil
		}
	case opBoolean:
		if x, ok := v.(bool); ok {
			return strconv.AppendBool(b, x), true, nil
		}
	case opInt16:
		if n, ok := v.(int16); ok {
			return strconv.AppendInt(b, int64(n), 10), true, nil
		}
	case opInt8:
		if n, ok := v.(int8); ok {
			return strconv.AppendInt(b, int64(n), 10), true, nil
		}
	case opFloat32:
		if f, ok := v.(float32); ok {
			return java.AppendJSONFloat(b, float64(f), 32), true, nil
		}
	default:
		return e.appendLarge(b, p, v, depth)
	}
	return b, noValue, invalidType(p, v)
}

// invalidType is JsonSchemaData's error for a value of a class that its schema doesn't take.
func invalidType(p *plan, v any) error {
	return errs.Data.New("Invalid type for %s: class %s", p.schema.Type(), data.JavaClass(v))
}

// appendLarge writes what may hold other values, and logical types.
func (e *encoder) appendLarge(b []byte, p *plan, v any,
	depth int,
) (_ []byte, there bool, err error) {
	switch p.op {
	case opBytes:
		switch v := v.(type) {
		case []byte:
			return jackson.AppendBase64(b, v), true, nil
		case data.Decimal:
			return v.Append(b), true, nil
		}
		return b, noValue, errs.Data.New("Invalid type for bytes type: class %s", data.JavaClass(v))
	case opStruct:
		if s, ok := v.(*data.Struct); ok && s != nil {
			b, err = e.appendStruct(b, p, s, depth)
			return b, true, err
		}
	case opUnion:
		if s, ok := v.(*data.Struct); ok && s != nil {
			return e.appendUnion(b, p, s, depth)
		}
	case opArray:
		if list, ok := v.([]any); ok {
			b, err = e.appendArray(b, p.elem, list, depth)
			return b, true, err
		}
	case opMap:
		if m, ok := v.(*data.Map); ok && m != nil {
			b, err = e.appendMap(b, p, m, depth)
			return b, true, err
		}
	case opDecimal:
		b, err = e.appendDecimal(b, p, v)
		return b, true, err
	case opDate, opTime, opTimestamp:
		b, err = appendTime(b, p, v)
		return b, true, err
	}
	return b, noValue, invalidType(p, v)
}

// tooDeep is the error of Jackson's bound on nesting, which is for writing as well as for reading.
func tooDeep() error {
	return errs.Data.New("arrays and objects would be nested deeper than %d", jackson.MaxDepth)
}

// stored is a field's value, its default where it is null and defaults count.
func (e *encoder) stored(p *plan, v any) any {
	if v == nil && !e.ignoreDefault {
		return p.def
	}
	return v
}

// appendStruct leaves out fields that have no value, as a required one that is null: the struct
// may be read back only where readers don't ask for the field.
func (e *encoder) appendStruct(b []byte, p *plan, s *data.Struct, depth int) (_ []byte, err error) {
	if s.Schema() != p.schema && !e.equal(s.Schema(), p.schema) {
		return b, errs.Data.New("Mismatching schema.")
	}
	if depth++; depth > jackson.MaxDepth {
		return b, tooDeep()
	}
	b = append(b, '{')
	first := true
	for i := range p.fields {
		f := &p.fields[i]
		at := len(b)
		if !first {
			b = append(b, ',')
		}
		b = append(b, f.lead...)
		var there bool
		if b, there, err = e.append(b, f.plan, s.At(i), depth); err != nil {
			return b, err
		}
		if !there {
			b = b[:at]
			continue
		}
		first = false
	}
	return append(b, '}'), nil
}

// appendUnion appends the member that has a value.
func (e *encoder) appendUnion(b []byte, p *plan, s *data.Struct,
	depth int,
) (_ []byte, there bool, err error) {
	if s.Schema() != p.schema && !e.equal(s.Schema(), p.schema) {
		return b, noValue, errs.Data.New("Mismatching schema.")
	}
	if depth++; depth > jackson.MaxDepth { // unions add no nesting, but cost as much
		return b, noValue, tooDeep()
	}
	for i := range p.fields {
		if v := e.stored(p.fields[i].plan, s.At(i)); v != nil {
			return e.append(b, p.fields[i].plan, v, depth)
		}
	}
	return e.append(b, p, nil, depth)
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

// appendOrNull appends a value, or null where there is none.
func (e *encoder) appendOrNull(b []byte, p *plan, v any, depth int) ([]byte, error) {
	b, there, err := e.append(b, p, v, depth)
	if err == nil && !there {
		b = append(b, "null"...)
	}
	return b, err
}

// appendArray writes null for elements without a value.
func (e *encoder) appendArray(b []byte, elem *plan, list []any, depth int) (_ []byte, err error) {
	if depth++; depth > jackson.MaxDepth {
		return b, tooDeep()
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = e.appendOrNull(b, elem, v, depth); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// appendMap appends a map: as an object where keys are strings, else as an array of entries. p is
// nil for a map without schema.
func (e *encoder) appendMap(b []byte, p *plan, m *data.Map, depth int) ([]byte, error) {
	if depth++; depth > jackson.MaxDepth {
		return b, tooDeep()
	}
	if p == nil {
		if stringKeys(m) {
			return e.appendObject(b, nil, nil, m, depth)
		}
		return e.appendEntries(b, nil, nil, m, depth)
	}
	if p.named {
		return e.appendObject(b, p.key, p.elem, m, depth)
	}
	return e.appendEntries(b, p.key, p.elem, m, depth)
}

// stringKeys reports whether a map without schema can be an object.
func stringKeys(m *data.Map) bool {
	for _, entry := range m.Entries() {
		if _, ok := entry.Key.(string); !ok {
			return false
		}
	}
	return true
}

// appendObject writes a map in its own order, where Java has its HashMap's.
func (e *encoder) appendObject(b []byte, key, elem *plan, m *data.Map,
	depth int,
) (_ []byte, err error) {
	b = append(b, '{')
	for i, entry := range m.Entries() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = e.appendKey(b, key, entry.Key); err != nil {
			return b, err
		}
		b = append(b, ':')
		if b, err = e.appendOrNull(b, elem, entry.Value, depth); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// appendKey appends a key as the name of a member. What is not text in JSON, such as the number of
// a date, is put in quotes.
func (e *encoder) appendKey(b []byte, p *plan, key any) ([]byte, error) {
	if s, ok := key.(string); ok && (p == nil || p.op == opString) {
		return java.AppendJSONString(b, s), nil
	}
	at := len(b)
	b, there, err := e.append(append(b, '"'), p, key, jackson.MaxDepth)
	switch {
	case err != nil:
		return b, err
	case !there:
		return b, errs.Data.New("a map has a null key, which JSON objects can't have")
	case b[at+1] == '"':
		return append(b[:at], b[at+1:]...), nil
	}
	return append(b, '"'), nil
}

// appendEntries writes a map as an array of objects with key and value.
func (e *encoder) appendEntries(b []byte, key, elem *plan, m *data.Map,
	depth int,
) (_ []byte, err error) {
	if depth++; depth > jackson.MaxDepth && m.Len() > 0 {
		return b, tooDeep()
	}
	b = append(b, '[')
	for i, entry := range m.Entries() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"key":`...)
		if b, err = e.appendOrNull(b, key, entry.Key, depth); err != nil {
			return b, err
		}
		b = append(b, `,"value":`...)
		if b, err = e.appendOrNull(b, elem, entry.Value, depth); err != nil {
			return b, err
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

// appendDecimal writes base64 of the unscaled number, whose scale must be the schema's, or a
// number with the value's own scale for decimal.format=NUMERIC.
func (e *encoder) appendDecimal(b []byte, p *plan, v any) ([]byte, error) {
	d, ok := v.(data.Decimal)
	if !ok {
		return b, errs.Data.New("Invalid type for Decimal, expected BigDecimal but was class %s",
			data.JavaClass(v))
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

// appendTime writes the number of days or milliseconds.
func appendTime(b []byte, p *plan, v any) ([]byte, error) {
	t, ok := v.(time.Time)
	if !ok {
		return b, errs.Data.New("Invalid type for %s, expected Date but was class %s",
			logicalNames[p.op], data.JavaClass(v))
	}
	switch p.op {
	case opDate:
		days, err := data.DateFromLogical(p.schema, t)
		if err != nil {
			return b, err
		}
		return strconv.AppendInt(b, int64(days), 10), nil
	case opTime:
		ms, err := data.TimeFromLogical(p.schema, t)
		if err != nil {
			return b, err
		}
		return strconv.AppendInt(b, int64(ms), 10), nil
	}
	ms, err := data.TimestampFromLogical(p.schema, t)
	if err != nil {
		return b, err
	}
	return strconv.AppendInt(b, ms, 10), nil
}

// appendSchemaless appends a value by its Go type.
func (e *encoder) appendSchemaless(b []byte, v any, depth int) (_ []byte, there bool, err error) {
	switch v := v.(type) {
	case nil:
		return b, noValue, nil
	case string:
		return java.AppendJSONString(b, v), true, nil
	case int64:
		return strconv.AppendInt(b, v, 10), true, nil
	case int32:
		return strconv.AppendInt(b, int64(v), 10), true, nil
	case int16:
		return strconv.AppendInt(b, int64(v), 10), true, nil
	case int8:
		return strconv.AppendInt(b, int64(v), 10), true, nil
	case bool:
		return strconv.AppendBool(b, v), true, nil
	case float64:
		return java.AppendJSONFloat(b, v, 64), true, nil
	case float32:
		return java.AppendJSONFloat(b, float64(v), 32), true, nil
	case []byte:
		return jackson.AppendBase64(b, v), true, nil
	case *data.Map:
		if v != nil {
			b, err = e.appendMap(b, nil, v, depth)
			return b, true, err
		}
	case []any:
		b, err = e.appendArray(b, nil, v, depth)
		return b, true, err
	case *data.Struct:
		return b, noValue, errs.Data.New("Mismatching schema.")
	}
	return b, noValue, errs.Data.New("Java class class %s does not have corresponding schema type.",
		data.JavaClass(v))
}
