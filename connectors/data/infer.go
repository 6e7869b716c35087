package data

// InferSchema is the schema that a schemaless value has by itself; nil if it is null, empty, of
// mixed elements or of a Go type that says too little (a time, a Decimal). An array or map of
// nothing but nulls is an errs.SchemaBuilder error, as in Java.
func InferSchema(value any) (*Schema, error) {
	switch v := value.(type) {
	case string:
		return StringSchema, nil
	case bool:
		return BooleanSchema, nil
	case int8:
		return Int8Schema, nil
	case int16:
		return Int16Schema, nil
	case int32:
		return Int32Schema, nil
	case int64:
		return Int64Schema, nil
	case float32:
		return Float32Schema, nil
	case float64:
		return Float64Schema, nil
	case []byte:
		return BytesSchema, nil
	case []any:
		return inferArray(v)
	case *Map:
		if v != nil {
			return inferMap(v)
		}
	case *Struct:
		if v != nil {
			return v.schema, nil
		}
	}
	return nil, nil
}

func inferArray(list []any) (*Schema, error) {
	var d detector
	for _, v := range list {
		if ok, err := d.add(v); !ok {
			return nil, err
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	elem, err := d.schema()
	if err != nil {
		return nil, err
	}
	return ArrayOf(elem).Build()
}

func inferMap(m *Map) (*Schema, error) {
	var keys, values detector
	for _, e := range m.entries {
		if ok, err := keys.add(e.Key); !ok {
			return nil, err
		}
		if ok, err := values.add(e.Value); !ok {
			return nil, err
		}
	}
	if m.Len() == 0 {
		return nil, nil
	}
	key, err := keys.schema()
	if err != nil {
		return nil, err
	}
	elem, err := values.schema()
	if err != nil {
		return nil, err
	}
	return MapOf(key, elem).Build()
}

// detector finds the one type of some values.
type detector struct {
	typ      Type
	optional bool
}

// add reports whether all values so far have one type.
func (d *detector) add(value any) (bool, error) {
	if value == nil {
		d.optional = true
		return true, nil
	}
	s, err := InferSchema(value)
	if s == nil || err != nil {
		return false, err
	}
	if d.typ == 0 {
		d.typ = s.typ
	}
	return d.typ == s.typ, nil
}

func (d *detector) schema() (*Schema, error) {
	b := NewBuilder(d.typ)
	if d.optional {
		b.Optional()
	}
	return b.Build()
}
