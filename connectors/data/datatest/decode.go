package datatest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
)

// Object is a value of a Java class that Connect doesn't know; no Go code of ours accepts it.
type Object struct{ Class string }

// JavaClass names the class, for messages.
func (o Object) JavaClass() string { return o.Class }

// String stands for what the object would print.
func (o Object) String() string { return o.Class }

// Password is a value of a setting that is a secret.
type Password string

// Class is a value of a setting that names a class.
type Class string

// Schema is a schema in a case: json.Unmarshal reads it. The zero Schema is "no schema".
type Schema struct{ *data.Schema }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Schema) UnmarshalJSON(raw []byte) (err error) {
	s.Schema, err = DecodeSchema(raw)
	return err
}

// SchemaAndValue is a value with its schema in a case. Null is told by Null.
type SchemaAndValue struct {
	data.SchemaAndValue
	Null bool // the JSON was null, a null reference in Java
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *SchemaAndValue) UnmarshalJSON(raw []byte) error {
	if isNull(raw) {
		*s = SchemaAndValue{Null: true}
		return nil
	}
	var in struct{ Schema, Value json.RawMessage }
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	schema, err := DecodeSchema(in.Schema)
	if err != nil {
		return err
	}
	value, err := DecodeValue(in.Value, schema)
	*s = SchemaAndValue{SchemaAndValue: data.SchemaAndValue{Schema: schema, Value: value}}
	return err
}

// Value is a value in a case that has no schema beside it.
type Value struct{ V any }

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(raw []byte) (err error) {
	v.V, err = DecodeValue(raw, nil)
	return err
}

// Record is a record in a case. Null is set for the JSON null, a record that was dropped.
type Record struct {
	data.Record
	Null          bool
	Kind          string // source or sink
	Offset        int64
	TimestampType data.TimestampType
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Record) UnmarshalJSON(raw []byte) error {
	if isNull(raw) {
		*r = Record{Null: true}
		return nil
	}
	var in struct {
		Kind, TimestampType string
		Topic               *string
		Partition           *int32
		Timestamp           *int64
		Offset              int64
		Key, Value          SchemaAndValue
		Headers             []struct {
			Key string
			headerValue
		}
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*r = Record{Kind: in.Kind, Offset: in.Offset, TimestampType: data.NoTimestampType}
	switch in.TimestampType {
	case "CREATE_TIME":
		r.TimestampType = data.CreateTime
	case "LOG_APPEND_TIME":
		r.TimestampType = data.LogAppendTime
	}
	if in.Topic != nil {
		r.Topic = *in.Topic
	}
	if in.Partition != nil {
		r.Partition = data.PartitionOf(*in.Partition)
	}
	if in.Timestamp != nil {
		r.Timestamp = time.UnixMilli(*in.Timestamp).UTC()
	}
	r.KeySchema, r.Key = in.Key.Schema, in.Key.Value
	r.ValueSchema, r.Value = in.Value.Schema, in.Value.Value
	for _, h := range in.Headers {
		schema, value, err := h.decode()
		if err != nil {
			return fmt.Errorf("header %q: %w", h.Key, err)
		}
		r.Headers = append(r.Headers, data.Header{Key: h.Key, Schema: schema, Value: value})
	}
	return nil
}

type headerValue struct{ Schema, Value json.RawMessage }

func (h headerValue) decode() (*data.Schema, any, error) {
	schema, err := DecodeSchema(h.Schema)
	if err != nil {
		return nil, nil, err
	}
	value, err := DecodeValue(h.Value, schema)
	return schema, value, err
}

// Headers is a list of headers in a case.
type Headers struct{ data.Headers }

// UnmarshalJSON implements json.Unmarshaler.
func (h *Headers) UnmarshalJSON(raw []byte) error {
	var r Record
	if err := r.UnmarshalJSON(append(append([]byte(`{"headers":`), raw...), '}')); err != nil {
		return err
	}
	h.Headers = r.Headers
	return nil
}

func isNull(raw []byte) bool { return len(raw) == 0 || string(bytes.TrimSpace(raw)) == "null" }

// DecodeSchema reads the JSON form of a schema; null is nil.
func DecodeSchema(raw []byte) (*data.Schema, error) { return decodeSchema(raw, nil) }

// decodeSchema reads a schema within the STRUCTs being built, of which {"ref": n} is one.
func decodeSchema(raw []byte, around []*data.Builder) (*data.Schema, error) {
	if isNull(raw) {
		return nil, nil
	}
	var in struct {
		Ref        int
		Type       string
		Optional   bool
		Name, Doc  string
		Version    *int32
		Default    json.RawMessage
		Parameters [][2]string
		Fields     []struct {
			Name   string
			Schema json.RawMessage
		}
		KeySchema, ValueSchema json.RawMessage
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	if in.Ref > 0 {
		if in.Ref > len(around) {
			return nil, fmt.Errorf("ref %d within %d structs", in.Ref, len(around))
		}
		return around[len(around)-in.Ref].Within(in.Optional), nil
	}
	key, keyErr := decodeSchema(in.KeySchema, around)
	elem, elemErr := decodeSchema(in.ValueSchema, around)
	if err := errors.Join(keyErr, elemErr); err != nil {
		return nil, err
	}
	typ, ok := data.TypeByName(in.Type)
	if !ok {
		return nil, fmt.Errorf("unknown schema type %q", in.Type)
	}
	b := builder(typ, key, elem).Name(in.Name).Doc(in.Doc)
	if in.Optional {
		b.Optional()
	}
	if in.Version != nil {
		b.Version(*in.Version)
	}
	for _, p := range in.Parameters {
		b.Parameter(p[0], p[1])
	}
	for _, f := range in.Fields {
		schema, err := decodeSchema(f.Schema, append(around, b))
		if err != nil {
			return nil, err
		}
		b.Field(f.Name, schema)
	}
	return withDefault(b, in.Default)
}

func withDefault(b *data.Builder, raw json.RawMessage) (*data.Schema, error) {
	schema, err := b.Build()
	if err != nil || isNull(raw) {
		return schema, err
	}
	def, err := DecodeValue(raw, schema)
	if err != nil {
		return nil, fmt.Errorf("default: %w", err)
	}
	return b.Default(def).Build()
}

func builder(typ data.Type, key, elem *data.Schema) *data.Builder {
	switch {
	case typ == data.MapType:
		return data.PartialMapOf(key, elem)
	case typ == data.Array && elem != nil:
		return data.ArrayOf(elem)
	}
	return data.NewBuilder(typ)
}

// DecodeValue reads the JSON form of a value. The schema is the one at its place, for the
// structs in it; nil if there is none.
func DecodeValue(raw []byte, schema *data.Schema) (any, error) {
	if isNull(raw) {
		return nil, nil
	}
	var in struct {
		T      string
		V      json.RawMessage
		Scale  int32
		Schema json.RawMessage
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	switch in.T {
	case "array":
		return decodeArray(in.V, schema)
	case "map":
		return decodeMap(in.V, schema)
	case "struct":
		if in.Schema != nil {
			own, err := DecodeSchema(in.Schema)
			if err != nil {
				return nil, err
			}
			schema = own
		}
		return decodeStruct(in.V, schema)
	case "boolean":
		var b bool
		err := json.Unmarshal(in.V, &b)
		return b, err
	}
	var text string
	if err := json.Unmarshal(in.V, &text); err != nil {
		return nil, fmt.Errorf("value of type %q: %w", in.T, err)
	}
	return decodeText(in.T, text, in.Scale)
}

func decodeText(t, text string, scale int32) (any, error) {
	switch t {
	case "string":
		return text, nil
	case "bytes":
		b, err := base64.StdEncoding.DecodeString(text)
		if b == nil {
			b = []byte{}
		}
		return b, err
	case "decimal", "bigint":
		n, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return nil, fmt.Errorf("%s %q is no number", t, text)
		}
		if t == "bigint" {
			return n, nil
		}
		return data.Decimal{Unscaled: n, Scale: scale}, nil
	case "date":
		ms, err := strconv.ParseInt(text, 10, 64)
		return time.UnixMilli(ms).UTC(), err
	case "float32":
		f, err := strconv.ParseFloat(text, 32)
		return float32(f), err
	case "float64":
		return strconv.ParseFloat(text, 64)
	case "object":
		return Object{text}, nil
	case "password":
		return Password(text), nil
	case "class":
		return Class(text), nil
	}
	return decodeInt(t, text)
}

func decodeInt(t, text string) (any, error) {
	bits, ok := map[string]int{"int8": 8, "int16": 16, "int32": 32, "int64": 64}[t]
	if !ok {
		return nil, fmt.Errorf("unknown value type %q", t)
	}
	n, err := strconv.ParseInt(text, 10, bits)
	switch bits {
	case 8:
		return int8(n), err
	case 16:
		return int16(n), err
	case 32:
		return int32(n), err
	}
	return n, err
}

func decodeArray(raw json.RawMessage, schema *data.Schema) (any, error) {
	var in []json.RawMessage
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	var elem *data.Schema
	if schema != nil {
		elem = schema.ValueSchema()
	}
	out := make([]any, len(in))
	for i := range in {
		v, err := DecodeValue(in[i], elem)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

func decodeMap(raw json.RawMessage, schema *data.Schema) (any, error) {
	var in [][2]json.RawMessage
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	var key, elem *data.Schema
	if schema != nil {
		key, elem = schema.KeySchema(), schema.ValueSchema()
	}
	out := data.NewMap(len(in))
	for _, pair := range in {
		k, err := DecodeValue(pair[0], key)
		if err != nil {
			return nil, err
		}
		v, err := DecodeValue(pair[1], elem)
		if err != nil {
			return nil, err
		}
		out.Put(k, v)
	}
	return out, nil
}

func decodeStruct(raw json.RawMessage, schema *data.Schema) (any, error) {
	var in [][2]json.RawMessage
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, err
	}
	if schema == nil {
		return nil, errors.New("struct without a schema")
	}
	out := data.NewStruct(schema)
	for _, pair := range in {
		var name string
		if err := json.Unmarshal(pair[0], &name); err != nil {
			return nil, err
		}
		f, ok := schema.Field(name)
		if !ok {
			return nil, fmt.Errorf("struct field %q is not in %v", name, schema)
		}
		v, err := DecodeValue(pair[1], f.Schema)
		if err != nil {
			return nil, err
		}
		out.SetAt(f.Index, v)
	}
	return out, nil
}
