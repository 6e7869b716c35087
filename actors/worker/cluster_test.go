package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/worker"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// gang is a cluster of workers in a bubble, with a Kafka in memory.
type gang struct {
	t     *testing.T
	kafka *kafkatest.Cluster
	more  map[string]string
	nodes map[string]*node // by URL
}

// node is one of them.
type node struct {
	*world
	g    *gang
	url  string
	w    *worker.Distributed
	link *kafkatest.Link
	dead bool
	free bool // what hangs was let go
}

func inGang(t *testing.T, more map[string]string, f func(t *testing.T, g *gang)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &gang{t: t, kafka: kafkatest.New(t, kafkatest.InMemory(), kafkatest.Topics(1, "t")), more: more, nodes: map[string]*node{}}
		defer g.end()
		f(t, g)
	})
}

// start starts a worker and waits until it is in the group.
func (g *gang) start(name string) *node {
	g.t.Helper()
	return g.startAs(name, "http://"+name+":8083/", nil)
}

// startAs starts a worker that is known to the test by a key of its own: it may go by the name of another.
func (g *gang) startAs(name, key string, more map[string]string) *node {
	g.t.Helper()
	d := &world{t: g.t, release: make(chan struct{}), polls: map[string]int{}}
	props := map[string]string{
		"group.id": "gang", "config.storage.topic": "configs", "offset.storage.topic": "offsets", "status.storage.topic": "statuses",
		"config.storage.replication.factor": "1", "offset.storage.replication.factor": "1", "status.storage.replication.factor": "1",
		"offset.storage.partitions": "3", "status.storage.partitions": "2", "scheduled.rebalance.max.delay.ms": "10000",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"offset.flush.interval.ms": "1000", "consumer.session.timeout.ms": "6000", "consumer.heartbeat.interval.ms": "500",
		"consumer.fetch.max.wait.ms": "100", "consumer.metadata.max.age.ms": "1000",
	}
	maps.Copy(props, g.kafka.Props())
	maps.Copy(props, g.more)
	maps.Copy(props, more)
	w, _, err := settings.LoadWorker(g.t.Context(), settings.Distributed, props, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	reg, err := plugin.NewRegistry(d.plugins()...)
	if err != nil {
		g.t.Fatal(err)
	}
	n := &node{world: d, g: g, url: key, link: g.kafka.Link()}
	n.w, err = worker.StartDistributed(g.t.Context(), worker.DistributedConfig{
		Settings: &w, Registry: reg, WorkerID: name + ":8083", URL: "http://" + name + ":8083/", ClusterID: "k", Peers: peers{g},
		Log: slog.New(slog.NewTextHandler(d, nil)).With("worker", name), KafkaOptions: []kafka.Option{n.link.Option()},
		Resolve: func(_ context.Context, p map[string]string) (map[string]string, error) { return maps.Clone(p), nil },
	})
	if err != nil {
		g.t.Fatal(err)
	}
	g.nodes[n.url] = n
	g.wait(90*time.Second, name+" is in the group", func() bool { return n.w.Ready(g.t.Context()) == nil })
	return n
}

// stop stops a worker in good order.
func (n *node) stop() {
	n.g.t.Helper()
	if n.dead {
		return
	}
	n.dead = true
	delete(n.g.nodes, n.url)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	left := n.free // what was let go may be told as left behind when it was asked to stop
	if err := n.w.Stop(ctx); err != nil && !(left && strings.Contains(err.Error(), "left behind")) {
		n.g.t.Errorf("%s stopped: %v", n.url, err)
	}
	n.letGo()
	if n.g.t.Failed() {
		n.g.t.Logf("the log of %s:\n%s", n.url, n.logged())
	}
}

// letGo lets go what hangs.
func (n *node) letGo() {
	if !n.free {
		n.free = true
		close(n.release)
	}
}

func (g *gang) letGo() {
	for _, n := range g.nodes {
		n.letGo()
	}
}

// lies compares what every worker shows with what runs: the first difference, "" if there is none.
func (g *gang) lies() string {
	for _, n := range g.nodes {
		names, err := n.w.Connectors(context.Background())
		if err != nil {
			return err.Error()
		}
		for _, name := range names {
			st, err := n.w.Status(context.Background(), name)
			if err != nil {
				return n.url + ": " + err.Error()
			}
			info, err := n.w.Connector(context.Background(), name)
			if err != nil || len(info.Tasks) != len(st.Tasks) {
				return fmt.Sprintf("%s shows %d tasks of %s, which has %d (%v)", n.url, len(st.Tasks), name, len(info.Tasks), err)
			}
			for _, task := range st.Tasks {
				if lie := g.lie(state.TaskID{Connector: name, Task: task.ID}, task.Status); lie != "" {
					return n.url + " shows " + lie
				}
			}
		}
	}
	return ""
}

// lie says what is wrong with a task's status, if anything.
func (g *gang) lie(id state.TaskID, st state.Status) string {
	var on []string
	for _, n := range g.nodes {
		if slices.Contains(n.running(), id.String()) {
			on = append(on, strings.TrimSuffix(strings.TrimPrefix(n.url, "http://"), "/"))
		}
	}
	if st.State == state.Running && (len(on) != 1 || on[0] != st.WorkerID) {
		return fmt.Sprintf("%s RUNNING on %s, it runs on %v", id, st.WorkerID, on)
	}
	if st.State == state.Unassigned && len(on) > 0 && g.nodes["http://"+on[0]+"/"].hangs(id) == "" {
		return fmt.Sprintf("%s UNASSIGNED, it runs on %v", id, on)
	}
	return ""
}

// hangs is where a task hangs by its configuration, "" for none.
func (n *node) hangs(id state.TaskID) string {
	tasks, err := n.w.TaskConfigs(context.Background(), id.Connector)
	if err != nil || id.Task >= len(tasks) {
		return ""
	}
	return tasks[id.Task].Config["hang"]
}

// honest waits until every worker shows what runs. It is so at the end of every test.
func (g *gang) honest() {
	g.t.Helper()
	last := ""
	for range 900 {
		synctest.Wait()
		if last = g.lies(); last == "" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	g.t.Errorf("status lies: %s", last)
}

func (g *gang) end() {
	if !g.t.Failed() {
		g.honest()
	}
	for _, url := range slices.Sorted(maps.Keys(g.nodes)) {
		n := g.nodes[url]
		if g.t.Failed() {
			g.t.Logf("the log of %s:\n%s", n.url, n.logged())
		}
		n.stop()
	}
	time.Sleep(15 * time.Second) // timers, the library's goroutine
	synctest.Wait()
}

// peers takes requests to the worker that they are for.
type peers struct{ g *gang }

func (p peers) node(url string) (*node, error) {
	n := p.g.nodes[url]
	if n == nil {
		return nil, errors.New("connection refused")
	}
	return n, nil
}

func (p peers) PutTaskConfigs(ctx context.Context, url, connector string, configs []map[string]string, _ []byte, _ string) error {
	n, err := p.node(url)
	if err != nil {
		return err
	}
	return n.w.PutTaskConfigs(ctx, connector, configs)
}

func (p peers) FenceZombies(ctx context.Context, url, connector string, _ []byte, _ string) error {
	n, err := p.node(url)
	if err != nil {
		return err
	}
	return n.w.FenceZombies(ctx, connector)
}

// ask makes a request of a worker and follows where it is sent, at most two hops.
func (n *node) ask(f func(context.Context, *worker.Distributed) error) error {
	ctx, cancel := n.rest()
	defer cancel()
	at := n
	for range 3 {
		err := f(ctx, at.w)
		var other interface{ ForwardURL() string }
		if !errors.As(err, &other) {
			return err
		}
		next := n.g.nodes[other.ForwardURL()]
		if next == nil {
			return err
		}
		at = next
	}
	return errors.New("more than two hops")
}

func (n *node) create(c map[string]string) {
	n.g.t.Helper()
	if err := n.ask(func(ctx context.Context, w *worker.Distributed) error {
		_, err := w.Create(ctx, c["name"], c, "")
		return err
	}); err != nil {
		n.g.t.Fatalf("create %s: %v", c["name"], err)
	}
}

// running are the tasks that run here, by what the tasks themselves say.
func (n *node) running() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	runs := map[string]int{}
	for _, s := range n.trail {
		if id, ok := strings.CutPrefix(s, "start task "); ok {
			runs[id]++
		} else if id, ok := strings.CutPrefix(s, "stop task "); ok {
			runs[id]--
		}
	}
	maps.DeleteFunc(runs, func(id string, k int) bool { return k == 0 || id == "" }) // "": stopped before it was started
	return slices.Sorted(maps.Keys(runs))
}

// connectors are the connector objects that run here.
func (n *node) connectors() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := 0
	for _, s := range n.trail {
		if strings.HasPrefix(s, "start ") && !strings.HasPrefix(s, "start task ") {
			k++
		} else if strings.HasPrefix(s, "stop ") && !strings.HasPrefix(s, "stop task ") && s != "stop " {
			k--
		}
	}
	return k
}

// wait waits for a condition, as long as d of fake time.
func (g *gang) wait(d time.Duration, what string, cond func() bool) {
	g.t.Helper()
	for range int(d/(100*time.Millisecond)) + 1 {
		synctest.Wait()
		if cond() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, url := range slices.Sorted(maps.Keys(g.nodes)) {
		g.t.Logf("%s runs %v and %d connectors", url, g.nodes[url].running(), g.nodes[url].connectors())
	}
	g.t.Fatalf("not after %s: %s", d, what)
}

// settled says whether all these tasks run, each once, and the work is even: neither tasks nor
// connectors of two workers differ by more than one.
func (g *gang) settled(connectors, tasks int) bool {
	var all []string
	var per, objects []int
	for _, n := range g.nodes {
		runs := n.running()
		all = append(all, runs...)
		per = append(per, len(runs))
		objects = append(objects, n.connectors())
	}
	slices.Sort(all)
	sum := 0
	for _, k := range objects {
		sum += k
	}
	even := slices.Max(per)-slices.Min(per) < 2 && slices.Max(objects)-slices.Min(objects) < 2
	if g.more["connect.protocol"] == "eager" { // deals connectors and tasks out in one row
		for i := range per {
			per[i] += objects[i]
		}
		even = slices.Max(per)-slices.Min(per) < 2
	}
	return len(all) == tasks && len(slices.Compact(all)) == tasks && sum == connectors && even
}

// shown says whether REST of every worker shows all tasks and the connector as RUNNING.
func (g *gang) shown(name string, tasks int) bool {
	for _, n := range g.nodes {
		st, err := n.w.Status(context.Background(), name)
		if err != nil || st.Connector.State != state.Running || len(st.Tasks) != tasks {
			return false
		}
		for _, t := range st.Tasks {
			if t.State != state.Running {
				return false
			}
		}
	}
	return true
}

func TestWorkersShare(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a := g.start("a")
		for i := range 4 {
			a.create(conf(fmt.Sprintf("c%d", i), "tasks.max", "3"))
		}
		g.wait(10*time.Second, "one worker runs all", func() bool { return g.settled(4, 12) && g.shown("c3", 3) })
		b := g.start("b")
		g.wait(10*time.Second, "two workers share", func() bool { return g.settled(4, 12) })
		c := g.start("c")
		g.wait(10*time.Second, "three workers share", func() bool { return g.settled(4, 12) && g.shown("c0", 3) })
		c.create(conf("late", "tasks.max", "3"))
		g.wait(10*time.Second, "a connector made at a follower", func() bool { return g.settled(5, 15) && g.shown("late", 3) })
		if err := b.ask(func(ctx context.Context, w *worker.Distributed) error { return w.Delete(ctx, "c1") }); err != nil {
			t.Fatal(err)
		}
		g.wait(10*time.Second, "a connector is gone", func() bool { return g.settled(4, 12) })
		g.wait(10*time.Second, "its status is gone", func() bool {
			_, err := c.w.Status(context.Background(), "c1")
			return errs.KindOf(err) == errs.NotFound
		})
		b.stop()
		g.wait(8*time.Second, "two have the work of three, without the delay of 10 s", func() bool { return g.settled(4, 12) && g.shown("c0", 3) })
		a.stop()
		g.wait(30*time.Second, "one has the work of two", func() bool { return g.settled(4, 12) && g.shown("c0", 3) })
	})
}

// status is a connector's as one worker shows it.
func (n *node) status(name string) string {
	st, err := n.w.Status(context.Background(), name)
	if err != nil {
		return err.Error()
	}
	out := string(st.Connector.State)
	for _, task := range st.Tasks {
		out += " " + string(task.State)
	}
	return out
}

func (n *node) set(name string, target state.TargetState) {
	n.g.t.Helper()
	if err := n.ask(func(ctx context.Context, w *worker.Distributed) error { return w.SetTarget(ctx, name, target) }); err != nil {
		n.g.t.Fatalf("%s of %s: %v", target, name, err)
	}
}

func (g *gang) shows(d time.Duration, name, want string) {
	g.t.Helper()
	g.wait(d, name+" shows "+want+" everywhere", func() bool {
		for _, n := range g.nodes {
			if n.status(name) != want {
				return false
			}
		}
		return true
	})
}

func TestRequestsAtAnyWorker(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a, b := g.start("a"), g.start("b")
		for _, n := range []*node{a, b} {
			name := "at-" + strings.TrimSuffix(strings.TrimPrefix(n.url, "http://"), ":8083/")
			n.create(conf(name, "tasks.max", "2"))
			g.shows(10*time.Second, name, "RUNNING RUNNING RUNNING")
			n.set(name, state.TargetPaused)
			g.shows(5*time.Second, name, "PAUSED PAUSED PAUSED")
			n.set(name, state.TargetStarted)
			g.shows(5*time.Second, name, "RUNNING RUNNING RUNNING")
			n.set(name, state.TargetStopped)
			g.shows(5*time.Second, name, "STOPPED")
			n.set(name, state.TargetStopped)
			n.set(name, state.TargetStarted)
			g.shows(5*time.Second, name, "RUNNING RUNNING RUNNING")
			for _, most := range []int{5, 1, 3} {
				err := n.ask(func(ctx context.Context, w *worker.Distributed) error {
					_, _, err := w.PutConfig(ctx, name, conf(name, "tasks.max", fmt.Sprint(most)))
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				g.shows(10*time.Second, name, "RUNNING"+strings.Repeat(" RUNNING", most))
			}
			starts := a.count("start task "+name+"-2") + b.count("start task "+name+"-2")
			objects := a.count("start "+name) + b.count("start "+name)
			for _, id := range []int{0, 1, 2} {
				if err := n.ask(func(ctx context.Context, w *worker.Distributed) error {
					return w.RestartTask(ctx, state.TaskID{Connector: name, Task: id})
				}); err != nil {
					t.Fatalf("restart of task %d: %v", id, err)
				}
			}
			if err := n.ask(func(ctx context.Context, w *worker.Distributed) error { return w.RestartConnector(ctx, name) }); err != nil {
				t.Fatalf("restart: %v", err)
			}
			if err := n.ask(func(ctx context.Context, w *worker.Distributed) error {
				plan, err := w.RestartWithTasks(ctx, name, true, false)
				if err == nil && (plan.Connector.State != state.Restarting || len(plan.Tasks) != 3) {
					t.Errorf("plan %+v", plan)
				}
				return err
			}); err != nil {
				t.Fatalf("restart with tasks: %v", err)
			}
			g.wait(10*time.Second, "restarts", func() bool {
				return a.count("start task "+name+"-2")+b.count("start task "+name+"-2") == starts+2 && a.count("start "+name)+b.count("start "+name) == objects+2
			})
			g.shows(10*time.Second, name, "RUNNING RUNNING RUNNING RUNNING")
		}
		for what, f := range map[string]func(context.Context, *worker.Distributed) error{
			"delete": func(ctx context.Context, w *worker.Distributed) error { return w.Delete(ctx, "nobody") },
			"pause": func(ctx context.Context, w *worker.Distributed) error {
				return w.SetTarget(ctx, "nobody", state.TargetPaused)
			},
			"stop": func(ctx context.Context, w *worker.Distributed) error {
				return w.SetTarget(ctx, "nobody", state.TargetStopped)
			},
			"restart": func(ctx context.Context, w *worker.Distributed) error { return w.RestartConnector(ctx, "nobody") },
			"restart task": func(ctx context.Context, w *worker.Distributed) error {
				return w.RestartTask(ctx, state.TaskID{Connector: "at-a", Task: 7})
			},
			"offsets": func(ctx context.Context, w *worker.Distributed) error {
				_, err := w.ResetOffsets(ctx, "nobody")
				return err
			},
		} {
			for _, n := range g.nodes {
				if err := n.ask(f); errs.KindOf(err) != errs.NotFound {
					t.Errorf("%s of what is not there: %v", what, err)
				}
			}
		}
		var taken error
		if taken = b.ask(func(ctx context.Context, w *worker.Distributed) error {
			_, err := w.Create(ctx, "at-a", conf("at-a"), "")
			return err
		}); errs.KindOf(taken) != errs.AlreadyExists {
			t.Errorf("created twice: %v", taken)
		}
	})
}

func TestOffsetsGoAlong(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a, b := g.start("a"), g.start("b")
		a.create(conf("lines", "tasks.max", "2", "topic", "t", "lines", "50", "rate", "100ms"))
		offsets := func(n *node) string {
			var text string
			if err := n.ask(func(ctx context.Context, w *worker.Distributed) error {
				list, err := w.Offsets(ctx, "lines")
				text = fmt.Sprint(list)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return text
		}
		g.wait(20*time.Second, "all is read", func() bool {
			return strings.Count(offsets(a), "line:50") == 2 && strings.Count(offsets(b), "line:50") == 2
		})
		b.set("lines", state.TargetStopped)
		g.shows(5*time.Second, "lines", "STOPPED")
		if err := b.ask(func(ctx context.Context, w *worker.Distributed) error {
			_, err := w.AlterOffsets(ctx, "lines", []state.ConnectorOffset{{Partition: map[string]any{"task": "lines-0"}, Offset: map[string]any{"line": int64(7)}}})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := offsets(a); !strings.Contains(got, "line:7") || !strings.Contains(got, "line:50") {
			t.Errorf("altered: %s", got)
		}
		if err := b.ask(func(ctx context.Context, w *worker.Distributed) error {
			_, err := w.ResetOffsets(ctx, "lines")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := offsets(a); got != "[]" {
			t.Errorf("reset: %s", got)
		}
		a.stop()
		b.stop()
		c := g.start("c") // everything it knows is in the topics
		g.shows(5*time.Second, "lines", "STOPPED")
		if got, err := c.w.ActiveTopics(context.Background(), "lines"); err != nil || !slices.Equal(got, []string{"t"}) {
			t.Errorf("active topics %v, %v", got, err)
		}
		c.set("lines", state.TargetStarted)
		g.wait(20*time.Second, "all is read again", func() bool { return strings.Count(offsets(c), "line:50") == 2 })
	})
}

func TestClusterHerderBeginsAnew(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a, b := g.start("a"), g.start("b")
		for i := range 3 {
			a.create(conf(fmt.Sprintf("c%d", i), "tasks.max", "2"))
		}
		g.wait(10*time.Second, "two share", func() bool { return g.settled(3, 6) })
		began := b.count("start c0") + b.count("start c1") + b.count("start c2")
		b.blowUpAt("target state changed")
		a.set("c1", state.TargetPaused)
		g.wait(10*time.Second, "the herder begins anew", func() bool { return strings.Contains(b.logged(), "a part of the worker failed and is started again") })
		g.shows(20*time.Second, "c1", "PAUSED PAUSED PAUSED")
		a.set("c1", state.TargetStarted)
		for i := range 3 {
			g.shows(20*time.Second, fmt.Sprintf("c%d", i), "RUNNING RUNNING RUNNING")
		}
		if now := b.count("start c0") + b.count("start c1") + b.count("start c2"); now <= began {
			t.Errorf("connectors of the worker were started %d times, then %d times", began, now)
		}
		a.create(conf("c3", "tasks.max", "2"))
		g.shows(20*time.Second, "c3", "RUNNING RUNNING RUNNING")
	})
}

func TestClusterWithoutKafka(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a, b := g.start("a"), g.start("b")
		a.create(conf("c", "tasks.max", "4"))
		g.wait(10*time.Second, "two share", func() bool { return g.settled(1, 4) && g.shown("c", 4) })
		g.kafka.Stop()
		g.wait(2*time.Minute, "everything stops, since others might have it", func() bool { return len(a.running())+len(b.running()) == 0 })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := a.w.Ready(ctx); err == nil || !strings.Contains(err.Error(), "ensuring membership in the cluster") {
			t.Errorf("health without Kafka: %v", err)
		}
		g.kafka.Start()
		g.wait(2*time.Minute, "everything runs again", func() bool { return g.settled(1, 4) && g.shown("c", 4) })
		for _, n := range g.nodes {
			ctx, cancel := n.rest()
			defer cancel()
			if err := n.w.Ready(ctx); err != nil {
				t.Errorf("health with Kafka back: %v", err)
			}
		}
	})
}

// Session keys are renewed by the leader, and every worker has the newest.
func TestSessionKeysRotate(t *testing.T) {
	inGang(t, map[string]string{"inter.worker.key.ttl.ms": "20000"}, func(t *testing.T, g *gang) {
		g.start("a")
		g.start("b")
		keys := map[string]bool{}
		for range 5 {
			g.wait(25*time.Second, "a new key that all have", func() bool {
				var now []string
				for _, n := range g.nodes {
					key, _, required, err := n.w.SessionKey(t.Context())
					if err != nil || !required || len(key) != 32 {
						return false
					}
					now = append(now, string(key))
				}
				fresh := now[0] == now[1] && !keys[now[0]]
				if fresh {
					keys[now[0]] = true
				}
				return fresh
			})
		}
	})
}

// One after the other stops and begins anew while requests go on: nothing is lost, and nothing waits
// for the delay of lost work.
func TestRollingRestart(t *testing.T) {
	inGang(t, map[string]string{"scheduled.rebalance.max.delay.ms": "300000"}, func(t *testing.T, g *gang) {
		names := []string{"a", "b", "c"}
		workers := map[string]*node{}
		for _, name := range names {
			workers[name] = g.start(name)
		}
		for i := range 4 {
			workers["b"].create(conf(fmt.Sprintf("c%d", i), "tasks.max", "3"))
		}
		g.wait(20*time.Second, "three share", func() bool { return g.settled(4, 12) })
		for _, name := range names {
			workers[name].stop()
			g.wait(20*time.Second, "two share", func() bool { return g.settled(4, 12) })
			workers[name] = g.start(name)
			g.wait(20*time.Second, "three share again", func() bool { return g.settled(4, 12) })
		}
		for i := range 4 {
			g.shows(10*time.Second, fmt.Sprintf("c%d", i), "RUNNING RUNNING RUNNING RUNNING")
		}
	})
}

func TestEagerCluster(t *testing.T) {
	inGang(t, map[string]string{"connect.protocol": "eager"}, func(t *testing.T, g *gang) {
		a := g.start("a")
		for i := range 3 {
			a.create(conf(fmt.Sprintf("c%d", i), "tasks.max", "3"))
		}
		b := g.start("b")
		g.wait(20*time.Second, "two share", func() bool { return g.settled(3, 9) })
		if _, _, required, err := b.w.SessionKey(t.Context()); err != nil || required {
			t.Errorf("signatures required: %v, %v", required, err)
		}
		a.stop()
		g.wait(20*time.Second, "one has all", func() bool { return g.settled(3, 9) && g.shown("c2", 3) })
	})
}

// A connector that is deleted as soon as any worker knows of its topics leaves none behind.
func TestTopicsOfDeletedConnectors(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a := g.start("a")
		g.start("b")
		g.start("c")
		known := func(name string) int {
			n := 0
			for _, w := range g.nodes {
				topics, err := w.w.ActiveTopics(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				n += len(topics)
			}
			return n
		}
		for i := range 5 {
			name := fmt.Sprintf("brief%d", i)
			a.create(conf(name, "tasks.max", "2", "topic", "t", "lines", "1000", "rate", "10ms"))
			g.wait(20*time.Second, "topics", func() bool { return known(name) > 0 })
			if err := a.ask(func(ctx context.Context, w *worker.Distributed) error { return w.Delete(ctx, name) }); err != nil {
				t.Fatal(err)
			}
			g.wait(20*time.Second, "no topics", func() bool { return known(name) == 0 })
		}
	})
}
