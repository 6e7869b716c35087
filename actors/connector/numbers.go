package connector

import (
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// show begins the numbers of what fills the slot by the connector's raw configuration, unless they
// have begun. They last as long as the slot: over restarts, and while it is FAILED.
func (s *Supervisor) show(sl *slot, props map[string]string) {
	reg := s.env.Metrics
	if reg == nil {
		return
	}
	class, source := props["connector.class"], true
	if p, kind, err := task.FindConnector(s.env.Registry, props); err == nil { // else its start says what is wrong
		class, source = p.Describe().Class, kind == plugin.Source
	}
	switch {
	case sl.task == ConnectorTask:
		if sl.object == nil || sl.object.Class != class || sl.object.Version != sl.version {
			sl.object = reg.AddConnector(s.name, class, sl.version, source)
		}
	case sl.numbers == nil || (sl.numbers.Source != nil) != source:
		sl.numbers = reg.AddTask(s.name, sl.task, source)
	}
	s.count(sl)
}

// count notes the state of the slot, and the outcome of a start: once per incarnation, by the first
// state that it comes to.
func (s *Supervisor) count(sl *slot) {
	reg, now := s.env.Metrics, time.Now().UnixMilli()
	if reg == nil {
		return
	}
	sl.numbers.Enter(string(sl.state), now)
	sl.object.Enter(string(sl.state))
	if sl.begun {
		return
	}
	if sl.state == state.Running || sl.state == state.Paused || sl.state == state.Stopped {
		s.countStart(sl, true, now)
	}
}

func (s *Supervisor) countStart(sl *slot, ok bool, now int64) {
	if sl.begun || sl.inc == 0 { // the object of a connector that is paused was never started
		return
	}
	sl.begun = true
	if sl.task == ConnectorTask {
		s.env.Metrics.Worker.ConnectorStarted(ok, now)
		return
	}
	s.env.Metrics.Worker.TaskStarted(ok, now)
}

// countFailure notes a failure and what becomes of it.
func (s *Supervisor) countFailure(sl *slot, f *act.Failure, v budget.Verdict) {
	if s.env.Metrics == nil {
		return
	}
	now := time.Now()
	s.countStart(sl, false, now.UnixMilli()) // unless it was running before
	sl.numbers.Failed(errs.ClassOf(f), now.UnixMilli())
	if v.Restart {
		sl.numbers.Restarting(v.Class.String(), now.Add(v.After), sl.budget.Left(sl.policy, now))
	}
}

// uncount ends the numbers of what is gone from this worker.
func (s *Supervisor) uncount(sl *slot) {
	s.env.Metrics.RemoveTask(sl.numbers)
	s.env.Metrics.RemoveConnector(sl.object)
	sl.numbers, sl.object = nil, nil
}
