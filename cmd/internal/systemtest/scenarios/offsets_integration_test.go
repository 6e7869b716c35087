//go:build integration

package scenarios_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/monitorable"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

const (
	perPartition = 10 // records, or records per task
	offsetTasks  = 2
	// What the framework says of a change, "altered" or "reset", when the connector says nothing.
	managedText = "The Connect framework-managed offsets for this connector have been %s successfully. However, if this connector " +
		"manages offsets externally, they will need to be manually %s in the system that the connector uses."
)

// offsetEntry is one of the entries of /connectors/NAME/offsets.
type offsetEntry struct {
	Partition map[string]any `json:"partition"`
	Offset    map[string]any `json:"offset"`
}

// offsets waits until there are so many entries, each with the number given under the key.
func (c *cluster) offsets(t *testing.T, name string, entries int, key string, want int64) {
	t.Helper()
	service.Until(t, soon, fmt.Sprintf("%d offsets of %s at %d", entries, name, want), func() error {
		var answer struct {
			Offsets []offsetEntry `json:"offsets"`
		}
		if err := c.Get(t.Context(), "/connectors/"+name+"/offsets", &answer); err != nil {
			return err
		}
		if len(answer.Offsets) != entries {
			return fmt.Errorf("%v", answer)
		}
		for _, e := range answer.Offsets {
			if got, ok := e.Offset[key].(float64); !ok || int64(got) != want {
				return fmt.Errorf("%v", answer)
			}
		}
		return nil
	})
}

// alter changes offsets (PATCH) or, without entries, resets them (DELETE). It tries again while sink
// tasks that were told to stop are still in their group, which the answer has to say.
func (c *cluster) alter(t *testing.T, name string, entries []offsetEntry) string {
	t.Helper()
	method, body, verb := http.MethodDelete, any(nil), "reset"
	if entries != nil {
		method, body, verb = http.MethodPatch, map[string]any{"offsets": entries}, "alter"
	}
	var said string
	service.Until(t, soon, verb+" offsets of "+name, func() error {
		status, answer, err := c.Do(t.Context(), method, "/connectors/"+name+"/offsets", body)
		said = string(answer)
		switch {
		case err != nil:
			t.Fatal(err)
		case status == http.StatusConflict,
			status == http.StatusInternalServerError && strings.Contains(said, "Failed to "+verb+" consumer group offsets for connector") &&
				strings.Contains(said, "If the connector is in a stopped state, this operation can be safely retried"):
			return errors.New(said)
		case status != http.StatusOK:
			t.Fatalf("%s: %d %s", verb, status, said)
		}
		return nil
	})
	return said
}

// says fails the test unless the answer holds the text.
func says(t *testing.T, answer, text string) {
	t.Helper()
	if !strings.Contains(answer, text) {
		t.Errorf("the answer is %s, want %q in it", answer, text)
	}
}

func managed(verb string) string { return fmt.Sprintf(managedText, verb, verb) }

// offsetsAPI is OffsetsApiIntegrationTest.
func offsetsAPI(t *testing.T, s *site) {
	c := s.start(t, spec{workers: 3, props: map[string]string{"offset.flush.interval.ms": "200"}})
	o := &offsetsRig{c}
	t.Run("testGetNonExistentConnectorOffsets", func(t *testing.T) {
		c.ask(t, http.StatusNotFound, http.MethodGet, "/connectors/non-existent-connector/offsets", nil)
	})
	t.Run("testAlterOffsetsNonExistentConnector", func(t *testing.T) {
		c.ask(t, http.StatusNotFound, http.MethodPatch, "/connectors/non-existent-connector/offsets",
			raw(`{"offsets":[{"partition":{},"offset":{}}]}`))
	})
	t.Run("testResetOffsetsNonExistentConnector", func(t *testing.T) {
		c.ask(t, http.StatusNotFound, http.MethodDelete, "/connectors/non-existent-connector/offsets", nil)
	})
	t.Run("testAlterOffsetsNonStoppedConnector", func(t *testing.T) {
		o.nonStopped(t, http.MethodPatch, map[string]any{"offsets": taskOffsets("testAlterOffsetsNonStoppedConnector", 5)})
	})
	t.Run("testResetOffsetsNonStoppedConnector", func(t *testing.T) { o.nonStopped(t, http.MethodDelete, nil) })
	o.sinks(t, s)
	o.sources(t, s)
	t.Run("testAlterSinkConnectorOffsetsInvalidRequestBody", o.wrongSinkBodies)
	t.Run("testAlterSourceConnectorOffsetsInvalidRequestBody", o.wrongSourceBodies)
	zombie := func(method string, body any) func(*testing.T) {
		return func(t *testing.T) {
			z := &offsetsRig{s.start(t, spec{workers: 1, hangs: true, props: map[string]string{"task.shutdown.graceful.timeout.ms": "3000"}})}
			z.zombie(t, s, method, body)
		}
	}
	t.Run("testAlterSinkConnectorOffsetsZombieSinkTasks", zombie(http.MethodPatch,
		raw(`{"offsets":[{"partition":{"kafka_topic":"testAlterSinkConnectorOffsetsZombieSinkTasks","kafka_partition":0},"offset":null}]}`)))
	t.Run("testResetSinkConnectorOffsetsZombieSinkTasks", zombie(http.MethodDelete, nil))
	e := &offsetsRig{s.start(t, spec{workers: 3, props: map[string]string{"exactly.once.source.support": "enabled"}})}
	t.Run("testAlterSourceConnectorOffsetsExactlyOnceSupportEnabled", func(t *testing.T) { e.alterSource(t) })
	t.Run("testResetSourceConnectorOffsetsExactlyOnceSupportEnabled", func(t *testing.T) { e.resetSource(t) })
}

// offsetsRig runs the same steps with different settings. Connector and topic are named after the test.
type offsetsRig struct{ *cluster }

func testName(t *testing.T) string { return t.Name()[strings.LastIndex(t.Name(), "/")+1:] }

// sinks are the tests of sinks: as they are, with a group of their own, with topics in another cluster.
func (o *offsetsRig) sinks(t *testing.T, s *site) {
	for _, action := range []struct {
		name string
		run  func(*testing.T, *broker, ...string)
	}{
		{"testGetSinkConnectorOffsets", o.getSink},
		{"testAlterSinkConnectorOffsets", o.alterSink},
		{"testResetSinkConnectorOffsets", o.resetSink},
	} {
		t.Run(action.name, func(t *testing.T) { action.run(t, s.main) })
		t.Run(action.name+"OverriddenConsumerGroupId", func(t *testing.T) {
			group := testName(t) + "-overridden-group-id"
			action.run(t, s.main, "consumer.override.group.id", group)
			for name, there := range map[string]bool{group: true, "connect-" + testName(t): false} {
				info, err := s.main.admin.DescribeGroup(t.Context(), name)
				// After a reset the group may be gone and be made again by now.
				if err != nil || (info.State != "Dead") != there {
					t.Errorf("group %s is %+v %v, want it there: %t", name, info, err, there)
				}
			}
		})
		t.Run(action.name+"DifferentKafkaClusterTargeted", func(t *testing.T) {
			action.run(t, s.other, "consumer.override.bootstrap.servers", s.other.Addr, "admin.override.bootstrap.servers", s.other.Addr)
		})
	}
}

// fill makes the test's topic with ten records in each partition.
func fill(t *testing.T, b *broker, partitions int) {
	t.Helper()
	b.create(t, testName(t), partitions)
	more(t, b, partitions)
}

func more(t *testing.T, b *broker, partitions int) {
	t.Helper()
	var records []*kafka.Record
	for i := range partitions * perPartition {
		records = append(records, text(testName(t), int32(i%partitions), "key", "value"))
	}
	b.produce(t, records...)
}

func (o *offsetsRig) startSink(t *testing.T, b *broker, partitions int, pairs []string) map[string]string {
	t.Helper()
	fill(t, b, partitions)
	props := sink(testName(t), testName(t), offsetTasks, pairs...)
	o.configure(t, testName(t), props)
	o.running(t, testName(t), offsetTasks)
	o.offsets(t, testName(t), partitions, "kafka_offset", perPartition)
	return props
}

func (o *offsetsRig) getSink(t *testing.T, b *broker, pairs ...string) {
	o.startSink(t, b, 5, pairs)
	more(t, b, 5)
	o.offsets(t, testName(t), 5, "kafka_offset", 2*perPartition)
}

func (o *offsetsRig) alterSink(t *testing.T, b *broker, pairs ...string) {
	name := testName(t)
	props := o.startSink(t, b, 3, pairs)
	o.stopped(t, name)
	entry := func(partition int, offset map[string]any) offsetEntry {
		return offsetEntry{map[string]any{"kafka_topic": name, "kafka_partition": partition}, offset}
	}
	at := func(n int) map[string]any { return map[string]any{"kafka_offset": n} }
	says(t, o.alter(t, name, []offsetEntry{entry(0, nil), entry(1, at(5)), entry(2, at(5))}), managed("altered"))
	o.offsets(t, name, 2, "kafka_offset", 5)
	o.configure(t, name, with(props, "alter.offsets.result", "true"))
	says(t, o.alter(t, name, []offsetEntry{entry(1, at(3)), entry(2, at(3))}), "The offsets for this connector have been altered successfully")
	o.offsets(t, name, 2, "kafka_offset", 3)
	before := o.book.Connector(name).Counts().Records
	o.eventually(t, http.MethodPut, "/connectors/"+name+"/resume", nil)
	o.running(t, name, offsetTasks)
	o.offsets(t, name, 3, "kafka_offset", perPartition)
	if again := o.book.Connector(name).Counts().Records - before; again != 10+7+7 {
		t.Errorf("%d records came again, want all of one partition and from 3 on of two: 24", again)
	}
}

func (o *offsetsRig) resetSink(t *testing.T, b *broker, pairs ...string) {
	name := testName(t)
	o.startSink(t, b, 3, pairs)
	o.stopped(t, name)
	for range 2 { // the second time there is nothing to reset, which is fine
		says(t, o.alter(t, name, nil), managed("reset"))
		o.offsets(t, name, 0, "", 0)
	}
	o.eventually(t, http.MethodPut, "/connectors/"+name+"/resume", nil)
	o.running(t, name, offsetTasks)
	o.offsets(t, name, 3, "kafka_offset", perPartition)
}

// sources are the tests of sources: as they are, with an offsets topic of their own, with topics in
// another cluster.
func (o *offsetsRig) sources(t *testing.T, s *site) {
	for _, action := range []struct {
		name string
		run  func(*testing.T, ...string)
	}{
		{"testGetSourceConnectorOffsets", o.getSource},
		{"testAlterSourceConnectorOffsets", o.alterSource},
		{"testResetSourceConnectorOffsets", o.resetSource},
	} {
		t.Run(action.name, func(t *testing.T) { action.run(t) })
		t.Run(action.name+"CustomOffsetsTopic", func(t *testing.T) {
			topic := testName(t) + "-custom-offsets-topic"
			action.run(t, "offsets.storage.topic", topic)
			if got := s.main.records(t, "read_committed", topic); len(got) == 0 {
				t.Errorf("there is nothing in %s", topic)
			}
		})
		t.Run(action.name+"DifferentKafkaClusterTargeted", func(t *testing.T) {
			action.run(t, "producer.override.bootstrap.servers", s.other.Addr, "admin.override.bootstrap.servers", s.other.Addr)
			if got := s.other.records(t, "read_committed", testName(t)); len(got) < offsetTasks*perPartition {
				t.Errorf("%d records in the other cluster", len(got))
			}
		})
	}
}

// taskOffsets are offsets of both tasks.
func taskOffsets(name string, saved int) (entries []offsetEntry) {
	for i := range offsetTasks {
		entries = append(entries, offsetEntry{map[string]any{"task.id": fmt.Sprintf("%s-%d", name, i)}, map[string]any{"saved": saved}})
	}
	return entries
}

func (o *offsetsRig) startSource(t *testing.T, pairs []string) map[string]string {
	t.Helper()
	props := source(testName(t), testName(t), offsetTasks, append([]string{
		"messages.per.poll", "3", "max.messages", fmt.Sprint(perPartition),
		"topic.creation.default.replication.factor", "1", "topic.creation.default.partitions", "1",
	}, pairs...)...)
	o.configure(t, testName(t), props)
	o.running(t, testName(t), offsetTasks)
	o.offsets(t, testName(t), offsetTasks, "saved", perPartition)
	return props
}

func (o *offsetsRig) getSource(t *testing.T, pairs ...string) {
	props := o.startSource(t, pairs)
	o.configure(t, testName(t), with(props, "max.messages", fmt.Sprint(2*perPartition)))
	o.offsets(t, testName(t), offsetTasks, "saved", 2*perPartition)
}

func (o *offsetsRig) alterSource(t *testing.T, pairs ...string) {
	name := testName(t)
	props := o.startSource(t, pairs)
	o.stopped(t, name)
	says(t, o.alter(t, name, taskOffsets(name, 5)), managed("altered"))
	o.offsets(t, name, offsetTasks, "saved", 5)
	o.configure(t, name, with(props, "alter.offsets.result", "true"))
	says(t, o.alter(t, name, taskOffsets(name, 7)), "The offsets for this connector have been altered successfully")
	o.offsets(t, name, offsetTasks, "saved", 7)
	before := o.book.Connector(name).Counts().Records
	o.eventually(t, http.MethodPut, "/connectors/"+name+"/resume", nil)
	o.running(t, name, offsetTasks)
	o.offsets(t, name, offsetTasks, "saved", perPartition)
	if again := o.book.Connector(name).Counts().Records - before; again != offsetTasks*(perPartition-7) {
		t.Errorf("%d records were sent after the change, want those above 7 of each task", again)
	}
}

func (o *offsetsRig) resetSource(t *testing.T, pairs ...string) {
	name := testName(t)
	o.startSource(t, pairs)
	o.stopped(t, name)
	for range 2 {
		says(t, o.alter(t, name, nil), managed("reset"))
		o.offsets(t, name, 0, "", 0)
	}
	o.eventually(t, http.MethodPut, "/connectors/"+name+"/resume", nil)
	o.running(t, name, offsetTasks)
	o.offsets(t, name, offsetTasks, "saved", perPartition)
}

// nonStopped asks for a change while the connector runs, and while it is paused.
func (o *offsetsRig) nonStopped(t *testing.T, method string, body any) {
	name := testName(t)
	o.startSource(t, nil)
	says(t, o.ask(t, http.StatusBadRequest, method, "/connectors/"+name+"/offsets", body), "STOPPED")
	o.eventually(t, http.MethodPut, "/connectors/"+name+"/pause", nil)
	o.states(t, name, "PAUSED", offsetTasks, "PAUSED")
	says(t, o.ask(t, http.StatusBadRequest, method, "/connectors/"+name+"/offsets", body), "STOPPED")
}

func (o *offsetsRig) wrongSinkBodies(t *testing.T) {
	name := testName(t)
	o.configure(t, name, sink(name, name, offsetTasks))
	o.running(t, name, offsetTasks)
	o.stopped(t, name)
	for body, words := range map[string]string{
		`{}`:                "Partitions / offsets need to be provided for an alter offsets request",
		`{"offsets": []}`:   "Partitions / offsets need to be provided for an alter offsets request",
		`{"offsets": [{}]}`: "The partition for a sink connector offset cannot be null or missing",
		`{"offsets": [{"partition": null, "offset": null}]}`:                                                           "The partition for a sink connector offset cannot be null or missing",
		`{"offsets": [{"partition": {}, "offset": null}]}`:                                                             "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'",
		`{"offsets": [{"partition": {"kafka_topic": "test", "kafka_partition": "not a number"}, "offset": null}]}`:     "Partition values for sink connectors need to be integers",
		`{"offsets": [{"partition": {"kafka_topic": "test", "kafka_partition": 1}, "offset": {}}]}`:                    "The offset for a sink connector should either be null or contain the key 'kafka_offset'",
		`{"offsets": [{"partition": {"kafka_topic": "test", "kafka_partition": 1}, "offset": {"kafka_offset": "x"}}]}`: "Offset values for sink connectors need to be integers",
	} {
		o.refused(t, http.StatusBadRequest, words, http.MethodPatch, "/connectors/"+name+"/offsets", raw(body))
	}
}

func (o *offsetsRig) wrongSourceBodies(t *testing.T) {
	name := testName(t)
	o.startSource(t, nil)
	o.stopped(t, name)
	// The JVM's worker answers 500 where the body's form is wrong, with Jackson's words; ours 400
	// (testdata/rest/QUIRKS.md).
	for body, words := range map[string]string{
		`[]`:                               "array",
		`{}`:                               "Partitions / offsets need to be provided for an alter offsets request",
		`{"key": []}`:                      `Unrecognized field \"key\"`,
		`{"offsets": []}`:                  "Partitions / offsets need to be provided for an alter offsets request",
		`{"offsets": {}}`:                  "offsets",
		`{"offsets": [123]}`:               "offsets[0]",
		`{"offsets": [{"key": "val"}]}`:    `Unrecognized field \"key\"`,
		`{"offsets": [{"partition": []}]}`: "offsets[0].partition",
	} {
		o.refused(t, http.StatusBadRequest, words, http.MethodPatch, "/connectors/"+name+"/offsets", raw(body))
	}
}

// zombie asks for a change while a task that was told to stop hangs, in its group still. Where the
// JVM's worker stays so until it is restarted, ours shuts the task out of its group when its time to
// stop is over, and the change goes through.
func (o *offsetsRig) zombie(t *testing.T, s *site, method string, body any) {
	name := testName(t)
	fill(t, s.main, 1)
	o.configure(t, name, sink(name, name, 1, "connector.class", monitorable.BlockingSinkClass))
	o.running(t, name, 1)
	o.offsets(t, name, 1, "kafka_offset", perPartition)
	o.eventually(t, http.MethodPut, "/connectors/"+name+"/stop", nil)
	status, answer, err := o.Do(t.Context(), method, "/connectors/"+name+"/offsets", body)
	if err != nil || status != http.StatusInternalServerError || !strings.Contains(string(answer), "zombie sink task") {
		t.Errorf("%d %s %v", status, answer, err)
	}
	var entries []offsetEntry
	if method == http.MethodPatch {
		entries = []offsetEntry{{map[string]any{"kafka_topic": name, "kafka_partition": 0}, nil}}
	}
	o.alter(t, name, entries)
	o.offsets(t, name, 0, "", 0)
	o.book.Release() // the task hangs no longer; what it knows must not come back as its group's offset
	reaches(t, "the end of the task", o.book.Connector(name).Task(0).Counts, func(n monitorable.Counts) bool { return n.Stops > 0 })
	o.offsets(t, name, 0, "", 0)
}
