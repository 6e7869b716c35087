package protobuf

import (
	"math"
	"slices"
	"strconv"

	"github.com/troupe-connect/troupe/connectors/data"
)

// decMessage is a message made ready for reading: into a struct, a single value or an entry of a map.
type decMessage struct {
	schema *data.Schema // of the struct, nil for what is none
	full   string
	fields []decField
	table  []int32 // by number: place in fields plus one; for small numbers
	byNum  map[int32]int32
	oneofs []decOneof
	// strict says that a struct within another must be checked, since fields may lack a value.
	strict   bool
	required bool // has fields that proto2 requires
	proto3   bool
}

// tableSize is up to which number fields are found by the table.
const tableSize = 512

// decField is a field made ready for reading.
type decField struct {
	number   int32
	name     string
	kind     kind
	repeated bool
	required bool
	at       int // in the struct, -1 if it isn't there
	oneof    int // -1 for none
	member   int // in the oneof's union
	plan     *decPlan
	absent   any  // what the field has when it isn't in the message
	present  bool // the field has presence: without it absent counts
	utf8     bool // must be UTF-8
	enum     *enum
	closed   bool // numbers that the enum lacks are no value
	names    map[int32]any
}

// decOneof is a oneof of the message and where its union goes.
type decOneof struct {
	at     int          // of the union in the struct, -1 where unions are flattened
	schema *data.Schema // of the union
	name   string       // of the union's field
	strict bool         // the union has members that can't be null
}

// decPlan is how a value of a field becomes one of its Connect schema.
type decPlan struct {
	schema  *data.Schema
	kind    decKind
	message *decMessage // of a struct, or a wrapper
	entry   *decMessage
}

// decKind is what a field's value becomes.
type decKind uint8

const (
	toInt8 decKind = iota + 1
	toInt16
	toInt32
	toInt64
	toFloat32
	toFloat64
	toBoolean
	toString
	toBytes
	toEnumInt
	toEnumName
	toStruct
	toWrapped
	toMap
	toDecimal
	toDate
	toTime
	toTimestamp
)

// reading compiles messages for reading.
type reading struct {
	*options
	messages map[*data.Schema]*decMessage
}

// decode compiles a message and its Connect schema.
func (o *options) decode(m *message, s *data.Schema) *decMessage {
	r := &reading{options: o, messages: map[*data.Schema]*decMessage{}}
	return r.message(m, s)
}

// message compiles a message once for each Connect schema; one that holds itself finds itself
// under way.
func (r *reading) message(m *message, s *data.Schema) *decMessage {
	if done := r.messages[s]; done != nil {
		return done
	}
	d := &decMessage{full: m.full, proto3: m.in.proto3()}
	r.messages[s] = d
	if s.Type() == data.StructType && !r.isSingle(m, s) {
		d.schema = s
	}
	places := map[*oneof]int{}
	for _, o := range m.oneofs {
		places[o] = len(d.oneofs)
		of := decOneof{at: -1, name: r.unionField(o)}
		if !r.flattenUnions && d.schema != nil {
			if of.at = s.FieldIndex(of.name); of.at >= 0 {
				of.schema = s.Fields()[of.at].Schema
				for _, f := range of.schema.Fields() {
					of.strict = of.strict || !f.Schema.Optional()
				}
			}
		}
		d.oneofs = append(d.oneofs, of)
	}
	for _, f := range m.fields {
		d.fields = append(d.fields, r.field(d, s, m, f, places))
	}
	d.index()
	for i := range s.Fields() {
		f := &s.Fields()[i]
		if !f.Schema.Optional() && f.Schema.Default() == nil {
			d.strict = true
		}
	}
	return d
}

// isSingle reports whether a message became the schema of the single value that it holds.
func (r *reading) isSingle(m *message, s *data.Schema) bool {
	return wrapperKinds[m.full] != kNone && s.Type() != data.StructType
}

// index makes the fields be found by number.
func (d *decMessage) index() {
	for i := range d.fields {
		n := d.fields[i].number
		if n < tableSize {
			if int(n) >= len(d.table) {
				d.table = slices.Grow(d.table, int(n)+1-len(d.table))[:n+1]
			}
			d.table[n] = int32(i + 1)
			continue
		}
		if d.byNum == nil {
			d.byNum = map[int32]int32{}
		}
		d.byNum[n] = int32(i + 1)
	}
}

// find is the place of a field, -1 for none.
func (d *decMessage) find(number int32) int {
	if int(number) < len(d.table) {
		return int(d.table[number]) - 1
	}
	if d.byNum != nil {
		return int(d.byNum[number]) - 1
	}
	return -1
}

// field pairs a field with its place in the struct, by name. One that has no place is read over,
// but still counts for proto2's required and for the rule that the last member of a oneof wins.
func (r *reading) field(d *decMessage, s *data.Schema, m *message, f *field,
	places map[*oneof]int,
) decField {
	out := decField{
		number: f.number, name: f.name, kind: f.kind, repeated: f.repeated, required: f.required,
		at: -1, oneof: -1,
		utf8: m.in.proto3(), enum: f.enum, closed: f.enum != nil && !f.enum.in.proto3(),
	}
	d.required = d.required || f.required
	var fs *data.Schema
	switch {
	case d.schema == nil: // the single field of a wrapper
		if f.name == "value" {
			out.at, fs = 0, s
		}
	case f.oneof != nil:
		out.oneof = places[f.oneof]
		if union := d.oneofs[out.oneof].schema; union != nil {
			if i := union.FieldIndex(f.name); i >= 0 {
				out.at, out.member, fs = d.oneofs[out.oneof].at, i, union.Fields()[i].Schema
			}
		} else if i := s.FieldIndex(f.name); i >= 0 {
			out.at, fs = i, s.Fields()[i].Schema
		}
	default:
		if i := s.FieldIndex(f.name); i >= 0 {
			out.at, fs = i, s.Fields()[i].Schema
		}
	}
	if fs == nil {
		return out
	}
	out.present = f.oneof != nil || f.kind == kMessage && !f.repeated || r.keepsAbsence(m, f)
	if f.repeated && !isMap(f) {
		fs = fs.ValueSchema()
	}
	out.plan = r.plan(f, fs)
	if f.enum != nil {
		out.names = map[int32]any{}
		for _, v := range f.enum.values {
			if _, there := out.names[v.number]; !there {
				out.names[v.number] = v.name
			}
		}
	}
	out.absent = r.absent(f, out.plan)
	return out
}

// keepsAbsence reports whether a single value that isn't there is null, not the type's default.
func (r *reading) keepsAbsence(m *message, f *field) bool {
	if f.repeated || !f.optional || r.structForNulls {
		return false
	}
	return m.in.proto3() || r.optionalProto2
}

// plan is how a value becomes one of its Connect schema, by the logical name, else the type.
func (r *reading) plan(f *field, s *data.Schema) *decPlan {
	p := &decPlan{schema: s}
	switch s.Name() {
	case data.DecimalName:
		p.kind = toDecimal
		return p
	case data.DateName:
		p.kind = toDate
		return p
	case data.TimeName:
		p.kind = toTime
		return p
	case data.TimestampName:
		p.kind = toTimestamp
		return p
	}
	switch s.Type() {
	case data.Int8:
		p.kind = toInt8
	case data.Int16:
		p.kind = toInt16
	case data.Int32:
		p.kind = toInt32
	case data.Int64:
		p.kind = toInt64
	case data.Float32:
		p.kind = toFloat32
	case data.Float64:
		p.kind = toFloat64
	case data.Boolean:
		p.kind = toBoolean
	case data.String:
		p.kind = toString
	case data.Bytes:
		p.kind = toBytes
	case data.StructType:
		p.kind, p.message = toStruct, r.message(f.msg, s)
		return p
	case data.MapType:
		p.kind, p.entry = toMap, r.entry(f.msg, s)
		return p
	}
	switch f.kind {
	case kEnum:
		if p.kind == toInt32 {
			p.kind = toEnumInt
		} else {
			p.kind = toEnumName
		}
	case kMessage:
		p.message, p.kind = r.message(f.msg, s), toWrapped
	}
	return p
}

// entry compiles the entries of a map as a struct of key and value.
func (r *reading) entry(m *message, s *data.Schema) *decMessage {
	if done := r.messages[s]; done != nil {
		return done
	}
	d := &decMessage{full: m.full, proto3: m.in.proto3()}
	r.messages[s] = d
	for i, part := range []*data.Schema{s.KeySchema(), s.ValueSchema()} {
		f := m.fields[i]
		out := decField{
			number: f.number, name: f.name, kind: f.kind, at: i, oneof: -1, utf8: m.in.proto3(), enum: f.enum,
			closed: f.enum != nil && !f.enum.in.proto3(),
			plan:   r.plan(f, part),
		}
		if f.enum != nil {
			out.names = map[int32]any{}
			for _, v := range f.enum.values {
				if _, there := out.names[v.number]; !there {
					out.names[v.number] = v.name
				}
			}
		}
		out.absent = r.absent(f, out.plan)
		d.fields = append(d.fields, out)
	}
	d.index()
	return d
}

// absent is what Java's getField says of a field that isn't there.
func (r *reading) absent(f *field, p *decPlan) any {
	if f.repeated {
		if p.kind == toMap {
			return data.NewMap(0)
		}
		return []any{}
	}
	switch p.kind {
	case toInt8:
		return int8(r.defaultInt(f))
	case toInt16:
		return int16(r.defaultInt(f))
	case toInt32:
		return int32(r.defaultInt(f))
	case toInt64:
		return r.defaultInt(f)
	case toFloat32, toFloat64:
		return r.defaultFloat(f, p.kind)
	case toBoolean:
		return f.hasDef && f.def == "true"
	case toString:
		return f.def
	case toBytes:
		return []byte(f.def)
	case toEnumInt, toEnumName:
		return defaultEnum(f, p.kind)
	}
	return nil
}

// defaultInt is proto2's default, 0 without one; unsigned ones beyond int64 wrap as in Java.
func (r *reading) defaultInt(f *field) int64 {
	if !f.hasDef {
		return 0
	}
	if n, err := strconv.ParseInt(f.def, 0, 64); err == nil {
		return n
	}
	n, _ := strconv.ParseUint(f.def, 0, 64)
	return int64(n)
}

// defaultFloat is proto2's default, in which inf and nan are words.
func (r *reading) defaultFloat(f *field, k decKind) any {
	n := 0.0
	switch f.def {
	case "inf":
		n = math.Inf(1)
	case "-inf":
		n = math.Inf(-1)
	case "nan":
		n = math.NaN()
	default:
		if v, err := strconv.ParseFloat(f.def, 64); err == nil {
			n = v
		}
	}
	if k == toFloat32 {
		return float32(n)
	}
	return n
}

// defaultEnum is proto2's default, else the first value.
func defaultEnum(f *field, k decKind) any {
	if len(f.enum.values) == 0 {
		return nil
	}
	v := f.enum.values[0]
	for _, other := range f.enum.values {
		if f.hasDef && other.name == f.def {
			v = other
		}
	}
	if k == toEnumInt {
		return v.number
	}
	return v.name
}
