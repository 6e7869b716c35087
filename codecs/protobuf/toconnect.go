package protobuf

import (
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// toConnect makes the Connect schema of a message. version is the registry's, 0 for none.
func (o *options) toConnect(m *message, version int32) (*data.Schema, error) {
	c := &connecting{options: o, structs: map[string]*structOf{}}
	b, place, err := c.message(m, 0, o.wrapRaw)
	if err != nil {
		return nil, err
	}
	if version != 0 {
		b.Version(version)
	}
	return c.build(b, place)
}

// connecting is the making of one Connect schema.
type connecting struct {
	*options
	structs map[string]*structOf // by the full name of the message
}

// structOf is the struct of a message: being built, or built.
type structOf struct {
	builder  *data.Builder
	optional bool
	built    *data.Schema
}

// build ends a schema and notes it for places that refer to its message.
func (c *connecting) build(b *data.Builder, place *structOf) (*data.Schema, error) {
	if place != nil && place.optional {
		b.Optional()
	}
	s, err := b.Build()
	if err == nil && place != nil {
		place.built = s
	}
	return s, err
}

// unwrapped starts the schema of a message that holds a single value, nil for any other.
func unwrapped(m *message) *data.Builder {
	switch wrapperKinds[m.full] {
	case kDouble:
		return data.NewBuilder(data.Float64)
	case kFloat:
		return data.NewBuilder(data.Float32)
	case kInt64, kUint64, kUint32:
		return data.NewBuilder(data.Int64)
	case kInt32:
		return data.NewBuilder(data.Int32)
	case kBool:
		return data.NewBuilder(data.Boolean)
	case kString:
		return data.NewBuilder(data.String)
	case kBytes:
		return data.NewBuilder(data.Bytes)
	}
	return nil
}

// message starts the schema of a message; the place is nil where it is no struct.
func (c *connecting) message(m *message, depth int, unwrap bool) (*data.Builder, *structOf, error) {
	if depth > maxNesting {
		return nil, nil, errs.Data.New("messages are nested deeper than %d", maxNesting)
	}
	if unwrap {
		if b := unwrapped(m); b != nil {
			return b, nil, nil
		}
	}
	b := data.NewBuilder(data.StructType)
	place := &structOf{builder: b}
	c.structs[m.full] = place
	name := m.name
	if c.enhanced {
		name = m.full
	}
	b.Name(name)
	for _, o := range m.oneofs {
		if err := c.oneof(b, m, o, depth); err != nil {
			return nil, nil, err
		}
	}
	for _, f := range m.fields {
		if f.oneof != nil {
			continue // with its oneof
		}
		s, err := c.field(f, depth)
		if err != nil {
			return nil, nil, err
		}
		b.Field(f.name, s)
	}
	return b, place, nil
}

// oneof adds the union of a oneof, or its members as fields with flatten.unions. Oneofs come
// before the ordinary fields, wherever they stand in the text.
func (c *connecting) oneof(b *data.Builder, m *message, o *oneof, depth int) error {
	u := data.NewBuilder(data.StructType)
	switch {
	case c.generalized:
		u.Name(o.name).Parameter(generalUnion, o.name)
	case c.enhanced:
		u.Name(nameUnion + "." + m.full + "." + o.name)
	default:
		u.Name(nameUnion + "." + o.name)
	}
	for _, f := range m.fields {
		if f.oneof != o {
			continue
		}
		s, err := c.field(f, depth)
		if err != nil {
			return err
		}
		if c.flattenUnions {
			b.Field(f.name, s)
		} else {
			u.Field(f.name, s)
		}
	}
	if c.flattenUnions {
		return nil
	}
	s, err := u.Optional().Build()
	if err != nil {
		return err
	}
	b.Field(c.unionField(o), s)
	return nil
}

// unionField is the name of the field that holds a oneof's union.
func (o *options) unionField(of *oneof) string {
	if o.indexUnions {
		return of.name + "_" + strconv.Itoa(of.index)
	}
	return of.name
}

// Every field carries its number as the parameter Tag, so that writing the schema again gives the
// same numbers, and is optional unless optional.for.nullables or wrapper.for.nullables tell what
// may be null.
func (c *connecting) field(f *field, depth int) (*data.Schema, error) {
	tag := data.Parameter{Name: paramTag, Value: strconv.Itoa(int(f.number))}
	b, place, err := c.typed(f, depth)
	if err != nil {
		return nil, err
	}
	var ref *data.Schema
	if b == nil { // stands for a struct that is being built or was
		if ref, err = c.again(place, f, tag); err != nil || !f.repeated {
			return ref, err
		}
		b, place = data.ArrayOf(ref).Optional(), nil
	} else if f.repeated && !isMap(f) {
		if place != nil {
			place.optional = true
		}
		elem, err := c.build(b.Optional(), place)
		if err != nil {
			return nil, err
		}
		b, place = data.ArrayOf(elem).Optional(), nil
	}
	optional := !c.optional && !c.wrapper
	if c.optional {
		optional = f.optional
	}
	if optional {
		b.Optional()
	}
	b.Parameter(tag.Name, tag.Value)
	return c.build(b, place)
}

// again is the schema of a message that was met before, at another place.
func (c *connecting) again(place *structOf, f *field, tag data.Parameter) (*data.Schema, error) {
	var params []data.Parameter
	if !f.repeated {
		params = []data.Parameter{tag}
	}
	place.optional = true
	if place.built == nil {
		return place.builder.Within(true, params...), nil
	}
	b := data.NewBuilder(data.StructType).Basics(place.built).Parameters(params...)
	for _, inner := range place.built.Fields() {
		b.Field(inner.Name, inner.Schema)
	}
	return b.Optional().Build()
}

// isMap reports whether a field is a map: repeated entries of key and value.
func isMap(f *field) bool {
	if !f.repeated || f.msg == nil || len(f.msg.fields) != 2 {
		return false
	}
	key, value := f.msg.fields[0], f.msg.fields[1]
	_, named := strings.CutSuffix(f.msg.name, entrySuffix)
	return named && key.name == fieldKey && value.name == fieldValue && !key.repeated &&
		!value.repeated
}

// typed starts the schema of a field's type. Both are set for a struct; no builder says that the struct
// was met before.
func (c *connecting) typed(f *field, depth int) (*data.Builder, *structOf, error) {
	switch f.kind {
	case kInt32, kSint32, kSfixed32:
		switch t, _ := f.param(propType); t {
		case "int8":
			return data.NewBuilder(data.Int8), nil, nil
		case "int16":
			return data.NewBuilder(data.Int16), nil, nil
		}
		return withType(data.NewBuilder(data.Int32), f.kind, kInt32), nil, nil
	case kUint32, kFixed32, kInt64, kUint64, kSint64, kFixed64, kSfixed64:
		return withType(data.NewBuilder(data.Int64), f.kind, kInt64), nil, nil
	case kFloat:
		return data.NewBuilder(data.Float32), nil, nil
	case kDouble:
		return data.NewBuilder(data.Float64), nil, nil
	case kBool:
		return data.NewBuilder(data.Boolean), nil, nil
	case kString:
		return data.NewBuilder(data.String), nil, nil
	case kBytes:
		return data.NewBuilder(data.Bytes), nil, nil
	case kEnum:
		return c.enum(f.enum), nil, nil
	case kMessage:
		return c.nested(f, depth)
	}
	return nil, nil, errs.Data.New("field %s has no known type", f.name)
}

// withType notes a type that isn't the usual one of its Connect type, so that it can be written
// again.
func withType(b *data.Builder, k, usual kind) *data.Builder {
	if k != usual {
		b.Parameter(paramType, kindNames[k])
	}
	return b
}

// enum makes a STRING, or an INT32 with int.for.enums, with a parameter for each symbol.
func (c *connecting) enum(e *enum) *data.Builder {
	b := data.NewBuilder(data.String)
	if c.intEnums {
		b = data.NewBuilder(data.Int32)
	}
	name := e.name
	if c.enhanced {
		name = e.full
	}
	param := paramEnum
	if c.generalized {
		param = generalEnum
	}
	b.Name(name).Parameter(param, e.name)
	for _, v := range e.values {
		b.Parameter(param+"."+v.name, strconv.Itoa(int(v.number)))
	}
	return b.Optional()
}

// nested makes the schema of a message: a logical type, an unwrapped value, a map or a struct.
func (c *connecting) nested(f *field, depth int) (*data.Builder, *structOf, error) {
	m := f.msg
	switch m.full {
	case decimalType:
		return c.decimal(f).Optional(), nil, nil
	case dateType:
		return data.DateBuilder().Optional(), nil, nil
	case timeType:
		return data.TimeBuilder().Optional(), nil, nil
	case timestampType:
		return data.TimestampBuilder().Optional(), nil, nil
	}
	if c.wrapper {
		if b := unwrapped(m); b != nil {
			return b.Optional(), nil, nil
		}
	}
	if isMap(f) {
		b, err := c.mapOf(m, depth)
		return b, nil, err
	}
	if place := c.structs[m.full]; place != nil {
		return nil, place, nil
	}
	b, place, err := c.message(m, depth+1, c.wrapRaw)
	if err != nil {
		return nil, nil, err
	}
	if place != nil {
		place.optional = true
	} else {
		b.Optional()
	}
	return b, place, nil
}

// decimal takes scale and precision from the field's params; without a scale it is 0.
func (c *connecting) decimal(f *field) *data.Builder {
	scale := int32(0)
	if text, ok := f.param("scale"); ok {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil {
			scale = int32(n)
		}
	}
	b := data.DecimalBuilder(scale)
	if text, ok := f.param("precision"); ok {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil {
			b.Parameter(paramPrecision, strconv.FormatInt(n, 10))
		}
	}
	return b
}

// mapOf makes a MAP of repeated entries, whose name is that of the message without Entry.
func (c *connecting) mapOf(m *message, depth int) (*data.Builder, error) {
	if depth > maxNesting {
		return nil, errs.Data.New("messages are nested deeper than %d", maxNesting)
	}
	key, err := c.field(m.fields[0], depth+1)
	if err != nil {
		return nil, err
	}
	value, err := c.field(m.fields[1], depth+1)
	if err != nil {
		return nil, err
	}
	name := m.name
	if c.enhanced {
		name = m.full
	}
	return data.MapOf(key, value).Name(mapName(name)).Optional(), nil
}
