package avro

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// The names that Confluent's converter gives what Avro has no word for.
const (
	namespace      = "io.confluent.connect.avro"
	defaultName    = "ConnectDefault"
	mapEntryName   = "MapEntry"
	avroUnion      = namespace + ".Union"
	avroEnum       = namespace + ".Enum"
	generalEnum    = "org.apache.kafka.connect.data.Enum"
	generalUnion   = "org.apache.kafka.connect.data.Union"
	unionPrefix    = "connect_union_"
	unionField     = "connect_union_field_"
	recordDocParam = namespace + ".record.doc"
	fieldDocParam  = namespace + ".field.doc."
	enumDocParam   = namespace + ".enum.doc."
	enumDefParam   = namespace + ".enum.default."
	fieldDefParam  = namespace + ".field.default"
	recordDocPlain = "connect.record.doc"
	enumDocPlain   = "connect.enum.doc"
	fixedSizeParam = "connect.fixed.size"
	precisionParam = "connect.decimal.precision"

	propDoc      = "connect.doc"
	propVersion  = "connect.version"
	propParams   = "connect.parameters"
	propDefault  = "connect.default"
	propName     = "connect.name"
	propType     = "connect.type"
	propInternal = "connect.internal.type"
	propLogical  = "logicalType"
	propScale    = "scale"
	propPrec     = "precision"
	avroProp     = "avro" // parameters that begin with it are attributes too

	defaultPrecision = 64
)

// options are the settings that the mapping of schemas depends on.
type options struct {
	enhanced, generalized, scrub, meta bool
	optionalMapKeys, discardDocs       bool
	flattenSingletons, ignoreDefaults  bool
}

// anything is the schema of values that have none: a record of nine nullable fields, one of which
// is set.
var anything = anythingSchema()

// anythingSchema makes io.confluent.connect.avro.Anything as AvroData does, which holds itself in
// arrays and maps.
func anythingSchema() *schema {
	any := &schema{kind: kindRecord, name: name{"Anything", namespace}}
	entry := &schema{kind: kindRecord, name: name{mapEntryName, namespace}}
	entry.fields = []field{{name: "key", schema: any}, {name: "value", schema: any}}
	null := node{}
	add := func(name string, s *schema) {
		any.fields = append(any.fields, field{
			name: name, schema: &schema{
				kind:     kindUnion,
				branches: []*schema{primitive(kindNull), s},
			}, def: &null,
		})
	}
	for _, k := range []kind{kindBoolean, kindBytes, kindDouble, kindFloat, kindInt, kindLong, kindString} {
		add(k.String(), primitive(k))
	}
	add("array", &schema{kind: kindArray, elem: any})
	add("map", &schema{kind: kindArray, elem: entry})
	return any
}

// maker makes the Avro schema of one Connect schema.
type maker struct {
	options
	unnamed []*data.Schema // structs without a name, numbered by their place
	// records under way, by the name of their struct, for those within themselves
	records map[string]*schema
}

// fromSchema is the Avro schema of a Connect schema. An error is of what Avro can't say.
func (o options) fromSchema(s *data.Schema) (*schema, error) {
	m := &maker{options: o, records: map[string]*schema{}}
	return m.schema(s, false, 0)
}

// param is a parameter of a Connect schema, on which most of the mapping depends.
func param(s *data.Schema, name string) (string, bool) { return s.Parameter(name) }

// isUnion reports whether a struct stands for a union: by its name, or by the parameter that
// generalized.sum.type.support uses.
func isUnion(s *data.Schema) bool {
	if s.Type() != data.StructType {
		return false
	}
	if s.Name() == avroUnion {
		return true
	}
	_, ok := param(s, generalUnion)
	return ok
}

// schema makes a schema; bare leaves out the null of an optional one.
func (m *maker) schema(s *data.Schema, bare bool, depth int) (*schema, error) {
	if s == nil {
		return anything, nil
	}
	if depth > maxNesting {
		return nil, errs.Data.Wrap(errNesting, "schema %s", s.Name())
	}
	if s.Refers() != nil {
		if r := m.records[s.Name()]; r != nil {
			return m.nullable(s, r, bare)
		}
	}
	if isUnion(s) {
		return m.union(s, bare, depth)
	}
	base, err := m.base(s, depth)
	if err != nil {
		return nil, err
	}
	if s.Type() != data.StructType || s.Refers() == nil {
		if err := m.attributes(base, s); err != nil {
			return nil, err
		}
	}
	return m.nullable(s, base, bare)
}

// nullable puts null beside the schema. It stands first, but behind a type with a default: Avro
// takes a default for the first branch only. A struct's default isn't moved, as in Java.
func (m *maker) nullable(s *data.Schema, base *schema, bare bool) (*schema, error) {
	switch {
	case !s.Optional() || bare:
		return base, nil
	case s.Default() != nil && s.Type() != data.StructType:
		return union(base, primitive(kindNull))
	}
	return union(primitive(kindNull), base)
}

// base makes the schema without null and without attributes.
func (m *maker) base(s *data.Schema, depth int) (*schema, error) {
	switch s.Type() {
	case data.Boolean:
		return primitive(kindBoolean), nil
	case data.Int8, data.Int16, data.Int32:
		return primitive(kindInt), nil
	case data.Int64:
		return primitive(kindLong), nil
	case data.Float32:
		return primitive(kindFloat), nil
	case data.Float64:
		return primitive(kindDouble), nil
	case data.String:
		if m.asEnum(s) {
			return m.enum(s)
		}
		return primitive(kindString), nil
	case data.Bytes:
		return m.bytes(s)
	case data.Array:
		elem, err := m.schema(s.ValueSchema(), false, depth+1)
		return &schema{kind: kindArray, elem: elem}, err
	case data.MapType:
		return m.mapOf(s, depth)
	case data.StructType:
		return m.record(s, depth)
	}
	return nil, errs.Data.New("Unknown schema type: %s", s.Type())
}

// asEnum reports whether a STRING is an enum.
func (m *maker) asEnum(s *data.Schema) bool {
	if !m.enhanced && !m.generalized {
		return false
	}
	_, one := param(s, avroEnum)
	_, two := param(s, generalEnum)
	return one || two
}

// split is a schema's name in its parts, the default name if there is none.
func (m *maker) split(text string) (name, error) {
	if text == "" {
		return name{defaultName, namespace}, nil
	}
	if m.scrub {
		parts := strings.Split(text, ".")
		for i, p := range parts {
			parts[i] = scrub(p)
		}
		text = strings.Join(parts, ".")
	}
	return newName(strings.TrimSuffix(text, "."), "")
}

// enum makes an enum of a STRING's parameters. The order of the symbols is that of the parameters,
// and counts: it is the index that is written.
func (m *maker) enum(s *data.Schema) (*schema, error) {
	prefix := avroEnum
	if m.generalized {
		prefix = generalEnum
	}
	full, ok := param(s, prefix)
	if !ok {
		return nil, fmt.Errorf("no parameter %s", prefix)
	}
	e := &schema{kind: kindEnum}
	var err error
	if e.name, err = m.split(full); err != nil {
		return nil, err
	}
	for _, p := range s.Parameters() {
		if symbol, ok := strings.CutPrefix(p.Name, prefix+"."); ok {
			e.symbols = append(e.symbols, symbol)
		}
	}
	if m.discardDocs {
		e.doc = optionalParam(s, enumDocPlain)
	} else {
		e.doc = optionalParam(s, enumDocParam+e.name.short)
		e.enumDefault = optionalParam(s, enumDefParam+e.name.short)
	}
	return e, checkEnum(e)
}

// optionalParam is a parameter as Avro's doc, where an empty text isn't the same as none.
func optionalParam(s *data.Schema, name string) *string {
	if v, ok := param(s, name); ok {
		return &v
	}
	return nil
}

// bytes makes bytes, or a fixed where the schema has a name and a size. Scale and precision come
// before the connect.* attributes and logicalType after them: the order is a part of the text.
func (m *maker) bytes(s *data.Schema) (*schema, error) {
	base := primitive(kindBytes)
	if size, ok := param(s, fixedSizeParam); ok && s.Name() != "" {
		n, err := strconv.ParseInt(size, 10, 32)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%s %q is no size", fixedSizeParam, size)
		}
		base = &schema{kind: kindFixed, size: int(n)}
		if base.name, err = m.split(s.Name()); err != nil {
			return nil, err
		}
	}
	if !strings.EqualFold(s.Name(), data.DecimalName) {
		return base, nil
	}
	scale, precision, err := decimalParams(s)
	if err != nil {
		return nil, err
	}
	base.addProp(propScale, intNode(int64(scale)))
	base.addProp(propPrec, intNode(int64(precision)))
	return base, nil
}

// decimalParams are the scale and the precision of a Decimal's schema.
func decimalParams(s *data.Schema) (scale, precision int32, err error) {
	text, _ := param(s, data.ScaleParameter)
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("scale of a decimal: %w", err)
	}
	p := int64(defaultPrecision)
	if text, ok := param(s, precisionParam); ok {
		if p, err = strconv.ParseInt(text, 10, 32); err != nil {
			return 0, 0, fmt.Errorf("precision of a decimal: %w", err)
		}
	}
	return int32(n), int32(p), nil
}

// plainMap reports whether a MAP is one in Avro too.
func (o options) plainMap(s *data.Schema) bool {
	k := s.KeySchema()
	return k != nil && k.Type() == data.String && (!k.Optional() || o.optionalMapKeys)
}

// mapOf makes a map of string keys, else an array of entries. Without allow.optional.map.keys
// optional string keys are entries too, since Avro's keys can't be null.
func (m *maker) mapOf(s *data.Schema, depth int) (*schema, error) {
	if m.plainMap(s) {
		elem, err := m.schema(s.ValueSchema(), false, depth+1)
		return &schema{kind: kindMap, elem: elem}, err
	}
	entry := &schema{kind: kindRecord, name: name{mapEntryName, namespace}}
	if s.Name() != "" {
		var err error
		if entry.name, err = m.split(s.Name()); err != nil {
			return nil, err
		}
		entry.addProp(propInternal, stringNode(mapEntryName))
	}
	for _, f := range []struct {
		name   string
		schema *data.Schema
	}{{"key", s.KeySchema()}, {"value", s.ValueSchema()}} {
		made, err := m.field(f.name, f.schema, nil, depth)
		if err != nil {
			return nil, err
		}
		entry.fields = append(entry.fields, made)
	}
	return &schema{kind: kindArray, elem: entry}, nil
}

// union makes the union that a struct stands for, a branch for each field.
func (m *maker) union(s *data.Schema, bare bool, depth int) (*schema, error) {
	var branches []*schema
	if s.Optional() && !bare {
		branches = append(branches, primitive(kindNull))
	}
	for _, f := range s.Fields() {
		b, err := m.schema(f.Schema, true, depth+1)
		if err != nil {
			return nil, err
		}
		branches = append(branches, b)
	}
	return union(branches...)
}

// number is the place of a struct without a name among those that differ.
func (m *maker) number(s *data.Schema) int {
	for i, u := range m.unnamed {
		if sameBut(u, s) {
			return i
		}
	}
	m.unnamed = append(m.unnamed, s)
	return len(m.unnamed) - 1
}

// sameBut reports whether two structs differ in their optionality at most.
func sameBut(a, b *data.Schema) bool {
	if a.Optional() == b.Optional() {
		return data.SchemaEqual(a, b)
	}
	return a.Default() == nil && b.Default() == nil && data.SchemaEqual(required(a), required(b))
}

// required is a struct's schema with nothing but that it isn't optional.
func required(s *data.Schema) *data.Schema {
	b := data.NewBuilder(data.StructType).Basics(s)
	for _, f := range s.Fields() {
		b.Field(f.Name, f.Schema)
	}
	made, err := b.Build()
	if err != nil {
		return s
	}
	return made
}

// record makes a record. Structs without a name are ConnectDefault, ConnectDefault2 and so on, by
// what they hold: equal ones share a number, as a name may be defined only once.
func (m *maker) record(s *data.Schema, depth int) (*schema, error) {
	r := &schema{kind: kindRecord}
	var err error
	if r.name, err = m.split(s.Name()); err != nil {
		return nil, err
	}
	if s.Name() == "" {
		if n := m.number(s); n > 0 {
			r.name.short += strconv.Itoa(n + 1)
		}
	} else {
		m.records[s.Name()] = r
	}
	docParam := recordDocParam
	if m.discardDocs {
		docParam = recordDocPlain
	}
	r.doc = optionalParam(s, docParam)
	for _, f := range s.Fields() {
		fieldName := f.Name
		if m.scrub {
			fieldName = scrub(fieldName)
		}
		doc := optionalParam(s, fieldDocParam+f.Name)
		if m.discardDocs {
			if doc = nil; f.Schema.Doc() != "" {
				text := f.Schema.Doc()
				doc = &text
			}
		}
		made, err := m.field(fieldName, f.Schema, doc, depth)
		if err != nil {
			return nil, err
		}
		if r.fieldIndex(fieldName) >= 0 {
			return nil, fmt.Errorf("Duplicate field %s in record %s", fieldName, r.name.full())
		}
		r.fields = append(r.fields, made)
	}
	return r, nil
}

// field makes a record's field. A default that Avro doesn't take is left out.
func (m *maker) field(fieldName string, s *data.Schema, doc *string,
	depth int,
) (f field, err error) {
	if err := checkName(fieldName); err != nil {
		return f, err
	}
	f = field{name: fieldName, doc: doc}
	if f.schema, err = m.schema(s, false, depth+1); err != nil || s == nil {
		return f, err
	}
	switch {
	case s.Default() != nil:
		def, err := m.defaultNode(s, s.Default(), true)
		if err != nil {
			return f, err
		}
		f.def = &def
	case s.Optional():
		f.def = &node{}
	}
	if f.def != nil && !f.schema.validDefault(f.def) {
		f.def = nil
	}
	return f, nil
}

// attributes adds what Avro itself has no place for.
func (m *maker) attributes(base *schema, s *data.Schema) error {
	if m.meta {
		if err := m.connectAttributes(base, s); err != nil {
			return err
		}
	}
	switch {
	case strings.EqualFold(s.Name(), data.DecimalName):
		base.addProp(propLogical, stringNode("decimal"))
	case strings.EqualFold(s.Name(), data.DateName):
		base.addProp(propLogical, stringNode("date"))
	case strings.EqualFold(s.Name(), data.TimeName):
		base.addProp(propLogical, stringNode("time-millis"))
	case strings.EqualFold(s.Name(), data.TimestampName):
		base.addProp(propLogical, stringNode("timestamp-millis"))
	}
	for _, p := range s.Parameters() {
		if strings.HasPrefix(p.Name, avroProp) {
			base.addProp(p.Name, stringNode(p.Value))
		}
	}
	return nil
}

// connectAttributes adds what connect.meta.data=true keeps, in AvroData's order: doc, version,
// parameters, default, name, type.
func (m *maker) connectAttributes(base *schema, s *data.Schema) error {
	if s.Doc() != "" {
		base.addProp(propDoc, stringNode(s.Doc()))
	}
	if v, ok := s.Version(); ok {
		base.addProp(propVersion, intNode(int64(v)))
	}
	params := node{kind: nodeObject}
	for _, p := range s.Parameters() {
		if p.Name != fieldDefParam || m.discardDocs {
			params.set(p.Name, stringNode(p.Value))
		}
	}
	if len(params.members) > 0 {
		base.addProp(propParams, params)
	}
	if _, ofField := param(s, fieldDefParam); s.Default() != nil && (!ofField || m.discardDocs) {
		def, err := m.defaultNode(s, s.Default(), false)
		if err != nil {
			return err
		}
		base.addProp(propDefault, def)
	}
	if s.Name() != "" {
		base.addProp(propName, stringNode(s.Name()))
	}
	switch s.Type() {
	case data.Int8:
		base.addProp(propType, stringNode("int8"))
	case data.Int16:
		base.addProp(propType, stringNode("int16"))
	}
	return nil
}

// scrub makes a name that Avro takes: encoded as in a URL, an x before a digit at the start, and an
// underscore for every character that isn't a letter, a digit or one in ASCII.
func scrub(s string) string {
	var b strings.Builder
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
			b.WriteByte(c)
		case c >= '0' && c <= '9':
			if i == 0 {
				b.WriteByte('x')
			}
			b.WriteByte(c)
		case c == '-' || c == '.' || c == '*' || c == ' ': // URL encoding keeps them or makes a plus of them
			b.WriteByte('_')
		default:
			b.WriteByte('_')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
	return b.String()
}
