package connector

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
)

// inGroup makes the environment one of a distributed worker on a Kafka in memory.
func inGroup(t *testing.T, env *task.Env) *kafkatest.Cluster {
	t.Helper()
	cluster := kafkatest.New(t, kafkatest.InMemory())
	props := cluster.Props()
	maps.Copy(props, map[string]string{
		"group.id": "g", "config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
		"offset.storage.partitions": "2", "offset.storage.replication.factor": "1",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
	})
	w, _, err := settings.LoadWorker(t.Context(), settings.Distributed, props, nil)
	if err != nil {
		t.Fatal(err)
	}
	env.Worker, env.KafkaOptions = &w, []kafka.Option{cluster.Option()}
	return cluster
}

// TestInstanceReadsItsOwnOffsets: a connector object with offsets.storage.topic reads from there, as long
// as it lives, and nothing of it is left behind.
func TestInstanceReadsItsOwnOffsets(t *testing.T) {
	file := map[string]any{"file": "a"}
	var reader connectors.OffsetReader
	p := &puppet{start: func(_ context.Context, sc connectors.SourceContext, _ map[string]string) error {
		reader = sc.Offsets()
		return nil
	}}
	conf := baseProps("offsets.storage.topic", "own")
	performOn(t, func() connectors.SourceConnector { return p }, conf, func(t *testing.T, env *task.Env) {
		cluster := inGroup(t, env)
		key, err := storage.EncodeOffsetKey("c", file)
		if err != nil {
			t.Fatal(err)
		}
		cluster.CreateTopic("own", 1, map[string]string{"cleanup.policy": "compact"})
		cluster.Produce(&kafka.Record{Topic: "own", Key: key, Value: []byte(`{"at":7}`)})
	}, func(t *testing.T, h *theater) {
		time.Sleep(time.Second)
		synctest.Wait()
		if o, err := reader.Offset(context.Background(), file); err != nil || o["at"] != int64(7) {
			t.Errorf("offset %v, %v", o, err)
		}
		h.send(task.Stop{By: time.Now().Add(5 * time.Second)})
		h.sys.Root.Stop(h.inst)
		time.Sleep(time.Second)
		if _, err := reader.Offset(context.Background(), file); err == nil {
			t.Error("the reader outlives the connector")
		}
	})
}

// TestInstanceWithABadOffsetsTopic: a connector whose own topic won't do fails with its name.
func TestInstanceWithABadOffsetsTopic(t *testing.T) {
	p := &puppet{}
	conf := baseProps("offsets.storage.topic", "own")
	performOn(t, func() connectors.SourceConnector { return p }, conf, func(t *testing.T, env *task.Env) {
		inGroup(t, env).CreateTopic("own", 1, map[string]string{"cleanup.policy": "delete"})
	}, func(t *testing.T, h *theater) {
		time.Sleep(time.Second)
		synctest.Wait()
		if f := h.failure(t, "Topic 'own' supplied via the 'offsets.storage.topic' property"); budget.Judge(f).Class != budget.Lasting {
			t.Errorf("it is tried again: %s", f.Trace())
		}
		if p.called() != "" {
			t.Errorf("calls %s", p.called())
		}
	})
}
