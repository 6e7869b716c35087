package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/worker"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func (n *node) put(c map[string]string) {
	n.g.t.Helper()
	if err := n.ask(func(ctx context.Context, w *worker.Distributed) error {
		_, _, err := w.PutConfig(ctx, c["name"], c)
		return err
	}); err != nil {
		n.g.t.Fatalf("put %s: %v", c["name"], err)
	}
}

func (n *node) delete(name string) {
	n.g.t.Helper()
	if err := n.ask(func(ctx context.Context, w *worker.Distributed) error { return w.Delete(ctx, name) }); err != nil {
		n.g.t.Fatalf("delete %s: %v", name, err)
	}
}

func (n *node) restart(name string) {
	n.g.t.Helper()
	if err := n.ask(func(ctx context.Context, w *worker.Distributed) error {
		_, err := w.RestartWithTasks(ctx, name, true, false)
		return err
	}); err != nil {
		n.g.t.Fatalf("restart %s: %v", name, err)
	}
}

// holdRebalance has a rebalance held open for about five seconds: tasks that hang in stop are replaced, and all
// who join wait for them.
func (g *gang) holdRebalance(n *node) {
	g.t.Helper()
	n.create(conf("slow", "hang", "task.stop", "tasks.max", "2"))
	g.shows(30*time.Second, "slow", "RUNNING RUNNING RUNNING")
	n.put(conf("slow", "hang", "task.stop", "tasks.max", "2", "extra", "x"))
	time.Sleep(time.Second)
}

// Two changes of one connector while a rebalance is held open: what is wished in the end runs.
func TestPairsInARebalance(t *testing.T) {
	three := conf("c", "tasks.max", "3")
	for name, tt := range map[string]struct {
		do    func(n *node)
		shows string
	}{
		"deleted and made again":            {func(n *node) { n.delete("c"); n.create(three) }, "RUNNING RUNNING RUNNING RUNNING"},
		"deleted and made with another":     {func(n *node) { n.delete("c"); n.create(conf("c", "tasks.max", "2")) }, "RUNNING RUNNING RUNNING"},
		"deleted and made of another class": {func(n *node) { n.delete("c"); n.create(sinkConf("c")) }, "RUNNING RUNNING"},
		"stopped and resumed":               {func(n *node) { n.set("c", state.TargetStopped); n.set("c", state.TargetStarted) }, "RUNNING RUNNING RUNNING RUNNING"},
		"resumed and stopped":               {func(n *node) { n.set("c", state.TargetStarted); n.set("c", state.TargetStopped) }, "STOPPED"},
		"two configurations":                {func(n *node) { n.put(conf("c", "tasks.max", "1")); n.put(conf("c", "tasks.max", "2")) }, "RUNNING RUNNING RUNNING"},
		"restarted, deleted, made again":    {func(n *node) { n.restart("c"); n.delete("c"); n.create(three) }, "RUNNING RUNNING RUNNING RUNNING"},
		"paused, deleted, made again":       {func(n *node) { n.set("c", state.TargetPaused); n.delete("c"); n.create(three) }, "RUNNING RUNNING RUNNING RUNNING"},
		"paused and deleted":                {func(n *node) { n.set("c", state.TargetPaused); n.delete("c") }, "No status found for connector c"},
	} {
		t.Run(name, func(t *testing.T) {
			inGang(t, nil, func(t *testing.T, g *gang) {
				a, b := g.start("a"), g.start("b")
				a.create(three)
				g.shows(30*time.Second, "c", "RUNNING RUNNING RUNNING RUNNING")
				g.holdRebalance(a)
				tt.do(b)
				g.shows(60*time.Second, "c", tt.shows)
				time.Sleep(40 * time.Second)
				g.shows(0, "c", tt.shows)
				g.letGo()
			})
		})
	}
}

// A task that hangs in start after a change of its configuration is not shown as running.
func TestHangInStartAfterAChange(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a, _ := g.start("a"), g.start("b")
		a.create(conf("c", "tasks.max", "2"))
		g.shows(30*time.Second, "c", "RUNNING RUNNING RUNNING")
		a.put(conf("c", "tasks.max", "2", "hang", "task.start"))
		g.shows(30*time.Second, "c", "RUNNING UNASSIGNED UNASSIGNED")
		time.Sleep(2 * time.Minute)
		g.shows(0, "c", "RUNNING UNASSIGNED UNASSIGNED")
		g.letGo()
		g.shows(30*time.Second, "c", "RUNNING RUNNING RUNNING")
	})
}

// A worker that is cut off is missed: what it ran is told as UNASSIGNED by the others as soon as the group knows,
// long before they get it, and by itself as soon as it has stopped it. Both say in /health and log what is wrong.
func TestMissingWorker(t *testing.T) {
	inGang(t, map[string]string{"scheduled.rebalance.max.delay.ms": "120000"}, func(t *testing.T, g *gang) {
		a, b := g.start("a"), g.start("b")
		for i := range 2 {
			a.create(conf(fmt.Sprintf("c%d", i), "tasks.max", "4"))
		}
		g.wait(30*time.Second, "two share", func() bool { return g.settled(2, 8) && g.shown("c0", 4) && g.shown("c1", 4) })
		mine := b.running()
		began := time.Now()
		b.link.Cut()
		unassigned := func(n *node) []string {
			var out []string
			for i := range 2 {
				st, err := n.w.Status(t.Context(), fmt.Sprintf("c%d", i))
				if err != nil {
					t.Fatal(err)
				}
				for _, task := range st.Tasks {
					if task.State == state.Unassigned && task.WorkerID == "b:8083" {
						out = append(out, fmt.Sprintf("c%d-%d", i, task.ID))
					}
				}
			}
			return out
		}
		for _, n := range []*node{a, b} {
			g.wait(60*time.Second, n.url+" tells what b ran as unassigned", func() bool { return slices.Equal(unassigned(n), mine) })
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("known after %v", took)
		}
		if note := a.w.Note(); !strings.Contains(note, "A worker is missing from the group") {
			t.Errorf("a is healthy and says %q", note)
		}
		if err := a.w.Ready(t.Context()); err != nil {
			t.Errorf("a: %v", err)
		}
		g.wait(60*time.Second, "b knows that it is out", func() bool { return b.w.Ready(t.Context()) != nil })
		first := b.w.Ready(t.Context())
		asked := time.Now()
		time.Sleep(20 * time.Second)
		again := b.w.Ready(t.Context())
		var one, two interface {
			Stage() (string, time.Time, time.Time)
		}
		if !errors.As(first, &one) || !errors.As(again, &two) {
			t.Fatalf("b says %v, then %v", first, again)
		}
		doing, since, _ := one.Stage()
		if _, later, _ := two.Stage(); !later.Equal(since) || since.After(asked) || since.Before(began) || doing != "ensuring membership in the cluster" {
			t.Errorf("b: %s since %v, later since %v", doing, since, later)
		}
		b.link.Mend()
		g.wait(60*time.Second, "b has its own again, without the delay", func() bool { return g.settled(2, 8) && g.shown("c0", 4) && g.shown("c1", 4) })
		if time.Since(began) > 110*time.Second {
			t.Errorf("it took %v", time.Since(began))
		}
		if note := a.w.Note(); note != "" {
			t.Errorf("nobody is missing, and a says %q", note)
		}
	})
}

// A worker whose session was over when it woke: its tasks start again from what was committed, and the statuses
// are those of what runs.
func TestEvictedWorker(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a := g.start("a")
		a.create(conf("lines", "tasks.max", "2", "topic", "t", "lines", "100000", "rate", "100ms"))
		g.shows(30*time.Second, "lines", "RUNNING RUNNING RUNNING")
		before := a.count("start task lines-0")
		end := g.kafka.Fail(kafkatest.Fault{Request: "Heartbeat", Group: "gang", Error: "UNKNOWN_MEMBER_ID", Times: 1, TopLevel: true})
		g.wait(30*time.Second, "its tasks are started again", func() bool { return a.count("start task lines-0") == before+1 })
		if n := end(); n != 1 {
			t.Errorf("%d faults", n)
		}
		g.shows(30*time.Second, "lines", "RUNNING RUNNING RUNNING")
		if !strings.Contains(a.logged(), "its session had expired") {
			t.Error("the log doesn't say so")
		}
	})
}

// lastStatus is the last record of a key in the status topic, and its partition.
func (g *gang) lastStatus(key string) (value string, partition int32) {
	for _, r := range g.kafka.Records("statuses") {
		if string(r.Key) == key {
			value, partition = string(r.Value), r.Partition
		}
	}
	return value, partition
}

// A status that is not true, whoever wrote it, is corrected: here another worker's, of a later generation than its
// own and then of the present one.
func TestWrongStatusIsCorrected(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a := g.start("a")
		a.create(conf("c", "tasks.max", "2"))
		g.shows(30*time.Second, "c", "RUNNING RUNNING RUNNING")
		for _, text := range []string{
			`{"state":"UNASSIGNED","trace":null,"worker_id":"a:8083","generation":9,"version":"1"}`,
			`{"state":"FAILED","trace":"old","worker_id":"z:8083","generation":1,"version":"1"}`,
			`{"state":"RUNNING","trace":null,"worker_id":"z:8083","generation":1,"version":"1"}`,
		} {
			_, partition := g.lastStatus("status-task-c-1")
			g.kafka.Produce(&kafka.Record{Topic: "statuses", Partition: partition, Key: []byte("status-task-c-1"), Value: []byte(text)})
			time.Sleep(70 * time.Second)
			g.shows(0, "c", "RUNNING RUNNING RUNNING")
			last, _ := g.lastStatus("status-task-c-1")
			if !strings.Contains(last, `"state":"RUNNING"`) || !strings.Contains(last, `"worker_id":"a:8083"`) {
				t.Errorf("after %s the topic says %s", text, last)
			}
		}
	})
}

// Two workers by one name are both warned. Of two clusters with the same internal topics that one is for sure that
// finds the other's word in place of its own; mostly both do.
func TestTwins(t *testing.T) {
	t.Run("one URL", func(t *testing.T) {
		inGang(t, nil, func(t *testing.T, g *gang) {
			a := g.start("a")
			twin := g.startAs("a", "http://twin/", nil)
			a.create(conf("c", "tasks.max", "4"))
			for _, n := range []*node{a, twin} {
				g.wait(3*time.Minute, "a warning", func() bool { return strings.Contains(n.logged(), "set rest.advertised.host.name") })
			}
			twin.stop()
		})
	})
	t.Run("another group", func(t *testing.T) {
		inGang(t, nil, func(t *testing.T, g *gang) {
			a := g.start("a")
			other := g.startAs("o", "http://o:8083/", map[string]string{"group.id": "other"})
			a.create(conf("c", "tasks.max", "1"))
			g.wait(5*time.Minute, "a warning on either side", func() bool {
				return strings.Contains(a.logged()+other.logged(), "with another group.id")
			})
			other.stop()
		})
	})
}

// A panic in any of the leader's duties ends that round, and the next one does the work.
func TestPanicsInDuties(t *testing.T) {
	for duty, text := range map[string]string{
		"session key": "new session key distributed", "publishing": "tasks configured", "clearing statuses": "removed statuses of deleted",
	} {
		t.Run(duty, func(t *testing.T) {
			inGang(t, map[string]string{"inter.worker.key.ttl.ms": "20000"}, func(t *testing.T, g *gang) {
				a := g.start("a")
				a.create(conf("gone", "tasks.max", "2"))
				g.shows(30*time.Second, "gone", "RUNNING RUNNING RUNNING")
				a.blowUpAt(text)
				a.create(conf("c", "tasks.max", "2"))
				a.delete("gone")
				g.shows(60*time.Second, "c", "RUNNING RUNNING RUNNING")
				g.wait(2*time.Minute, "the panic is told", func() bool { return strings.Contains(a.logged(), "panic: bomb") })
				if duty != "clearing statuses" { // which had put all when it said so
					g.wait(2*time.Minute, "it is done in the next round", func() bool { return strings.Contains(a.logged(), text) })
				}
				a.create(conf("after", "tasks.max", "1"))
				g.shows(60*time.Second, "after", "RUNNING RUNNING")
				g.shows(60*time.Second, "gone", "No status found for connector gone")
				if strings.Contains(a.logged(), "a part of the worker failed") {
					t.Error("more than the round was ended")
				}
			})
		})
	}
}

// Requests that come while workers stop are carried out or refused for a reason, and never half done.
func TestStormWhileStopping(t *testing.T) {
	inGang(t, nil, func(t *testing.T, g *gang) {
		a, b, c := g.start("a"), g.start("b"), g.start("c")
		b.create(conf("s", "tasks.max", "3"))
		g.shows(30*time.Second, "s", "RUNNING RUNNING RUNNING RUNNING")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 200 {
				for _, n := range []*node{a, b} {
					err := storm(t.Context(), n.w, i)
					if why := unexplained(err); why != "" {
						t.Errorf("%d at %s: %s", i, n.url, why)
					}
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		time.Sleep(500 * time.Millisecond)
		a.stop()
		time.Sleep(time.Second)
		b.stop()
		<-done
		c.set("s", state.TargetStarted)
		g.shows(60*time.Second, "s", "RUNNING RUNNING RUNNING RUNNING")
	})
}

func storm(ctx context.Context, w *worker.Distributed, i int) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	switch i % 5 {
	case 0:
		return w.SetTarget(ctx, "s", state.TargetPaused)
	case 1:
		return w.SetTarget(ctx, "s", state.TargetStopped)
	case 2:
		return w.SetTarget(ctx, "s", state.TargetStarted)
	case 3:
		return w.RestartConnector(ctx, "s")
	}
	_, err := w.RestartWithTasks(ctx, "s", true, false)
	return err
}

// unexplained says what is wrong with an answer that REST would show as 500.
func unexplained(err error) string {
	var coded interface{ StatusCode() int }
	var elsewhere interface{ ForwardURL() string }
	switch {
	case err == nil, errors.As(err, &elsewhere), errs.KindOf(err) == errs.NotFound:
		return ""
	case errors.As(err, &coded) && (coded.StatusCode() == 503 || coded.StatusCode() == 409):
		return ""
	}
	return err.Error()
}
