//go:build integration

package scenarios_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
	"github.com/troupe-connect/troupe/connectors/data"
)

// has waits until the topic is there, with so many partitions and one replica.
func (b *broker) has(t *testing.T, topic string, partitions int) {
	t.Helper()
	service.Until(t, soon, "topic "+topic, func() error {
		found, err := b.admin.DescribeTopics(t.Context(), topic)
		if err != nil {
			return err
		}
		if info, ok := found[topic]; !ok || info.Partitions != partitions || info.ReplicationFactor != 1 {
			return fmt.Errorf("%+v, want %d partitions", found, partitions)
		}
		return nil
	})
}

// active waits until these are the connector's active topics.
func (c *cluster) active(t *testing.T, name string, want ...string) {
	t.Helper()
	service.Until(t, soon, "active topics of "+name, func() error {
		var answer map[string]struct {
			Topics []string `json:"topics"`
		}
		if err := c.Get(t.Context(), "/connectors/"+name+"/topics", &answer); err != nil {
			return err
		}
		got := answer[name].Topics
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%v, want %v", got, want)
		}
		return nil
	})
}

// consumed waits until the sink's task got everything that is in the topic.
func (c *cluster) consumed(t *testing.T, name, topic string) {
	t.Helper()
	service.Until(t, soon, name+" at the end of "+topic, func() error {
		ends, err := c.kafka.admin.EndOffsets(t.Context(), topic)
		if err != nil {
			return err
		}
		sum := int64(0)
		for _, end := range ends {
			sum += end
		}
		if got := c.book.Connector(name).Task(0).Topics()[topic]; int64(got) < sum {
			return fmt.Errorf("%d of %d", got, sum)
		}
		return nil
	})
}

// flowing are the settings of a source that sends ten records a second.
func flowing(name, topic string) map[string]string {
	return source(name, topic, 1, "throughput", "10", "messages.per.poll", "10",
		"topic.creation.default.replication.factor", "1", "topic.creation.default.partitions", "1")
}

// connectorTopics is ConnectorTopicsIntegrationTest.
func connectorTopics(t *testing.T, s *site) {
	begin := func(t *testing.T, prefix string, workers int, props map[string]string) (c *cluster, foo, bar string) {
		t.Helper()
		foo, bar = prefix+"-foo", prefix+"-bar"
		s.main.create(t, foo, 3)
		s.main.create(t, bar, 3)
		return s.start(t, spec{workers: workers, props: props}), foo, bar
	}
	run := func(t *testing.T, c *cluster, name string, props map[string]string) {
		t.Helper()
		c.configure(t, name, props)
		c.running(t, name, 1)
	}

	t.Run("testGetActiveTopics", func(t *testing.T) {
		c, foo, bar := begin(t, "active", 3, nil)
		c.active(t, "foo-source")
		run(t, c, "foo-source", flowing("foo-source", foo))
		c.active(t, "foo-source", foo)
		run(t, c, "bar-source", flowing("bar-source", bar))
		c.active(t, "bar-source", bar)
		run(t, c, "baz-sink", sink("baz-sink", foo+","+bar, 1))
		c.active(t, "baz-sink", bar, foo)
		c.delete(t, "bar-source")
		c.active(t, "bar-source")
		c.consumed(t, "baz-sink", bar)
		c.eventually(t, http.MethodPut, "/connectors/baz-sink/topics/reset", nil)
		c.active(t, "baz-sink", foo)
	})

	t.Run("testTopicTrackingResetIsDisabled", func(t *testing.T) {
		c, foo, _ := begin(t, "noreset", 1, map[string]string{"topic.tracking.allow.reset": "false"})
		c.active(t, "foo-source")
		run(t, c, "foo-source", flowing("foo-source", foo))
		c.active(t, "foo-source", foo)
		run(t, c, "baz-sink", sink("baz-sink", foo, 1))
		c.active(t, "baz-sink", foo)
		c.delete(t, "foo-source")
		c.active(t, "foo-source")
		c.consumed(t, "baz-sink", foo)
		c.refused(t, http.StatusForbidden, "Topic tracking reset is disabled.", http.MethodPut, "/connectors/baz-sink/topics/reset", nil)
		c.active(t, "baz-sink", foo)
	})

	t.Run("testTopicTrackingIsDisabled", func(t *testing.T) {
		c, foo, _ := begin(t, "notracking", 1, map[string]string{"topic.tracking.enable": "false"})
		run(t, c, "foo-source", flowing("foo-source", foo))
		c.refused(t, http.StatusForbidden, "Topic tracking is disabled.", http.MethodPut, "/connectors/baz-sink/topics/reset", nil)
		c.refused(t, http.StatusForbidden, "Topic tracking is disabled.", http.MethodGet, "/connectors/baz-sink/topics", nil)
		service.Until(t, soon, "records", func() error {
			if n := c.book.Connector("foo-source").Counts().Commits; n < 20 {
				return fmt.Errorf("%d", n)
			}
			return nil
		})
		status := s.main.records(t, "read_uncommitted", c.topic("status"))
		if len(status) == 0 {
			t.Error("the status topic is empty")
		}
		for _, r := range status {
			if strings.HasPrefix(string(r.Key), "status-topic-") {
				t.Errorf("the status topic has %s", r.Key)
			}
		}
	})
}

// sinkConnectors is SinkConnectorsIntegrationTest.
func sinkConnectors(t *testing.T, s *site) {
	// Kafka's default, which does not come up within the test: commits are only those at rebalances.
	c := s.start(t, spec{workers: 1, props: map[string]string{"offset.flush.interval.ms": "60000"}})
	type times [3]int // assigned, revoked, committed
	steps := func(t *testing.T, name, assignor string, want [4][3]times) {
		t.Helper()
		var tps []data.TopicPartition
		for i := range 3 {
			tps = append(tps, data.TopicPartition{Topic: fmt.Sprintf("%s-topic%d", name, i+1)})
		}
		c.configure(t, name, sink(name, tps[0].Topic+","+tps[1].Topic+","+tps[2].Topic, 1,
			"consumer.override.partition.assignment.strategy", assignor,
			// After a topic is deleted, commits of it fail; the test should not wait long for that.
			"consumer.override.default.api.timeout.ms", "5000"))
		c.running(t, name, 1)
		task := c.book.Connector(name).Task(0)
		if held := task.Assignment(); len(held) > 0 {
			t.Fatalf("assigned without any topic: %v", held)
		}
		sent := map[string]int{}
		send := func(topic int, value string) {
			s.main.produce(t, text(tps[topic].Topic, 0, "k", value))
			sent[value] = 1
		}
		settles := func(step int, assigned ...data.TopicPartition) {
			t.Helper()
			service.Until(t, soon, fmt.Sprintf("step %d of %s", step+1, name), func() error {
				if got := task.Values(); fmt.Sprint(got) != fmt.Sprint(sent) {
					return fmt.Errorf("values are %v, want each once: %v", got, sent)
				}
				if got := task.Assignment(); !slices.Equal(got, assigned) {
					return fmt.Errorf("assigned are %v, want %v", got, assigned)
				}
				return nil
			})
			for i, tp := range tps {
				h := task.History(tp)
				if got := (times{h.Assigned, h.Revoked, h.Committed}); got != want[step][i] {
					t.Errorf("step %d, %s: assigned, revoked, committed %v times, want %v", step+1, tp.Topic, got, want[step][i])
				}
			}
		}
		s.main.create(t, tps[0].Topic, 1)
		send(0, "t1v1")
		settles(0, tps[0])
		s.main.create(t, tps[1].Topic, 1)
		send(1, "t2v1")
		send(1, "t1v2") // to the second topic too, as in Kafka's test
		settles(1, tps[0], tps[1])
		s.main.create(t, tps[2].Topic, 1)
		send(2, "t3v1")
		send(1, "t2v2")
		send(1, "t1v3")
		settles(2, tps...)
		if err := s.main.admin.DeleteTopic(t.Context(), tps[0].Topic); err != nil {
			t.Fatal(err)
		}
		send(2, "t3v2")
		send(1, "t2v3")
		settles(3, tps[1], tps[2])
	}

	t.Run("testEagerConsumerPartitionAssignment", func(t *testing.T) {
		steps(t, "eager", "org.apache.kafka.clients.consumer.RoundRobinAssignor", [4][3]times{
			{{1, 0, 0}},
			{{2, 1, 1}, {1, 0, 0}},
			{{3, 2, 2}, {2, 1, 1}, {1, 0, 0}},
			{{3, 3, 3}, {3, 2, 2}, {2, 1, 1}},
		})
	})

	t.Run("testCooperativeConsumerPartitionAssignment", func(t *testing.T) {
		steps(t, "cooperative", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor", [4][3]times{
			{{1, 0, 0}},
			{{1, 0, 0}, {1, 0, 0}},
			{{1, 0, 0}, {1, 0, 0}, {1, 0, 0}},
			{{1, 1, 1}, {1, 0, 0}, {1, 0, 0}},
		})
	})
}

// topicMadeAnew is none of Kafka's: a topic that a sink reads is deleted and made anew at once, as
// tools do that empty topics. The sink goes on with the new one, from its beginning.
func topicMadeAnew(t *testing.T, s *site) {
	c := s.start(t, spec{workers: 1})
	const name = "anew"
	s.main.create(t, name, 2)
	c.configure(t, name, sink(name, name, 1))
	c.running(t, name, 1)
	s.main.produce(t, text(name, 0, "k", "old1"), text(name, 0, "k", "old2"), text(name, 1, "k", "old3"))
	task := c.book.Connector(name).Task(0)
	has := func(want ...string) {
		t.Helper()
		service.Until(t, soon, "values "+strings.Join(want, " "), func() error {
			got := task.Values()
			for _, value := range want {
				if got[value] == 0 {
					return fmt.Errorf("%v", got)
				}
			}
			return nil
		})
	}
	has("old1", "old2", "old3")
	if err := s.main.admin.DeleteTopic(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	service.Until(t, soon, "a new topic", func() error {
		_, err := s.main.admin.CreateTopic(t.Context(), kafka.NewTopic{Name: name, Partitions: 2, ReplicationFactor: 1})
		return err
	})
	fresh := &broker{Kafka: s.main.Kafka, admin: s.main.admin}
	fresh.renew(t)
	fresh.produce(t, text(name, 0, "k", "new1"), text(name, 1, "k", "new2"))
	has("new1", "new2")
	c.running(t, name, 1)
}

// sourceConnectors is SourceConnectorsIntegrationTest.
func sourceConnectors(t *testing.T, s *site) {
	grouped := func(name, topic, except string) map[string]string {
		return with(flowing(name, topic), "topic.creation.groups", "foo,bar",
			"topic.creation.foo.include", topic, "topic.creation.foo.exclude", except, "topic.creation.foo.partitions", "9")
	}
	run := func(t *testing.T, c *cluster, name string, props map[string]string) {
		t.Helper()
		c.configure(t, name, props)
		c.validates(t, props, 0)
		c.running(t, name, 1)
	}

	t.Run("testTopicsAreCreatedWhenAutoCreateTopicsIsEnabledAtTheBroker", func(t *testing.T) {
		c := s.start(t, spec{workers: 3, on: s.other, props: map[string]string{"topic.creation.enable": "false"}})
		run(t, c, "foo-source", grouped("foo-source", "auto-foo", "auto-bar"))
		s.other.has(t, "auto-foo", 1)
	})

	t.Run("testTopicsAreCreatedWhenTopicCreationIsEnabled", func(t *testing.T) {
		c := s.start(t, spec{workers: 3})
		run(t, c, "foo-source", grouped("foo-source", "created-foo", "created-bar"))
		s.main.has(t, "created-foo", 9)
	})

	t.Run("testSwitchingToTopicCreationEnabled", func(t *testing.T) {
		c := s.start(t, spec{workers: 3, props: map[string]string{"topic.creation.enable": "false"}})
		s.main.create(t, "switch-bar", 1)
		s.main.has(t, "switch-bar", 1)
		c.configure(t, "bar-source", source("bar-source", "switch-bar", 1, "throughput", "10", "messages.per.poll", "10"))
		run(t, c, "foo-source", grouped("foo-source", "switch-foo", "switch-bar"))
		c.running(t, "bar-source", 1)
		s.main.has(t, "switch-bar", 1)
		if found, err := s.main.admin.DescribeTopics(t.Context(), "switch-foo"); err != nil || len(found) > 0 {
			t.Errorf("the topic is there although nobody may make it: %v %v", found, err)
		}
		c.stop()
		c.spec.props = map[string]string{"topic.creation.enable": "true"}
		c.grow(3)
		c.running(t, "foo-source", 1)
		c.running(t, "bar-source", 1)
		s.main.has(t, "switch-foo", 9)
		s.main.has(t, "switch-bar", 1)
	})
}
