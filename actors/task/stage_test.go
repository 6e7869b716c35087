package task_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// stage runs one task's actor in a bubble, against a Kafka in memory, and hears what it says.
type stage struct {
	t       *testing.T
	kafka   *kafkatest.Cluster
	env     *task.Env
	sys     *actor.ActorSystem
	top     *actor.PID
	pid     *actor.PID
	spec    task.Spec
	offsets *offsetStore

	mu       sync.Mutex
	states   []string
	done     int
	stalled  []task.Stalled
	notes    []task.Note
	failures []*act.Failure
	book     bytes.Buffer
	topics   []string
}

// offsetStore is the store in memory with what was set in it, and with faults.
type offsetStore struct {
	*storage.MemoryOffsetStore
	mu   sync.Mutex
	sets []string // each Set: values in order of keys
	fail error
}

func (o *offsetStore) Set(ctx context.Context, pairs []storage.Pair) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	for _, p := range pairs {
		o.sets = append(o.sets, string(p.Value))
	}
	return o.MemoryOffsetStore.Set(ctx, pairs)
}

func (o *offsetStore) failWith(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail = err
}

func (o *offsetStore) history() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.sets, " ")
}

func (s *stage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Write(p)
}

func (s *stage) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.String()
}

type spawn struct{}

func (s *stage) Receive(c actor.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m := c.Message().(type) {
	case spawn:
		s.spec.Inc++
		s.pid = c.Spawn(task.Props(s.env, s.spec))
	case task.Changed:
		s.states = append(s.states, string(m.State))
	case task.Done:
		s.done++
		c.Stop(c.Sender())
	case task.Stalled:
		s.stalled = append(s.stalled, m)
	case task.Note:
		s.notes = append(s.notes, m)
	}
}

func (s *stage) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	s.mu.Lock()
	s.failures = append(s.failures, act.AsFailure(reason, false))
	s.mu.Unlock()
	sup.StopChildren(child)
}

// onStage runs f with a task of the plugin; f begins with start. All must have ended afterwards.
func onStage(t *testing.T, p plugin.Plugin, conf map[string]string, f func(t *testing.T, s *stage)) {
	t.Helper()
	onStageWith(t, p, conf, nil, f)
}

// onStageWith is onStage in a worker that has more plugins.
func onStageWith(t *testing.T, p plugin.Plugin, conf map[string]string, more []plugin.Plugin, f func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, kafka: kafkatest.New(t, kafkatest.InMemory(), kafkatest.Topics(2, "t"))}
		s.offsets = &offsetStore{MemoryOffsetStore: storage.NewMemoryOffsetStore()}
		s.env = newEnv(t, s.kafka, slog.New(slog.NewTextHandler(s, nil)), p, more...)
		s.env.Offsets = s.offsets
		s.env.Topics = func(_ state.TaskID, topic string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.topics = append(s.topics, topic)
		}
		s.sys = act.NewSystem(s.env.Log)
		full := map[string]string{"name": "c", "connector.class": p.Describe().Class, "tasks.max": "1"}
		maps.Copy(full, conf)
		s.spec = task.Spec{ID: state.TaskID{Connector: "c", Task: 0}, Connector: full, Props: full, Target: state.TargetStarted}
		s.top = s.sys.Root.Spawn(act.Props(func() actor.Actor { return s }))
		defer s.end()
		f(t, s)
	})
}

// newEnv is what a worker with the plugin gives its tasks.
func newEnv(t testing.TB, cluster *kafkatest.Cluster, log *slog.Logger, p plugin.Plugin, more ...plugin.Plugin) *task.Env {
	t.Helper()
	props := map[string]string{
		"offset.storage.file.filename": "unused", "offset.flush.interval.ms": "10000",
		"key.converter":               "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":             "org.apache.kafka.connect.storage.StringConverter",
		"consumer.session.timeout.ms": "6000", "consumer.heartbeat.interval.ms": "500", "consumer.fetch.max.wait.ms": "100",
		"consumer.metadata.max.age.ms": "1000",
	}
	maps.Copy(props, cluster.Props())
	w, _, err := settings.LoadWorker(t.Context(), settings.Standalone, props, nil)
	if err != nil {
		t.Fatal(err)
	}
	return envOf(t, log, p, &w, more, cluster.Option())
}

// envOf is that of a worker with these settings.
func envOf(t testing.TB, log *slog.Logger, p plugin.Plugin, w *settings.Worker, more []plugin.Plugin, opts ...kafka.Option) *task.Env {
	t.Helper()
	all := append([]plugin.Plugin{p, simpleheader.Plugin()}, more...)
	for _, c := range primitive.Plugins() {
		all = append(all, c)
	}
	reg, err := plugin.NewRegistry(all...)
	if err != nil {
		t.Fatal(err)
	}
	return &task.Env{
		Log: log, Registry: reg, Worker: w, WorkerID: "w:1", Offsets: storage.NewMemoryOffsetStore(),
		Resolve: func(_ context.Context, p map[string]string) (map[string]string, error) { return maps.Clone(p), nil },
		Starts:  task.NewSlots(2), Host: host.New(log), KafkaOptions: opts,
	}
}

func (s *stage) end() {
	s.sys.Root.Stop(s.top)
	time.Sleep(15 * time.Second)
	synctest.Wait()
	if n := s.env.Host.Zombies.Alive(); n != 0 {
		s.t.Errorf("%d zombies at the end", n)
	}
	if s.t.Failed() {
		s.t.Logf("log:\n%s", s.logged())
	}
}

// start is the birth of an incarnation.
func (s *stage) start() {
	s.sys.Root.Send(s.top, spawn{})
	synctest.Wait()
}

func (s *stage) send(m any) {
	s.sys.Root.Send(s.pid, m)
	synctest.Wait()
}

// stop asks the task to stop and lets it have its time.
func (s *stage) stop() {
	s.t.Helper()
	s.send(task.Stop{By: time.Now().Add(5 * time.Second)})
	s.after(5 * time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == 0 {
		s.t.Error("the task did not stop")
	}
}

func (s *stage) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (s *stage) want(states string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.states, " "); got != states {
		s.t.Errorf("states %q, want %q", got, states)
	}
}

// failure is the one failure that there must be, with the text in it.
func (s *stage) failure(text string) *act.Failure {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failures) != 1 || !strings.Contains(s.failures[0].Error(), text) {
		s.t.Fatalf("failures %v, want one with %q", s.failures, text)
	}
	return s.failures[0]
}

func (s *stage) noFailure() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.failures {
		s.t.Errorf("failed: %s", f.Trace())
	}
}

// values are what a topic holds, in order of partition and offset.
func (s *stage) values(topic string) string {
	var out []string
	for _, r := range s.kafka.Records(topic) {
		out = append(out, string(r.Value))
	}
	return strings.Join(out, " ")
}

// trail is what a plugin was called for.
type trail struct {
	mu    sync.Mutex
	calls []string
}

func (l *trail) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, fmt.Sprintf(format, args...))
}

func (l *trail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.calls, " ")
}

func (l *trail) count(call string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, c := range l.calls {
		if c == call {
			n++
		}
	}
	return n
}

func sourcePlugin(newTask func() connectors.SourceTask) plugin.Plugin {
	return connectors.Source{Descriptor: plugin.Descriptor{Class: "test.Source", Version: "3"}, Task: newTask}
}

func sinkPlugin(newTask func() connectors.SinkTask) plugin.Plugin {
	return connectors.Sink{Descriptor: plugin.Descriptor{Class: "test.Sink", Version: "3"}, Task: newTask}
}
