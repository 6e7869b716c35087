package avro

import (
	"slices"
	"strconv"
	"strings"
)

// text is the schema as Java's Schema.toString prints it.
func (s *schema) text() string {
	p := printer{known: map[string]bool{}}
	p.schema(s, "")
	return string(p.b)
}

// printer writes a schema; a name that was written stands for its schema from then on, also for
// another one of that name.
type printer struct {
	b      []byte
	known  map[string]bool
	sorted bool // attributes in the order of their names
}

func (p *printer) str(lead, s string) { p.b = appendText(append(p.b, lead...), s) }

// schema prints in Java's order of attributes: type, name, namespace, doc, what the type has, all
// other attributes, aliases.
func (p *printer) schema(s *schema, space string) {
	switch {
	case s.kind == kindUnion:
		p.b = append(p.b, '[')
		for i, b := range s.branches {
			if i > 0 {
				p.b = append(p.b, ',')
			}
			p.schema(b, space)
		}
		p.b = append(p.b, ']')
		return
	case s.kind.named() && p.known[s.name.full()]:
		p.reference(s.name, space)
		return
	case !s.kind.named() && s.kind < kindRecord && len(s.props) == 0:
		p.str("", s.kind.String())
		return
	}
	t := s.kind.String()
	if s.isError {
		t = "error"
	}
	p.str(`{"type":`, t)
	switch s.kind {
	case kindRecord:
		p.head(s, space)
		p.fields(s)
	case kindEnum:
		p.head(s, space)
		p.strings(`,"symbols":[`, s.symbols)
		if s.enumDefault != nil {
			p.str(`,"default":`, *s.enumDefault)
		}
	case kindFixed:
		p.head(s, space)
		p.b = strconv.AppendInt(append(p.b, `,"size":`...), int64(s.size), 10)
	case kindArray:
		p.b = append(p.b, `,"items":`...)
		p.schema(s.elem, space)
	case kindMap:
		p.b = append(p.b, `,"values":`...)
		p.schema(s.elem, space)
	}
	p.props(s.props)
	if len(s.aliases) > 0 {
		names := make([]string, len(s.aliases))
		for i, a := range s.aliases {
			if names[i] = a.full(); a.space == s.name.space {
				names[i] = a.short
			}
		}
		p.strings(`,"aliases":[`, names)
	}
	p.b = append(p.b, '}')
}

// reference writes a name in place of its schema; one that is also a type's needs its namespace.
func (p *printer) reference(n name, space string) {
	if n.space == space {
		for _, k := range kindNames {
			if k == n.short {
				p.str("", n.full())
				return
			}
		}
		p.str("", n.short)
		return
	}
	p.str("", n.full())
}

// head prints what names a schema; the namespace only where it isn't the one around it.
func (p *printer) head(s *schema, space string) {
	p.known[s.name.full()] = true
	p.str(`,"name":`, s.name.short)
	if s.name.space != space {
		p.str(`,"namespace":`, s.name.space)
	}
	if s.doc != nil {
		p.str(`,"doc":`, *s.doc)
	}
}

// fields prints a record's fields. Their types are in the namespace of the record.
func (p *printer) fields(s *schema) {
	p.b = append(p.b, `,"fields":[`...)
	for i := range s.fields {
		f := &s.fields[i]
		if i > 0 {
			p.b = append(p.b, ',')
		}
		p.str(`{"name":`, f.name)
		p.b = append(p.b, `,"type":`...)
		p.schema(f.schema, s.name.space)
		if f.doc != nil {
			p.str(`,"doc":`, *f.doc)
		}
		if f.def != nil {
			p.b = f.def.append(append(p.b, `,"default":`...))
		}
		if f.order != "" {
			p.str(`,"order":`, f.order)
		}
		if len(f.aliases) > 0 {
			p.strings(`,"aliases":[`, f.aliases)
		}
		p.props(f.props)
		p.b = append(p.b, '}')
	}
	p.b = append(p.b, ']')
}

func (p *printer) strings(lead string, all []string) {
	p.b = append(p.b, lead...)
	for i, s := range all {
		if i > 0 {
			p.b = append(p.b, ',')
		}
		p.b = appendText(p.b, s)
	}
	p.b = append(p.b, ']')
}

func (p *printer) props(props []member) {
	if p.sorted {
		props = slices.SortedFunc(slices.Values(props), func(a, b member) int { return strings.Compare(a.name, b.name) })
	}
	for i := range props {
		p.str(",", props[i].name)
		p.b = props[i].value.append(append(p.b, ':'))
	}
}

// normal is the text that the registry keeps with normalize=true: attributes in order.
func (s *schema) normal() string {
	p := printer{known: map[string]bool{}, sorted: true}
	p.schema(s, "")
	return string(p.b)
}
