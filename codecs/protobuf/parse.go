package protobuf

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
)

// fieldMeta is the option in which Confluent keeps what a field can't say.
const fieldMeta = "confluent.field_meta"

// parse reads a .proto text, or the base64 of a FileDescriptorProto. Types are not resolved.
func parse(name, text string) (*file, error) {
	f, err := parseText(name, text)
	if err == nil {
		return f, nil
	}
	if raw, bad := base64.StdEncoding.DecodeString(text); bad == nil {
		fd := &descriptorpb.FileDescriptorProto{}
		if proto.Unmarshal(raw, fd) == nil && fd.GetName() != "" {
			return (&converted{fd: fd}).file(name)
		}
	}
	return nil, fmt.Errorf("Could not parse Protobuf - %w", err)
}

// maxText bounds the schemas that are read.
const maxText = 16 << 20

// parseText parses with protocompile, which is stricter than Wire, Java's parser, in one place
// (reserved numbers) and panics in some; both are mended here.
func parseText(name, text string) (f *file, err error) {
	defer func() { // protocompile panics at some texts that no parser takes
		if p := recover(); p != nil {
			err = fmt.Errorf("the text can't be parsed: %v", p)
		}
	}()
	if len(text) > maxText {
		return nil, errors.New("the schema is too large")
	}
	var first error
	handler := reporter.NewHandler(reporter.NewReporter(func(err reporter.ErrorWithPos) error {
		if strings.Contains(err.Error(), "disallowed reserved range") {
			return nil // Java's parser takes such numbers
		}
		if first == nil {
			first = err
		}
		return err
	}, nil))
	node, err := parser.Parse(name, strings.NewReader(text), handler)
	if err == nil && node.Edition != nil {
		err = errors.New("editions are not supported")
	}
	if err != nil {
		return nil, err
	}
	result, err := parser.ResultFromAST(node, false, handler)
	if first != nil {
		return nil, first
	}
	if result == nil {
		return nil, err
	}
	c := &converted{fd: result.FileDescriptorProto(), ast: result}
	if node.Syntax == nil {
		c.noSyntax = true
	}
	return c.file(name)
}

// converted makes our model of a descriptor.
type converted struct {
	fd       *descriptorpb.FileDescriptorProto
	ast      parser.Result // of a text
	noSyntax bool
}

// maxNesting bounds messages in messages.
const maxNesting = 100

// file makes the model of a descriptor and gives its types their full names.
func (c *converted) file(name string) (*file, error) {
	fd := c.fd
	f := &file{name: name, syntax: fd.GetSyntax(), pkg: fd.GetPackage()}
	if c.noSyntax || f.syntax == "" {
		f.syntax = ""
	}
	if f.syntax == "editions" {
		return nil, errors.New("editions are not supported")
	}
	for i, dep := range fd.GetDependency() {
		if slices.Contains(fd.GetPublicDependency(), int32(i)) {
			f.public = append(f.public, dep)
		} else {
			f.imports = append(f.imports, dep)
		}
	}
	f.rest = len(fd.GetService()) > 0 || len(fd.GetExtension()) > 0
	for _, o := range fd.GetOptions().GetUninterpretedOption() {
		f.options = append(f.options, option{optionName(o), optionValue(o)})
	}
	for _, e := range fd.GetEnumType() {
		f.enums = append(f.enums, enumOf(e))
	}
	for _, m := range fd.GetMessageType() {
		msg, err := c.message(f, m, 0)
		if err != nil {
			return nil, err
		}
		f.messages = append(f.messages, msg)
	}
	f.complete()
	return f, nil
}

// optionName is the name as it is printed: parts in parentheses are extensions.
func optionName(o *descriptorpb.UninterpretedOption) string {
	var parts []string
	for _, p := range o.GetName() {
		name := p.GetNamePart()
		if p.GetIsExtension() {
			name = "(" + strings.TrimPrefix(name, ".") + ")"
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ".")
}

// optionValue is an option's value as it is printed.
func optionValue(o *descriptorpb.UninterpretedOption) string {
	switch {
	case o.IdentifierValue != nil:
		return o.GetIdentifierValue()
	case o.StringValue != nil:
		return `"` + escape(string(o.GetStringValue())) + `"`
	case o.PositiveIntValue != nil:
		return strconv.FormatUint(o.GetPositiveIntValue(), 10)
	case o.NegativeIntValue != nil:
		return strconv.FormatInt(o.GetNegativeIntValue(), 10)
	case o.DoubleValue != nil:
		return strconv.FormatFloat(o.GetDoubleValue(), 'g', -1, 64)
	}
	return "{" + o.GetAggregateValue() + "}"
}

// enumOf is an enum with its values in the order of the text.
func enumOf(e *descriptorpb.EnumDescriptorProto) *enum {
	out := &enum{name: e.GetName(), alias: e.GetOptions().GetAllowAlias()}
	for _, o := range e.GetOptions().GetUninterpretedOption() {
		if optionName(o) == "allow_alias" {
			out.alias = o.GetIdentifierValue() == "true"
		}
	}
	for _, v := range e.GetValue() {
		out.values = append(out.values, enumValue{v.GetName(), v.GetNumber()})
	}
	return out
}

// Groups are left out with their messages, since ProtobufData doesn't know them. A oneof that only
// stands for `optional` in proto3 is none.
func (c *converted) message(f *file, m *descriptorpb.DescriptorProto, depth int) (*message, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("messages are nested deeper than %d", maxNesting)
	}
	out := &message{name: m.GetName(), mapEntry: m.GetOptions().GetMapEntry()}
	for _, o := range m.GetOptions().GetUninterpretedOption() {
		if optionName(o) == "map_entry" {
			out.mapEntry = o.GetIdentifierValue() == "true"
		}
	}
	f.rest = f.rest || len(m.GetReservedName())+len(m.GetReservedRange())+len(m.GetExtensionRange())+len(m.GetExtension()) > 0
	synthetic := map[int32]bool{}
	for _, fd := range m.GetField() {
		if fd.GetProto3Optional() && fd.OneofIndex != nil {
			synthetic[fd.GetOneofIndex()] = true
		}
	}
	groups := map[string]bool{}
	byIndex := map[int32]*oneof{}
	for i, o := range m.GetOneofDecl() {
		if !synthetic[int32(i)] {
			byIndex[int32(i)] = &oneof{o.GetName(), i}
			out.oneofs = append(out.oneofs, byIndex[int32(i)])
		}
	}
	for _, fd := range m.GetField() {
		// the JVM's converter doesn't know groups
		if fd.GetType() == descriptorpb.FieldDescriptorProto_TYPE_GROUP {
			groups[fd.GetTypeName()] = true
			continue
		}
		if fd.GetNumber() <= 0 { // protocompile lets the number be left out
			return nil, fmt.Errorf("%s.%s: Field numbers must be positive integers.", m.GetName(),
				fd.GetName())
		}
		out.fields = append(out.fields, c.field(fd, byIndex))
	}
	for _, e := range m.GetEnumType() {
		out.enums = append(out.enums, enumOf(e))
	}
	var entries []*message // of map<…>, which are no messages of the text
	for _, n := range m.GetNestedType() {
		if groups[n.GetName()] {
			continue
		}
		nested, err := c.message(f, n, depth+1)
		if err != nil {
			return nil, err
		}
		if c.ast != nil && n.GetOptions().GetMapEntry() {
			nested.generated = true
			nameEntry(out, nested)
			entries = append(entries, nested)
			continue
		}
		out.messages = append(out.messages, nested)
	}
	out.messages = append(out.messages, entries...)
	return out, nil
}

// nameEntry gives the message of a map's entries the name that it has in Java.
func nameEntry(m, entry *message) {
	for _, f := range m.fields {
		if f.typeName == entry.name || strings.HasSuffix(f.typeName, "."+entry.name) {
			entry.name = mapEntryName(f.name)
			f.typeName, f.entry = entry.name, entry
			return
		}
	}
}

var kindsByType = map[descriptorpb.FieldDescriptorProto_Type]kind{
	descriptorpb.FieldDescriptorProto_TYPE_DOUBLE: kDouble, descriptorpb.FieldDescriptorProto_TYPE_FLOAT: kFloat,
	descriptorpb.FieldDescriptorProto_TYPE_INT32: kInt32, descriptorpb.FieldDescriptorProto_TYPE_INT64: kInt64,
	descriptorpb.FieldDescriptorProto_TYPE_UINT32:   kUint32,
	descriptorpb.FieldDescriptorProto_TYPE_UINT64:   kUint64,
	descriptorpb.FieldDescriptorProto_TYPE_SINT32:   kSint32,
	descriptorpb.FieldDescriptorProto_TYPE_SINT64:   kSint64,
	descriptorpb.FieldDescriptorProto_TYPE_FIXED32:  kFixed32,
	descriptorpb.FieldDescriptorProto_TYPE_FIXED64:  kFixed64,
	descriptorpb.FieldDescriptorProto_TYPE_SFIXED32: kSfixed32,
	descriptorpb.FieldDescriptorProto_TYPE_SFIXED64: kSfixed64,
	descriptorpb.FieldDescriptorProto_TYPE_BOOL:     kBool, descriptorpb.FieldDescriptorProto_TYPE_STRING: kString,
	descriptorpb.FieldDescriptorProto_TYPE_BYTES: kBytes, descriptorpb.FieldDescriptorProto_TYPE_GROUP: kGroup,
}

// field is a field with the options that count; what (confluent.field_meta) holds becomes params.
func (c *converted) field(fd *descriptorpb.FieldDescriptorProto, oneofs map[int32]*oneof) *field {
	f := &field{
		name: fd.GetName(), number: fd.GetNumber(), kind: kindsByType[fd.GetType()], typeName: fd.GetTypeName(),
		repeated: fd.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED,
		required: fd.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REQUIRED,
		optional: fd.GetProto3Optional(),
		def:      fd.GetDefaultValue(), hasDef: fd.DefaultValue != nil,
	}
	if c.fd.GetSyntax() != "proto3" {
		f.optional = fd.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL &&
			fd.OneofIndex == nil
	}
	if fd.OneofIndex != nil && !fd.GetProto3Optional() {
		f.oneof = oneofs[fd.GetOneofIndex()]
	}
	if fd.GetOptions() != nil && fd.Options.Packed != nil {
		f.packed, f.notPacked = fd.Options.GetPacked(), !fd.Options.GetPacked()
	}
	for _, o := range fd.GetOptions().GetUninterpretedOption() {
		c.fieldOption(f, o)
	}
	return f
}

// fieldOption sorts an option to where the model keeps it; the rest is kept to be printed.
func (c *converted) fieldOption(f *field, o *descriptorpb.UninterpretedOption) {
	switch name := optionName(o); name {
	case "packed":
		f.packed = o.GetIdentifierValue() == "true"
		f.notPacked = !f.packed
	case "default":
		f.hasDef = true
		switch {
		case o.StringValue != nil:
			f.def = string(o.GetStringValue())
		default:
			f.def = optionValue(o)
		}
	case "json_name":
		f.jsonName = string(o.GetStringValue())
	default:
		if strings.HasPrefix(name, "("+fieldMeta+")") && c.ast != nil {
			if node, ok := c.ast.OptionNode(o).(*ast.OptionNode); ok {
				f.params = append(f.params, metaParams(strings.TrimPrefix(name, "("+fieldMeta+")"),
					node.Val)...)
			}
			return
		}
		f.options = append(f.options, option{name, optionValue(o)})
	}
}

// metaParams are the parameters that a value of (confluent.field_meta), or of a part of it, holds.
func metaParams(path string, v ast.ValueNode) []param {
	switch path {
	case "":
		lit, ok := v.(*ast.MessageLiteralNode)
		if !ok {
			return nil
		}
		var all []param
		for _, e := range lit.Elements {
			if string(e.Name.Name.AsIdentifier()) == "params" {
				all = append(all, metaParams(".params", e.Val)...)
			}
		}
		return all
	case ".params":
		switch v := v.(type) {
		case *ast.ArrayLiteralNode:
			var all []param
			for _, e := range v.Elements {
				all = append(all, metaParams(path, e)...)
			}
			return all
		case *ast.MessageLiteralNode:
			var p param
			for _, e := range v.Elements {
				text, _ := e.Val.Value().(string)
				switch string(e.Name.Name.AsIdentifier()) {
				case "key":
					p.key = text
				case "value":
					p.value = text
				}
			}
			return []param{p}
		}
	}
	return nil
}

// escape writes a string as Confluent's printer does.
func escape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case 7:
			b.WriteString(`\a`)
		case '\b':
			b.WriteString(`\b`)
		case '\f':
			b.WriteString(`\f`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\v':
			b.WriteString(`\v`)
		case '\\', '\'', '"':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
