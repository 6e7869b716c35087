//go:build integration

package scenarios_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/monitorable"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// errorHandling is ErrorHandlingIntegrationTest.
func errorHandling(t *testing.T, s *site) {
	c := s.start(t, spec{workers: 1})
	const records = 1000
	run := func(t *testing.T, name, class string, good int, pairs ...string) (topic, dead string) {
		t.Helper()
		topic, dead = name+"-in", name+"-errors"
		s.main.create(t, topic, 1)
		c.configure(t, name, with(sink(name, topic, 1, "connector.class", class,
			"errors.log.enable", "true", "errors.log.include.messages", "true",
			"errors.deadletterqueue.topic.name", dead, "errors.deadletterqueue.context.headers.enable", "true",
			"errors.deadletterqueue.topic.replication.factor", "1", "errors.tolerance", "all", "errors.retry.timeout", "1000"), pairs...))
		c.running(t, name, 1)
		task := c.book.Connector(name).Task(0)
		service.Until(t, soon, "a partition", func() error {
			if got := task.Assignment(); len(got) != 1 {
				return fmt.Errorf("%v", got)
			}
			return nil
		})
		var sent []*kafka.Record
		for i := range records {
			n := strconv.Itoa(i)
			sent = append(sent, text(topic, 0, "key-"+n, "value-"+n))
		}
		s.main.produce(t, sent...)
		reaches(t, "records at the task", task.Counts, func(n monitorable.Counts) bool { return n.Records >= good })
		return topic, dead
	}
	letters := func(t *testing.T, dead string, want int) (got []*kafka.Record) {
		t.Helper()
		service.Until(t, soon, "dead letters", func() error {
			if got = s.main.records(t, "read_uncommitted", dead); len(got) < want {
				return fmt.Errorf("%d of %d", len(got), want)
			}
			return nil
		})
		return got
	}

	t.Run("testSkipRetryAndDLQWithHeaders", func(t *testing.T) {
		topic, dead := run(t, "skip-retry", monitorable.SinkClass, records-1,
			"transforms", "failing_transform", "transforms.failing_transform.type", monitorable.FaultyClass)
		got := letters(t, dead, 1)
		if len(got) != 1 || string(got[0].Key) != "key-7" || string(got[0].Value) != "value-7" {
			t.Errorf("%d dead letters, the first is %q %q", len(got), got[0].Key, got[0].Value)
		}
		headers := map[string]string{}
		for _, h := range got[0].Headers {
			headers[h.Key] = string(h.Value)
		}
		for key, want := range map[string]string{
			"topic": topic, "exception.class.name": "org.apache.kafka.connect.errors.RetriableException",
			"exception.message": "Error when value='value-7'", "stage": "TRANSFORMATION", "class.name": monitorable.FaultyClass,
		} {
			if headers["__connect.errors."+key] != want {
				t.Errorf("header %s is %q, want %q", key, headers["__connect.errors."+key], want)
			}
		}
		values := c.book.Connector("skip-retry").Task(0).Values()
		if len(values) != records-1 || values["value-4"] != 1 || values["value-7"] != 0 {
			t.Errorf("%d values at the task, value-4 %d times, value-7 %d times", len(values), values["value-4"], values["value-7"])
		}
		c.delete(t, "skip-retry")
	})

	t.Run("testErrantRecordReporter", func(t *testing.T) {
		_, dead := run(t, "errant", monitorable.ErrantSinkClass, records, "consumer.override.max.poll.records", "5")
		keys := map[string]bool{}
		for _, r := range letters(t, dead, records) {
			keys[string(r.Key)] = true
		}
		if len(keys) != records {
			t.Errorf("%d keys among the dead letters, want %d", len(keys), records)
		}
		c.running(t, "errant", 1)
		c.delete(t, "errant")
	})
}

// transformation is TransformationIntegrationTest.
func transformation(t *testing.T, s *site) {
	const records = 2000
	c := s.start(t, spec{workers: 3})
	filtered := func(t *testing.T, name string, props map[string]string, send func(), want map[string]int) {
		t.Helper()
		c.configure(t, name, props)
		c.running(t, name, 1)
		send()
		task := c.book.Connector(name).Task(0)
		total := 0
		for _, n := range want {
			total += n
		}
		reaches(t, "records at the task", task.Counts, func(n monitorable.Counts) bool { return n.Records >= total && n.Commits >= total })
		if got := task.Topics(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("records by topic are %v, want %v", got, want)
		}
		c.delete(t, name)
	}
	send := func(t *testing.T, topic string, tombstones bool) {
		t.Helper()
		var all []*kafka.Record
		for i := range records {
			r := text(topic, int32(i%3), "key", "simple-message-value-"+strconv.Itoa(i))
			if tombstones && i%2 == 1 {
				r.Value = nil
			}
			all = append(all, r)
		}
		s.main.produce(t, all...)
		if got := len(s.main.records(t, "read_uncommitted", topic)); got != records {
			t.Fatalf("%d records in %s, want %d", got, topic, records)
		}
	}
	filter := []string{
		"transforms", "filter", "transforms.filter.type", "Filter", "transforms.filter.predicate", "p", "predicates", "p",
		"consumer.override.auto.offset.reset", "earliest",
	}

	t.Run("testFilterOnTopicNameWithSinkConnector", func(t *testing.T) {
		s.main.create(t, "foo-names", 3)
		s.main.create(t, "bar-names", 3)
		filtered(t, "by-name", with(sink("by-name", "foo-names,bar-names", 1, filter...),
			"predicates.p.type", "TopicNameMatches", "predicates.p.pattern", "bar-.*"),
			func() { send(t, "bar-names", false); send(t, "foo-names", false) }, map[string]int{"foo-names": records})
	})

	t.Run("testFilterOnTombstonesWithSinkConnector", func(t *testing.T) {
		s.main.create(t, "tombstones", 3)
		filtered(t, "by-tombstone", with(sink("by-tombstone", "tombstones", 1, filter...), "predicates.p.type", "RecordIsTombstone"),
			func() { send(t, "tombstones", true) }, map[string]int{"tombstones": records / 2})
	})

	t.Run("testFilterOnHasHeaderKeyWithSourceConnectorAndTopicCreation", func(t *testing.T) {
		props := with(source("by-header", "headers", 1, filter[:8]...), "throughput", "500", "transforms.filter.negate", "true",
			"predicates.p.type", "HasHeaderKey", "predicates.p.name", "header-8",
			"topic.creation.default.replication.factor", "-1", "topic.creation.default.partitions", "3")
		c.validates(t, props, 0)
		c.configure(t, "by-header", props)
		c.running(t, "by-header", 1)
		reaches(t, "records of the task", c.book.Connector("by-header").Counts,
			func(n monitorable.Counts) bool { return n.Records >= records && n.Commits >= records })
		got := s.main.records(t, "read_uncommitted", "headers")
		if len(got) != 1 || len(got[0].Headers) != 1 || got[0].Headers[0].Key != "header-8" {
			t.Errorf("%d records in the topic, want the one with header-8: %v", len(got), got)
		}
		s.main.has(t, "headers", 3)
		c.delete(t, "by-header")
	})
}
