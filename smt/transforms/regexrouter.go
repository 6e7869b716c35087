package transforms

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func regexRouterConfig() *config.Def {
	return config.NewDef(
		kit.Required(kit.Key("regex", config.String, config.High,
			"Java regular expression that the whole topic must match to be replaced."),
			config.ValidRegex()),
		kit.Required(kit.Key("replacement", config.String, config.High,
			"The new topic, with $1 or ${name} for what a group matched."), nil),
	)
}

// regexRouter replaces topics that match.
type regexRouter struct {
	kit.Base
	router *kit.Router
}

func (t *regexRouter) Configure(props map[string]string) error {
	v, err := regexRouterConfig().Parse(props)
	if err != nil {
		return err
	}
	if t.router, err = kit.NewRouter(v.String("regex"), v.String("replacement")); err != nil {
		return config.Invalid("regex", v.String("regex"), "Invalid regex: "+err.Error())
	}
	return nil
}

// Apply wants the whole topic to match. A replacement that names a group which isn't there fails
// here, not in Configure, as with Java's Matcher.
func (t *regexRouter) Apply(r *data.Record) (*data.Record, error) {
	topic, _, err := t.router.Route(r.Topic)
	if err != nil {
		return nil, err
	}
	r.Topic = topic
	return r, nil
}
