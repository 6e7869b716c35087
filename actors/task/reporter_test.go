package task_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/deadletters"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

var reports = map[string]string{
	"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq", "errors.deadletterqueue.topic.replication.factor": "1",
	"errors.deadletterqueue.context.headers.enable": "true",
}

// reportOdd makes the task report every second record, and keep what the reporter promised.
func reportOdd(d *drain, promises *[]func(context.Context) error) func([]data.SinkRecord) error {
	return func(batch []data.SinkRecord) error {
		for _, r := range batch {
			if r.Offset%2 == 1 {
				*promises = append(*promises, d.tc.Reporter().Report(r, errors.New("odd")))
			}
		}
		return nil
	}
}

// Offsets are committed when the reports up to them have ended, and not before, however long that
// takes; the task goes on meanwhile.
func TestSinkReportsBeforeCommits(t *testing.T) {
	d := &drain{}
	var promises []func(context.Context) error
	d.put = reportOdd(d, &promises)
	onSink(t, d, reports, func(t *testing.T, s *stage) {
		s.kafka.CreateTopic("dlq", 1, nil)
		end := s.kafka.Fail(kafkatest.Fault{Request: "Produce", Topic: "dlq", Error: "NOT_ENOUGH_REPLICAS", Times: -1})
		s.produce(0, 1, 4)
		s.start()
		s.after(45 * time.Second) // several intervals, each longer than the time for a flush
		s.noFailure()
		s.wantCommitted(kafka.Offsets{})
		if len(promises) != 2 {
			t.Fatalf("%d reports", len(promises))
		}
		over, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := promises[0](over); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a report under way: %v", err)
		}
		if end() == 0 {
			t.Fatal("the fault met nobody")
		}
		s.after(15 * time.Second)
		s.noFailure()
		s.wantCommitted(kafka.Offsets{tp(0): 4})
		for _, p := range promises {
			if err := p(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if got := s.values("dlq"); got != "v2 v4" {
			t.Errorf("letters %q", got)
		}
		if got := d.got(); got != sequence(4) { // nothing came twice
			t.Errorf("got %s", got)
		}
		s.stop()
	})
}

// A report that fails ends the task, and its record comes again.
func TestSinkReportLost(t *testing.T) {
	d := &drain{}
	var promises []func(context.Context) error
	d.put = reportOdd(d, &promises)
	onSink(t, d, reports, func(t *testing.T, s *stage) {
		s.kafka.CreateTopic("dlq", 1, nil)
		s.kafka.Fail(kafkatest.Fault{Request: "Produce", Topic: "dlq", Error: "TOPIC_AUTHORIZATION_FAILED", Times: -1})
		s.produce(0, 1, 4)
		s.start()
		s.after(25 * time.Second)
		_ = s.failure("report of a failed record")
		s.wantCommitted(kafka.Offsets{})
	})
}

// A record that the task reports long after put is the consumed one too, and a report in preCommit is
// waited for by that very commit.
func TestSinkReportsLate(t *testing.T) {
	d := &drain{}
	var kept []data.SinkRecord
	d.put = func(batch []data.SinkRecord) error {
		for _, r := range batch {
			r.Value, r.Headers = "changed by the task", nil
			kept = append(kept, r)
		}
		return nil
	}
	d.preCommit = func(o connectors.Offsets) (connectors.Offsets, error) {
		for _, r := range kept {
			d.tc.Reporter().Report(r, errors.New("late"))
		}
		kept = nil
		return o, nil
	}
	onSink(t, d, reports, func(t *testing.T, s *stage) {
		s.kafka.CreateTopic("dlq", 1, nil)
		end := s.kafka.Fail(kafkatest.Fault{Request: "Produce", Topic: "dlq", Error: "NOT_ENOUGH_REPLICAS", Times: -1})
		s.produce(0, 1, 1)
		s.start()
		s.after(time.Second)
		s.produce(0, 2, 2)
		s.after(14 * time.Second)
		s.wantCommitted(kafka.Offsets{})
		if end() == 0 {
			t.Fatal("the fault met nobody")
		}
		s.after(15 * time.Second)
		s.noFailure()
		s.wantCommitted(kafka.Offsets{tp(0): 2})
		if got := s.values("dlq"); got != "v1 v2" {
			t.Errorf("letters %q", got)
		}
	})
}

// Not tolerated, a report fails the task even if the task takes no notice.
func TestSinkReportNotTolerated(t *testing.T) {
	d := &drain{}
	var promises []func(context.Context) error
	d.put = reportOdd(d, &promises)
	onSink(t, d, with(reports, "errors.tolerance", "none"), func(t *testing.T, s *stage) {
		s.kafka.CreateTopic("dlq", 1, nil)
		s.produce(0, 1, 4)
		s.start()
		s.after(5 * time.Second)
		_ = s.failure("Tolerance exceeded in error handler")
		s.wantCommitted(kafka.Offsets{})
		if got := s.values("dlq"); got != "v2 v4" {
			t.Errorf("letters %q", got)
		}
	})
}

// A dead letter queue that refuses a letter for good: the task fails at once and not at its next commit, its
// batch is put no second time, and a restart would not help.
func TestRefusedLetterFailsAtOnce(t *testing.T) {
	for _, fault := range []string{"TOPIC_AUTHORIZATION_FAILED", "INVALID_RECORD"} {
		t.Run(fault, func(t *testing.T) {
			d := &drain{}
			var promises []func(context.Context) error
			d.put = reportOdd(d, &promises)
			onSink(t, d, reports, func(t *testing.T, s *stage) {
				s.kafka.CreateTopic("dlq", 1, nil)
				s.kafka.Fail(kafkatest.Fault{Request: "Produce", Topic: "dlq", Error: fault, Times: -1})
				s.produce(0, 1, 4)
				counted := metrics.NewRegistry(metrics.DefaultWindows(), 0)
				s.spec.Numbers = counted.AddTask("c", 0, false)
				s.start()
				s.after(5 * time.Second) // offsets are committed every 10 s
				f := s.failure("report of a failed record: dead letter queue \"dlq\"")
				if budget.Judge(f).Class != budget.Lasting {
					t.Errorf("it would be restarted: %s", f.Trace())
				}
				if got := d.got(); got != sequence(4) {
					t.Errorf("put %s", got)
				}
				s.wantCommitted(kafka.Offsets{})
				for name, want := range map[string]float64{
					"deadletterqueue-produce-requests": 2, "deadletterqueue-produce-failures": 2,
					"total-record-failures": 2, "total-record-errors": 0,
				} {
					if got := errorCount(t, counted, name); got != want {
						t.Errorf("%s is %v, want %v", name, got, want)
					}
				}
			})
		})
	}
}

// errorCount is one of task-error-metrics of the only task.
func errorCount(t *testing.T, r *metrics.Registry, name string) float64 {
	t.Helper()
	for _, g := range metrics.Groups() {
		if g.Name != "task-error-metrics" {
			continue
		}
		for i := range g.Attributes {
			if a := &g.Attributes[i]; a.Name == name {
				return g.Members(r.Snapshot())[0].Number(a, 0)
			}
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// A letter that is larger than its topic takes is sent again alone, and then cut, as letters of sources are;
// those that only shared a batch with it stay whole.
func TestLargeLetterIsCut(t *testing.T) {
	big := strings.Repeat("x", 40_000)
	d := &drain{}
	d.put = func(batch []data.SinkRecord) error {
		for _, r := range batch {
			d.tc.Reporter().Report(r, errors.New("odd"))
		}
		return nil
	}
	onSink(t, d, reports, func(t *testing.T, s *stage) {
		s.kafka.CreateTopic("dlq", 1, map[string]string{"max.message.bytes": "20000"})
		s.kafka.Produce(text("t", 0, "v1"), text("t", 0, big), text("t", 0, "v3"))
		s.start()
		s.after(15 * time.Second)
		s.noFailure()
		s.wantCommitted(kafka.Offsets{tp(0): 3})
		var lengths []int
		for _, r := range s.kafka.Records("dlq") {
			lengths = append(lengths, len(r.Value))
			if cut := len(r.Value) > 2; cut && (headerOf(r, "__connect.errors.record.value.size") != "40000" || headerOf(r, "__connect.errors.offset") != "1") {
				t.Errorf("the cut letter does not say what it was: %v", r.Headers)
			}
		}
		slices.Sort(lengths)
		if !slices.Equal(lengths, []int{2, 2, deadletters.CutTo}) {
			t.Errorf("letters of %v bytes", lengths)
		}
		s.stop()
	})
}
