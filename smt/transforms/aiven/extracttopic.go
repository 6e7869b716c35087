package aiven

import (
	"strings"
	"unicode"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	skipMissingKey = "skip.missing.or.null"
	textTypes      = "[INT8, INT16, INT32, INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]"
	textClasses    = "[class java.lang.Byte, class java.lang.Short, class java.lang.Integer, class java.lang.Long, " +
		"class java.lang.Double, class java.lang.Float, class java.lang.Boolean, class java.lang.String]"
)

func extractTopicConfig() *config.Def {
	return config.NewDef(
		optional(fieldNameKey, config.String, config.High, nil,
			"Name of the field that becomes the topic; the whole key or value does without it."),
		optional(skipMissingKey, config.Boolean, config.Low, false,
			"Whether a record without the field, or with null in it, is left as it is instead of failing."),
	)
}

// extractTopic makes the topic of a field, or of the whole key or value.
// Numbers and booleans are topics too, as their texts; bytes are none. Blank text counts as
// missing where there is no schema, and only empty text where there is one: Java's own difference.
type extractTopic struct {
	kit.Base
	side  smt.Side
	field string
	name  any // field, boxed once
	skip  bool
	at    smt.SchemaCache[int]
}

func (t *extractTopic) Configure(props map[string]string) error {
	v, err := extractTopicConfig().Parse(props)
	if err != nil {
		return err
	}
	t.field, t.name, t.skip = v.String(fieldNameKey), v.String(fieldNameKey), v.Bool(skipMissingKey)
	return nil
}

// Apply leaves the topic alone where it would be "" and skip.missing.or.null allows that.
func (t *extractTopic) Apply(r *data.Record) (*data.Record, error) {
	topic, err := t.topic(r)
	if err != nil {
		return nil, err
	}
	if topic != "" {
		r.Topic = topic
	}
	return r, nil
}

// topic is the new topic, "" for none.
func (t *extractTopic) topic(r *data.Record) (string, error) {
	schema, value := t.side.Get(r)
	switch {
	case schema == nil && t.field == "":
		return t.ofPlain(r, value)
	case schema == nil:
		return t.ofMap(r, value)
	case t.field == "":
		if !becomesText(schema.Type()) {
			return "", wrong(r, "%s schema type must be %s if field name is not specified",
				place(t.side), textTypes)
		}
		if value == nil || value == "" {
			return t.none(r, "%s can't be null or empty", place(t.side))
		}
		return data.Text(value), nil
	}
	return t.ofStruct(r, schema, value)
}

// none is the answer where there is no topic.
func (t *extractTopic) none(r *data.Record, format string, args ...any) (string, error) {
	if t.skip {
		return "", nil
	}
	return "", wrong(r, format, args...)
}

// ofPlain is the topic of a whole key or value without schema.
func (t *extractTopic) ofPlain(r *data.Record, value any) (string, error) {
	if value == nil || isBlank(data.Text(value)) {
		return t.none(r, "%s can't be null or empty", place(t.side))
	}
	if !isText(value) {
		return "", wrong(r, "type in %s %s must be %s", place(t.side), data.Text(value),
			textClasses)
	}
	return data.Text(value), nil
}

// ofMap is the topic of an entry; a null map fails even with skip.missing.or.null.
func (t *extractTopic) ofMap(r *data.Record, value any) (string, error) {
	if value == nil {
		return "", wrong(r, "%s can't be null if field name is specified", place(t.side))
	}
	m, ok := value.(*data.Map)
	if !ok {
		return "", wrong(r, "%s type must be Map if field name is specified", place(t.side))
	}
	field, _ := m.Get(t.name)
	if field != nil && !isText(field) {
		return "", wrong(r, "%s type in %s %s must be %s", t.field, place(t.side), data.Text(value),
			textClasses)
	}
	if field == nil || isBlank(data.Text(field)) {
		return t.none(r, "%s in %s can't be null or empty", t.field, place(t.side))
	}
	return data.Text(field), nil
}

// ofStruct is the topic of a field, whose schema must be one of texts even where the value is
// null.
func (t *extractTopic) ofStruct(r *data.Record, schema *data.Schema, value any) (string, error) {
	if schema.Type() != data.StructType {
		return "", wrong(r, "%s schema type must be STRUCT if field name is specified",
			place(t.side))
	}
	if value == nil {
		return "", wrong(r, "%s can't be null if field name is specified", place(t.side))
	}
	i, ok := t.at.Get(schema)
	if !ok {
		i = schema.FieldIndex(t.field)
		t.at.Put(schema, i)
	}
	if i < 0 {
		return t.none(r, "%s in %s schema can't be missing", t.field, place(t.side))
	}
	if !becomesText(schema.Fields()[i].Schema.Type()) {
		return "", wrong(r, "%s schema type in %s must be %s", t.field, place(t.side), textTypes)
	}
	s, ok := value.(*data.Struct)
	if !ok {
		return "", notCast(value, "org.apache.kafka.connect.data.Struct")
	}
	field, ok := s.Get(t.field)
	if !ok {
		return "", wrong(r, "%s is not a valid field name", t.field)
	}
	if field == nil || field == "" {
		return t.none(r, "%s in %s can't be null or empty", t.field, place(t.side))
	}
	return data.Text(field), nil
}

// becomesText reports whether values of the type can be a topic.
func becomesText(t data.Type) bool { return t.Primitive() && t != data.Bytes }

// isText reports whether a value without a schema can be a topic.
func isText(value any) bool {
	switch value.(type) {
	case int8, int16, int32, int64, float32, float64, bool, string:
		return true
	}
	return false
}

// isBlank is Java's String.isBlank.
func isBlank(s string) bool {
	return strings.TrimFunc(s, func(r rune) bool {
		switch r {
		case '\u00A0', '\u2007', '\u202F', '\u0085':
			return false // spaces that don't break are none for Java
		case '\x1c', '\x1d', '\x1e', '\x1f':
			return true
		}
		return unicode.IsSpace(r)
	}) == ""
}
