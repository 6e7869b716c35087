//go:build integration

package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
)

// realKafka starts Kafka 4.1.1 for the test and returns its address.
func realKafka(t *testing.T, port int) string {
	t.Helper()
	service := func(action string) ([]byte, error) {
		cmd := exec.Command(filepath.Join("..", "..", "testdata", "services", "kafka"), action)
		cmd.Env = append(os.Environ(), fmt.Sprintf("KAFKA_PORT=%d", port))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("kafka %s: %w: %s", action, err, stderr.String())
		}
		return out, err
	}
	out, err := service("start")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := service("stop"); err != nil {
			t.Error(err)
		}
	})
	return strings.TrimSpace(string(out))
}

// jvmState is what the JVM's stores make of the topics.
func jvmState(t *testing.T, bootstrap string) map[string]any {
	t.Helper()
	cache := os.Getenv("SERVICES_CACHE")
	if cache == "" {
		home, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(home, "troupe-services")
	}
	libs, err := filepath.Glob(filepath.Join(cache, "kafka-*", "libs"))
	if err != nil || len(libs) == 0 {
		t.Fatalf("no jars in %s: %v", cache, err)
	}
	props := filepath.Join(t.TempDir(), "worker.properties")
	converter := "org.apache.kafka.connect.json.JsonConverter"
	text := fmt.Sprintf("bootstrap.servers=%s\nlisteners=http://127.0.0.1:1\nkey.converter=%s\nvalue.converter=%s\ngroup.id=g\n"+
		"config.storage.topic=configs\noffset.storage.topic=offsets\nstatus.storage.topic=statuses\n"+
		"config.storage.replication.factor=1\noffset.storage.replication.factor=1\nstatus.storage.replication.factor=1\n",
		bootstrap, converter, converter)
	if err := os.WriteFile(props, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "java", "-Dlog4j2.level=OFF", "-cp", filepath.Join(libs[0], "*"), topicsGolden+"Topics.java", "state", props)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("java: %v: %s", err, stderr.String())
	}
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got
}

// A real JVM reads what our stores write through a real broker, topics made by us included, as we do.
func TestJVMReadsOurTopics(t *testing.T) {
	bootstrap := realKafka(t, 18580)
	cfg := func(topic string, partitions int) TopicConfig {
		return TopicConfig{Topic: topic, Partitions: partitions, ReplicationFactor: 1, ClientIDBase: "g-", Props: kafka.Props{"bootstrap.servers": bootstrap}}
	}
	admin := topicAdmin(t, kafka.Props{"bootstrap.servers": bootstrap})
	var told heard
	configs := NewConfigStore(cfg("configs", 1), admin, &told, silent())
	statuses := NewTopicStatusStore(cfg("statuses", 5), admin, silent())
	offsets := NewTopicOffsetStore(cfg("offsets", 25), admin, silent())
	atEnd(t, configs.Stop)
	atEnd(t, statuses.Stop)
	atEnd(t, offsets.Close)
	for _, err := range []error{configs.Start(soon(t)), statuses.Start(soon(t)), offsets.Start(soon(t))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	writeConfigs(t, configs)
	writeStatuses(t, statuses)
	statuses.PutTask(state.TaskID{Connector: odd, Task: 1}, state.Status{State: state.Running, WorkerID: "w:1", Generation: 2, Version: "1"})
	statuses.PutTopic(TopicStatus{Topic: "t", Task: state.TaskID{Connector: "c-d", Task: 1}, Discovered: time.UnixMilli(1700000000123)})
	key, err := EncodeOffsetKey(odd, map[string]any{"cluster": "a", "partition": 0, "topic": odd})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		statuses.Flush(soon(t)), statuses.Refresh(soon(t)),
		offsets.Set(soon(t), []Pair{{key, []byte(`{"offset":5}`)}, {[]byte(`["gone",{}]`), nil}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := jvmState(t, bootstrap)
	compareConfigs(t, viaJSON(t, described(configs.table)).(map[string]any), want["configs"].(map[string]any))
	got := viaJSON(t, describedStatuses(statuses)).(map[string]any)
	jvm := want["statuses"].(map[string]any)
	maps.DeleteFunc(jvm, func(_ string, v any) bool { return isNothing(v) })
	if !reflect.DeepEqual(got, jvm) {
		t.Errorf("statuses: ours %v\nthe JVM's %v", got, jvm)
	}
	if jvm = want["offsets"].(map[string]any); !reflect.DeepEqual(jvm, map[string]any{string(key): `{"offset":5}`}) {
		t.Errorf("offsets: the JVM's %v", jvm)
	}
}
