package transforms

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/regex"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func regexRouterConfig() *config.Def {
	return config.NewDef(
		kit.Required(kit.Key("regex", config.String, config.High, "Java regular expression that the whole topic must match to be replaced."), config.ValidRegex()),
		kit.Required(kit.Key("replacement", config.String, config.High, "The new topic, with $1 or ${name} for what a group matched."), nil),
	)
}

// regexRouter replaces topics that match. The answer for a topic is kept, since a task sees few.
type regexRouter struct {
	kit.Base
	re          *regex.Regexp
	replacement string
	last, to    string // the topic seen last and what it became
	known       map[string]routed
}

type routed struct {
	topic string
	err   error
}

const maxTopics = 4096

func (t *regexRouter) Configure(props map[string]string) error {
	v, err := regexRouterConfig().Parse(props)
	if err != nil {
		return err
	}
	t.replacement = v.String("replacement")
	if t.re, err = regex.Compile(v.String("regex")); err != nil {
		return config.Invalid("regex", v.String("regex"), "Invalid regex: "+err.Error())
	}
	return nil
}

func (t *regexRouter) Apply(r *data.Record) (*data.Record, error) {
	if r.Topic == t.last && t.last != "" {
		r.Topic = t.to
		return r, nil
	}
	known, ok := t.known[r.Topic]
	if !ok {
		known.topic, known.err = t.route(r.Topic)
		if t.known == nil || len(t.known) >= maxTopics {
			t.known = map[string]routed{}
		}
		t.known[r.Topic] = known
	}
	if known.err != nil {
		return nil, known.err
	}
	t.last, t.to = r.Topic, known.topic
	r.Topic = known.topic
	return r, nil
}

func (t *regexRouter) route(topic string) (string, error) {
	ok, err := t.re.MatchString(topic)
	if err == nil && ok {
		topic, err = t.re.ReplaceFirst(topic, t.replacement)
	}
	if err != nil && errs.KindOf(err) == nil {
		return "", errs.Data.Wrap(err, "regex %q on topic %q", t.re, topic)
	}
	return topic, err
}
