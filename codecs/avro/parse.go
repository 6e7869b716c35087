package avro

import (
	"errors"
	"fmt"
	"slices"
)

// parser reads schema texts; a text may use the names of those before it.
type parser struct {
	known map[string]*schema
}

// parseSchema reads a schema; before are the texts that it refers to, in an order in which each is
// behind those that it refers to itself.
func parseSchema(text string, before ...string) (*schema, error) {
	p := parser{known: map[string]*schema{}}
	for _, b := range before {
		if _, err := p.text(b); err != nil {
			return nil, err
		}
	}
	return p.text(text)
}

// text parses one schema. Names that were defined before are known to it, which is how references
// work.
func (p *parser) text(text string) (*schema, error) {
	n, err := parseNode(text)
	if err != nil {
		return nil, fmt.Errorf("no Avro schema: %w", err)
	}
	return p.schema(&n, "", 0)
}

// The attributes that are no properties, by the kind of schema.
var (
	schemaReserved = []string{
		"doc", "fields", "items", "name", "namespace", "size", "symbols",
		"values", "type", "aliases",
	}
	fieldReserved = []string{"default", "doc", "name", "order", "type", "aliases"}
)

// schema reads a name, a union or an object. space is the namespace around it.
func (p *parser) schema(n *node, space string, depth int) (*schema, error) {
	if depth > maxNesting {
		return nil, errNesting
	}
	switch n.kind {
	case nodeString:
		return p.reference(n.text, space)
	case nodeArray:
		return p.union(n, space, depth)
	case nodeObject:
	default:
		return nil, fmt.Errorf("Schema not yet supported: %s", n)
	}
	t, ok := n.get("type")
	if !ok {
		return nil, fmt.Errorf("No type: %s", n)
	}
	if t.kind != nodeString {
		return p.schema(t, space, depth+1) // {"type": {…}}
	}
	s, err := p.typed(n, t.text, space, depth)
	if err != nil || s == nil {
		if s == nil && err == nil {
			return p.reference(t.text, space)
		}
		return nil, err
	}
	reserved := schemaReserved
	if s.kind == kindEnum {
		reserved = append(slices.Clip(reserved), "default")
	}
	s.props = append(s.props, properties(n, reserved)...)
	return s, nil
}

// properties are the attributes that Avro has no meaning for, in order.
func properties(n *node, reserved []string) (props []member) {
	for _, m := range n.members {
		if !slices.Contains(reserved, m.name) {
			props = append(props, m)
		}
	}
	return props
}

// typed is the schema of an object with a type, nil where that is a name.
func (p *parser) typed(n *node, t, space string, depth int) (*schema, error) {
	if k, ok := primitives[t]; ok {
		return primitive(k), nil
	}
	switch t {
	case "record", "error":
		return p.record(n, t == "error", space, depth)
	case "enum":
		return p.enum(n, space)
	case "fixed":
		return p.fixed(n, space)
	case "array":
		return p.container(n, kindArray, "items", space, depth)
	case "map":
		return p.container(n, kindMap, "values", space, depth)
	}
	return nil, nil
}

// reference finds a type by its name: a primitive, one of the namespace around it, or one without
// namespace.
func (p *parser) reference(text, space string) (*schema, error) {
	if k, ok := primitives[text]; ok {
		return primitive(k), nil
	}
	n, err := newName(text, space)
	if err != nil {
		return nil, err
	}
	if s := p.known[n.full()]; s != nil {
		return s, nil
	}
	if s := p.known[text]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("Undefined schema: %s", n.full())
}

// union reads the branches; that two of them can't be told apart is an error.
func (p *parser) union(n *node, space string, depth int) (*schema, error) {
	branches := make([]*schema, len(n.items))
	for i := range n.items {
		b, err := p.schema(&n.items[i], space, depth+1)
		if err != nil {
			return nil, err
		}
		branches[i] = b
	}
	return union(branches...)
}

// container reads an array (items) or a map (values).
func (p *parser) container(n *node, k kind, attribute, space string, depth int) (*schema, error) {
	inner, ok := n.get(attribute)
	if !ok {
		return nil, fmt.Errorf("No %s type: %s", attribute, n)
	}
	elem, err := p.schema(inner, space, depth+1)
	return &schema{kind: k, elem: elem}, err
}

// define takes down name, doc and aliases of a named schema.
func (p *parser) define(n *node, s *schema, space string) (err error) {
	if ns, ok := n.get("namespace"); ok && ns.kind == nodeString {
		space = ns.text
	}
	given, ok := n.get("name")
	if !ok || given.kind != nodeString {
		return fmt.Errorf("No name in schema: %s", n)
	}
	if s.name, err = newName(given.text, space); err != nil {
		return err
	}
	s.doc = optionalText(n, "doc")
	for _, a := range texts(n, "aliases") {
		alias, err := newName(a, s.name.space)
		if err != nil {
			return err
		}
		s.aliases = append(s.aliases, alias)
	}
	if p.known[s.name.full()] != nil {
		return fmt.Errorf("Can't redefine: %s", s.name.full())
	}
	if _, ok := primitives[s.name.full()]; ok {
		return fmt.Errorf("Schemas may not be named after primitives: %s", s.name.full())
	}
	p.known[s.name.full()] = s
	return nil
}

// optionalText is an attribute that is a string; what isn't one counts as missing, as in Java.
func optionalText(n *node, name string) *string {
	if v, ok := n.get(name); ok && v.kind == nodeString {
		return &v.text
	}
	return nil
}

// texts are the strings in an array; others are passed over.
func texts(n *node, name string) (all []string) {
	if v, ok := n.get(name); ok {
		for _, i := range v.items {
			if i.kind == nodeString {
				all = append(all, i.text)
			}
		}
	}
	return all
}

// enum reads an enum with its symbols.
func (p *parser) enum(n *node, space string) (*schema, error) {
	s := &schema{kind: kindEnum}
	if err := p.define(n, s, space); err != nil {
		return nil, err
	}
	symbols, ok := n.get("symbols")
	if !ok || symbols.kind != nodeArray {
		return nil, fmt.Errorf("Enum has no symbols: %s", n)
	}
	s.symbols = texts(n, "symbols")
	s.enumDefault = optionalText(n, "default")
	return s, checkEnum(s)
}

// checkEnum refuses symbols that are no names or come twice, and a default that is none of them.
func checkEnum(s *schema) error {
	seen := map[string]bool{}
	for _, symbol := range s.symbols {
		if err := checkName(symbol); err != nil {
			return err
		}
		if seen[symbol] {
			return fmt.Errorf("Duplicate enum symbol: %s", symbol)
		}
		seen[symbol] = true
	}
	if s.enumDefault != nil && !seen[*s.enumDefault] {
		return fmt.Errorf("The Enum Default: %s is not in the enum symbol set: %v", *s.enumDefault,
			s.symbols)
	}
	return nil
}

// fixed reads a fixed, whose size is bounded since a reader sets it aside.
func (p *parser) fixed(n *node, space string) (*schema, error) {
	s := &schema{kind: kindFixed}
	if err := p.define(n, s, space); err != nil {
		return nil, err
	}
	size, ok := n.get("size")
	if !ok || size.kind != nodeInt {
		return nil, fmt.Errorf("Invalid or no size: %s", n)
	}
	bytes, ok := size.int()
	if !ok || bytes < 0 || bytes > maxFixed {
		return nil, fmt.Errorf("Malformed data. Length is wrong: %s", size.text)
	}
	s.size = int(bytes)
	return s, nil
}

// maxFixed bounds the size of a fixed.
const maxFixed = 1 << 30

// record reads a record. Its name is known while its fields are read, for records within
// themselves.
func (p *parser) record(n *node, isError bool, space string, depth int) (*schema, error) {
	s := &schema{kind: kindRecord, isError: isError}
	if err := p.define(n, s, space); err != nil {
		return nil, err
	}
	fields, ok := n.get("fields")
	if !ok || fields.kind != nodeArray {
		return nil, fmt.Errorf("Record has no fields: %s", n)
	}
	for i := range fields.items {
		f, err := p.field(&fields.items[i], s, depth)
		if err != nil {
			return nil, err
		}
		if s.fieldIndex(f.name) >= 0 {
			return nil, fmt.Errorf("Duplicate field %s in record %s", f.name, s.name.full())
		}
		s.fields = append(s.fields, f)
	}
	return s, nil
}

// field reads a field. Texts such as "NaN" are defaults of floating point; that a default fits its
// type is only checked by checkNames, as readers are lenient.
func (p *parser) field(n *node, in *schema, depth int) (f field, err error) {
	given, ok := n.get("name")
	if n.kind != nodeObject || !ok || given.kind != nodeString {
		return f, fmt.Errorf("No field name: %s", n)
	}
	t, ok := n.get("type")
	if !ok {
		return f, fmt.Errorf("No field type: %s", n)
	}
	f = field{
		name: given.text, doc: optionalText(n, "doc"), aliases: texts(n, "aliases"),
		props: properties(n, fieldReserved),
	}
	if f.schema, err = p.schema(t, in.name.space, depth+1); err != nil {
		return f, err
	}
	if def, ok := n.get("default"); ok {
		f.def = def
		// "NaN"
		if (f.schema.kind == kindFloat || f.schema.kind == kindDouble) && def.kind == nodeString {
			v := floatNode(def.float())
			f.def = &v
		}
	}
	switch order := n.str("order"); order {
	case "", "ascending":
	case "descending", "ignore":
		f.order = order
	default:
		return f, errors.New("No enum constant for the order " + order)
	}
	return f, nil
}
