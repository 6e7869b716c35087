package debezium

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	nullFieldsKey     = "fields.null.include"
	messageSchemaName = "io.debezium.connector.postgresql.MessageValue"
	messageField      = "message"
	contentField      = "content"
)

func decodeMessageConfig() *config.Def {
	return def("", key(nullFieldsKey, "Keep null fields", config.Boolean, config.WidthMedium,
		config.Medium, false,
		"Whether fields that are null in the JSON are fields of type BYTES instead of being left out."))
}

// decodeMessage makes change events of messages that were written to PostgreSQL's log with
// pg_logical_emit_message and are JSON, so that eventRouter can take them.
// The schema of messages is told by its exact name, so that heartbeats and change events pass. The
// result is an envelope without `before` whose `after` is the content; the key, which holds the
// message's prefix, is dropped since an outbox has a key of its own. One task calls it, from one
// goroutine.
type decodeMessage struct {
	kit.Base
	json jsonPayload
	// by the message's, then by the content's
	schemas smt.SchemaCache[*smt.SchemaCache[*messageSchema]]
}

// messageSchema is the schema of the event and where its fields come from.
type messageSchema struct {
	schema *data.Schema
	err    error
}

// Configure never fails: Java reads the one setting without checking it, and so a value that is
// neither true nor false counts as false.
func (t *decodeMessage) Configure(props map[string]string) error {
	t.json.keepNull = settings(props).bool(nullFieldsKey, false)
	return nil
}

// Apply fails with errs.IllegalState for a value without schema, tombstones among them, where Java
// has a NullPointerException: without a schema a message can't be told from anything else.
func (t *decodeMessage) Apply(r *data.Record) (*data.Record, error) {
	if r.ValueSchema == nil {
		return nil, errs.IllegalState.New("a value without a schema can't be told to be a message or not")
	}
	if r.ValueSchema.Name() != messageSchemaName {
		return r, nil
	}
	s, err := kit.Struct(r.Value, "Retrieve a record value")
	if err != nil {
		return nil, err
	}
	content, err := t.content(s)
	if err != nil {
		return nil, err
	}
	// As in Java the message is left out first, which fails where another field can't be null.
	kept, _, err := exclude(r.ValueSchema, s, []string{messageField})
	if err != nil {
		return nil, err
	}
	schema, err := t.schema(kept, content.Schema())
	if err != nil {
		return nil, err
	}
	out, err := eventOf(schema, s, content)
	if err != nil {
		return nil, err
	}
	r.KeySchema, r.Key = nil, nil
	r.ValueSchema, r.Value = schema, out
	return r, nil
}

// content is what the message says, which must be a JSON object.
// Only an object becomes a struct; for an array the schema is that of a list, which jsonStruct
// refuses. The bytes are read as UTF-8 with replacement characters, as Java's String does it.
func (t *decodeMessage) content(s *data.Struct) (*data.Struct, error) {
	v, err := named(s, messageField)
	if err != nil {
		return nil, err
	}
	message, err := kit.Struct(v, "Retrieve content of a logical decoding message")
	if err != nil {
		return nil, err
	}
	f, ok := message.Schema().Field(contentField)
	if !ok {
		return nil, errs.IllegalState.New("the message has no %s", contentField)
	}
	if f.Schema.Type() != data.Bytes {
		return nil, errs.IllegalArgument.New("The content of a logical decoding message is non-binary")
	}
	raw, ok := message.At(f.Index).([]byte)
	if !ok {
		return nil, errs.IllegalState.New("the message has no %s", contentField)
	}
	text := java.Text(raw)
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return nil, errs.IllegalArgument.New("Unable to parse logical decoding message content JSON string '%s'", text)
	}
	doc, err := parseJSONPayload(text)
	if err != nil {
		return nil, errs.IllegalArgument.Wrap(err, "the content of the message is no JSON")
	}
	schema, err := t.json.schema("", doc)
	if err != nil {
		return nil, err
	}
	return jsonStruct(doc, schema)
}

// schema is that of the event made of a message with this content.
// The cache has two levels because each message may bring JSON of another shape: by the kept
// schema, which a topic has few of, then by that of the content.
func (t *decodeMessage) schema(kept, content *data.Schema) (*data.Schema, error) {
	byContent, ok := t.schemas.Get(kept)
	if !ok {
		byContent = &smt.SchemaCache[*messageSchema]{}
		t.schemas.Put(kept, byContent)
	}
	made, ok := byContent.Get(content)
	if !ok {
		made = &messageSchema{}
		b := copyFields(data.NewBuilder(data.StructType).Name(kept.Name()+envelopeSuffix), kept)
		made.schema, made.err = b.Field(afterField, content).Build()
		byContent.Put(content, made)
	}
	return made.schema, made.err
}

// eventOf is the event: the fields of the message in their places, which Java takes by number.
func eventOf(schema *data.Schema, s, content *data.Struct) (*data.Struct, error) {
	out := data.NewStruct(schema)
	for i, f := range schema.Fields() {
		var v any
		switch f.Name {
		case afterField:
			v = content
		case opField:
			v = opCreate
		default:
			if v = s.At(i); v == nil {
				v = f.Schema.Default()
			}
		}
		if err := kit.Set(out, i, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}
