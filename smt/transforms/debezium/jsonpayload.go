package debezium

import (
	"math/big"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// A node of JSON is nil, a string, a bool, an int32, int64, *big.Int or float64 by size and form,
// a []any, or a *jsonObject.
type jsonObject struct {
	names  []string
	values []any
}

func (o *jsonObject) get(name string) (any, bool) {
	for i := range o.names {
		if o.names[i] == name {
			return o.values[i], true
		}
	}
	return nil, false
}

// put sets a member: the last of a name counts, at the place of the first.
func (o *jsonObject) put(name string, value any) {
	for i := range o.names {
		if o.names[i] == name {
			o.values[i] = value
			return
		}
	}
	o.names, o.values = append(o.names, name), append(o.values, value)
}

// jsonPayload makes schemas of JSON.
type jsonPayload struct {
	keepNull bool // null fields are optional BYTES instead of being left out
	names    adjuster
}

// schema is the schema of a node, nil for what is left out. key names structs, and those in them
// by it and their field.
func (p *jsonPayload) schema(key string, node any) (*data.Schema, error) {
	switch v := node.(type) {
	case string:
		return data.OptionalStringSchema, nil
	case bool:
		return data.OptionalBooleanSchema, nil
	case int32:
		return data.OptionalInt32Schema, nil
	case int64:
		return data.OptionalInt64Schema, nil
	case float64, *big.Int:
		return data.OptionalFloat64Schema, nil
	case []any:
		if len(v) == 0 {
			return nil, nil
		}
		elem, err := p.element(key, v)
		if err != nil {
			return nil, err
		}
		return data.ArrayOf(elem).Optional().Build()
	case *jsonObject:
		return p.object(key, v)
	}
	if p.keepNull {
		return data.OptionalBytesSchema, nil
	}
	return nil, nil
}

// object makes the schema of an object. Members are optional; of two whose names become one by
// adjusting the first counts, and a member that gives no schema (null, an empty array) is left
// out.
func (p *jsonPayload) object(key string, o *jsonObject) (*data.Schema, error) {
	b := data.NewBuilder(data.StructType).Name(key).Optional()
	for i, name := range o.names {
		name = p.names.adjust(name)
		path := name
		if java.Trim(key) != "" {
			path = key + "." + name
		}
		schema, err := p.schema(path, o.values[i])
		if err != nil {
			return nil, err
		}
		if schema != nil && !b.HasField(name) {
			b.Field(name, schema)
		}
	}
	return b.Build()
}

// element is the schema of an array's elements, which must be of one kind.
func (p *jsonPayload) element(key string, list []any) (*data.Schema, error) {
	sample, err := p.sample(list)
	if err != nil {
		return nil, err
	}
	if _, ok := sample.(*jsonObject); !ok {
		schema, err := p.schema("", sample)
		if err == nil && schema == nil {
			err = errs.Connect.New("Array '' has unrecognized member schema.")
		}
		return schema, err
	}
	var all []*data.Schema // each once, in order
	for _, e := range list {
		o, ok := e.(*jsonObject)
		if !ok {
			continue
		}
		schema, err := p.object(key, o)
		if err != nil {
			return nil, err
		}
		known := false
		for _, s := range all {
			known = known || data.SchemaEqual(s, schema)
		}
		if !known {
			all = append(all, schema)
		}
	}
	merged := all[0]
	for _, s := range all[1:] {
		if merged, err = mergeSchemas(merged, s); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

// sample is the first element that isn't null; the others must be of its kind.
func (p *jsonPayload) sample(list []any) (any, error) {
	var first any
	for _, e := range list {
		switch {
		case e == nil:
			continue
		case first == nil:
			first = e
		}
		if kindOf(e) != kindOf(first) {
			return nil, errs.Connect.New("Field is not a homogenous array (%s x %s).",
				jsonText(first), kindOf(e))
		}
		if kindOf(e) == "NUMBER" && numberSchema(e) != numberSchema(first) {
			return nil, errs.Connect.New("Field is not a homogenous array (%s x %s), different number types (%s x %s)",
				jsonText(first), jsonText(e), numberSchema(first), numberSchema(e))
		}
	}
	return first, nil
}

// numberSchema is the schema by the size of a number, which all numbers of one array must share.
func numberSchema(node any) *data.Schema {
	switch node.(type) {
	case int32:
		return data.OptionalInt32Schema
	case int64:
		return data.OptionalInt64Schema
	}
	return data.OptionalFloat64Schema
}

// kindOf is the node type that Jackson has for it, which errors print.
func kindOf(node any) string {
	switch node.(type) {
	case string:
		return "STRING"
	case bool:
		return "BOOLEAN"
	case []any:
		return "ARRAY"
	case *jsonObject:
		return "OBJECT"
	case nil:
		return "NULL"
	}
	return "NUMBER"
}

// jsonText is the text of a value node; arrays and objects have none.
func jsonText(node any) string {
	switch node.(type) {
	case []any, *jsonObject:
		return ""
	}
	return data.Text(node)
}

// mergeSchemas adds the fields of one struct that another lacks, or has only as null.
func mergeSchemas(left, right *data.Schema) (*data.Schema, error) {
	fields := append([]data.Field(nil), left.Fields()...)
	for _, f := range right.Fields() {
		i := left.FieldIndex(f.Name)
		if i < 0 {
			fields = append(fields, f)
		} else if fields[i].Schema.Type() == data.Bytes && f.Schema.Type() != data.Bytes {
			fields[i].Schema = f.Schema
		}
	}
	b := data.NewBuilder(data.StructType).Basics(left)
	for _, f := range fields {
		b.Field(f.Name, f.Schema)
	}
	return b.Build()
}

// jsonStruct is a document as a struct of the schema that was made of it.
func jsonStruct(node any, schema *data.Schema) (*data.Struct, error) {
	if schema == nil {
		return nil, errs.Data.New("Not a struct schema: null")
	}
	if schema.Type() != data.StructType {
		return nil, errs.Data.New("Not a struct schema: %s", schema)
	}
	s := data.NewStruct(schema)
	o, ok := node.(*jsonObject)
	if !ok {
		return s, nil
	}
	for i, f := range schema.Fields() {
		v, ok := o.get(f.Name)
		if !ok {
			continue
		}
		value, err := jsonValue(v, f.Schema)
		if err != nil {
			return nil, err
		}
		if err := kit.Set(s, i, value); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// jsonValue is a node as a value of the schema. A number beyond int64 has no place in FLOAT64 for
// Connect and is refused when the struct is filled: that is how such a payload stays text in
// eventRouter.
func jsonValue(node any, schema *data.Schema) (any, error) {
	switch v := node.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			var elem *data.Schema
			if schema != nil {
				elem = schema.ValueSchema()
			}
			var err error
			if list[i], err = jsonValue(e, elem); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *jsonObject:
		s, err := jsonStruct(v, schema)
		if err != nil {
			return nil, err
		}
		return s, nil
	case *big.Int:
		return data.Decimal{Unscaled: v}, nil
	}
	return node, nil
}
