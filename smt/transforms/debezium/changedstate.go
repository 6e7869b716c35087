package debezium

import (
	"slices"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	changedHeaderKey   = "header.changed.name"
	unchangedHeaderKey = "header.unchanged.name"
)

func changedStateConfig() *config.Def {
	return def("",
		key(changedHeaderKey, "Header change name.", config.String, config.WidthLong, config.Low,
			nil,
			"Name of the header for the list of fields that the change changed; there is none without it."),
		key(unchangedHeaderKey, "Header unchanged name.", config.String, config.WidthLong,
			config.Low, nil,
			"Name of the header for the list of fields that the change left as they were; there is none without it."),
	)
}

// changedState tells in headers which fields of the row a change changed.
type changedState struct {
	kit.Base
	changed, unchanged       string // names of the headers, "" for none
	changedList, unchangedIs *data.Schema
	rows                     smt.SchemaCache[[]any] // names of the fields, boxed
}

func (t *changedState) Configure(props map[string]string) error {
	s := settings(props)
	list := func(name string) (string, *data.Schema, error) {
		header := s[name]
		if java.Trim(header) == "" {
			return "", nil, nil
		}
		schema, err := data.ArrayOf(data.OptionalStringSchema).Optional().Name(header).Build()
		return header, schema, err
	}
	var err error
	if t.changed, t.changedList, err = list(changedHeaderKey); err != nil {
		return err
	}
	t.unchanged, t.unchangedIs, err = list(unchangedHeaderKey)
	return err
}

func (t *changedState) Apply(r *data.Record) (*data.Record, error) {
	if r.Value == nil || !isEnvelope(r.ValueSchema) {
		return r, nil
	}
	s, err := kit.Struct(r.Value, "Record value should be struct.")
	if err != nil {
		return nil, err
	}
	after, err := named(s, afterField)
	if err != nil {
		return nil, err
	}
	before, err := named(s, beforeField)
	if err != nil {
		return nil, err
	}
	changed, unchanged := []any{}, []any{}
	if after != nil && before != nil {
		if changed, unchanged, err = t.compare(before, after); err != nil {
			return nil, err
		}
	}
	headers := slices.Grow(slices.Clip(r.Headers), 2)
	if t.changed != "" {
		headers = append(headers, data.Header{
			Key: t.changed, Schema: t.changedList,
			Value: changed,
		})
	}
	if t.unchanged != "" {
		headers = append(headers, data.Header{
			Key: t.unchanged, Schema: t.unchangedIs,
			Value: unchanged,
		})
	}
	r.Headers = headers
	return r, nil
}

// compare are the names of the fields that differ and of those that don't, as stored.
func (t *changedState) compare(before, after any) (changed, unchanged []any, err error) {
	now, err := kit.Struct(after, "After value should be struct.")
	if err != nil {
		return nil, nil, err
	}
	then, err := kit.Struct(before, "Before value should be struct.")
	if err != nil {
		return nil, nil, err
	}
	names, ok := t.rows.Get(now.Schema())
	if !ok {
		for _, f := range now.Schema().Fields() {
			names = append(names, f.Name)
		}
		t.rows.Put(now.Schema(), names)
	}
	same := now.Schema() == then.Schema()
	split := make([]any, len(names)) // what changed from the front, the rest from the back
	n, rest := 0, len(names)
	for i, name := range slices.Backward(names) { // so that the rest is in order
		j := i
		if !same {
			if j = then.Schema().FieldIndex(name.(string)); j < 0 {
				_, err := named(then, name.(string))
				return nil, nil, err
			}
		}
		if data.Equal(now.At(i), then.At(j)) {
			rest--
			split[rest] = name
		} else {
			split[n] = name
			n++
		}
	}
	slices.Reverse(split[:n])
	return split[:n:n], split[n:], nil
}
