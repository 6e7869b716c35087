package task_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

var putToDLQ = map[string]string{
	"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq", "errors.deadletterqueue.topic.replication.factor": "1",
	"errors.deadletterqueue.context.headers.enable": "true", "errors.deadletterqueue.put.enable": "true",
}

// onPoison runs a sink whose put fails as bad says, and takes the records of a batch that come before
// the failing one: what a target without transactions does.
func onPoison(t *testing.T, d *drain, more map[string]string, bad func(r data.SinkRecord) error, f func(t *testing.T, s *stage)) {
	t.Helper()
	d.put = func(batch []data.SinkRecord) error {
		for _, r := range batch {
			if err := bad(r); err != nil {
				return err
			}
		}
		return nil
	}
	conf := maps.Clone(putToDLQ)
	maps.Copy(conf, more)
	onSink(t, d, conf, func(t *testing.T, s *stage) {
		s.kafka.CreateTopic("dlq", 1, nil)
		f(t, s)
	})
}

// badOnes are values that always fail.
func badOnes(values ...string) func(data.SinkRecord) error {
	return func(r data.SinkRecord) error {
		if slices.Contains(values, r.Value.(string)) {
			return errs.Data.New("value %v is poison", r.Value)
		}
		return nil
	}
}

func without(n int, bad ...int) string {
	var out []string
	for i := 1; i <= n; i++ {
		if !slices.Contains(bad, i) {
			out = append(out, fmt.Sprint("v", i))
		}
	}
	return strings.Join(out, " ")
}

// The records that make put fail go to the dead letter topic, and all others are put, in order, once.
func TestPutPoison(t *testing.T) {
	for _, tt := range []struct {
		name string
		bad  []int
	}{
		{"one", []int{77}},
		{"first", []int{1}},
		{"last", []int{500}},
		{"several", []int{3, 4, 250, 251, 252, 499}},
		{"a run shorter than the limit", []int{101, 102, 103, 104, 105, 106, 107, 108, 109}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var bad []string
			for _, n := range tt.bad {
				bad = append(bad, fmt.Sprint("v", n))
			}
			d := &drain{}
			onPoison(t, d, nil, badOnes(bad...), func(t *testing.T, s *stage) {
				s.produce(0, 1, 500)
				s.start()
				s.after(5 * time.Second)
				s.noFailure()
				s.want("RUNNING")
				if got := d.got(); got != without(500, tt.bad...) {
					t.Errorf("got %.200s…", got)
				}
				if got := s.values("dlq"); got != strings.Join(bad, " ") {
					t.Errorf("dead letters %q", got)
				}
				s.stop()
				s.wantCommitted(kafka.Offsets{tp(0): 500})
			})
		})
	}
}

func TestPutPoisonLetter(t *testing.T) {
	d := &drain{}
	onPoison(t, d, nil, func(r data.SinkRecord) error {
		if r.Value == "v2" {
			panic("put can't stand v2")
		}
		return nil
	}, func(t *testing.T, s *stage) {
		s.kafka.Produce(
			&kafka.Record{Topic: "t", Partition: 1, Key: []byte("k"), Value: []byte("v1")},
			&kafka.Record{Topic: "t", Partition: 1, Key: []byte("k"), Value: []byte("v2"), Headers: []kafka.RecordHeader{{Key: "h", Value: []byte("x")}}},
		)
		s.start()
		s.after(5 * time.Second)
		s.noFailure()
		letters := s.kafka.Records("dlq")
		if len(letters) != 1 {
			t.Fatalf("%d letters", len(letters))
		}
		l := letters[0]
		if string(l.Key) != "k" || string(l.Value) != "v2" || headerOf(l, "h") != "x" {
			t.Errorf("letter %s %s %v", l.Key, l.Value, l.Headers)
		}
		for name, want := range map[string]string{
			"topic": "t", "partition": "1", "offset": "1", "connector.name": "c", "task.id": "0", "stage": "TASK_PUT",
			"class.name": "org.apache.kafka.connect.sink.SinkTask", "exception.message": "panic: put can't stand v2",
		} {
			if got := headerOf(l, "__connect.errors."+name); got != want {
				t.Errorf("header %s: %q", name, got)
			}
		}
		if got := headerOf(l, "__connect.errors.exception.stacktrace"); !strings.Contains(got, "task_test.TestPutPoisonLetter") {
			t.Errorf("stack %s", got)
		}
	})
}

func headerOf(r *kafka.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// A target that takes nothing is out of order: the task fails, and nothing is a dead letter or
// committed, whether the records come as one batch or one by one.
func TestPutOutage(t *testing.T) {
	for _, tt := range []struct {
		name    string
		records int
		more    map[string]string
		after   time.Duration // when it fails at the latest
		text    string
	}{
		{"a batch", 500, nil, 5 * time.Second, "put failed for 10 records in a row"},
		{"fewer than the limit", 9, nil, 70 * time.Second, "no other record was taken"},
		{"one", 1, nil, 70 * time.Second, "no other record was taken"},
		{"limit of one", 2, map[string]string{"errors.deadletterqueue.put.max.failures": "1"}, 5 * time.Second, "put failed for 1 records in a row"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &drain{}
			onPoison(t, d, tt.more, func(r data.SinkRecord) error {
				if r.Value == "v1" {
					return nil
				}
				return errors.New("target is down")
			}, func(t *testing.T, s *stage) {
				s.produce(0, 1, 1)
				s.start()
				s.after(3 * time.Second)
				s.produce(0, 2, 1+tt.records)
				s.after(tt.after)
				f := s.failure(tt.text)
				if !strings.Contains(f.Error(), "target is down") {
					t.Errorf("failed with %v", f)
				}
				if got := s.values("dlq"); got != "" {
					t.Errorf("dead letters %q", got)
				}
				s.wantCommitted(kafka.Offsets{tp(0): 1})
			})
		})
	}
}

// A record that fails alone waits for another to get through; only then it's a dead letter, and its
// offset committed.
func TestPutSuspectWaitsForProof(t *testing.T) {
	d := &drain{}
	onPoison(t, d, nil, badOnes("v1", "v2"), func(t *testing.T, s *stage) {
		s.produce(0, 1, 1)
		s.start()
		s.after(15 * time.Second)
		s.produce(0, 2, 2)
		s.after(15 * time.Second)
		s.noFailure()
		if got := s.values("dlq"); got != "" {
			t.Errorf("dead letters without proof: %q", got)
		}
		s.wantCommitted(kafka.Offsets{})
		s.produce(0, 3, 3)
		s.after(12 * time.Second)
		if got := s.values("dlq"); got != "v1 v2" {
			t.Errorf("dead letters %q", got)
		}
		s.wantCommitted(kafka.Offsets{tp(0): 3})
		s.noFailure()
		s.after(2 * time.Minute)
		s.noFailure()
	})
}

// Suspects of a task that is stopped come again; paused, they have all the time.
func TestPutSuspectsComeAgain(t *testing.T) {
	d := &drain{}
	onPoison(t, d, nil, badOnes("v1"), func(t *testing.T, s *stage) {
		s.produce(0, 1, 1)
		s.start()
		s.after(5 * time.Second)
		s.send(task.SetPaused{Paused: true})
		s.after(10 * time.Minute)
		s.noFailure()
		s.stop()
		s.wantCommitted(kafka.Offsets{})
		if got := s.values("dlq"); got != "" {
			t.Errorf("dead letters %q", got)
		}
		s.spec.Target = "STARTED"
		s.start()
		s.produce(0, 2, 2)
		s.after(5 * time.Second)
		if got := s.values("dlq"); got != "v1" || d.got() != "v2" {
			t.Errorf("dead letters %q, got %q", got, d.got())
		}
	})
}

// Retriable errors are waited for, also in the middle of a batch that is being sifted: what is left of
// it comes again, nothing of it is a dead letter.
func TestPutPoisonAndRetriable(t *testing.T) {
	d := &drain{}
	refusals := 0
	onPoison(t, d, nil, func(r data.SinkRecord) error {
		switch {
		case r.Value == "v2":
			return errors.New("v2 is poison")
		case r.Value == "v6" && refusals < 3:
			refusals++
			return errs.Retriable.New("not v6 yet")
		}
		return nil
	}, func(t *testing.T, s *stage) {
		s.produce(0, 1, 8)
		s.start()
		s.after(30 * time.Second)
		s.noFailure()
		if got := d.got(); got != without(8, 2) || refusals != 3 {
			t.Errorf("got %s after %d refusals", got, refusals)
		}
		if got := s.values("dlq"); got != "v2" {
			t.Errorf("dead letters %q", got)
		}
		s.stop()
		s.wantCommitted(kafka.Offsets{tp(0): 8})
	})
}

// What was taken before an outage in the middle of a batch is committed, what fails is not.
func TestPutOutageInTheMiddle(t *testing.T) {
	d := &drain{}
	onPoison(t, d, nil, func(r data.SinkRecord) error {
		if r.Offset == 1 || r.Offset >= 250 {
			return errors.New("no")
		}
		return nil
	}, func(t *testing.T, s *stage) {
		s.produce(0, 1, 500)
		s.start()
		s.after(5 * time.Second)
		_ = s.failure("put failed for 10 records in a row")
		if got := s.values("dlq"); got != "v2" {
			t.Errorf("dead letters %q", got)
		}
		s.wantCommitted(kafka.Offsets{tp(0): 250})
	})
}

// Without the setting everything is as on the JVM.
func TestPutPoisonOff(t *testing.T) {
	d := &drain{}
	onPoison(t, d, map[string]string{"errors.deadletterqueue.put.enable": "false"}, badOnes("v2"), func(t *testing.T, s *stage) {
		s.produce(0, 1, 3)
		s.start()
		s.after(5 * time.Second)
		_ = s.failure("Exiting WorkerSinkTask due to unrecoverable exception: value v2 is poison")
		if got := s.values("dlq"); got != "" || d.got() != "" {
			t.Errorf("dead letters %q, got %q", got, d.got())
		}
	})
}
