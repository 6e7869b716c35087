package protobuf

import (
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
	m, err := o.fromConnect(s)
	if err != nil {
		return "", err
	}
	return m.file.text(), nil
}

func toSchema(props map[string]string, text string) (*data.Schema, error) {
	o, err := optionsFrom(props)
	if err != nil {
		return nil, err
	}
	f, err := parse("default", text)
	if err == nil {
		err = linked(f, nil)
	}
	if err != nil {
		return nil, errs.Data.Wrap(err, "malformed schema")
	}
	if len(f.messages) == 0 {
		return nil, errs.Data.New("Protobuf schema definition contains no type definitions")
	}
	return o.toConnect(f.messages[0], 0)
}

// normal is a schema's text as the registry keeps it with normalize=true.
func normal(s registry.Schema) string {
	f, err := parse("default", s.Text)
	if err != nil || linked(f, nil) != nil {
		return s.Text
	}
	return f.normalText()
}

// canonical is a schema's text as Java prints it.
func canonical(s registry.Schema) string {
	f, err := parse("default", s.Text)
	if err != nil {
		return s.Text
	}
	return f.text()
}

func TestVectorsProtobuf(t *testing.T) {
	registrytest.Driver{
		New:        func(clients registry.Clients) codecs.HeaderAware { return New(clients) },
		FromSchema: fromSchema,
		ToSchema:   toSchema,
		Normal:     normal,
		Canonical:  canonical,
		SameText:   func(want, got string, _ bool) bool { return want == got },
	}.Run(t, "protobuf.jsonl")
}
