package protobuf

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/java"
)

// decoder reads messages. It keeps scratch between records.
// What is read is bounded by the payload: nothing is set aside by a length before it is compared
// with the bytes that are left, and depth ends at maxDepth. It is used from one goroutine.
type decoder struct {
	*options
	raws [][]byte // of the messages in the message being read, used as a stack
	sets []uint64 // which fields were there, likewise
}

// root makes the value of a whole record.
func (d *decoder) root(m *decMessage, b []byte) (any, error) {
	d.raws, d.sets = d.raws[:0], d.sets[:0]
	var out [2]any
	if m.schema == nil {
		if err := d.message(m, b, nil, out[:], 0); err != nil {
			return nil, err
		}
		return out[0], nil
	}
	st := data.NewStruct(m.schema)
	if err := d.message(m, b, st, nil, 0); err != nil {
		return nil, err
	}
	return st, nil
}

// target is where the fields of a message go: a struct, or a few values.
type target struct {
	st  *data.Struct
	out []any
}

func (t target) set(i int, v any) {
	if t.st != nil {
		t.st.SetAt(i, v)
		return
	}
	t.out[i] = v
}

func (t target) get(i int) any {
	if t.st != nil {
		return t.st.At(i)
	}
	return t.out[i]
}

// message reads a message into a struct or, where st is nil, into values by place.
// Unknown fields are passed over, as are those of another wire type than their field's; an end of
// a group that didn't begin is an error, and so is the number 0.
func (d *decoder) message(m *decMessage, b []byte, st *data.Struct, out []any, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	base, first := len(d.raws), len(d.sets)
	n := len(m.fields)
	d.raws = append(d.raws, make([][]byte, n)...)
	d.sets = append(d.sets, make([]uint64, (n+63)/64)...)
	t := target{st, out}
	for len(b) > 0 {
		tag, size := uvarint(b)
		if size <= 0 {
			return varintError(size)
		}
		b = b[size:]
		number, wire := int32(tag>>3), int(tag&7)
		if tag > math.MaxUint32 {
			number = int32(uint32(tag) >> 3)
		}
		if number == 0 {
			return errTag
		}
		if wire == 4 {
			return errGroup
		}
		i := m.find(number)
		var err error
		if i < 0 || !m.fields[i].takes(wire) {
			b, err = skip(b, number, wire, depth)
		} else {
			b, err = d.value(m, i, b, wire, t, base, first)
		}
		if err != nil {
			return err
		}
	}
	err := d.finish(m, t, base, first, depth)
	d.raws, d.sets = d.raws[:base], d.sets[:first]
	return err
}

// takes reports whether a field can be read from a wire type.
func (f *decField) takes(wire int) bool {
	switch f.kind {
	case kString, kBytes, kMessage:
		return wire == 2
	case kNone, kGroup:
		return false
	}
	return wire == int(wireType(f.kind)) || f.repeated && wire == 2
}

// was reports whether the i-th field was there; first is where the message's bits begin.
func (d *decoder) was(first, i int) bool { return d.sets[first+i/64]>>(i%64)&1 == 1 }

// mark notes whether the i-th field counts as there.
func (d *decoder) mark(first, i int, there bool) {
	if there {
		d.sets[first+i/64] |= 1 << (i % 64)
	} else {
		d.sets[first+i/64] &^= 1 << (i % 64)
	}
}

// value reads one value of a field. Messages are kept as they are until all is read, since of several
// with one number all count.
func (d *decoder) value(m *decMessage, i int, b []byte, wire int, t target,
	base, first int,
) (_ []byte, err error) {
	f := &m.fields[i]
	if f.repeated {
		return d.repeated(f, b, wire, t, base+i, first, i)
	}
	if f.kind == kMessage {
		part, rest, err := chunk(b)
		if err != nil {
			return nil, err
		}
		d.choose(m, i, t, base, first)
		if before := d.raws[base+i]; before != nil {
			// The first part belongs to the payload and is clipped, so this copies it; the room that
			// append leaves is ours, so that many parts cost no copy each.
			d.raws[base+i] = append(before, part...)
		} else {
			d.raws[base+i] = slices.Clip(part)
		}
		d.mark(first, i, true)
		return rest, nil
	}
	v, rest, known, err := d.single(f, b)
	if err != nil || !known {
		return rest, err
	}
	d.choose(m, i, t, base, first)
	d.mark(first, i, true)
	if f.at >= 0 {
		if f.oneof >= 0 && m.oneofs[f.oneof].schema != nil {
			v = union(&m.oneofs[f.oneof], f, v)
		}
		t.set(f.at, v)
	}
	return rest, nil
}

// choose forgets the other members of a oneof.
func (d *decoder) choose(m *decMessage, i int, t target, base, first int) {
	of := m.fields[i].oneof
	if of < 0 {
		return
	}
	for k := range m.fields {
		if other := &m.fields[k]; k != i && other.oneof == of && d.was(first, k) {
			d.mark(first, k, false)
			d.raws[base+k] = nil
			if other.at >= 0 {
				t.set(other.at, nil)
			}
		}
	}
}

// union is a oneof's struct with one member set.
func union(of *decOneof, f *decField, v any) any {
	u := data.NewStruct(of.schema)
	u.SetAt(f.member, v)
	return u
}

// single reads a value that is no message. known is false for a number that a closed enum lacks.
// Bytes are a part of the payload, with no room behind them.
func (d *decoder) single(f *decField, b []byte) (v any, rest []byte, known bool, err error) {
	switch f.kind {
	case kString:
		part, rest, err := chunk(b)
		if err != nil {
			return nil, nil, false, err
		}
		s, err := f.text(part)
		return s, rest, true, err
	case kBytes:
		part, rest, err := chunk(b)
		return slices.Clip(part), rest, true, err
	}
	bits, rest, err := number(f.kind, b)
	if err != nil {
		return nil, nil, false, err
	}
	if f.plan == nil {
		return nil, rest, true, nil
	}
	v, known = f.of(bits)
	return v, rest, known, nil
}

// text is a string's value, which shares the payload's memory where it can.
func (f *decField) text(part []byte) (string, error) {
	if utf8.Valid(part) {
		return unsafe.String(unsafe.SliceData(part), len(part)), nil
	}
	if f.utf8 {
		return "", errUTF8
	}
	return java.Text(part), nil
}

// number reads a number as bits, an int with its sign.
func number(k kind, b []byte) (bits uint64, rest []byte, err error) {
	switch wireType(k) {
	case 1:
		if len(b) < 8 {
			return 0, nil, errTruncated
		}
		return binary.LittleEndian.Uint64(b), b[8:], nil
	case 5:
		if len(b) < 4 {
			return 0, nil, errTruncated
		}
		return uint64(int64(int32(binary.LittleEndian.Uint32(b)))), b[4:], nil
	}
	v, size := uvarint(b)
	if size <= 0 {
		return 0, nil, varintError(size)
	}
	switch k {
	case kInt32, kUint32, kEnum:
		v = uint64(int64(int32(v)))
	case kSint32:
		n := uint32(v)
		v = uint64(int64(int32(n>>1) ^ -int32(n&1)))
	case kSint64:
		v = v>>1 ^ -(v & 1)
	case kBool:
		if v != 0 {
			v = 1
		}
	}
	return v, b[size:], nil
}

// of makes the value of a number, by the field's Connect schema.
func (f *decField) of(bits uint64) (v any, known bool) {
	switch f.kind {
	case kFloat:
		return math.Float32frombits(uint32(bits)), true
	case kDouble:
		return math.Float64frombits(bits), true
	case kBool:
		return bits != 0, true
	}
	switch f.plan.kind {
	case toInt8:
		return int8(bits), true
	case toInt16:
		return int16(bits), true
	case toInt32:
		return int32(bits), true
	case toInt64:
		if f.kind.is32() {
			return int64(uint32(bits)), true
		}
		return int64(bits), true
	case toEnumInt, toEnumName:
		return f.symbol(int32(bits))
	}
	return nil, true
}

// symbol is an enum's value, by name or number. An open enum (proto3) has a made-up name for a
// number it lacks, a closed one (proto2) has none, and the field counts as missing.
func (f *decField) symbol(n int32) (v any, known bool) {
	name, ok := f.names[n]
	switch {
	case !ok && f.closed:
		return nil, false
	case f.plan.kind == toEnumInt:
		return n, true
	case !ok:
		return fmt.Sprintf("UNKNOWN_ENUM_VALUE_%s_%d", f.enum.name, n), true
	}
	return name, true
}

// repeated reads one element, or several in one piece.
// Packed and unpacked elements are read whichever way the field is declared, as Protobuf asks.
func (d *decoder) repeated(f *decField, b []byte, wire int, t target,
	raw, first, i int,
) ([]byte, error) {
	if f.plan == nil || f.at < 0 {
		return skip(b, f.number, wire, 0)
	}
	d.mark(first, i, true)
	if f.kind == kMessage { // decoded in the end, one after the other
		part, rest, err := chunk(b)
		if err != nil {
			return nil, err
		}
		all := d.raws[raw]
		if all == nil {
			all = make([]byte, 0, len(part)+len(rest)/2+8)
		}
		all = binary.AppendUvarint(all, uint64(len(part)))
		d.raws[raw] = append(all, part...)
		return rest, nil
	}
	list, _ := t.get(f.at).([]any)
	if wire == 2 && f.kind != kString && f.kind != kBytes {
		part, rest, err := chunk(b)
		if err != nil {
			return nil, err
		}
		if list == nil {
			list = make([]any, 0, elements(f.kind, part))
		}
		for len(part) > 0 {
			var v any
			var known bool
			if v, part, known, err = d.single(f, part); err != nil {
				return nil, err
			}
			if known {
				list = append(list, v)
			}
		}
		t.set(f.at, list)
		return rest, nil
	}
	if list == nil {
		list = make([]any, 0, d.following(f, b))
	}
	v, rest, known, err := d.single(f, b)
	if err != nil {
		return nil, err
	}
	if known {
		list = append(list, v)
	}
	t.set(f.at, list)
	return rest, nil
}

// elements is how many numbers there are in one piece.
func elements(k kind, part []byte) int {
	switch wireType(k) {
	case 1:
		return len(part) / 8
	case 5:
		return len(part) / 4
	}
	n := 0
	for _, c := range part {
		if c < 0x80 {
			n++
		}
	}
	return n
}

// following is how many elements of the field come one after the other, the one at b the first.
func (d *decoder) following(f *decField, b []byte) int {
	want := uint64(f.number)<<3 | wireType(f.kind)
	if f.kind == kString || f.kind == kBytes {
		want = uint64(f.number)<<3 | 2
	}
	for n := 1; ; n++ {
		rest, err := skip(b, f.number, int(want&7), 0)
		if err != nil {
			return n
		}
		tag, size := uvarint(rest)
		if size <= 0 || tag != want {
			return n
		}
		b = rest[size:]
	}
}

// finish reads the messages in the message, and sets what wasn't there.
func (d *decoder) finish(m *decMessage, t target, base, first, depth int) error {
	for i := range m.fields {
		f := &m.fields[i]
		there := d.was(first, i)
		if !there && f.required {
			return fmt.Errorf("Message missing required fields: %s", f.name)
		}
		if f.at < 0 || f.plan == nil {
			if there && f.kind == kMessage && !f.repeated {
				continue
			}
			continue
		}
		if err := d.settle(m, f, t, there, d.raws[base+i], depth); err != nil {
			return err
		}
	}
	for i := range m.oneofs { // Java checks a union when it is put into its struct
		if of := &m.oneofs[i]; of.strict && t.get(of.at) != nil {
			if err := data.ValidateField(of.name, of.schema, t.get(of.at)); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle sets a field in the end: messages, and fields that weren't there.
// A message is decoded only now, when all of its parts are there; a field without presence gets
// its type's zero.
func (d *decoder) settle(m *decMessage, f *decField, t target, there bool, raw []byte,
	depth int,
) error {
	switch {
	case f.kind == kMessage && f.repeated && there:
		v, err := d.list(f, raw, depth)
		if err != nil {
			return err
		}
		t.set(f.at, v)
	case f.kind == kMessage && !f.repeated && (there || m.schema == nil || d.structForNulls &&
		f.oneof < 0):
		v, err := d.nested(f.plan, raw, depth)
		if err != nil {
			return err
		}
		if m.schema != nil {
			if err := check(f, v); err != nil {
				return err
			}
		}
		if f.oneof >= 0 && m.oneofs[f.oneof].schema != nil {
			v = union(&m.oneofs[f.oneof], f, v)
		}
		t.set(f.at, v)
	case there || f.present:
	default:
		t.set(f.at, f.absent)
	}
	return nil
}

// check refuses a struct that lacks what its schema requires, as Java does when it is put into another.
func check(f *decField, v any) error {
	if f.plan.message == nil || !f.plan.message.strict {
		return nil
	}
	return data.ValidateField(f.name, f.plan.schema, v)
}

// nested makes the value of a message.
func (d *decoder) nested(p *decPlan, raw []byte, depth int) (any, error) {
	switch p.kind {
	case toStruct:
		st := data.NewStruct(p.schema)
		if err := d.message(p.message, raw, st, nil, depth+1); err != nil {
			return nil, err
		}
		return st, nil
	case toWrapped:
		var out [1]any
		if err := d.message(p.message, raw, nil, out[:], depth+1); err != nil {
			return nil, err
		}
		return out[0], nil
	}
	if depth >= maxDepth {
		return nil, errDeep
	}
	return logical(p, raw)
}

// list makes the elements of a repeated field of messages, each behind its length.
func (d *decoder) list(f *decField, raw []byte, depth int) (any, error) {
	n := 0
	for rest := raw; len(rest) > 0; n++ {
		_, rest, _ = chunk(rest)
	}
	if f.plan.kind == toMap {
		return d.mapOf(f.plan, raw, n, depth)
	}
	list := make([]any, 0, n)
	for len(raw) > 0 {
		part, rest, err := chunk(raw)
		if err != nil {
			return nil, err
		}
		v, err := d.nested(f.plan, part, depth)
		if err != nil {
			return nil, err
		}
		list, raw = append(list, v), rest
		if err := check(f, v); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// mapOf reads entries; of equal keys the last counts. A key or value that is missing is its type's
// zero.
func (d *decoder) mapOf(p *decPlan, raw []byte, n, depth int) (any, error) {
	m := data.NewMap(n)
	for len(raw) > 0 {
		part, rest, err := chunk(raw)
		if err != nil {
			return nil, err
		}
		var out [2]any
		if err := d.message(p.entry, part, nil, out[:], depth+1); err != nil {
			return nil, err
		}
		m.Put(out[0], out[1])
		raw = rest
	}
	return m, nil
}
