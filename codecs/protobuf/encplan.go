package protobuf

import (
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
)

// op is how values of a schema are written.
type op uint8

const (
	opInvalid op = iota
	opInt32      // also INT8 and INT16
	opInt64
	opFloat32
	opFloat64
	opBoolean
	opString
	opBytes
	opIntEnum
	opStringEnum
	opArray
	opMap
	opStruct
	opDecimal
	opDate
	opTime
	opTimestamp
)

// encPlan is a Connect schema made ready for writing its values into fields of Protobuf.
type encPlan struct {
	schema   *data.Schema
	op       op
	kind     kind
	wrapped  bool // in a message of wrappers.proto
	numbers  map[int32]bool
	symbols  map[string]int32
	first    int32 // of the enum's numbers, which is its default
	elem     *encPlan
	entry    *encMessage // of a map: key and value
	message  *encMessage // of a struct
	unsigned bool        // a long that is written as an int
	misfit   string      // why protobuf-java doesn't take such values
}

// encMessage is a struct's schema, or a map's entries, with its fields in the order of their numbers.
type encMessage struct {
	schema *data.Schema
	fields []encField
	unions []int // places of fields that are unions
}

// encField is a field of the message and where its value comes from.
type encField struct {
	at       int // in the struct
	member   int // of the union that the field of the struct is, -1 for none
	number   int32
	implicit bool // not written where it has the type's default
	packed   bool
	def      any
	plan     *encPlan
}

// planner compiles schemas for writing.
type planner struct {
	*options
	messages map[*data.Schema]map[*message]*encMessage
}

// plan compiles a schema with the message made of it.
func (o *options) plan(s *data.Schema, m *made) *encPlan {
	p := &planner{options: o, messages: map[*data.Schema]map[*message]*encMessage{}}
	root := p.value(s, &field{kind: kMessage, msg: m.root}, m.file == knownFile(wrappersFile))
	return root
}

// value compiles a schema whose values go into the field of the message. raw says that it is the whole
// of the record.
func (p *planner) value(s *data.Schema, f *field, raw bool) *encPlan {
	e := &encPlan{schema: s, kind: f.kind}
	switch s.Name() {
	case data.DecimalName:
		e.op = opDecimal
		return e
	case data.DateName:
		e.op = opDate
		return e
	case data.TimeName:
		e.op = opTime
		return e
	case data.TimestampName:
		e.op = opTimestamp
		return e
	}
	e.wrapped = raw || p.wrapper && s.Optional()
	switch s.Type() {
	case data.Int8, data.Int16, data.Int32:
		p.integer(e, s, f)
	case data.Int64:
		p.long(e, s, f)
	case data.Float32:
		e.scalar(opFloat32, kFloat)
	case data.Float64:
		e.scalar(opFloat64, kDouble)
	case data.Boolean:
		e.scalar(opBoolean, kBool)
	case data.String:
		p.text(e, s, f)
	case data.Bytes:
		e.scalar(opBytes, kBytes)
	case data.Array:
		e.op = opArray
		e.elem = p.value(s.ValueSchema(), f, false)
	case data.MapType:
		e.op, e.entry = opMap, p.entryOf(s, f.msg)
	case data.StructType:
		e.op, e.message = opStruct, p.messageOf(s, f.msg)
	}
	return e
}

// scalar sets how a value is written that has one way only.
func (e *encPlan) scalar(o op, k kind) {
	e.op = o
	switch {
	case e.wrapped:
		e.kind = k
	case e.kind != k:
		e.misfit = "the field is of another type"
	}
}

// integer plans INT8, INT16 and INT32, among them enums with int.for.enums. A parameter Type that
// names a 64-bit type makes a schema that can be registered and values that can't be written:
// misfit says so.
func (p *planner) integer(e *encPlan, s *data.Schema, f *field) {
	e.op = opInt32
	if _, ok := s.Parameter(paramEnum); ok {
		e.op, e.wrapped = opIntEnum, false
		e.numbers = map[int32]bool{}
		e.first = f.enum.first()
		if f.enum != nil {
			for _, v := range f.enum.values {
				e.numbers[v.number] = true
			}
		}
		return
	}
	switch {
	case e.wrapped:
		e.kind = kInt32
	case !e.kind.is32():
		e.misfit = "the field is no int"
	}
}

// long plans INT64. uint32 and fixed32 are INT64 in Connect, as their values don't fit an int.
func (p *planner) long(e *encPlan, s *data.Schema, f *field) {
	e.op = opInt64
	typ, _ := s.Parameter(paramType)
	e.unsigned = typ == "uint32" || typ == "fixed32"
	switch {
	case e.wrapped && e.unsigned:
		e.kind = kInt32
	case e.wrapped:
		e.kind = kInt64
	case e.unsigned && !f.kind.is32(), !e.unsigned && !f.kind.is64():
		e.misfit = "the field is of another width"
	}
}

// text plans STRING, among them enums, whose symbols are parameters of the schema.
func (p *planner) text(e *encPlan, s *data.Schema, f *field) {
	if !isEnum(s) {
		e.scalar(opString, kString)
		return
	}
	e.op, e.wrapped = opStringEnum, false
	prefix := paramEnum
	if p.generalized {
		prefix = generalEnum
	}
	e.symbols, e.first = map[string]int32{}, f.enum.first()
	known := map[int32]bool{}
	if f.enum != nil {
		for _, v := range f.enum.values {
			known[v.number] = true
		}
	}
	for _, param := range s.Parameters() {
		symbol, ok := strings.CutPrefix(param.Name, prefix+".")
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(param.Value, 10, 32); err == nil &&
			(known[int32(n)] || f.enum == nil) {
			e.symbols[symbol] = int32(n)
		}
	}
}

// entryOf compiles the entries of a map.
func (p *planner) entryOf(s *data.Schema, m *message) *encMessage {
	if done := p.messages[s][m]; done != nil || m == nil {
		return done
	}
	e := &encMessage{schema: s}
	p.keep(s, m, e)
	for i, part := range []*data.Schema{s.KeySchema(), s.ValueSchema()} {
		f := m.fields[i]
		e.fields = append(e.fields, encField{
			at: i, member: -1, number: f.number, implicit: f.implicit(true), packed: f.repeated &&
				packable(f), plan: p.value(part, f, false),
		})
	}
	return e
}

// keep makes a message known before it is complete, for those that hold themselves.
func (p *planner) keep(s *data.Schema, m *message, e *encMessage) {
	if p.messages[s] == nil {
		p.messages[s] = map[*message]*encMessage{}
	}
	p.messages[s][m] = e
}

// packable reports whether the elements of a repeated field are written in one piece.
func packable(f *field) bool {
	return f.kind != kString && f.kind != kBytes && f.kind != kMessage && !f.notPacked
}

// messageOf compiles the fields of a struct. A struct that holds itself is compiled once.
func (p *planner) messageOf(s *data.Schema, m *message) *encMessage {
	if done := p.messages[s][m]; done != nil || m == nil {
		return done
	}
	e := &encMessage{schema: s}
	p.keep(s, m, e)
	byName := map[string]*field{}
	for _, f := range m.fields {
		byName[f.name] = f
	}
	add := func(at, member int, s *data.Schema, name string) {
		f := byName[p.clean(name)]
		if f == nil {
			f = &field{name: name}
		}
		e.fields = append(e.fields, encField{
			at: at, member: member, number: f.number, def: s.Default(),
			implicit: f.implicit(true), packed: f.repeated && packable(f), plan: p.value(s, f, false),
		})
	}
	for i, f := range s.Fields() {
		if f.Schema.Type() == data.StructType && isUnion(f.Schema) {
			e.unions = append(e.unions, i)
			for k, member := range f.Schema.Fields() {
				add(i, k, member.Schema, member.Name)
			}
			continue
		}
		add(i, -1, f.Schema, f.Name)
	}
	slices.SortStableFunc(e.fields, func(a, b encField) int { return int(a.number) - int(b.number) })
	return e
}
