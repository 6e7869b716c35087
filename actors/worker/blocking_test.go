package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
)

// othersGoOn checks that while something hangs a normal connector can be made, writes its records,
// and answers to everything, without waiting for anybody.
func (d *world) othersGoOn() {
	d.t.Helper()
	ctx, cancel := d.rest()
	defer cancel()
	begun := time.Now()
	had := len(d.kafka.Records("t"))
	d.create(conf("normal", "lines", "50", "topic", "t"))
	d.create(sinkConf("normal sink"))
	if took := time.Since(begun); took > time.Second {
		d.t.Errorf("creating two normal connectors took %v", took)
	}
	d.after(20 * time.Second)
	d.want("normal", "RUNNING RUNNING RUNNING")
	if n := len(d.kafka.Records("t")) - had; n != 100 {
		d.t.Errorf("the normal connector wrote %d records, want 100", n)
	}
	if n := d.count("put normal sink-0 normal-0 49"); n != 1 {
		d.t.Errorf("the normal sink got the last record %d times", n)
	}
	begun = time.Now()
	calls := []error{
		d.w.SetTarget(ctx, "normal", state.TargetPaused), d.w.SetTarget(ctx, "normal", state.TargetStarted),
		d.w.RestartConnector(ctx, "normal"), d.w.Ready(ctx),
	}
	if err := errors.Join(calls...); err != nil || time.Since(begun) > 2*time.Second {
		d.t.Errorf("calls about a normal connector: %v after %v", err, time.Since(begun))
	}
	if offsets, err := d.w.Offsets(ctx, "normal"); err != nil || len(offsets) != 2 || fmt.Sprint(offsets[0].Offset["line"]) != "50" {
		d.t.Errorf("offsets of the normal connector %v, %v", offsets, err)
	}
	if err := errors.Join(d.w.Delete(ctx, "normal"), d.w.Delete(ctx, "normal sink")); err != nil {
		d.t.Error(err)
	}
}

// stopsNaming stops the worker, which must be done in time and name those that hang.
func (d *world) stopsNaming(names ...string) {
	d.t.Helper()
	begun := time.Now()
	err := stop(d.w)
	if took := time.Since(begun); took > 6*time.Second {
		d.t.Errorf("stopping took %v", took)
	}
	if len(names) == 0 {
		if err != nil {
			d.t.Errorf("stop: %v", err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), "task.shutdown.graceful.timeout.ms=5000") {
		d.t.Fatalf("stop: %v", err)
	}
	_, list, _ := strings.Cut(err.Error(), "left behind: [")
	got := strings.Fields(strings.TrimSuffix(list, "]"))
	slices.Sort(got)
	if !slices.Equal(got, names) {
		d.t.Errorf("named %v, want %v", got, names)
	}
	if _, err := d.w.Create(d.t.Context(), "late", conf("late"), ""); err == nil {
		d.t.Error("a stopped worker made a connector")
	}
}

// BlockingConnectorTest of Kafka, and the calls that it leaves out.
func TestHangsHurtNobodyElse(t *testing.T) {
	for _, tt := range []struct {
		in    string
		conf  map[string]string
		shows string   // REST, while it hangs
		left  []string // who is named by Stop
	}{
		{"start", conf("h", "hang", "start"), "", []string{"h/connector"}},
		{"taskConfigs", conf("h", "hang", "taskConfigs"), "RUNNING", []string{"h/connector"}},
		{"stop", conf("h", "hang", "stop"), "RUNNING RUNNING RUNNING", []string{"h/connector"}},
		{"constructor", conf("h", "connector.class", "test.HangingConstructor"), "RUNNING", []string{"h/0", "h/1"}},
		{"task.start", conf("h", "hang", "task.start"), "RUNNING", []string{"h/0", "h/1"}},
		{"one of two task.start", conf("h", "hang", "task.start", "only", "1"), "RUNNING RUNNING", []string{"h/1"}},
		{"poll", conf("h", "hang", "poll"), "RUNNING RUNNING RUNNING", []string{"h/0", "h/1"}},
		{"task.stop", conf("h", "hang", "task.stop"), "RUNNING RUNNING RUNNING", []string{"h/0", "h/1"}},
		{"commit", conf("h", "hang", "commit", "lines", "1000", "topic", "u"), "RUNNING RUNNING RUNNING", []string{"h/0", "h/1"}},
		{"sink task.start", sinkConf("h", "hang", "task.start"), "RUNNING", []string{"h/0"}},
		{"sink put", sinkConf("h", "hang", "put"), "RUNNING RUNNING", []string{"h/0"}},
		{"sink flush", sinkConf("h", "hang", "flush"), "RUNNING RUNNING", []string{"h/0"}},
		{"sink task.stop", sinkConf("h", "hang", "task.stop"), "RUNNING RUNNING", []string{"h/0"}},
	} {
		t.Run(tt.in, func(t *testing.T) {
			inWorld(t, true, nil, func(t *testing.T, d *world) {
				d.kafka.CreateTopic("u", 1, nil)
				d.kafka.Values("t", "x") // something for the sinks
				begun := time.Now()
				d.create(tt.conf)
				if took := time.Since(begun); took > 6*time.Second {
					t.Errorf("create took %v", took)
				}
				d.after(5 * time.Second)
				if tt.shows != "" {
					d.want("h", tt.shows)
				}
				d.othersGoOn()
				d.stopsNaming(tt.left...)
				d.after(100 * time.Millisecond)
				if n := d.w.Zombies(); n != len(tt.left) {
					t.Errorf("%d zombies, want %d", n, len(tt.left))
				}
				if !strings.Contains(d.logged(), "was abandoned") {
					t.Error("the log doesn't say who was left behind")
				}
			})
		})
		t.Run(tt.in+", deleted", func(t *testing.T) {
			inWorld(t, true, nil, func(t *testing.T, d *world) {
				d.kafka.CreateTopic("u", 1, nil)
				d.kafka.Values("t", "x")
				d.create(tt.conf)
				d.after(5 * time.Second)
				ctx, cancel := d.rest()
				defer cancel()
				begun := time.Now()
				if err := d.w.Delete(ctx, "h"); err != nil || time.Since(begun) > 6*time.Second {
					t.Errorf("delete: %v after %v", err, time.Since(begun))
				}
				d.after(100 * time.Millisecond)
				if n := d.w.Zombies(); n != len(tt.left) {
					t.Errorf("%d zombies, want %d", n, len(tt.left))
				}
				d.othersGoOn()
				d.stopsNaming()
			})
		})
	}
}

func TestHangsInValidation(t *testing.T) {
	for _, in := range []string{"validate", "config"} {
		t.Run(in, func(t *testing.T) {
			inWorld(t, true, nil, func(t *testing.T, d *world) {
				ctx, cancel := d.rest()
				defer cancel()
				begun := time.Now()
				_, err := d.w.Create(ctx, "h", conf("h", "hang", in), "")
				if time.Since(begun) != 90*time.Second {
					t.Errorf("answered after %v", time.Since(begun))
				}
				const text = "Request timed out. The worker is currently performing multi-property validation for the connector"
				if err == nil || !strings.HasPrefix(err.Error(), text) {
					t.Errorf("answer %v", err)
				}
				var stage interface {
					Stage() (string, time.Time, time.Time)
				}
				if !errors.As(err, &stage) {
					t.Errorf("the answer %T tells no stage", err)
				}
				if _, err := d.w.Status(t.Context(), "h"); err == nil {
					t.Error("it was made all the same")
				}
				withdrawn, withdraw := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { withdraw(errors.New("the client went away")) })
				if _, err := d.w.Create(withdrawn, "h", conf("h", "hang", in), ""); err == nil || err.Error() != "the client went away" {
					t.Errorf("withdrawn: %v", err)
				}
				d.othersGoOn()
				d.stopsNaming()
			})
		})
	}
}

// A restart of a connector that hangs in start times out and says where; others are answered.
func TestRestartOfOneThatHangs(t *testing.T) {
	inWorld(t, true, nil, func(t *testing.T, d *world) {
		d.create(conf("h", "hang", "start"))
		ctx, cancel := d.rest()
		defer cancel()
		err := d.w.RestartConnector(ctx, "h")
		if err == nil || err.Error() != "Request timed out. The worker is currently starting the connector h" {
			t.Errorf("answer %v", err)
		}
		if n := d.count("hangs in start"); n != 2 {
			t.Errorf("started %d times", n)
		}
		d.othersGoOn()
		d.stopsNaming("h/connector")
	})
}

// More connectors that hang while they start than may be started at a time hold up nobody for long.
func TestHangingStartsGiveTheirSlotsBack(t *testing.T) {
	inWorld(t, true, map[string]string{"supervisor.start.concurrency": "2"}, func(t *testing.T, d *world) {
		for i := range 5 {
			go func() {
				ctx, cancel := d.rest()
				defer cancel()
				_, _ = d.w.Create(ctx, fmt.Sprintf("h%d", i), conf(fmt.Sprintf("h%d", i), "hang", "start"), "")
			}()
		}
		d.after(10 * time.Second)
		if n := d.count("hangs in start"); n != 5 {
			t.Errorf("%d of 5 were started", n)
		}
		d.othersGoOn()
		d.stopsNaming("h0/connector", "h1/connector", "h2/connector", "h3/connector", "h4/connector")
	})
}

// A task that panics every tenth batch: all lines arrive, siblings are untouched, the log tells the
// story.
func TestTaskThatPanicsNowAndThen(t *testing.T) {
	inWorld(t, true, nil, func(t *testing.T, d *world) {
		d.create(conf("p", "panic", "every 10th", "only", "1", "lines", "300", "topic", "t", "rate", "100ms"))
		d.create(conf("calm", "lines", "300", "topic", "t", "rate", "100ms"))
		d.after(5 * time.Minute)
		d.want("p", "RUNNING RUNNING RUNNING")
		lines := map[string]int{}
		for _, r := range d.kafka.Records("t") {
			lines[string(r.Value)]++
		}
		for _, who := range []string{"p-0", "p-1", "calm-0", "calm-1"} {
			for i := range 300 {
				n := lines[fmt.Sprintf("%s %d", who, i)]
				if n == 0 || n > 1 && who != "p-1" {
					t.Fatalf("line %d of %s is there %d times", i, who, n)
				}
			}
		}
		if got := d.starts("p", 2); got != "1 1 4" {
			t.Errorf("starts %s, want the task that panics at polls 10, 20 and 30 to start 4 times", got)
		}
		if got := d.starts("calm", 2); got != "1 1 1" {
			t.Errorf("starts of the other connector %s", got)
		}
		log := d.logged()
		for _, text := range []string{"panic: tenth batch of p-1", "(*fakeTask).Poll", "failed; restarting", "running again after automatic restart", "connector=p", "task=1"} {
			if !strings.Contains(log, text) {
				t.Errorf("%q is not in the log", text)
			}
		}
		if got, want := d.count("stop task p-1"), 3; got != want {
			t.Errorf("the task that panicked was stopped %d times, want %d: it holds files and connections", got, want)
		}
		d.stopsNaming()
	})
}

func TestBudgetSpentThenRevived(t *testing.T) {
	inWorld(t, true, nil, func(t *testing.T, d *world) {
		d.create(conf("p", "panic", "every 10th", "only", "0", "lines", "10000", "topic", "t", "rate", "10ms",
			"supervisor.task.restart.max", "2"))
		d.after(time.Minute)
		d.want("p", "RUNNING FAILED RUNNING")
		ctx, cancel := d.rest()
		defer cancel()
		st, err := d.w.TaskStatus(ctx, state.TaskID{Connector: "p", Task: 0})
		if err != nil || !strings.HasPrefix(st.Trace, "org.apache.kafka.connect.errors.ConnectException: panic: tenth batch of p-0\n") ||
			!strings.Contains(st.Trace, "(*fakeTask).Poll") || st.Restarts != 2 {
			t.Errorf("status %+v, %v", st, err)
		}
		if got := d.starts("p", 2); got != "1 3 1" {
			t.Errorf("starts %s", got)
		}
		if err := d.w.RestartTask(ctx, state.TaskID{Connector: "p", Task: 0}); err != nil {
			t.Errorf("restart: %v", err)
		}
		synctest.Wait()
		d.want("p", "RUNNING RUNNING RUNNING")
		d.after(time.Minute)
		if got := d.starts("p", 2); got != "1 6 1" { // on request, and the budget is full again: two more
			t.Errorf("starts after the restart %s", got)
		}
		d.stopsNaming()
	})
}

// Kafka goes away and comes back: nothing fails, nothing is lost.
func TestKafkaAwayAndBack(t *testing.T) {
	inWorld(t, true, nil, func(t *testing.T, d *world) {
		d.create(conf("src", "lines", "2000", "topic", "t", "rate", "200ms"))
		d.create(sinkConf("snk"))
		d.after(5 * time.Second)
		d.kafka.Stop()
		d.after(30 * time.Second)
		d.want("src", "RUNNING RUNNING RUNNING")
		d.want("snk", "RUNNING RUNNING")
		d.kafka.Start()
		d.after(2 * time.Minute)
		d.want("src", "RUNNING RUNNING RUNNING")
		d.want("snk", "RUNNING RUNNING")
		for _, n := range []int{0, 1} {
			for i := range 2000 {
				if d.count(fmt.Sprintf("put snk-0 src-%d %d", n, i)) == 0 {
					t.Fatalf("line %d of task %d never reached the sink", i, n)
				}
			}
		}
		d.stopsNaming()
	})
}

// Kafka away at the end: the worker stops in time all the same.
func TestStopWithoutKafka(t *testing.T) {
	for _, how := range []string{"gone", "silent"} {
		t.Run(how, func(t *testing.T) {
			inWorld(t, true, nil, func(t *testing.T, d *world) {
				d.create(conf("src", "lines", "100000", "topic", "t", "rate", "10ms"))
				d.create(sinkConf("snk"))
				d.after(5 * time.Second)
				if how == "gone" {
					d.kafka.Stop()
				} else {
					d.kafka.Hang()
				}
				d.after(5 * time.Second)
				begun := time.Now()
				err := stop(d.w)
				if took := time.Since(begun); took > 6*time.Second {
					t.Errorf("stopping took %v (%v)", took, err)
				}
				d.kafka.Start()
			})
		})
	}
}
