package transforms

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func extractFieldConfig() *config.Def {
	return config.NewDef(
		kit.Required(kit.Key("field", config.String, config.Medium,
			"Name of the field, or the path to it, that becomes the key or value."), nil),
		replaceNullConfig(),
		kit.Optional(kit.Key("field.syntax.version", config.String, config.High,
			"V1: field is the name of a top-level field. V2: it may be a path to a nested one, with dots between the names; "+
				"a name with a dot in it stands in backticks."),
			"V1", config.CaseInsensitiveValidString("V1", "V2")),
	)
}

// extractField replaces the key or value by one field of it.
type extractField struct {
	kit.Base
	side     smt.Side
	text     string
	path     fieldPath
	defaults defaults
}

const extractPurpose = "field extraction"

func (t *extractField) Configure(props map[string]string) error {
	v, err := extractFieldConfig().Parse(props)
	if err != nil {
		return err
	}
	t.text = v.String("field")
	t.defaults = defaults(v.Bool(replaceNullKey))
	t.path = fieldPath{t.text}
	if strings.EqualFold(v.String("field.syntax.version"), "V2") {
		t.path, err = parsePath(t.text)
	}
	return err
}

// Apply of a null key or value is null. A field that a struct lacks is errs.IllegalArgument, one
// that a map lacks is null: maps have no schema to say what could be there.
func (t *extractField) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	if schema == nil {
		if value == nil {
			return r, nil
		}
		m, err := asMap(value, extractPurpose)
		if err != nil {
			return nil, err
		}
		v, err := t.path.inMap(m)
		if err != nil {
			return nil, err
		}
		t.side.Set(r, nil, v)
		return r, nil
	}
	s, err := kit.StructOrNull(value, extractPurpose)
	if err != nil {
		return nil, err
	}
	f, err := t.path.field(schema)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errs.IllegalArgument.New("Unknown field: %s", t.text)
	}
	var v any
	if s != nil {
		if v, err = t.path.inStruct(s, t.defaults); err != nil {
			return nil, err
		}
	}
	t.side.Set(r, f.Schema, v)
	return r, nil
}
