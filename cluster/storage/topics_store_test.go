package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func atEnd(t *testing.T, stop func(context.Context) error) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		stop(ctx) //nolint:errcheck // tests that care stop it themselves
	})
}

func topicAdmin(t *testing.T, props kafka.Props, opts ...kafka.Option) *kafka.Admin {
	t.Helper()
	a, err := kafka.NewAdmin(props, silent(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() }) //nolint:errcheck // it returns none
	return a
}

func topicConfig(c *kafkatest.Cluster, topic string, partitions int) TopicConfig {
	return TopicConfig{Topic: topic, Partitions: partitions, ReplicationFactor: 1, Props: c.Props(), ClientIDBase: "g-"}
}

func startConfigs(t *testing.T, c *kafkatest.Cluster, cfg TopicConfig, l ConfigListener) *ConfigStore {
	t.Helper()
	s := NewConfigStore(cfg, topicAdmin(t, c.Props(), c.Option()), l, silent(), c.Option())
	atEnd(t, s.Stop)
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func startStatuses(t *testing.T, c *kafkatest.Cluster) *TopicStatusStore {
	t.Helper()
	s := NewTopicStatusStore(topicConfig(c, "statuses", 2), topicAdmin(t, c.Props(), c.Option()), silent(), c.Option())
	atEnd(t, s.Stop)
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func startOffsets(t *testing.T, c *kafkatest.Cluster) *TopicOffsetStore {
	t.Helper()
	s := NewTopicOffsetStore(topicConfig(c, "offsets", 5), topicAdmin(t, c.Props(), c.Option()), silent(), c.Option())
	atEnd(t, s.Close)
	if err := s.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

const odd = "q\"\\/<>&\b\f\n\r\t\u001b\u007f\u2028é\U0001F600"

var oddConfig = map[string]string{"name": odd, "connector.class": odd, "tasks.max": odd, "topic": odd, "throughput": odd, "key.converter": odd, odd: odd}

// writeConfigs makes the calls that Topics.java makes.
func writeConfigs(t *testing.T, s *ConfigStore) {
	t.Helper()
	ctx := soon(t)
	for i, err := range []error{
		s.PutConnector(ctx, "plain", map[string]string{"name": "plain"}, ""),
		s.PutConnector(ctx, odd, oddConfig, state.TargetStopped),
		s.PutConnector(ctx, "many-of it", oddConfig, state.TargetPaused),
		s.PutTasks(ctx, "many-of it", []map[string]string{{"task": "0"}, oddConfig, {}}),
		s.PutTasks(ctx, "many-of it", []map[string]string{{"task": "1"}}),
		s.PutTasks(ctx, odd, nil),
		s.PutTarget(ctx, "plain", state.TargetStarted),
		s.PutTarget(ctx, "plain", state.TargetPaused),
		s.PutTarget(ctx, "plain", state.TargetStopped),
		s.PutTaskCountRecord(ctx, "plain", 17),
		s.PutSessionKey(ctx, SessionKey{[]byte("0123456789abcdef0123456789abcdef"), "HmacSHA256", time.UnixMilli(1700000000123)}),
		s.PutRestartRequest(ctx, RestartRequest{Connector: "plain", OnlyFailed: true}),
		s.PutRestartRequest(ctx, RestartRequest{Connector: "plain", IncludeTasks: true}),
		s.PutLoggerLevel(ctx, "org.apache.kafka", "DEBUG"),
		s.RemoveConnector(ctx, "plain"),
		s.Refresh(ctx),
	} {
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

func writeStatuses(t *testing.T, s *TopicStatusStore) {
	t.Helper()
	task := state.TaskID{Connector: "plain-1", Task: 10}
	st := func(word state.State, generation int, trace, version string) state.Status {
		return state.Status{State: word, WorkerID: "host:8083", Generation: generation, Trace: trace, Version: version}
	}
	s.PutConnector("plain", st(state.Running, 3, "", "4.1.1"))
	s.PutConnector(odd, st(state.Failed, -1, "trace "+odd+"\n\tat x", ""))
	s.PutTask(task, st(state.Restarting, 3, "", "v"))
	s.PutTask(task, st(state.Unassigned, 4, "", ""))
	s.PutTask(task, st(state.Destroyed, 4, "", ""))
	s.PutConnector("plain", st(state.Destroyed, 4, "", ""))
	s.PutTopic(TopicStatus{Topic: "a.topic", Task: task, Discovered: time.UnixMilli(1700000000123)})
	s.RemoveTopic("plain-1", "a.topic")
	if err := s.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// sameRecords compares a topic with the one that the JVM wrote with the same calls: partition, key, value,
// and their order.
func sameRecords(t *testing.T, c *kafkatest.Cluster, topic, name string, least int) {
	t.Helper()
	got, want := c.Records(topic), goldenRecords(t, name, least)
	if len(got) != len(want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	slices.SortStableFunc(got, func(a, b *kafka.Record) int { return int(a.Partition - b.Partition) })
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		if g.Partition != w.Partition || !bytes.Equal(g.Key, w.Key) || !bytes.Equal(g.Value, w.Value) || (g.Value == nil) != (w.Value == nil) {
			t.Errorf("record %d:\ngot  %d %s %s\nwant %d %s %s", i, g.Partition, g.Key, g.Value, w.Partition, w.Key, w.Value)
		}
	}
}

// The same calls write the same bytes into the same partitions as the JVM's stores, and tell the listener the
// same.
func TestWritesAsJVM(t *testing.T) {
	c := kafkatest.New(t)
	var told heard
	configs := startConfigs(t, c, topicConfig(c, "configs", 9), &told)
	writeConfigs(t, configs)
	if n, _ := c.TopicExists("configs"); n != 1 {
		t.Errorf("%d partitions", n)
	}
	sameRecords(t, c, "configs", "write.config", 20)
	var want []string
	if err := json.Unmarshal(read(t, topicsGolden+"write.calls.json"), &want); err != nil {
		t.Fatal(err)
	}
	if err := configs.Stop(soon(t)); err != nil { // so that nothing more is told
		t.Fatal(err)
	}
	if !reflect.DeepEqual(told.calls, want) {
		t.Errorf("told %q\nwant %q", told.calls, want)
	}
	writeStatuses(t, startStatuses(t, c))
	sameRecords(t, c, "statuses", "write.status", 8)
}

// A store that starts on a JVM's topic sees what the JVM sees, tells nobody, and then tells of what is new.
func TestStartsOnJVMTopics(t *testing.T) {
	c := kafkatest.New(t)
	compacted := map[string]string{"cleanup.policy": "compact"}
	for topic, from := range map[string]string{"configs": "odd.config", "statuses": "plain.status", "offsets": "plain.offsets"} {
		c.CreateTopic(topic, map[string]int32{"configs": 1, "statuses": 2, "offsets": 5}[topic], compacted)
		for _, r := range goldenRecords(t, from, 1) {
			c.Produce(&kafka.Record{Topic: topic, Partition: r.Partition, Key: r.Key, Value: r.Value})
		}
	}
	var told heard
	configs := startConfigs(t, c, topicConfig(c, "configs", 1), &told)
	compareConfigs(t, viaJSON(t, described(configs.table)).(map[string]any), goldenState(t, "odd")["configs"].(map[string]any))
	if len(told.calls) > 0 {
		t.Errorf("told of the past: %q", told.calls)
	}
	before := configs.Snapshot()
	// What the JVM leaves inconsistent until someone writes anew.
	if err := configs.PutTasks(soon(t), "broke", []map[string]string{{"a": "0"}, {"a": "1"}}); err != nil {
		t.Fatal(err)
	}
	after := configs.Snapshot()
	if !slices.Contains(before.Inconsistent(), "broke") || len(before.Tasks("broke")) > 0 || before.TaskCount("broke") != 3 {
		t.Errorf("before: %v, %v", before.Inconsistent(), before.Tasks("broke"))
	}
	if slices.Contains(after.Inconsistent(), "broke") || len(after.TaskConfigs("broke")) != 2 || after.TaskConfigs("broke")[1]["a"] != "1" {
		t.Errorf("after: %v, %v", after.Inconsistent(), after.TaskConfigs("broke"))
	}
	if err := configs.Stop(soon(t)); err != nil || !reflect.DeepEqual(told.calls, []string{"tasks [broke-0, broke-1]"}) {
		t.Errorf("%v, told %q", err, told.calls)
	}

	statuses := startStatuses(t, c)
	if st, ok := statuses.Task(state.TaskID{Connector: "bad é", Task: 0}); !ok || st.State != state.Failed || !strings.Contains(st.Trace, "\n\tat org.apache.kafka") {
		t.Errorf("%v %v", st, ok)
	}
	offsets := startOffsets(t, c)
	pairs, err := offsets.Connector(soon(t), "src-1")
	if err != nil || len(pairs) != 2 {
		t.Errorf("%q, %v", pairs, err)
	}
}

func TestOffsetTopic(t *testing.T) {
	c := kafkatest.New(t)
	one, two := startOffsets(t, c), startOffsets(t, c)
	key, err := EncodeOffsetKey("c", map[string]any{"x": 1, "y": 2})
	if err != nil {
		t.Fatal(err)
	}
	javas := []byte(`["c",{"y":2,"x":1}]`) // as some Java map ordered it
	if err := one.Set(soon(t), []Pair{{javas, []byte(`{"n":1}`)}, {[]byte(`["c",{"z":1}]`), []byte(`{"n":5}`)}}); err != nil {
		t.Fatal(err)
	}
	if got, err := two.Get(soon(t), [][]byte{key, []byte(`["d",{}]`)}); err != nil || string(got[0]) != `{"n":1}` || got[1] != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := two.Set(soon(t), []Pair{{key, []byte(`{"n":2}`)}, {[]byte(`["c",{"z":1}]`), nil}}); err != nil {
		t.Fatal(err)
	}
	if got, err := one.Connector(soon(t), "c"); err != nil || len(got) != 1 || !bytes.Equal(got[0].Key, javas) || string(got[0].Value) != `{"n":2}` {
		t.Errorf("%q, %v", got, err)
	}
	if err := one.Close(soon(t)); err != nil {
		t.Error(err)
	}
	if _, err := one.Get(soon(t), nil); !errors.Is(err, errs.IllegalState) {
		t.Errorf("after close: %v", err)
	}
	if err := one.Set(soon(t), nil); !errors.Is(err, errs.IllegalState) {
		t.Errorf("after close: %v", err)
	}
}

func TestOffsetsFailAndAreSetAgain(t *testing.T) {
	c := kafkatest.New(t)
	s := startOffsets(t, c)
	pair := Pair{[]byte(`["c",{}]`), []byte(`{"n":1}`)}
	end := c.Fail(kafkatest.Fault{Request: "Produce", Topic: "offsets", Error: "TOPIC_AUTHORIZATION_FAILED", Times: 1})
	if err := s.Set(soon(t), []Pair{pair}); kafka.Classify(err) != kafka.Authorization {
		t.Errorf("%v", err)
	}
	if end() != 1 {
		t.Error("no request failed")
	}
	if err := s.Set(soon(t), []Pair{pair}); err != nil {
		t.Error(err)
	}
	if got, err := s.Get(soon(t), [][]byte{pair.Key}); err != nil || string(got[0]) != `{"n":1}` {
		t.Errorf("%q, %v", got, err)
	}
}

// Safe writes don't take back what another worker wrote in a later generation.
func TestSafeStatuses(t *testing.T) {
	c := kafkatest.New(t)
	s := startStatuses(t, c)
	id := state.TaskID{Connector: "c", Task: 0}
	put := func(safe bool, worker string, generation int, word state.State) string {
		t.Helper()
		st := state.Status{State: word, WorkerID: worker, Generation: generation}
		if safe {
			s.PutTaskSafe(id, st)
			s.PutConnectorSafe("c", st)
		} else {
			s.PutTask(id, st)
			s.PutConnector("c", st)
		}
		if err := errors.Join(s.Flush(soon(t)), s.Refresh(soon(t))); err != nil {
			t.Fatal(err)
		}
		task, _ := s.Task(id)
		connector, _ := s.Connector("c")
		return fmt.Sprintf("%s %s", task.State, connector.State)
	}
	for i, tt := range []struct {
		safe       bool
		worker     string
		generation int
		word       state.State
		want       string
	}{
		{true, "w1", 1, state.Failed, "FAILED FAILED"}, // nothing there
		{false, "w2", 3, state.Running, "RUNNING RUNNING"},
		{true, "w1", 2, state.Failed, "RUNNING RUNNING"},           // another worker, later
		{true, "w1", 2, state.Unassigned, "RUNNING RUNNING"},       //
		{true, "w2", 2, state.Failed, "FAILED FAILED"},             // the same worker
		{true, "w1", 3, state.Unassigned, "UNASSIGNED UNASSIGNED"}, // as late
		{false, "w2", 9, state.Running, "RUNNING RUNNING"},
		{false, "w1", 9, state.Unassigned, "RUNNING UNASSIGNED"}, // a task that runs keeps running
		{false, "w1", 10, state.Unassigned, "UNASSIGNED UNASSIGNED"},
		{false, "w2", 11, state.Running, "RUNNING RUNNING"},
		{false, "w2", 11, state.Unassigned, "UNASSIGNED UNASSIGNED"}, // the worker that ran it says that it doesn't any more
		{false, "w1", 1, state.Running, "RUNNING RUNNING"},           // without safety anything goes
	} {
		if got := put(tt.safe, tt.worker, tt.generation, tt.word); got != tt.want {
			t.Errorf("%d: %+v: %s", i, tt, got)
		}
	}
	s.PutConnector("c", state.Status{State: state.Destroyed})
	if err := errors.Join(s.Flush(soon(t)), s.Refresh(soon(t))); err != nil {
		t.Fatal(err)
	}
	if len(s.Connectors()) > 0 || len(s.Tasks("c")) > 0 {
		t.Errorf("left over: %v %v", s.Connectors(), s.Tasks("c"))
	}
}

// What a worker gave up and said so only after another ran it, because its write waited for a broker, doesn't
// stay the last word.
func TestLateStatuses(t *testing.T) {
	c := kafkatest.New(t)
	before, now := startStatuses(t, c), startStatuses(t, c)
	id := state.TaskID{Connector: "c", Task: 0}
	flush := func(s *TopicStatusStore) {
		t.Helper()
		if err := errors.Join(s.Flush(soon(t)), s.Refresh(soon(t))); err != nil {
			t.Fatal(err)
		}
	}
	for _, word := range []state.State{state.Running, state.Paused} {
		own := state.Status{State: word, WorkerID: "w2", Generation: 6}
		now.PutTask(id, own)
		now.PutConnector("c", own)
		flush(now)
		before.PutTask(id, state.Status{State: state.Unassigned, WorkerID: "w1", Generation: 4})
		before.PutConnector("c", state.Status{State: state.Unassigned, WorkerID: "w1", Generation: 4})
		flush(before)
		flush(now) // reads it, and writes its own again
		flush(now)
		last := map[string]string{}
		for _, r := range c.Records("statuses") {
			last[string(r.Key)] = string(r.Value)
		}
		for _, key := range []string{"status-task-c-0", "status-connector-c"} {
			if !strings.Contains(last[key], string(word)) {
				t.Errorf("%s ends with %s", key, last[key])
			}
		}
	}
}

func TestActiveTopics(t *testing.T) {
	c := kafkatest.New(t)
	s := startStatuses(t, c)
	id := state.TaskID{Connector: "c", Task: 3}
	synced := func() {
		t.Helper()
		if err := errors.Join(s.Flush(soon(t)), s.Refresh(soon(t))); err != nil {
			t.Fatal(err)
		}
	}
	if !s.AddTopic(id, "t") || !s.AddTopic(id, "u") {
		t.Error("not news")
	}
	synced()
	if s.AddTopic(id, "t") {
		t.Error("news twice")
	}
	if got := s.Topics("c"); !slices.Equal(got, []string{"t", "u"}) {
		t.Errorf("%v", got)
	}
	if got := s.TopicConnectors(); !slices.Equal(got, []string{"c"}) {
		t.Errorf("%v", got)
	}
	if st, ok := s.Topic("c", "t"); !ok || st.Task != id || time.Since(st.Discovered) > time.Minute {
		t.Errorf("%v %v", st, ok)
	}
	s.ResetTopics("c")
	synced()
	if got := append(s.Topics("c"), s.TopicConnectors()...); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// While Kafka refuses, statuses are put without waiting; once it takes them, those that still count are written
// and no others.
func TestStatusesAfterAnOutage(t *testing.T) {
	c := kafkatest.New(t)
	s := startStatuses(t, c)
	put := func(task, generation int, word state.State) {
		s.PutTask(state.TaskID{Connector: "c", Task: task}, state.Status{State: word, WorkerID: "w", Generation: generation})
	}
	met := c.Fail(kafkatest.Fault{Request: "Produce", Topic: "statuses", Error: "NOT_LEADER_FOR_PARTITION", Times: -1})
	put(0, 1, state.Running) // of an old generation when Kafka is back
	put(1, 2, state.Running) // replaced
	put(1, 2, state.Paused)
	put(2, 2, state.Running)
	s.AddTopic(state.TaskID{Connector: "c"}, "t")
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Flush(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush: %v", err)
	}
	if met() == 0 {
		t.Error("no request failed")
	}
	if err := errors.Join(s.Flush(soon(t)), s.Refresh(soon(t))); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, st := range s.Tasks("c") {
		got = append(got, fmt.Sprint(st.ID, st.State))
	}
	if want := []string{"1PAUSED", "2RUNNING"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if topics := s.Topics("c"); !slices.Equal(topics, []string{"t"}) {
		t.Errorf("%q", topics)
	}
	if n := len(c.Records("statuses")); n != 3 {
		t.Errorf("%d records were written", n)
	}
}

// With a transactional id the leader's writes are transactions; a new leader fences the one before.
func TestLeadersAreFenced(t *testing.T) {
	c := kafkatest.New(t)
	cfg := topicConfig(c, "configs", 1)
	cfg.TransactionalID, cfg.ReadCommitted = "connect-cluster-g", true
	one, two := startConfigs(t, c, cfg, nil), startConfigs(t, c, cfg, nil)
	config := map[string]string{"a": "b"}
	if err := one.PutConnector(soon(t), "c", config, ""); !errors.Is(err, ErrNotLeader) {
		t.Errorf("without a claim: %v", err)
	}
	if err := one.PutTarget(soon(t), "c", state.TargetPaused); err != nil {
		t.Errorf("any worker may: %v", err)
	}
	if err := errors.Join(one.ClaimWrites(soon(t)), one.ClaimWrites(soon(t))); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(one.PutConnector(soon(t), "c", config, ""), one.PutTasks(soon(t), "c", []map[string]string{config})); err != nil {
		t.Fatal(err)
	}
	if s := one.Snapshot(); len(s.Tasks("c")) != 1 || s.Target("c") != state.TargetPaused {
		t.Errorf("%v, %v", s.Tasks("c"), s.Target("c"))
	}
	if err := two.ClaimWrites(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := one.PutConnector(soon(t), "c", map[string]string{"from": "before"}, ""); !errors.Is(err, ErrNotLeader) {
		t.Errorf("a fenced leader's write: %v", err)
	}
	if err := two.PutTaskCountRecord(soon(t), "c", 1); err != nil {
		t.Fatal(err)
	}
	if err := one.Refresh(soon(t)); err != nil {
		t.Fatal(err)
	}
	a, b := one.Snapshot(), two.Snapshot()
	// The markers behind the transactions count for neither.
	if a.Offset() != b.Offset() || a.PendingFencing("c") {
		t.Errorf("offsets %d and %d, pending %t", a.Offset(), b.Offset(), a.PendingFencing("c"))
	}
	if got, _ := a.Config("c"); !reflect.DeepEqual(got, config) {
		t.Errorf("%v", got)
	}
	if last := c.Records("configs"); last[len(last)-1].Offset+1 != a.Offset() {
		t.Errorf("the last record is at %d, the state's offset is %d", last[len(last)-1].Offset, a.Offset())
	}
}

func TestSnapshotsDontChange(t *testing.T) {
	c := kafkatest.New(t)
	s := startConfigs(t, c, topicConfig(c, "configs", 1), nil)
	if got := s.Snapshot(); got.Offset() != -1 || len(got.Connectors()) > 0 {
		t.Errorf("empty: %d %v", got.Offset(), got.Connectors())
	}
	var snapshots []*ConfigState
	for i := range 5 {
		config := map[string]string{"i": fmt.Sprint(i)}
		if err := errors.Join(s.PutConnector(soon(t), "c", config, ""), s.PutTasks(soon(t), "c", []map[string]string{config})); err != nil {
			t.Fatal(err)
		}
		snapshots = append(snapshots, s.Snapshot())
	}
	for i, got := range snapshots {
		config, _ := got.Config("c")
		generation, _ := got.Generation("c")
		if config["i"] != fmt.Sprint(i) || got.TaskConfigs("c")[0]["i"] != fmt.Sprint(i) || generation != i || got.Offset() != int64(3*i+3) {
			t.Errorf("snapshot %d: %v %v, generation %d, offset %d", i, config, got.TaskConfigs("c"), generation, got.Offset())
		}
	}
}

// However many statuses wait for Kafka, the last of each key is kept.
func TestStatusBacklog(t *testing.T) {
	s := NewTopicStatusStore(TopicConfig{Topic: "t"}, nil, silent()) // not started: nothing is written
	for i := range 3 * statusBacklog {
		s.PutTask(state.TaskID{Connector: "c", Task: i % 3}, state.Status{State: state.Running, Generation: i})
	}
	w := &s.writer
	if len(w.queue) >= statusBacklog || w.open != len(w.queue) {
		t.Errorf("%d wait, %d are open", len(w.queue), w.open)
	}
	for i := range 3 {
		last := w.latest[taskStatusKey(state.TaskID{Connector: "c", Task: i})]
		if *last.generation != 3*statusBacklog-3+i || !slices.Contains(w.queue, last) {
			t.Errorf("task %d: generation %d", i, *last.generation)
		}
	}
}
