package jsonschema

import (
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// toConnect makes the Connect schema of a model. version is the registry's, 0 for none.
func (o *options) toConnect(m *model, version int32) (*data.Schema, error) {
	c := &connecting{options: o, structs: map[*model]*structOf{}, ids: map[*model]string{}}
	s, err := c.schema(m, version, false)
	if err != nil || len(c.ids) == 0 {
		return s, err
	}
	// Java numbers the places that refer to a struct, and keeps the last number at all of them.
	c = &connecting{
		options: o, structs: map[*model]*structOf{}, ids: map[*model]string{},
		final: c.ids,
	}
	return c.schema(m, version, false)
}

// connecting is the making of one Connect schema.
type connecting struct {
	*options
	structs map[*model]*structOf
	ids     map[*model]string // of the structs that are referred to, as numbered so far
	final   map[*model]string // as numbered in the end, once that is known
	unions  int
	depth   int
}

// structOf is a struct that references may lead to: being built, or built.
type structOf struct {
	builder *data.Builder
	built   *data.Schema
}

// schema makes the Connect schema of a model. The version is for the top level only.
func (c *connecting) schema(m *model, version int32, optional bool) (*data.Schema, error) {
	if c.depth++; c.depth > maxSchemaDepth {
		return nil, errs.Data.New("JSON Schema is nested deeper than %d", maxSchemaDepth)
	}
	defer func() { c.depth-- }()
	switch m.kind {
	case kReference:
		return c.reference(m, version, optional)
	case kCombined:
		if len(m.parts) == 1 && c.flattenSingletons {
			return c.schema(m.parts[0], 0, false)
		}
		if m.criterion == allOf {
			return c.allOf(m, version, optional)
		}
		return c.union(m, version, optional)
	case kArray:
		return c.array(m, version, optional)
	case kObject:
		if t, err := connectType(m); err != nil {
			return nil, err
		} else if t != "map" {
			return c.structSchema(m, version, optional)
		}
		if m.additional == nil {
			return nil, errs.SchemaBuilder.New("valueSchema cannot be null.")
		}
		elem, err := c.schema(m.additional, 0, false)
		if err != nil {
			return nil, err
		}
		return c.finish(data.MapOf(data.StringSchema, elem), m, version, optional)
	}
	b, err := c.simple(m)
	if err != nil {
		return nil, err
	}
	return c.finish(b, m, version, optional)
}

// connectType is a schema's connect.type, "" for none.
func connectType(m *model) (string, error) {
	switch t := m.extra.get(propType).(type) {
	case nil:
		return "", nil
	case string:
		return t, nil
	}
	return "", errs.Data.New("%s must be a string, is %s", propType,
		appendJSON(nil, m.extra.get(propType)))
}

var numberTypes = map[string]data.Type{
	"int8": data.Int8, "int16": data.Int16, "int32": data.Int32, "int64": data.Int64,
	"float32": data.Float32, "float64": data.Float64, "bytes": data.Bytes,
}

// simple starts the schema of what holds nothing else; an integer without connect.type is INT64.
func (c *connecting) simple(m *model) (*data.Builder, error) {
	switch m.kind {
	case kBoolean:
		return data.NewBuilder(data.Boolean), nil
	case kNumber:
		t, err := connectType(m)
		if err != nil {
			return nil, err
		}
		switch typ, known := numberTypes[t]; {
		case known:
			return data.NewBuilder(typ), nil
		case t != "":
			return nil, errs.Data.New("Unsupported type %s", t)
		case m.integer:
			return data.NewBuilder(data.Int64), nil
		}
		return data.NewBuilder(data.Float64), nil
	case kString:
		if t, err := connectType(m); err != nil {
			return nil, err
		} else if t == "bytes" {
			return data.NewBuilder(data.Bytes), nil
		}
		return data.NewBuilder(data.String), nil
	case kConst:
		if m.values[0] == nil {
			return nil, errs.Data.New("a const of null has no Connect schema")
		}
		return c.enum(m.values), nil
	case kEnum:
		return c.enum(m.values), nil
	}
	return nil, errs.Data.New("Unsupported schema type org.everit.json.schema.%s",
		kindNames[m.kind])
}

// enum makes a STRING of any values, whose texts become its symbols. The parameter named Enum is
// empty, where Avro has the enum's name.
func (c *connecting) enum(values []any) *data.Builder {
	param := paramEnum
	if c.generalized {
		param = generalEnum
	}
	b := data.NewBuilder(data.String).Parameter(param, "")
	for i, v := range values {
		symbol := javaString(v)
		if c.generalized {
			b.Parameter(param+"."+symbol, strconv.Itoa(i))
		} else {
			b.Parameter(param+"."+symbol, symbol)
		}
	}
	return b
}

// javaString is a value of an enum as Java's toString prints it.
func javaString(v any) string {
	switch v := v.(type) {
	case nil:
		return nullSymbol
	case bool:
		return strconv.FormatBool(v)
	case string:
		return v
	case number:
		return v.text
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = nested(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case *object:
		o := newObject()
		for _, name := range v.names {
			o.put(name, v.values[name])
		}
		var parts []string
		for _, name := range o.hashed().names {
			parts = append(parts, name+"="+nested(o.values[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return ""
}

// nested is javaString within a list or map, where null is a word of its own.
func nested(v any) string {
	if v == nil {
		return "null"
	}
	return javaString(v)
}

// array makes an ARRAY, or the MAP that an array of entries is with connect.type map.
func (c *connecting) array(m *model, version int32, optional bool) (*data.Schema, error) {
	if m.item == nil {
		return nil, errs.Data.New("Array schema did not specify the items type")
	}
	t, err := connectType(m)
	if err != nil {
		return nil, err
	}
	if t != "map" || m.item.kind != kObject {
		elem, err := c.schema(m.item, 0, false)
		if err != nil {
			return nil, err
		}
		return c.finish(data.ArrayOf(elem), m, version, optional)
	}
	var both [2]*data.Schema
	for i, name := range []string{fieldKey, fieldValue} {
		if p := m.item.property(name); p != nil {
			if both[i], err = c.schema(p, 0, false); err != nil {
				return nil, err
			}
		}
	}
	return c.finish(data.MapOf(both[0], both[1]), m, version, optional)
}

// structSchema makes a STRUCT. It is known while its fields are made, for references to it.
func (c *connecting) structSchema(m *model, version int32, optional bool) (*data.Schema, error) {
	b := data.NewBuilder(data.StructType)
	c.structs[m] = &structOf{builder: b}
	ordered, err := byIndex(m)
	if err != nil {
		return nil, err
	}
	for _, p := range ordered {
		f, err := c.schema(p.schema, 0, c.optionalNonRequired && !m.required[p.name])
		if err != nil {
			return nil, err
		}
		b.Field(p.name, f)
	}
	return c.finish(b, m, version, optional)
}

// byIndex are an object's properties by connect.index. One without takes the number of those
// before it; of two with one index the later one stays, both as in Java.
func byIndex(m *model) ([]property, error) {
	places := map[int32]property{}
	for _, p := range m.properties {
		index := int32(len(places))
		switch at := p.schema.extra.get(propIndex).(type) {
		case nil:
		case number:
			i, ok := at.int32()
			if !ok {
				return nil, errs.Data.New("%s of %s must be an integer, is %s", propIndex, p.name,
					at.text)
			}
			index = i
		default:
			return nil, errs.Data.New("%s of %s must be an integer, is %s", propIndex, p.name,
				appendJSON(nil, at))
		}
		places[index] = p
	}
	return sorted(places), nil
}

// finish gives a schema what its model says besides its type.
func (c *connecting) finish(b *data.Builder, m *model, version int32,
	optional bool,
) (*data.Schema, error) {
	if err := c.attributes(b, m, version); err != nil {
		return nil, err
	}
	if optional && !m.hasDef {
		b.Optional()
	}
	s, err := b.Build()
	if err != nil {
		return nil, err
	}
	if m.hasDef {
		if s, err = c.withDefault(b, s, m.def); err != nil {
			return nil, err
		}
		if optional {
			if s, err = b.Optional().Build(); err != nil {
				return nil, err
			}
		}
	}
	if place := c.structs[m]; place != nil {
		place.built = s
	}
	return s, nil
}

// attributes sets name, version, doc and parameters. Parameters come in HashMap's order, which
// shows when the schema is written again.
func (c *connecting) attributes(b *data.Builder, m *model, version int32) error {
	if m.title != "" && m.kind != kCombined {
		b.Name(m.title)
	}
	switch v := m.extra.get(propVersion).(type) {
	case nil:
		if version != 0 {
			b.Version(version)
		}
	case number:
		i, ok := v.int32()
		if !ok {
			return errs.Data.New("%s must be an integer, is %s", propVersion, v.text)
		}
		b.Version(i)
	default:
		return errs.Data.New("%s must be an integer, is %s", propVersion, appendJSON(nil, v))
	}
	b.Doc(m.description)
	switch p := m.extra.get(propParams).(type) {
	case nil:
	case *object:
		copied := newObject()
		for _, name := range p.names {
			copied.put(name, p.values[name])
		}
		for _, name := range copied.hashed().names {
			text, ok := copied.values[name].(string)
			if !ok {
				return errs.Data.New("%s must be strings, %s is %s", propParams, name,
					appendJSON(nil, copied.values[name]))
			}
			b.Parameter(name, text)
		}
	default:
		return errs.Data.New("%s must be an object, is %s", propParams, appendJSON(nil, p))
	}
	return nil
}

// withDefault reads a default as a value of the schema without it.
func (c *connecting) withDefault(b *data.Builder, plain *data.Schema,
	def any,
) (*data.Schema, error) {
	d := newDecoder(c.options)
	v, err := d.read(compile(plain), appendJSON(nil, def))
	if err != nil {
		return nil, err
	}
	if _, ok := v.(*data.Struct); ok {
		// Java compares the struct's schema with the builder of the schema, which are never equal.
		return nil, errs.SchemaBuilder.Wrap(errs.Data.New("Struct schemas do not match."),
			"Invalid default value")
	}
	return b.Default(v).Build()
}

// union makes the struct of a oneOf or anyOf; null and one other is that other, optional. A member
// is optional and keeps no version.
func (c *connecting) union(m *model, version int32, optional bool) (*data.Schema, error) {
	name := nameOneOf
	if c.generalized {
		name = generalUnionPrefix + strconv.Itoa(c.unions)
		c.unions++
	}
	if other, ok := nullable(m); ok {
		if other == nil {
			return nil, errs.Data.New("a union of nothing but null has no Connect schema")
		}
		return c.schema(other, version, true)
	}
	b := data.NewBuilder(data.StructType).Name(name)
	if c.generalized {
		b.Parameter(generalUnion, name)
	}
	index := 0
	for _, part := range m.parts {
		if part.kind == kNull {
			b.Optional()
			continue
		}
		field := name + ".field." + strconv.Itoa(index)
		if c.generalized {
			field = generalFieldPrefix + strconv.Itoa(index)
		}
		s, err := c.schema(part, 0, true)
		if err != nil {
			return nil, err
		}
		b.Field(field, s)
		index++
	}
	return c.finish(b, m, version, optional)
}

// nullable reports whether a union is of null and one other schema.
func nullable(m *model) (other *model, ok bool) {
	if len(m.parts) != 2 {
		return nil, false
	}
	for _, part := range m.parts {
		if part.kind == kNull {
			ok = true
		} else {
			other = part
		}
	}
	return other, ok
}

// reference makes the schema of what is referred to, or a place that stands for a struct that is
// being made or was.
func (c *connecting) reference(m *model, version int32, optional bool) (*data.Schema, error) {
	place := c.structs[m.referred]
	if place == nil {
		if m.referred == nil {
			return nil, errs.Data.New("a reference leads to nothing but itself")
		}
		return c.schema(m.referred, version, optional)
	}
	c.ids[m.referred] = "#id" + strconv.Itoa(c.nextID())
	id := c.ids[m.referred]
	if last, ok := c.final[m.referred]; ok {
		id = last
	}
	if place.built == nil {
		place.builder.Parameter(paramID, id)
		return place.builder.Within(optional), nil
	}
	return again(place.built, optional, id)
}

// nextID numbers the references in the order in which they are met.
func (c *connecting) nextID() int {
	last := 0
	for _, id := range c.ids {
		if n, err := strconv.Atoi(id[len("#id"):]); err == nil {
			last = max(last, n)
		}
	}
	return last + 1
}

// again is a struct's schema at another place, with that one's optionality.
func again(s *data.Schema, optional bool, id string) (*data.Schema, error) {
	b := data.NewBuilder(data.StructType).Basics(s).Parameter(paramID, id)
	for _, f := range s.Fields() {
		b.Field(f.Name, f.Schema)
	}
	if optional {
		b.Optional()
	}
	return b.Build()
}
