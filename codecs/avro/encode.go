package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// encoder writes values. Its methods append to b and return it, also with an error, which is
// errs.Data, or unwritable.
type encoder struct {
	// same are pairs of schemas that were found to be equal though they are not one.
	same map[[2]*data.Schema]struct{}
}

const maxSame = 1000

// top appends a value that isn't null. What is of the type bytes as a whole has no length.
func (e *encoder) top(b []byte, p *plan, v any) ([]byte, error) {
	if len(p.prefix) == 0 && p.as == kindBytes {
		switch p.op {
		case opBytes:
			if raw, ok := v.([]byte); ok {
				return append(b, raw...), nil
			}
		case opDecimal:
			raw, err := p.decimal(v)
			return append(b, raw...), err
		}
	}
	return e.append(b, p, v, 0)
}

// append writes a value: the branch's index where the schema is a union, then the value. The
// common types are here, without a further call; what holds other values counts the depth in
// appendLarge.
func (e *encoder) append(b []byte, p *plan, v any, depth int) ([]byte, error) {
	if v == nil && p.op != opAnything {
		switch {
		case !p.optional:
			return b, errNull()
		case p.null == nil:
			return b, unwritable{fmt.Errorf("null value for a schema that isn't nullable")}
		}
		return append(b, p.null...), nil
	}
	b = append(b, p.prefix...)
	switch p.op {
	case opString:
		if s, ok := v.(string); ok {
			raw := java.Bytes(s)
			b = binary.AppendVarint(b, int64(len(raw)))
			return append(b, raw...), nil
		}
	case opInt64:
		if n, ok := v.(int64); ok {
			return p.appendInt(b, n), nil
		}
	case opInt32:
		if n, ok := v.(int32); ok {
			return p.appendInt(b, int64(n)), nil
		}
	case opBoolean:
		if t, ok := v.(bool); ok {
			if t {
				return append(b, 1), nil
			}
			return append(b, 0), nil
		}
	case opFloat64:
		if f, ok := v.(float64); ok {
			return p.appendFloat(b, f), nil
		}
	case opFloat32:
		if f, ok := v.(float32); ok {
			return p.appendFloat(b, float64(f)), nil
		}
	case opBytes:
		if raw, ok := v.([]byte); ok {
			b = binary.AppendVarint(b, int64(len(raw)))
			return append(b, raw...), nil
		}
	case opInt16:
		if n, ok := v.(int16); ok {
			return p.appendInt(b, int64(n)), nil
		}
	case opInt8:
		if n, ok := v.(int8); ok {
			return p.appendInt(b, int64(n)), nil
		}
	default:
		return e.appendLarge(b, p, v, depth)
	}
	return b, invalidType(p, v)
}

// invalidType is AvroData's error for a value of a class that its schema doesn't take.
func invalidType(p *plan, v any) error {
	return errs.Data.New("Invalid type for %s: class %s", p.schema.Type(), data.JavaClass(v))
}

// appendInt appends an integer as the number that the Avro schema asks for.
func (p *plan) appendInt(b []byte, n int64) []byte {
	switch p.as {
	case kindFloat:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(n)))
	case kindDouble:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(n)))
	case kindInt:
		n = int64(int32(n))
	}
	return binary.AppendVarint(b, n)
}

// appendFloat is appendInt for floating point. Where the registry's schema has an integer for our
// float, what is too big is the biggest and NaN is 0, as with Java's Number.intValue.
func (p *plan) appendFloat(b []byte, f float64) []byte {
	switch p.as {
	case kindInt:
		return binary.AppendVarint(b, int64(java.FloatToInt32(f)))
	case kindLong:
		return binary.AppendVarint(b, java.FloatToInt64(f))
	case kindFloat:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f)))
	}
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
}

// appendLarge writes everything but numbers, texts and bytes. A value that Connect takes and Avro
// doesn't, such as a symbol that the enum lacks, is unwritable.
func (e *encoder) appendLarge(b []byte, p *plan, v any, depth int) ([]byte, error) {
	if depth++; depth > maxNesting {
		return b, errs.Data.New("values are %v", errNesting)
	}
	switch p.op {
	case opStruct:
		if s, ok := v.(*data.Struct); ok && s != nil {
			return e.appendStruct(b, p, s, depth)
		}
	case opArray:
		if list, ok := v.([]any); ok {
			return e.appendArray(b, p, list, depth)
		}
	case opMap:
		if m, ok := v.(*data.Map); ok && m != nil {
			return e.appendMap(b, p, m, depth)
		}
	case opEntries:
		if m, ok := v.(*data.Map); ok && m != nil {
			return e.appendEntries(b, p, m, depth)
		}
	case opUnion:
		if s, ok := v.(*data.Struct); ok && s != nil {
			return e.appendUnion(b, p, s, depth)
		}
	case opEnum:
		if s, ok := v.(string); ok {
			i, ok := p.symbols[s]
			if !ok {
				return b, unwritable{fmt.Errorf("%q is no symbol of the enum", s)}
			}
			return binary.AppendVarint(b, int64(i)), nil
		}
	case opFixed:
		if raw, ok := v.([]byte); ok {
			if len(raw) != p.size {
				return b, unwritable{fmt.Errorf("%d bytes for a fixed of %d", len(raw), p.size)}
			}
			return append(b, raw...), nil
		}
	case opDecimal:
		return p.appendDecimal(b, v)
	case opDate, opTime, opTimestamp:
		return p.appendTime(b, v)
	case opAnything:
		return e.anything(b, v, depth)
	case opFail:
		return b, unwritable{p.err}
	}
	return b, invalidType(p, v)
}

// appendStruct writes the fields in the order of the schema to write with, which may be another
// than the struct's. A null field with a default is written as the default unless
// ignore.default.for.nullables says otherwise.
func (e *encoder) appendStruct(b []byte, p *plan, s *data.Struct, depth int) (_ []byte, err error) {
	if s.Schema() != p.schema && !e.equal(s.Schema(), p.schema) {
		return b, errs.Data.New("Mismatching struct schema")
	}
	for i := range p.fields {
		f := &p.fields[i]
		v := s.At(f.at)
		if v == nil {
			v = f.def
		}
		if b, err = e.append(b, f.plan, v, depth); err != nil {
			return b, err
		}
	}
	return b, nil
}

// equal compares two schemas that are not one, in full only once.
func (e *encoder) equal(a, b *data.Schema) bool {
	pair := [2]*data.Schema{a, b}
	if _, ok := e.same[pair]; ok {
		return true
	}
	if !data.SchemaEqual(a, b) && (a.Refers() == nil && b.Refers() == nil ||
		!data.SchemaEqual(root(a), root(b))) {
		return false
	}
	if e.same == nil || len(e.same) >= maxSame {
		e.same = map[[2]*data.Schema]struct{}{}
	}
	e.same[pair] = struct{}{}
	return true
}

// root is the schema that a place within it stands for.
func root(s *data.Schema) *data.Schema {
	if r := s.Refers(); r != nil {
		return r
	}
	return s
}

// appendArray writes one block with a positive count, and the 0 that ends the array.
func (e *encoder) appendArray(b []byte, p *plan, list []any, depth int) (_ []byte, err error) {
	if len(list) > 0 {
		b = binary.AppendVarint(b, int64(len(list)))
		for _, v := range list {
			if b, err = e.append(b, p.elem, v, depth); err != nil {
				return b, err
			}
		}
	}
	return append(b, 0), nil
}

// appendMap writes entries in the order of the map, where Java has the order of its HashMap:
// readers can't tell, and bytes that are compared shouldn't hold maps.
func (e *encoder) appendMap(b []byte, p *plan, m *data.Map, depth int) (_ []byte, err error) {
	if m.Len() > 0 {
		b = binary.AppendVarint(b, int64(m.Len()))
		for _, entry := range m.Entries() {
			key, ok := entry.Key.(string)
			switch {
			case entry.Key == nil:
				return b, unwritable{errors.New("a map's key is null")}
			case !ok:
				return b, errs.Data.New("Invalid type for MAP: class java.util.LinkedHashMap")
			}
			raw := java.Bytes(key)
			b = binary.AppendVarint(b, int64(len(raw)))
			b = append(b, raw...)
			if b, err = e.append(b, p.elem, entry.Value, depth); err != nil {
				return b, err
			}
		}
	}
	return append(b, 0), nil
}

// appendEntries writes a map as an array of records. The order of key and value is the schema's.
func (e *encoder) appendEntries(b []byte, p *plan, m *data.Map, depth int) (_ []byte, err error) {
	if m.Len() > 0 {
		b = binary.AppendVarint(b, int64(m.Len()))
		for _, entry := range m.Entries() {
			first, second, firstValue, secondValue := p.key, p.elem, entry.Key, entry.Value
			if p.keyIsSecond {
				first, second, firstValue, secondValue = p.elem, p.key, entry.Value, entry.Key
			}
			if b, err = e.append(b, first, firstValue, depth); err != nil {
				return b, err
			}
			if b, err = e.append(b, second, secondValue, depth); err != nil {
				return b, err
			}
		}
	}
	return append(b, 0), nil
}

// appendUnion writes the first field that isn't null.
func (e *encoder) appendUnion(b []byte, p *plan, s *data.Struct, depth int) ([]byte, error) {
	if s.Schema() != p.schema && !e.equal(s.Schema(), p.schema) {
		return b, errs.Data.New("Mismatching struct schema")
	}
	for i := range p.fields {
		f := &p.fields[i]
		v := s.At(f.at)
		if v == nil {
			v = f.def
		}
		if v != nil {
			return e.append(b, f.plan, v, depth)
		}
	}
	return e.append(b, p, nil, depth)
}

// decimal is a number as two's complement. Its scale must be the schema's: nothing is rounded.
func (p *plan) decimal(v any) ([]byte, error) {
	d, ok := v.(data.Decimal)
	if !ok {
		return nil, errs.Data.New("Invalid type for Decimal, expected BigDecimal but was class %s",
			data.JavaClass(v))
	}
	raw, err := data.DecimalFromLogical(p.schema, d)
	if errors.Is(err, errs.IllegalArgument) {
		return nil, errs.Data.Wrap(err, "Invalid Decimal schema")
	}
	return raw, err
}

// appendDecimal writes a decimal as bytes or as a fixed, whose size it must have exactly: neither
// Java nor this pads with sign bytes. A number of up to 64 bits is written without a big integer.
func (p *plan) appendDecimal(b []byte, v any) ([]byte, error) {
	if d, ok := v.(data.Decimal); ok && p.as == kindBytes && p.scaled && d.Scale == p.scale &&
		d.Unscaled != nil && d.Unscaled.IsInt64() {
		return appendUnscaled(b, d.Unscaled.Int64()), nil
	}
	raw, err := p.decimal(v)
	switch {
	case err != nil:
		return b, err
	case p.as == kindFixed:
		if len(raw) != p.size {
			return b, unwritable{fmt.Errorf("a decimal of %d bytes for a fixed of %d", len(raw),
				p.size)}
		}
	default:
		b = binary.AppendVarint(b, int64(len(raw)))
	}
	return append(b, raw...), nil
}

// appendUnscaled appends n in two's complement, in as few bytes as it takes, behind their number.
func appendUnscaled(b []byte, n int64) []byte {
	size := 8
	for size > 1 {
		if rest := n >> (8*size - 9); rest != 0 && rest != -1 {
			break
		}
		size--
	}
	b = binary.AppendVarint(b, int64(size))
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

var timeNames = map[op]string{opDate: "Date", opTime: "Time", opTimestamp: "Timestamp"}

// appendTime writes a date, time or timestamp. A Date with a time of day, or a Time with a day, is
// errs.Data.
func (p *plan) appendTime(b []byte, v any) ([]byte, error) {
	t, ok := v.(time.Time)
	if !ok {
		return b, errs.Data.New("Invalid type for %s, expected Date but was class %s",
			timeNames[p.op], data.JavaClass(v))
	}
	switch p.op {
	case opDate:
		days, err := data.DateFromLogical(p.schema, t)
		return p.appendInt(b, int64(days)), err
	case opTime:
		ms, err := data.TimeFromLogical(p.schema, t)
		return p.appendInt(b, int64(ms)), err
	}
	return p.appendInt(b, t.UnixMilli()), nil
}

// The fields of anything, by their place.
const (
	anyBoolean = iota
	anyBytes
	anyDouble
	anyFloat
	anyInt
	anyLong
	anyString
	anyArray
	anyMap
	anyFields
)

// anything appends a value without schema: a record of nullable fields of which one is set.
func (e *encoder) anything(b []byte, v any, depth int) (_ []byte, err error) {
	at := anyFields
	switch v.(type) {
	case nil:
	case bool:
		at = anyBoolean
	case int8, int16, int32:
		at = anyInt
	case int64:
		at = anyLong
	case float32:
		at = anyFloat
	case float64:
		at = anyDouble
	case string:
		at = anyString
	case []any:
		at = anyArray
	case *data.Map:
		at = anyMap
	default:
		return b, errs.Data.New("Unknown Java type for schemaless data: class %s",
			data.JavaClass(v))
	}
	for range at {
		b = append(b, 0)
	}
	if at < anyFields {
		if b, err = e.anyValue(append(b, 2), v, depth); err != nil {
			return b, err
		}
		at++
	}
	for range anyFields - at {
		b = append(b, 0)
	}
	return b, nil
}

// anyValue writes the one field that is set, behind its index.
func (e *encoder) anyValue(b []byte, v any, depth int) (_ []byte, err error) {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	case int8:
		return binary.AppendVarint(b, int64(v)), nil
	case int16:
		return binary.AppendVarint(b, int64(v)), nil
	case int32:
		return binary.AppendVarint(b, int64(v)), nil
	case int64:
		return binary.AppendVarint(b, v), nil
	case float32:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(v)), nil
	case float64:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)), nil
	case string:
		raw := java.Bytes(v)
		return append(binary.AppendVarint(b, int64(len(raw))), raw...), nil
	}
	if depth++; depth > maxNesting {
		return b, errs.Data.New("values are %v", errNesting)
	}
	if list, ok := v.([]any); ok {
		if len(list) > 0 {
			b = binary.AppendVarint(b, int64(len(list)))
			for _, item := range list {
				if b, err = e.anything(b, item, depth); err != nil {
					return b, err
				}
			}
		}
		return append(b, 0), nil
	}
	m, _ := v.(*data.Map)
	if m == nil {
		return b, errs.Data.New("Unknown Java type for schemaless data: class %s",
			data.JavaClass(v))
	}
	if m.Len() > 0 {
		b = binary.AppendVarint(b, int64(m.Len()))
		for _, entry := range m.Entries() {
			for _, item := range []any{entry.Key, entry.Value} {
				if b, err = e.anything(b, item, depth); err != nil {
					return b, err
				}
			}
		}
	}
	return append(b, 0), nil
}
