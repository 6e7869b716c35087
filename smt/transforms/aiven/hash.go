package aiven

import (
	"crypto/md5"  //nolint:gosec // what users of the transform ask for
	"crypto/sha1" //nolint:gosec // what users of the transform ask for
	"crypto/sha256"
	"encoding/hex"
	gohash "hash"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const functionKey = "function"

func hashConfig() *config.Def {
	return config.NewDef(
		optional(fieldNameKey, config.String, config.High, nil,
			"Name of the field whose text is replaced; the whole key or value is without it."),
		optional(skipMissingKey, config.Boolean, config.Low, false,
			"Whether a record without the field, or with null in it, is left as it is instead of failing."),
		required(functionKey, config.String, config.High,
			config.ValidString("md5", "sha1", "sha256"), "The hash function: md5, sha1 or sha256."),
	)
}

// hash replaces a text by its hash in hexadecimal.
// It hides what a value is from readers without hiding that two are the same; short values can be
// guessed. It keeps its buffers from record to record, and so is for one goroutine, like all
// transforms.
type hash struct {
	kit.Base
	side  smt.Side
	field string
	skip  bool
	fn    gohash.Hash
	in    []byte
	sum   []byte
	text  [2 * sha256.Size]byte
	at    smt.SchemaCache[int]
}

// Configure refuses other functions by the setting's name.
func (t *hash) Configure(props map[string]string) error {
	v, err := hashConfig().Parse(props)
	if err != nil {
		return err
	}
	t.field, t.skip = v.String(fieldNameKey), v.Bool(skipMissingKey)
	switch v.String(functionKey) {
	case "md5":
		t.fn = md5.New() //nolint:gosec // what users of the transform ask for
	case "sha1":
		t.fn = sha1.New() //nolint:gosec // what users of the transform ask for
	default:
		t.fn = sha256.New()
	}
	return nil
}

// of is the hash of UTF-8 text, in lower case.
func (t *hash) of(text string) string {
	t.fn.Reset()
	t.in = append(t.in[:0], text...)
	t.fn.Write(t.in)
	t.sum = t.fn.Sum(t.sum[:0])
	return string(t.text[:hex.Encode(t.text[:], t.sum)])
}

// Apply needs a schema, also for a whole key or value.
func (t *hash) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	if schema == nil {
		return nil, wrong(r, "%s schema can't be null", place(t.side))
	}
	var out any
	var err error
	if t.field == "" {
		out, err = t.whole(r, schema, value)
	} else {
		out, err = t.inStruct(r, schema, value)
	}
	if err != nil {
		return nil, err
	}
	t.side.Set(r, schema, out)
	return r, nil
}

// whole hashes the key or value; null stays null with skip.missing.or.null.
func (t *hash) whole(r *data.Record, schema *data.Schema, value any) (any, error) {
	switch {
	case schema.Type() != data.String:
		return nil, wrong(r, "%s schema type must be STRING if field name is not specified",
			place(t.side))
	case value != nil:
		return t.of(data.Text(value)), nil
	case t.skip:
		return nil, nil
	}
	return nil, wrong(r, "%s can't be null", place(t.side))
}

// inStruct hashes a field in a copy of the struct.
func (t *hash) inStruct(r *data.Record, schema *data.Schema, value any) (any, error) {
	if schema.Type() != data.StructType {
		return nil, wrong(r, "%s schema type must be STRUCT if field name is specified",
			place(t.side))
	}
	if value == nil {
		return nil, wrong(r, "%s can't be null if field name is specified", place(t.side))
	}
	i, ok := t.at.Get(schema)
	if !ok {
		i = schema.FieldIndex(t.field)
		t.at.Put(schema, i)
	}
	if i < 0 {
		if t.skip {
			return value, nil
		}
		return nil, wrong(r, "%s in %s schema can't be missing", t.field, place(t.side))
	}
	if schema.Fields()[i].Schema.Type() != data.String {
		return nil, wrong(r, "%s schema type in %s must be STRING", t.field, place(t.side))
	}
	in, ok := value.(*data.Struct)
	if !ok {
		return nil, notCast(value, "org.apache.kafka.connect.data.Struct")
	}
	v, err := in.GetTyped(t.field, data.String)
	if err != nil {
		return nil, err
	}
	text, ok := v.(string)
	if !ok {
		if t.skip {
			return value, nil
		}
		return nil, wrong(r, "%s in %s can't be null", t.field, place(t.side))
	}
	if in.Schema() != schema && !data.SchemaEqual(in.Schema(), schema) {
		return nil, errs.Data.New("Struct schemas do not match.")
	}
	out := data.NewStruct(in.Schema())
	out.Fill(in)
	out.SetAt(i, t.of(text))
	return out, nil
}
