package debezium

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	valueHeadersKey = "headers"
	valueFieldsKey  = "fields"
	operationKey    = "operation"
)

var operations = []string{"move", "copy"}

func headerToValueConfig() *config.Def {
	return def("",
		key(valueHeadersKey, "Header names list", config.List, config.WidthNone, config.High, nil,
			"Names of the headers that become fields."),
		key(valueFieldsKey, "Field names list", config.List, config.WidthNone, config.High, nil,
			"Names of the fields, one for each of headers, in the same order; struct.field is one in a struct."),
		key(operationKey, "Operation: move or copy", config.String, config.WidthNone, config.High,
			nil,
			"move takes the headers out of the record, copy leaves them in it."),
	)
}

// headerToValue makes fields of headers.
// It takes any struct, not just change events; null passes, anything else is errs.Data. The result
// is required even where the original was optional, and has defaults for nulls: both as in Java.
type headerToValue struct {
	kit.Base
	headers []string
	fields  []fieldTarget
	move    bool
	schemas smt.SchemaCache[*headerSchemas]
}

// fieldTarget is where a header goes.
type fieldTarget struct {
	name  string
	parts []string
}

// headerField is a header that goes into the value.
type headerField struct {
	*fieldTarget
	schema *data.Schema
	value  any
}

// headerSchemas are the schemas that values of one schema got, by those of the headers.
type headerSchemas struct {
	entries []headerField
	made    *data.Schema
}

// Configure checks the keys one by one in Java's order, so that the first wrong one is named; that
// the two lists differ in length is found last.
func (t *headerToValue) Configure(props map[string]string) error {
	s := settings(props)
	if err := s.validate(
		check{valueHeadersKey, isRequired}, check{valueHeadersKey, hasNoBlanks},
		check{valueHeadersKey, hasNoEmpty},
		check{valueFieldsKey, isRequired}, check{valueFieldsKey, hasNoBlanks}, check{valueFieldsKey, hasNoEmpty},
		check{operationKey, isRequired}, check{operationKey, isWord(operations...)},
	); err != nil {
		return err
	}
	t.headers = s.list(valueHeadersKey)
	for _, name := range s.list(valueFieldsKey) {
		t.fields = append(t.fields, fieldTarget{name, kit.Split(name, ".")})
	}
	if len(t.headers) != len(t.fields) {
		return errs.Config.New("'%s' config must have the same number of elements as '%s' config.",
			valueFieldsKey, valueHeadersKey)
	}
	t.move = s.word(operationKey, "", operations...) == 0
	return nil
}

// Apply leaves a record without any of the headers alone. Of several headers with one name the
// first gives the schema and the last the value; `move` takes away all of them.
func (t *headerToValue) Apply(r *data.Record) (*data.Record, error) {
	if r.Value == nil {
		return r, nil
	}
	s, err := kit.Struct(r.Value, "Header field insertion")
	if err != nil {
		return nil, err
	}
	var entries []headerField
	for i := range r.Headers {
		if at := slices.Index(t.headers, r.Headers[i].Key); at >= 0 {
			entries = append(entries, headerField{
				&t.fields[at], r.Headers[i].Schema,
				r.Headers[i].Value,
			})
		}
	}
	if len(entries) == 0 {
		return r, nil
	}
	in := inserter{entries: entries}
	for _, e := range entries {
		if strings.Contains(e.name, ".") {
			in.nested = append(in.nested, e)
		}
	}
	schema, err := t.schema(&in, s.Schema())
	if err != nil {
		return nil, err
	}
	value, err := in.value(rootName, s, schema, 0)
	if err != nil {
		return nil, err
	}
	r.ValueSchema, r.Value = schema, value
	if t.move {
		for _, name := range t.headers {
			r.Headers = r.Headers.Remove(name)
		}
	}
	return r, nil
}

// schema is the schema that values of a schema get.
func (t *headerToValue) schema(in *inserter, from *data.Schema) (*data.Schema, error) {
	known, ok := t.schemas.Get(from)
	if ok && slices.EqualFunc(known.entries, in.entries, sameField) {
		return known.made, nil
	}
	if err := in.check(from); err != nil {
		return nil, err
	}
	made, err := in.schema(rootName, from, 0)
	if err != nil {
		return nil, err
	}
	keep := slices.Clone(in.entries)
	for i := range keep {
		keep[i].value = nil
	}
	if ok {
		*known = headerSchemas{keep, made}
	} else {
		t.schemas.Put(from, &headerSchemas{keep, made})
	}
	return made, nil
}

// sameField compares what the schema depends on; the value doesn't count.
func sameField(a, b headerField) bool {
	return a.fieldTarget == b.fieldTarget && data.SchemaEqual(a.schema, b.schema)
}
