package predicates

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
)

func hasHeaderKeyConfig() *config.Def {
	return config.NewDef(text("name", "Name of the header.", config.NonEmptyString()))
}

// hasHeaderKey holds for records with at least one header of a name.
type hasHeaderKey struct {
	base
	name string
}

func (p *hasHeaderKey) Configure(props map[string]string) error {
	v, err := hasHeaderKeyConfig().Parse(props)
	if err != nil {
		return err
	}
	p.name = v.String("name")
	return nil
}

func (p *hasHeaderKey) Test(r *data.Record) (bool, error) { return r.Headers.Has(p.name), nil }
