package transforms

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/dateformat"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func timestampRouterConfig() *config.Def {
	return config.NewDef(
		kit.Optional(kit.Key("topic.format", config.String, config.High,
			"The new topic, in which <code>${topic}</code> stands for the topic and <code>${timestamp}</code> for the formatted timestamp."),
			"${topic}-${timestamp}", nil),
		kit.Optional(kit.Key("timestamp.format", config.String, config.High,
			"Format of the timestamp, in the pattern letters of <code>java.text.SimpleDateFormat</code>, in UTC."), "yyyyMMdd", nil),
	)
}

// timestampRouter makes a topic of the topic and the record's timestamp.
type timestampRouter struct {
	kit.Base
	topicFormat string
	format      *dateformat.Format
	formatErr   error

	// What was made last, for records that follow with the same topic and time.
	lastTopic, made string
	lastMillis      int64
	stamp           []byte
}

func (t *timestampRouter) Configure(props map[string]string) error {
	v, err := timestampRouterConfig().Parse(props)
	if err != nil {
		return err
	}
	t.topicFormat = v.String("topic.format")
	pattern := v.String("timestamp.format")
	if t.format, err = dateformat.Compile(pattern); err != nil {
		// Java reads the pattern when the first record comes.
		t.formatErr = errs.IllegalArgument.New("%s", err)
	}
	return nil
}

// Apply fails with errs.Data for a record without a timestamp, and for a format that is wrong,
// which Java finds out with the first record.
func (t *timestampRouter) Apply(r *data.Record) (*data.Record, error) {
	if !hasTimestamp(r) {
		return nil, errs.Data.New("Timestamp missing on record: topic='%s'", r.Topic)
	}
	if t.formatErr != nil {
		return nil, t.formatErr
	}
	ms := r.Timestamp.UnixMilli()
	if r.Topic == t.lastTopic && t.lastTopic != "" && ms == t.lastMillis {
		r.Topic = t.made
		return r, nil
	}
	previous := len(t.stamp)
	t.stamp = t.format.Append(t.stamp, ms)
	if r.Topic == t.lastTopic && t.lastTopic != "" &&
		string(t.stamp[:previous]) == string(t.stamp[previous:]) {
		t.stamp = t.stamp[:previous]
	} else {
		t.stamp = append(t.stamp[:0], t.stamp[previous:]...)
		topic := strings.ReplaceAll(t.topicFormat, "${topic}", r.Topic)
		t.lastTopic = r.Topic
		t.made = strings.ReplaceAll(topic, "${timestamp}", string(t.stamp))
	}
	t.lastMillis = ms
	r.Topic = t.made
	return r, nil
}
