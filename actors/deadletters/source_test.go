package deadletters_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func newLetters(t *testing.T, context bool, maxRequest int) *deadletters.Maker {
	t.Helper()
	m, err := deadletters.NewMaker("dlq", context, state.TaskID{Connector: "c", Task: 3}, &codec{}, maxRequest)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func header(r *kafka.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == deadletters.HeaderPrefix+name {
			return string(h.Value)
		}
	}
	return "(none)"
}

// What a letter carries by the stage at which the record failed: what was converted, and JSON of the rest,
// of the record as far as it came.
func TestSourceLetterByStage(t *testing.T) {
	json := func(s string) string { return `{"schema":null,"payload":"` + s + `"}` }
	for _, tt := range []struct {
		stage                  pipeline.Stage
		topic, key, value      string
		keyFormat, valueFormat string
	}{
		{pipeline.Transformation, "t", json("k"), json("v"), "json", "json"},
		{pipeline.HeaderConverter, "t-2", json("k"), json("v!"), "json", "json"},
		{pipeline.KeyConverter, "t-2", json("k"), json("v!"), "json", "json"},
		{pipeline.ValueConverter, "t-2", "k", json("v!"), "converted", "json"},
	} {
		t.Run(string(tt.stage), func(t *testing.T) {
			l := newLetters(t, true, 1<<20)
			out := l.Letter(failsAt(t, tt.stage, errs.Data.New("bad")))
			if out.Topic != "dlq" || out.Partition != kafka.NoPartition || !out.Timestamp.Equal(time.UnixMilli(1234)) ||
				string(out.Key) != tt.key || string(out.Value) != tt.value || out.Headers[0].Key != "h" || string(out.Headers[0].Value) != "1" {
				t.Errorf("letter %s: %s %v", out.Key, out.Value, out.Headers)
			}
			for name, want := range map[string]string{
				"topic": tt.topic, "stage": string(tt.stage), "connector.name": "c", "task.id": "3", "exception.message": "bad",
				"exception.class.name": "org.apache.kafka.connect.errors.DataException", "source.partition": `{"file":"f"}`,
				"source.offset": `{"line":3}`, "source.key.format": tt.keyFormat, "source.value.format": tt.valueFormat, "source.value.size": "(none)",
			} {
				if got := header(out, name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if got := header(out, "exception.stacktrace"); !strings.HasPrefix(got, "org.apache.kafka.connect.errors.") || !strings.Contains(got, "bad") {
				t.Errorf("stack %q", got)
			}
		})
	}
}

// trap is an offset that panics.
type trap struct{}

func (trap) OffsetMap() map[string]any { panic(errors.New("trap")) }

type oddity struct{ n int }

func (o oddity) String() string { return fmt.Sprint("odd ", o.n) }

// Whatever a record holds, there is a letter.
func TestSourceLetterOfAnything(t *testing.T) {
	schema := data.StructOf("a", data.StringSchema)
	for _, tt := range []struct {
		name   string
		change func(*data.SourceRecord)
		value  string
		format string
	}{
		{
			"with schema", func(r *data.SourceRecord) { r.ValueSchema, r.Value = schema, data.NewStruct(schema).With("a", "b") },
			`{"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"a"}],"optional":false},"payload":{"a":"b"}}`, "json",
		},
		{"null", func(r *data.SourceRecord) { r.Value = nil }, "", "(none)"},
		{"not of its schema", func(r *data.SourceRecord) { r.ValueSchema, r.Value = data.Int32Schema, "text" }, `{"schema":null,"payload":"text"}`, "json"},
		{"no Connect data", func(r *data.SourceRecord) { r.Value = oddity{7} }, "odd 7", "text"},
		{"offset panics", func(r *data.SourceRecord) { r.SourceOffset = trap{} }, `{"schema":null,"payload":"v"}`, "json"},
		{"nothing at all", func(r *data.SourceRecord) { *r = data.SourceRecord{} }, "", "(none)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLetters(t, true, 1<<20)
			rec := sourceRecord()
			tt.change(rec)
			out := l.Letter(pipeline.Problem{
				Stage: pipeline.Transformation, Class: "c", Err: errors.New("bad"), Where: pipeline.WhereSource(rec)(), Unsent: &pipeline.Unsent{Polled: rec, Out: &kafka.Record{}},
			})
			if string(out.Value) != tt.value || header(out, "source.value.format") != tt.format || (tt.value == "") != (out.Value == nil) {
				t.Errorf("value %s, %s", out.Value, header(out, "source.value.format"))
			}
		})
	}
}

// A letter never is larger than what the producer takes, whatever made it large.
func TestSourceLetterIsCut(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	for _, tt := range []struct {
		name string
		max  int
		err  error
	}{
		{"small producer", 20_000, errs.Data.New("bad")},
		{"long message", 20_000, errs.Data.New("bad: %s", big)},
		{"refused by the broker", 1 << 20, &kafka.Error{Class: kafka.TooLarge, Java: "org.apache.kafka.common.errors.RecordTooLargeException", Err: errors.New("too large")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLetters(t, false, tt.max)
			rec := sourceRecord()
			out := l.Letter(pipeline.Problem{
				Stage: pipeline.KafkaProduce, Err: tt.err,
				Unsent: &pipeline.Unsent{Polled: rec, Out: &kafka.Record{
					Key: []byte("k" + big), Value: []byte("v" + big), Headers: []kafka.RecordHeader{{Key: "h", Value: []byte(big)}},
				}},
			})
			size := len(out.Key) + len(out.Value)
			for _, h := range out.Headers {
				size += len(h.Key) + len(h.Value)
			}
			if size > tt.max || len(out.Key) < 1000 || len(out.Key) > deadletters.CutTo || out.Key[0] != 'k' || out.Value[0] != 'v' {
				t.Errorf("%d bytes, key %d, value %d", size, len(out.Key), len(out.Value))
			}
			for name, want := range map[string]string{
				"source.key.size": "100001", "source.value.size": "100001", "source.headers.size": "100001", "source.offset": `{"line":3}`, "topic": "t",
			} {
				if got := header(out, name); got != want { // also though context headers are off
					t.Errorf("%s: %q", name, got)
				}
			}
		})
	}
}

// A letter that fits is whole. Context headers count only where they are written: without them the record has
// all the room there is.
func TestSourceLetterIsWholeWhileItFits(t *testing.T) {
	for _, tt := range []struct {
		name    string
		context bool
		over    int // bytes of the value beyond Room
		cut     bool
	}{
		{"fills the room without context headers", false, 0, false},
		{"one byte too many", false, 1, true},
		{"leaves no room for context headers", true, 0, true},
		{"leaves room for context headers", true, -2000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const largest = 100_000
			value := strings.Repeat("v", deadletters.Room(largest)+tt.over)
			out := newLetters(t, tt.context, largest).Letter(pipeline.Problem{
				Stage: pipeline.KafkaProduce, Err: errs.Data.New("bad"),
				Unsent: &pipeline.Unsent{Polled: sourceRecord(), Out: &kafka.Record{Value: []byte(value)}},
			})
			if cut := len(out.Value) < len(value); cut != tt.cut || cut != (header(out, "source.value.size") != "(none)") {
				t.Errorf("%d of %d bytes, headers %v", len(out.Value), len(value), out.Headers)
			}
			if there := header(out, "stage") != "(none)"; there != (tt.context || tt.cut) {
				t.Errorf("context headers: %v", there)
			}
		})
	}
}
