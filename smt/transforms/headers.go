package transforms

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// filter drops every record. It is of use with a predicate.
type filter struct{ kit.Base }

func (filter) Configure(map[string]string) error { return nil }

func (filter) Apply(*data.Record) (*data.Record, error) { return nil, nil }

func dropHeadersConfig() *config.Def {
	return config.NewDef(kit.Required(kit.Key("headers", config.List, config.High,
		"Names of the headers to remove."), nonEmptyList()))
}

// dropHeaders removes all headers of some names.
type dropHeaders struct {
	kit.Base
	names []string
}

func (t *dropHeaders) Configure(props map[string]string) error {
	v, err := dropHeadersConfig().Parse(props)
	if err != nil {
		return err
	}
	t.names = v.List("headers")
	return nil
}

func (t *dropHeaders) Apply(r *data.Record) (*data.Record, error) {
	for _, name := range t.names {
		r.Headers = r.Headers.Remove(name)
	}
	return r, nil
}

func insertHeaderConfig() *config.Def {
	return config.NewDef(
		kit.Required(kit.Key("header", config.String, config.High, "Name of the header to add."),
			config.NonNull()),
		kit.Required(kit.Key("value.literal", config.String, config.High,
			"Value of the header, of the type that the text looks like: 1 is a number, true a boolean, [1, 2] an array."), config.NonNull()),
	)
}

// insertHeader adds one header with a fixed value.
type insertHeader struct {
	kit.Base
	name  string
	value data.SchemaAndValue
}

func (t *insertHeader) Configure(props map[string]string) error {
	v, err := insertHeaderConfig().Parse(props)
	if err != nil {
		return err
	}
	t.name = v.String("header")
	t.value = data.ParseString(v.String("value.literal"))
	return nil
}

func (t *insertHeader) Apply(r *data.Record) (*data.Record, error) {
	r.Headers = r.Headers.Add(t.name, t.value.Schema, t.value.Value)
	return r, nil
}
