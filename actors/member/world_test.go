package member

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// bench is a membership in a bubble, with a Kafka in memory, the stores of a worker, and a herder that takes
// note of what it is told. The group's member runs only after join.
type bench struct {
	t        *testing.T
	kafka    *kafkatest.Cluster
	settings *settings.Worker
	configs  *storage.ConfigStore
	statuses *storage.TopicStatusStore
	herder   *herder
	m        *Member
	system   *actor.ActorSystem
	pid      *actor.PID

	mu   sync.Mutex
	book bytes.Buffer
}

func (b *bench) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.book.Write(p)
}

// logged is how many lines of the log have the text.
func (b *bench) logged(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.book.String(), text)
}

// herder writes down what it is told.
type herder struct {
	mu     sync.Mutex
	trail  []string
	refuse error // the answer to Assign and Revoke
}

func (h *herder) note(format string, args ...any) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trail = append(h.trail, fmt.Sprintf(format, args...))
	return h.refuse
}

// told is what the herder was told since it was asked last.
func (h *herder) told() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := strings.Join(h.trail, "; ")
	h.trail = nil
	return text
}

// names are the items of work, sorted: a connector's name, and name-n of a task.
func names(work state.WorkSet) []string {
	var out []string
	for id := range work {
		name := id.String()
		if id.IsConnector() {
			name = id.Connector
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func (h *herder) Assign(_ context.Context, generation int, work state.WorkSet) error {
	return h.note("assign %d %v", generation, names(work))
}

func (h *herder) Revoke(_ context.Context, work state.WorkSet, lost bool, by time.Time) error {
	return h.note("revoke %v lost=%v in %v", names(work), lost, time.Until(by))
}

func (h *herder) Lose(by time.Time) { _ = h.note("lose in %v", time.Until(by)) }

func (h *herder) Quiet(context.Context) error { return h.note("quiet") }

// inBench runs f with a membership that has not joined yet. Everything must have ended afterwards.
func inBench(t *testing.T, more map[string]string, f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, kafka: kafkatest.New(t, kafkatest.InMemory()), herder: &herder{}}
		defer b.end()
		b.open(more)
		f(t, b)
	})
}

func (b *bench) open(more map[string]string) {
	b.t.Helper()
	props := map[string]string{
		"group.id": "gang", "config.storage.topic": "configs", "offset.storage.topic": "offsets", "status.storage.topic": "statuses",
		"config.storage.replication.factor": "1", "status.storage.replication.factor": "1", "offset.storage.replication.factor": "1",
		"key.converter":                    "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":                  "org.apache.kafka.connect.storage.StringConverter",
		"scheduled.rebalance.max.delay.ms": "10000", "task.shutdown.graceful.timeout.ms": "5000",
		"worker.sync.timeout.ms": "3000", "worker.unsync.backoff.ms": "300000",
	}
	maps.Copy(props, b.kafka.Props())
	maps.Copy(props, more)
	w, _, err := settings.LoadWorker(b.t.Context(), settings.Distributed, props, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	b.settings = &w
	log := slog.New(slog.NewTextHandler(b, nil))
	admin, err := kafka.NewAdmin(kafka.WorkerAdminProps(w.Props), log, b.kafka.Option())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = admin.Close() })
	topic := func(name string) storage.TopicConfig {
		return storage.TopicConfig{Topic: name, Partitions: 1, ReplicationFactor: 1, Props: w.Props, ClientIDBase: "gang-"}
	}
	b.configs = storage.NewConfigStore(topic("configs"), admin, nil, log, b.kafka.Option())
	b.statuses = storage.NewTopicStatusStore(topic("statuses"), admin, log, b.kafka.Option())
	if err := errors.Join(b.configs.Start(b.t.Context()), b.statuses.Start(b.t.Context())); err != nil {
		b.t.Fatal(err)
	}
	b.m, err = New(Config{
		Settings: &w, URL: "http://w1:8083/", WorkerID: "w1:8083", Configs: b.configs, Statuses: b.statuses,
		Herder: b.herder, Log: log, KafkaOptions: []kafka.Option{b.kafka.Option()},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.system = act.NewSystem(log)
}

// join has the membership kept by its actor and waits until the worker has an assignment.
func (b *bench) join() {
	b.t.Helper()
	b.pid = b.system.Root.Spawn(b.m.Props())
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	if err := b.m.Await(ctx); err != nil {
		b.t.Fatalf("not in the group: %v", err)
	}
	synctest.Wait()
}

// wait waits for a condition, as long as d of fake time.
func (b *bench) wait(d time.Duration, what string, cond func() bool) {
	b.t.Helper()
	for range int(d/(100*time.Millisecond)) + 1 {
		synctest.Wait()
		if cond() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	b.t.Fatalf("not after %s: %s", d, what)
}

func (b *bench) end() {
	b.kafka.Start()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.m.Closing()
	b.m.Leave(ctx)
	if b.pid != nil {
		b.system.Root.Stop(b.pid)
	}
	if err := errors.Join(b.statuses.Stop(ctx), b.configs.Stop(ctx)); err != nil {
		b.t.Errorf("the stores: %v", err)
	}
	time.Sleep(15 * time.Second) // timers, the library's goroutine
	synctest.Wait()
	if b.t.Failed() {
		b.t.Logf("the log:\n%s", b.book.String())
	}
}

// must is for writes that have to succeed.
func (b *bench) must(errs ...error) {
	b.t.Helper()
	if err := errors.Join(errs...); err != nil {
		b.t.Fatal(err)
	}
}
