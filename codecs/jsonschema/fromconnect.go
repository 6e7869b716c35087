package jsonschema

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// fromConnect makes the text of the JSON Schema of a Connect schema. Its members stand in the order
// in which the JVM's converter writes them, which is that of Java's hash maps within Everit's order
// of attributes: so the registry knows the schema that a JVM worker registered.
func (o *options) fromConnect(s *data.Schema) (string, error) {
	w := &describing{options: o, ids: map[string]bool{}}
	v, err := w.schema(s, nil, false, 0)
	if err != nil {
		return "", err
	}
	return string(appendJSON(nil, v)), nil
}

// describing is the making of one JSON Schema.
type describing struct {
	*options
	ids map[string]bool // of structs that were met, which later places refer to
}

// maxTextDepth is how deep Everit's writer nests objects and arrays.
const maxTextDepth = 200

var integerTypes = map[data.Type]string{
	data.Int8: "int8", data.Int16: "int16", data.Int32: "int32", data.Int64: "int64",
}

// part is a schema on its way to an object: what stands before and behind its common attributes.
type part struct {
	before, after *object
	extra         *object // connect.* attributes, in the order in which Java puts them into a map
	combined      bool
}

// schema describes a schema. index is its field's place, nil for none; plain takes it as if it were
// not optional.
func (w *describing) schema(s *data.Schema, index *int, plain bool, depth int) (*object, error) {
	if s == nil {
		return nil, errs.Data.New("a schema without a schema for its elements can't be written as JSON Schema")
	}
	if depth++; depth > maxTextDepth {
		return nil, errs.Data.New("JSON Schema would be nested deeper than %d", maxTextDepth)
	}
	id, hasID := s.Parameter(paramID)
	if hasID {
		w.ids[id] = true
	}
	p := &part{before: newObject(), after: newObject(), extra: newObject()}
	if err := w.typed(p, s, plain, depth); err != nil {
		return nil, err
	}
	var common *object
	if !p.combined {
		var err error
		if common, err = w.common(p, s); err != nil {
			return nil, err
		}
		if !plain && s.Optional() {
			inner := p.assemble(common, "", false)
			p = &part{before: newObject(), after: newObject(), extra: newObject(), combined: true}
			p.after.put("oneOf", []any{nullSchema(), inner})
			common = nil
		}
	}
	if index != nil {
		p.extra.put(propIndex, integer(*index))
	}
	return p.assemble(common, id, hasID), nil
}

// assemble puts the attributes into the order in which Everit writes them.
func (p *part) assemble(common *object, id string, hasID bool) *object {
	o := newObject()
	for _, name := range p.before.names {
		o.put(name, p.before.values[name])
	}
	if common != nil {
		for _, name := range common.names {
			o.put(name, common.values[name])
		}
	}
	if hasID {
		o.put("id", id)
	}
	for _, name := range p.extra.hashed().copied().names {
		o.put(name, p.extra.values[name])
	}
	for _, name := range p.after.names {
		o.put(name, p.after.values[name])
	}
	return o
}

// nullSchema is the schema of null, which stands before an optional one.
func nullSchema() *object {
	o := newObject()
	o.put("type", "null")
	return o
}

// common are title, description and default; the rest goes to the connect.* attributes.
func (w *describing) common(p *part, s *data.Schema) (*object, error) {
	o := newObject()
	if s.Name() != "" {
		o.put("title", s.Name())
	}
	if s.Doc() != "" {
		o.put("description", s.Doc())
	}
	if v, ok := s.Version(); ok {
		p.extra.put(propVersion, integer(int(v)))
	}
	params := newObject()
	for _, param := range s.Parameters() {
		if !strings.HasPrefix(param.Name, namespace) {
			params.put(param.Name, param.Value)
		}
	}
	if len(params.names) > 0 {
		p.extra.put(propParams, params.hashed().sized())
	}
	if s.Default() == nil {
		return o, nil
	}
	e := &encoder{options: w.options}
	text, _, err := e.append(nil, compile(s), s.Default(), 0)
	if err != nil {
		return nil, err
	}
	def, err := parseJSON(text)
	if err != nil {
		return nil, errs.Data.Wrap(err, "Invalid default value")
	}
	if def, err = written(def); err != nil {
		return nil, err
	}
	if def != nil {
		o.put("default", def)
	}
	return o, nil
}

// written is a default as org.json writes it and Jackson reads that.
func written(v any) (any, error) {
	switch v := v.(type) {
	case number:
		if !v.integer {
			return trimmed(v), nil
		}
	case []any:
		for i := range v {
			e, err := written(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = e
		}
	case *object:
		for _, name := range v.names {
			e, err := written(v.values[name])
			if err != nil {
				return nil, err
			}
			v.values[name] = e
		}
		return v.hashed(), nil
	}
	return v, nil
}

// trimmed is a number without zeros at the end of its fraction.
func trimmed(n number) number {
	if strings.ContainsAny(n.text, "eE") || !strings.Contains(n.text, ".") {
		return n
	}
	text := strings.TrimRight(n.text, "0")
	if whole, ok := strings.CutSuffix(text, "."); ok {
		return number{whole, true}
	}
	return number{text, false}
}

// typed describes what is the type's.
func (w *describing) typed(p *part, s *data.Schema, plain bool, depth int) error {
	switch s.Type() {
	case data.Int8, data.Int16, data.Int32, data.Int64:
		p.before.put("type", "integer")
		p.extra.put(propType, integerTypes[s.Type()])
	case data.Float32:
		p.before.put("type", "number")
		p.extra.put(propType, "float32")
	case data.Float64:
		p.before.put("type", "number")
		p.extra.put(propType, "float64")
	case data.Boolean:
		p.after.put("type", "boolean")
	case data.String:
		if symbols, ok := w.symbols(s); ok {
			p.before.put("enum", symbols)
		} else {
			p.before.put("type", "string")
		}
	case data.Bytes:
		if s.Name() == data.DecimalName && w.numeric {
			p.before.put("type", "number")
		} else {
			p.before.put("type", "string")
		}
		p.extra.put(propType, "bytes")
	case data.Array:
		items, err := w.orReference(s.ValueSchema(), nil, depth)
		if err != nil {
			return err
		}
		p.before.put("type", "array")
		p.after.put("items", items)
	case data.MapType:
		return w.mapSchema(p, s, depth)
	case data.StructType:
		return w.structSchema(p, s, plain, depth)
	}
	return nil
}

// symbols are the values of a STRING that is an enum, in the order of a hash set.
func (w *describing) symbols(s *data.Schema) ([]any, bool) {
	_, general := s.Parameter(generalEnum)
	_, special := s.Parameter(paramEnum)
	if !general && !special {
		return nil, false
	}
	prefix := paramEnum + "."
	if w.generalized {
		prefix = generalEnum + "."
	}
	set, null := newObject(), false
	for _, param := range s.Parameters() {
		symbol, ok := strings.CutPrefix(param.Name, prefix)
		switch {
		case !ok:
		case symbol == nullSymbol:
			null = true
			set.put(symbol, nil)
		default:
			set.put(symbol, symbol)
		}
	}
	order := set.hashed().names
	list := make([]any, 0, len(order))
	if null { // null's hash is 0, and so first but for what shares its bucket
		list = append(list, nil)
	}
	for _, symbol := range order {
		if symbol != nullSymbol {
			list = append(list, symbol)
		}
	}
	return list, true
}

// orReference is a reference to a struct that was met, else the schema.
func (w *describing) orReference(s *data.Schema, index *int, depth int) (*object, error) {
	if s != nil {
		if id, ok := s.Parameter(paramID); ok && w.ids[id] {
			o := newObject()
			o.put("$ref", id)
			return o, nil
		}
	}
	return w.schema(s, index, false, depth+1)
}

// mapSchema describes a map: an object with additionalProperties, or an array of entries.
func (w *describing) mapSchema(p *part, s *data.Schema, depth int) error {
	key := s.KeySchema()
	if key == nil || s.ValueSchema() == nil {
		return errs.Data.New("a MAP without a schema for keys and values can't be written as JSON Schema")
	}
	p.extra.put(propType, "map")
	if key.Type() == data.String && !key.Optional() {
		value, err := w.schema(s.ValueSchema(), nil, false, depth)
		if err != nil {
			return err
		}
		p.before.put("type", "object")
		p.after.put("additionalProperties", value)
		return nil
	}
	first, second := 0, 1
	keys, err := w.schema(key, &first, false, depth+3)
	if err != nil {
		return err
	}
	values, err := w.schema(s.ValueSchema(), &second, false, depth+3)
	if err != nil {
		return err
	}
	both := newObject()
	both.put(fieldKey, keys)
	both.put(fieldValue, values)
	entry := newObject()
	entry.put("type", "object")
	entry.put("properties", both.hashed())
	p.before.put("type", "array")
	p.after.put("items", entry)
	return nil
}

// structSchema describes a struct. `required` is never written, whatever is optional: the null of
// an optional field is said by oneOf. Properties stand in HashMap's order, and connect.index keeps
// that of the fields.
func (w *describing) structSchema(p *part, s *data.Schema, plain bool, depth int) error {
	switch {
	case isUnion(s):
		return w.union(p, s, plain, depth)
	case s.Optional() && !plain:
		inner, err := w.schema(s, nil, true, depth+1)
		if err != nil {
			return err
		}
		p.combined = true
		p.after.put("oneOf", []any{nullSchema(), inner})
		return nil
	}
	p.before.put("type", "object")
	if !w.additional {
		p.before.put("additionalProperties", false)
	}
	properties := newObject()
	for i, f := range s.Fields() {
		property, err := w.orReference(f.Schema, &i, depth)
		if err != nil {
			return err
		}
		properties.put(f.Name, property)
	}
	if len(properties.names) > 0 {
		p.after.put("properties", properties.hashed())
	}
	return nil
}

// union describes a struct that stands for a union as oneOf.
func (w *describing) union(p *part, s *data.Schema, plain bool, depth int) error {
	var parts []any
	if s.Optional() && !plain {
		parts = append(parts, nullSchema())
	}
	for i, f := range s.Fields() {
		member, err := w.schema(f.Schema, &i, true, depth+1)
		if err != nil {
			return err
		}
		parts = append(parts, member)
	}
	p.combined = true
	p.after.put("oneOf", slices.Clip(parts))
	return nil
}

// isUnion reports whether a STRUCT holds a union, one field for each of its members.
func isUnion(s *data.Schema) bool {
	if s.Type() != data.StructType {
		return false
	}
	_, general := s.Parameter(generalUnion)
	return general || s.Name() == nameOneOf
}
