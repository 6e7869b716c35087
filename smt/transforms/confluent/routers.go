package confluent

import (
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/dateformat"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// lower is for words that are compared without case.
func lower(s string) string { return strings.ToLower(s) }

const (
	topicFormatKey   = "topic.format"
	topicTimeKey     = "topic.timestamp.format"
	messageTimeKey   = "message.timestamp.format"
	messageKeysKey   = "message.timestamp.keys"
	regexKey         = "regex"
	replacementKey   = "replacement"
	tombstoneKey     = "behavior"
	topicPlaceholder = "${topic}"
	timePlaceholder  = "${timestamp}"
)

func messageTimestampConfig() *config.Def {
	return config.NewDef(
		kit.Optional(kit.Key(topicFormatKey, config.String, config.High,
			"The new topic, in which ${topic} stands for the topic and ${timestamp} for the time."),
			topicPlaceholder+"-"+timePlaceholder, nil),
		kit.Optional(kit.Key(messageTimeKey, config.String, config.High,
			"Format of the time in the value, in the pattern letters of java.text.SimpleDateFormat; empty if it is a number of milliseconds."),
			"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", nil),
		kit.Optional(kit.Key(topicTimeKey, config.String, config.High,
			"Format of the time in the topic, in the pattern letters of java.text.SimpleDateFormat."), "yyyyMMdd", nil),
		required(messageKeysKey, config.List, nil,
			"Names of fields of the value of which the first that is there has the time."),
	)
}

// messageTimestampRouter makes a topic of the topic and a time in the value, which must be a map. Times
// are in UTC where they name no zone, and are written in UTC. A number is a time in milliseconds
// whatever the format, which the documentation leaves open.
type messageTimestampRouter struct {
	kit.Base
	topicFormat   string
	message, time *dateformat.Format // message is nil for numbers alone
	fields        []string
	stamp         []byte
	last, made    string // topic seen last and what became of it at stamp
}

// Configure compiles both formats, so that a wrong one names its setting.
func (t *messageTimestampRouter) Configure(props map[string]string) error {
	v, err := messageTimestampConfig().Parse(props)
	if err != nil {
		return err
	}
	t.topicFormat, t.fields = v.String(topicFormatKey), v.List(messageKeysKey)
	if pattern := v.String(messageTimeKey); pattern != "" {
		if t.message, err = dateformat.Compile(pattern); err != nil {
			return config.Invalid(messageTimeKey, pattern, err.Error())
		}
	}
	if t.time, err = dateformat.Compile(v.String(topicTimeKey)); err != nil {
		return config.Invalid(topicTimeKey, v.String(topicTimeKey), err.Error())
	}
	return nil
}

// Apply makes the topic only where the topic or the formatted time isn't the last record's.
func (t *messageTimestampRouter) Apply(r *data.Record) (*data.Record, error) {
	m, ok := r.Value.(*data.Map)
	if !ok || m == nil {
		return nil, errs.Data.New("the time of a topic can be found in a map only, the value is a %s", data.JavaClass(r.Value))
	}
	ms, err := t.timeIn(m)
	if err != nil {
		return nil, err
	}
	old := len(t.stamp)
	t.stamp = t.time.Append(t.stamp, ms)
	same := string(t.stamp[:old]) == string(t.stamp[old:])
	t.stamp = append(t.stamp[:0], t.stamp[old:]...)
	if !same || t.last != r.Topic || t.made == "" {
		t.last = r.Topic
		t.made = strings.ReplaceAll(strings.ReplaceAll(t.topicFormat, topicPlaceholder, r.Topic),
			timePlaceholder, string(t.stamp))
	}
	r.Topic = t.made
	return r, nil
}

// timeIn is the time in milliseconds of the first field that is there.
func (t *messageTimestampRouter) timeIn(m *data.Map) (int64, error) {
	for _, name := range t.fields {
		field, _ := m.GetString(name)
		switch v := field.(type) {
		case nil:
			continue
		case int64:
			return v, nil
		case int32:
			return int64(v), nil
		case time.Time:
			return v.UnixMilli(), nil
		case string:
			if t.message == nil {
				if ms, err := strconv.ParseInt(v, 10, 64); err == nil {
					return ms, nil
				}
				return 0, errs.Data.New("field %s is no number of milliseconds: %q", name, v)
			}
			ms, _, err := t.message.Parse(v)
			if err != nil {
				return 0, errs.Data.Wrap(err, "field %s is no time of the format %q: %q", name,
					t.message.Pattern(), v)
			}
			return ms, nil
		default:
			return 0, errs.Data.New("field %s is no time but a %s", name, data.JavaClass(v))
		}
	}
	return 0, errs.Data.New("none of the fields %v has a time", t.fields)
}

func topicRegexConfig() *config.Def {
	return config.NewDef(
		required(regexKey, config.String, nil,
			"Regular expression that the whole topic must match to be replaced."),
		required(replacementKey, config.String, nil,
			"The new topic, with $1 or ${name} for what a group matched."),
	)
}

// topicRegexRouter replaces topics that match. Its expressions are those of RE2, which are a part of
// Java's but for the way in which groups are named.
type topicRegexRouter struct {
	kit.Base
	router *kit.Router
}

// Configure takes RE2's names of groups, (?P<name>...), as well as Java's.
func (t *topicRegexRouter) Configure(props map[string]string) error {
	v, err := topicRegexConfig().Parse(props)
	if err != nil {
		return err
	}
	pattern := strings.ReplaceAll(v.String(regexKey), "(?P<", "(?<")
	if t.router, err = kit.NewRouter(pattern, v.String(replacementKey)); err != nil {
		return config.Invalid(regexKey, v.String(regexKey), err.Error())
	}
	return nil
}

// Apply leaves a topic that doesn't match as it is; a group that the replacement names and isn't
// there fails here.
func (t *topicRegexRouter) Apply(r *data.Record) (*data.Record, error) {
	topic, _, err := t.router.Route(r.Topic)
	if err != nil {
		return nil, err
	}
	r.Topic = topic
	return r, nil
}

func tombstoneConfig() *config.Def {
	return config.NewDef(optional(tombstoneKey, config.String, "warn",
		config.ValidString("ignore", "warn", "fail"),
		"What becomes of records whose value is null: ignore drops them, warn does too and says so in the log, fail fails."))
}

// tombstoneHandler drops tombstones or fails at them.
type tombstoneHandler struct {
	kit.Base
	kit.Logs
	behavior string
}

func (t *tombstoneHandler) Configure(props map[string]string) error {
	v, err := tombstoneConfig().Parse(props)
	if err != nil {
		return err
	}
	t.behavior = v.String(tombstoneKey)
	return nil
}

// Apply looks at the value alone: a null value with a schema is a tombstone too.
func (t *tombstoneHandler) Apply(r *data.Record) (*data.Record, error) {
	if r.Value != nil {
		return r, nil
	}
	switch t.behavior {
	case "fail":
		return nil, errs.Data.New("a tombstone of topic %q came, and %s is fail", r.Topic,
			tombstoneKey)
	case "warn":
		t.Log().Warn("a tombstone is dropped", "topic", r.Topic)
	}
	return nil, nil
}
