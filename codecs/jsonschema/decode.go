package jsonschema

import (
	"math"
	"slices"

	"github.com/troupe-connect/troupe/codecs/internal/jackson"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// decoder makes Connect values of JSON text.
type decoder struct {
	jackson.Scanner
	*options

	// misfit is set when a value became one that its schema may not allow: JSON of another type that
	// became null, a number for bytes, a struct that lacks a required field. Only then must a
	// struct's field be checked.
	misfit  bool
	members []uint32 // scratch: places of members, used as a stack
}

// newDecoder reads as Jackson is configured there: NaN and infinities are numbers, leading zeros
// are not.
func newDecoder(o *options) *decoder {
	d := &decoder{options: o}
	d.NonNumbers, d.NoExtraZeros = true, true
	return d
}

// scan reads the text, which is kept by the values made of it.
func (d *decoder) scan(text []byte) error {
	text, err := jackson.ToUTF8(text)
	if err != nil {
		return err
	}
	d.Reset(text)
	d.misfit, d.members = false, d.members[:0]
	return d.Document()
}

// read makes the value of a text. Errors are errs.Data.
func (d *decoder) read(p *plan, text []byte) (any, error) {
	if err := d.scan(text); err != nil {
		return nil, errs.Data.Wrap(err, "malformed JSON")
	}
	return d.value(p, 0)
}

// value makes the value of the node at i.
func (d *decoder) value(p *plan, i uint32) (any, error) {
	n := &d.Nodes[i]
	if n.Kind == jackson.KindNull {
		switch {
		case p.def != nil:
			return p.def, nil
		case p.optional:
			return nil, nil
		}
		return nil, errs.Data.New("Invalid null value for required %s field", p.schema.Type())
	}
	switch p.op {
	case opBoolean:
		return n.Kind == jackson.KindTrue, nil
	case opInt8:
		return int8(d.int32(n)), nil
	case opInt16:
		return int16(d.int32(n)), nil
	case opInt32:
		return d.int32(n), nil
	case opInt64:
		return d.Int64(n), nil
	case opFloat32:
		return float32(d.Float(n, 32)), nil
	case opFloat64:
		return d.Float(n, 64), nil
	case opString:
		if n.Kind != jackson.KindString {
			d.misfit = true
			return nil, nil
		}
		return d.Str(n), nil
	case opBytes:
		return d.bytes(n)
	case opArray:
		return d.array(p, n, i)
	case opMap:
		return d.mapOf(p, n, i)
	case opStruct:
		return d.structOf(p, n, i)
	case opUnion:
		return d.union(p, n, i)
	}
	return d.logical(p, n)
}

// int32 is Jackson's intValue.
func (d *decoder) int32(n *jackson.Node) int32 {
	v := d.Int64(n)
	if n.Kind == jackson.KindNonNumber {
		return int32(min(max(v, math.MinInt32), math.MaxInt32))
	}
	return int32(v)
}

// bytes reads base64. A number is a BigDecimal in Java, and anything else is zero, which a struct
// refuses: only a top-level value or an element gets through as it is.
func (d *decoder) bytes(n *jackson.Node) (any, error) {
	switch n.Kind {
	case jackson.KindString:
		b, err := jackson.DecodeBase64(d.Str(n))
		if err != nil {
			return nil, errs.Data.Wrap(err, "Invalid bytes field")
		}
		return b, nil
	case jackson.KindInt, jackson.KindFloat:
		d.misfit = true
		return boxed(d.Decimal(n))
	case jackson.KindNonNumber:
		return nil, errs.Data.New("Invalid bytes field: %s is no decimal number",
			d.Src[n.Start:n.End])
	}
	d.misfit = true
	return data.NewDecimal(0, 0), nil
}

// boxed is a result of a conversion as a value, nil with an error.
func boxed[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// array reads a list; what is neither array nor object is an empty one, as Jackson iterates over
// nothing.
func (d *decoder) array(p *plan, n *jackson.Node, i uint32) (any, error) {
	switch n.Kind {
	case jackson.KindArray:
	case jackson.KindObject: // Jackson iterates over the values of an object
		return d.membersOf(p, n, i)
	default:
		return []any{}, nil
	}
	list := make([]any, n.Count)
	at := i + 1
	for k := range list {
		v, err := d.value(p.elem, at)
		if err != nil {
			return nil, err
		}
		if v == nil {
			d.misfit = true
		}
		list[k] = v
		at = d.Nodes[at].Next
	}
	return list, nil
}

// membersOf makes a list of the values of an object; of equal names the last counts, at the place of
// the first.
func (d *decoder) membersOf(p *plan, n *jackson.Node, i uint32) (any, error) {
	m, err := d.object(p.elem, n, i)
	if err != nil {
		return nil, err
	}
	list := make([]any, 0, m.Len())
	for _, e := range m.Entries() {
		list = append(list, e.Value)
	}
	return list, nil
}

// object reads a map with names for keys. A value that doesn't fit is no error if its name comes
// again, as Jackson has then forgotten it.
func (d *decoder) object(elem *plan, n *jackson.Node, i uint32) (*data.Map, error) {
	m := data.NewMap(int(n.Count))
	for at := i + 1; at < n.Next; at = d.Nodes[at+1].Next {
		v, err := d.value(elem, at+1)
		if err != nil && !d.replaced(n, at) {
			return nil, err
		}
		if v == nil {
			d.misfit = true
		}
		m.Put(d.Str(&d.Nodes[at]), v)
	}
	return m, nil
}

// replaced reports whether another member of the same name follows in the object n.
func (d *decoder) replaced(n *jackson.Node, at uint32) bool {
	name := d.Str(&d.Nodes[at])
	for at = d.Nodes[at+1].Next; at < n.Next; at = d.Nodes[at+1].Next {
		if d.Is(&d.Nodes[at], name) {
			return true
		}
	}
	return false
}

// mapOf reads an object, or an array of objects with key and value where keys aren't strings.
func (d *decoder) mapOf(p *plan, n *jackson.Node, i uint32) (any, error) {
	if p.named {
		if n.Kind != jackson.KindObject {
			return nil, errs.Data.New("Maps with string fields should be encoded as JSON objects, but found %s", n.Kind)
		}
		return d.object(p.elem, n, i)
	}
	if n.Kind != jackson.KindArray {
		return nil, errs.Data.New("Maps with non-string fields should be encoded as JSON array of objects, but found %s", n.Kind)
	}
	m := data.NewMap(int(n.Count))
	for at := i + 1; at < n.Next; at = d.Nodes[at].Next {
		e := &d.Nodes[at]
		if e.Kind != jackson.KindObject {
			return nil, errs.Data.New("Found invalid map entry instead of object: %s", e.Kind)
		}
		if size := d.distinct(at); size != 2 {
			return nil, errs.Data.New("Found invalid map entry, expected length 2 but found :%d",
				size)
		}
		k, err := d.member(p.key, at, fieldKey)
		if err != nil {
			return nil, err
		}
		v, err := d.member(p.elem, at, fieldValue)
		if err != nil {
			return nil, err
		}
		if k == nil || v == nil {
			d.misfit = true
		}
		m.Put(k, v)
	}
	return m, nil
}

// distinct is how many names the members of an object have, counted up to 3.
func (d *decoder) distinct(i uint32) int {
	n := &d.Nodes[i]
	var names []string
	for at := i + 1; at < n.Next && len(names) < 3; at = d.Nodes[at+1].Next {
		if name := d.Str(&d.Nodes[at]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return len(names)
}

// member makes the value of an object's member, the last one of that name.
func (d *decoder) member(p *plan, i uint32, name string) (any, error) {
	if at := d.find(i, name); at != 0 {
		return d.value(p, at)
	}
	return p.def, nil
}

// find is the place of a member's value, 0 if there is none.
func (d *decoder) find(i uint32, name string) uint32 {
	n, found := &d.Nodes[i], uint32(0)
	for at := i + 1; at < n.Next; at = d.Nodes[at+1].Next {
		if d.Is(&d.Nodes[at], name) {
			found = at + 1
		}
	}
	return found
}

// structOf makes a struct. Members that the schema doesn't have are passed over, fields without a
// member are null or have their default.
func (d *decoder) structOf(p *plan, n *jackson.Node, i uint32) (any, error) {
	if n.Kind != jackson.KindObject {
		return nil, errs.Data.New("Structs should be encoded as JSON objects, but found %s", n.Kind)
	}
	base := len(d.members)
	d.members = slices.Grow(d.members, len(p.fields))[:base+len(p.fields)]
	clear(d.members[base:])
	next := 0
	for at := i + 1; at < n.Next; at = d.Nodes[at+1].Next {
		k := next // members mostly come in the order of the fields
		if k >= len(p.fields) || !d.Is(&d.Nodes[at], p.fields[k].name) {
			if k = p.schema.FieldIndex(d.Str(&d.Nodes[at])); k < 0 {
				continue
			}
		}
		d.members[base+k] = at + 1
		next = k + 1
	}
	st := data.NewStruct(p.schema)
	for k := range p.fields {
		v, err := d.field(&p.fields[k], d.members[base+k])
		if err != nil {
			return nil, err
		}
		if v == nil && !p.fields[k].plan.optional {
			d.misfit = true
		}
		st.SetAt(k, v)
	}
	d.members = d.members[:base]
	return st, nil
}

// field makes the value of a field of the node at i, 0 for none.
func (d *decoder) field(f *fieldPlan, i uint32) (any, error) {
	if i == 0 {
		return f.plan.def, nil
	}
	return d.checked(f, i)
}

// checked makes the value of a field, and checks it where it may not fit.
func (d *decoder) checked(f *fieldPlan, i uint32) (any, error) {
	before := d.misfit
	d.misfit = false
	v, err := d.value(f.plan, i)
	if err != nil {
		return nil, err
	}
	if d.misfit && v != nil {
		if err := data.ValidateField(f.name, f.plan.schema, v); err != nil {
			return nil, err
		}
	}
	d.misfit = before
	return v, nil
}

// union makes a struct with the one field that the JSON fits: the first of a simple type, else the
// struct that has most of the names.
func (d *decoder) union(p *plan, n *jackson.Node, i uint32) (any, error) {
	best, most := -1, 0
	for k := range p.fields {
		if d.simple(p.fields[k].plan, n) {
			best = k
			break
		}
		if matching := d.matching(p.fields[k].plan, i); matching > most {
			best, most = k, matching
		}
	}
	if best < 0 {
		return nil, errs.Data.New("Did not find matching oneof field for data")
	}
	v, err := d.checked(&p.fields[best], i)
	if err != nil {
		return nil, err
	}
	st := data.NewStruct(p.schema)
	st.SetAt(best, v)
	return st, nil
}

// simple reports whether the JSON is of the type of a schema that is no struct.
func (d *decoder) simple(p *plan, n *jackson.Node) bool {
	switch p.schema.Type() {
	case data.Int8, data.Int16, data.Int32, data.Int64:
		return n.Kind == jackson.KindInt
	case data.Float32, data.Float64:
		return n.Kind == jackson.KindInt || n.Kind == jackson.KindFloat ||
			n.Kind == jackson.KindNonNumber
	case data.Boolean:
		return n.Kind == jackson.KindTrue || n.Kind == jackson.KindFalse
	case data.String:
		return n.Kind == jackson.KindString
	case data.Bytes:
		return n.Kind == jackson.KindFloat
	case data.Array:
		return n.Kind == jackson.KindArray
	case data.MapType:
		return n.Kind == jackson.KindObject || n.Kind == jackson.KindArray
	}
	return false
}

// matching counts the names that a struct's schema and an object have in common, with those further
// in.
func (d *decoder) matching(p *plan, i uint32) int {
	n := &d.Nodes[i]
	if p.schema.Type() != data.StructType || n.Kind != jackson.KindObject {
		return 0
	}
	count := 0
	for at := i + 1; at < n.Next; at = d.Nodes[at+1].Next {
		k := p.schema.FieldIndex(d.Str(&d.Nodes[at]))
		if k < 0 || d.replaced(n, at) {
			continue
		}
		count += 1 + d.matching(p.fields[k].plan, at+1)
	}
	return count
}

// logical reads what has a logical name; dates and times are numbers and nothing else.
func (d *decoder) logical(p *plan, n *jackson.Node) (any, error) {
	switch p.op {
	case opDecimal:
		return d.decimal(p, n)
	case opTimestamp:
		if n.Kind != jackson.KindInt {
			return nil, errs.Data.New("Invalid type for Timestamp, underlying representation should be integral but was %s", n.Kind)
		}
		return boxed(data.TimestampToLogical(p.schema, d.Int64(n)))
	}
	if n.Kind != jackson.KindInt || !jackson.IsInt32(d.Src[n.Start:n.End], n.Flag) {
		return nil, errs.Data.New("Invalid type for %s, underlying representation should be integer but was %s", logicalNames[p.op], n.Kind)
	}
	if p.op == opDate {
		return boxed(data.DateToLogical(p.schema, int32(d.Int64(n))))
	}
	return boxed(data.TimeToLogical(p.schema, int32(d.Int64(n))))
}

// decimal reads both forms whatever decimal.format says. A number keeps its own scale, base64 has
// the schema's.
func (d *decoder) decimal(p *plan, n *jackson.Node) (any, error) {
	switch n.Kind {
	case jackson.KindInt, jackson.KindFloat:
		return boxed(d.Decimal(n))
	case jackson.KindNonNumber:
		return nil, errs.Data.New("Invalid type for Decimal: %s is no decimal number",
			d.Src[n.Start:n.End])
	case jackson.KindString:
		b, err := jackson.DecodeBase64(d.Str(n))
		if err != nil {
			return nil, errs.Data.Wrap(err, "Invalid bytes for Decimal field")
		}
		dec, err := data.DecimalToLogical(p.schema, b)
		if err != nil {
			return nil, errs.Data.Wrap(err, "Invalid bytes for Decimal field")
		}
		return dec, nil
	}
	return nil, errs.Data.New("Invalid type for Decimal, underlying representation should be numeric or bytes but was %s", n.Kind)
}
