package confluent

import (
	"errors"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/jsonpath"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	conditionKey     = "filter.condition"
	filterTypeKey    = "filter.type"
	missingOrNullKey = "missing.or.null.behavior"
	include          = "include"
	exclude          = "exclude"
)

func filterConfig() *config.Def {
	return config.NewDef(
		required(conditionKey, config.String, config.LambdaValidator("valid JSON path",
			func(name string, value any) error {
				text, _ := value.(string)
				if _, err := jsonpath.Compile(text); err != nil {
					return config.Invalid(name, value, err.Error())
				}
				return nil
			}), "JSON path; a record matches where it leads to something, as $[?(@.status == 'new')]."),
		required(filterTypeKey, config.String, config.CaseInsensitiveValidString(include, exclude),
			"include: records that match are kept. exclude: they are dropped."),
		optional(missingOrNullKey, config.String, "fail",
			config.CaseInsensitiveValidString("fail", include, exclude),
			"What becomes of a record without the field that the path leads to: it fails, is kept (include) or dropped (exclude)."),
	)
}

// filter keeps or drops records by a JSON path. A record whose key or value is null is kept.
type filter struct {
	kit.Base
	side    smt.Side
	path    *jsonpath.Path
	keep    bool // records that match
	missing string
}

// Configure refuses a condition that is no JSON path, naming filter.condition.
func (t *filter) Configure(props map[string]string) error {
	v, err := filterConfig().Parse(props)
	if err != nil {
		return err
	}
	if t.path, err = jsonpath.Compile(v.String(conditionKey)); err != nil {
		return config.Invalid(conditionKey, v.String(conditionKey), err.Error())
	}
	t.keep = lower(v.String(filterTypeKey)) == include
	t.missing = lower(v.String(missingOrNullKey))
	return nil
}

// That a path leads to nothing is no match; that it leads through a field which isn't there is
// what missing.or.null.behavior is about.
func (t *filter) Apply(r *data.Record) (*data.Record, error) {
	_, value := t.side.Get(r)
	if value == nil {
		return r, nil
	}
	if !object(value) {
		return nil, errs.Data.New("only structs and maps can be filtered by a JSON path, the %s is a %s", t.side, data.JavaClass(value))
	}
	found, err := t.path.Find(value)
	switch {
	case errors.Is(err, jsonpath.ErrNotFound) && t.missing == include:
		return r, nil
	case errors.Is(err, jsonpath.ErrNotFound) && t.missing == exclude:
		return nil, nil
	case err != nil:
		return nil, errs.Data.Wrap(err,
			"%s %s on a record of topic %q; set %s to include or exclude if fields may be missing",
			conditionKey, t.path, r.Topic, missingOrNullKey)
	case (len(found) > 0) == t.keep:
		return r, nil
	}
	return nil, nil
}
