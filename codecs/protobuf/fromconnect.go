package protobuf

import (
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// made is the Protobuf schema of a Connect schema.
type made struct {
	file *file
	root *message
	full string // name of the root, which subjects may be named by
}

// fromConnect makes the Protobuf schema of a Connect schema, as protobuf-java takes it.
func (o *options) fromConnect(s *data.Schema) (*made, error) {
	d := &defining{
		options: o, file: &file{name: "default", syntax: "proto3"},
		nested: map[*message]map[string]bool{},
	}
	full := d.nameOr(s.Name())
	if s.Type() != data.StructType {
		name, ok := rawWrappers[s.Type()]
		if !ok {
			return nil, errs.Data.New("Unsupported root schema of type %s", s.Type())
		}
		return &made{knownFile(wrappersFile), wrapper(name), name}, nil
	}
	d.file.pkg, full = o.split(full)
	root, err := d.message(full, s, 0)
	if err != nil {
		return nil, err
	}
	d.file.messages = []*message{root}
	d.file.complete()
	if err := linked(d.file, nil); err != nil {
		return nil, invalid(err)
	}
	if err := checkFile(d.file); err != nil {
		return nil, err
	}
	return &made{d.file, root, root.full}, nil
}

// invalid is an error of protobuf-java's check of a schema.
func invalid(err error) error {
	return errs.Data.New("com.google.protobuf.Descriptors$DescriptorValidationException: %s", err)
}

// rawWrappers are the messages that hold values which are no struct.
var rawWrappers = map[data.Type]string{
	data.Int8: "google.protobuf.Int32Value", data.Int16: "google.protobuf.Int32Value",
	data.Int32: "google.protobuf.Int32Value",
	data.Int64: "google.protobuf.Int64Value", data.Float32: "google.protobuf.FloatValue",
	data.Float64: "google.protobuf.DoubleValue",
	data.Boolean: "google.protobuf.BoolValue", data.String: "google.protobuf.StringValue",
	data.Bytes: "google.protobuf.BytesValue",
}

// split takes a name apart into package and message.
func (o *options) split(full string) (pkg, name string) {
	parts := strings.Split(full, ".")
	for len(parts) > 0 && parts[len(parts)-1] == "" { // Java's split leaves these out
		parts = parts[:len(parts)-1]
	}
	if len(parts) == 0 {
		return "", ""
	}
	for i := range parts {
		parts[i] = o.clean(parts[i])
	}
	return strings.Join(parts[:len(parts)-1], "."), parts[len(parts)-1]
}

// clean is the name as scrub.invalid.names has it.
func (o *options) clean(name string) string {
	if o.scrub {
		return scrub(name)
	}
	return name
}

// defining is the making of one schema.
type defining struct {
	*options
	file   *file
	nested map[*message]map[string]bool // names of the messages within one
	names  int
}

// nameOr is the name, else the next of ConnectDefault1, ConnectDefault2 and so on. It counts up
// with every call, needed or not: Java's names depend on it.
func (d *defining) nameOr(name string) string {
	if name != "" {
		return name
	}
	d.names++
	return defaultName + strconv.Itoa(d.names)
}

// unqualified is a name without its package.
func (d *defining) unqualified(name string) string {
	full := d.nameOr(name)
	return d.clean(full[strings.LastIndexByte(full, '.')+1:])
}

// message makes a struct's message. Fields without a Tag are numbered from 1 whatever the given
// tags are, so that numbers may clash; that is an error of the check, as in Java.
func (d *defining) message(name string, s *data.Schema, depth int) (*message, error) {
	if depth > maxNesting {
		return nil, errs.Data.New("messages would be nested deeper than %d; a schema may hold itself only directly", maxNesting)
	}
	m := &message{name: name}
	next := int32(1)
	for _, f := range s.Fields() {
		tag, given, err := tagOf(f.Schema)
		if err != nil {
			return nil, err
		}
		if !given {
			tag = next
			next++
		}
		fd, err := d.field(m, f.Schema, d.clean(f.Name), tag, depth)
		if err != nil {
			return nil, err
		}
		if fd != nil {
			m.fields = append(m.fields, fd)
		}
	}
	return m, nil
}

// tagOf is a schema's parameter Tag.
func tagOf(s *data.Schema) (tag int32, given bool, err error) {
	text, given := s.Parameter(paramTag)
	if !given {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, true, errs.Data.New("For input string: %q", text)
	}
	return int32(n), true, nil
}

// union adds a oneof with its members, which are fields of the message. Members need their Tag.
func (d *defining) union(m *message, s *data.Schema, name string, depth int) error {
	o := &oneof{name, len(m.oneofs)}
	m.oneofs = append(m.oneofs, o)
	for _, f := range s.Fields() {
		tag, _, err := tagOf(f.Schema)
		if err != nil {
			return err
		}
		fd, err := d.field(m, f.Schema, d.clean(f.Name), tag, depth)
		if err != nil {
			return err
		}
		if fd != nil {
			fd.oneof, fd.optional = o, false
			m.fields = append(m.fields, fd)
		}
	}
	return nil
}

// isUnion reports whether a schema is of a union, which becomes a oneof.
func isUnion(s *data.Schema) bool {
	if strings.HasPrefix(s.Name(), nameUnion) {
		return true
	}
	_, general := s.Parameter(generalUnion)
	return general && s.Type() == data.StructType
}

// field defines a field; it is nil for a union, whose members are fields of the message.
// A message type is made once in the message around it; a second struct of that name with other
// fields uses the first, and values that don't fit it fail.
func (d *defining) field(m *message, s *data.Schema, name string, tag int32,
	depth int,
) (*field, error) {
	f := &field{name: name, number: tag, repeated: s.Type() == data.Array ||
		s.Type() == data.MapType}
	f.optional = !f.repeated && d.optional && s.Optional()
	if s.Type() == data.Array {
		if s = s.ValueSchema(); s == nil {
			return nil, errs.Data.New("an ARRAY without a schema for its elements has no Protobuf schema")
		}
	}
	typ, err := d.dataType(f, s, name)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Type() == data.StructType && isUnion(s):
		return nil, d.oneofOf(m, s, depth)
	case s.Type() == data.StructType:
		if m.name != typ && !d.nested[m][typ] {
			if d.nested[m] == nil {
				d.nested[m] = map[string]bool{}
			}
			d.nested[m][typ] = true
			inner, err := d.message(typ, s, depth+1)
			if err != nil {
				return nil, err
			}
			m.messages = append(m.messages, inner)
		}
	case s.Type() == data.MapType:
		inner, err := d.entry(typ, s, depth+1)
		if err != nil {
			return nil, err
		}
		m.messages = append(m.messages, inner)
	case isEnum(s):
		if err := d.enum(m, s); err != nil {
			return nil, err
		}
	default:
		d.simple(f, s, typ)
	}
	if k, ok := kindsByName[typ]; ok {
		f.kind = k
	} else {
		f.typeName = typ
	}
	return f, nil
}

// oneofOf finds the oneof's name, which is behind the prefix in the name of the struct.
func (d *defining) oneofOf(m *message, s *data.Schema, depth int) error {
	var name string
	if d.generalized {
		given, ok := s.Parameter(generalUnion)
		if !ok {
			return errs.Data.New("union %q has no parameter %s", s.Name(), generalUnion)
		}
		name = given
	} else {
		rest, ok := strings.CutPrefix(s.Name(), nameUnion+".")
		if !ok && len(s.Name()) < len(nameUnion)+1 {
			return errs.Data.New("the name of union %q doesn't say which", s.Name())
		}
		name = d.unqualified(rest)
	}
	return d.union(m, s, name, depth)
}

// isEnum reports whether a schema is of an enum.
func isEnum(s *data.Schema) bool {
	_, general := s.Parameter(generalEnum)
	_, own := s.Parameter(paramEnum)
	return general || own
}

// simple imports what the type needs, or notes the default.
func (d *defining) simple(f *field, s *data.Schema, typ string) {
	if path, ok := knownTypes[typ]; ok {
		if !slices.Contains(d.file.imports, path) {
			d.file.imports = append(d.file.imports, path)
		}
		return
	}
	if s.Default() != nil {
		f.def, f.hasDef = data.Text(s.Default()), true
	}
}

// dataType is the name of a schema's type; parameters go to the field.
func (d *defining) dataType(f *field, s *data.Schema, fieldName string) (string, error) {
	switch s.Name() {
	case data.DecimalName:
		if v, ok := s.Parameter(paramPrecision); ok {
			f.params = append(f.params, param{"precision", v})
		}
		if v, ok := s.Parameter(data.ScaleParameter); ok {
			f.params = append(f.params, param{"scale", v})
		}
		return decimalType, nil
	case data.DateName:
		return dateType, nil
	case data.TimeName:
		return timeType, nil
	case data.TimestampName:
		return timestampType, nil
	}
	switch s.Type() {
	case data.Array:
		return "", errs.Data.New("Array cannot be nested")
	case data.MapType:
		return mapEntryName(d.unqualified(s.Name())), nil
	case data.StructType:
		name := d.unqualified(s.Name())
		if name == fieldName {
			name += "Message" // a message and a field of one name can't stand side by side
		}
		return name, nil
	}
	return d.scalarType(f, s), nil
}

// scalarType is the type of what holds nothing else: its own, one that a parameter names, an
// enum's name, or a wrapper message for what may be null with wrapper.for.nullables.
func (d *defining) scalarType(f *field, s *data.Schema) string {
	wrapped := d.wrapper && s.Optional()
	own, hasOwn := s.Parameter(paramType)
	typ := ""
	switch s.Type() {
	case data.Int8, data.Int16:
		f.params = append(f.params, param{propType, strings.ToLower(s.Type().String())})
		typ = "int32"
	case data.Int32:
		if name, ok := s.Parameter(paramEnum); ok {
			return name
		}
		if typ = "int32"; hasOwn {
			typ = own
		}
	case data.Int64:
		if typ = "int64"; hasOwn {
			typ = own
		}
		if wrapped {
			switch typ {
			case "uint32", "fixed32":
				return "google.protobuf.UInt32Value"
			case "uint64", "fixed64":
				return "google.protobuf.UInt64Value"
			}
		}
	case data.String:
		if name, ok := s.Parameter(generalEnum); ok {
			return name
		}
		if name, ok := s.Parameter(paramEnum); ok {
			return name
		}
		typ = "string"
	case data.Float32:
		typ = "float"
	case data.Float64:
		typ = "double"
	case data.Boolean:
		typ = "bool"
	case data.Bytes:
		typ = "bytes"
	}
	if wrapped {
		return rawWrappers[s.Type()]
	}
	return typ
}

// entry is the message of a map's entries.
func (d *defining) entry(name string, s *data.Schema, depth int) (*message, error) {
	if depth > maxNesting {
		return nil, errs.Data.New("messages would be nested deeper than %d; a schema may hold itself only directly", maxNesting)
	}
	m := &message{name: name}
	for i, part := range []*data.Schema{s.KeySchema(), s.ValueSchema()} {
		if part == nil {
			return nil, errs.Data.New("a MAP without a schema for keys and values has no Protobuf schema")
		}
		f, err := d.field(m, part, []string{fieldKey, fieldValue}[i], int32(i+1), depth)
		if err != nil {
			return nil, err
		}
		if f == nil {
			return nil, errs.Data.New("a union can't be a key or value of a map in Protobuf")
		}
		f.optional = false
		m.fields = append(m.fields, f)
	}
	return m, nil
}

// enum adds an enum to the message, once for a name.
func (d *defining) enum(m *message, s *data.Schema) error {
	name := d.unqualified(s.Name())
	for _, e := range m.enums {
		if e.name == name {
			return nil
		}
	}
	e := &enum{name: d.unqualified(s.Name())}
	prefix := paramEnum + "."
	if d.generalized {
		prefix = generalEnum + "."
	}
	for _, p := range s.Parameters() {
		symbol, ok := strings.CutPrefix(p.Name, prefix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(p.Value, 10, 32)
		if err != nil {
			return errs.Data.New("For input string: %q", p.Value)
		}
		e.values = append(e.values, enumValue{symbol, int32(n)})
	}
	m.enums = append(m.enums, e)
	return nil
}

// checkFile refuses what protobuf-java's descriptors do.
func checkFile(f *file) error {
	for _, m := range f.messages {
		if err := checkMessage(m); err != nil {
			return err
		}
	}
	return nil
}

// checkName refuses what is no identifier, which scrub.invalid.names would mend.
func checkName(full, name string) error {
	if !identifier(name) {
		return errs.Data.New("com.google.protobuf.Descriptors$DescriptorValidationException: %s: %q is not a valid identifier.", full, name)
	}
	return nil
}

// checkMessage checks that names and numbers occur once, with what is in the message.
func checkMessage(m *message) error {
	if err := checkName(m.full, m.name); err != nil {
		return err
	}
	taken := map[string]bool{}
	claim := func(name string) error {
		if taken[name] {
			return errs.Data.New("com.google.protobuf.Descriptors$DescriptorValidationException: %s.%s: %q is already defined in %q.",
				m.full, name, name, m.full)
		}
		taken[name] = true
		return checkName(m.full+"."+name, name)
	}
	for _, n := range m.messages {
		if err := claim(n.name); err != nil {
			return err
		}
		if err := checkMessage(n); err != nil {
			return err
		}
	}
	for _, e := range m.enums {
		if err := claim(e.name); err != nil {
			return err
		}
		if err := checkEnum(e); err != nil {
			return err
		}
	}
	numbers := map[int32]string{}
	for _, f := range m.fields {
		if err := claim(f.name); err != nil {
			return err
		}
		if err := checkField(m, f); err != nil {
			return err
		}
		if other, ok := numbers[f.number]; ok {
			return errs.Data.New("com.google.protobuf.Descriptors$DescriptorValidationException: %s.%s: Field number %d has already been used in %q by field %q.",
				m.full, f.name, f.number, m.full, other)
		}
		numbers[f.number] = f.name
	}
	return nil
}

// checkEnum refuses an enum without values or with names that are none.
func checkEnum(e *enum) error {
	if err := checkName(e.full, e.name); err != nil {
		return err
	}
	if len(e.values) == 0 {
		return errs.Data.New("com.google.protobuf.Descriptors$DescriptorValidationException: %s: Enums must contain at least one value.", e.full)
	}
	for _, v := range e.values {
		if err := checkName(e.full+"."+v.name, v.name); err != nil {
			return err
		}
	}
	return nil
}

// checkField checks the number and that the default is one of the type.
func checkField(m *message, f *field) error {
	bad := func(why string) error {
		return errs.Data.New("com.google.protobuf.Descriptors$DescriptorValidationException: %s.%s: %s", m.full, f.name, why)
	}
	switch {
	case f.number <= 0:
		return bad("Field numbers must be positive integers.")
	case f.hasDef && f.repeated:
		return bad("Repeated fields cannot have default values.")
	case !f.hasDef:
		return nil
	}
	var err error
	switch f.kind {
	case kInt32, kSint32, kSfixed32:
		_, err = strconv.ParseInt(f.def, 10, 32)
	case kUint32, kFixed32:
		_, err = strconv.ParseUint(f.def, 10, 32)
	case kInt64, kSint64, kSfixed64:
		_, err = strconv.ParseInt(f.def, 10, 64)
	case kUint64, kFixed64:
		_, err = strconv.ParseUint(f.def, 10, 64)
	case kMessage:
		return bad("Message type had default value.")
	}
	if err != nil {
		return bad("Could not parse default value: \"" + f.def + "\"")
	}
	return nil
}
