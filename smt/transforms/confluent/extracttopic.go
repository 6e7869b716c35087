package confluent

import (
	"errors"
	"math"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/jsonpath"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	fieldKey       = "field"
	formatKey      = "field.format"
	skipMissingKey = "skip.missing.or.null"
	jsonPathFormat = "JSON_PATH"
	plainFormat    = "PLAIN"
	fieldNameKey   = "field.name"
)

func extractTopicConfig() *config.Def {
	return config.NewDef(
		optional(fieldKey, config.String, "", nil,
			"Name of the field or header, or path to the field, that becomes the topic; the whole key or value without it."),
		optional(formatKey, config.String, plainFormat,
			config.ValidString(jsonPathFormat, plainFormat),
			"PLAIN: field is a name. JSON_PATH: it is a JSON path."),
		optional(skipMissingKey, config.Boolean, false, nil,
			"Whether a record without the field, or with null in it, is left as it is instead of failing."),
	)
}

// extractTopic makes the topic of a text: the whole key or value, or a field of it.
type extractTopic struct {
	kit.Base
	side  smt.Side
	field string
	path  *jsonpath.Path // nil: field is a name
	skip  bool
}

// Configure compiles the path, so that a wrong one names the setting field.
func (t *extractTopic) Configure(props map[string]string) error {
	v, err := extractTopicConfig().Parse(props)
	if err != nil {
		return err
	}
	t.field, t.skip = v.String(fieldKey), v.Bool(skipMissingKey)
	if v.String(formatKey) == jsonPathFormat {
		if t.path, err = jsonpath.Compile(t.field); err != nil {
			return config.Invalid(fieldKey, t.field, err.Error())
		}
	}
	return nil
}

// Apply takes text alone for a topic: the documentation says STRING, and a number would be a
// surprise.
func (t *extractTopic) Apply(r *data.Record) (*data.Record, error) {
	_, value := t.side.Get(r)
	topic, err := t.find(value)
	if err != nil {
		return nil, err
	}
	return routed(r, topic, t.skip, t.side.String()+" "+t.field)
}

// find is what becomes the topic, nil for null and what isn't there.
func (t *extractTopic) find(value any) (any, error) {
	switch {
	case t.field == "" || value == nil:
		return value, nil
	case !object(value):
		return nil, errs.Data.New("a field can't be taken from a %s that is a %s", t.side,
			data.JavaClass(value))
	case t.path == nil:
		return member(value, t.field), nil
	}
	found, err := t.path.Find(value)
	switch {
	case errors.Is(err, jsonpath.ErrNotFound) || err == nil && len(found) == 0:
		return nil, nil
	case err != nil:
		return nil, errs.Data.Wrap(err, "JSON path %s", t.path)
	case len(found) > 1:
		return nil, errs.Data.New("JSON path %s leads to %d values, which can't be one topic",
			t.path, len(found))
	}
	return found[0], nil
}

// routed sets the topic to a text.
func routed(r *data.Record, topic any, skip bool, where string) (*data.Record, error) {
	text, ok := topic.(string)
	switch {
	case topic == nil || text == "" && ok:
		if skip {
			return r, nil
		}
		return nil, errs.Data.New("the topic can't be made of %s, which is null, empty or missing: record of topic %q", where, r.Topic)
	case !ok:
		return nil, errs.Data.New("the topic can't be made of %s, which is no text but a %s", where,
			data.JavaClass(topic))
	}
	r.Topic = text
	return r, nil
}

// topicFromHeader makes the topic of the last header of a name.
type topicFromHeader struct {
	kit.Base
	header string
	skip   bool
}

// Configure wants the name of a header; a path into one isn't documented and is refused.
func (t *topicFromHeader) Configure(props map[string]string) error {
	v, err := extractTopicConfig().Parse(props)
	if err != nil {
		return err
	}
	if v.String(fieldKey) == "" {
		return config.Invalid(fieldKey, "", "the name of the header is missing")
	}
	if v.String(formatKey) != plainFormat {
		return config.Invalid(formatKey, v.String(formatKey),
			"a header has only the format "+plainFormat)
	}
	t.header, t.skip = v.String(fieldKey), v.Bool(skipMissingKey)
	return nil
}

// Of several headers with one name the last counts.
func (t *topicFromHeader) Apply(r *data.Record) (*data.Record, error) {
	h, _ := r.Headers.Last(t.header)
	return routed(r, h.Value, t.skip, "header "+t.header)
}

func extractTimestampConfig() *config.Def {
	return config.NewDef(required(fieldNameKey, config.String, config.NonEmptyString(),
		"Name of the field, a Timestamp or a number of milliseconds since the epoch, that becomes the record's timestamp."))
}

// extractTimestamp makes the record's timestamp of a field.
type extractTimestamp struct {
	kit.Base
	side  smt.Side
	field string
}

func (t *extractTimestamp) Configure(props map[string]string) error {
	v, err := extractTimestampConfig().Parse(props)
	if err != nil {
		return err
	}
	t.field = v.String(fieldNameKey)
	return nil
}

// Apply fails with errs.Data for a field that is missing, null or of another type.
func (t *extractTimestamp) Apply(r *data.Record) (*data.Record, error) {
	_, value := t.side.Get(r)
	if !object(value) {
		return nil, errs.Data.New("field %s can't be taken from a %s that is a %s", t.field, t.side,
			data.JavaClass(value))
	}
	field := member(value, t.field)
	switch v := field.(type) {
	case time.Time:
		r.Timestamp = v
	case int64:
		r.Timestamp = time.UnixMilli(v).UTC()
	case float64: // how JSON without a schema may have it
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return nil, errs.Data.New("field %s is no whole number of milliseconds: %v", t.field, v)
		}
		r.Timestamp = time.UnixMilli(int64(v)).UTC()
	default:
		return nil, errs.Data.New("field %s must be a Timestamp or INT64, it is %s: record of topic %q", t.field, data.JavaClass(field), r.Topic)
	}
	return r, nil
}
