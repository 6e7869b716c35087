package protobuf

import (
	"slices"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/codecs/registry"
)

// Parsed is a Protobuf schema as a registry needs it.
type Parsed struct {
	file *file
	text string
}

// ParseSchema understands a Protobuf schema: it is a registry.Parser.
func ParseSchema(s registry.Schema, references []registry.Resolved) (registry.Parsed, error) {
	f, err := parse("default", s.Text)
	if err != nil {
		return nil, err
	}
	deps := map[string]*file{}
	for _, ref := range references {
		if deps[ref.Name], err = parse(ref.Name, ref.Schema.Text); err != nil {
			return nil, err
		}
	}
	if err := linked(f, deps); err != nil {
		return nil, err
	}
	return &Parsed{f, s.Text}, nil
}

// Canonical is the text as Confluent's registry prints it; normalized, with full names of types, fields
// in the order of their numbers and imports in order. A file with more than messages, fields and enums
// stays as it is.
func (p *Parsed) Canonical(normalize bool) string {
	switch {
	case p.file.rest:
		return p.text
	case normalize:
		return p.file.normalText()
	}
	return p.file.text()
}

// Reads says why what writer has written can't all be read; nothing if it can.
func (p *Parsed) Reads(writer registry.Parsed) []string {
	w, ok := writer.(*Parsed)
	if !ok {
		return []string{"Incompatible because of different schema type"}
	}
	c := &comparison{open: map[[2]*message]bool{}}
	if w.file.pkg != p.file.pkg {
		c.add("#/", "PACKAGE_CHANGED")
	}
	c.messages("#/", w.file.messages, p.file.messages)
	return c.found
}

// comparison looks for what a schema reads otherwise than another one wrote it, as Confluent's registry
// does.
type comparison struct {
	found []string
	open  map[[2]*message]bool // pairs that were or are being compared
}

// add notes a finding in the words of the registry's answer.
func (c *comparison) add(path, what string) {
	c.found = append(c.found, "{errorType:\""+what+"\", description:\"The reader's schema differs at path '"+path+"'\"}")
}

// messages compares messages by name. That enums change is never a breach.
func (c *comparison) messages(path string, original, update []*message) {
	for _, m := range original {
		i := slices.IndexFunc(update, func(u *message) bool { return u.name == m.name })
		switch {
		case i >= 0:
			c.message(path+m.name, m, update[i])
		case !m.mapEntry:
			c.add(path+m.name, "MESSAGE_REMOVED")
		}
	}
}

// message compares fields by number, as readers do; names of fields don't count, those of messages
// do.
func (c *comparison) message(path string, original, update *message) {
	pair := [2]*message{original, update}
	if c.open[pair] {
		return
	}
	c.open[pair] = true
	before, after := plainFields(original), plainFields(update)
	moved := c.moved(path, original, update, before)
	for _, o := range original.oneofs {
		i := slices.IndexFunc(update.oneofs, func(u *oneof) bool { return u.name == o.name })
		if i >= 0 {
			c.members(path+"/"+o.name, members(original, o), members(update, update.oneofs[i]))
		}
	}
	for number, f := range before {
		at := path + "/" + strconv.Itoa(int(number))
		switch u := after[number]; {
		case moved[number]:
		case u != nil:
			c.field(at, f, u)
		case f.required:
			c.add(at, "REQUIRED_FIELD_REMOVED")
		}
	}
	for number, f := range after {
		if before[number] == nil && f.required {
			c.add(path+"/"+strconv.Itoa(int(number)), "REQUIRED_FIELD_ADDED")
		}
	}
	c.messages(path+"/", original.messages, update.messages)
}

// plainFields are the fields that are in no oneof.
func plainFields(m *message) map[int32]*field {
	all := map[int32]*field{}
	for _, f := range m.fields {
		if f.oneof == nil {
			all[f.number] = f
		}
	}
	return all
}

// members are the fields of one oneof by number.
func members(m *message, o *oneof) map[int32]*field {
	all := map[int32]*field{}
	for _, f := range m.fields {
		if f.oneof == o {
			all[f.number] = f
		}
	}
	return all
}

// moved are the fields that went into a oneof, of which one may into each, if it has no other that was
// in one before.
func (c *comparison) moved(path string, original, update *message,
	before map[int32]*field,
) map[int32]bool {
	inOneof := map[int32]bool{}
	for _, f := range original.fields {
		if f.oneof != nil {
			inOneof[f.number] = true
		}
	}
	moved := map[int32]bool{}
	for _, o := range update.oneofs {
		came, stayed := 0, 0
		for number := range members(update, o) {
			switch {
			case before[number] != nil && !moved[number]:
				moved[number] = true
				came++
			case inOneof[number]:
				stayed++
			}
		}
		switch {
		case came > 1:
			c.add(path+"/"+o.name, "MULTIPLE_FIELDS_MOVED_TO_ONEOF")
		case came == 1 && stayed > 0:
			c.add(path+"/"+o.name, "FIELD_MOVED_TO_EXISTING_ONEOF")
		}
	}
	return moved
}

// members compares the fields of a oneof.
func (c *comparison) members(path string, before, after map[int32]*field) {
	for number, f := range before {
		at := path + "/" + strconv.Itoa(int(number))
		if u := after[number]; u != nil {
			c.field(at, f, u)
		} else {
			c.add(at, "ONEOF_FIELD_REMOVED")
		}
	}
}

// wireGroup tells apart what can't be read as one another.
type wireGroup uint8

const (
	groupNumber wireGroup = iota + 1
	groupSigned
	groupText
	groupFixed32
	groupFixed64
	groupFloat
	groupDouble
	groupMessage
	groupMap
)

// group is the set of types between which a field may change: within it the bytes are read the
// same.
func (f *field) group() wireGroup {
	switch f.kind {
	case kSint32, kSint64:
		return groupSigned
	case kString, kBytes:
		return groupText
	case kFixed32, kSfixed32:
		return groupFixed32
	case kFixed64, kSfixed64:
		return groupFixed64
	case kFloat:
		return groupFloat
	case kDouble:
		return groupDouble
	case kMessage, kGroup:
		if f.msg != nil && f.msg.mapEntry {
			return groupMap
		}
		return groupMessage
	}
	return groupNumber
}

// field compares two fields of one number. A label may change where either side is in a oneof or
// none is written, and for text.
func (c *comparison) field(path string, original, update *field) {
	before, after := original.group(), update.group()
	switch {
	case before != after && (before >= groupMessage || after >= groupMessage):
		c.add(path, "FIELD_KIND_CHANGED")
	case before != after:
		c.add(path, "FIELD_SCALAR_KIND_CHANGED")
	case before == groupMap:
		for i := range original.msg.fields {
			c.field(path+"/"+original.msg.fields[i].name, unlabelled(original.msg.fields[i]),
				unlabelled(update.msg.fields[i]))
		}
	case before == groupMessage:
		c.named(path, original, update)
	default:
		a, b := original.label(), update.label()
		if a != "" && b != "" && a != b && before != groupText {
			c.add(path, "FIELD_NUMERIC_LABEL_CHANGED")
		}
	}
}

// unlabelled is a map's key or value without its label, which doesn't count there.
func unlabelled(f *field) *field {
	g := *f
	g.repeated, g.required, g.optional = false, false, false
	return &g
}

// label is the label as the comparison counts it, "" for none.
func (f *field) label() string {
	switch {
	case f.oneof != nil:
		return ""
	case f.repeated:
		return "repeated"
	case f.required:
		return "required"
	case f.optional:
		return "optional"
	}
	return ""
}

// local is a message's name within its package.
func local(m *message) string {
	if m.in.pkg == "" {
		return m.full
	}
	return strings.TrimPrefix(m.full, m.in.pkg+".")
}

// named compares fields that are messages: of one name, and in themselves compatible.
func (c *comparison) named(path string, original, update *field) {
	if original.msg == nil || update.msg == nil || local(original.msg) != local(update.msg) {
		c.add(path, "FIELD_NAMED_TYPE_CHANGED")
		return
	}
	before := len(c.found)
	c.message(path+"/"+original.msg.name, original.msg, update.msg)
	if len(c.found) > before {
		c.add(path, "FIELD_NAMED_TYPE_CHANGED")
	}
}
