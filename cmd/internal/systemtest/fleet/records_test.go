//go:build integration

package fleet_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestSameRecords has a JVM worker and Troupe do the same, each on a broker of its own, and compares what
// they wrote to the internal topics: the same keys to the byte on the same partitions, and for each key
// the same values, but for the names of workers, times, generations and session keys.
func TestSameRecords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	written := map[string]map[string]history{}
	for _, run := range []struct {
		name string
		kind service.Kind
	}{{"JVM", service.JVMWorker}, {"other", kind(t)}} {
		t.Run(run.name, func(t *testing.T) {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			f := &files{fleet: newFleet(t), dir: dir}
			f.start(run.kind, 1)
			f.allKinds(f.Nodes[0])
			f.Nodes[0].Stop(t)
			written[run.name] = f.histories()
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		})
	}
	if t.Failed() {
		return
	}
	for _, topic := range []string{"configs", "offsets", "status"} {
		compareHistories(t, topic, written["JVM"][topic], written["other"][topic])
	}
}

// allKinds makes a worker write all kinds of records.
func (f *files) allKinds(n *service.Node) {
	f.t.Helper()
	f.connectors(n)
	n.Ask(f.t, "PUT", "/connectors/held/resume", nil)
	f.has("held", 1000)
	f.state(n, "held", "RUNNING")
	n.Ask(f.t, "PATCH", "/connectors/later/offsets", map[string]any{"offsets": []any{map[string]any{
		"partition": map[string]any{"filename": f.path("later.in")}, "offset": map[string]any{"position": 0},
	}}})
	n.Ask(f.t, "PUT", "/connectors/later/resume", nil)
	f.state(n, "later", "RUNNING")
	f.create(n, "numbers-sink-0", 2, map[string]string{"connector.class": tools + "VerifiableSinkConnector", "topics": "numbers"})
	f.settle()
	n.Ask(f.t, "POST", "/connectors/reader/restart?includeTasks=true", nil)
	f.settle()
	n.Ask(f.t, "POST", "/connectors/reader/tasks/0/restart", nil)
	f.settle()
	n.Ask(f.t, "PUT", "/admin/loggers/org.apache.kafka.connect?scope=cluster", map[string]string{"level": "DEBUG"})
	n.Ask(f.t, "PUT", "/connectors/writer/topics/reset", nil)
	n.Ask(f.t, "PUT", "/connectors/later/stop", nil)
	f.state(n, "later", "STOPPED")
	n.Ask(f.t, "DELETE", "/connectors/later/offsets", nil)
	n.Ask(f.t, "DELETE", "/connectors/later", nil)
	delete(f.want, "later")
	n.Ask(f.t, "POST", "/connectors", map[string]any{
		"name": "waiting", "initial_state": "PAUSED",
		"config": map[string]string{"connector.class": fileClass + "SinkConnector", "topics": "lines", "file": f.path("waiting"), "tasks.max": "1"},
	})
	service.Until(f.t, settleLimit(), "waiting is made", func() error {
		var s service.Status
		if err := n.Get(f.t.Context(), "/connectors/waiting/status", &s); err != nil || s.Connector.State != "PAUSED" {
			return fmt.Errorf("%+v %w", s, err)
		}
		return nil
	})
	n.Ask(f.t, "POST", "/connectors", map[string]any{
		"name": "wrong", "config": map[string]string{
			"connector.class": fileClass + "SinkConnector", "topics": "lines", "file": "/proc/no/such", "tasks.max": "1",
			"supervisor.restart.enabled": "false", // the JVM knows no restarts by itself
		},
	})
	service.Until(f.t, settleLimit(), "wrong fails", func() error {
		var s service.Status
		if err := n.Get(f.t.Context(), "/connectors/wrong/status", &s); err != nil {
			return err
		}
		if len(s.Tasks) != 1 || s.Tasks[0].State != "FAILED" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// history is what was written under each key, in order, with the key's partition before it.
type history map[string][]string

// what differs from run to run: names, times, keys, how often the group came together, and traces.
var volatile = regexp.MustCompile(`"(worker_id|key|trace)":"(\\.|[^"\\])*"|"(generation|creation-timestamp|discoverTimestamp|seqno)":\d+`)

// unsure is what a JVM worker itself writes one time so and another so: the version of a plugin that it may
// have forgotten by then, and which task was the first to meet a topic.
var unsure = regexp.MustCompile(`("state":"(?:UNASSIGNED|RESTARTING)".*"version":).*|("task":)\d+(,"discoverTimestamp")`)

// histories reads the internal topics.
func (f *files) histories() map[string]history {
	f.t.Helper()
	out := map[string]history{}
	for _, topic := range []string{"configs", "offsets", "status"} {
		h := history{}
		f.records(f.Topic(topic), func(r *kafka.Record) error {
			value := "tombstone"
			if r.Value != nil {
				value = volatile.ReplaceAllStringFunc(string(r.Value), func(s string) string { return s[:strings.Index(s, ":")] + `:…` })
				value = unsure.ReplaceAllString(value, "$1$2…$3")
			}
			if topic == "configs" {
				value = sorted(value)
			}
			key := fmt.Sprintf("%d %s", r.Partition, r.Key)
			if had := h[key]; len(had) == 0 || had[len(had)-1] != value {
				h[key] = append(had, value)
			}
			return nil
		})
		out[topic] = h
	}
	return out
}

// sorted is JSON with the keys of objects in order: in the values of the config topic it has no meaning.
func sorted(value string) string {
	var v any
	if json.Unmarshal([]byte(value), &v) != nil {
		return value
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return value
	}
	return string(raw)
}

func compareHistories(t *testing.T, topic string, jvm, other history) {
	t.Helper()
	keys := slices.Collect(maps.Keys(jvm))
	for key := range other {
		if _, ok := jvm[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	same := 0
	for _, key := range keys {
		a, b := jvm[key], other[key]
		switch topic {
		case "status":
			a, b = settledOnly(a), settledOnly(b)
		case "offsets":
			a, b = furthest(a), furthest(b)
		}
		if !slices.Equal(a, b) {
			t.Errorf("%s, key %q:\nJVM:\n  %s\nother:\n  %s", topic, key, strings.Join(jvm[key], "\n  "), strings.Join(other[key], "\n  "))
			continue
		}
		same++
	}
	t.Logf("%s: %d keys, %d with the same history", topic, len(keys), same)
}

// settledOnly leaves out states between two others: whether UNASSIGNED is seen between two runs of a task,
// and how often it is told that it runs, is up to how rebalances fall together; and Troupe says RESTARTING
// at every restart by REST, the JVM only where the connector is part of it.
func settledOnly(history []string) []string {
	var out []string
	for i, v := range history {
		between := i+1 < len(history) && (strings.Contains(v, `"UNASSIGNED"`) || strings.Contains(v, `"RESTARTING"`))
		if !between && (len(out) == 0 || out[len(out)-1] != v) {
			out = append(out, v)
		}
	}
	return out
}

// furthest leaves out places in a file on the way to one behind them: when a place is committed is chance.
func furthest(history []string) []string {
	var out []string
	for i, v := range history {
		var here, next struct{ Position *int64 }
		if i+1 < len(history) && json.Unmarshal([]byte(v), &here) == nil && json.Unmarshal([]byte(history[i+1]), &next) == nil &&
			here.Position != nil && next.Position != nil && *here.Position < *next.Position {
			continue
		}
		out = append(out, v)
	}
	return out
}
