package storage

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
)

// What no worker writes is told in one line of the log, which says what is wrong, and changes nothing.
func TestGarbageInTheConfigTopic(t *testing.T) {
	const connector = `{"properties":{"name":"c"}}`
	for _, tt := range []struct{ key, value, says string }{
		{"connector-", connector, "doesn't name a connector"},
		{"target-state-", `{"state":"PAUSED","state.v2":"PAUSED"}`, "doesn't name a connector"},
		{"commit-", `{"tasks":1}`, "doesn't name a connector"},
		{"restart-connector-", `{"include-tasks":true}`, "doesn't name a connector"},
		{"tasks-fencing-", `{"task-count":1}`, "doesn't name a connector"},
		{"commit-c", `{"tasks":-5}`, "'tasks' is -5, it must be from 0 to 100000"},
		{"commit-c", `{"tasks":2147483647}`, "'tasks' is 2147483647"},
		{"tasks-fencing-c", `{"task-count":-5}`, "'task-count' is -5, it must be from 0 to 100000"},
		{"tasks-fencing-c", `{"task-count":2000000000}`, "'task-count' is 2000000000"},
		{"tasks-fencing-c", `{"task-count":1.5}`, "'task-count' should be an integer but is a number with a fraction"},
		{"tasks-fencing-c", `{"tasks":3}`, "'task-count' should be an integer but is missing or null"},
		{"commit-c", `{"tasks":"x"}`, "'tasks' should be an integer but is a string"},
		{"commit-c", `{"tasks":true}`, "'tasks' should be an integer but is a boolean"},
		{"commit-c", `[1]`, "the value should be an object but is an array"},
		{"connector-c", `{"properties":{"a":{"b":1}}}`, "should be a string but is an object"},
		{"target-state-c", `{"state":-1}`, "'state' should be a string but is a number"},
		{"session-key", `{"key":"YWJj","algorithm":"HmacSHA256","creation-timestamp":9223372036854775807}`, "'creation-timestamp' is 9223372036854775807"},
		{"session-key", `{"key":"YWJj","algorithm":"HmacSHA256","creation-timestamp":-1}`, "'creation-timestamp' is -1"},
		{"connector-x", `{`, "not JSON"},
		{"connector-x", "\x00\xff", "not JSON"},
		{"", `{}`, "no worker writes such a key"},
		{"\x00\xff", ``, "no worker writes such a key"},
		{"task-c-99999999999", `{"properties":{}}`, "doesn't name a task"},
	} {
		t.Run(tt.key+" "+tt.value, func(t *testing.T) {
			var log bytes.Buffer
			table := newConfigTable(slog.New(slog.NewTextHandler(&log, nil)))
			table.apply([]byte("connector-c"), []byte(connector), 0)
			table.apply([]byte("task-c-0"), []byte(`{"properties":{"a":"0"}}`), 1)
			table.apply([]byte("commit-c"), []byte(`{"tasks":1}`), 2)
			table.apply([]byte("tasks-fencing-c"), []byte(`{"task-count":1}`), 3)
			before := described(table)
			if log.Len() > 0 {
				t.Fatal(log.String())
			}
			if e := table.apply([]byte(tt.key), []byte(tt.value), 4); e != nil {
				t.Error("somebody is to be told of it")
			}
			after := described(table)
			delete(before, "offset")
			delete(after, "offset")
			if !reflect.DeepEqual(before, after) {
				t.Errorf("before %v\nafter  %v", before, after)
			}
			line := log.String()
			if strings.Count(line, "\n") != 1 || !strings.Contains(line, tt.says) || !strings.Contains(line, "level=ERROR") || !strings.Contains(line, "offset=4") {
				t.Errorf("the log says %q, want something of %q", line, tt.says)
			}
		})
	}
}

// Numbers that mean no time, states that don't exist: as above, in the status topic.
func TestGarbageInTheStatusTopic(t *testing.T) {
	for _, tt := range []struct{ key, value, says string }{
		{"status-connector-", `{"state":"RUNNING","worker_id":"w","generation":1}`, "doesn't name a connector"},
		{"status-connector-c", `{"state":"FLYING","worker_id":"w","generation":1}`, "FLYING"},
		{"status-connector-c", `{"state":"RUNNING","worker_id":"w","generation":"1"}`, "'generation' should be an integer but is a string"},
		{"status-task-c-x", `{"state":"RUNNING","worker_id":"w","generation":1}`, "doesn't name a task"},
		{"status-topic-t:connector-c", `{"topic":{"name":"t","connector":"c","task":0,"discoverTimestamp":9223372036854775807}}`, "no time in ms"},
		{"status-topic-t:connector-c", `{"topic":{"name":"t","connector":"c","task":0,"discoverTimestamp":-7}}`, "no time in ms"},
		{"status-topic-t", `{}`, "doesn't name a topic"},
		{"\xff", `{}`, "no worker writes such a key"},
		{"status-connector-c", "\x00", "not JSON"},
	} {
		t.Run(tt.key+" "+tt.value, func(t *testing.T) {
			var log bytes.Buffer
			s := NewTopicStatusStore(TopicConfig{Topic: "statuses"}, nil, slog.New(slog.NewTextHandler(&log, nil)))
			s.apply(&kafka.Record{Key: []byte(tt.key), Value: []byte(tt.value), Offset: 4})
			if len(s.Connectors())+len(s.TopicConnectors()) > 0 {
				t.Errorf("there are connectors %v, topics of %v", s.Connectors(), s.TopicConnectors())
			}
			line := log.String()
			if strings.Count(line, "\n") != 1 || !strings.Contains(line, tt.says) || !strings.Contains(line, "offset=4") {
				t.Errorf("the log says %q, want something of %q", line, tt.says)
			}
		})
	}
}

// All stores start on topics full of garbage and see what lies behind it.
func TestStoresStartOnGarbage(t *testing.T) {
	c := kafkatest.New(t)
	for topic, partitions := range map[string]int32{"configs": 1, "statuses": 2, "offsets": 5} {
		c.CreateTopic(topic, partitions, map[string]string{"cleanup.policy": "compact"})
		var records []*kafka.Record
		for p := range partitions {
			for n, junk := range []string{"", "\x00", "null", "[]", `["c",{"p":1}]`, "{}", `{"tasks":-5}`, `{"task-count":2000000000}`, strings.Repeat("[", 20000)} {
				for _, key := range []string{"", "\xff\x00", "connector-", "commit-c", "tasks-fencing-c", "status-task-", "status-connector-c", `["c",{"p":1}]`, `["c",[]]`, fmt.Sprint(n)} {
					records = append(records, &kafka.Record{Topic: topic, Partition: p, Key: []byte(key), Value: []byte(junk)})
				}
			}
			records = append(records, &kafka.Record{Topic: topic, Partition: p}) // neither key nor value
		}
		c.Produce(records...)
	}
	configs, statuses, offsets := startConfigs(t, c, topicConfig(c, "configs", 1), nil), startStatuses(t, c), startOffsets(t, c)
	ctx := soon(t)
	if err := configs.PutConnector(ctx, "good", map[string]string{"name": "good"}, state.TargetStarted); err != nil {
		t.Fatal(err)
	}
	if got := configs.Snapshot().Connectors(); !reflect.DeepEqual(got, []string{"good"}) {
		t.Errorf("connectors %q", got)
	}
	statuses.PutConnector("good", state.Status{State: state.Running, WorkerID: "w", Generation: 1})
	if err := statuses.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := statuses.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	if st, ok := statuses.Connector("good"); !ok || st.State != state.Running {
		t.Errorf("status %+v, %v", st, ok)
	}
	key := []byte(`["good",{"p":1}]`)
	if err := offsets.Set(ctx, []Pair{{key, []byte(`{"o":1}`)}}); err != nil {
		t.Fatal(err)
	}
	if got, err := offsets.Get(ctx, [][]byte{key}); err != nil || string(got[0]) != `{"o":1}` {
		t.Errorf("offset %q, %v", got, err)
	}
}
