package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/worker"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// world is a worker in a bubble, with a Kafka in memory if the test wants one, and with connectors
// that misbehave where their configuration says so.
type world struct {
	t       *testing.T
	w       *worker.Worker
	kafka   *kafkatest.Cluster // nil: nobody answers
	offsets *storage.MemoryOffsetStore
	numbers *metrics.Registry
	release chan struct{} // closed at the end: whatever hangs comes back

	mu    sync.Mutex
	book  bytes.Buffer
	trail []string // what plugins were called for
	polls map[string]int
	bomb  string // panics when this is logged, once
}

func (d *world) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bomb != "" && bytes.Contains(p, []byte(d.bomb)) {
		d.bomb = ""
		panic("bomb")
	}
	return d.book.Write(p)
}

// blowUpAt makes whoever logs this next panic: a bug in the worker itself.
func (d *world) blowUpAt(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bomb = text
}

func (d *world) logged() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.book.String()
}

func (d *world) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trail = append(d.trail, fmt.Sprintf(format, args...))
}

// count is how often something was noted.
func (d *world) count(what string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, s := range d.trail {
		if s == what {
			n++
		}
	}
	return n
}

// hang hangs, whatever its context says, if the configuration says that it is to hang here.
func (d *world) hang(props map[string]string, here string) {
	if props["hang"] == here {
		d.note("hangs in %s", here)
		<-d.release
	}
}

type (
	fakeSource struct {
		d     *world
		props map[string]string
	}
	fakeTask struct {
		d     *world
		props map[string]string
		id    string
		tc    connectors.SourceTaskContext
		next  int
		of    map[string]any
	}
	fakeSink     struct{ fakeSource }
	fakeSinkTask struct {
		d     *world
		props map[string]string
		id    string
	}
)

func (f *fakeSource) Validate(_ context.Context, props map[string]string, answer config.Validation) (config.Validation, error) {
	f.d.hang(props, "validate")
	if props["panic"] == "validate" {
		panic("validate blew up")
	}
	return answer, nil
}

func (f *fakeSource) begin(props map[string]string) error {
	f.props = props
	f.d.note("start %s", props["name"])
	f.d.hang(props, "start")
	if props["fail"] == "start" {
		return errs.Connect.New("start of %s refused", props["name"])
	}
	return nil
}

func (f *fakeSource) Start(_ context.Context, _ connectors.SourceContext, props map[string]string) error {
	return f.begin(props)
}

func (f *fakeSink) Start(_ context.Context, _ connectors.ConnectorContext, props map[string]string) error {
	return f.begin(props)
}

func (f *fakeSource) TaskConfigs(_ context.Context, most int) ([]map[string]string, error) {
	f.d.hang(f.props, "taskConfigs")
	if n, err := strconv.Atoi(f.props["tasks"]); err == nil {
		most = n
	}
	var out []map[string]string
	for i := range most {
		m := map[string]string{"name": f.props["name"], "n": strconv.Itoa(i)}
		for _, k := range []string{"hang", "fail", "panic", "lines", "topic", "rate"} {
			if v, ok := f.props[k]; ok && (f.props["only"] == "" || f.props["only"] == strconv.Itoa(i) || k == "lines" || k == "topic" || k == "rate") {
				m[k] = v
			}
		}
		out = append(out, m)
	}
	return out, nil
}

func (f *fakeSource) Stop(context.Context) error {
	f.d.note("stop %s", f.props["name"])
	f.d.hang(f.props, "stop")
	if f.props["fail"] == "stop" {
		return errors.New("stop refused")
	}
	return nil
}

func (f *fakeTask) Start(_ context.Context, tc connectors.SourceTaskContext, props map[string]string) error {
	f.props, f.tc, f.id = props, tc, props["name"]+"-"+props["n"]
	f.d.note("start task %s", f.id)
	f.d.hang(props, "task.start")
	f.of = map[string]any{"task": f.id}
	o, err := tc.Offsets().Offset(context.Background(), f.of)
	if err != nil {
		return err
	}
	if at, ok := o["line"].(int64); ok {
		f.next = int(at)
	}
	return nil
}

// line is an offset: the number of the next line.
type line int

func (l line) OffsetMap() map[string]any { return map[string]any{"line": int64(l)} }

// Poll gives "lines" lines, ten at a time, each poll after "rate" (1 s), and panics or hangs at the
// tenth batch if it is to.
func (f *fakeTask) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	f.d.mu.Lock()
	f.d.polls[f.id]++
	n := f.d.polls[f.id]
	f.d.mu.Unlock()
	f.d.hang(f.props, "poll")
	wait := time.Second
	if r, err := time.ParseDuration(f.props["rate"]); err == nil {
		wait = r
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return nil, nil
	}
	total, _ := strconv.Atoi(f.props["lines"])
	var out []data.SourceRecord
	for i := f.next; i < min(f.next+10, total); i++ {
		out = append(out, data.SourceRecord{
			Record:          data.Record{Topic: f.props["topic"], ValueSchema: data.StringSchema, Value: fmt.Sprintf("%s %d", f.id, i)},
			SourcePartition: f.of, SourceOffset: line(i + 1),
		})
	}
	if f.props["panic"] == "every 10th" && n%10 == 0 && len(out) > 0 {
		panic("tenth batch of " + f.id)
	}
	if f.props["fail"] == "poll" {
		return nil, errors.New("the source is on fire")
	}
	f.next += len(out)
	return out, nil
}

func (f *fakeTask) Commit(context.Context) error {
	f.d.note("commit %s", f.id)
	f.d.hang(f.props, "commit")
	return nil
}

func (f *fakeTask) Stop(context.Context) error {
	f.d.note("stop task %s", f.id)
	f.d.hang(f.props, "task.stop")
	return nil
}

func (f *fakeSinkTask) Start(_ context.Context, _ connectors.SinkTaskContext, props map[string]string) error {
	f.props, f.id = props, props["name"]+"-"+props["n"]
	f.d.note("start task %s", f.id)
	f.d.hang(props, "task.start")
	return nil
}

func (f *fakeSinkTask) Put(_ context.Context, records []data.SinkRecord) error {
	for _, r := range records {
		f.d.note("put %s %v", f.id, r.Value)
	}
	f.d.hang(f.props, "put")
	return nil
}

func (f *fakeSinkTask) Flush(context.Context, connectors.Offsets) error {
	f.d.note("flush %s", f.id)
	f.d.hang(f.props, "flush")
	return nil
}

func (f *fakeSinkTask) Stop(context.Context) error {
	f.d.note("stop task %s", f.id)
	f.d.hang(f.props, "task.stop")
	return nil
}

// plugins are the fakes and what every worker needs.
func (d *world) plugins() []plugin.Plugin {
	def := config.NewDef(config.Key{
		Name: "hang", Type: config.String, Default: "", Importance: config.Low,
		Validator: slowValidator{d},
	})
	all := []plugin.Plugin{
		connectors.Source{
			Descriptor: plugin.Descriptor{Class: "test.FakeSource", Version: "1", Config: def},
			Connector:  func() connectors.SourceConnector { return &fakeSource{d: d} },
			Task:       func() connectors.SourceTask { return &fakeTask{d: d} }, TaskClass: "test.FakeTask",
		},
		connectors.Source{
			Descriptor: plugin.Descriptor{Class: "test.HangingConstructor", Version: "1", Config: def},
			Connector:  func() connectors.SourceConnector { return &fakeSource{d: d} },
			Task: func() connectors.SourceTask {
				d.note("hangs in constructor")
				<-d.release
				return &fakeTask{d: d}
			},
			TaskClass: "test.FakeTask",
		},
		connectors.Sink{
			Descriptor: plugin.Descriptor{Class: "test.FakeSink", Version: "1", Config: def},
			Connector:  func() connectors.SinkConnector { return &fakeSink{fakeSource{d: d}} },
			Task:       func() connectors.SinkTask { return &fakeSinkTask{d: d} }, TaskClass: "test.FakeSinkTask",
		},
		simpleheader.Plugin(),
	}
	for _, c := range primitive.Plugins() {
		all = append(all, c)
	}
	return all
}

// slowValidator hangs while a setting is looked at: what a plugin's definition does is plugin code too.
type slowValidator struct{ d *world }

func (v slowValidator) Validate(_ string, value any) error {
	if value == "config" {
		v.d.note("hangs in config")
		<-v.d.release
	}
	return nil
}

func (slowValidator) String() string { return "slow" }

// inWorld runs f with a worker in a bubble. Everything must have ended afterwards.
func inWorld(t *testing.T, withKafka bool, more map[string]string, f func(t *testing.T, d *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &world{t: t, release: make(chan struct{}), polls: map[string]int{}, offsets: storage.NewMemoryOffsetStore()}
		d.numbers = metrics.NewRegistry(metrics.DefaultWindows(), 0)
		props := map[string]string{
			"bootstrap.servers": "127.0.0.1:1", "offset.storage.file.filename": "unused",
			"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
			"offset.flush.interval.ms": "1000", "consumer.session.timeout.ms": "6000", "consumer.heartbeat.interval.ms": "500",
			"consumer.fetch.max.wait.ms": "100", "consumer.metadata.max.age.ms": "1000",
		}
		var options []kafka.Option
		if withKafka {
			d.kafka = kafkatest.New(t, kafkatest.InMemory(), kafkatest.Topics(1, "t"))
			options = append(options, d.kafka.Option())
			maps.Copy(props, d.kafka.Props())
		}
		maps.Copy(props, more)
		w, _, err := settings.LoadWorker(t.Context(), settings.Standalone, props, nil)
		if err != nil {
			t.Fatal(err)
		}
		reg, err := plugin.NewRegistry(d.plugins()...)
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.NewTextHandler(d, nil))
		d.w, err = worker.Start(worker.Config{
			Settings: &w, Registry: reg, Offsets: d.offsets, WorkerID: "w:8083", ClusterID: "k", Log: log, KafkaOptions: append(options, kafka.WithMetrics(d.numbers)), Metrics: d.numbers,
			Resolve: func(_ context.Context, p map[string]string) (map[string]string, error) { return maps.Clone(p), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer d.end() // also after t.Fatal
		f(t, d)
	})
}

// end stops the worker, if the test hasn't, lets go what hangs, and sees to it that nothing is left.
func (d *world) end() {
	_ = stop(d.w) // what it says is for the test that stops
	close(d.release)
	time.Sleep(15 * time.Second) // timers, zombies on their way out, the library's goroutine
	synctest.Wait()
	if n := d.w.Zombies(); n != 0 {
		d.t.Errorf("%d zombies after all came back", n)
	}
	if d.t.Failed() {
		d.t.Logf("the worker's log:\n%s", d.logged())
	}
}

func stop(w *worker.Worker) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return w.Stop(ctx)
}

// rest is the context of a REST request: 90 s.
func (d *world) rest() (context.Context, context.CancelFunc) {
	return context.WithTimeout(d.t.Context(), 90*time.Second)
}

func conf(name string, more ...string) map[string]string {
	m := map[string]string{"name": name, "connector.class": "test.FakeSource", "tasks.max": "2"}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func sinkConf(name string, more ...string) map[string]string {
	m := conf(name, "connector.class", "test.FakeSink", "topics", "t", "tasks.max", "1")
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

func (d *world) create(c map[string]string) {
	d.t.Helper()
	ctx, cancel := d.rest()
	defer cancel()
	if _, err := d.w.Create(ctx, c["name"], c, ""); err != nil {
		d.t.Fatalf("create %s: %v", c["name"], err)
	}
	synctest.Wait()
}

func (d *world) put(c map[string]string) {
	d.t.Helper()
	ctx, cancel := d.rest()
	defer cancel()
	if _, _, err := d.w.PutConfig(ctx, c["name"], c); err != nil {
		d.t.Fatalf("put %s: %v", c["name"], err)
	}
	synctest.Wait()
}

func (d *world) target(name string, to state.TargetState) {
	d.t.Helper()
	ctx, cancel := d.rest()
	defer cancel()
	if err := d.w.SetTarget(ctx, name, to); err != nil {
		d.t.Fatalf("%s of %s: %v", to, name, err)
	}
	synctest.Wait()
}

func (d *world) after(x time.Duration) {
	time.Sleep(x)
	synctest.Wait()
}

// shows is what REST shows: states of the connector and its tasks.
func (d *world) shows(name string) string {
	ctx, cancel := d.rest()
	defer cancel()
	st, err := d.w.Status(ctx, name)
	if err != nil {
		return err.Error()
	}
	out := []string{string(st.Connector.State)}
	for _, t := range st.Tasks {
		out = append(out, string(t.State))
	}
	return strings.Join(out, " ")
}

func (d *world) want(name, states string) {
	d.t.Helper()
	if got := d.shows(name); got != states {
		d.t.Errorf("%s is %q, want %q", name, got, states)
	}
}

func (d *world) starts(name string, n int) string {
	out := []string{strconv.Itoa(d.count("start " + name))}
	for i := range n {
		out = append(out, strconv.Itoa(d.count(fmt.Sprintf("start task %s-%d", name, i))))
	}
	return strings.Join(out, " ")
}
