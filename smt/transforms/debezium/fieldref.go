package debezium

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// fieldRef names a field of a change event and what it is called where it is added.
type fieldRef struct {
	top    bool   // the field is one of the event itself
	parent string // the struct that it is in otherwise
	field  string
	name   string
}

// fieldRefs reads the list of add.fields or add.headers.
func fieldRefs(prefix, list string) ([]fieldRef, error) {
	if list == "" {
		return nil, nil
	}
	var refs []fieldRef
	for _, text := range kit.Split(list, ",") {
		ref, err := parseFieldRef(prefix, java.Trim(text))
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// parseFieldRef reads one element: field, struct.field or either with :name. More than one dot is
// cut off without a word, as FieldReference does; the prefix also stands before a given name.
func parseFieldRef(prefix, text string) (fieldRef, error) {
	parts := kit.Split(text, ":")
	if len(parts) == 0 {
		return fieldRef{}, errs.IllegalArgument.New("Unexpected field name: %s", text)
	}
	path := kit.Split(parts[0], ".")
	if len(path) == 0 || len(parts) > 2 {
		return fieldRef{}, errs.IllegalArgument.New("Unexpected field name: %s", text)
	}
	ref := fieldRef{field: path[0]}
	if len(path) == 1 {
		ref.parent, ref.top = parentOf(ref.field)
		ref.name = prefix + ref.field
	} else {
		ref.parent, ref.field = path[0], path[1]
		ref.name = prefix + ref.parent + "_" + ref.field
	}
	if len(parts) == 2 {
		ref.name = prefix + parts[1]
	}
	return ref, nil
}

// parentOf is the struct in which a field is looked up that is named alone; top: the event itself.
func parentOf(field string) (parent string, top bool) {
	switch field {
	case "id", "total_order", "data_collection_order":
		return "transaction", false
	case opField, "ts_ms", "ts_us", "ts_ns":
		return "", true
	case "updateDescription":
		return field, false
	}
	return sourceField, false
}

// reference is a fieldRef for change events of one schema.
type reference struct {
	name   string
	field  string
	schema *data.Schema // of the field that is added
	parent int          // place of the struct, -1 for the event itself
	inner  *data.Schema // of the struct
	index  int          // in the struct, -1: it isn't there
	top    int          // in the event, -1: it isn't there
	check  bool         // whether a value may not fit the schema
}

// resolve finds the fields in a schema of change events. Fields that aren't there are left out.
func resolve(refs []fieldRef, event *data.Schema) ([]reference, error) {
	var found []reference
	for _, ref := range refs {
		r := reference{
			name: ref.name, field: ref.field, parent: -1, inner: event, index: -1,
			top: event.FieldIndex(ref.field),
		}
		if !ref.top {
			if r.parent = event.FieldIndex(ref.parent); r.parent < 0 {
				return nil, errs.IllegalArgument.New("%s.%s can't be added: "+errNullReference,
					ref.parent, ref.field, ref.parent)
			}
			r.inner = event.Fields()[r.parent].Schema
		}
		if r.inner.Type() != data.StructType {
			return nil, errs.Data.New("Cannot look up fields on non-struct type")
		}
		var of *data.Schema
		switch r.index = r.inner.FieldIndex(ref.field); {
		case r.index >= 0:
			of = r.inner.Fields()[r.index].Schema
		case r.top >= 0:
			of = event.Fields()[r.top].Schema
		default:
			continue
		}
		var err error
		if r.schema, err = optionalBasics(of); err != nil {
			return nil, err
		}
		r.check = of.Type() == data.StructType || of.Type() == data.MapType
		found = append(found, r)
	}
	return found, nil
}

// optionalBasics is what Kafka's copySchemaBasics makes of a schema, optional: structs lose
// their fields, maps the schemas of their keys and values, and all their default.
func optionalBasics(of *data.Schema) (*data.Schema, error) {
	b := data.NewBuilder(of.Type())
	switch of.Type() {
	case data.Array:
		b = data.ArrayOf(of.ValueSchema())
	case data.MapType:
		b = data.PartialMapOf(nil, nil)
	}
	return b.Basics(of).Optional().Build()
}

// value is the field's value in a change event.
// The struct is asked by the place that was resolved unless its schema differs from the event's. A
// field that its struct lacks is taken from the top level. A null struct gives null.
func (r *reference) value(s *data.Struct) (any, error) {
	if r.parent < 0 {
		return s.At(r.index), nil
	}
	v := s.At(r.parent)
	if v == nil {
		return nil, nil
	}
	inner, ok := v.(*data.Struct)
	if !ok {
		return nil, errs.IllegalArgument.New("class %s cannot be cast to class org.apache.kafka.connect.data.Struct", data.JavaClass(v))
	}
	if inner.Schema() != r.inner && !data.SchemaEqual(inner.Schema(), r.inner) {
		if v, ok := inner.GetWithoutDefault(r.field); ok {
			return v, nil
		}
	} else if r.index >= 0 {
		return inner.At(r.index), nil
	}
	if r.top < 0 {
		return nil, errs.Data.New(errNoSuchField, r.field)
	}
	return s.At(r.top), nil
}

// addTo adds the field as a header.
func (r *reference) addTo(h data.Headers, s *data.Struct) (data.Headers, error) {
	v, err := r.value(s)
	if err != nil {
		return nil, err
	}
	if r.check {
		return h.AddChecked(r.name, r.schema, v)
	}
	return append(h, data.Header{Key: r.name, Schema: r.schema, Value: v}), nil
}

// dropFields leaves out of a row, and of the key, the fields that a header of the record names.
// Which fields go is decided per record: whatever wrote the header (ExtractChangedRecordState)
// knows what changed. With compatible only optional fields go.
type dropFields struct {
	header              string
	fromKey, compatible bool
}

// apply drops what the header names, if there is one.
func (d *dropFields) apply(r *data.Record) error {
	names, err := d.names(r)
	if err != nil || len(names) == 0 {
		return err
	}
	return d.applyNames(r, names)
}

// names are those that the first header of the name has.
func (d *dropFields) names(r *data.Record) ([]string, error) {
	if java.Trim(d.header) == "" {
		return nil, nil
	}
	for i := range r.Headers {
		if r.Headers[i].Key != d.header {
			continue
		}
		v := r.Headers[i].Value
		if v == nil {
			return nil, nil
		}
		list, ok := v.([]any)
		if !ok {
			return nil, errs.IllegalArgument.New("header %q: class %s cannot be cast to class java.util.List", d.header, data.JavaClass(v))
		}
		names := make([]string, len(list))
		for i, e := range list {
			names[i] = data.Text(e)
		}
		return names, nil
	}
	return nil, nil
}

// applyNames drops the fields from the key, where that is asked for, and the value. The key goes
// first, and so its error wins.
func (d *dropFields) applyNames(r *data.Record, names []string) error {
	if d.fromKey && r.Key != nil {
		schema, value, err := d.drop(r.KeySchema, r.Key, names)
		if err != nil {
			return err
		}
		r.KeySchema, r.Key = schema, value
	}
	schema, value, err := d.drop(r.ValueSchema, r.Value, names)
	if err != nil {
		return err
	}
	r.ValueSchema, r.Value = schema, value
	return nil
}

// drop leaves fields out of a struct, or entries out of a map without schema.
func (d *dropFields) drop(schema *data.Schema, value any,
	names []string,
) (*data.Schema, any, error) {
	if d.compatible {
		if schema == nil {
			return nil, nil, errs.IllegalArgument.New("fields can't be dropped from what has no schema")
		}
		fields, err := fieldsOf(schema)
		if err != nil {
			return nil, nil, err
		}
		var optional []string
		for _, f := range fields {
			if f.Schema.Optional() && slices.Contains(names, f.Name) {
				optional = append(optional, f.Name)
			}
		}
		names = optional
	}
	// The list goes through the setting of another transform in Java, and so parts at commas.
	names = excluded(strings.Join(names, ","))
	if len(names) == 0 || value == nil {
		return schema, value, nil
	}
	return exclude(schema, value, names)
}

// excluded parts a list at commas, as ConfigDef parses the type LIST; blanks around a name don't
// count.
func excluded(list string) []string {
	if java.Trim(list) == "" {
		return nil
	}
	names := strings.Split(java.Trim(list), ",")
	for i := range names {
		names[i] = strings.Trim(names[i], " \t\n\v\f\r")
	}
	return names
}

// exclude is what Kafka's ReplaceField makes of a value: the fields are left out, and null is the
// default where there is one.
func exclude(schema *data.Schema, value any, names []string) (*data.Schema, any, error) {
	const purpose = "field replacement"
	if schema == nil {
		m, ok := value.(*data.Map)
		if !ok || m == nil {
			return nil, nil, errs.Data.New("Only Map objects supported in absence of schema for [%s], found: %s", purpose, data.JavaClass(value))
		}
		m = m.Clone()
		for _, n := range names {
			m.Delete(n)
		}
		return nil, m, nil
	}
	in, err := kit.Struct(value, purpose)
	if err != nil {
		return nil, nil, err
	}
	b := data.NewBuilder(data.StructType).Basics(in.Schema())
	var from []int
	for _, f := range in.Schema().Fields() {
		if !slices.Contains(names, f.Name) {
			b.Field(f.Name, f.Schema)
			from = append(from, f.Index)
		}
	}
	made, err := b.Build()
	if err != nil {
		return nil, nil, err
	}
	out := data.NewStruct(made)
	for i, j := range from {
		out.SetAt(i, stored(in, j))
		if err := kit.CheckNull(out, i); err != nil {
			return nil, nil, err
		}
	}
	return made, out, nil
}
