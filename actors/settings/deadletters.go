package settings

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// DeadLetters is the dead letter queue of a connector.
type DeadLetters struct {
	Topic             string // "" for none
	ReplicationFactor int
	ContextHeaders    bool
	// Put says, of a sink, that records which make put fail are dead letters too, though the
	// connector doesn't report them.
	Put bool
	// PutFailures is how many records may fail on their own in a row, with none taken in between,
	// before that counts as an outage of the target.
	PutFailures int
}

const (
	keyDLQFactor      = "errors.deadletterqueue.topic.replication.factor"
	keyDLQContext     = "errors.deadletterqueue.context.headers.enable"
	keyDLQPut         = "errors.deadletterqueue.put.enable"
	keyDLQPutFailures = "errors.deadletterqueue.put.max.failures"
)

// deadLetterKeys are Kafka Connect's keys for dead letters of sinks.
func deadLetterKeys() []config.Key {
	return []config.Key{
		at(define(keyDLQTopic, config.String, "", config.Medium,
			"Topic for records that can't be processed; empty for none."), groupErrors, 6, config.WidthMedium, "Dead Letter Queue Topic Name"),
		at(define(keyDLQFactor, config.Short, "3", config.Medium,
			"Replicas of that topic when it is created."), groupErrors, 7, config.WidthMedium, "Dead Letter Queue Topic Replication Factor"),
		at(define(keyDLQContext, config.Boolean, "false", config.Medium,
			"Whether records there get headers, beginning with __connect.errors., that say what went wrong."),
			groupErrors, 8, config.WidthMedium, "Enable Error Context Headers"),
	}
}

// SourceDeadLetterDef defines the same keys for source connectors, where Kafka Connect doesn't know
// them: it ignores them. They have an effect, and are checked, if the topic is set.
func SourceDeadLetterDef() *config.Def {
	keys := deadLetterKeys()
	keys[0].Doc = "Topic for records of the source that can't be transformed, converted or written, for instance because " +
		"they are too large; empty for none. With errors.tolerance=all the source goes on once such a record is there; " +
		"with none the task fails all the same. Kafka Connect ignores this for source connectors."
	return config.NewDef(keys...)
}

// PutDeadLetterDef defines Troupe's own keys for dead letters of sinks.
func PutDeadLetterDef() *config.Def {
	return config.NewDef(
		at(define(keyDLQPut, config.Boolean, "false", config.Medium,
			"Whether a record that makes the task's put fail goes to the dead letter topic, though the connector doesn't report it: a batch "+
				"that fails is halved until the record is alone, and the others are put without it. Needs errors.tolerance=all and "+
				"errors.deadletterqueue.topic.name. An error that the connector calls retriable is waited for as ever. "+
				"A record counts as bad only if another one, of the same batch or a later one, is taken; if none is within a minute, "+
				"the task fails as it would without this, and nothing of it is committed. What a connector buffers in put and "+
				"writes in flush or preCommit is not covered: a failure there can't be pinned to a record."),
			groupErrors, 9, config.WidthShort, "Dead Letters for Failures of Put"),
		at(define(keyDLQPutFailures, config.Int, "10", config.Low,
			"How many records may fail on their own one after the other, with none taken in between, before it counts as an outage of the "+
				"target: then the task fails, and none of them is committed or a dead letter.", config.AtLeast(1)),
			groupErrors, 10, config.WidthShort, "Failures of Put in a Row"),
	)
}

// sourceDeadLetters reads those of a source.
func sourceDeadLetters(props map[string]string) (DeadLetters, error) {
	if strings.TrimSpace(props[keyDLQTopic]) == "" {
		return DeadLetters{}, nil
	}
	v, err := SourceDeadLetterDef().Parse(props)
	if err != nil {
		return DeadLetters{}, err
	}
	return deadLettersOf(v), nil
}

// sinkDeadLetters reads those of a sink; v has the keys of Kafka Connect.
func sinkDeadLetters(v config.Values, props map[string]string) (DeadLetters, error) {
	d := deadLettersOf(v)
	put, err := PutDeadLetterDef().Parse(props)
	if err != nil {
		return d, err
	}
	d.Put, d.PutFailures = put.Bool(keyDLQPut), put.Int(keyDLQPutFailures)
	if text := putProblem(d.Put, props); text != "" {
		return d, config.Invalid(keyDLQPut, props[keyDLQPut], text)
	}
	return d, nil
}

func deadLettersOf(v config.Values) DeadLetters {
	return DeadLetters{
		Topic:             v.String(keyDLQTopic),
		ReplicationFactor: v.Int(keyDLQFactor),
		ContextHeaders:    v.Bool(keyDLQContext),
	}
}

// putProblem says what is missing for dead letters of put.
func putProblem(enabled bool, props map[string]string) string {
	switch {
	case !enabled:
		return ""
	case strings.TrimSpace(props[keyDLQTopic]) == "":
		return keyDLQPut + "=true needs a topic to write to: set " + keyDLQTopic
	case strings.TrimSpace(props[keyTolerance]) != "all":
		return keyDLQPut + "=true skips records, which needs " + keyTolerance + "=all"
	}
	return ""
}

// deadLetters checks what Kafka Connect doesn't know about dead letters. Of the keys for sources only
// those that are wrong are in the answer, which is Kafka Connect's else.
func (v *validation) deadLetters() config.Infos {
	if v.kind == plugin.Source {
		if strings.TrimSpace(v.given[keyDLQTopic]) == "" {
			return config.Infos{Groups: []string{}}
		}
		return v.someOf(SourceDeadLetterDef(), func(one config.Validated) bool { return len(one.Errors) > 0 })
	}
	return v.someOf(PutDeadLetterDef(), v.isGiven)
}

// isGiven reports whether the configuration has the key.
func (v *validation) isGiven(one config.Validated) bool {
	_, given := v.props[one.Name]
	return given
}

// someOf is the answer for some of the keys of a definition.
func (v *validation) someOf(def *config.Def, wanted func(config.Validated) bool) config.Infos {
	var keys []config.Key
	var some config.Validation
	for _, one := range def.ValidateNullable(v.props) {
		if one.Name == keyDLQPut && len(one.Errors) == 0 {
			if text := putProblem(one.Value == true, v.given); text != "" {
				one.Errors = append(one.Errors, text)
			}
		}
		if wanted(one) {
			some = append(some, one)
		}
	}
	for _, k := range def.Keys() {
		if _, ok := some.Get(k.Name); ok {
			keys = append(keys, k)
		}
	}
	return prefixed(config.NewDef(keys...), some, "")
}
