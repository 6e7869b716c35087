package avro

import (
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// reader makes Connect schemas of Avro schemas. It belongs to one converter, since unions are
// numbered over all schemas that it reads.
type reader struct {
	options
	unions int
	made   int // schemas within the one being read
}

// maxMade bounds the Connect schemas within one: a record that is used twice is made twice, so that a few
// nested ones could ask for any number.
const maxMade = 100_000

// open are the records that a schema is within.
type open map[*schema]*openRecord

// openRecord is a record that is being read: a place within it refers to its builder.
type openRecord struct{ builder *data.Builder }

// place is where an Avro schema stands: what the field or union around it says.
type place struct {
	optional bool
	def      *node
	doc      *string
	version  int // of the registry, at the top only; 0 for none
}

// toSchema is the Connect schema of an Avro schema, nil for anything. version is the registry's.
func (r *reader) toSchema(s *schema, version int) (*data.Schema, error) {
	if isAnything(s) {
		return nil, nil
	}
	r.made = 0
	return r.schema(s, place{version: version}, open{}, 0)
}

// isAnything reports whether a schema is the one of values without schema.
func isAnything(s *schema) bool {
	return s == anything || s.kind == kindRecord && s.name == anything.name &&
		s.text() == anythingText
}

var anythingText = anything.text()

// isNumber reports whether Jackson's isNumber would.
func isNumber(n *node) bool { return n.kind == nodeInt || n.kind == nodeFloat }

// schema makes the Connect schema at one place. A union of null and one other is that other,
// optional; it loses the registry's version, as in Java, since the version is given to a union's
// struct alone.
func (r *reader) schema(s *schema, at place, within open, depth int) (*data.Schema, error) {
	if depth > maxNesting {
		return nil, errs.Data.New("schema %s: %v", s.name.full(), errNesting)
	}
	if r.made++; r.made > maxMade {
		return nil, errs.Data.New("schema %s is one of more than %d within another", s.name.full(),
			maxMade)
	}
	if o := within[s]; o != nil {
		return o.builder.Within(at.optional), nil
	}
	if s.kind == kindUnion {
		if other, ok := s.nullable(); ok {
			return r.schema(other, place{optional: true, doc: at.doc}, within, depth+1)
		}
		if len(s.branches) == 1 && r.flattenSingletons {
			return r.schema(s.branches[0], place{doc: at.doc}, within, depth+1)
		}
	}
	b, err := r.builder(s, within, depth)
	if err != nil {
		return nil, err
	}
	if err := r.describe(b, s, at); err != nil {
		return nil, err
	}
	delete(within, s)
	return b.Build()
}

// builder starts the schema of a type. Logical types that aren't mapped (micros, uuid, local-
// timestamp) are the plain type, with no unit converted.
func (r *reader) builder(s *schema, within open, depth int) (*data.Builder, error) {
	switch s.kind {
	case kindBoolean:
		return data.NewBuilder(data.Boolean), nil
	case kindInt:
		return intBuilder(s)
	case kindLong:
		if strings.EqualFold(s.propText(propLogical), "timestamp-millis") {
			return data.NewBuilder(data.Int64).Name(data.TimestampName).Version(1), nil
		}
		return data.NewBuilder(data.Int64), nil
	case kindFloat:
		return data.NewBuilder(data.Float32), nil
	case kindDouble:
		return data.NewBuilder(data.Float64), nil
	case kindString:
		return data.NewBuilder(data.String), nil
	case kindBytes, kindFixed:
		return bytesBuilder(s)
	case kindEnum:
		return r.enumBuilder(s), nil
	case kindArray:
		return r.arrayBuilder(s, within, depth)
	case kindMap:
		elem, err := r.schema(s.elem, place{}, within, depth+1)
		if err != nil {
			return nil, err
		}
		return data.MapOf(data.StringSchema, elem), nil
	case kindRecord:
		return r.recordBuilder(s, within, depth)
	case kindUnion:
		return r.unionBuilder(s, within, depth)
	}
	return nil, errs.Data.New("Standalone null schemas are not supported by this converter")
}

// intBuilder takes connect.type only where there is no logicalType; an unknown one is errs.Data.
func intBuilder(s *schema) (*data.Builder, error) {
	logical, hasLogical := s.prop(propLogical)
	if hasLogical && logical.kind == nodeString {
		switch {
		case strings.EqualFold(logical.text, "date"):
			return data.NewBuilder(data.Int32).Name(data.DateName).Version(1), nil
		case strings.EqualFold(logical.text, "time-millis"):
			return data.NewBuilder(data.Int32).Name(data.TimeName).Version(1), nil
		}
		return data.NewBuilder(data.Int32), nil
	}
	t, ok := s.prop(propType)
	if !ok || t.kind != nodeString {
		return data.NewBuilder(data.Int32), nil
	}
	switch t.text {
	case "int8":
		return data.NewBuilder(data.Int8), nil
	case "int16":
		return data.NewBuilder(data.Int16), nil
	}
	return nil, errs.Data.New("Connect type annotation for Avro int field is null")
}

// bytesBuilder makes BYTES or Decimal. A scale that is missing is 0; a precision of 64, the
// default, is not kept.
func bytesBuilder(s *schema) (*data.Builder, error) {
	b := data.NewBuilder(data.Bytes)
	if strings.EqualFold(s.propText(propLogical), "decimal") {
		scale := int64(0)
		if n, ok := s.prop(propScale); ok {
			if n.kind != nodeInt {
				return nil, errs.Data.New("scale must be specified and must be a number.")
			}
			scale, _ = n.int()
		}
		b = data.DecimalBuilder(int32(scale))
		if n, ok := s.prop(propPrec); ok {
			if n.kind != nodeInt {
				return nil, errs.Data.New("precision property must be a JSON Integer. https://avro.apache.org/docs/1.9.1/spec.html#Decimal")
			}
			if precision, _ := n.int(); precision != defaultPrecision {
				b.Parameter(precisionParam, strconv.Itoa(int(int32(precision))))
			}
		}
	}
	if s.kind == kindFixed {
		b.Parameter(fixedSizeParam, strconv.Itoa(s.size))
	}
	return b, nil
}

// enumBuilder makes a STRING with a parameter for each symbol, by which it can be written as an
// enum again.
func (r *reader) enumBuilder(s *schema) *data.Builder {
	b := data.NewBuilder(data.String)
	if r.meta {
		r.enumDocs(b, s)
	}
	prefix := avroEnum
	if r.generalized {
		prefix = generalEnum
	}
	b.Parameter(prefix, s.name.full())
	for i, symbol := range s.symbols {
		if r.generalized {
			b.Parameter(prefix+"."+symbol, strconv.Itoa(i))
		} else {
			b.Parameter(prefix+"."+symbol, symbol)
		}
	}
	return b
}

// enumDocs keeps doc and default of an enum as parameters.
func (r *reader) enumDocs(b *data.Builder, s *schema) {
	switch {
	case r.discardDocs && s.doc != nil:
		b.Parameter(enumDocPlain, *s.doc)
	case r.discardDocs:
	default:
		if s.doc != nil {
			b.Parameter(enumDocParam+s.name.short, *s.doc)
		}
		if s.enumDefault != nil {
			b.Parameter(enumDefParam+s.name.short, *s.enumDefault)
		}
	}
}

// isEntry reports whether a record is an entry of a map.
func isEntry(s *schema) bool {
	if s.kind != kindRecord {
		return false
	}
	return s.name == name{mapEntryName, namespace} || s.propText(propInternal) == mapEntryName
}

// arrayBuilder makes an ARRAY, or the MAP that an array of entries is.
func (r *reader) arrayBuilder(s *schema, within open, depth int) (*data.Builder, error) {
	if !isEntry(s.elem) {
		elem, err := r.schema(s.elem, place{}, within, depth+1)
		if err != nil {
			return nil, err
		}
		return data.ArrayOf(elem), nil
	}
	key, value := s.elem.fieldIndex("key"), s.elem.fieldIndex("value")
	if len(s.elem.fields) != 2 || key < 0 || value < 0 {
		return nil, errs.Data.New("Found map encoded as array of key-value pairs, but array elements do not match the expected format.")
	}
	k, err := r.schema(s.elem.fields[key].schema, place{}, within, depth+1)
	if err != nil {
		return nil, err
	}
	v, err := r.schema(s.elem.fields[value].schema, place{}, within, depth+1)
	if err != nil {
		return nil, err
	}
	return data.MapOf(k, v), nil
}

// recordBuilder makes a STRUCT. Docs become parameters, not Doc, unless discard.type.doc.default
// is set.
func (r *reader) recordBuilder(s *schema, within open, depth int) (*data.Builder, error) {
	b := data.NewBuilder(data.StructType)
	within[s] = &openRecord{builder: b}
	docs := r.meta && !r.discardDocs
	if s.doc != nil && docs {
		b.Parameter(recordDocParam, *s.doc)
	}
	for i := range s.fields {
		f := &s.fields[i]
		if f.doc != nil && docs {
			b.Parameter(fieldDocParam+f.name, *f.doc)
		}
		made, err := r.schema(f.schema, place{def: fieldDefault(f.schema, f.def), doc: f.doc},
			within, depth+1)
		if err != nil {
			return nil, err
		}
		b.Field(f.name, made)
	}
	return b, nil
}

// unionBuilder makes the struct with a field for each branch. The number in the name of a
// generalized union is the converter's, so that it depends on what was read before: Java's own
// habit.
func (r *reader) unionBuilder(s *schema, within open, depth int) (*data.Builder, error) {
	unionName := avroUnion
	b := data.NewBuilder(data.StructType)
	if r.generalized {
		unionName = unionPrefix + strconv.Itoa(r.unions)
		r.unions++
		b.Parameter(generalUnion, unionName)
	}
	b.Name(unionName)
	for i, branch := range s.branches {
		if branch.kind == kindNull {
			b.Optional()
			continue
		}
		fieldName := r.branchField(branch)
		if r.generalized {
			fieldName = unionField + strconv.Itoa(i)
		}
		if b.HasField(fieldName) {
			return nil, errs.Data.New("Multiple union schemas map to the Connect union field name")
		}
		made, err := r.schema(branch, place{optional: true}, within, depth+1)
		if err != nil {
			return nil, err
		}
		b.Field(fieldName, made)
	}
	return b, nil
}

// branchField is the name of a union's field.
func (r *reader) branchField(s *schema) string {
	switch {
	case !s.kind.named():
		return s.kind.String()
	case r.enhanced:
		return s.name.full()
	}
	return s.name.short
}

// describe adds documentation, version, parameters, default and name.
func (r *reader) describe(b *data.Builder, s *schema, at place) error {
	if r.meta || r.discardDocs {
		r.describeDoc(b, s, at)
	}
	if err := describeVersion(b, s, at); err != nil {
		return err
	}
	if r.meta {
		if r.discardDocs && s.doc != nil {
			b.Parameter(recordDocPlain, *s.doc)
		}
		if err := describeParams(b, s); err != nil {
			return err
		}
	}
	schemaName := ""
	if n, ok := s.prop(propName); ok {
		if n.kind != nodeString {
			return errs.Data.New("Invalid schema name: %s", n)
		}
		schemaName = n.text
	} else if s.kind.named() && builtin(s) == "" {
		schemaName = s.name.full()
	}
	if schemaName != "" && !strings.HasPrefix(schemaName, namespace+"."+defaultName) {
		if err := describeName(b, s, schemaName); err != nil {
			return err
		}
	}
	if err := r.describeDefault(b, s, at); err != nil {
		return err
	}
	if at.optional {
		b.Optional()
	}
	return nil
}

// describeDoc sets Doc: of connect.doc or, with discard.type.doc.default, of the field's or type's
// own.
func (r *reader) describeDoc(b *data.Builder, s *schema, at place) {
	doc, ok := s.prop(propDoc)
	switch {
	case r.discardDocs && at.doc != nil:
		b.Doc(*at.doc)
	case r.discardDocs && s.doc != nil:
		b.Doc(*s.doc)
	case ok && doc.kind == nodeString:
		b.Doc(doc.text)
	}
}

// describeVersion sets the version: connect.version wins over the registry's. A logical type has
// version 1 already and takes no other, so that such a top-level schema can't be read once it is
// version 2 of its subject.
func describeVersion(b *data.Builder, s *schema, at place) error {
	version := int64(at.version)
	has := at.version > 0
	if v, ok := s.prop(propVersion); ok {
		if !isNumber(v) {
			return errs.Data.New("Invalid Connect version found: %s", v)
		}
		version, _ = v.int()
		has = true
	}
	if !has || version < 0 {
		return nil
	}
	if builtin(s) != "" {
		const own = 1
		if version != own {
			return errs.Data.New("Mismatched versions: version already added to SchemaBuilder (%d) differs from version in source schema (%d)", own, version)
		}
		return nil
	}
	b.Version(int32(version))
	return nil
}

// builtin is the name of the logical type that a schema without name and version of its own is read as, ""
// for none: it comes with a name and version 1.
func builtin(s *schema) string {
	logical := s.propText(propLogical)
	switch {
	case s.kind == kindInt && strings.EqualFold(logical, "date"):
		return data.DateName
	case s.kind == kindInt && strings.EqualFold(logical, "time-millis"):
		return data.TimeName
	case s.kind == kindLong && strings.EqualFold(logical, "timestamp-millis"):
		return data.TimestampName
	case (s.kind == kindBytes || s.kind == kindFixed) && strings.EqualFold(logical, "decimal"):
		return data.DecimalName
	}
	return ""
}

// describeName sets the name, which may not be another than that of a logical type.
func describeName(b *data.Builder, s *schema, schemaName string) error {
	if own := builtin(s); own != "" {
		if own != schemaName {
			return errs.Data.New("Mismatched names: name already added to SchemaBuilder (%s) differs from name in source schema (%s)", own, schemaName)
		}
		return nil
	}
	b.Name(schemaName)
	return nil
}

// describeParams sets connect.parameters, and all attributes whose name begins with avro.
func describeParams(b *data.Builder, s *schema) error {
	if params, ok := s.prop(propParams); ok {
		if params.kind != nodeObject {
			return errs.Data.New("Expected JSON object for schema parameters but found: %s", params)
		}
		for _, p := range params.members {
			if p.value.kind != nodeString {
				return errs.Data.New("Expected schema parameter values to be strings but found: %s",
					&p.value)
			}
			b.Parameter(p.name, p.value.text)
		}
	}
	for i := range s.props {
		if p := &s.props[i]; strings.HasPrefix(p.name, avroProp) {
			text := p.value.text
			if p.value.kind != nodeString {
				text = p.value.String()
			}
			b.Parameter(p.name, text)
		}
	}
	return nil
}
