package metrics

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

const begun = int64(1_800_000_000_000)

// world is a worker with a source task, a sink task and their clients after some work.
func world() *Registry {
	r := NewRegistry(DefaultWindows(), 1)
	c := r.AddConnector("in", "com.example.In", "1.0", true)
	c.Enter("RUNNING")
	r.Worker.ConnectorStarted(true, begun)
	src := r.AddTask("in", 0, true)
	src.Describe(TaskInfo{Transforms: []PluginInfo{{"drop", "x.Filter", "4.1"}}})
	src.Enter("RUNNING", begun)
	r.Worker.TaskStarted(true, begun)
	src.Batch(100, begun)
	done := int64(0)
	src.Source.Follow(func() int64 { return done }, begun)
	src.Source.Polled(100, 20*time.Millisecond, begun)
	src.Source.Dropped(40, begun+1000)
	done = 60
	src.Committed(true, 5*time.Millisecond, begun+2000)
	src.Committed(false, time.Second, begun+2000)
	src.Spent(Poll, 20*time.Millisecond)
	src.Aged(60, 2*time.Second)
	sink := r.AddTask("out", 1, false)
	sink.Enter("RUNNING", begun)
	sink.Sink.Assigned(2, begun)
	sink.Sink.Read(10, begun)
	sink.Sink.Put(8, time.Millisecond, begun)
	sink.Sink.Active(10, begun)
	sink.Sink.SetLag([]PartitionLag{{"t", 0, 7, begun - 4000}, {"t", 1, 5, 0}})
	sink.Failed("org.apache.kafka.connect.errors.ConnectException", begun+3000)
	sink.Enter("FAILED", begun+3000)
	sink.Errors.Failure(begun + 3000)
	sink.Errors.Letter()
	r.AddClient(ConsumerClient, "connector-consumer-out-1").SetLag(sink.Sink.Lag())
	r.AddClient(ProducerClient, "connector-producer-in-0").Batch(60, 4096, begun)
	return r
}

// read finds one number by group, attribute and the values of its labels.
func read(t *testing.T, r *Registry, group, attribute, of string) float64 {
	t.Helper()
	s := r.Snapshot()
	for _, g := range Groups() {
		if g.Name != group {
			continue
		}
		for i := range g.Attributes {
			a := &g.Attributes[i]
			if a.Name != attribute {
				continue
			}
			for _, m := range g.Members(s) {
				var values []string
				for _, l := range m.Labels {
					values = append(values, l.Value)
				}
				if strings.Join(values, "/") == of {
					return m.Number(a, begun+4000)
				}
			}
		}
	}
	t.Fatalf("%s of %s has no %s", attribute, of, group)
	return 0
}

func TestNumbersOfAWorker(t *testing.T) {
	r := world()
	for _, tt := range []struct {
		group, attribute, of string
		want                 float64
	}{
		{"connect-worker-metrics", "connector-count", "", 1},
		{"connect-worker-metrics", "task-count", "", 2},
		{"connect-worker-metrics", "task-startup-success-total", "", 1},
		{"connect-worker-metrics", "connector-startup-success-percentage", "", 1},
		{"connect-worker-metrics", "connector-failed-task-count", "out", 1},
		{"connect-worker-metrics", "connector-running-task-count", "in", 1},
		{"connect-worker-metrics", "connector-total-task-count", "in", 1},
		{"connect-worker-rebalance-metrics", "time-since-last-rebalance-ms", "", math.Inf(1)},
		{"source-task-metrics", "source-record-poll-total", "in/0", 100},
		{"source-task-metrics", "source-record-write-total", "in/0", 60},
		{"source-task-metrics", "source-record-active-count", "in/0", 0},
		{"source-task-metrics", "source-record-active-count-max", "in/0", 100},
		{"source-task-metrics", "poll-batch-max-time-ms", "in/0", 20},
		{"source-task-metrics", "transaction-size-avg", "in/0", math.NaN()},
		{"connector-task-metrics", "offset-commit-max-time-ms", "in/0", 5},
		{"connector-task-metrics", "offset-commit-failure-percentage", "in/0", .5},
		{"connector-task-metrics", "offset-commit-failure-total", "in/0", 1},
		{"connector-task-metrics", "running-ratio", "out/1", .75},
		{"connector-task-metrics", "batch-size-max", "in/0", 100},
		{"sink-task-metrics", "sink-record-read-total", "out/1", 10},
		{"sink-task-metrics", "sink-record-send-total", "out/1", 8},
		{"sink-task-metrics", "sink-record-lag-max", "out/1", 7},
		{"sink-task-metrics", "partition-count", "out/1", 2},
		{"task-error-metrics", "total-record-failures", "out/1", 1},
		{"task-error-metrics", "deadletterqueue-produce-requests", "out/1", 1},
		{"task-error-metrics", "deadletterqueue-produce-total", "out/1", 1},
		{"task-error-metrics", "last-error-timestamp", "out/1", float64(begun + 3000)},
		{"producer-metrics", "record-send-total", "connector-producer-in-0", 60},
		{"consumer-fetch-manager-metrics", "records-lag-max", "connector-consumer-out-1", 7},
		{"consumer-fetch-manager-metrics", "records-lag", "connector-consumer-out-1/t/0", 7},
	} {
		got := read(t, r, tt.group, tt.attribute, tt.of)
		if got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%s of %s %q is %v, want %v", tt.attribute, tt.group, tt.of, got, tt.want)
		}
	}
}

// What ends takes its series along, but not those of what has taken its place.
func TestWhatEndsTakesItsSeriesAlong(t *testing.T) {
	r := world()
	old := r.Tasks()[0]
	again := r.AddTask(old.Connector, old.Number, true)
	r.RemoveTask(old)
	if len(r.Tasks()) != 2 {
		t.Errorf("the end of a task's earlier incarnation took the numbers of the later one along")
	}
	r.RemoveTask(again)
	for _, task := range r.Tasks() {
		if task.Connector == "in" {
			t.Errorf("numbers of in/0 stayed")
		}
	}
	c := r.Connectors()[0]
	r.AddConnector(c.Name, c.Class, c.Version, true)
	r.RemoveConnector(c)
	if len(r.Connectors()) != 1 {
		t.Errorf("the end of an earlier instance took the connector's numbers along")
	}
	for _, c := range r.Clients() {
		r.RemoveClient(c)
	}
	if n := len(r.Clients()); n != 0 {
		t.Errorf("%d clients are left", n)
	}
}

func TestOwnFamilies(t *testing.T) {
	r := world()
	r.Worker.WatchSchemas(func() Schemas {
		return Schemas{Requests: 11, Failures: 12, Retries: 13, Failovers: 14, Shared: 15, Waiting: 16}
	})
	r.Worker.Watch(func() Live { return Live{Zombies: 3} })
	got := make(map[string]float64)
	s := r.Snapshot()
	for _, f := range Families() {
		collect := func(v float64, labels ...Label) {
			key := f.Name
			for _, l := range labels {
				key += " " + l.Value
			}
			got[key] = v
		}
		if f.Histogram {
			f.CollectBuckets(s, func(b Buckets, labels ...Label) { collect(float64(b.Count), labels...) })
			continue
		}
		f.Collect(s, begun+4000, collect)
	}
	for key, want := range map[string]float64{
		"troupe_zombies":                              3,
		"troupe_schema_registry_requests_total":       11,
		"troupe_schema_registry_failures_total":       12,
		"troupe_schema_registry_retries_total":        13,
		"troupe_schema_registry_failovers_total":      14,
		"troupe_schema_registry_shared_total":         15,
		"troupe_schema_registry_waiting":              16,
		"troupe_connector_status in running":          1,
		"troupe_sink_lag_records out 1":               12,
		"troupe_sink_lag_seconds out 1":               8,
		"troupe_connector_lag_records out":            12,
		"troupe_connector_lag_seconds out":            8,
		"troupe_sink_partition_lag_records out 1 t 0": 7,
		"troupe_source_last_record_age_seconds in 0":  4,
		"troupe_stage_seconds in 0 poll":              1,
		"troupe_record_age_seconds in 0":              60,
		"troupe_task_restart_budget in 0":             -1,
		"troupe_task_last_failure_timestamp_seconds out 1 org.apache.kafka.connect.errors.ConnectException": float64(begun+3000) / 1000,
	} {
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("%s is %v (there: %t), want %v", key, v, ok, want)
		}
	}
	if _, shown := got["troupe_sink_partition_lag_records out 1 t 1"]; shown {
		t.Errorf("a second partition is shown, metrics.partitions.max is 1")
	}
	if _, shown := got["troupe_source_last_commit_age_seconds in 0"]; shown {
		t.Errorf("the age of a commit is shown before the first")
	}
}

func TestRestartsAreCounted(t *testing.T) {
	task := NewTask("c", 0, true, DefaultWindows())
	at := time.UnixMilli(begun + 2500)
	task.Restarting("retriable", at, 4)
	task.Enter("RESTARTING", begun)
	if task.restartAt != begun+2500 || task.budget != 4 || task.restarts["retriable"] != 1 {
		t.Errorf("restart at %d with %d left, %v", task.restartAt, task.budget, task.restarts)
	}
	task.Enter("RUNNING", begun+2600)
	if task.restartAt != 0 {
		t.Errorf("a running task still waits for its restart")
	}
}

// What is written goes on over restarts; what Kafka refused and was let go is not written.
func TestWrittenRecordsAreFollowed(t *testing.T) {
	task := NewTask("c", 0, true, DefaultWindows())
	done := int64(0)
	task.Source.Follow(func() int64 { return done }, begun)
	task.Source.Polled(10, time.Millisecond, begun)
	written := func() (float64, float64) {
		r := NewRegistry(DefaultWindows(), 0)
		r.tasks[taskKey{"c", 0}] = task
		return read(t, r, "source-task-metrics", "source-record-write-total", "c/0"),
			read(t, r, "source-task-metrics", "source-record-active-count", "c/0")
	}
	done = 4
	if w, active := written(); w != 4 || active != 6 {
		t.Errorf("%v written, %v active, want 4 and 6", w, active)
	}
	task.Source.Skipped()
	done = 6
	if w, active := written(); w != 5 || active != 4 {
		t.Errorf("%v written, %v active, want 5 and 4", w, active)
	}
	again := int64(0)
	task.Source.Follow(func() int64 { return again }, begun)
	if w, active := written(); w != 5 || active != 0 {
		t.Errorf("after a restart: %v written, %v active, want 5 and 0", w, active)
	}
	task.Source.Polled(4, time.Millisecond, begun)
	again = 4
	if w, active := written(); w != 9 || active != 0 {
		t.Errorf("%v written, %v active, want 9 and 0", w, active)
	}
}

// A worker whose numbers are off hands nil to those who write them.
func TestNilTakesEverything(t *testing.T) {
	var (
		r *Registry
		w *Worker
	)
	task, connector, client := r.AddTask("", 0, true), r.AddConnector("", "", "", true), r.AddClient(ProducerClient, "")
	if err := errors.Join(func() error {
		task.Enter("RUNNING", 0)
		task.Committed(true, 0, 0)
		task.Batch(1, 0)
		task.Spent(Poll, 0)
		task.Aged(1, 0)
		task.Took(1)
		task.Failed("", 0)
		task.Restarting("", time.Time{}, 0)
		connector.Enter("")
		client.Batch(1, 1, 0)
		client.Request(0, 0, 0, 0)
		w.RebalanceBegan()
		w.Rebalanced(1, "", "", 0, 0, 0)
		w.TaskStarted(true, 0)
		r.RemoveTask(task)
		r.RemoveConnector(connector)
		r.RemoveClient(client)
		return nil
	}()); err != nil {
		t.Fatal(err)
	}
}

// Names of the two families, by examples from dashboards.
func TestNames(t *testing.T) {
	for _, tt := range []struct{ group, attribute, reporter, rule string }{
		{"connect-worker-metrics", "connector-count", "kafka_connect_connect_worker_metrics_connector_count", "kafka_connect_worker_connector_count"},
		{"connect-worker-rebalance-metrics", "rebalancing", "kafka_connect_connect_worker_rebalance_metrics_rebalancing", "kafka_connect_worker_rebalance_rebalancing"},
		{"connector-task-metrics", "offset-commit-avg-time-ms", "kafka_connect_connector_task_metrics_offset_commit_avg_time_ms", "kafka_connect_connector_task_offset_commit_avg_time_ms"},
		{"task-error-metrics", "total-record-failures", "kafka_connect_task_error_metrics_total_record_failures", "kafka_connect_task_error_total_record_failures"},
		{"consumer-fetch-manager-metrics", "records-lag-max", "kafka_consumer_consumer_fetch_manager_metrics_records_lag_max", "kafka_consumer_fetch_manager_records_lag_max"},
	} {
		for _, g := range Groups() {
			for i := range g.Attributes {
				if a := &g.Attributes[i]; g.Name == tt.group && a.Name == tt.attribute {
					if got := g.ReporterName(a); got != tt.reporter {
						t.Errorf("reporter's name is %s, want %s", got, tt.reporter)
					}
					if got := g.RuleName(a); got != tt.rule {
						t.Errorf("rule file's name is %s, want %s", got, tt.rule)
					}
				}
			}
		}
	}
}

func TestEveryAttributeIsExplained(t *testing.T) {
	seen := make(map[string]bool)
	for _, g := range Groups() {
		for i := range g.Attributes {
			a := &g.Attributes[i]
			if a.Help == "" || (a.num == nil) == (a.text == nil) {
				t.Errorf("%s of %s has no help, or not just one way to be read", a.Name, g.Name)
			}
			if name := g.ReporterName(a); seen[name] {
				t.Errorf("%s is there twice", name)
			} else {
				seen[name] = true
			}
		}
	}
}

func TestNumbersOfAMembership(t *testing.T) {
	r := world()
	r.Worker.Describe(About{Version: "4.1.1", Commit: "abc", WorkerID: "w:8083", Started: time.UnixMilli(begun)})
	const group, id = coordinatorGroup, "connect-w:8083"
	m := r.Worker.Joins(id, DefaultWindows())
	for _, attribute := range []string{"last-heartbeat-seconds-ago", "last-rebalance-seconds-ago"} {
		if got := read(t, r, group, attribute, id); got != -1 {
			t.Errorf("%s is %v before the first, want -1", attribute, got)
		}
	}
	m.Joined(200*time.Millisecond, begun)
	m.Synced(100*time.Millisecond, begun)
	m.Rebalanced(true, 300*time.Millisecond, begun)
	m.Rebalanced(true, 500*time.Millisecond, begun+1000)
	m.Rebalanced(false, time.Second, begun+2000)
	m.Beat(5*time.Millisecond, begun+2000)
	m.Assigned(3, 7)
	for _, tt := range []struct {
		group, attribute, of string
		want                 float64
	}{
		{group, "assigned-connectors", id, 3},
		{group, "assigned-tasks", id, 7},
		{group, "heartbeat-total", id, 1},
		{group, "heartbeat-response-time-max", id, 5},
		{group, "last-heartbeat-seconds-ago", id, 2},
		{group, "join-total", id, 1},
		{group, "join-time-max", id, 200},
		{group, "sync-total", id, 1},
		{group, "sync-time-avg", id, 100},
		{group, "rebalance-total", id, 2},
		{group, "rebalance-latency-avg", id, 400},
		{group, "rebalance-latency-max", id, 500},
		{group, "rebalance-latency-total", id, 800},
		{group, "failed-rebalance-total", id, 1},
		{group, "last-rebalance-seconds-ago", id, 3},
		{"app-info", "start-time-ms", id, float64(begun)},
		{"app-info", "StartTimeMs", "w:8083", float64(begun)},
		{"kafka-metrics-count", "count", id, 22},
	} {
		if got := read(t, r, tt.group, tt.attribute, tt.of); got != tt.want {
			t.Errorf("%s of %s is %v, want %v", tt.attribute, tt.group, got, tt.want)
		}
	}
	var nobody *Worker
	nobody.Joins(id, DefaultWindows()).Beat(0, begun)
	nobody.Describe(About{})
}
