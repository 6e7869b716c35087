package worker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func TestCreateShowsAndRuns(t *testing.T) {
	inWorld(t, true, nil, func(t *testing.T, d *world) {
		ctx, cancel := d.rest()
		defer cancel()
		info, err := d.w.Create(ctx, "src", conf("src", "lines", "25", "topic", "t"), "")
		if err != nil {
			t.Fatal(err)
		}
		if info.Type != "source" || len(info.Tasks) != 2 || info.Config["lines"] != "25" {
			t.Errorf("answer %+v", info)
		}
		synctest.Wait()
		d.want("src", "RUNNING RUNNING RUNNING")
		if _, err := d.w.Create(ctx, "src", conf("src"), ""); !errors.Is(err, errs.AlreadyExists) || err.Error() != "Connector src already exists" {
			t.Errorf("created twice: %v", err)
		}
		d.create(sinkConf("snk"))
		d.after(10 * time.Second)
		if n := len(d.kafka.Records("t")); n != 50 {
			t.Errorf("%d records in the topic", n)
		}
		for i := range 25 {
			for n := range 2 {
				if c := d.count(fmt.Sprintf("put snk-0 src-%d %d", n, i)); c != 1 {
					t.Errorf("line %d of task %d was put %d times", i, n, c)
				}
			}
		}
		st, err := d.w.Status(ctx, "src")
		if err != nil || st.Type != "source" || st.Connector.WorkerID != "w:8083" || st.Connector.Version != "1" || st.Tasks[1].ID != 1 {
			t.Errorf("status %+v, %v", st, err)
		}
		if one, err := d.w.TaskStatus(ctx, state.TaskID{Connector: "src", Task: 1}); err != nil || one.State != state.Running {
			t.Errorf("status of a task %+v, %v", one, err)
		}
		tasks, err := d.w.TaskConfigs(ctx, "src")
		if err != nil || len(tasks) != 2 || tasks[1].Config["n"] != "1" || tasks[1].Config["task.class"] != "test.FakeTask" {
			t.Errorf("task configurations %+v, %v", tasks, err)
		}
		if names, _ := d.w.Connectors(ctx); strings.Join(names, " ") != "snk src" {
			t.Errorf("connectors %v", names)
		}
		offsets, err := d.w.Offsets(ctx, "src")
		if err != nil || len(offsets) != 2 || fmt.Sprint(offsets[0].Offset["line"]) != "25" {
			t.Errorf("offsets %+v, %v", offsets, err)
		}
		for _, name := range []string{"src", "snk"} {
			if topics, _ := d.w.ActiveTopics(ctx, name); strings.Join(topics, " ") != "t" {
				t.Errorf("topics of %s: %v", name, topics)
			}
		}
	})
}

func TestUnknownConnector(t *testing.T) {
	inWorld(t, false, nil, func(t *testing.T, d *world) {
		ctx, cancel := d.rest()
		defer cancel()
		id := state.TaskID{Connector: "nobody", Task: 0}
		for name, call := range map[string]func() error{
			"get":          func() error { _, err := d.w.Connector(ctx, "nobody"); return err },
			"status":       func() error { _, err := d.w.Status(ctx, "nobody"); return err },
			"task status":  func() error { _, err := d.w.TaskStatus(ctx, id); return err },
			"task configs": func() error { _, err := d.w.TaskConfigs(ctx, "nobody"); return err },
			"delete":       func() error { return d.w.Delete(ctx, "nobody") },
			"pause":        func() error { return d.w.SetTarget(ctx, "nobody", state.TargetPaused) },
			"restart with": func() error { _, err := d.w.RestartWithTasks(ctx, "nobody", true, true); return err },
			"patch":        func() error { _, err := d.w.PatchConfig(ctx, "nobody", nil); return err },
			"offsets":      func() error { _, err := d.w.Offsets(ctx, "nobody"); return err },
		} {
			if err := call(); !errors.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "nobody") {
				t.Errorf("%s: %v", name, err)
			}
		}
		// These the JVM's standalone worker answers with 500, as recorded.
		for text, call := range map[string]func() error{
			"null": func() error { return d.w.RestartConnector(ctx, "nobody") },
			"Failed to start task nobody-0 since it is not a recognizable type (source or sink)": func() error { return d.w.RestartTask(ctx, id) },
			"No connector `nobody` configured":                                                   func() error { return d.w.SetTarget(ctx, "nobody", state.TargetStopped) },
		} {
			if err := call(); err == nil || errors.Is(err, errs.NotFound) || err.Error() != text {
				t.Errorf("got %v, want %s", err, text)
			}
		}
	})
}

func TestRefusedConfiguration(t *testing.T) {
	inWorld(t, false, nil, func(t *testing.T, d *world) {
		ctx, cancel := d.rest()
		defer cancel()
		bad := conf("c", "tasks.max", "0", "errors.tolerance", "some")
		_, err := d.w.Create(ctx, "c", bad, "")
		if !errors.Is(err, errs.BadRequest) || !strings.Contains(err.Error(), "the following 2 error(s)") ||
			!strings.Contains(err.Error(), "tasks.max") || !strings.Contains(err.Error(), "errors.tolerance") {
			t.Errorf("create: %v", err)
		}
		if names, _ := d.w.Connectors(ctx); len(names) != 0 {
			t.Errorf("connectors %v", names)
		}
		if _, err := d.w.Create(ctx, "c", conf("c", "panic", "validate"), ""); err == nil || !strings.Contains(err.Error(), "validate blew up") {
			t.Errorf("a validation that panics: %v", err)
		}
		d.create(conf("c"))
		bad["name"] = "c"
		if _, _, err := d.w.PutConfig(ctx, "c", bad); !errors.Is(err, errs.BadRequest) {
			t.Errorf("put: %v", err)
		}
		d.want("c", "RUNNING RUNNING RUNNING")
		if d.starts("c", 2) != "1 1 1" {
			t.Errorf("starts %s", d.starts("c", 2))
		}
	})
}

func TestPutAndPatch(t *testing.T) {
	inWorld(t, false, nil, func(t *testing.T, d *world) {
		ctx, cancel := d.rest()
		defer cancel()
		if _, isNew, err := d.w.PutConfig(ctx, "c", conf("c")); err != nil || !isNew {
			t.Fatalf("new %v, %v", isNew, err)
		}
		synctest.Wait()
		if got := d.starts("c", 3); got != "1 1 1 0" {
			t.Errorf("starts %s", got)
		}
		// The same again: the connector object restarts, its tasks have nothing new to learn.
		if _, isNew, err := d.w.PutConfig(ctx, "c", conf("c")); err != nil || isNew {
			t.Errorf("new %v, %v", isNew, err)
		}
		d.after(10 * time.Second)
		if got := d.starts("c", 3); got != "2 1 1 0" {
			t.Errorf("starts after the same again: %s", got)
		}
		// A key that no task configuration holds: tasks restart, converters may have changed.
		d.put(conf("c", "value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter"))
		d.after(10 * time.Second)
		if got := d.starts("c", 3); got != "3 2 2 0" {
			t.Errorf("starts after a change: %s", got)
		}
		three, extra := "3", "yes"
		info, err := d.w.PatchConfig(ctx, "c", map[string]*string{"tasks.max": &three, "extra": &extra, "value.converter": nil})
		if err != nil || info.Config["tasks.max"] != "3" || info.Config["extra"] != "yes" || len(info.Tasks) != 3 {
			t.Errorf("patched %+v, %v", info, err)
		}
		if _, there := info.Config["value.converter"]; there {
			t.Error("a removed key is still there")
		}
		d.after(10 * time.Second)
		d.want("c", "RUNNING RUNNING RUNNING RUNNING")
		d.put(conf("c", "tasks.max", "1"))
		d.after(10 * time.Second)
		d.want("c", "RUNNING RUNNING")
		if d.count("stop task c-1") != d.count("start task c-1") || d.count("stop task c-2") != 1 {
			t.Errorf("tasks too many were not stopped: %q", d.trail)
		}
	})
}

func TestTasksMaxEnforced(t *testing.T) {
	inWorld(t, false, nil, func(t *testing.T, d *world) {
		d.create(conf("c", "tasks.max", "1", "tasks", "2"))
		d.want("c", "FAILED")
		ctx, cancel := d.rest()
		defer cancel()
		st, _ := d.w.Status(ctx, "c")
		if !strings.Contains(st.Connector.Trace, "org.apache.kafka.connect.runtime.TooManyTasksException: The connector c has generated 2 tasks, which is greater than 1") {
			t.Errorf("trace %s", st.Connector.Trace)
		}
		d.put(conf("c", "tasks.max", "1", "tasks", "2", "tasks.max.enforce", "false"))
		d.want("c", "RUNNING RUNNING RUNNING")
		d.put(conf("c", "tasks.max", "1", "tasks", "1"))
		d.want("c", "RUNNING RUNNING")
		// Too many again: the connector fails, the one task of before goes on.
		d.put(conf("c", "tasks.max", "1", "tasks", "2"))
		d.after(time.Minute)
		d.want("c", "FAILED RUNNING")
		if err := d.w.RestartTask(ctx, state.TaskID{Connector: "c", Task: 0}); err != nil {
			t.Errorf("restart of the task: %v", err)
		}
		synctest.Wait()
		d.want("c", "FAILED RUNNING")
	})
}

func TestPauseStopResume(t *testing.T) {
	inWorld(t, true, nil, func(t *testing.T, d *world) {
		const s, p, x = state.TargetStarted, state.TargetPaused, state.TargetStopped
		d.create(conf("c", "lines", "1000000", "topic", "t"))
		d.after(5 * time.Second)
		for _, step := range []struct {
			to    state.TargetState
			shows string
		}{
			{x, "STOPPED"},
			{s, "RUNNING RUNNING RUNNING"},
			{p, "PAUSED PAUSED PAUSED"},
			{x, "STOPPED"},
			{p, "PAUSED"},
			{s, "RUNNING RUNNING RUNNING"},
			{p, "PAUSED PAUSED PAUSED"},
			{s, "RUNNING RUNNING RUNNING"},
		} {
			for range 2 { // twice is harmless
				d.target("c", step.to)
				d.after(3 * time.Second)
				d.want("c", step.shows)
			}
			ctx, cancel := d.rest()
			tasks, err := d.w.TaskConfigs(ctx, "c")
			if want := len(strings.Fields(step.shows)) - 1; err != nil || len(tasks) != want {
				t.Errorf("%s: %d task configurations, want %d (%v)", step.to, len(tasks), want, err)
			}
			cancel()
			before := len(d.kafka.Records("t"))
			d.after(5 * time.Second)
			if grown := len(d.kafka.Records("t")) > before; grown != (step.to == s) {
				t.Errorf("%s: records grow: %v", step.to, grown)
			}
		}
		d.target("c", x)
		d.after(3 * time.Second)
		ctx, cancel := d.rest()
		defer cancel()
		if err := d.w.Delete(ctx, "c"); err != nil {
			t.Error(err)
		}
		// Every line once, in order: no pause and no stop loses or repeats one.
		next := map[string]int{}
		for _, r := range d.kafka.Records("t") {
			who, n, _ := strings.Cut(string(r.Value), " ")
			if n != fmt.Sprint(next[who]) {
				t.Fatalf("%s has line %s, want %d", who, n, next[who])
			}
			next[who]++
		}
	})
}

func TestInitialState(t *testing.T) {
	for _, initial := range []state.TargetState{state.TargetPaused, state.TargetStopped} {
		inWorld(t, false, nil, func(t *testing.T, d *world) {
			ctx, cancel := d.rest()
			defer cancel()
			begun := time.Now()
			if _, err := d.w.Create(ctx, "c", conf("c"), initial); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took > time.Second {
				t.Errorf("create took %v", took)
			}
			synctest.Wait()
			d.want("c", map[state.TargetState]string{state.TargetPaused: "PAUSED", state.TargetStopped: "STOPPED"}[initial])
			if got := d.starts("c", 1); got != "0 0" {
				t.Errorf("starts %s", got)
			}
			d.target("c", state.TargetStarted)
			d.want("c", "RUNNING RUNNING RUNNING")
			d.target("c", initial)
			if err := d.w.Delete(ctx, "c"); err != nil {
				t.Error(err)
			}
		})
	}
}

// A connector whose start throws can be stopped, mended and resumed; one whose stop throws is
// stopped all the same (ConnectWorkerIntegrationTest.testStoppedState).
func TestStoppedState(t *testing.T) {
	inWorld(t, false, nil, func(t *testing.T, d *world) {
		d.create(conf("c", "fail", "start", "supervisor.restart.enabled", "false"))
		d.want("c", "FAILED")
		d.target("c", state.TargetStopped)
		d.want("c", "STOPPED")
		d.put(conf("c"))
		d.want("c", "STOPPED")
		d.target("c", state.TargetStarted)
		d.want("c", "RUNNING RUNNING RUNNING")

		d.create(conf("e", "fail", "stop"))
		d.want("e", "RUNNING RUNNING RUNNING")
		d.target("e", state.TargetStopped)
		d.after(5 * time.Second)
		d.want("e", "STOPPED")
		d.target("e", state.TargetStarted)
		d.want("e", "RUNNING RUNNING RUNNING")
		ctx, cancel := d.rest()
		defer cancel()
		if err := d.w.Delete(ctx, "e"); err != nil {
			t.Error(err)
		}
	})
}

func TestDelete(t *testing.T) {
	inWorld(t, true, nil, func(t *testing.T, d *world) {
		d.create(conf("c", "lines", "10", "topic", "t"))
		d.after(5 * time.Second)
		ctx, cancel := d.rest()
		defer cancel()
		if err := d.w.Delete(ctx, "c"); err != nil {
			t.Fatal(err)
		}
		if _, err := d.w.Status(ctx, "c"); !errors.Is(err, errs.NotFound) {
			t.Errorf("status after delete: %v", err)
		}
		if d.count("stop c") != 1 || d.count("stop task c-0") != 1 || d.count("stop task c-1") != 1 {
			t.Errorf("not everything was stopped: %q", d.trail)
		}
		if err := d.w.Delete(ctx, "c"); !errors.Is(err, errs.NotFound) {
			t.Errorf("deleted twice: %v", err)
		}
		if topics, _ := d.w.ActiveTopics(ctx, "c"); strings.Join(topics, " ") != "t" {
			t.Errorf("topics %v: the JVM's standalone mode remembers them", topics)
		}
		// Offsets stay: the same name goes on where it was.
		d.create(conf("c", "lines", "15", "topic", "t"))
		d.after(5 * time.Second)
		if n := len(d.kafka.Records("t")); n != 30 {
			t.Errorf("%d records, want 30", n)
		}
	})
}

// What comes while a connector is on its way out waits for its end.
func TestRequestsWhileLeaving(t *testing.T) {
	inWorld(t, false, nil, func(t *testing.T, d *world) {
		d.create(conf("c", "hang", "task.stop"))
		type answer struct {
			who string
			err error
		}
		answers := make(chan answer, 3)
		call := func(who string, f func(ctx context.Context) error) {
			go func() {
				ctx, cancel := d.rest()
				defer cancel()
				answers <- answer{who, f(ctx)}
			}()
			synctest.Wait()
		}
		call("delete", func(ctx context.Context) error { return d.w.Delete(ctx, "c") })
		call("create", func(ctx context.Context) error {
			_, err := d.w.Create(ctx, "c", conf("c", "tasks.max", "1"), "")
			return err
		})
		ctx, cancel := d.rest()
		defer cancel()
		if err := d.w.SetTarget(ctx, "c", state.TargetPaused); !errors.Is(err, errs.NotFound) {
			t.Errorf("pause of a deleted connector: %v", err)
		}
		d.after(10 * time.Second)
		for range 2 {
			if a := <-answers; a.err != nil {
				t.Errorf("%s: %v", a.who, a.err)
			}
		}
		d.want("c", "RUNNING RUNNING")
	})
}

func TestNames(t *testing.T) {
	for _, name := range []string{"a/b", "a/b/c#1", "größe 日本", "%2F", "..", "connector-x", "$1 {x}", strings.Repeat("n", 200)} {
		inWorld(t, true, nil, func(t *testing.T, d *world) {
			d.create(conf(name, "lines", "3", "topic", "t"))
			d.after(5 * time.Second)
			d.want(name, "RUNNING RUNNING RUNNING")
			if n := len(d.kafka.Records("t")); n != 6 {
				t.Errorf("%q: %d records", name, n)
			}
			ctx, cancel := d.rest()
			defer cancel()
			if err := d.w.RestartTask(ctx, state.TaskID{Connector: name, Task: 1}); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			if o, err := d.w.Offsets(ctx, name); err != nil || len(o) != 2 {
				t.Errorf("%q: offsets %v, %v", name, o, err)
			}
			if err := d.w.Delete(ctx, name); err != nil {
				t.Errorf("%q: %v", name, err)
			}
		})
	}
}

func TestRestarts(t *testing.T) {
	inWorld(t, false, nil, func(t *testing.T, d *world) {
		ctx, cancel := d.rest()
		defer cancel()
		d.create(conf("fine"))
		d.create(conf("broken", "fail", "poll", "only", "1", "supervisor.restart.enabled", "false"))
		d.after(2 * time.Second)
		d.want("broken", "RUNNING RUNNING FAILED")
		for _, tt := range []struct {
			name               string
			tasks, onlyFailed  bool
			plan               string
			starts, alsoStarts string
		}{
			{"fine", false, false, "RESTARTING RUNNING RUNNING", "2 1 1", "1 1 1"},
			{"fine", true, true, "RUNNING RUNNING RUNNING", "2 1 1", "1 1 1"},
			{"fine", false, true, "RUNNING RUNNING RUNNING", "2 1 1", "1 1 1"},
			{"fine", true, false, "RESTARTING RESTARTING RESTARTING", "3 2 2", "1 1 1"},
			{"broken", false, true, "RUNNING RUNNING FAILED", "3 2 2", "1 1 1"},
			{"broken", true, true, "RUNNING RUNNING RESTARTING", "3 2 2", "1 1 2"},
			{"broken", true, false, "RESTARTING RESTARTING RESTARTING", "3 2 2", "2 2 3"},
			{"broken", false, false, "RESTARTING RUNNING FAILED", "3 2 2", "3 2 3"},
		} {
			plan, err := d.w.RestartWithTasks(ctx, tt.name, tt.tasks, tt.onlyFailed)
			if err != nil {
				t.Fatal(err)
			}
			got := string(plan.Connector.State)
			for _, task := range plan.Tasks {
				got += " " + string(task.State)
			}
			if got != tt.plan {
				t.Errorf("restart of %s, tasks %v, only failed %v: plan %s, want %s", tt.name, tt.tasks, tt.onlyFailed, got, tt.plan)
			}
			d.after(3 * time.Second)
			if a, b := d.starts("fine", 2), d.starts("broken", 2); a != tt.starts || b != tt.alsoStarts {
				t.Errorf("restart of %s, tasks %v, only failed %v: starts %s and %s, want %s and %s", tt.name, tt.tasks, tt.onlyFailed, a, b, tt.starts, tt.alsoStarts)
			}
		}
		if err := d.w.RestartConnector(ctx, "fine"); err != nil {
			t.Error(err)
		}
		if err := d.w.RestartTask(ctx, state.TaskID{Connector: "fine", Task: 9}); !errors.Is(err, errs.NotFound) {
			t.Errorf("restart of a task that isn't: %v", err)
		}
		d.create(conf("refuses", "fail", "start", "supervisor.restart.enabled", "false"))
		if err := d.w.RestartConnector(ctx, "refuses"); err == nil || !strings.Contains(err.Error(), "start of refuses refused") {
			t.Errorf("restart of one that refuses: %v", err)
		}
	})
}

// Two clients at once do what they like; the worker is of one mind at the end.
func TestTwoClientsAtOnce(t *testing.T) {
	inWorld(t, false, nil, func(t *testing.T, d *world) {
		var wg sync.WaitGroup
		for client := range 2 {
			wg.Go(func() {
				for i := range 60 {
					ctx, cancel := d.rest()
					name := fmt.Sprintf("c%d", i%3)
					var err error
					switch (i*7 + client*3) % 6 {
					case 0, 1:
						_, _, err = d.w.PutConfig(ctx, name, conf(name, "tasks.max", fmt.Sprint(1+i%3)))
					case 2:
						err = d.w.SetTarget(ctx, name, state.TargetPaused)
					case 3:
						err = d.w.SetTarget(ctx, name, state.TargetStarted)
					case 4:
						err = d.w.Delete(ctx, name)
					case 5:
						_, err = d.w.RestartWithTasks(ctx, name, true, false)
					}
					if err != nil && !errors.Is(err, errs.NotFound) {
						t.Errorf("client %d, step %d: %v", client, i, err)
					}
					cancel()
				}
			})
		}
		wg.Wait()
		d.after(time.Minute)
		for i := range 3 {
			name := fmt.Sprintf("c%d", i)
			d.put(conf(name, "tasks.max", "1"))
			d.target(name, state.TargetStarted)
			d.after(20 * time.Second)
			d.want(name, "RUNNING RUNNING")
		}
		if err := stop(d.w); err != nil {
			t.Error(err)
		}
	})
}

// A herder that fails begins anew from what the stores know; who asks meanwhile is answered.
func TestHerderBeginsAnew(t *testing.T) {
	inWorld(t, true, nil, func(t *testing.T, d *world) {
		ctx, cancel := d.rest()
		defer cancel()
		d.create(conf("a/b", "lines", "40", "topic", "t"))
		d.create(conf("paused"))
		d.target("paused", state.TargetPaused)
		d.create(conf("stopped"))
		d.target("stopped", state.TargetStopped)
		for i := range 3 {
			d.blowUpAt(fmt.Sprintf(`reason="connector bomb%d was created"`, i))
			// A request that reached the herder before the change did fails with it; the herder that follows
			// answers one that came later.
			_, err := d.w.Create(ctx, fmt.Sprintf("bomb%d", i), conf("x"), "")
			if err != nil && !strings.Contains(err.Error(), "the worker restarted internally") {
				t.Fatalf("the asker got %v", err)
			}
			begun := time.Now()
			if err := d.w.Ready(ctx); err != nil || time.Since(begun) > time.Second {
				t.Errorf("ready: %v after %v", err, time.Since(begun))
			}
			d.after(10 * time.Second)
			d.want("a/b", "RUNNING RUNNING RUNNING")
			d.want("paused", "PAUSED PAUSED PAUSED")
			d.want("stopped", "STOPPED")
		}
		if n := len(d.kafka.Records("t")); n < 80 {
			t.Errorf("%d records", n)
		}
		// Once more within ten minutes is once too often.
		d.blowUpAt(`reason="connector bomb3 was created"`)
		_, err := d.w.Create(ctx, "bomb3", conf("x"), "")
		if err == nil {
			t.Error("created")
		}
		synctest.Wait()
		select {
		case <-d.w.Done():
		default:
			t.Error("the worker did not give up")
		}
		if err := d.w.Err(); err == nil || !strings.Contains(err.Error(), "bomb") {
			t.Errorf("it says %v", err)
		}
		if err := d.w.Ready(ctx); err == nil {
			t.Error("ready")
		}
		if n := d.count("start task a/b-0") - d.count("stop task a/b-0"); n != 0 {
			t.Errorf("%d tasks were never stopped", n)
		}
	})
}

// What waits for the herder's answer when it fails hears of it at once, not after its time-out.
func TestHerderFailsWithRequestsUnderWay(t *testing.T) {
	inWorld(t, false, nil, func(t *testing.T, d *world) {
		d.create(conf("c", "hang", "task.stop"))
		begun := time.Now()
		answer := make(chan error, 1)
		go func() {
			ctx, cancel := d.rest()
			defer cancel()
			answer <- d.w.Delete(ctx, "c")
		}()
		d.after(time.Second)
		d.blowUpAt(`reason="connector bomb was created"`)
		ctx, cancel := d.rest()
		defer cancel()
		if _, err := d.w.Create(ctx, "bomb", conf("bomb"), ""); err == nil {
			t.Error("created")
		}
		if err := <-answer; err == nil || !strings.Contains(err.Error(), "the worker restarted internally") || time.Since(begun) > 2*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		if err := d.w.Ready(ctx); err != nil {
			t.Error(err)
		}
	})
}
