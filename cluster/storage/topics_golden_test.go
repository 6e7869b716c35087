package storage

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/state"
)

// goldens of the three topics, recorded from the JVM: see the README there.
const topicsGolden = "../../testdata/topics/"

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

type goldenRecord struct {
	Partition  int32
	Offset     int64
	Key, Value []byte
}

// goldenRecords reads a dumped topic, at least so many records.
func goldenRecords(t testing.TB, name string, least int) []goldenRecord {
	t.Helper()
	f, err := os.Open(topicsGolden + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	var out []goldenRecord
	sc := bufio.NewScanner(f)
	for sc.Buffer(nil, 1<<20); sc.Scan(); {
		var line struct {
			Partition  int32
			Offset     int64
			Key, Value *string
		}
		if err := json.Unmarshal(sc.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		r := goldenRecord{Partition: line.Partition, Offset: line.Offset, Key: fromBase64(t, line.Key), Value: fromBase64(t, line.Value)}
		out = append(out, r)
	}
	if sc.Err() != nil || len(out) < least {
		t.Fatalf("%s: %d records, %v", name, len(out), sc.Err())
	}
	return out
}

func fromBase64(t testing.TB, s *string) []byte {
	t.Helper()
	if s == nil {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(*s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goldenState is what the JVM made of the topics.
func goldenState(t testing.TB, name string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(read(t, topicsGolden+name+".state.json"), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// viaJSON is v as encoding/json reads it, to be compared with goldenState.
func viaJSON(t testing.TB, v any) any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// described is a configTable in the words of Topics.java.
func described(table *configTable) map[string]any {
	s := table.snapshot()
	out := map[string]any{"offset": s.Offset()}
	if k := s.SessionKey(); k != nil {
		out["session"] = map[string]any{"key": k.Key, "algorithm": k.Algorithm, "created": k.Created.UnixMilli()}
	}
	names := map[string]bool{}
	for name := range s.connectors {
		names[name] = true
	}
	for name := range table.deferred {
		names[name] = true
	}
	connectors := map[string]any{}
	for name := range names {
		connectors[name] = describedConnector(s, name, table.deferred[name])
	}
	out["connectors"] = connectors
	return out
}

func describedConnector(s *ConfigState, name string, deferred map[int]map[string]string) map[string]any {
	c := s.connectors[name]
	ids := []int{}
	for _, id := range s.Tasks(name) {
		ids = append(ids, id.Task)
	}
	m := map[string]any{
		"config": nil, "applied": nil, "target": nil, "fencing": nil, "generation": nil,
		"pending": s.PendingFencing(name), "inconsistent": c.inconsistent, "tasks": ids,
		"count": s.TaskCount(name), "taskConfigs": map[int]map[string]string{}, "deferred": map[int]map[string]string{},
	}
	if config, ok := s.Config(name); ok {
		m["config"] = config
	}
	if applied, ok := s.Applied(name); ok {
		m["applied"] = applied
	}
	if target := s.Target(name); target != "" {
		m["target"] = target
	}
	if n, ok := s.TaskCountRecord(name); ok {
		m["fencing"] = n
	}
	if n, ok := s.Generation(name); ok {
		m["generation"] = n
	}
	if c.tasks != nil {
		m["taskConfigs"] = c.tasks
	}
	if deferred != nil {
		m["deferred"] = deferred
	}
	return m
}

// sameAsJVM brings the JVM's description to ours: no commit is a count of 0, a setting that is null isn't
// there, a connector without a name isn't taken for one, and names of which nothing is left are not listed.
func sameAsJVM(connectors map[string]any) map[string]any {
	for name, c := range connectors {
		m := c.(map[string]any)
		if name == "" {
			m["config"], m["target"] = nil, nil
		}
		if m["count"] == nil {
			m["count"] = 0.0
		}
		if config, ok := m["config"].(map[string]any); ok {
			maps.DeleteFunc(config, func(_ string, v any) bool { return v == nil })
		}
	}
	return connectors
}

func isNothing(c any) bool {
	m := c.(map[string]any)
	for k, v := range m {
		switch v := v.(type) {
		case nil:
		case bool:
			if v {
				return false
			}
		case float64:
			if v != 0 || k == "generation" || k == "fencing" {
				return false
			}
		case map[string]any:
			if len(v) > 0 {
				return false
			}
		case []any:
			if len(v) > 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func compareConfigs(t *testing.T, got, want map[string]any) {
	t.Helper()
	gotConnectors, wantConnectors := got["connectors"].(map[string]any), sameAsJVM(want["connectors"].(map[string]any))
	for _, m := range []map[string]any{gotConnectors, wantConnectors} {
		maps.DeleteFunc(m, func(_ string, c any) bool { return isNothing(c) })
	}
	for name, c := range wantConnectors {
		if !reflect.DeepEqual(gotConnectors[name], c) {
			t.Errorf("connector %q:\ngot  %v\nwant %v", name, gotConnectors[name], c)
		}
	}
	for name, c := range gotConnectors {
		if _, ok := wantConnectors[name]; !ok {
			t.Errorf("connector %q is unknown to the JVM: %v", name, c)
		}
	}
	if got["offset"] != want["offset"] || !reflect.DeepEqual(got["session"], want["session"]) {
		t.Errorf("offset %v, session %v\nwant   %v,         %v", got["offset"], got["session"], want["offset"], want["session"])
	}
}

// We read the config topic as the JVM does: one that a worker wrote, one that a worker with exactly-once
// wrote, and one full of what no worker writes or only an interrupted one.
func TestConfigTopicAsJVM(t *testing.T) {
	for name, least := range map[string]int{"plain.configs": 35, "eos.configs": 14, "odd.config": 105} {
		t.Run(name, func(t *testing.T) {
			table := newConfigTable(silent())
			for _, r := range goldenRecords(t, name, least) {
				table.apply(r.Key, r.Value, r.Offset)
			}
			stem, _, _ := strings.Cut(name, ".")
			want := goldenState(t, stem)["configs"].(map[string]any)
			if len(want["connectors"].(map[string]any)) < 2 {
				t.Fatalf("the golden has few connectors: %v", want)
			}
			compareConfigs(t, viaJSON(t, described(table)).(map[string]any), want)
		})
	}
}

// describedStatuses is a TopicStatusStore in the words of Topics.java.
func describedStatuses(s *TopicStatusStore) map[string]any {
	out := map[string]any{}
	of := func(name string) map[string]any {
		if out[name] == nil {
			out[name] = map[string]any{"connector": nil, "tasks": map[string]any{}, "topics": map[string]any{}}
		}
		return out[name].(map[string]any)
	}
	status := func(st state.Status) map[string]any {
		m := map[string]any{"state": st.State, "generation": st.Generation, "worker": nil, "trace": nil, "version": nil}
		for k, v := range map[string]string{"worker": st.WorkerID, "trace": st.Trace, "version": st.Version} {
			if v != "" {
				m[k] = v
			}
		}
		return m
	}
	for name := range s.connectors {
		st, _ := s.Connector(name)
		of(name)["connector"] = status(st)
	}
	for name := range s.tasks {
		for _, task := range s.Tasks(name) {
			of(name)["tasks"].(map[string]any)[fmt.Sprint(task.ID)] = status(task.Status)
		}
	}
	for name := range s.topics {
		for _, topic := range s.Topics(name) {
			st, _ := s.Topic(name, topic)
			of(name)["topics"].(map[string]any)[st.Topic] = fmt.Sprintf("%s %d %d", st.Task.Connector, st.Task.Task, st.Discovered.UnixMilli())
		}
	}
	return out
}

func TestStatusTopicAsJVM(t *testing.T) {
	for name, least := range map[string]int{"plain.status": 50, "eos.status": 10, "odd.status": 50} {
		t.Run(name, func(t *testing.T) {
			s := NewTopicStatusStore(TopicConfig{Topic: "t"}, nil, silent())
			for _, r := range goldenRecords(t, name, least) {
				if err := s.applyRecord(string(r.Key), r.Value, written{partition: r.Partition}); err != nil && !strings.HasPrefix(name, "odd") {
					t.Errorf("%s: %v", r.Key, err)
				}
			}
			stem, _, _ := strings.Cut(name, ".")
			got, want := viaJSON(t, describedStatuses(s)).(map[string]any), goldenState(t, stem)["statuses"].(map[string]any)
			for _, m := range []map[string]any{got, want} {
				maps.DeleteFunc(m, func(_ string, v any) bool { return isNothing(v) })
			}
			if !reflect.DeepEqual(got, want) || len(want) < 1 {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestOffsetTopicAsJVM(t *testing.T) {
	for name, least := range map[string]int{"plain.offsets": 7, "eos.offsets": 1, "odd.offset": 12} {
		t.Run(name, func(t *testing.T) {
			table := NewOffsetTable()
			for _, r := range goldenRecords(t, name, least) {
				table.Apply(Pair{r.Key, r.Value})
			}
			got := map[string]any{}
			for _, p := range table.Pairs() {
				if p.Value != nil { // the JVM drops removed ones from its map
					got[string(p.Key)] = string(p.Value)
				}
			}
			stem, _, _ := strings.Cut(name, ".")
			if want := goldenState(t, stem)["offsets"]; !reflect.DeepEqual(any(got), want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// What a JVM worker wrote, we write too, byte for byte: every record is read and written again. The settings
// of connectors are in the order of the request in the JVM, so of those only what they say is compared; and
// so of one task whose settings share a bucket of Java's map, where the order is that of insertion.
func TestTopicsAreWrittenAsJVM(t *testing.T) {
	compared, loose := 0, 0
	for _, name := range []string{"plain.configs", "eos.configs", "write.config", "plain.status", "eos.status", "write.status", "plain.offsets", "eos.offsets"} {
		for _, r := range goldenRecords(t, name, 1) {
			key, value := rewritten(t, string(r.Key), r.Value)
			switch {
			case key != string(r.Key):
				t.Errorf("key %s, want %s", key, r.Key)
			case (strings.HasPrefix(key, connectorPrefix) || key == "task-mm-0") && r.Value != nil && !strings.HasPrefix(name, "write"):
				loose++
				if !reflect.DeepEqual(mustDecode(t, value), mustDecode(t, r.Value)) {
					t.Errorf("%s:\ngot  %s\nwant %s", key, value, r.Value)
				}
			case !bytes.Equal(value, r.Value) || (value == nil) != (r.Value == nil):
				t.Errorf("%s of %s:\ngot  %s\nwant %s", key, name, value, r.Value)
			default:
				compared++
			}
		}
	}
	if compared < 100 || loose < 5 {
		t.Errorf("only %d records compared, %d loosely", compared, loose)
	}
}

func mustDecode(t *testing.T, b []byte) any {
	t.Helper()
	v, err := decodeJSON(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// rewritten reads a record of any of the topics and writes it again.
func rewritten(t *testing.T, key string, value []byte) (string, []byte) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	prefixed := func(prefix string) bool { return strings.HasPrefix(key, prefix) }
	switch {
	case prefixed("["):
		connector, partition, err := DecodeOffsetKey([]byte(key))
		must(err)
		k, err := EncodeOffsetKey(connector, partition)
		must(err)
		offset, err := DecodeOffset(value)
		must(err)
		v, err := EncodeOffset(offset)
		must(err)
		return string(k), v
	case prefixed(topicStatusPrefix):
		topic, connector, _ := parseTopicStatusKey(key)
		if value == nil {
			return topicStatusKey(connector, topic), nil
		}
		st, err := decodeTopicStatus(value)
		must(err)
		return topicStatusKey(st.Task.Connector, st.Topic), encodeTopicStatus(st)
	case prefixed(connectorStatusPrefix), prefixed(taskStatusPrefix):
		st := state.Status{State: state.Destroyed}
		if value != nil {
			var err error
			st, err = decodeStatus(value)
			must(err)
		}
		if id, ok := parseTaskKey(key, 2); ok && prefixed(taskStatusPrefix) {
			return taskStatusKey(id), encodeStatus(st)
		}
		return connectorStatusKey(strings.TrimPrefix(key, connectorStatusPrefix)), encodeStatus(st)
	}
	k, v := rewrittenConfig(t, key, value)
	return k, v
}

func rewrittenConfig(t *testing.T, key string, value []byte) (string, []byte) {
	t.Helper()
	table := newConfigTable(slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelError})))
	for _, prefix := range []string{connectorPrefix, targetStatePrefix} {
		if name, ok := strings.CutPrefix(key, prefix); ok && value == nil {
			return prefix + name, nil
		}
	}
	var heard heard
	name := "x"
	for _, prefix := range []string{targetStatePrefix, connectorPrefix, commitPrefix, fencingPrefix} {
		if after, ok := strings.CutPrefix(key, prefix); ok {
			name = after
		}
	}
	table.apply(connectorRecord(name, map[string]string{}).Key, connectorRecord(name, map[string]string{}).Value, 0)
	if e := table.apply([]byte(key), value, 1); e != nil {
		e(&heard)
	}
	s := table.snapshot()
	p := connectorRecord(name, s.connectors[name].config)
	switch {
	case strings.HasPrefix(key, targetStatePrefix):
		p = targetRecord(name, s.Target(name))
	case strings.HasPrefix(key, taskPrefix):
		id, _ := parseTaskKey(key, 1)
		p = taskRecord(id, table.deferred[id.Connector][id.Task])
	case strings.HasPrefix(key, commitPrefix):
		p = commitRecord(name, s.TaskCount(name))
	case strings.HasPrefix(key, fencingPrefix):
		n, _ := s.TaskCountRecord(name)
		p = fencingRecord(name, n)
	case key == sessionKeyKey:
		p = sessionKeyRecord(*s.SessionKey())
	case strings.HasPrefix(key, restartPrefix):
		p = restartRecord(heard.restarts[0])
	case strings.HasPrefix(key, loggerPrefix):
		p = loggerRecord(heard.levels[0][0], heard.levels[0][1])
	}
	return string(p.Key), p.Value
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Errorf("logged: %s", b)
	return len(b), nil
}

// heard is a listener that notes what it is told, in the words of Topics.java.
type heard struct {
	calls    []string
	restarts []RestartRequest
	levels   [][2]string
}

func (h *heard) add(format string, args ...any) {
	h.calls = append(h.calls, fmt.Sprintf(format, args...))
}

func (h *heard) ConnectorUpdated(c string) { h.add("updated %s", c) }
func (h *heard) ConnectorRemoved(c string) { h.add("removed %s", c) }
func (h *heard) TasksUpdated(_ string, ids []state.TaskID) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	h.add("tasks [%s]", strings.Join(names, ", "))
}
func (h *heard) TargetChanged(c string)       { h.add("target %s", c) }
func (h *heard) SessionKeyUpdated(SessionKey) { h.add("key") }
func (h *heard) RestartRequested(r RestartRequest) {
	h.restarts = append(h.restarts, r)
	h.add("restart %s %t %t", r.Connector, r.OnlyFailed, r.IncludeTasks)
}

func (h *heard) LoggerLevelChanged(logger, level string) {
	h.levels = append(h.levels, [2]string{logger, level})
	h.add("level %s %s", logger, level)
}

func FuzzConfigRecord(f *testing.F) {
	for _, r := range goldenRecords(f, "odd.config", 100) {
		f.Add(r.Key, r.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		table := newConfigTable(silent())
		table.apply([]byte("connector-two"), []byte(`{"properties":{}}`), 0)
		before := table.snapshot()
		if e := table.apply(key, value, 1); e != nil {
			e(&heard{})
		}
		s := table.snapshot()
		if before.Offset() != 1 || !before.Contains("two") {
			t.Error("a snapshot changed")
		}
		for name := range s.connectors {
			if n := len(s.Tasks(name)); n > len(s.connectors[name].tasks) {
				t.Errorf("%d tasks, %d configurations", n, len(s.connectors[name].tasks))
			}
		}
	})
}

func FuzzStatusRecord(f *testing.F) {
	for _, r := range goldenRecords(f, "odd.status", 50) {
		f.Add(string(r.Key), r.Value)
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s := NewTopicStatusStore(TopicConfig{Topic: "t"}, nil, silent())
		if err := s.applyRecord(key, value, written{}); err != nil {
			return
		}
		for _, name := range s.Connectors() {
			st, ok := s.Connector(name)
			again, err := decodeStatus(encodeStatus(st))
			if ok && st.State != state.Destroyed && (err != nil || again != st) {
				t.Errorf("%v, then %v, %v", st, again, err)
			}
		}
	})
}

func BenchmarkConfigRecord(b *testing.B) {
	records := goldenRecords(b, "plain.configs", 30)
	table := newConfigTable(silent())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := records[i%len(records)]
		table.apply(r.Key, r.Value, r.Offset)
	}
}

func BenchmarkEncodeStatus(b *testing.B) {
	st := state.Status{State: state.Running, WorkerID: "host:8083", Generation: 5, Version: "4.1.1"}
	b.ReportAllocs()
	for b.Loop() {
		encodeStatus(st)
	}
}
