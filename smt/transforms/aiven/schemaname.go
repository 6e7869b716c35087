package aiven

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/regex"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	topicMapKey    = "schema.name.topic-map"
	schemaRegexKey = "schema.name.regex"
)

func schemaNameConfig() *config.Def {
	return config.NewDef(
		optional(topicMapKey, config.String, config.Low, nil,
			"Topics by schema name, as name1:topic1,name2:topic2."),
		optional(schemaRegexKey, config.String, config.Low, nil,
			"Java regular expression whose one group is the topic in the schema's name, as (?:[.\\t]|^)([^.\\t]*)$ for what is behind the last dot."),
	)
}

// topicFromSchemaName makes the topic of the name of the value's schema.
type topicFromSchemaName struct {
	kit.Base
	topics map[string]string
	re     *regex.Regexp
	name   string // seen last, and its topic
	topic  string
}

// Configure wants a map or a pattern or neither: without both the schema's name is the topic.
func (t *topicFromSchemaName) Configure(props map[string]string) error {
	v, err := schemaNameConfig().Parse(props)
	if err != nil {
		return err
	}
	pairs, hasMap := props[topicMapKey]
	pattern, hasRegex := props[schemaRegexKey]
	switch {
	case hasMap && hasRegex:
		return errs.Config.New("%s and %s should not be defined together.", topicMapKey,
			schemaRegexKey)
	case hasRegex:
		if _, err := regex.Compile(pattern); err != nil {
			return errs.Config.New("%s set as %s is not valid regex.", pattern, schemaRegexKey)
		}
		if pattern = v.String(schemaRegexKey); pattern == "" {
			break
		}
		if t.re, err = regex.Compile(pattern); err != nil {
			return errs.Config.New("%s set as %s is not valid regex.", pattern, schemaRegexKey)
		}
	case hasMap && !strings.Contains(pairs, ":"):
		return errs.Config.New("%s is not valid. Format should be: \"SchemaValue1:NewValue1,SchemaValue2:NewValue2\"", topicMapKey)
	}
	t.topics = map[string]string{}
	if !hasMap {
		return nil
	}
	for _, pair := range kit.Split(v.String(topicMapKey), ",") {
		parts := kit.Split(pair, ":")
		if len(parts) < 2 {
			return errs.IllegalArgument.New("%s: %q is no pair of a schema name and a topic",
				topicMapKey, pair)
		}
		if _, ok := t.topics[parts[0]]; ok {
			return errs.IllegalState.New("Duplicate key %s (attempted merging values %s and %s)",
				parts[0], t.topics[parts[0]], parts[1])
		}
		t.topics[parts[0]] = parts[1]
	}
	return nil
}

// Apply fails with errs.Data for a value without a schema or with one that has no name, tombstones
// among them.
func (t *topicFromSchemaName) Apply(r *data.Record) (*data.Record, error) {
	if r.ValueSchema == nil || r.ValueSchema.Name() == "" {
		return nil, wrong(r, " value schema name can't be null")
	}
	name := r.ValueSchema.Name()
	if name != t.name {
		topic, err := t.route(name)
		if err != nil {
			return nil, err
		}
		t.name, t.topic = name, topic
	}
	r.Topic = t.topic
	return r, nil
}

// route is the topic for a name. A pattern with another number of groups than one is as if it
// didn't match, and the name itself is the topic.
func (t *topicFromSchemaName) route(name string) (string, error) {
	if topic, ok := t.topics[name]; ok {
		return topic, nil
	}
	if t.re == nil {
		return name, nil
	}
	groups, err := t.re.FindString(name)
	if err != nil {
		return "", errs.Data.Wrap(err, "regex %q on schema name %q", t.re, name)
	}
	if len(groups) == 2 {
		return groups[1], nil
	}
	return name, nil
}
