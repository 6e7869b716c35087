package avro

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/java"
)

// decoder reads values. Strings and bytes share the payload's memory.
// Errors are plain ones, which the converter wraps as Java's SerializationException, but for those
// of a value that Avro has read and Connect has no place for, which are errs.Data.
type decoder struct {
	src  []byte
	pos  int
	slab data.Slab
	// free is how many more elements that take no bytes may be read: without a bound a few bytes
	// could ask for any number of them.
	free int
}

// maxFree bounds the elements without bytes in one value.
const maxFree = 1 << 16

// reset starts a payload.
func (d *decoder) reset(src []byte) { d.src, d.pos, d.free = src, 0, maxFree }

var errEnd = fmt.Errorf("the value ends early: %w", io.ErrUnexpectedEOF)

// int reads a number of up to 32 bits.
func (d *decoder) int() (int32, error) {
	var n uint32
	for shift := 0; shift < 35; shift += 7 {
		if d.pos >= len(d.src) {
			return 0, errEnd
		}
		c := d.src[d.pos]
		d.pos++
		n |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return int32(n>>1) ^ -int32(n&1), nil
		}
	}
	return 0, errors.New("Invalid int encoding")
}

// long reads a number of up to 64 bits.
func (d *decoder) long() (int64, error) {
	var n uint64
	for shift := 0; shift < 70; shift += 7 {
		if d.pos >= len(d.src) {
			return 0, errEnd
		}
		c := d.src[d.pos]
		d.pos++
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return int64(n>>1) ^ -int64(n&1), nil
		}
	}
	return 0, errors.New("Invalid long encoding")
}

// take is the next n bytes.
func (d *decoder) take(n int) ([]byte, error) {
	if n > len(d.src)-d.pos {
		return nil, errEnd
	}
	b := d.src[d.pos : d.pos+n : d.pos+n]
	d.pos += n
	return b, nil
}

// sized is bytes behind their length.
func (d *decoder) sized() ([]byte, error) {
	n, err := d.long()
	switch {
	case err != nil:
		return nil, err
	case n < 0:
		return nil, fmt.Errorf("Malformed data. Length is negative: %d", n)
	case n > int64(len(d.src)-d.pos):
		return nil, errEnd
	}
	return d.take(int(n))
}

// block is the number of elements in the next block of an array or map, 0 at its end.
// A negative count has the block's size in bytes behind it, which Java's writer never writes and
// which is only passed over. minSize is what an element takes at least: a count that the rest of
// the payload can't hold is refused before anything is set aside for it.
func (d *decoder) block(minSize int) (int, error) {
	n, err := d.long()
	if err != nil {
		return 0, err
	}
	if n < 0 {
		if n = -n; n < 0 {
			return 0, errTooMany
		}
		if _, err := d.long(); err != nil { // the block's size in bytes
			return 0, err
		}
	}
	if minSize > 0 {
		if n > int64(len(d.src)-d.pos)/int64(minSize) {
			return 0, errTooMany
		}
		return int(n), nil
	}
	if n > int64(d.free) {
		return 0, errTooMany
	}
	d.free -= int(n)
	return int(n), nil
}

// value reads a value. With a plan that has no Connect schema it is passed over, and nil.
func (d *decoder) value(p *readPlan, depth int) (any, error) {
	switch p.op {
	case readString, readBytes:
		b, err := d.sized()
		if err != nil {
			return nil, err
		}
		return d.text(p, b)
	case readLong:
		n, err := d.long()
		if err != nil {
			return nil, err
		}
		return d.number(p, n)
	case readInt:
		n, err := d.int()
		if err != nil {
			return nil, err
		}
		if p.into == intoSame {
			return d.slab.Int32(n), nil
		}
		return d.number(p, int64(n))
	case readBoolean:
		b, err := d.take(1)
		if err != nil {
			return nil, err
		}
		return b[0] == 1, nil
	case readDouble:
		b, err := d.take(8)
		if err != nil {
			return nil, err
		}
		return d.slab.Float64(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case readFloat:
		b, err := d.take(4)
		if err != nil {
			return nil, err
		}
		f := math.Float32frombits(binary.LittleEndian.Uint32(b))
		if p.into == intoFloat64 {
			return float64(f), nil
		}
		return d.slab.Float32(f), nil
	case readNull:
		return nil, nil
	}
	return d.large(p, depth+1)
}

// large reads what may hold other values, and what is rare. Only it counts the depth.
func (d *decoder) large(p *readPlan, depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("values are %w", errNesting)
	}
	switch p.op {
	case readUnion:
		i, err := d.long()
		if err != nil {
			return nil, err
		}
		if i < 0 || i >= int64(len(p.branches)) {
			return nil, fmt.Errorf("Index %d out of bounds for length %d", i, len(p.branches))
		}
		return d.value(p.branches[i], depth)
	case readStruct:
		return d.structOf(p, depth)
	case readArray:
		return d.array(p, depth)
	case readMap:
		return d.mapOf(p, depth)
	case readEntries:
		return d.entries(p, depth)
	case readEnum:
		i, err := d.int()
		if err != nil {
			return nil, err
		}
		if i < 0 || int(i) >= len(p.symbols) {
			return nil, fmt.Errorf("Enumeration out of range: must be less than %d, but received %d", len(p.symbols), i)
		}
		if p.symbols[i] == nil {
			return nil, errors.New("No match for the enum's symbol")
		}
		return p.symbols[i], nil
	case readFixed:
		b, err := d.take(p.size)
		if err != nil {
			return nil, err
		}
		return d.text(p, b)
	case readBranch:
		v, err := d.value(p.elem, depth)
		if err != nil {
			return nil, err
		}
		st := data.NewStruct(p.schema)
		st.SetAt(p.at, v)
		return st, nil
	case readAnything:
		return d.anything(depth)
	}
	return nil, p.err
}

// number makes an integer what the Connect schema asks for.
func (d *decoder) number(p *readPlan, n int64) (any, error) {
	switch p.into {
	case intoSame, intoInt64:
		return d.slab.Int64(n), nil
	case intoTimestamp:
		return time.UnixMilli(n).UTC(), nil
	case intoInt8:
		return int8(n), nil
	case intoInt16:
		return int16(n), nil
	case intoDate, intoTime:
		return intValue(p.schema, kindInt, n)
	case intoFloat32:
		return float32(n), nil
	case intoFloat64:
		return float64(n), nil
	}
	return nil, fmt.Errorf("a number can't be read as %s", p.schema.Type())
}

// text makes bytes what the schema asks for.
func (d *decoder) text(p *readPlan, b []byte) (any, error) {
	switch p.into {
	case intoDecimal:
		return decimal(b, p.scale)
	case intoString:
		return d.slab.String(java.Text(b)), nil
	case intoBytes:
		return b, nil
	case intoSame:
		if p.op == readString {
			return d.slab.String(java.Text(b)), nil
		}
		return b, nil
	}
	return nil, fmt.Errorf("bytes can't be read as %s", p.schema.Name())
}

// decimal reads two's complement, most significant byte first. Java has no number of no bytes, and
// so that is an error.
func decimal(b []byte, scale int32) (any, error) {
	if len(b) == 0 {
		return nil, errors.New("Zero length BigInteger")
	}
	if len(b) > 8 {
		return data.DecimalFromBytes(b, scale), nil
	}
	n := int64(int8(b[0]))
	for _, c := range b[1:] {
		n = n<<8 | int64(c)
	}
	return data.Decimal{Unscaled: big.NewInt(n), Scale: scale}, nil
}

// structOf reads the writer's fields in their order, and then sets the reader's defaults. Without
// a Connect schema the record is one that the reader doesn't have, and is passed over.
func (d *decoder) structOf(p *readPlan, depth int) (any, error) {
	if p.schema == nil {
		for i := range p.steps {
			if _, err := d.value(p.steps[i].plan, depth); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	st := d.slab.Struct(p.schema)
	for i := range p.steps {
		s := &p.steps[i]
		v, err := d.value(s.plan, depth)
		if err != nil {
			return nil, err
		}
		if s.at >= 0 {
			st.SetAt(s.at, v)
		}
	}
	for _, c := range p.defaults {
		st.SetAt(c.at, c.value)
	}
	return st, nil
}

// room bounds what is set aside for elements that are still to be read.
func room(n int) int { return min(n, 1<<12) }

// array reads block after block until one of no elements.
func (d *decoder) array(p *readPlan, depth int) (any, error) {
	var list []any
	for {
		n, err := d.block(p.minSize)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return d.slab.Array(list), nil
		}
		if list == nil {
			list = d.slab.List(room(n))
		}
		list = slices.Grow(list, room(n))
		for range n {
			v, err := d.value(p.elem, depth)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
	}
}

// mapOf reads a map. Of equal keys the last counts, as in Java's HashMap.
func (d *decoder) mapOf(p *readPlan, depth int) (any, error) {
	var m *data.Map
	for {
		n, err := d.block(1)
		if err != nil {
			return nil, err
		}
		if m == nil {
			m = data.NewMap(room(n))
		}
		if n == 0 {
			return m, nil
		}
		for range n {
			key, err := d.sized()
			if err != nil {
				return nil, err
			}
			v, err := d.value(p.elem, depth)
			if err != nil {
				return nil, err
			}
			m.Put(java.Text(key), v)
		}
	}
}

// entries reads a map that is an array of records: how maps are written whose keys aren't strings.
func (d *decoder) entries(p *readPlan, depth int) (any, error) {
	m := data.NewMap(0)
	for {
		n, err := d.block(p.minSize)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return m, nil
		}
		for range n {
			first, second := p.key, p.elem
			if p.keySecond {
				first, second = second, first
			}
			k, err := d.value(first, depth)
			if err != nil {
				return nil, err
			}
			v, err := d.value(second, depth)
			if err != nil {
				return nil, err
			}
			if p.keySecond {
				k, v = v, k
			}
			m.Put(k, v)
		}
	}
}

// anything reads a value without schema: the first of its nine fields that is set.
func (d *decoder) anything(depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("values are %w", errNesting)
	}
	var value any
	for i := range anyFields {
		branch, err := d.long()
		if err != nil {
			return nil, err
		}
		if branch == 0 {
			continue
		}
		if branch != 1 {
			return nil, fmt.Errorf("Index %d out of bounds for length 2", branch)
		}
		v, err := d.anyField(i, depth)
		if err != nil {
			return nil, err
		}
		if value == nil {
			value = v
		}
	}
	return value, nil
}

var anyPlans = [...]*readPlan{
	anyBoolean: {op: readBoolean}, anyBytes: {op: readBytes}, anyDouble: {op: readDouble},
	anyFloat: {op: readFloat},
	anyInt:   {op: readInt}, anyLong: {op: readLong}, anyString: {op: readString},
}

// anyField reads the i-th field of anything. A map is an array of entries that hold anything
// twice.
func (d *decoder) anyField(i, depth int) (any, error) {
	if i < len(anyPlans) {
		return d.value(anyPlans[i], depth)
	}
	var list []any
	m := data.NewMap(0)
	for {
		n, err := d.block(anyFields)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		for range n {
			v, err := d.anything(depth + 1)
			if err != nil {
				return nil, err
			}
			if i == anyArray {
				list = append(list, v)
				continue
			}
			value, err := d.anything(depth + 1)
			if err != nil {
				return nil, err
			}
			m.Put(v, value)
		}
	}
	if i == anyMap {
		return m, nil
	}
	if list == nil {
		list = []any{}
	}
	return list, nil
}
