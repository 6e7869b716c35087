package task_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

var sourceDLQ = map[string]string{
	"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq", "errors.deadletterqueue.topic.replication.factor": "1",
	"errors.deadletterqueue.context.headers.enable": "true",
	"value.converter": "org.apache.kafka.connect.converters.LongConverter",
}

// long is the n-th record, with a number as its value; every fifth has a text, which is not what its
// converter wants.
func long(n int) data.SourceRecord {
	r := rec(n)
	r.KeySchema, r.Key = data.StringSchema, fmt.Sprint("k", n)
	r.Headers = data.Headers{{Key: "h", Schema: data.StringSchema, Value: "x"}}
	if n%5 != 0 {
		r.ValueSchema, r.Value = data.Int64Schema, int64(n)
	}
	return r
}

// longs polls the records 1 … n, ten at a time, and then a record a second if more is set.
func longs(n int) func(context.Context, int) ([]data.SourceRecord, error) {
	next := 1
	return func(ctx context.Context, _ int) ([]data.SourceRecord, error) {
		if next > n {
			return wait(ctx)
		}
		var out []data.SourceRecord
		for ; next <= n && len(out) < 10; next++ {
			out = append(out, long(next))
		}
		return out, nil
	}
}

func with(base map[string]string, more ...string) map[string]string {
	out := maps.Clone(base)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func onSource(t *testing.T, p connectors.SourceTask, conf map[string]string, f func(t *testing.T, s *stage)) {
	t.Helper()
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), conf, f)
}

func TestSourceLetters(t *testing.T) {
	for _, context := range []bool{true, false} {
		t.Run(fmt.Sprint("headers ", context), func(t *testing.T) {
			p := &committing{spring: &spring{poll: longs(20)}}
			onSource(t, p, with(sourceDLQ, "errors.deadletterqueue.context.headers.enable", fmt.Sprint(context)), func(t *testing.T, s *stage) {
				s.start() // it makes the topic
				s.after(5 * time.Second)
				s.noFailure()
				if n := len(s.kafka.Records("t")); n != 16 {
					t.Errorf("%d records", n)
				}
				letters := s.kafka.Records("dlq")
				if len(letters) != 4 {
					t.Fatalf("%d letters", len(letters))
				}
				l := letters[1]
				if string(l.Key) != "k10" || string(l.Value) != `{"schema":{"type":"string","optional":false},"payload":"v10"}` || headerOf(l, "h") != "x" {
					t.Errorf("letter %s: %s %v", l.Key, l.Value, l.Headers)
				}
				if !context {
					if len(l.Headers) != 1 {
						t.Errorf("headers %v", l.Headers)
					}
					return
				}
				var names []string
				for _, h := range l.Headers[1:] {
					names = append(names, strings.TrimPrefix(h.Key, "__connect.errors."))
				}
				if got := strings.Join(names, " "); got != "topic connector.name task.id stage class.name exception.class.name exception.message "+
					"exception.stacktrace source.partition source.offset source.key.format source.value.format" {
					t.Errorf("headers %s", got)
				}
				for name, want := range map[string]string{
					"topic": "t", "connector.name": "c", "task.id": "0", "stage": "VALUE_CONVERTER",
					"class.name":           "org.apache.kafka.connect.converters.LongConverter",
					"exception.class.name": "org.apache.kafka.connect.errors.DataException",
					"source.partition":     `{"p":"1"}`, "source.offset": `{"at":10}`, "source.key.format": "converted", "source.value.format": "json",
				} {
					if got := headerOf(l, "__connect.errors."+name); got != want {
						t.Errorf("header %s: %q", name, got)
					}
				}
				s.stop()
				if got := s.offsets.history(); got != `{"at":20}` { // the last is a dead letter: it counts too
					t.Errorf("committed %s", got)
				}
				if n := p.count("v10:none"); n != 1 {
					t.Errorf("%d commitRecords of a letter: %s", n, p.String())
				}
			})
		})
	}
}

// As long as Kafka hasn't the letter, the record isn't dealt with: nothing from it on is committed, and
// the task isn't told of it.
func TestSourceLetterUnderWay(t *testing.T) {
	p := &committing{spring: &spring{poll: longs(9)}}
	onSource(t, p, sourceDLQ, func(t *testing.T, s *stage) {
		s.kafka.CreateTopic("dlq", 1, nil)
		end := s.kafka.Fail(kafkatest.Fault{Request: "Produce", Topic: "dlq", Error: "NOT_ENOUGH_REPLICAS", Times: -1})
		s.start()
		s.after(25 * time.Second)
		s.noFailure()
		if n := len(s.kafka.Records("t")); n != 8 {
			t.Errorf("%d records", n)
		}
		if got := s.offsets.history(); got != `{"at":4}` || p.count("v5:none") != 0 {
			t.Errorf("committed %s, told %s", got, p.String())
		}
		if end() == 0 {
			t.Fatal("the fault met nobody")
		}
		s.after(12 * time.Second)
		if got := s.offsets.history(); got != `{"at":4} {"at":9}` || p.count("v5:none") != 1 {
			t.Errorf("committed %s, told %s", got, p.String())
		}
		s.stop()
	})
}

// A letter that Kafka refuses fails the task, and the record comes again.
func TestSourceLetterLost(t *testing.T) {
	p := &committing{spring: &spring{poll: longs(9)}}
	onSource(t, p, sourceDLQ, func(t *testing.T, s *stage) {
		s.kafka.CreateTopic("dlq", 1, nil)
		s.kafka.Fail(kafkatest.Fault{Request: "Produce", Topic: "dlq", Error: "TOPIC_AUTHORIZATION_FAILED", Times: -1})
		s.start()
		s.after(15 * time.Second)
		_ = s.failure(`dead letter queue "dlq"`)
		if got := s.offsets.history(); got != `{"at":4}` || p.count("v5:none") != 0 {
			t.Errorf("committed %s, told %s", got, p.String())
		}
	})
}

// With tolerance none the letter is written and the task fails all the same, before the record.
func TestSourceLetterNotTolerated(t *testing.T) {
	onSource(t, &spring{poll: longs(9)}, with(sourceDLQ, "errors.tolerance", "none"), func(t *testing.T, s *stage) {
		s.start()
		s.after(15 * time.Second)
		_ = s.failure("Tolerance exceeded in error handler")
		if got := len(s.kafka.Records("dlq")); got != 1 {
			t.Errorf("%d letters", got)
		}
		if got := s.offsets.history(); got != `{"at":4}` {
			t.Errorf("committed %s", got)
		}
	})
}

// lumps polls n records at once, of which those named are large.
func lumps(n, small, large int, larges ...int) func(context.Context, int) ([]data.SourceRecord, error) {
	done := false
	return func(ctx context.Context, _ int) ([]data.SourceRecord, error) {
		if done {
			return wait(ctx)
		}
		done = true
		var out []data.SourceRecord
		for i := 1; i <= n; i++ {
			r := rec(i)
			size := small
			for _, l := range larges {
				if l == i {
					size = large
				}
			}
			r.Value = fmt.Sprintf("v%d:%s", i, strings.Repeat("x", size))
			out = append(out, r)
		}
		return out, nil
	}
}

func numbersOf(values string) string {
	var out []string
	for v := range strings.FieldsSeq(values) {
		n, _, _ := strings.Cut(v, ":")
		out = append(out, n)
	}
	return strings.Join(out, " ")
}

// What is too large for the producer or the broker is a dead letter, cut; what only shared a batch with
// it gets through, in order.
func TestSourceTooLarge(t *testing.T) {
	strings500 := with(sourceDLQ, "value.converter", "org.apache.kafka.connect.storage.StringConverter")
	for _, tt := range []struct {
		name   string
		conf   map[string]string
		limit  string // of the topic
		larges []int
	}{
		{"producer", with(strings500, "producer.override.max.request.size", "20000"), "", []int{7, 300}},
		{"broker", strings500, "20000", []int{7, 300}},
		{"broker, first and last", strings500, "20000", []int{1, 500}},
		{"broker, small ones only", strings500, "2000", nil},
		{"broker, small ones, tolerance none", with(strings500, "errors.tolerance", "none"), "2000", nil},
		{"broker, no dead letters", with(strings500, "errors.deadletterqueue.topic.name", ""), "20000", []int{7, 300}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &committing{spring: &spring{poll: lumps(500, 300, 40000, tt.larges...)}}
			onSource(t, p, tt.conf, func(t *testing.T, s *stage) {
				if tt.limit != "" {
					s.kafka.DeleteTopic("t")
					s.kafka.CreateTopic("t", 1, map[string]string{"max.message.bytes": tt.limit})
				}
				s.start()
				s.after(20 * time.Second)
				s.noFailure()
				if got := numbersOf(s.values("t")); got != without(500, tt.larges...) {
					t.Errorf("got %.300s…", got)
				}
				letters := s.kafka.Records("dlq")
				if want := len(tt.larges); tt.conf["errors.deadletterqueue.topic.name"] == "" {
					if len(letters) != 0 {
						t.Errorf("%d letters", len(letters))
					}
				} else if len(letters) != want {
					t.Fatalf("%d letters, want %d", len(letters), want)
				}
				for i, l := range letters {
					n := tt.larges[i]
					full := fmt.Sprintf("v%d:%s", n, strings.Repeat("x", 40000))
					if len(l.Value) < 1000 || len(l.Value) > 16<<10 || !strings.HasPrefix(full, string(l.Value)) {
						t.Errorf("letter of %d has %d bytes", n, len(l.Value))
					}
					for name, want := range map[string]string{
						"topic": "t", "stage": "KAFKA_PRODUCE", "exception.class.name": "org.apache.kafka.common.errors.RecordTooLargeException",
						"source.partition": `{"p":"1"}`, "source.offset": fmt.Sprintf(`{"at":%d}`, n), "source.value.format": "converted",
						"source.value.size": fmt.Sprint(len(full)), "source.key.size": "0", "source.headers.size": "0",
					} {
						if got := headerOf(l, "__connect.errors."+name); got != want {
							t.Errorf("header %s: %q", name, got)
						}
					}
				}
				s.stop()
				if got := s.offsets.history(); !strings.HasSuffix(got, `{"at":500}`) {
					t.Errorf("committed %s", got)
				}
				if n := strings.Count(p.String(), ":none"); n != len(tt.larges) {
					t.Errorf("%d commitRecords without metadata", n)
				}
			})
		})
	}
}

// Too large and not tolerated: the task fails, everything else is there, nothing from it on committed.
func TestSourceTooLargeNotTolerated(t *testing.T) {
	onSource(t, &spring{poll: lumps(20, 10, 40000, 7)}, nil, func(t *testing.T, s *stage) {
		s.kafka.DeleteTopic("t")
		s.kafka.CreateTopic("t", 1, map[string]string{"max.message.bytes": "20000"})
		s.start()
		s.after(15 * time.Second)
		f := s.failure(`Unrecoverable exception from producer send callback, topic "t"`)
		if budget.Judge(f).Class != budget.Lasting { // else each restart would send those behind it once more
			t.Errorf("it would be restarted: %s", f.Trace())
		}
		if got := s.offsets.history(); got != `{"at":6}` {
			t.Errorf("committed %s", got)
		}
	})
}

// With exactly-once a letter is part of the transaction of the records around it.
func TestSourceLettersInTransactions(t *testing.T) {
	for _, fault := range []string{"", "INVALID_RECORD"} {
		t.Run("fault "+fault, func(t *testing.T) {
			p := &committing{spring: &spring{poll: longs(20)}}
			onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), sourceDLQ, func(t *testing.T, o *once) {
				o.kafka.CreateTopic("dlq", 1, nil)
				if fault != "" {
					o.kafka.Fail(kafkatest.Fault{Request: "Produce", Topic: "dlq", Error: fault, Times: -1})
				}
				o.start()
				o.after(10 * time.Second)
				if fault != "" {
					_ = o.failure(`topic "dlq"`)
					if got := o.offsetsIn("offsets"); got != "" {
						t.Errorf("committed %s", got)
					}
					if got := o.values("t"); got != "" {
						t.Errorf("there is %s", got)
					}
					return
				}
				o.noFailure()
				if n, letters := len(o.kafka.Records("t")), o.kafka.Records("dlq"); n != 16 || len(letters) != 4 ||
					headerOf(letters[3], "__connect.errors.source.offset") != `{"at":20}` {
					t.Errorf("%d records, letters %v", n, letters)
				}
				if got := o.offsetsIn("offsets"); got != "10 20" {
					t.Errorf("committed %s", got)
				}
				if n := strings.Count(p.String(), ":none"); n != 4 {
					t.Errorf("told %s", p.String())
				}
				o.stop()
			})
		})
	}
}

// What is too large for the producer is known beforehand, so the transaction goes on.
func TestSourceTooLargeInTransactions(t *testing.T) {
	for _, tolerance := range []string{"all", "none"} {
		t.Run(tolerance, func(t *testing.T) {
			p := &spring{poll: lumps(50, 300, 40000, 7, 50)}
			conf := with(sourceDLQ, "value.converter", "org.apache.kafka.connect.storage.StringConverter",
				"producer.override.max.request.size", "20000", "errors.tolerance", tolerance)
			onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), conf, func(t *testing.T, o *once) {
				o.start()
				o.after(10 * time.Second)
				if tolerance == "none" {
					_ = o.failure("which is the value of the max.request.size configuration")
					if got := o.offsetsIn("offsets"); got != "" {
						t.Errorf("committed %s", got)
					}
					return
				}
				o.noFailure()
				if got := numbersOf(o.values("t")); got != without(50, 7, 50) {
					t.Errorf("got %s", got)
				}
				letters := o.kafka.Records("dlq")
				if len(letters) != 2 || headerOf(letters[0], "__connect.errors.source.value.size") != "40003" ||
					headerOf(letters[0], "__connect.errors.exception.class.name") != "org.apache.kafka.common.errors.RecordTooLargeException" {
					t.Errorf("letters %v", letters)
				}
				if got := o.offsetsIn("offsets"); got != "50" {
					t.Errorf("committed %s", got)
				}
			})
		})
	}
}

// A record just small enough is not taken for one that is too large, by whatever measure.
func TestSourceLargestRecord(t *testing.T) {
	p := &spring{poll: lumps(1, 20000-101-3, 0)}
	onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), with(sourceDLQ,
		"value.converter", "org.apache.kafka.connect.storage.StringConverter", "producer.override.max.request.size", "20000",
	), func(t *testing.T, o *once) {
		o.start()
		o.after(5 * time.Second)
		o.noFailure()
		if n, letters := len(o.kafka.Records("t")), len(o.kafka.Records("dlq")); n != 1 || letters != 0 {
			t.Errorf("%d records, %d letters", n, letters)
		}
	})
}
