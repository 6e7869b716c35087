package avro

import (
	"fmt"
	"strings"
	"unicode"
)

// kind is an Avro type.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindRecord
	kindEnum
	kindArray
	kindMap
	kindFixed
	kindUnion
)

var kindNames = [...]string{
	"null", "boolean", "int", "long", "float", "double", "bytes", "string",
	"record", "enum", "array", "map", "fixed", "union",
}

func (k kind) String() string { return kindNames[k] }

// named reports whether schemas of the kind have names.
func (k kind) named() bool { return k == kindRecord || k == kindEnum || k == kindFixed }

var primitives = map[string]kind{
	"null": kindNull, "boolean": kindBoolean, "int": kindInt, "long": kindLong, "float": kindFloat,
	"double": kindDouble, "bytes": kindBytes, "string": kindString,
}

// schema is an Avro schema. It is immutable once made; records may hold themselves.
type schema struct {
	kind        kind
	name        name
	doc         *string
	aliases     []name
	fields      []field
	symbols     []string
	enumDefault *string
	size        int
	elem        *schema // of an array or map
	branches    []*schema
	props       []member // all other attributes, in order
	isError     bool     // "error" instead of "record"
}

// field is a record's field. def is nil for none, which isn't the same as the default null.
type field struct {
	name    string
	schema  *schema
	doc     *string
	def     *node
	order   string // "" for ascending
	aliases []string
	props   []member
}

// name is a name and its namespace, "" for none.
type name struct{ short, space string }

func (n name) full() string {
	if n.space == "" {
		return n.short
	}
	return n.space + "." + n.short
}

// newName is a name as written, in the namespace around it unless it has one itself.
func newName(text, space string) (name, error) {
	if i := strings.LastIndexByte(text, '.'); i >= 0 {
		text, space = text[i+1:], text[:i]
	}
	return name{text, space}, checkName(text)
}

// checkName reports what Avro doesn't take as a name: it must be letters, digits and underscores of any
// alphabet and not begin with a digit.
func checkName(s string) error {
	if s == "" {
		return fmt.Errorf("Empty name")
	}
	for i, r := range s {
		switch {
		case r == '_' || unicode.IsLetter(r):
		case i == 0:
			return fmt.Errorf("Illegal initial character: %s", s)
		case !unicode.IsDigit(r):
			return fmt.Errorf("Illegal character in: %s", s)
		}
	}
	return nil
}

func primitive(k kind) *schema { return &schema{kind: k} }

// prop finds an attribute.
func (s *schema) prop(name string) (*node, bool) {
	for i := range s.props {
		if s.props[i].name == name {
			return &s.props[i].value, true
		}
	}
	return nil, false
}

// propText is an attribute that is a string, "" for any other.
func (s *schema) propText(name string) string {
	if v, ok := s.prop(name); ok && v.kind == nodeString {
		return v.text
	}
	return ""
}

// addProp adds an attribute; one that is there already stays.
func (s *schema) addProp(name string, value node) {
	if _, ok := s.prop(name); !ok {
		s.props = append(s.props, member{name, value})
	}
}

// fieldIndex is the place of a record's field, -1 if there is none.
func (s *schema) fieldIndex(name string) int {
	for i := range s.fields {
		if s.fields[i].name == name {
			return i
		}
	}
	return -1
}

// branchName is how a union tells its branches apart.
func (s *schema) branchName() string {
	if s.kind.named() {
		return s.name.full()
	}
	return s.kind.String()
}

// union is a union of the branches. It may not hold unions or two branches that can't be told
// apart.
func union(branches ...*schema) (*schema, error) {
	seen := map[string]bool{}
	for _, b := range branches {
		if b.kind == kindUnion {
			return nil, fmt.Errorf("Nested union: %s", b.text())
		}
		if seen[b.branchName()] {
			return nil, fmt.Errorf("Duplicate in union:%s", b.branchName())
		}
		seen[b.branchName()] = true
	}
	return &schema{kind: kindUnion, branches: branches}, nil
}

// nullable is the other branch of a union of null and one other.
func (s *schema) nullable() (other *schema, ok bool) {
	if s.kind != kindUnion || len(s.branches) != 2 {
		return nil, false
	}
	for i, b := range s.branches {
		if b.kind == kindNull {
			return s.branches[1-i], s.branches[1-i].kind != kindNull
		}
	}
	return nil, false
}

// validDefault reports whether Avro takes the JSON as a default of the schema; nil is no JSON.
func (s *schema) validDefault(def *node) bool { return s.validAt(def, 0) }

// validAt is Avro 1.11's check: a default of a union may be one of any branch.
func (s *schema) validAt(def *node, depth int) bool {
	if def == nil || depth > maxNesting {
		return false
	}
	switch s.kind {
	case kindNull:
		return def.kind == nodeNull
	case kindBoolean:
		return def.kind == nodeTrue || def.kind == nodeFalse
	case kindInt:
		n, ok := def.int()
		return def.kind == nodeInt && ok && n == int64(int32(n))
	case kindLong:
		_, ok := def.int()
		return def.kind == nodeInt && ok
	case kindFloat, kindDouble:
		return def.kind == nodeInt || def.kind == nodeFloat
	case kindString, kindBytes, kindEnum, kindFixed:
		return def.kind == nodeString
	case kindArray:
		return def.kind == nodeArray && s.elem.validAll(def, depth)
	case kindMap:
		return def.kind == nodeObject && s.elem.validAll(def, depth)
	case kindUnion:
		for _, b := range s.branches {
			if b.validAt(def, depth+1) {
				return true
			}
		}
		return false
	}
	if def.kind != nodeObject {
		return false
	}
	for i := range s.fields {
		f := &s.fields[i]
		v, ok := def.get(f.name)
		if !ok {
			v = f.def
		}
		if !f.schema.validAt(v, depth+1) {
			return false
		}
	}
	return true
}

// validAll checks the elements or members of a default.
func (s *schema) validAll(def *node, depth int) bool {
	for i := range def.items {
		if !s.validAt(&def.items[i], depth+1) {
			return false
		}
	}
	for i := range def.members {
		if !s.validAt(&def.members[i].value, depth+1) {
			return false
		}
	}
	return true
}
