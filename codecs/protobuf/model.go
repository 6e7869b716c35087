package protobuf

import (
	"fmt"
	"strings"
)

// kind is the type of a field, by its name in a .proto file.
type kind uint8

const (
	kNone kind = iota
	kDouble
	kFloat
	kInt32
	kInt64
	kUint32
	kUint64
	kSint32
	kSint64
	kFixed32
	kFixed64
	kSfixed32
	kSfixed64
	kBool
	kString
	kBytes
	kMessage
	kEnum
	kGroup
)

var kindNames = [...]string{
	"", "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
	"sfixed32", "sfixed64", "bool", "string", "bytes",
}

var kindsByName = func() map[string]kind {
	m := map[string]kind{}
	for k, name := range kindNames {
		if name != "" {
			m[name] = kind(k)
		}
	}
	return m
}()

// is32 reports whether Java has the field as an int, is64 as a long.
func (k kind) is32() bool {
	switch k {
	case kInt32, kUint32, kSint32, kFixed32, kSfixed32:
		return true
	}
	return false
}

// is64 reports whether Java has the field as a long.
func (k kind) is64() bool {
	switch k {
	case kInt64, kUint64, kSint64, kFixed64, kSfixed64:
		return true
	}
	return false
}

// file is a .proto file, as far as Kafka Connect and the registry look at it.
type file struct {
	name            string // by which others import it
	syntax          string // proto2 or proto3; "" is proto2 that doesn't say so
	pkg             string
	imports, public []string
	options         []option
	messages        []*message
	enums           []*enum
	// rest says that there is more than is kept here: services, extensions, reserved names.
	rest bool
}

// option is an option of a file or a field with its value as it is printed.
type option struct{ name, value string }

// message is a message with what is in it. It isn't changed once its file is linked.
type message struct {
	name, full string
	in         *file
	fields     []*field // in the order of the text
	oneofs     []*oneof
	messages   []*message
	enums      []*enum
	mapEntry   bool
	generated  bool // for a map<…>: no message of the text
}

// enum is an enum; alias allows several names of one number.
type enum struct {
	name, full string
	in         *file
	values     []enumValue
	alias      bool
}

// enumValue is one of an enum's values.
type enumValue struct {
	name   string
	number int32
}

// first is the number of the first value, which is the default.
func (e *enum) first() int32 {
	if e == nil || len(e.values) == 0 {
		return 0
	}
	return e.values[0].number
}

// oneof is a oneof of the text, with its place among those.
type oneof struct {
	name  string
	index int
}

// field is a field of a message. typeName is as written until linker.resolve finds msg or enum.
type field struct {
	name     string
	number   int32
	kind     kind   // kNone until a type's name is resolved
	typeName string // as written, of messages and enums
	msg      *message
	enum     *enum
	entry    *message // of a map<…>

	repeated, required bool
	optional           bool // the label stands there: proto3 optional, or proto2
	oneof              *oneof
	notPacked          bool // [packed = false]
	packed             bool // [packed = true]
	params             []param
	def                string // the default of proto2
	hasDef             bool
	jsonName           string
	options            []option
}

// param is a parameter of (confluent.field_meta).
type param struct{ key, value string }

// param is a parameter of (confluent.field_meta).
func (f *field) param(key string) (string, bool) {
	for _, p := range f.params {
		if p.key == key {
			return p.value, true
		}
	}
	return "", false
}

// proto3 reports whether fields without a label have no presence.
func (f *file) proto3() bool { return f.syntax == "proto3" }

// implicit reports whether a field has no presence: its default is the same as nothing.
func (f *field) implicit(proto3 bool) bool {
	return proto3 && !f.repeated && !f.optional && f.oneof == nil && f.kind != kMessage
}

// find is the message of a full name, nil for none.
func (f *file) find(full string) *message {
	var in func([]*message) *message
	in = func(list []*message) *message {
		for _, m := range list {
			if m.full == full {
				return m
			}
			if strings.HasPrefix(full, m.full+".") {
				if found := in(m.messages); found != nil {
					return found
				}
			}
		}
		return nil
	}
	return in(f.messages)
}

// at is the message at the indexes, nil for none.
func (f *file) at(indexes []int32) *message {
	list := f.messages
	var m *message
	for _, i := range indexes {
		if i < 0 || int(i) >= len(list) {
			return nil
		}
		m = list[i]
		list = m.messages
	}
	return m
}

// indexes is the path to the message of a full name, as Java finds it: parts of the name that are no
// message are passed over. normalized leaves out entries of maps.
func (f *file) indexes(full string, normalized bool) []int32 {
	path := []int32{}
	list := f.messages
	for part := range strings.SplitSeq(full, ".") {
		i := int32(0)
		for _, m := range list {
			if normalized && m.mapEntry {
				continue
			}
			if m.name == part {
				path = append(path, i)
				list = m.messages
				break
			}
			i++
		}
	}
	return path
}

// complete gives the messages and enums their full names.
func (f *file) complete() {
	prefix := ""
	if f.pkg != "" {
		prefix = f.pkg + "."
	}
	var in func(prefix string, messages []*message, enums []*enum)
	in = func(prefix string, messages []*message, enums []*enum) {
		for _, e := range enums {
			e.full, e.in = prefix+e.name, f
		}
		for _, m := range messages {
			m.full, m.in = prefix+m.name, f
			in(m.full+".", m.messages, m.enums)
		}
	}
	in(prefix, f.messages, f.enums)
}

// linker resolves the names of types.
type linker struct {
	messages map[string]*message
	enums    map[string]*enum
}

func newLinker() *linker {
	return &linker{
		messages: map[string]*message{},
		enums:    map[string]*enum{},
	}
}

// add makes the types of a file known.
func (l *linker) add(f *file) error {
	var in func(messages []*message, enums []*enum) error
	in = func(messages []*message, enums []*enum) error {
		for _, e := range enums {
			if l.messages[e.full] != nil || l.enums[e.full] != nil {
				return fmt.Errorf("%s: %q is already defined", e.full, e.name)
			}
			l.enums[e.full] = e
		}
		for _, m := range messages {
			if l.messages[m.full] != nil || l.enums[m.full] != nil {
				return fmt.Errorf("%s: %q is already defined", m.full, m.name)
			}
			l.messages[m.full] = m
			if err := in(m.messages, m.enums); err != nil {
				return err
			}
		}
		return nil
	}
	return in(f.messages, f.enums)
}

// link resolves the types of a file's fields.
func (l *linker) link(f *file) error {
	var in func(list []*message) error
	in = func(list []*message) error {
		for _, m := range list {
			for _, fd := range m.fields {
				if err := l.resolve(m, fd); err != nil {
					return err
				}
			}
			if err := in(m.messages); err != nil {
				return err
			}
		}
		return nil
	}
	return in(f.messages)
}

// resolve finds a field's type from the innermost scope outwards.
func (l *linker) resolve(m *message, f *field) error {
	if f.typeName == "" || f.msg != nil || f.enum != nil {
		return nil
	}
	scope := m.full
	name, absolute := strings.CutPrefix(f.typeName, ".")
	if absolute {
		scope = ""
	}
	for {
		full := name
		if scope != "" {
			full = scope + "." + name
		}
		if msg := l.messages[full]; msg != nil {
			f.msg = msg
			if f.kind != kGroup {
				f.kind = kMessage
			}
			return nil
		}
		if e := l.enums[full]; e != nil {
			f.enum, f.kind = e, kEnum
			return nil
		}
		if scope == "" {
			return fmt.Errorf("%s.%s: %q is not defined.", m.full, f.name, f.typeName)
		}
		scope = scope[:max(strings.LastIndexByte(scope, '.'), 0)]
	}
}
