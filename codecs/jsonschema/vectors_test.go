package jsonschema

import (
	"slices"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// optionsFrom are the options of a case that is about schemas alone.
func optionsFrom(props map[string]string) (*options, error) {
	v, err := settingsDef().Parse(props)
	if err != nil {
		return nil, err
	}
	o := optionsOf(v)
	return &o, nil
}

func fromSchema(props map[string]string, s *data.Schema) (string, error) {
	o, err := optionsFrom(props)
	if err != nil || s == nil {
		return "", err
	}
	return o.fromConnect(s)
}

func toSchema(props map[string]string, text string) (*data.Schema, error) {
	o, err := optionsFrom(props)
	if err != nil {
		return nil, err
	}
	root, err := parseJSON([]byte(text))
	if err != nil {
		return nil, errs.Data.Wrap(err, "Invalid JSON")
	}
	doc := &document{root: root}
	m, err := doc.load(o.ignoreModern)
	if err != nil {
		return nil, errs.Data.Wrap(err, "Invalid JSON")
	}
	return o.toConnect(m, 0)
}

// normal is a schema's text as the registry keeps it with normalize=true: members in order.
func normal(s registry.Schema) string {
	v, err := parseJSON([]byte(s.Text))
	if err != nil {
		return s.Text
	}
	return string(appendJSON(nil, ordered(v)))
}

func ordered(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = ordered(v[i])
		}
	case *object:
		for _, name := range v.names {
			v.values[name] = ordered(v.values[name])
		}
		sortNames(v.names)
	}
	return v
}

func TestVectorsJSONSchema(t *testing.T) {
	registrytest.Driver{
		New:        func(clients registry.Clients) codecs.HeaderAware { return New(clients) },
		FromSchema: fromSchema,
		ToSchema:   toSchema,
		Normal:     normal,
	}.Run(t, "jsonschema.jsonl")
}

func sortNames(names []string) { slices.Sort(names) }
