package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/codecs"
	codecjson "github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/connectors/data"
)

// Sample is one record to run. Its topic, partition and so on are those of raw; its key, value and
// headers are raw's bytes if decoded is false, which converters then read, else those beside it.
type Sample struct {
	// Line is the line of the input it is from, from 1; 0 for a record of a topic.
	Line int
	// File is the input's name, "" for standard input.
	File string
	// Err is why the line could not be read; there is no record then.
	Err error

	raw        kafka.Record
	decoded    bool
	partition  bool // whether it has a partition; one that goes to a sink always has
	key, value data.SchemaAndValue
	headers    []data.SchemaAndValue // of raw.Headers, in order
}

// unread reports whether the sample is bytes that converters are to read.
func (s *Sample) unread() bool { return s.Err == nil && !s.decoded }

// Form is how lines are read.
type Form string

// The forms of a line.
const (
	Auto      Form = "auto"      // an envelope if it looks like one, else plain
	Plain     Form = "plain"     // the value
	Envelope  Form = "envelope"  // an object with topic, key, value, headers and so on
	Converter Form = "converter" // the bytes that the connector's converters read
)

// Forms are all of them.
func Forms() []Form { return []Form{Auto, Plain, Envelope, Converter} }

// Defaults are what records get that don't say otherwise.
type Defaults struct {
	Topic string
	// Timestamp is that of records without one; the zero time leaves them without.
	Timestamp time.Time
	// KeySeparator ends the key in a line that isn't an envelope; "" for lines without a key.
	KeySeparator string
}

// decoder makes samples of lines.
type decoder struct {
	form        Form
	defaults    Defaults
	plain       codecs.Converter // JSON without schemas
	withSchemas codecs.Converter // {"schema":…,"payload":…}
	next        int64            // offset of the next record that has none
}

func newDecoder(form Form, defaults Defaults) (*decoder, error) {
	if !slices.Contains(Forms(), form) {
		return nil, fmt.Errorf("form of input %q: it must be one of %v", form, Forms())
	}
	d := &decoder{form: form, defaults: defaults, plain: codecjson.Plugin().New(), withSchemas: codecjson.Plugin().New()}
	if err := d.plain.Configure(map[string]string{"schemas.enable": "false"}, false); err != nil {
		return nil, err
	}
	return d, d.withSchemas.Configure(map[string]string{"schemas.enable": "true"}, false)
}

// decode makes a sample of a line; what is wrong with it is in the sample's Err.
func (d *decoder) decode(line []byte) Sample {
	s := Sample{decoded: d.form != Converter}
	s.raw = kafka.Record{Topic: d.defaults.Topic, Timestamp: d.defaults.Timestamp, Offset: d.next}
	d.next++
	if d.form == Envelope || d.form == Auto && bytes.HasPrefix(bytes.TrimSpace(line), []byte("{")) {
		members, isEnvelope, err := envelopeOf(line)
		switch {
		case err != nil && d.form == Envelope:
			s.Err = fmt.Errorf("not an envelope: %w", err)
			return s
		case err == nil && (isEnvelope || d.form == Envelope):
			s.Err = d.envelope(&s, members)
			return s
		}
	}
	s.Err = d.bare(&s, line)
	return s
}

// bare reads a line that is a value, or key and value.
func (d *decoder) bare(s *Sample, line []byte) (err error) {
	var key []byte
	value := line
	if sep := d.defaults.KeySeparator; sep != "" {
		before, after, ok := bytes.Cut(line, []byte(sep))
		if !ok {
			return fmt.Errorf("there is no key: the separator %q isn't in the line", sep)
		}
		key, value = before, after
	}
	if d.form == Converter {
		s.raw.Key, s.raw.Value = key, value
		return nil
	}
	if key != nil {
		if s.key, err = d.loose(key); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	if s.value, err = d.loose(value); err != nil {
		return fmt.Errorf("value: %w", err)
	}
	return nil
}

// loose reads JSON, or a text that doesn't look like JSON.
func (d *decoder) loose(text []byte) (data.SchemaAndValue, error) {
	trimmed := bytes.TrimSpace(text)
	if len(trimmed) == 0 || !bytes.ContainsRune([]byte(`{["`), rune(trimmed[0])) && !json.Valid(trimmed) {
		if !utf8.Valid(text) {
			return data.SchemaAndValue{}, fmt.Errorf("neither JSON nor UTF-8 text; --input converter reads bytes as the connector does")
		}
		return data.SchemaAndValue{Value: string(text)}, nil
	}
	return d.json(trimmed)
}

// json reads one JSON value; an object of schema and payload only is a value with its schema, as
// JsonConverter writes it.
func (d *decoder) json(text []byte) (data.SchemaAndValue, error) {
	if err := checkJSON(text); err != nil {
		return data.SchemaAndValue{}, err
	}
	if bytes.HasPrefix(text, []byte("{")) && bytes.Contains(text, []byte(`"payload"`)) {
		var members map[string]json.RawMessage
		if json.Unmarshal(text, &members) == nil && len(members) == 2 && members["schema"] != nil && members["payload"] != nil {
			return d.withSchemas.ToConnect("", text)
		}
	}
	return d.plain.ToConnect("", text)
}

// checkJSON says where a text stops being JSON.
func checkJSON(text []byte) error {
	if json.Valid(text) {
		return nil
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&v); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return fmt.Errorf("not JSON: there is more after the value, from byte %d on", dec.InputOffset())
}

// envelopeOf takes a line apart. It is an envelope if it has a key or a value and nothing but an
// envelope's members.
func envelopeOf(line []byte) (members map[string]json.RawMessage, ok bool, err error) {
	if err := checkJSON(bytes.TrimSpace(line)); err != nil {
		return nil, false, err
	}
	if err := json.Unmarshal(line, &members); err != nil {
		return nil, false, err
	}
	_, key := members["key"]
	_, value := members["value"]
	ok = key || value
	for name := range members {
		ok = ok && slices.Contains(envelopeMembers, name)
	}
	return members, ok, nil
}

var envelopeMembers = []string{"topic", "partition", "offset", "timestamp", "headers", "key", "value"}

// envelope fills the sample from an envelope's members.
func (d *decoder) envelope(s *Sample, members map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		raw := members[name]
		var err error
		null := string(raw) == "null"
		switch {
		case name == "key":
			s.key, err = d.json(raw)
		case name == "value":
			s.value, err = d.json(raw)
		case !slices.Contains(envelopeMembers, name):
			return fmt.Errorf("envelope: %q is not a member of one; those are %s", name, strings.Join(envelopeMembers, ", "))
		case null:
		case name == "topic":
			err = member(raw, &s.raw.Topic, "a text")
		case name == "partition":
			s.partition = true
			if err = member(raw, &s.raw.Partition, wholeNumber); err == nil && s.raw.Partition < 0 {
				err = fmt.Errorf("%d: it must not be negative", s.raw.Partition)
			}
		case name == "offset":
			err = member(raw, &s.raw.Offset, wholeNumber)
			d.next = s.raw.Offset + 1
		case name == "timestamp":
			s.raw.Timestamp, err = timestampOf(raw)
		case name == "headers":
			err = d.headers(s, raw)
		}
		if err != nil {
			return fmt.Errorf("envelope: %s: %w", name, err)
		}
	}
	return nil
}

const wholeNumber = "a whole number"

// member reads one member into a variable of a type that what names.
func member(raw json.RawMessage, into any, what string) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: it must be %s", raw, what)
	}
	return nil
}

// timestampOf reads milliseconds since the epoch, or a text that ParseTime knows.
func timestampOf(raw json.RawMessage) (time.Time, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return ParseTime(text)
	}
	return ParseTime(string(raw))
}

// ParseTime reads milliseconds since the epoch, or RFC 3339 as in 2024-05-01T12:00:00Z.
func ParseTime(text string) (time.Time, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(ms), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a number of milliseconds since 1970 nor a time like 2024-05-01T12:00:00Z", text)
	}
	return t.Truncate(time.Millisecond), nil
}

const headerForms = `an object {"name": value} or a list of {"key": …, "value": …}`

// headers reads an object, or a list of objects with key and value.
func (d *decoder) headers(s *Sample, raw json.RawMessage) error {
	if bytes.HasPrefix(raw, []byte("[")) {
		var list []map[string]json.RawMessage
		if err := member(raw, &list, headerForms); err != nil {
			return err
		}
		for i, h := range list {
			for name := range h {
				if name != "key" && name != "value" {
					return fmt.Errorf("number %d has a member %q, it must be %s", i+1, name, headerForms)
				}
			}
			var key *string
			if err := json.Unmarshal(h["key"], &key); err != nil || key == nil {
				return fmt.Errorf("number %d has no key that is a text", i+1)
			}
			if err := d.header(s, *key, h["value"]); err != nil {
				return err
			}
		}
		return nil
	}
	return eachMember(raw, func(key string, value json.RawMessage) error { return d.header(s, key, value) })
}

func (d *decoder) header(s *Sample, key string, raw json.RawMessage) error {
	var sv data.SchemaAndValue
	if len(raw) > 0 {
		var err error
		if sv, err = d.json(raw); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if sv.Schema == nil && sv.Value != nil {
		// Headers have schemas, as SimpleHeaderConverter gives them; a list or object of mixed
		// values has none.
		if schema, err := data.InferSchema(sv.Value); err == nil {
			sv.Schema = schema
		}
	}
	s.raw.Headers = append(s.raw.Headers, kafka.RecordHeader{Key: key})
	s.headers = append(s.headers, sv)
	return nil
}

// eachMember goes through a JSON object in its order.
func eachMember(raw json.RawMessage, f func(name string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("%s: it must be %s", raw, headerForms)
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if err := f(name, value); err != nil {
			return err
		}
	}
	return nil
}
