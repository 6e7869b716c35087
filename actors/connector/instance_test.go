package connector

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/codecs/primitive"
	"github.com/troupe-connect/troupe/codecs/simpleheader"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// object under test: a connector whose calls do what the test says and are written down.
type puppet struct {
	mu    sync.Mutex
	calls []string

	start   func(ctx context.Context, sc connectors.SourceContext, props map[string]string) error
	configs func(ctx context.Context, n int) ([]map[string]string, error)
	stop    func(ctx context.Context) error
}

func (p *puppet) note(call string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call)
}

func (p *puppet) called() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.calls, " ")
}

func (p *puppet) Start(ctx context.Context, sc connectors.SourceContext, props map[string]string) error {
	p.note("start")
	if p.start != nil {
		return p.start(ctx, sc, props)
	}
	return nil
}

func (p *puppet) TaskConfigs(ctx context.Context, n int) ([]map[string]string, error) {
	p.note("taskConfigs")
	if p.configs != nil {
		return p.configs(ctx, n)
	}
	return []map[string]string{{"part": "0"}, {"part": "1"}}, nil
}

func (p *puppet) Stop(ctx context.Context) error {
	p.note("stop")
	if p.stop != nil {
		return p.stop(ctx)
	}
	return nil
}

type idleTask struct{}

func (idleTask) Start(context.Context, connectors.SourceTaskContext, map[string]string) error {
	return nil
}
func (idleTask) Poll(context.Context) ([]data.SourceRecord, error) { return nil, nil }
func (idleTask) Stop(context.Context) error                        { return nil }

// puppetPlugin is the plugin whose connector objects are those that next makes.
func puppetPlugin(next func() connectors.SourceConnector) plugin.Plugin {
	return connectors.Source{
		Descriptor: plugin.Descriptor{Class: "test.Puppet", Version: "7.1"},
		Connector:  next,
		Task:       func() connectors.SourceTask { return idleTask{} },
		TaskClass:  "test.PuppetTask",
	}
}

// theater runs one real instance under a parent that writes down what it is told.
type theater struct {
	inst, top *actor.PID
	sys       *actor.ActorSystem
	env       *task.Env
	mu        sync.Mutex
	heard     []any
	failures  []*act.Failure
	book      bytes.Buffer
	props     map[string]string
}

func (h *theater) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.book.Write(p)
}

func (h *theater) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		h.inst = c.Spawn(instanceProps(h.env, "c", 1, h.props))
	case instanceChanged, instanceDone, TaskConfigsReady, stalled:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.heard = append(h.heard, m)
	}
}

func (h *theater) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	h.mu.Lock()
	h.failures = append(h.failures, act.AsFailure(reason, false))
	h.mu.Unlock()
	sup.StopChildren(child)
}

func told[T any](h *theater) []T {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []T
	for _, m := range h.heard {
		if x, ok := m.(T); ok {
			out = append(out, x)
		}
	}
	return out
}

func (h *theater) failed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.failures)
}

func (h *theater) logged() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.book.String()
}

func (h *theater) send(m any) {
	h.sys.Root.Send(h.inst, m)
	synctest.Wait()
}

// failure is the one failure that the supervisor was asked about, with text in it.
func (h *theater) failure(t *testing.T, text string) *act.Failure {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failures) != 1 {
		t.Fatalf("%d failures, want 1", len(h.failures))
	}
	if f := h.failures[0]; !strings.Contains(f.Error(), text) {
		t.Fatalf("failure %q, want %q in it", f, text)
	}
	return h.failures[0]
}

func baseProps(more ...string) map[string]string {
	m := map[string]string{"name": "c", "connector.class": "test.Puppet", "tasks.max": "2"}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

// perform runs f with an instance of the puppet in a bubble.
func perform(t *testing.T, p *puppet, conf map[string]string, f func(t *testing.T, h *theater)) {
	t.Helper()
	performWith(t, func() connectors.SourceConnector { return p }, conf, f)
}

func performWith(t *testing.T, next func() connectors.SourceConnector, conf map[string]string, f func(t *testing.T, h *theater)) {
	t.Helper()
	performOn(t, next, conf, func(*testing.T, *task.Env) {}, f)
}

// performOn is performWith in an environment that prepare has changed.
func performOn(t *testing.T, next func() connectors.SourceConnector, conf map[string]string, prepare func(*testing.T, *task.Env),
	f func(t *testing.T, h *theater),
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		all := []plugin.Plugin{puppetPlugin(next), simpleheader.Plugin()}
		for _, c := range primitive.Plugins() {
			all = append(all, c)
		}
		reg, err := plugin.NewRegistry(all...)
		if err != nil {
			t.Fatal(err)
		}
		w, _, err := settings.LoadWorker(t.Context(), settings.Standalone, map[string]string{
			"bootstrap.servers": "127.0.0.1:1", "offset.storage.file.filename": "unused",
			"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		h := &theater{props: conf}
		log := slog.New(slog.NewTextHandler(h, nil))
		h.sys = act.NewSystem(log)
		h.env = &task.Env{
			Log: log, Registry: reg, Worker: &w, Offsets: storage.NewMemoryOffsetStore(), Starts: task.NewSlots(2), Host: host.New(log),
			Resolve: func(_ context.Context, p map[string]string) (map[string]string, error) {
				out := maps.Clone(p)
				for k, v := range out {
					switch v {
					case "${secret}":
						out[k] = "resolved"
					case "${broken}":
						return nil, errors.New("the secret store is away")
					}
				}
				return out, nil
			},
		}
		prepare(t, h.env)
		h.top = h.sys.Root.Spawn(act.Props(func() actor.Actor { return h }))
		synctest.Wait()
		f(t, h)
		h.sys.Root.Stop(h.top)
		time.Sleep(10 * time.Second) // the longest timer; a dead letter keeps a goroutine of the library for 1 s
		synctest.Wait()
		if n := h.env.Host.Zombies.Alive(); n != 0 {
			t.Errorf("%d zombies at the end", n)
		}
	})
}

func TestInstanceLife(t *testing.T) {
	var got map[string]string
	p := &puppet{start: func(ctx context.Context, sc connectors.SourceContext, props map[string]string) error {
		got = props
		if o, err := sc.Offsets().Offset(ctx, map[string]any{"file": "a"}); o != nil || err != nil {
			return errors.New("offsets are not readable")
		}
		return nil
	}}
	perform(t, p, baseProps("password", "${secret}"), func(t *testing.T, h *theater) {
		if c := told[instanceChanged](h); len(c) != 1 || c[0] != (instanceChanged{1, state.Running, "7.1"}) {
			t.Errorf("states %+v", c)
		}
		r := told[TaskConfigsReady](h)
		if len(r) != 1 || len(r[0].Configs) != 2 || r[0].Configs[1]["part"] != "1" || r[0].Configs[0]["task.class"] != "test.PuppetTask" {
			t.Fatalf("task configurations %+v", r)
		}
		if got["password"] != "resolved" || r[0].Props["password"] != "${secret}" {
			t.Errorf("resolved %v, raw %v", got, r[0].Props)
		}
		h.send(RequestTaskConfigs{})
		h.send(task.Stop{By: time.Now().Add(5 * time.Second)})
		if p.called() != "start taskConfigs taskConfigs stop" {
			t.Errorf("calls: %s", p.called())
		}
		if d := told[instanceDone](h); len(d) != 1 {
			t.Errorf("ends %+v", d)
		}
	})
}

func TestInstanceFailures(t *testing.T) {
	boom := errs.Connect.New("no route to host")
	for _, tt := range []struct {
		name, text, calls string
		puppet            *puppet
		conf              map[string]string
		fatal, stack      bool
	}{
		{
			"start refuses", "no route to host", "start stop",
			&puppet{start: func(context.Context, connectors.SourceContext, map[string]string) error { return boom }}, baseProps(), false, false,
		},
		{
			"start panics", "panic: at start", "start stop",
			&puppet{start: func(context.Context, connectors.SourceContext, map[string]string) error { panic("at start") }}, baseProps(), false, true,
		},
		{
			"start dislikes the configuration", "wrong table", "start stop",
			&puppet{start: func(context.Context, connectors.SourceContext, map[string]string) error {
				return errs.Config.New("wrong table")
			}}, baseProps(), true, false,
		},
		{
			"taskConfigs refuses", "no route to host", "start taskConfigs stop",
			&puppet{configs: func(context.Context, int) ([]map[string]string, error) { return nil, boom }}, baseProps(), false, false,
		},
		{
			"taskConfigs panics", "panic: in configs", "start taskConfigs stop",
			&puppet{configs: func(context.Context, int) ([]map[string]string, error) { panic("in configs") }}, baseProps(), false, true,
		},
		{
			"too many tasks", "has generated 2 tasks, which is greater than 1", "start taskConfigs stop",
			&puppet{}, baseProps("tasks.max", "1"), true, false,
		},
		{"unknown class", "connector.class", "", &puppet{}, baseProps("connector.class", "no.Such"), true, false},
		{"a setting that nobody can read", "tasks.max", "", &puppet{}, baseProps("tasks.max", "x"), true, false},
		{"a reference that nobody resolves", "the secret store is away", "", &puppet{}, baseProps("p", "${broken}"), true, false},
		{
			"stop fails too", "no route to host", "start stop",
			&puppet{
				start: func(context.Context, connectors.SourceContext, map[string]string) error { return boom },
				stop:  func(context.Context) error { panic("stop as well") },
			}, baseProps(), false, false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			perform(t, tt.puppet, tt.conf, func(t *testing.T, h *theater) {
				f := h.failure(t, tt.text)
				if (budget.Judge(f).Class == budget.Lasting) != tt.fatal || (f.Stack != "") != tt.stack {
					t.Errorf("fatal %v, stack %q", budget.Judge(f).Class, f.Stack)
				}
				if tt.puppet.called() != tt.calls {
					t.Errorf("calls: %s, want %s", tt.puppet.called(), tt.calls)
				}
				if len(told[instanceDone](h)) != 0 {
					t.Error("it ended as if asked to")
				}
			})
		})
	}
}

func TestTasksMaxNotEnforced(t *testing.T) {
	perform(t, &puppet{}, baseProps("tasks.max", "1", "tasks.max.enforce", "false"), func(t *testing.T, h *theater) {
		if r := told[TaskConfigsReady](h); len(r) != 1 || len(r[0].Configs) != 2 {
			t.Errorf("task configurations %+v", r)
		}
		if !strings.Contains(h.logged(), "greater than 1") {
			t.Errorf("no warning:\n%s", h.logged())
		}
	})
}

func TestRaisedErrors(t *testing.T) {
	var sc connectors.SourceContext
	keep := func(_ context.Context, c connectors.SourceContext, _ map[string]string) error { sc = c; return nil }
	t.Run("fail the connector", func(t *testing.T) {
		p := &puppet{start: keep}
		perform(t, p, baseProps(), func(t *testing.T, h *theater) {
			sc.RaiseError(errs.Connect.New("the watcher died"))
			synctest.Wait()
			h.failure(t, "the watcher died") //nolint:errcheck // it fails the test itself
			if p.called() != "start taskConfigs stop" {
				t.Errorf("calls: %s", p.called())
			}
			sc.RaiseError(errors.New("again")) // nobody is there any more
			sc.RequestTaskReconfiguration()
			synctest.Wait()
		})
	})
	t.Run("the first counts", func(t *testing.T) {
		perform(t, &puppet{start: keep, stop: func(context.Context) error {
			sc.RaiseError(errors.New("second"))
			return nil
		}}, baseProps(), func(t *testing.T, h *theater) {
			sc.RaiseError(errors.New("first"))
			synctest.Wait()
			h.failure(t, "first") //nolint:errcheck // it fails the test itself
		})
	})
	t.Run("nil is an error too", func(t *testing.T) {
		perform(t, &puppet{start: keep}, baseProps(), func(t *testing.T, h *theater) {
			sc.RaiseError(nil)
			synctest.Wait()
			h.failure(t, "without saying which") //nolint:errcheck // it fails the test itself
		})
	})
	t.Run("while it stops they are only logged", func(t *testing.T) {
		perform(t, &puppet{start: keep, stop: func(context.Context) error {
			sc.RaiseError(errors.New("too late"))
			time.Sleep(time.Second)
			return nil
		}}, baseProps(), func(t *testing.T, h *theater) {
			h.send(task.Stop{By: time.Now().Add(5 * time.Second)})
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if h.failed() != 0 || len(told[instanceDone](h)) != 1 {
				t.Errorf("failures %v, ends %v", h.failed(), told[instanceDone](h))
			}
			if !strings.Contains(h.logged(), "too late") {
				t.Errorf("log:\n%s", h.logged())
			}
		})
	})
	t.Run("while taskConfigs hangs it is left behind", func(t *testing.T) {
		var release chan struct{} // of the bubble
		start := func(_ context.Context, c connectors.SourceContext, _ map[string]string) error {
			sc, release = c, make(chan struct{})
			return nil
		}
		perform(t, &puppet{start: start, configs: func(context.Context, int) ([]map[string]string, error) { <-release; return nil, nil }},
			baseProps(), func(t *testing.T, h *theater) {
				sc.RaiseError(errors.New("the watcher died"))
				time.Sleep(4 * time.Second)
				synctest.Wait()
				if h.failed() != 0 {
					t.Errorf("told before the call had its time")
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				h.failure(t, "the watcher died") //nolint:errcheck // it fails the test itself
				time.Sleep(60 * time.Millisecond)
				if n := h.env.Host.Zombies.Alive(); n != 1 {
					t.Errorf("%d zombies", n)
				}
				close(release)
				synctest.Wait()
			})
	})
}

// A request while taskConfigs runs leads to one more call, however many there are.
func TestReconfigurationRequestsAreMerged(t *testing.T) {
	var sc connectors.SourceContext
	p := &puppet{
		start: func(_ context.Context, c connectors.SourceContext, _ map[string]string) error { sc = c; return nil },
		configs: func(context.Context, int) ([]map[string]string, error) {
			time.Sleep(time.Second)
			return nil, nil
		},
	}
	perform(t, p, baseProps(), func(t *testing.T, h *theater) {
		for range 5 {
			sc.RequestTaskReconfiguration()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if p.called() != "start taskConfigs taskConfigs" {
			t.Errorf("calls: %s", p.called())
		}
	})
}

// What hangs is called back through its context.
func TestInstanceIsCalledBack(t *testing.T) {
	obeys := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	for _, tt := range []struct {
		name   string
		puppet func(hang func(context.Context) error) *puppet
	}{
		{"start", func(hang func(context.Context) error) *puppet {
			return &puppet{start: func(ctx context.Context, _ connectors.SourceContext, _ map[string]string) error { return hang(ctx) }}
		}},
		{"taskConfigs", func(hang func(context.Context) error) *puppet {
			return &puppet{configs: func(ctx context.Context, _ int) ([]map[string]string, error) { return nil, hang(ctx) }}
		}},
		{"stop", func(hang func(context.Context) error) *puppet { return &puppet{stop: hang} }},
	} {
		t.Run(tt.name+" obeys its context", func(t *testing.T) {
			p := tt.puppet(obeys)
			perform(t, p, baseProps(), func(t *testing.T, h *theater) {
				h.send(task.Stop{By: time.Now().Add(5 * time.Second)})
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if len(told[instanceDone](h)) != 1 || h.failed() != 0 {
					t.Errorf("ends %v, failures %v", told[instanceDone](h), h.failed())
				}
				if !strings.HasSuffix(p.called(), "stop") || strings.Count(p.called(), "stop") != 1 {
					t.Errorf("calls: %s", p.called())
				}
			})
		})
	}
}

// Zombies: an instance that is stopped from above while a call hangs is left behind and counted.
func TestInstanceLeftBehind(t *testing.T) {
	synctestRelease := func() (func(context.Context) error, func()) {
		release := make(chan struct{})
		return func(context.Context) error { <-release; return nil }, func() { close(release) }
	}
	for _, in := range []string{"constructor", "start", "taskConfigs", "stop"} {
		t.Run(in, func(t *testing.T) {
			var (
				p    = &puppet{}
				free func()
				once sync.Once
				hang func(context.Context) error
			)
			lazily := func(ctx context.Context) error { // channels belong to the bubble
				once.Do(func() { hang, free = synctestRelease() })
				return hang(ctx)
			}
			next := func() connectors.SourceConnector { return p }
			switch in {
			case "constructor":
				next = func() connectors.SourceConnector { _ = lazily(context.Background()); return p }
			case "start":
				p.start = func(ctx context.Context, _ connectors.SourceContext, _ map[string]string) error { return lazily(ctx) }
			case "taskConfigs":
				p.configs = func(ctx context.Context, _ int) ([]map[string]string, error) { return nil, lazily(ctx) }
			case "stop":
				p.stop = lazily
			}
			performWith(t, next, baseProps(), func(t *testing.T, h *theater) {
				h.send(task.Stop{By: time.Now().Add(5 * time.Second)})
				time.Sleep(6 * time.Second)
				synctest.Wait()
				if len(told[instanceDone](h)) != 0 {
					t.Error("it says that it has ended")
				}
				h.sys.Root.Stop(h.inst)
				time.Sleep(60 * time.Millisecond) // one that is just ending is none
				synctest.Wait()
				if n := h.env.Host.Zombies.Alive(); n != 1 {
					t.Errorf("%d zombies", n)
				}
				if !strings.Contains(h.logged(), "was abandoned") || !strings.Contains(h.logged(), "TestInstanceLeftBehind") {
					t.Errorf("the log does not say where it hangs:\n%s", h.logged())
				}
				free()
				synctest.Wait()
			})
		})
	}
}

// A call of the connector object that hangs is told, and taken back when it returns.
func TestInstanceStall(t *testing.T) {
	var release chan struct{}
	p := &puppet{configs: func(context.Context, int) ([]map[string]string, error) { <-release; return nil, nil }}
	performWith(t, func() connectors.SourceConnector { release = make(chan struct{}); return p }, baseProps(), func(t *testing.T, h *theater) {
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		got := told[stalled](h)
		if len(got) != 1 || got[0].stall.In != host.TaskConfigs || got[0].stall.For < 5*time.Minute {
			t.Fatalf("told %+v", got)
		}
		close(release)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := told[stalled](h); len(got) != 2 || got[1].stall.In != nil {
			t.Errorf("told %+v", got)
		}
	})
}
