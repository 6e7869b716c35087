package predicates

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

func topicNameMatchesConfig() *config.Def {
	return config.NewDef(text("pattern", "Java regular expression that the whole topic name must match.",
		config.Composite(config.NonEmptyString(), config.ValidRegex())))
}

// topicNameMatches holds for records whose topic matches. The answer for a topic is kept, since
// a task sees few.
type topicNameMatches struct {
	base
	re    *regex.Regexp
	last  string
	yes   bool // of last
	known map[string]answer
}

type answer struct {
	yes bool
	err error
}

const maxTopics = 4096

func (p *topicNameMatches) Configure(props map[string]string) error {
	v, err := topicNameMatchesConfig().Parse(props)
	if err != nil {
		return err
	}
	if p.re, err = regex.Compile(v.String("pattern")); err != nil {
		return config.Invalid("pattern", v.String("pattern"), "entry must be a Java-compatible regular expression: "+err.Error())
	}
	return nil
}

func (p *topicNameMatches) Test(r *data.Record) (bool, error) {
	if r.Topic == "" {
		return false, nil // no topic, which even .* doesn't match
	}
	if r.Topic == p.last {
		return p.yes, nil
	}
	known, ok := p.known[r.Topic]
	if !ok {
		known.yes, known.err = p.re.MatchString(r.Topic)
		if known.err != nil {
			known.err = errs.Data.Wrap(known.err, "pattern %q on topic %q", p.re, r.Topic)
		}
		if p.known == nil || len(p.known) >= maxTopics {
			p.known = map[string]answer{}
		}
		p.known[r.Topic] = known
	}
	if known.err != nil {
		return false, known.err
	}
	p.last, p.yes = r.Topic, known.yes
	return known.yes, nil
}
