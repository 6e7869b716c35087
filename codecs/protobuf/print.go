package protobuf

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// printer prints a file as Confluent's classes do.
type printer struct {
	normal bool // as the registry keeps it with normalize=true
	proto3 bool
}

// text is the file's text: the very bytes that the JVM's converter registers.
func (f *file) text() string { return (&printer{proto3: f.proto3()}).file(f) }

// normalText is the text that normalize=true makes of a file whose types are resolved.
func (f *file) normalText() string { return (&printer{normal: true, proto3: f.proto3()}).file(f) }

// file prints in Wire's order: syntax, package, imports, options, types.
func (p *printer) file(f *file) string {
	var b strings.Builder
	if f.syntax != "" && (!p.normal || f.proto3()) {
		b.WriteString("syntax = \"" + f.syntax + "\";\n")
	}
	if f.pkg != "" {
		b.WriteString("package " + f.pkg + ";\n")
	}
	if len(f.imports)+len(f.public) > 0 {
		b.WriteByte('\n')
		for _, name := range p.imports(f.imports) {
			b.WriteString("import \"" + name + "\";\n")
		}
		for _, name := range p.imports(f.public) {
			b.WriteString("import public \"" + name + "\";\n")
		}
	}
	if len(f.options) > 0 {
		b.WriteByte('\n')
		options := slices.Clone(f.options)
		if p.normal {
			slices.SortStableFunc(options, func(a, b option) int { return cmp.Compare(a.name, b.name) })
		}
		for _, o := range options {
			b.WriteString("option " + o.name + " = " + o.value + ";\n")
		}
	}
	if messages := p.messages(f.messages); len(messages)+len(f.enums) > 0 {
		b.WriteByte('\n')
		for _, m := range messages {
			p.message(&b, "", m)
		}
		for _, e := range f.enums {
			p.enum(&b, "", e)
		}
	}
	return b.String()
}

// imports are those of the file, in order and once each with normalize=true.
func (p *printer) imports(names []string) []string {
	if !p.normal {
		return names
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// messages are those that are printed: not the entries of maps that are written as map<…>.
func (p *printer) messages(all []*message) []*message {
	var kept []*message
	for _, m := range all {
		if !m.generated && !(p.normal && m.mapEntry) {
			kept = append(kept, m)
		}
	}
	return kept
}

// message prints ordinary fields, oneofs, then nested types; blank lines are the ones that Wire
// has, to the byte.
func (p *printer) message(b *strings.Builder, indent string, m *message) {
	inner := indent + "  "
	b.WriteString(indent + "message " + m.name + " {")
	if m.mapEntry {
		b.WriteString("\n" + inner + "option map_entry = true;\n")
	}
	plain, members := p.fields(m)
	if len(plain) > 0 {
		blank(b, indent)
		for _, f := range plain {
			p.field(b, inner, f)
		}
	}
	if len(members) > 0 {
		blank(b, indent)
		for _, group := range members {
			b.WriteString(inner + "oneof " + group[0].oneof.name + " {\n")
			for _, f := range group {
				p.field(b, inner+"  ", f)
			}
			b.WriteString(inner + "}\n")
		}
	}
	if nested := p.messages(m.messages); len(nested)+len(m.enums) > 0 {
		blank(b, indent)
		for _, n := range nested {
			p.message(b, inner, n)
		}
		for _, e := range m.enums {
			p.enum(b, inner, e)
		}
	}
	if b.String()[b.Len()-1] == '\n' {
		b.WriteString(indent)
	}
	b.WriteString("}\n")
}

// blank ends the line, or is a blank line behind one that ended: indented as those around it.
func blank(b *strings.Builder, indent string) {
	if text := b.String(); text[len(text)-1] == '\n' {
		b.WriteString(indent)
	}
	b.WriteByte('\n')
}

// fields are the ordinary fields, and those of each oneof that has any.
func (p *printer) fields(m *message) (plain []*field, members [][]*field) {
	byOneof := map[*oneof]int{}
	for _, o := range m.oneofs {
		byOneof[o] = len(members)
		members = append(members, nil)
	}
	for _, f := range m.fields {
		if i, ok := byOneof[f.oneof]; ok && f.oneof != nil {
			members[i] = append(members[i], f)
		} else {
			plain = append(plain, f)
		}
	}
	members = slices.DeleteFunc(members, func(list []*field) bool { return len(list) == 0 })
	if p.normal {
		byNumber := func(a, b *field) int { return cmp.Compare(a.number, b.number) }
		slices.SortStableFunc(plain, byNumber)
		for _, list := range members {
			slices.SortStableFunc(list, byNumber)
		}
		slices.SortStableFunc(members, func(a, b []*field) int { return byNumber(a[0], b[0]) })
	}
	return plain, members
}

// field prints a field with its options: one in the line, several in lines of their own.
func (p *printer) field(b *strings.Builder, indent string, f *field) {
	b.WriteString(indent)
	typ, isMap := p.typeOf(f)
	switch {
	case isMap || f.oneof != nil:
	case f.repeated:
		b.WriteString("repeated ")
	case f.required:
		b.WriteString("required ")
	case f.optional:
		b.WriteString("optional ")
	}
	b.WriteString(typ + " " + f.name + " = " + strconv.Itoa(int(f.number)))
	if options := p.options(f); len(options) == 1 {
		b.WriteString(" [" + indented(options[0], indent) + "]")
	} else if len(options) > 1 {
		b.WriteString(" [\n")
		for i, o := range options {
			if i < len(options)-1 {
				o += ","
			}
			b.WriteString(indent + "  " + indented(o, indent+"  ") + "\n")
		}
		b.WriteString(indent + "]")
	}
	b.WriteString(";\n")
}

// indented indents the lines after the first.
func indented(text, indent string) string { return strings.ReplaceAll(text, "\n", "\n"+indent) }

// typeOf is a field's type as it is printed, and whether it is map<…>.
func (p *printer) typeOf(f *field) (name string, isMap bool) {
	if f.typeName == "" {
		return kindNames[f.kind], false
	}
	if entry := f.entry; entry != nil && !p.normal {
		key, _ := p.typeOf(entry.fields[0])
		value, _ := p.typeOf(entry.fields[1])
		return "map<" + key + ", " + value + ">", true
	}
	if !p.normal {
		return f.typeName, false
	}
	switch {
	case f.msg != nil && f.msg.mapEntry && len(f.msg.fields) == 2:
		key, _ := p.typeOf(f.msg.fields[0])
		value, _ := p.typeOf(f.msg.fields[1])
		return "map<" + key + ", " + value + ">", true
	case f.msg != nil:
		return "." + f.msg.full, false
	case f.enum != nil:
		return "." + f.enum.full, false
	}
	return f.typeName, false
}

// options are a field's in the order that Confluent prints; normalized, by their names.
func (p *printer) options(f *field) []string {
	all := slices.Clone(f.options)
	if f.packed || f.notPacked {
		all = append([]option{{"packed", strconv.FormatBool(f.packed)}}, all...)
	}
	if len(f.params) > 0 {
		all = append(all, option{"(" + fieldMeta + ")", p.params(f.params)})
	}
	if f.hasDef && !p.proto3 {
		value := f.def
		if f.kind == kString || f.kind == kBytes {
			value = `"` + escape(value) + `"`
		}
		all = append(all, option{"default", value})
	}
	if f.jsonName != "" {
		all = append(all, option{"json_name", `"` + escape(f.jsonName) + `"`})
	}
	if p.normal {
		bare := func(o option) string { return strings.Trim(o.name, "()") }
		slices.SortStableFunc(all, func(a, b option) int { return cmp.Compare(bare(a), bare(b)) })
	}
	var texts []string
	for _, o := range all {
		texts = append(texts, o.name+" = "+o.value)
	}
	return texts
}

// params is the value of (confluent.field_meta).
func (p *printer) params(params []param) string {
	entry := func(e param, indent string) string {
		pair := [2]string{`key: "` + escape(e.key) + `"`, `value: "` + escape(e.value) + `"`}
		if !p.normal && (e.key == "precision" || e.key == "scale") {
			pair[0], pair[1] = pair[1], pair[0]
		}
		return "{\n" + indent + "  " + pair[0] + ",\n" + indent + "  " + pair[1] + "\n" + indent +
			"}"
	}
	if p.normal && len(params) == 1 {
		return "{\n  params: " + entry(params[0], "  ") + "\n}"
	}
	var list []string
	for _, e := range params {
		list = append(list, "    "+entry(e, "    "))
	}
	return "{\n  params: [\n" + strings.Join(list, ",\n") + "\n  ]\n}"
}

// enum prints an enum; normalized, in the order of the numbers.
func (p *printer) enum(b *strings.Builder, indent string, e *enum) {
	b.WriteString(indent + "enum " + e.name + " {")
	if len(e.values) > 0 || e.alias {
		b.WriteByte('\n')
	}
	if e.alias {
		b.WriteString(indent + "  option allow_alias = true;\n")
	}
	values := slices.Clone(e.values)
	if p.normal {
		slices.SortStableFunc(values, func(a, b enumValue) int {
			return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.name, b.name))
		})
	}
	for _, v := range values {
		b.WriteString(indent + "  " + v.name + " = " + strconv.Itoa(int(v.number)) + ";\n")
	}
	if len(e.values) > 0 || e.alias {
		b.WriteString(indent)
	}
	b.WriteString("}\n")
}
