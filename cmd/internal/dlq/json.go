package dlq

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// The JSON forms of a letter. Names and order are stable; members may be added.
type jsonLetter struct {
	Topic     string       `json:"topic"`
	Partition int32        `json:"partition"`
	Offset    int64        `json:"offset"`
	Timestamp *int64       `json:"timestamp"`
	Error     *jsonContext `json:"error"`
	Key       *Bytes       `json:"key"`
	Value     *Bytes       `json:"value"`
	Headers   []jsonHeader `json:"headers"`
	// Decoded is key and value as text, where a registry knows their schemas.
	Decoded json.RawMessage `json:"decoded,omitempty"`
}

type jsonContext struct {
	Topic     string      `json:"topic,omitempty"`
	Partition *int32      `json:"partition,omitempty"`
	Offset    *int64      `json:"offset,omitempty"`
	Connector string      `json:"connector,omitempty"`
	Task      *int        `json:"task,omitempty"`
	Stage     string      `json:"stage,omitempty"`
	Class     string      `json:"class,omitempty"`
	Exception string      `json:"exception,omitempty"`
	Message   string      `json:"message,omitempty"`
	Stack     string      `json:"stack,omitempty"`
	Other     []jsonOther `json:"other,omitempty"`
}

type jsonOther struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type jsonHeader struct {
	Key   string `json:"key"`
	Value *Bytes `json:"value"`
}

// Bytes are a key, value or header: {"text": …} where they are UTF-8, else {"base64": …}; null where there
// are none. Read, they may also be {"json": …}, which stands for that value as compact text, or a plain
// string.
type Bytes []byte

// bytesOf tells no bytes from an empty text.
func bytesOf(raw []byte) *Bytes {
	if raw == nil {
		return nil
	}
	return (*Bytes)(&raw)
}

func (b *Bytes) raw() []byte {
	if b == nil {
		return nil
	}
	return *b
}

// MarshalJSON writes text or base64.
func (b *Bytes) MarshalJSON() ([]byte, error) {
	form := struct {
		Text   *string `json:"text,omitempty"`
		Base64 *string `json:"base64,omitempty"`
	}{}
	if text := string(*b); utf8.Valid(*b) {
		form.Text = &text
	} else {
		text = base64.StdEncoding.EncodeToString(*b)
		form.Base64 = &text
	}
	return marshal(form)
}

// UnmarshalJSON reads any of the forms.
func (b *Bytes) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*b = []byte(text)
		return nil
	}
	var form struct {
		Text   *string         `json:"text"`
		Base64 *string         `json:"base64"`
		JSON   json.RawMessage `json:"json"`
	}
	if err := strict(raw, &form); err != nil {
		return fmt.Errorf(`bytes must be a string or one of {"text": …}, {"base64": …} and {"json": …}: %w`, err)
	}
	given := 0
	for _, is := range []bool{form.Text != nil, form.Base64 != nil, form.JSON != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return fmt.Errorf("bytes must have one of text, base64 and json, there are %d", given)
	}
	switch {
	case form.Text != nil:
		*b = []byte(*form.Text)
	case form.Base64 != nil:
		decoded, err := base64.StdEncoding.DecodeString(*form.Base64)
		if err != nil {
			return fmt.Errorf("base64: %w", err)
		}
		*b = decoded
	default:
		var compact bytes.Buffer
		if err := json.Compact(&compact, form.JSON); err != nil {
			return err
		}
		*b = compact.Bytes()
	}
	return nil
}

// strict decodes one value without unknown members and nothing behind it.
func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something behind the value")
	}
	return nil
}

// marshal leaves < and > as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func headersOf(headers []kafka.RecordHeader) []jsonHeader {
	out := make([]jsonHeader, len(headers))
	for i, h := range headers {
		out[i] = jsonHeader{h.Key, bytesOf(h.Value)}
	}
	return out
}

func millisOf(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

func contextOf(c *Context) *jsonContext {
	if c == nil {
		return nil
	}
	out := &jsonContext{
		Topic: c.Topic, Connector: c.Connector, Stage: c.Stage, Class: c.Class,
		Exception: c.Exception, Message: c.Message, Stack: c.Stack,
	}
	if c.Partition >= 0 {
		out.Partition = &c.Partition
	}
	if c.Offset >= 0 {
		out.Offset = &c.Offset
	}
	if c.Task >= 0 {
		out.Task = &c.Task
	}
	for _, o := range c.Other {
		out.Other = append(out.Other, jsonOther(o))
	}
	return out
}

// JSON is the letter as an object on one line, without line end.
func (l *Letter) JSON() ([]byte, error) {
	r := l.Record
	return marshal(jsonLetter{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: millisOf(l.Time()),
		Error: contextOf(l.Context), Key: bytesOf(r.Key), Value: bytesOf(r.Value), Headers: headersOf(l.Headers), Decoded: l.decodedJSON(),
	})
}
