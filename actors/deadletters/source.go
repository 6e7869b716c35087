package deadletters

import (
	"fmt"
	"slices"
	"sync"

	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/json"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Maker makes dead letters of source records that don't get to Kafka. Kafka Connect has none.
//
// A letter carries the record as far as it came. Key and value are the bytes that their converter made,
// where it was done before the failure; else the data in JSON, with its schema, as JsonConverter writes
// it: of the record behind the transforms if they were done, else as the task polled it. What JSON can't
// hold is text. Headers are those of the header converter, each that fails in JSON. The timestamp is the
// record's.
//
// A letter that is larger than Max, and one of a record that was too large for Kafka, is cut: no more
// than the first CutTo bytes of key and value each, and headers only if they are no larger together. Such
// a letter is good for finding the record in its source, not for sending it again.
//
// With Context it has these headers, all with HeaderPrefix: topic (where the record was to go), then
// connector.name to exception.stacktrace as a sink's letter, then source.partition and source.offset
// (JSON, absent if the record has none), source.key.format and source.value.format (converted, json or
// text, absent for null), and, if it was cut, source.key.size, source.value.size and source.headers.size,
// in bytes, before the cut. A cut letter has them without Context too: little else is left of it.
type Maker struct {
	Topic   string
	Context bool
	Task    state.TaskID
	Header  codecs.HeaderConverter // the connector's
	// Max is how many bytes key, value and headers of a letter may have together.
	Max int

	mu   sync.Mutex // converters are for one goroutine at a time
	json codecs.Converter
}

// NewMaker makes the maker of letters of one task.
func NewMaker(topic string, context bool, task state.TaskID, header codecs.HeaderConverter, maxRequest int) (*Maker, error) {
	l := &Maker{Topic: topic, Context: context, Task: task, Header: header, json: json.Plugin().New(), Max: Room(maxRequest)}
	if err := l.json.Configure(map[string]string{"schemas.enable": "true"}, false); err != nil {
		return nil, errs.Connect.Wrap(err, "JSON for dead letters")
	}
	return l, nil
}

// part is a key or value of a letter.
type part struct {
	bytes  []byte
	format string // "" for null
}

// Letter makes the letter of a problem with an Unsent record. It may be called from any goroutine.
func (l *Maker) Letter(p pipeline.Problem) *kafka.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := p.Unsent
	r := u.Now
	if r == nil {
		r = &u.Polled.Record
	}
	out := &kafka.Record{Topic: l.Topic, Partition: kafka.NoPartition}
	if ts := r.Timestamp; !ts.IsZero() && ts.UnixMilli() >= 0 {
		out.Timestamp = ts
	}
	key, value := part{}, part{}
	switch p.Stage {
	case pipeline.KafkaProduce:
		key, value, out.Headers = converted(u.Out.Key), converted(u.Out.Value), slices.Clip(u.Out.Headers)
	case pipeline.ValueConverter:
		key, value, out.Headers = converted(u.Out.Key), l.render(r.ValueSchema, r.Value), slices.Clip(u.Out.Headers)
	case pipeline.KeyConverter:
		key, value, out.Headers = l.render(r.KeySchema, r.Key), l.render(r.ValueSchema, r.Value), slices.Clip(u.Out.Headers)
	default:
		key, value, out.Headers = l.render(r.KeySchema, r.Key), l.render(r.ValueSchema, r.Value), l.headers(r)
	}
	out.Key, out.Value = key.bytes, value.bytes
	context := l.context(p, r.Topic, key, value)
	whole := size(out)
	if l.Context { // what isn't written takes no room
		whole += bytesOf(context)
	}
	if kafka.Classify(p.Err) == kafka.TooLarge || whole > l.Max {
		limit := cutTo(l.Max)
		context = append(cutHeaders(context, limit), cut(out, "source.", limit)...)
		out.Headers = append(out.Headers, context...)
	} else if l.Context {
		out.Headers = append(out.Headers, context...)
	}
	return out
}

func (l *Maker) context(p pipeline.Problem, topic string, key, value part) []kafka.RecordHeader {
	out := append([]kafka.RecordHeader{contextHeader("topic", topic)}, reasons(l.Task, p)...)
	rec := p.Unsent.Polled
	if rec.SourcePartition != nil {
		out = append(out, contextHeader("source.partition", jsonOf(func() map[string]any { return rec.SourcePartition })))
	}
	if rec.SourceOffset != nil {
		out = append(out, contextHeader("source.offset", jsonOf(rec.SourceOffset.OffsetMap)))
	}
	if key.format != "" {
		out = append(out, contextHeader("source.key.format", key.format))
	}
	if value.format != "" {
		out = append(out, contextHeader("source.value.format", value.format))
	}
	return out
}

// jsonOf is a source partition or offset as the offsets topic has it. The map may be made by the
// connector's code.
func jsonOf(get func() map[string]any) string {
	var out string
	err := host.Catch(func() error {
		m := get()
		b, err := storage.EncodeOffset(m)
		if err != nil {
			out = fmt.Sprint(m)
			return nil //nolint:nilerr // text is the better answer
		}
		out = string(b)
		return nil
	})
	if err != nil {
		return "?"
	}
	return out
}

func converted(b []byte) part {
	if b == nil {
		return part{}
	}
	return part{b, "converted"}
}

// render is data in JSON: with its schema, without if it doesn't fit it, and as text if there is no
// JSON for it.
func (l *Maker) render(schema *data.Schema, v any) part {
	if v == nil {
		return part{}
	}
	for _, s := range []*data.Schema{schema, nil} {
		var b []byte
		err := host.Catch(func() (err error) {
			b, err = l.json.FromConnect(l.Topic, s, v)
			return err
		})
		if err == nil {
			return part{slices.Clone(b), "json"}
		}
	}
	out := part{format: "text"}
	if host.Catch(func() error { out.bytes = fmt.Append(nil, v); return nil }) != nil {
		out.bytes = fmt.Appendf(nil, "%T", v)
	}
	return out
}

func (l *Maker) headers(r *data.Record) []kafka.RecordHeader {
	var out []kafka.RecordHeader
	for _, h := range r.Headers {
		var b []byte
		if host.Catch(func() (err error) {
			b, err = l.Header.FromConnectHeader(r.Topic, h.Key, h.Schema, h.Value)
			return err
		}) != nil {
			b = l.render(h.Schema, h.Value).bytes
		}
		out = append(out, kafka.RecordHeader{Key: h.Key, Value: b})
	}
	return out
}
