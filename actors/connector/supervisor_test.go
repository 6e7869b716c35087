package connector

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// failing has the first n incarnations of one child fail right away.
func failing(which, n int) cast {
	return func(task, inc int) part {
		if task == which && inc <= n {
			return part{fail: errBroken}
		}
		return part{}
	}
}

func TestRestartsWithBackoffUntilItRuns(t *testing.T) {
	onRig(t, failing(0, 3), func(t *testing.T, r *rig) {
		r.start(2, state.TargetStarted, props())
		r.after(time.Minute)
		r.wantBirths(0, "0s 1s 3s 7s")
		r.want(0, "RUNNING RESTARTING RUNNING RESTARTING RUNNING RESTARTING RUNNING")
		if st := r.last(0); st.Restarts != 3 || st.WorkerID != "w:8083" || st.Version != "1.0" || st.Trace != "" {
			t.Errorf("status %+v", st)
		}
		r.want(1, "RUNNING")
		r.want(ConnectorTask, "RUNNING")
		for _, text := range []string{"failed; restarting", "in=1s", "in=2s", "in=4s", "running again after automatic restart", "broken", "task=0"} {
			if !strings.Contains(r.logged(), text) {
				t.Errorf("%q is not in the log:\n%s", text, r.logged())
			}
		}
	})
}

func TestBudgetSpentIsFailedWithTrace(t *testing.T) {
	onRig(t, failing(0, 100), func(t *testing.T, r *rig) {
		r.start(2, state.TargetStarted, props())
		r.after(time.Hour)
		r.wantBirths(0, "0s 1s 3s 7s")
		r.want(0, "RUNNING RESTARTING RUNNING RESTARTING RUNNING RESTARTING RUNNING FAILED")
		st := r.last(0)
		if !strings.HasPrefix(st.Trace, "org.apache.kafka.connect.errors.ConnectException: panic: broken\n") ||
			!strings.Contains(st.Trace, "connector.(*player).Receive") {
			t.Errorf("trace %s", st.Trace)
		}
		r.want(1, "RUNNING")
		r.wantBirths(1, "0s")
		if !strings.Contains(r.logged(), "no restarts left in its budget") {
			t.Errorf("log:\n%s", r.logged())
		}
	})
}

func TestRestartingShowsTheTrace(t *testing.T) {
	onRig(t, failing(0, 1), func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.after(500 * time.Millisecond)
		if st := r.last(0); st.State != state.Restarting || !strings.Contains(st.Trace, "broken") {
			t.Errorf("status %+v", st)
		}
	})
}

func TestFatalAndDisabledAreFailedAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name, log string
		err       error
		conf      map[string]string
	}{
		{"configuration", "a restart would not help", errs.Config.New("topic is missing"), props()},
		{"too many tasks", "a restart would not help", errs.TooManyTasks.New("3 of 2"), props()},
		{"authorization", "a restart would not help", errs.Authorization.New("no"), props()},
		{"disabled", "supervisor.restart.enabled=false", errBroken, props("supervisor.restart.enabled", "false")},
		{"none allowed", "no restarts left in its budget", errBroken, props("supervisor.task.restart.max", "0")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onRig(t, func(task, _ int) part {
				if task == 0 {
					return part{fail: tt.err}
				}
				return part{}
			}, func(t *testing.T, r *rig) {
				r.start(2, state.TargetStarted, tt.conf)
				r.after(time.Hour)
				r.wantBirths(0, "0s")
				r.want(0, "RUNNING FAILED")
				r.want(1, "RUNNING")
				if st := r.last(0); st.Restarts != 0 || !strings.Contains(st.Trace, tt.err.Error()) {
					t.Errorf("status %+v", st)
				}
				if !strings.Contains(r.logged(), tt.log) {
					t.Errorf("%q is not in the log:\n%s", tt.log, r.logged())
				}
			})
		})
	}
}

func TestFailedConnectorLeavesItsTasksAlone(t *testing.T) {
	onRig(t, failing(ConnectorTask, 100), func(t *testing.T, r *rig) {
		r.start(2, state.TargetStarted, props())
		r.after(time.Hour)
		r.wantBirths(ConnectorTask, "0s 1s 3s 7s")
		if r.last(ConnectorTask).State != state.Failed {
			t.Errorf("connector %+v", r.last(ConnectorTask))
		}
		for n := range 2 {
			r.want(n, "RUNNING")
			r.wantBirths(n, "0s")
		}
	})
}

// Healthy for supervisor.task.restart.reset.after.ms: count and delay begin anew.
func TestBudgetResetsAfterHealth(t *testing.T) {
	onRig(t, func(task, inc int) part {
		switch {
		case task != 0:
			return part{}
		case inc == 4:
			return part{fail: errBroken, failAfter: 5 * time.Minute}
		}
		return part{fail: errBroken}
	}, func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.after(time.Hour)
		r.wantBirths(0, "0s 1s 3s 7s 5m8s 5m10s 5m14s")
		if st := r.last(0); st.State != state.Failed {
			t.Errorf("status %+v", st)
		}
	})
}

func TestRestartOnRequestRevivesAndClearsTheBudget(t *testing.T) {
	for _, which := range []int{ConnectorTask, 0} {
		t.Run(map[int]string{ConnectorTask: "connector", 0: "task"}[which], func(t *testing.T) {
			onRig(t, failing(which, 5), func(t *testing.T, r *rig) {
				r.start(1, state.TargetStarted, props())
				r.after(time.Hour)
				if r.last(which).State != state.Failed {
					t.Fatalf("status %+v", r.last(which))
				}
				if err := r.restart(which, time.Second); err != nil { // #5: says RUNNING, then fails, budget anew
					t.Fatalf("restart: %v", err)
				}
				r.after(10 * time.Second)
				st := r.last(which)
				if st.State != state.Running || st.Restarts != 1 {
					t.Errorf("status %+v", st)
				}
				r.wantBirths(which, "0s 1s 3s 7s 1h0m0s 1h0m1s")
				if !strings.HasSuffix(r.statuses(which), "FAILED RESTARTING RUNNING RESTARTING RUNNING") {
					t.Errorf("states %s", r.statuses(which))
				}
			})
		})
	}
}

func TestRestartAnswers(t *testing.T) {
	t.Run("a child that runs is stopped first", func(t *testing.T) {
		onRig(t, func(int, int) part { return part{stopTakes: 2 * time.Second} }, func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			if err := r.restart(0, time.Minute); err != nil {
				t.Fatal(err)
			}
			r.wantBirths(0, "0s 2s")
			r.want(0, "RUNNING RESTARTING RUNNING")
		})
	})
	t.Run("a child that fails as it starts", func(t *testing.T) {
		onRig(t, func(_, inc int) part { return part{silent: inc > 1, fail: map[bool]error{true: errBroken}[inc > 1]} }, func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			err := r.restart(0, time.Minute)
			if err == nil || !strings.Contains(err.Error(), "broken") {
				t.Errorf("answer %v", err)
			}
		})
	})
	t.Run("a child that hangs as it starts", func(t *testing.T) {
		onRig(t, func(_, inc int) part { return part{silent: inc > 1} }, func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			if err := r.restart(0, 10*time.Second); err == nil {
				t.Error("it was said to have started")
			}
			r.want(0, "RUNNING RESTARTING")
		})
	})
	t.Run("a child that hangs as it stops is left behind", func(t *testing.T) {
		onRig(t, func(_, inc int) part { return part{hangs: inc == 1} }, func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			if err := r.restart(0, time.Minute); err != nil {
				t.Fatal(err)
			}
			r.wantBirths(0, "0s 5.1s")
			r.want(0, "RUNNING RESTARTING RUNNING")
			if !strings.Contains(r.logged(), "was abandoned; fenced from Kafka") {
				t.Errorf("log:\n%s", r.logged())
			}
		})
	})
	t.Run("nobody of that number", func(t *testing.T) {
		onRig(t, always, func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			if err := r.restart(7, time.Second); !errors.Is(err, act.ErrGone) {
				t.Errorf("answer %v", err)
			}
		})
	})
	t.Run("of a paused connector", func(t *testing.T) {
		onRig(t, always, func(t *testing.T, r *rig) {
			r.start(1, state.TargetPaused, props())
			if err := r.restart(ConnectorTask, time.Second); err != nil {
				t.Errorf("connector: %v", err)
			}
			if err := r.restart(0, time.Second); err != nil {
				t.Errorf("task: %v", err)
			}
			r.wantBirths(ConnectorTask, "")
			r.want(ConnectorTask, "PAUSED RESTARTING PAUSED")
			r.want(0, "PAUSED RESTARTING PAUSED")
		})
	})
	t.Run("while it waits for its next try", func(t *testing.T) {
		onRig(t, failing(0, 3), func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			r.after(4 * time.Second) // failed three times; #4 is due at 7 s
			if err := r.restart(0, time.Second); err != nil {
				t.Fatal(err)
			}
			r.after(time.Minute)
			r.wantBirths(0, "0s 1s 3s 4s")
			if st := r.last(0); st.State != state.Running || st.Restarts != 0 {
				t.Errorf("status %+v", st)
			}
		})
	})
	t.Run("twice at once", func(t *testing.T) {
		onRig(t, func(int, int) part { return part{stopTakes: time.Second} }, func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			answers := make(chan error, 2)
			for range 2 {
				go func() { answers <- r.askRestart(0, time.Minute) }()
			}
			synctest.Wait()
			r.after(5 * time.Second)
			for range 2 {
				if err := <-answers; err != nil {
					t.Error(err)
				}
			}
			r.wantBirths(0, "0s 1s")
		})
	})
}

// Target states: what REST shows of the connector and of a task after each change.
func TestPauseResumeStop(t *testing.T) {
	const s, p, x = state.TargetStarted, state.TargetPaused, state.TargetStopped
	for _, tt := range []struct {
		name            string
		first           state.TargetState
		then            []state.TargetState
		connector, task string
		connectorBirths int
	}{
		{"pause", s, []state.TargetState{p}, "RUNNING PAUSED", "RUNNING PAUSED", 1},
		{"pause twice", s, []state.TargetState{p, p}, "RUNNING PAUSED", "RUNNING PAUSED PAUSED", 1},
		{"pause and resume", s, []state.TargetState{p, s}, "RUNNING PAUSED RUNNING", "RUNNING PAUSED RUNNING", 2},
		{"resume twice", s, []state.TargetState{p, s, s}, "RUNNING PAUSED RUNNING", "RUNNING PAUSED RUNNING RUNNING", 2},
		{"stop", s, []state.TargetState{x}, "RUNNING STOPPED", "RUNNING PAUSED", 1},
		{"stop and resume", s, []state.TargetState{x, s}, "RUNNING STOPPED RUNNING", "RUNNING PAUSED RUNNING", 2},
		{"stop, pause, resume", s, []state.TargetState{x, p, s}, "RUNNING STOPPED PAUSED RUNNING", "RUNNING PAUSED PAUSED RUNNING", 2},
		{"pause, stop, pause", s, []state.TargetState{p, x, p}, "RUNNING PAUSED STOPPED PAUSED", "RUNNING PAUSED PAUSED PAUSED", 1},
		{"begun paused", p, []state.TargetState{s}, "PAUSED RUNNING", "PAUSED RUNNING", 1},
		{"begun stopped", x, []state.TargetState{s}, "STOPPED RUNNING", "RUNNING RUNNING", 1},
		{"begun started and left so", s, []state.TargetState{s}, "RUNNING", "RUNNING RUNNING", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onRig(t, always, func(t *testing.T, r *rig) {
				r.start(1, tt.first, props())
				for _, target := range tt.then {
					r.send(SetTarget{target})
				}
				r.want(ConnectorTask, tt.connector)
				r.want(0, tt.task)
				r.wantBirths(0, "0s")
				if got := len(r.born(ConnectorTask)); got != tt.connectorBirths {
					t.Errorf("%d births of the connector object, want %d", got, tt.connectorBirths)
				}
			})
		})
	}
}

// The last wish wins, also while the object is still stopping.
func TestTargetChangesWhileStopping(t *testing.T) {
	slow := func(int, int) part { return part{stopTakes: 3 * time.Second} }
	onRig(t, slow, func(t *testing.T, r *rig) {
		r.start(0, state.TargetStarted, props())
		r.send(SetTarget{state.TargetPaused})
		r.after(time.Second)
		r.send(SetTarget{state.TargetStarted})
		r.after(10 * time.Second)
		r.want(ConnectorTask, "RUNNING RUNNING")
		r.wantBirths(ConnectorTask, "0s 3s")
	})
	onRig(t, slow, func(t *testing.T, r *rig) {
		r.start(0, state.TargetStarted, props())
		r.send(StartConnector{Props: props("x", "y"), Target: state.TargetStarted}) // stop and start
		r.after(time.Second)
		r.send(SetTarget{state.TargetStopped})
		r.after(10 * time.Second)
		r.want(ConnectorTask, "RUNNING STOPPED")
		r.wantBirths(ConnectorTask, "0s")
	})
}

func TestPauseAndFailure(t *testing.T) {
	t.Run("a task that waits for its next try keeps the wish", func(t *testing.T) {
		onRig(t, failing(0, 1), func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			r.after(100 * time.Millisecond)
			r.send(SetTarget{state.TargetPaused})
			r.after(time.Minute)
			r.want(0, "RUNNING RESTARTING PAUSED")
			if b := r.born(0); len(b) != 2 || b[1].target != state.TargetPaused {
				t.Errorf("births %+v", b)
			}
		})
	})
	t.Run("a connector that waits for its next try is paused, and starts at resume", func(t *testing.T) {
		onRig(t, failing(ConnectorTask, 1), func(t *testing.T, r *rig) {
			r.start(0, state.TargetStarted, props())
			r.after(100 * time.Millisecond)
			r.send(SetTarget{state.TargetPaused})
			r.after(time.Minute)
			r.want(ConnectorTask, "RUNNING RESTARTING PAUSED")
			r.send(SetTarget{state.TargetStarted})
			r.want(ConnectorTask, "RUNNING RESTARTING PAUSED RUNNING")
		})
	})
	fatal := func(task, inc int) part {
		if task == ConnectorTask && inc == 1 {
			return part{fail: errs.Config.New("wrong")}
		}
		return part{}
	}
	t.Run("a failed connector stays failed when it is paused and resumed", func(t *testing.T) {
		onRig(t, fatal, func(t *testing.T, r *rig) {
			r.start(0, state.TargetStarted, props())
			r.after(time.Second)
			r.send(SetTarget{state.TargetPaused}, SetTarget{state.TargetStarted})
			r.after(time.Minute)
			r.want(ConnectorTask, "RUNNING FAILED")
		})
	})
	t.Run("a failed connector can be stopped and then resumed", func(t *testing.T) {
		onRig(t, fatal, func(t *testing.T, r *rig) {
			r.start(0, state.TargetStarted, props())
			r.after(time.Second)
			r.send(SetTarget{state.TargetStopped})
			r.after(time.Second)
			r.send(SetTarget{state.TargetStarted})
			r.want(ConnectorTask, "RUNNING FAILED STOPPED RUNNING")
		})
	})
	t.Run("a connector whose stop fails is stopped all the same", func(t *testing.T) {
		onRig(t, func(_, inc int) part { return part{failsStop: errBroken} }, func(t *testing.T, r *rig) {
			r.start(0, state.TargetStarted, props())
			r.send(SetTarget{state.TargetStopped})
			r.after(time.Minute)
			r.want(ConnectorTask, "RUNNING STOPPED")
			r.send(SetTarget{state.TargetStarted})
			r.want(ConnectorTask, "RUNNING STOPPED RUNNING")
		})
	})
}

func TestChangedConfigurationRestarts(t *testing.T) {
	onRig(t, failing(ConnectorTask, 100), func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.after(time.Minute)
		if r.last(ConnectorTask).State != state.Failed {
			t.Fatalf("status %+v", r.last(ConnectorTask))
		}
		changed := props("topic", "b", "supervisor.connector.restart.max", "1")
		r.send(StartConnector{Props: changed, Target: state.TargetStarted})
		r.after(time.Minute)
		births := r.born(ConnectorTask)
		if len(births) != 6 || births[4].props["topic"] != "b" || (births[5].at-births[4].at).Round(time.Millisecond) != time.Second {
			t.Errorf("births %+v", births)
		}
		r.wantBirths(0, "0s") // the herder says whether tasks restart
		r.send(StartTask{Task: 0, Connector: changed, Props: map[string]string{"part": "2"}})
		b := r.born(0)
		if len(b) != 2 || b[1].props["part"] != "2" || b[1].connector["topic"] != "b" || b[1].inc != 2 {
			t.Errorf("births of the task %+v", b)
		}
	})
}

func TestStopTask(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		onRig(t, func(int, int) part { return part{stopTakes: time.Second} }, func(t *testing.T, r *rig) {
			r.start(2, state.TargetStarted, props())
			r.send(StopTask{0, time.Now().Add(5 * time.Second)})
			r.after(time.Minute)
			r.want(0, "RUNNING UNASSIGNED")
			r.want(1, "RUNNING")
			if got := heard[Stopped](r); len(got) != 1 || got[0] != (Stopped{"c/1", 0, false}) {
				t.Errorf("answers %+v", got)
			}
		})
	})
	t.Run("one that hangs is abandoned", func(t *testing.T) {
		onRig(t, func(n, _ int) part { return part{hangs: n == 0} }, func(t *testing.T, r *rig) {
			r.start(2, state.TargetStarted, props())
			begun := time.Now()
			r.send(StopTask{0, begun.Add(3 * time.Second)})
			r.after(3 * time.Second)
			if got := heard[Stopped](r); len(got) != 0 {
				t.Errorf("answered before the deadline: %+v", got)
			}
			r.after(200 * time.Millisecond)
			if got := heard[Stopped](r); len(got) != 1 || !got[0].Abandoned {
				t.Errorf("answers %+v", got)
			}
			r.want(0, "RUNNING UNASSIGNED")
			r.want(1, "RUNNING")
		})
	})
	t.Run("one that waits for its next try", func(t *testing.T) {
		onRig(t, failing(0, 100), func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			r.after(100 * time.Millisecond)
			r.send(StopTask{0, time.Now().Add(5 * time.Second)})
			r.after(time.Hour)
			r.want(0, "RUNNING RESTARTING UNASSIGNED")
			r.wantBirths(0, "0s")
			if got := heard[Stopped](r); len(got) != 1 || got[0].Abandoned {
				t.Errorf("answers %+v", got)
			}
		})
	})
	t.Run("one that fails while it stops", func(t *testing.T) {
		onRig(t, func(int, int) part { return part{failsStop: errBroken} }, func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			r.send(StopTask{0, time.Now().Add(5 * time.Second)})
			r.after(time.Hour)
			r.want(0, "RUNNING UNASSIGNED")
			r.wantBirths(0, "0s")
			if got := heard[Stopped](r); len(got) != 1 || got[0].Abandoned {
				t.Errorf("answers %+v", got)
			}
		})
	})
	t.Run("one that never was", func(t *testing.T) {
		onRig(t, always, func(t *testing.T, r *rig) {
			r.send(StopTask{4, time.Now()})
			if got := heard[Stopped](r); len(got) != 1 || got[0].Task != 4 {
				t.Errorf("answers %+v", got)
			}
		})
	})
	t.Run("wished again while it stops", func(t *testing.T) {
		onRig(t, func(_, inc int) part { return part{stopTakes: 2 * time.Second} }, func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			r.send(StopTask{0, time.Now().Add(5 * time.Second)})
			r.after(time.Second)
			r.send(StartTask{Task: 0, Connector: props(), Props: props("part", "new")})
			r.after(time.Minute)
			r.wantBirths(0, "0s 2s")
			if st := r.last(0); st.State != state.Running {
				t.Errorf("status %+v", st)
			}
		})
	})
}

func TestStopAll(t *testing.T) {
	t.Run("all in time", func(t *testing.T) {
		onRig(t, func(n, _ int) part { return part{stopTakes: time.Duration(n+2) * time.Second} }, func(t *testing.T, r *rig) {
			r.start(3, state.TargetStarted, props())
			r.send(StopAll{time.Now().Add(5 * time.Second)})
			r.after(3500 * time.Millisecond)
			if len(heard[AllStopped](r)) != 0 {
				t.Error("answered before everybody had stopped")
			}
			r.after(time.Second)
			if got := heard[AllStopped](r); len(got) != 1 || len(got[0].Abandoned) != 0 {
				t.Errorf("answers %+v", got)
			}
			for n := -1; n < 3; n++ {
				r.want(n, "RUNNING UNASSIGNED")
			}
		})
	})
	t.Run("those that hang are named", func(t *testing.T) {
		onRig(t, func(n, _ int) part { return part{hangs: n != 1} }, func(t *testing.T, r *rig) {
			r.start(3, state.TargetStarted, props())
			r.send(StopAll{time.Now().Add(5 * time.Second)})
			r.after(5200 * time.Millisecond)
			got := heard[AllStopped](r)
			if len(got) != 1 {
				t.Fatalf("answers %+v", got)
			}
			slices.Sort(got[0].Abandoned)
			if !slices.Equal(got[0].Abandoned, []string{"0", "2", "connector"}) {
				t.Errorf("abandoned %v", got[0].Abandoned)
			}
		})
	})
	t.Run("with nobody there", func(t *testing.T) {
		onRig(t, always, func(t *testing.T, r *rig) {
			r.send(StopAll{time.Now().Add(5 * time.Second)})
			if got := heard[AllStopped](r); len(got) != 1 {
				t.Errorf("answers %+v", got)
			}
		})
	})
	t.Run("with a failed one, one that waits and one that stops", func(t *testing.T) {
		onRig(t, func(n, _ int) part {
			switch n {
			case 0:
				return part{fail: errs.Config.New("wrong")}
			case 1:
				return part{fail: errBroken}
			}
			return part{stopTakes: 2 * time.Second}
		}, func(t *testing.T, r *rig) {
			r.start(3, state.TargetStarted, props())
			r.send(StopTask{2, time.Now().Add(5 * time.Second)})
			r.after(500 * time.Millisecond)
			r.send(StopAll{time.Now().Add(5 * time.Second)})
			r.after(time.Hour)
			if got := heard[AllStopped](r); len(got) != 1 || len(got[0].Abandoned) != 0 {
				t.Errorf("answers %+v", got)
			}
			r.wantBirths(1, "0s")
		})
	})
	t.Run("nothing starts afterwards", func(t *testing.T) {
		onRig(t, always, func(t *testing.T, r *rig) {
			r.start(1, state.TargetStarted, props())
			r.send(StopAll{time.Now().Add(5 * time.Second)},
				StartTask{Task: 5, Connector: props(), Props: props()},
				StartConnector{Props: props(), Target: state.TargetStarted},
				SetTarget{state.TargetStarted})
			if err := r.restart(0, time.Second); !errors.Is(err, act.ErrGone) {
				t.Errorf("restart: %v", err)
			}
			r.after(time.Hour)
			if n := len(r.born(5)) + len(r.born(0)) + len(r.born(ConnectorTask)); n != 2 {
				t.Errorf("%d births", n)
			}
			if got := heard[AllStopped](r); len(got) != 1 {
				t.Errorf("answers %+v", got)
			}
		})
	})
}

func TestWordsOfOlderIncarnationsAreIgnored(t *testing.T) {
	onRig(t, failing(0, 1), func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.after(2 * time.Second)
		before := r.statuses(0)
		id := state.TaskID{Connector: "c/1", Task: 0}
		r.send(
			task.Changed{ID: id, Inc: 1, State: state.Paused},
			task.Done{ID: id, Inc: 1},
			restartDue{0, 1}, stopDue{0, 1}, stopDue{0, 2}, // #2 is not stopping
			task.Changed{ID: state.TaskID{Connector: "c/1", Task: 9}, Inc: 1, State: state.Paused},
			task.Done{ID: state.TaskID{Connector: "c/1", Task: 9}, Inc: 1},
			instanceChanged{0, state.Failed, ""}, instanceDone{0}, instanceDone{7},
			TaskConfigsReady{Name: "c/1", Inc: 7},
		)
		r.after(time.Hour)
		if got := r.statuses(0); got != before {
			t.Errorf("states %s, before %s", got, before)
		}
		r.want(ConnectorTask, "RUNNING")
		r.wantBirths(0, "0s 1s")
		if got := heard[TaskConfigsReady](r); len(got) != 0 {
			t.Errorf("handed on: %+v", got)
		}
		if len(r.reasons) != 0 {
			t.Errorf("the supervisor failed: %v", r.reasons)
		}
	})
}

// A timer of an incarnation before this one does not shorten the wait.
func TestOldTimerDoesNotRestart(t *testing.T) {
	onRig(t, failing(0, 2), func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.after(2 * time.Second) // #2 failed at 1 s, #3 is due at 3 s
		r.send(restartDue{0, 1})
		r.after(time.Minute)
		r.wantBirths(0, "0s 1s 3s")
	})
}

// A child whose end comes while it is being stopped for a restart is not a failure of the next.
func TestFailureWhileRestarting(t *testing.T) {
	onRig(t, func(_, inc int) part { return part{failsStop: map[bool]error{true: errBroken}[inc == 1]} }, func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		if err := r.restart(0, time.Minute); err != nil {
			t.Fatal(err)
		}
		r.want(0, "RUNNING RESTARTING RUNNING")
		if st := r.last(0); st.Restarts != 0 {
			t.Errorf("status %+v", st)
		}
	})
}

func TestChildThatLeavesUnaskedCountsAsFailure(t *testing.T) {
	onRig(t, func(n, inc int) part {
		if n == 0 && inc == 1 {
			return part{leaves: 10 * time.Second}
		}
		return part{}
	}, func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.after(time.Minute)
		r.want(0, "RUNNING RESTARTING RUNNING")
		r.wantBirths(0, "0s 11s")
		if !strings.Contains(r.logged(), "ended without being asked to") {
			t.Errorf("log:\n%s", r.logged())
		}
	})
}

func TestTaskConfigsAreAskedForAndHandedOn(t *testing.T) {
	onRig(t, always, func(t *testing.T, r *rig) {
		r.send(RequestTaskConfigs{}) // nobody there: nothing
		r.start(0, state.TargetStarted, props())
		r.send(RequestTaskConfigs{})
		if got := heard[TaskConfigsReady](r); len(got) != 1 || got[0].Inc != 1 {
			t.Errorf("handed on: %+v", got)
		}
		r.send(StopAll{time.Now().Add(time.Second)}, TaskConfigsReady{Name: "c/1", Inc: 1})
		if got := heard[TaskConfigsReady](r); len(got) != 1 {
			t.Errorf("handed on while closing: %+v", got)
		}
	})
}

func TestWrongSupervisorSettingsFallBackToTheWorkers(t *testing.T) {
	onRig(t, failing(0, 100), func(t *testing.T, r *rig) {
		r.env.Worker.Supervisor.Task.Enabled, r.env.Worker.Supervisor.Task.Max = true, 1
		r.env.Worker.Supervisor.Task.Window, r.env.Worker.Supervisor.Task.Initial = time.Hour, time.Second
		r.env.Worker.Supervisor.Task.MaxDelay, r.env.Worker.Supervisor.Task.Multiplier = time.Minute, 2
		r.start(1, state.TargetStarted, map[string]string{"supervisor.task.restart.max": "many"})
		r.after(time.Hour)
		r.wantBirths(0, "0s 1s")
		if !strings.Contains(r.logged(), "supervisor settings of the connector not used") {
			t.Errorf("log:\n%s", r.logged())
		}
	})
}

// A call that hangs is told in the log and in the status, whose state stays what it is, until it returns.
func TestStalledIsLoggedAndShown(t *testing.T) {
	id := state.TaskID{Connector: "c/1", Task: 0}
	stall := task.Stalled{ID: id, Inc: 1, In: "transforms and converters", Class: "test.Slow", Record: "record 7", For: 301 * time.Second, Stack: "slow.go"}
	const text = "transforms and converters (test.Slow) has not returned for 5m1s, at record 7"
	onRig(t, always, func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.send(stall)
		r.want(0, "RUNNING RUNNING")
		if got := r.last(0).Trace; got != text {
			t.Errorf("status says %q", got)
		}
		for _, part := range []string{`in="transforms and converters"`, "class=test.Slow", `record="record 7"`, "for=5m1s", "stack=slow.go", "level=WARN"} {
			if !strings.Contains(r.logged(), part) {
				t.Errorf("log without %q:\n%s", part, r.logged())
			}
		}
		late := stall
		late.Inc = 0 // of an incarnation that is gone
		r.send(task.Note{ID: id, Inc: 1}, late)
		r.want(0, "RUNNING RUNNING RUNNING")
		if got := r.last(0).Trace; got != "" {
			t.Errorf("status still says %q", got)
		}
	})
}

// What a task says while it is paused is shown too, and forgotten when its state changes.
func TestNoteGoesWithTheState(t *testing.T) {
	id := state.TaskID{Connector: "c/1", Task: 0}
	onRig(t, always, func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.send(task.Changed{ID: id, Inc: 1, State: state.Paused}, task.Note{ID: id, Inc: 1, Text: "hangs"})
		if got := r.last(0); got.State != state.Paused || got.Trace != "hangs" {
			t.Errorf("status %+v", got)
		}
		r.send(task.Changed{ID: id, Inc: 1, State: state.Running})
		if got := r.last(0); got.State != state.Running || got.Trace != "" {
			t.Errorf("status %+v", got)
		}
	})
}

// The parent of a supervisor that fails hears of it with the stack; waiting askers get an answer.
func TestStoppedSupervisorAnswersWaiters(t *testing.T) {
	onRig(t, func(_, inc int) part { return part{silent: inc > 1} }, func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		answer := make(chan error, 1)
		go func() { answer <- r.askRestart(0, time.Hour) }()
		r.after(time.Second)
		r.sys.Root.Stop(r.sup)
		r.after(time.Second)
		if err := <-answer; !errors.Is(err, act.ErrGone) {
			t.Errorf("answer %v", err)
		}
	})
}

// An outage that lasts: restarts go on beyond the budget, with an alarm from there on, and the task runs
// when it is over.
func TestFailureThatMayPassIsRestartedUntilItDoes(t *testing.T) {
	away := errs.Retriable.New("store is away")
	cast := func(task, inc int) part {
		if task == 0 && inc <= 20 {
			return part{fail: away}
		}
		return part{}
	}
	onRig(t, cast, func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.after(time.Minute)
		const told = "the failure may pass, restarts go on until it does"
		if st := r.last(0); st.State != state.Restarting || !strings.HasSuffix(st.Trace, "Restarting in 1m0s: "+told) && !strings.Contains(st.Trace, told) {
			t.Errorf("status %+v", st)
		}
		r.after(time.Hour)
		if st := r.last(0); st.State != state.Running || st.Restarts != 20 || st.Trace != "" {
			t.Errorf("status %+v", st)
		}
		log := r.logged()
		if warns, alarms := strings.Count(log, "level=WARN msg=\"failed; restarting\""), strings.Count(log, "level=ERROR msg=\"failed; restarting\""); warns != 3 || alarms != 17 {
			t.Errorf("%d warnings and %d alarms, with a budget of 3 restarts", warns, alarms)
		}
	})
}

// What becomes of a failure is the last line of its trace, unless Troupe restarts nothing: then the trace is
// the JVM's.
func TestTraceSaysWhatBecomesOfIt(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		conf map[string]string
		want string
	}{
		{
			"lasting", errs.Lasting(errs.Connect.New("stored offset is text")), props(),
			"org.apache.kafka.connect.errors.ConnectException: stored offset is text\nNot restarted: a restart would not help",
		},
		{
			"unknown", errs.Data.New("odd"), props(),
			"org.apache.kafka.connect.errors.DataException: odd\nRestarting in 1s: restart 1 of at most 3 within 1h0m0s",
		},
		{
			"off", errs.Data.New("odd"), props("supervisor.restart.enabled", "false"),
			"org.apache.kafka.connect.errors.DataException: odd",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onRig(t, func(int, int) part { return part{failAfter: time.Second, fail: tt.err} }, func(t *testing.T, r *rig) {
				r.start(1, state.TargetStarted, tt.conf)
				r.after(1500 * time.Millisecond)
				got := r.last(0).Trace
				if i := strings.Index(got, "\ngoroutine "); i >= 0 { // the rig's children fail by panic
					last := got[strings.LastIndex(got, "\n"):]
					got = strings.Replace(got[:i], "panic: ", "", 1)
					if !strings.HasSuffix(last, ")") && !strings.Contains(last, "\t") {
						got += last
					}
				}
				if strings.TrimSpace(got) != tt.want {
					t.Errorf("got\n%s\nwant\n%s", got, tt.want)
				}
			})
		})
	}
}

// The same record fails the task again: then it would so for ever.
func TestSameRecordTwiceIsEnough(t *testing.T) {
	problem := pipeline.Problem{Stage: pipeline.Transformation, Class: "T", Where: "t-0@7", Err: errors.New("odd"), Attempts: 1}
	onRig(t, func(int, int) part { return part{failAfter: time.Second, fail: pipeline.Exceeded(problem)} }, func(t *testing.T, r *rig) {
		r.start(1, state.TargetStarted, props())
		r.after(time.Hour)
		r.wantBirths(0, "0s 2s")
		if st := r.last(0); st.State != state.Failed || !strings.Contains(st.Trace, "Not restarted: it fails at the same record again") {
			t.Errorf("status %+v", st)
		}
	})
}
