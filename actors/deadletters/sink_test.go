package deadletters_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// What a sink's letter carries: the consumed record as it was, with the headers that say why if they are asked
// for, and cut to what the producer takes.
func TestSinkLetter(t *testing.T) {
	const largest = 50_000
	fits := deadletters.Room(largest)
	for _, tt := range []struct {
		name    string
		context bool
		value   string
		err     error
		cut     bool
		message string // "(null)" for none
	}{
		{"with context", true, "v", errs.Data.New("bad"), false, "bad"},
		{"without", false, "v", errs.Data.New("bad"), false, "(none)"},
		{"no message", true, "v", errors.New(""), false, "(null)"},
		{"fills the room without context", false, strings.Repeat("v", fits-3), errs.Data.New("bad"), false, "(none)"},
		{"one byte too many", false, strings.Repeat("v", fits-2), errs.Data.New("bad"), true, "bad"},
		{"no room for context", true, strings.Repeat("v", fits-3), errs.Data.New("bad"), true, "bad"},
		{"a message that quotes the record", true, "v", errs.Data.New("%s", strings.Repeat("m", largest)), true, strings.Repeat("m", fits/8)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := kafkatest.New(t, kafkatest.InMemory())
				q, err := deadletters.Opener{
					ID: state.TaskID{Connector: "c", Task: 3}, Worker: c.Props(), Log: slog.New(slog.DiscardHandler), Options: []kafka.Option{c.Option()},
					Connector: map[string]string{"producer.override.max.request.size": "50000"},
				}.Queue(t.Context(), settings.DeadLetters{Topic: "dlq", ContextHeaders: tt.context, ReplicationFactor: 1})
				if err != nil {
					t.Fatal(err)
				}
				defer q.Producer.Abort()
				in := &kafka.Record{
					Topic: "t", Partition: 2, Offset: 7, Key: []byte("k"), Value: []byte(tt.value), Timestamp: time.UnixMilli(1234),
					Headers: []kafka.RecordHeader{{Key: "h", Value: []byte("1")}},
				}
				wait, err := q.Report(t.Context(), pipeline.Problem{Stage: pipeline.TaskPut, Class: "cl", Err: tt.err, Record: in})
				if err != nil {
					t.Fatal(err)
				}
				if err := wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				out := c.Records("dlq")[0]
				if string(out.Key) != "k" || out.Headers[0].Key != "h" || len(in.Headers) != 1 {
					t.Errorf("key %s, headers %v, of the record %v", out.Key, out.Headers, in.Headers)
				}
				whole := string(out.Value) == tt.value && header(out, "record.value.size") == "(none)"
				if whole == tt.cut {
					t.Errorf("%d of %d bytes, said to be %s", len(out.Value), len(tt.value), header(out, "record.value.size"))
				}
				got := header(out, "exception.message")
				for _, h := range out.Headers {
					if h.Key == deadletters.HeaderPrefix+"exception.message" && h.Value == nil {
						got = "(null)"
					}
				}
				if got != tt.message {
					t.Errorf("message of %d bytes: %.20q, want %.20q", len(got), got, tt.message)
				}
				if tt.context && (header(out, "topic") != "t" || header(out, "partition") != "2" || header(out, "offset") != "7" || header(out, "task.id") != "3") {
					t.Errorf("headers %v", out.Headers)
				}
			})
		})
	}
}

// What has no record of a topic is no letter, and what Kafka may yet take is no lasting failure.
func TestRefusal(t *testing.T) {
	q := &deadletters.Queue{Topic: "dlq"}
	if wait, err := q.Report(t.Context(), pipeline.Problem{Err: errors.New("bad")}); wait != nil || err != nil {
		t.Errorf("%v", err)
	}
	for class, lasting := range map[kafka.Class]bool{kafka.Retriable: false, kafka.Aborted: false, kafka.Fenced: false, kafka.TooLarge: true} {
		err := deadletters.Refusal("dlq", &kafka.Error{Class: class, Err: errors.New("no")})
		if errs.IsLasting(err) != lasting || !strings.Contains(err.Error(), `dead letter queue "dlq"`) {
			t.Errorf("class %v: %v", class, err)
		}
	}
	if err := deadletters.Refusal("dlq", nil); err != nil {
		t.Error(err)
	}
}
