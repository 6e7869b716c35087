package json

import (
	"slices"

	"github.com/troupe-connect/troupe/codecs/internal/jackson"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// decoder makes Connect values of the nodes that its scanner found.
type decoder struct {
	jackson.Scanner
	replaceNull bool

	// misfit is set when a value that a schema asks for became null because the JSON was of
	// another type. Only then can a field hold what its schema doesn't allow.
	misfit bool

	members []uint32       // scratch: places of members, used as a stack
	order   [64]any        // names in the order of the last record
	nth     int            // the next of them
	keys    map[string]any // names of members seen, as values: each is made once
}

// maxKeys bounds the names that a decoder keeps; beyond it they are made anew.
const maxKeys = 4096

// key is the name of a member as a map's key. Records mostly have the same names in the same
// order, so the one that stood here in the last record is tried first.
func (d *decoder) key(n *jackson.Node) any {
	b := d.Src[n.Start:n.End]
	if n.Flag || len(b) > 64 {
		return d.Str(n)
	}
	at := d.nth
	if at < len(d.order) {
		d.nth++
		if name, ok := d.order[at].(string); ok && name == string(b) {
			return d.order[at]
		}
	}
	k := d.known(b)
	if at < len(d.order) {
		d.order[at] = k
	}
	return k
}

// known is the name b as it was made before, or made now.
func (d *decoder) known(b []byte) any {
	if k, ok := d.keys[string(b)]; ok {
		return k
	}
	name := string(b)
	var k any = name
	if len(d.keys) < maxKeys {
		d.keys[name] = k
	}
	return k
}

// value makes the value of the node at i.
func (d *decoder) value(schema *data.Schema, i uint32) (any, error) {
	n := &d.Nodes[i]
	if schema == nil {
		return d.schemaless(n, i)
	}
	if n.Kind == jackson.KindNull || n.Kind == jackson.KindMissing {
		return d.null(schema)
	}
	switch schema.Name() {
	case "":
	case data.DecimalName, data.DateName, data.TimeName, data.TimestampName:
		return d.logical(schema, n)
	}
	switch schema.Type() {
	case data.Boolean:
		return n.Kind == jackson.KindTrue, nil
	case data.Int8:
		return int8(d.Int64(n)), nil
	case data.Int16:
		return int16(d.Int64(n)), nil
	case data.Int32:
		return int32(d.Int64(n)), nil
	case data.Int64:
		return d.Int64(n), nil
	case data.Float32:
		return float32(d.Float(n, 32)), nil
	case data.Float64:
		return d.Float(n, 64), nil
	case data.String:
		if n.Kind != jackson.KindString {
			d.misfit = true
			return nil, nil
		}
		return d.Str(n), nil
	case data.Bytes:
		return d.bytes(n)
	case data.Array:
		return d.array(schema.ValueSchema(), n, i)
	case data.MapType:
		return d.mapOf(schema, n, i)
	case data.StructType:
		return d.structOf(schema, n, i)
	}
	return nil, errs.Data.New("Unknown schema type: %s", schema.Type())
}

// null is the value of a schema where the JSON has null or nothing.
func (d *decoder) null(schema *data.Schema) (any, error) {
	if def := schema.Default(); def != nil && d.replaceNull {
		return def, nil
	}
	if schema.Optional() {
		return nil, nil
	}
	return nil, errs.Data.New("Invalid null value for required %s field", schema.Type())
}

func (d *decoder) schemaless(n *jackson.Node, i uint32) (any, error) {
	switch n.Kind {
	case jackson.KindFalse:
		return false, nil
	case jackson.KindTrue:
		return true, nil
	case jackson.KindInt:
		return jackson.Digits64(d.Src[n.Start:n.End], n.Flag), nil
	case jackson.KindFloat:
		return d.Float(n, 64), nil
	case jackson.KindString:
		return d.Str(n), nil
	case jackson.KindArray:
		return d.array(nil, n, i)
	case jackson.KindObject:
		return d.object(nil, n, i)
	}
	return nil, nil
}

func (d *decoder) bytes(n *jackson.Node) (any, error) {
	if n.Kind != jackson.KindString {
		d.misfit = true
		return nil, nil
	}
	b, err := jackson.DecodeBase64(d.Str(n))
	if err != nil {
		return nil, errs.Data.Wrap(err, "Invalid bytes field")
	}
	return b, nil
}

func (d *decoder) array(elem *data.Schema, n *jackson.Node, i uint32) (any, error) {
	if n.Kind == jackson.KindObject { // Jackson iterates over the values of an object
		m, err := d.object(elem, n, i)
		if err != nil {
			return nil, err
		}
		list := make([]any, 0, m.Len())
		for _, e := range m.Entries() {
			list = append(list, e.Value)
		}
		return list, nil
	}
	if n.Kind != jackson.KindArray {
		return []any{}, nil
	}
	list := make([]any, n.Count)
	at := i + 1
	for k := range list {
		v, err := d.value(elem, at)
		if err != nil {
			return nil, err
		}
		list[k] = v
		at = d.Nodes[at].Next
	}
	return list, nil
}

// object makes a map of a JSON object. Of members with the same name the last counts, at the
// place of the first.
func (d *decoder) object(elem *data.Schema, n *jackson.Node, i uint32) (*data.Map, error) {
	m := data.NewMap(int(n.Count))
	for at := i + 1; at < n.Next; at = d.Nodes[at+1].Next {
		v, err := d.value(elem, at+1)
		if err != nil && !d.replaced(n, at) {
			return nil, err
		}
		m.Put(d.key(&d.Nodes[at]), v)
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

func (d *decoder) mapOf(schema *data.Schema, n *jackson.Node, i uint32) (any, error) {
	if schema.KeySchema().Type() == data.String {
		if n.Kind != jackson.KindObject {
			return nil, errs.Data.New("Maps with string fields should be encoded as JSON objects, but found %s", n.Kind)
		}
		return d.object(schema.ValueSchema(), n, i)
	}
	if n.Kind != jackson.KindArray {
		return nil, errs.Data.New("Maps with non-string fields should be encoded as JSON array of tuples, but found %s", n.Kind)
	}
	m := data.NewMap(int(n.Count))
	for at := i + 1; at < n.Next; at = d.Nodes[at].Next {
		e := &d.Nodes[at]
		if e.Kind != jackson.KindArray {
			return nil, errs.Data.New("Found invalid map entry instead of array tuple: %s", e.Kind)
		}
		if e.Count != 2 {
			return nil, errs.Data.New("Found invalid map entry, expected length 2 but found :%d", e.Count)
		}
		k, err := d.value(schema.KeySchema(), at+1)
		if err != nil {
			return nil, err
		}
		v, err := d.value(schema.ValueSchema(), d.Nodes[at+1].Next)
		if err != nil {
			return nil, err
		}
		m.Put(k, v)
	}
	return m, nil
}

// structOf makes a struct. Members that the schema doesn't have are passed over, fields without
// a member are null.
func (d *decoder) structOf(schema *data.Schema, n *jackson.Node, i uint32) (any, error) {
	if n.Kind != jackson.KindObject {
		return nil, errs.Data.New("Structs should be encoded as JSON objects, but found %s", n.Kind)
	}
	fields := schema.Fields()
	base := len(d.members)
	d.members = slices.Grow(d.members, len(fields))[:base+len(fields)]
	clear(d.members[base:])
	next := 0
	for at := i + 1; at < n.Next; at = d.Nodes[at+1].Next {
		k := next // members mostly come in the order of the fields
		if k >= len(fields) || !d.Is(&d.Nodes[at], fields[k].Name) {
			if k = schema.FieldIndex(d.Str(&d.Nodes[at])); k < 0 {
				continue
			}
		}
		d.members[base+k] = at + 1
		next = k + 1
	}
	st := data.NewStruct(schema)
	for k := range fields {
		v, err := d.field(&fields[k], d.members[base+k])
		if err != nil {
			return nil, err
		}
		st.SetAt(k, v)
	}
	d.members = d.members[:base]
	return st, nil
}

// field makes the value of a field of the member at i, 0 for none.
func (d *decoder) field(f *data.Field, i uint32) (v any, err error) {
	before := d.misfit
	d.misfit = false
	if i == 0 {
		v, err = d.null(f.Schema)
	} else {
		v, err = d.value(f.Schema, i)
	}
	if err != nil {
		return nil, err
	}
	if d.misfit {
		if err := data.ValidateField(f.Name, f.Schema, v); err != nil {
			return nil, err
		}
	}
	d.misfit = before
	return v, nil
}

func (d *decoder) logical(schema *data.Schema, n *jackson.Node) (any, error) {
	switch schema.Name() {
	case data.DecimalName:
		return d.decimalOf(schema, n)
	case data.TimestampName:
		if n.Kind != jackson.KindInt {
			return nil, errs.Data.New("Invalid type for Timestamp, underlying representation should be integral but was %s", n.Kind)
		}
		return boxed(data.TimestampToLogical(schema, d.Int64(n)))
	}
	isDate := schema.Name() == data.DateName
	if n.Kind != jackson.KindInt || !jackson.IsInt32(d.Src[n.Start:n.End], n.Flag) {
		name := "Time"
		if isDate {
			name = "Date"
		}
		return nil, errs.Data.New("Invalid type for %s, underlying representation should be integer but was %s", name, n.Kind)
	}
	if isDate {
		return boxed(data.DateToLogical(schema, int32(d.Int64(n))))
	}
	return boxed(data.TimeToLogical(schema, int32(d.Int64(n))))
}

// boxed is a result of a conversion as a value, nil with an error.
func boxed[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (d *decoder) decimalOf(schema *data.Schema, n *jackson.Node) (any, error) {
	switch n.Kind {
	case jackson.KindInt, jackson.KindFloat:
		return boxed(d.Decimal(n))
	case jackson.KindString:
		b, err := jackson.DecodeBase64(d.Str(n))
		if err != nil {
			return nil, errs.Data.Wrap(err, "Invalid bytes for Decimal field")
		}
		dec, err := data.DecimalToLogical(schema, b)
		if err != nil {
			return nil, errs.Data.Wrap(err, "Invalid bytes for Decimal field")
		}
		return dec, nil
	}
	return nil, errs.Data.New("Invalid type for Decimal, underlying representation should be numeric or bytes but was %s", n.Kind)
}

// member finds the value of an object's member, the last one of that name, 0 for none.
func (d *decoder) member(i uint32, name string) uint32 {
	n := &d.Nodes[i]
	found := uint32(0)
	if n.Kind == jackson.KindObject {
		for at := i + 1; at < n.Next; at = d.Nodes[at+1].Next {
			if d.Is(&d.Nodes[at], name) {
				found = at + 1
			}
		}
	}
	return found
}

// memberOf is member for one that must be of a kind, 0 if it isn't.
func (d *decoder) memberOf(i uint32, name string, k jackson.Kind) uint32 {
	if at := d.member(i, name); at != 0 && d.Nodes[at].Kind == k {
		return at
	}
	return 0
}

// raw is the text of an array or object.
func (d *decoder) raw(i uint32) []byte { return d.Src[d.Nodes[i].Start:d.Nodes[i].End] }
