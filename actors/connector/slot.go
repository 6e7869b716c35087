package connector

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
)

// slot is the place of the connector object or of one task: what is wished of it and what it is.
// It outlives the incarnations that fill it.
type slot struct {
	task int // ConnectorTask for the connector object
	inc  int

	// The wish.
	connector, props map[string]string // raw; connector is the connector's configuration
	generation       int               // of the task configurations
	wanted           bool              // false: it is to be gone
	policy           budget.Policy
	budget           budget.Budget

	// The state.
	pid      *actor.PID // nil: nobody is there
	state    state.State
	trace    string
	note     string // of one that runs: what keeps it from its work
	version  string
	stopping bool // pid was told to stop
	again    bool // spawn anew when it has stopped
	timer    *act.Timer
	waiting  []act.Reply[struct{}] // for the next start
	forget   bool                  // its parent waits for Stopped

	numbers *metrics.Task      // of a task; nil for none
	object  *metrics.Connector // of the connector object; nil for none
	begun   bool               // the outcome of the start is counted
}

func (s *Supervisor) set(sl *slot, st state.State, trace string) {
	sl.state, sl.trace, sl.note = st, trace, ""
	s.count(sl)
	s.tell(sl)
}

// tell sends a status to the parent, unless the parent wants to hear no more of it.
func (s *Supervisor) tell(sl *slot) {
	trace := sl.trace
	if trace == "" {
		trace = sl.note
	}
	s.ctx.Send(s.ctx.Parent(), Changed{s.name, sl.task, state.Status{
		State: sl.state, WorkerID: s.env.WorkerID, Trace: trace, Version: sl.version, Restarts: sl.budget.Restarts(),
	}})
}

// spawn is the birth of an incarnation, if the wish is to run at all.
func (s *Supervisor) spawn(sl *slot) {
	sl.timer.Stop()
	sl.timer = nil
	if s.closing || !sl.wanted {
		return
	}
	if sl.task == ConnectorTask && s.target != state.TargetStarted {
		s.rest(sl)
		return
	}
	sl.inc++
	sl.stopping, sl.again = false, false
	sl.budget.Started(time.Now())
	sl.begun = false
	var props *actor.Props
	if sl.task == ConnectorTask {
		props = s.make.Instance(sl.inc, sl.props)
	} else {
		props = s.make.Task(task.Spec{
			ID: state.TaskID{Connector: s.name, Task: sl.task}, Inc: sl.inc, Generation: sl.generation,
			Connector: sl.connector, Props: sl.props, Target: s.target, Numbers: sl.numbers,
		})
	}
	pid, err := s.ctx.SpawnNamed(props, childName(sl))
	if err != nil {
		s.failed(sl, act.AsFailure(err, false))
		return
	}
	sl.pid = pid
	s.byPID[pid.Id] = sl
}

// rest is a connector object that has nothing to do: nobody is there and the state says so.
func (s *Supervisor) rest(sl *slot) {
	st := state.Paused
	if s.target == state.TargetStopped {
		st = state.Stopped
	}
	if sl.state != st {
		s.set(sl, st, "")
	}
	s.answer(sl, nil)
}

// stop tells the incarnation to end; again says that another one is to follow.
func (s *Supervisor) stop(sl *slot, by time.Time, again bool) {
	sl.again = again
	if sl.pid == nil {
		sl.timer.Stop() // a restart that was due
		sl.timer = nil
		s.gone(sl, false)
		return
	}
	if sl.stopping {
		return
	}
	sl.stopping = true
	sl.timer.Stop()
	s.ctx.Send(sl.pid, task.Stop{By: by})
	// The child shuts its own doors at by; a little later the supervisor stops waiting.
	sl.timer = act.After(s.ctx, time.Until(by)+stopGrace, stopDue{sl.task, sl.inc})
}

// stopGrace is what a child gets beyond its deadline to say that it has ended.
const stopGrace = 100 * time.Millisecond

// release forgets the incarnation: the actor is stopped, which shuts its lease.
func (s *Supervisor) release(sl *slot) {
	if sl.pid == nil {
		return
	}
	delete(s.byPID, sl.pid.Id)
	s.ctx.Stop(sl.pid)
	sl.pid, sl.stopping = nil, false
	sl.timer.Stop()
	sl.timer = nil
}

// gone is what follows when nobody is in the slot any more because that was wished.
func (s *Supervisor) gone(sl *slot, abandoned bool) {
	if sl.again && sl.wanted && !s.closing {
		s.spawn(sl)
		return
	}
	if sl.task == ConnectorTask && !s.closing && sl.wanted {
		s.rest(sl)
		return
	}
	// A failed task had ended before: what it failed of stays to be read, as on the JVM.
	if ended := sl.task != ConnectorTask && sl.state == state.Failed; !ended && sl.state != state.Unassigned {
		s.set(sl, state.Unassigned, "")
	}
	s.answer(sl, act.ErrGone)
	if sl.forget {
		s.uncount(sl)
		delete(s.slots, sl.task)
		s.births[sl.task] = sl.inc
		s.ctx.Send(s.ctx.Parent(), Stopped{s.name, sl.task, abandoned})
	}
	if abandoned {
		s.abandoned = append(s.abandoned, s.label(sl))
	}
	s.closeWhenEmpty()
}

// failed decides what becomes of a failure: a restart later, or FAILED.
func (s *Supervisor) failed(sl *slot, f *act.Failure) {
	if s.closing || sl.stopping && !sl.again {
		s.release(sl)
		s.gone(sl, false)
		return
	}
	again := sl.stopping && sl.again
	s.release(sl)
	if again {
		s.spawn(sl)
		return
	}
	v := sl.budget.Next(sl.policy, budget.Judge(f), time.Now(), rand.Float64())
	s.answer(sl, f)
	s.countFailure(sl, f, v)
	log := s.logOf(sl).With("restarts", sl.budget.Restarts(), "class", v.Class.String(), "because", v.Why, "err", f)
	if f.Stack != "" {
		log = log.With("stack", f.Stack)
	}
	if !v.Restart {
		log.Error("failed; will not be restarted automatically")
		s.set(sl, state.Failed, s.verdict(sl, f, "Not restarted: "+v.Why))
		return
	}
	level := slog.LevelError
	if v.Class == budget.Passing && !v.Alarm {
		level = slog.LevelWarn // it is an alarm when it takes long
	}
	log.Log(context.Background(), level, "failed; restarting", "in", v.After.Round(time.Millisecond)) //nolint:forbidigo // slog's way to log at a level
	s.set(sl, state.Restarting, s.verdict(sl, f, fmt.Sprintf("Restarting in %s: %s", v.After.Round(time.Millisecond), v.Why)))
	sl.timer = act.After(s.ctx, v.After, restartDue{sl.task, sl.inc})
}

// verdict is a trace with what becomes of the failure in its last line; where Troupe restarts nothing
// it is the JVM's trace.
func (s *Supervisor) verdict(sl *slot, f *act.Failure, verdict string) string {
	if !sl.policy.Enabled {
		return f.Trace()
	}
	return strings.TrimRight(f.Trace(), "\n") + "\n" + verdict
}

// answer tells those who asked for a restart how it went.
func (s *Supervisor) answer(sl *slot, err error) {
	for _, w := range sl.waiting {
		w.Send(struct{}{}, err)
	}
	sl.waiting = nil
}
