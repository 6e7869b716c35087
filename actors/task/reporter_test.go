package task_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
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
