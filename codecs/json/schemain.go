package json

import (
	"github.com/troupe-connect/troupe/codecs/internal/jackson"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

var typesByName = map[string]data.Type{
	"boolean": data.Boolean, "int8": data.Int8, "int16": data.Int16, "int32": data.Int32, "int64": data.Int64,
	"float": data.Float32, "double": data.Float64, "bytes": data.Bytes, "string": data.String,
	"array": data.Array, "map": data.MapType, "struct": data.StructType,
}

// schema makes the schema that the node at i describes; null is no schema. What Kafka Connect
// doesn't ask for is passed over, also properties of the wrong type.
func (d *decoder) schema(i uint32) (*data.Schema, error) {
	if d.Nodes[i].Kind == jackson.KindNull {
		return nil, nil
	}
	b, err := d.schemaOfType(i)
	if err != nil {
		return nil, err
	}
	if o := d.member(i, "optional"); o != 0 && d.Nodes[o].Kind == jackson.KindTrue {
		b.Optional()
	}
	if n := d.memberOf(i, "name", jackson.KindString); n != 0 {
		b.Name(d.ownStr(n))
	}
	if n := d.memberOf(i, "version", jackson.KindInt); n != 0 {
		b.Version(int32(d.Int64(&d.Nodes[n])))
	}
	if n := d.memberOf(i, "doc", jackson.KindString); n != 0 {
		b.Doc(d.ownStr(n))
	}
	if n := d.memberOf(i, "parameters", jackson.KindObject); n != 0 {
		if err := d.parameters(b, n); err != nil {
			return nil, err
		}
	}
	if n := d.member(i, "default"); n != 0 {
		return d.withDefault(b, n)
	}
	return b.Build()
}

// ownStr is a string that doesn't keep the payload alive, for schemas, which live longer.
func (d *decoder) ownStr(i uint32) string {
	n := &d.Nodes[i]
	if n.Flag {
		return d.Str(n)
	}
	return string(d.Src[n.Start:n.End])
}

func (d *decoder) schemaOfType(i uint32) (*data.Builder, error) {
	n := d.memberOf(i, "type", jackson.KindString)
	if n == 0 {
		return nil, errs.Data.New("Schema must contain 'type' field")
	}
	switch typ := typesByName[d.Str(&d.Nodes[n])]; typ {
	case 0:
		return nil, errs.Data.New("Unknown schema type: %s", d.Str(&d.Nodes[n]))
	case data.Array:
		return d.arraySchema(i)
	case data.MapType:
		return d.mapSchema(i)
	case data.StructType:
		return d.structSchema(i)
	default:
		return data.NewBuilder(typ), nil
	}
}

func (d *decoder) arraySchema(i uint32) (*data.Builder, error) {
	items := d.member(i, "items")
	if items == 0 || d.Nodes[items].Kind == jackson.KindNull {
		return nil, errs.Data.New("Array schema did not specify the element type")
	}
	elem, err := d.schema(items)
	if err != nil {
		return nil, err
	}
	return data.ArrayOf(elem), nil
}

func (d *decoder) mapSchema(i uint32) (*data.Builder, error) {
	keys := d.member(i, "keys")
	if keys == 0 {
		return nil, errs.Data.New("Map schema did not specify the key type")
	}
	values := d.member(i, "values")
	if values == 0 {
		return nil, errs.Data.New("Map schema did not specify the value type")
	}
	key, err := d.schema(keys)
	if err != nil {
		return nil, err
	}
	value, err := d.schema(values)
	if err != nil {
		return nil, err
	}
	b := data.MapOf(key, value)
	if key == nil || value == nil {
		_, err := b.Build()
		return nil, err
	}
	return b, nil
}

func (d *decoder) structSchema(i uint32) (*data.Builder, error) {
	fields := d.memberOf(i, "fields", jackson.KindArray)
	if fields == 0 {
		return nil, errs.Data.New("Struct schema's \"fields\" argument is not an array.")
	}
	b := data.NewBuilder(data.StructType)
	for at := fields + 1; at < d.Nodes[fields].Next; at = d.Nodes[at].Next {
		name := d.memberOf(at, "field", jackson.KindString)
		if name == 0 {
			return nil, errs.Data.New("Struct schema's field name not specified properly")
		}
		field, err := d.schema(at)
		if err != nil {
			return nil, err
		}
		fieldName := d.ownStr(name)
		bad := fieldName == "" || b.HasField(fieldName)
		if b.Field(fieldName, field); bad {
			_, err := b.Build() // Java looks no further
			return nil, err
		}
	}
	return b, nil
}

func (d *decoder) parameters(b *data.Builder, i uint32) error {
	n := &d.Nodes[i]
	for at := i + 1; at < n.Next; at = d.Nodes[at+1].Next {
		if d.Nodes[at+1].Kind != jackson.KindString {
			if d.replaced(n, at) {
				continue
			}
			return errs.Data.New("Schema parameters must have string values.")
		}
		b.Parameter(d.ownStr(at), d.ownStr(at+1))
	}
	return nil
}

// withDefault builds the schema with the default value at i, which is read as a value of the
// schema without default.
func (d *decoder) withDefault(b *data.Builder, i uint32) (*data.Schema, error) {
	plain, err := b.Build()
	if err != nil {
		return nil, err
	}
	def, err := d.value(plain, i)
	if err != nil {
		return nil, err
	}
	if _, ok := def.(*data.Struct); ok {
		// Java compares the struct's schema with the builder of the schema, which are never equal.
		cause := errs.Data.New("Struct schemas do not match.")
		return nil, errs.SchemaBuilder.Wrap(cause, "Invalid default value")
	}
	return b.Default(owned(def)).Build()
}

// owned is a value that shares no memory with the payload.
func owned(v any) any {
	switch v := v.(type) {
	case string:
		return string([]byte(v))
	case []any:
		for i := range v {
			v[i] = owned(v[i])
		}
	case *data.Map:
		m := data.NewMap(v.Len())
		for _, e := range v.Entries() {
			m.Put(owned(e.Key), owned(e.Value))
		}
		return m
	case *data.Struct:
		for i := range v.Schema().Fields() {
			v.SetAt(i, owned(v.At(i)))
		}
	}
	return v
}
