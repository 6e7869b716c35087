package trace

import (
	"fmt"
	"strconv"

	"github.com/troupe-connect/troupe/connectors/data"
)

// change is one line of a diff.
type change struct {
	op       byte // '+', '-' or '~'
	path     string
	old, new string
	// types is what became of the type, "" if it stayed.
	types string
}

// sameRecord reports whether nothing that a transform can change differs.
func sameRecord(a, b *data.Record) bool {
	if a.Topic != b.Topic || a.Partition != b.Partition || !a.Timestamp.Equal(b.Timestamp) || len(a.Headers) != len(b.Headers) ||
		!data.SchemaEqual(a.KeySchema, b.KeySchema) || !data.SchemaEqual(a.ValueSchema, b.ValueSchema) ||
		!data.Equal(a.Key, b.Key) || !data.Equal(a.Value, b.Value) {
		return false
	}
	for i := range a.Headers {
		x, y := a.Headers[i], b.Headers[i]
		if x.Key != y.Key || !data.SchemaEqual(x.Schema, y.Schema) || !data.Equal(x.Value, y.Value) {
			return false
		}
	}
	return true
}

// diff is what changed from a to b, in the order topic, partition, timestamp, key, value, headers.
func diff(a, b *data.Record) []change {
	d := differ{}
	d.meta("topic", topicText(a), topicText(b))
	d.meta("partition", partitionText(a), partitionText(b))
	d.meta("timestamp", timeText(a), timeText(b))
	d.side("key", a.KeySchema, a.Key, b.KeySchema, b.Key)
	d.side("value", a.ValueSchema, a.Value, b.ValueSchema, b.Value)
	d.headers(a.Headers, b.Headers)
	return d.out
}

type differ struct{ out []change }

func (d *differ) add(op byte, path, old, new, types string) {
	d.out = append(d.out, change{op, path, old, new, types})
}

func (d *differ) meta(path, a, b string) {
	if a != b {
		d.add('~', path, a, b, "")
	}
}

// side compares a key or value with its schema. What only the schema tells (default, doc, the name
// of a field's schema) is one line.
func (d *differ) side(path string, as *data.Schema, a any, bs *data.Schema, b any) {
	before := len(d.out)
	d.value(path, as, a, bs, b)
	if len(d.out) == before && !data.SchemaEqual(as, bs) {
		d.add('~', path, "", "", "the schema's default, doc or parameters; -o json shows them")
	}
}

// value compares two values, by their fields where both have some.
func (d *differ) value(path string, as *data.Schema, a any, bs *data.Schema, b any) {
	at, bt := typeText(as, a), typeText(bs, b)
	types := ""
	if at != bt && (a != nil || as != nil) && (b != nil || bs != nil) { // null without schema says it all
		types = at + " → " + bt
	}
	af, aok := fieldsOf(as, a)
	bf, bok := fieldsOf(bs, b)
	if aok && bok {
		if types != "" {
			d.add('~', path, "", "", types)
		}
		d.fields(path, af, bf)
		return
	}
	al, aok := a.([]any)
	bl, bok := b.([]any)
	if aok && bok {
		if types != "" {
			d.add('~', path, "", "", types)
		}
		d.elements(path, as, al, bs, bl)
		return
	}
	if types != "" || !data.Equal(a, b) {
		d.add('~', path, valueText(a), valueText(b), types)
	}
}

// field is a member of a struct or map.
type field struct {
	name   string
	schema *data.Schema
	value  any
}

// fieldsOf are the members of a struct, or of a map whose keys are all texts.
func fieldsOf(schema *data.Schema, v any) ([]field, bool) {
	switch v := v.(type) {
	case *data.Struct:
		if v == nil {
			return nil, false
		}
		fields := v.Schema().Fields()
		out := make([]field, len(fields))
		for i, f := range fields {
			out[i] = field{f.Name, f.Schema, v.At(i)}
		}
		return out, true
	case *data.Map:
		if v == nil {
			return nil, false
		}
		var elem *data.Schema
		if schema != nil {
			elem = schema.ValueSchema()
		}
		out := make([]field, 0, v.Len())
		for _, e := range v.Entries() {
			name, ok := e.Key.(string)
			if !ok {
				return nil, false
			}
			out = append(out, field{name, elem, e.Value})
		}
		return out, true
	}
	return nil, false
}

func (d *differ) fields(path string, a, b []field) {
	inB := make(map[string]int, len(b))
	for i := range b {
		inB[b[i].name] = i
	}
	known := make(map[string]bool, len(a))
	for i := range a {
		x := &a[i]
		known[x.name] = true
		p := path + "." + nameText(x.name)
		if j, ok := inB[x.name]; ok {
			d.value(p, x.schema, x.value, b[j].schema, b[j].value)
		} else {
			d.add('-', p, valueText(x.value), "", "")
		}
	}
	for i := range b {
		if y := &b[i]; !known[y.name] {
			d.add('+', path+"."+nameText(y.name), "", valueText(y.value), "")
		}
	}
}

func (d *differ) elements(path string, as *data.Schema, a []any, bs *data.Schema, b []any) {
	var ae, be *data.Schema
	if as != nil {
		ae = as.ValueSchema()
	}
	if bs != nil {
		be = bs.ValueSchema()
	}
	for i := range max(len(a), len(b)) {
		p := path + "[" + strconv.Itoa(i) + "]"
		switch {
		case i >= len(b):
			d.add('-', p, valueText(a[i]), "", "")
		case i >= len(a):
			d.add('+', p, "", valueText(b[i]), "")
		default:
			d.value(p, ae, a[i], be, b[i])
		}
	}
}

// headers compares headers by key; the second and further ones of a key are numbered.
func (d *differ) headers(a, b data.Headers) {
	d.fields("headers", headerFields(a), headerFields(b))
}

func headerFields(h data.Headers) []field {
	out := make([]field, len(h))
	seen := make(map[string]int, len(h))
	for i, x := range h {
		name := x.Key
		if n := seen[x.Key]; n > 0 {
			name = fmt.Sprintf("%s#%d", x.Key, n+1)
		}
		seen[x.Key]++
		out[i] = field{name, x.Schema, x.Value}
	}
	return out
}
