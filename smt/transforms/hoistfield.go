package transforms

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/internal/reuse"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func hoistFieldConfig() *config.Def {
	return config.NewDef(kit.Required(kit.Key("field", config.String, config.Medium,
		"Name of the one field that the key or value is put under."), nil))
}

// hoistField puts the whole key or value under one new field: of a struct when there is a
// schema, of a map otherwise.
type hoistField struct {
	kit.Base
	side    smt.Side
	field   string
	name    any // field, as a map's key
	schemas smt.SchemaCache[*data.Schema]
	made    reuse.Structs
}

// Structs implements reuse.Maker.
func (h *hoistField) Structs() (*reuse.Structs, any) { return &h.made, h.side }

func (h *hoistField) Configure(props map[string]string) error {
	v, err := hoistFieldConfig().Parse(props)
	if err != nil {
		return err
	}
	h.field = v.String("field")
	h.name = h.field
	return nil
}

// Null is put in as well, so that a tombstone is one no longer; under a required schema it fails.
func (h *hoistField) Apply(r *data.Record) (*data.Record, error) {
	schema, value := h.side.Get(r)
	if schema == nil {
		m := data.NewMap(1)
		m.Put(h.name, value)
		h.side.Set(r, nil, m)
		return r, nil
	}
	hoisted, ok := h.schemas.Get(schema)
	if !ok {
		var err error
		if hoisted, err = data.NewBuilder(data.StructType).Field(h.field,
			schema).Build(); err != nil {
			return nil, err
		}
		h.schemas.Put(schema, hoisted)
	}
	s := h.made.New(hoisted)
	if err := kit.Set(s, 0, value); err != nil {
		return nil, err
	}
	h.side.Set(r, hoisted, s)
	return r, nil
}
