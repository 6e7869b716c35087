package protobuf

import (
	"encoding/binary"
	"math"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// encoder writes values as Protobuf. Its methods append to b and return it, also with an error.
// Errors are errs.Data. A nested message's length is put before it once it is written (open,
// closed), so that nothing is written twice. It is used from one goroutine.
type encoder struct {
	*options
	same map[[2]*data.Schema]struct{} // pairs of schemas found equal though they are not one
}

const (
	maxSame  = 1000
	maxDepth = 100 // of messages in messages, which is also the most that protobuf-java reads
)

// invalidType is ProtobufData's error for a value of a class that its schema doesn't take.
func invalidType(p *encPlan, v any) error {
	return errs.Data.New("Invalid type for %s: class %s", p.schema.Type(), data.JavaClass(v))
}

// root appends a whole record. there is false where the JVM's converter makes null of the value.
func (e *encoder) root(b []byte, p *encPlan, v any) (_ []byte, there bool, err error) {
	switch p.op {
	case opDecimal, opDate, opTime, opTimestamp:
		b, err = e.logical(b, p, v)
	case opStruct:
		if isUnion(p.schema) {
			return b, false, errs.Data.New("Unsupported object of class io.confluent.connect.protobuf.ProtobufData$Pair")
		}
		s, ok := v.(*data.Struct)
		if !ok || s == nil {
			return b, false, invalidType(p, v)
		}
		b, err = e.structOf(b, p.message, s, 0)
	case opStringEnum: // a symbol is looked for in the file of the wrappers, where it isn't
		s, ok := v.(string)
		if !ok {
			return b, false, invalidType(p, v)
		}
		if _, ok := p.symbols[s]; ok {
			return b, false, nil
		}
		if s != "" {
			b = appendBytes(b, 1, java.Bytes(s))
		}
	case opIntEnum:
		_, err = e.bits(p, v)
		return b, false, err
	default:
		b, err = e.field(b, 1, p, v, true, 0)
	}
	return b, true, err
}

// field appends a field with its tag, if there is anything to write.
func (e *encoder) field(b []byte, number int32, p *encPlan, v any, implicit bool,
	depth int,
) (_ []byte, err error) {
	if v == nil {
		return b, nil
	}
	if p.misfit != "" {
		return b, errs.Data.New("a value of type %s can't be written: %s", p.schema.Type(),
			p.misfit)
	}
	switch p.op {
	case opArray, opMap:
		return b, errs.Data.New("a list can't be an element of a list in Protobuf")
	case opStruct:
		s, ok := v.(*data.Struct)
		if !ok || s == nil {
			return b, invalidType(p, v)
		}
		b, at := open(appendTag(b, number, 2))
		if b, err = e.structOf(b, p.message, s, depth+1); err != nil {
			return b, err
		}
		return closed(b, at), nil
	case opDecimal, opDate, opTime, opTimestamp:
		b, at := open(appendTag(b, number, 2))
		if b, err = e.logical(b, p, v); err != nil {
			return b, err
		}
		return closed(b, at), nil
	}
	if !p.wrapped || depth == 0 { // a whole record is in its wrapper already
		return e.scalar(b, number, p, v, implicit)
	}
	b, at := open(appendTag(b, number, 2))
	if b, err = e.scalar(b, 1, p, v, true); err != nil {
		return b, err
	}
	return closed(b, at), nil
}

// scalar appends a single value.
func (e *encoder) scalar(b []byte, number int32, p *encPlan, v any, implicit bool) ([]byte, error) {
	switch p.op {
	case opString:
		s, ok := v.(string)
		if !ok {
			return b, invalidType(p, v)
		}
		if implicit && s == "" {
			return b, nil
		}
		return appendBytes(b, number, java.Bytes(s)), nil
	case opBytes:
		raw, ok := v.([]byte)
		if !ok {
			return b, invalidType(p, v)
		}
		if implicit && len(raw) == 0 {
			return b, nil
		}
		return appendBytes(b, number, raw), nil
	case opStringEnum:
		s, ok := v.(string)
		if !ok {
			return b, invalidType(p, v)
		}
		n, ok := p.symbols[s]
		switch {
		case ok && p.kind != kEnum, !ok:
			return b, errs.Data.New("%s is no symbol of the enum", s)
		case implicit && n == p.first:
			return b, nil
		}
		return binary.AppendUvarint(appendTag(b, number, 0), uint64(n)), nil
	}
	bits, err := e.bits(p, v)
	if err != nil || implicit && bits == uint64(int64(p.first)) || p.op == opIntEnum &&
		!p.numbers[int32(bits)] {
		return b, err
	}
	return appendScalar(appendTag(b, number, wireType(p.kind)), p.kind, bits), nil
}

// bits is a number or boolean as 64 bits, an int with its sign.
func (e *encoder) bits(p *encPlan, v any) (uint64, error) {
	switch p.op {
	case opBoolean:
		switch v {
		case true:
			return 1, nil
		case false:
			return 0, nil
		}
		return 0, invalidType(p, v)
	case opFloat32:
		if f, ok := v.(float32); ok {
			return uint64(math.Float32bits(f)), nil
		}
	case opFloat64:
		if f, ok := v.(float64); ok {
			return math.Float64bits(f), nil
		}
	case opInt64:
		if n, ok := v.(int64); ok {
			if p.unsigned {
				n = int64(int32(n))
			}
			return uint64(n), nil
		}
	case opInt32, opIntEnum:
		if n, ok := v.(int32); ok {
			return uint64(int64(n)), nil
		}
	}
	return converted64(p, v)
}

// structOf writes the fields in the order of their numbers, as protobuf-java does. Unions are
// checked before anything of the struct is written, as Java builds the message first.
func (e *encoder) structOf(b []byte, m *encMessage, s *data.Struct,
	depth int,
) (_ []byte, err error) {
	if s.Schema() != m.schema && !e.equal(s.Schema(), m.schema) {
		return b, errs.Data.New("Mismatching struct schema")
	}
	if depth > maxDepth {
		return b, errs.Data.New("messages would be nested deeper than %d", maxDepth)
	}
	for _, i := range m.unions {
		if err := e.checkUnion(m.schema.Fields()[i].Schema,
			e.value(s.At(i), m.schema.Fields()[i].Schema.Default())); err != nil {
			return b, err
		}
	}
	for i := range m.fields {
		f := &m.fields[i]
		v := s.At(f.at)
		if f.member >= 0 {
			if v = e.member(v, m.schema.Fields()[f.at].Schema, f.member); v == nil {
				continue
			}
		} else {
			v = e.value(v, f.def)
		}
		if v == nil {
			continue
		}
		if b, err = e.structField(b, f, v, depth); err != nil {
			return b, err
		}
	}
	return b, nil
}

// value is what is written of a field: its default where it is null and defaults count.
func (e *encoder) value(v, def any) any {
	if v == nil && !e.ignoreDefault {
		return def
	}
	return v
}

// structField writes a field that may be a list or map. A field that the chosen schema lacks has
// the number 0.
func (e *encoder) structField(b []byte, f *encField, v any, depth int) ([]byte, error) {
	switch f.plan.op {
	case opArray:
		list, ok := v.([]any)
		if !ok {
			return b, invalidType(f.plan, v)
		}
		return e.array(b, f, list, depth)
	case opMap:
		m, ok := v.(*data.Map)
		if !ok || m == nil {
			return b, invalidType(f.plan, v)
		}
		return e.mapOf(b, f, m, depth)
	}
	if f.number == 0 {
		return b, errs.Data.New("Cannot find field")
	}
	return e.field(b, f.number, f.plan, v, f.implicit, depth+1)
}

// checkUnion checks a union that is a field's value.
func (e *encoder) checkUnion(s *data.Schema, v any) error {
	if v == nil {
		return nil
	}
	u, ok := v.(*data.Struct)
	if !ok || u == nil {
		return errs.Data.New("Invalid type for %s: class %s", s.Type(), data.JavaClass(v))
	}
	if u.Schema() != s && !e.equal(u.Schema(), s) {
		return errs.Data.New("Mismatching struct schema")
	}
	if e.chosen(u) < 0 {
		return errs.Data.New("Cannot find non-null field")
	}
	return nil
}

// chosen is the first member of a union that has a value, -1 for none.
func (e *encoder) chosen(u *data.Struct) int {
	for i, f := range u.Schema().Fields() {
		if e.value(u.At(i), f.Schema.Default()) != nil {
			return i
		}
	}
	return -1
}

// member is the value of one member of a union, if it is the one that counts.
func (e *encoder) member(v any, s *data.Schema, member int) any {
	u, _ := e.value(v, s.Default()).(*data.Struct)
	if u == nil || e.chosen(u) != member {
		return nil
	}
	return e.value(u.At(member), u.Schema().Fields()[member].Schema.Default())
}

// array writes the elements; null isn't one that Protobuf has. Numbers go in one piece, unless
// they are in wrapper messages.
func (e *encoder) array(b []byte, f *encField, list []any, depth int) (_ []byte, err error) {
	elem := f.plan.elem
	if len(list) == 0 {
		return b, nil
	}
	packed := f.packed && !elem.wrapped
	at := 0
	if packed {
		b, at = open(appendTag(b, f.number, 2))
	}
	for _, v := range list {
		switch {
		case v == nil:
			return b, errs.Data.New("a list in Protobuf can't hold null")
		case packed:
			b, err = e.packedElement(b, elem, v)
		default:
			b, err = e.field(b, f.number, elem, v, false, depth+1)
		}
		if err != nil {
			return b, err
		}
	}
	if packed {
		b = closed(b, at)
	}
	return b, nil
}

// packedElement writes an element without its tag.
func (e *encoder) packedElement(b []byte, p *encPlan, v any) ([]byte, error) {
	if p.misfit != "" {
		return b, errs.Data.New("a value of type %s can't be written: %s", p.schema.Type(),
			p.misfit)
	}
	if p.op == opStringEnum {
		s, ok := v.(string)
		if !ok {
			return b, invalidType(p, v)
		}
		n, ok := p.symbols[s]
		if !ok {
			return b, errs.Data.New("%s is no symbol of the enum", s)
		}
		return binary.AppendUvarint(b, uint64(n)), nil
	}
	bits, err := e.bits(p, v)
	if err != nil {
		return b, err
	}
	if p.op == opIntEnum && !p.numbers[int32(bits)] {
		return b, errs.Data.New("%d is no number of the enum", int32(bits))
	}
	return appendScalar(b, p.kind, bits), nil
}

// mapOf writes a message for each entry; a null key or value is left out, and reads back as zero.
func (e *encoder) mapOf(b []byte, f *encField, m *data.Map, depth int) (_ []byte, err error) {
	entry := f.plan.entry
	if entry == nil || depth > maxDepth {
		return b, errs.Data.New("a map has no message for its entries")
	}
	for _, pair := range m.Entries() {
		var at int
		b, at = open(appendTag(b, f.number, 2))
		for i, v := range [2]any{pair.Key, pair.Value} {
			if v == nil {
				continue
			}
			if b, err = e.structField(b, &entry.fields[i], v, depth+1); err != nil {
				return b, err
			}
		}
		b = closed(b, at)
	}
	return b, nil
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
