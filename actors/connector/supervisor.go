package connector

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
)

// Supervisor is the actor of one connector. Its methods run in its own turn, so it needs no lock.
type Supervisor struct {
	env  *task.Env
	name string
	log  *slog.Logger
	make Factory

	ctx    actor.Context // of the turn in progress
	target state.TargetState
	slots  map[int]*slot // the connector object is ConnectorTask
	byPID  map[string]*slot
	// births are the incarnations of slots that were forgotten: an actor may still be on its way out when a
	// task of the same number is started, and goes by its name until then.
	births map[int]int

	closing   bool
	told      bool // AllStopped was sent
	abandoned []string
}

// Props makes the supervisor of a connector.
func Props(env *task.Env, name string) *actor.Props {
	return PropsWith(env, name, Factory{
		Instance: func(inc int, props map[string]string) *actor.Props { return instanceProps(env, name, inc, props) },
		Task:     func(spec task.Spec) *actor.Props { return task.Props(env, spec) },
		Version: func(props map[string]string) string {
			p, _, err := task.FindConnector(env.Registry, props)
			if err != nil {
				return "" // an unknown class, or one behind a reference
			}
			return p.Describe().Version
		},
	})
}

// PropsWith is Props with other children.
func PropsWith(env *task.Env, name string, f Factory) *actor.Props {
	return act.Props(func() actor.Actor {
		return &Supervisor{
			env: env, name: name, make: f, log: env.Log.With("connector", name),
			target: state.TargetStarted, slots: map[int]*slot{}, byPID: map[string]*slot{}, births: map[int]int{},
		}
	})
}

// HandleFailure makes the supervisor the strategy for its children: it runs in the supervisor's
// own turn, stops the child and lets its slot decide.
func (s *Supervisor) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	sl := s.byPID[child.Id]
	if sl == nil { // given up already
		sup.StopChildren(child)
		return
	}
	s.failed(sl, act.AsFailure(reason, false))
}

// Receive handles one message and returns at once.
func (s *Supervisor) Receive(c actor.Context) {
	s.ctx = c
	switch m := c.Message().(type) {
	case StartConnector:
		s.startConnector(m)
	case SetTarget:
		s.setTarget(m.Target)
	case StartTask:
		s.startTask(m)
	case StopTask:
		s.stopTask(m)
	case Restart:
		s.restart(m)
	case RequestTaskConfigs:
		if sl := s.slots[ConnectorTask]; sl != nil && sl.pid != nil {
			c.Send(sl.pid, m)
		}
	case StopAll:
		s.stopAll(m.By)
	case task.Changed:
		s.changed(s.slots[m.ID.Task], m.Inc, m.State, m.Version)
	case instanceChanged:
		s.changed(s.slots[ConnectorTask], m.inc, m.state, m.version)
	case task.Done:
		s.done(s.slots[m.ID.Task], m.Inc)
	case instanceDone:
		s.done(s.slots[ConnectorTask], m.inc)
	case task.Stalled:
		s.taskStalled(m)
	case task.Note:
		s.note(s.slots[m.ID.Task], m.Inc, m.Text)
	case stalled:
		s.connectorStalled(m)
	case TaskConfigsReady:
		if sl := s.slots[ConnectorTask]; sl != nil && sl.inc == m.Inc && !s.closing {
			c.Send(c.Parent(), m)
		}
	case restartDue:
		if sl := s.slots[m.task]; sl != nil && sl.inc == m.inc && sl.pid == nil && sl.state == state.Restarting {
			s.spawn(sl)
		}
	case stopDue:
		s.overdue(m)
	case *actor.Stopping:
		s.closing = true
		for _, sl := range s.slots {
			sl.timer.Stop()
			s.answer(sl, act.ErrGone)
			s.uncount(sl)
		}
	}
}

func (s *Supervisor) slot(n int) *slot {
	sl := s.slots[n]
	if sl == nil {
		sl = &slot{task: n, inc: s.births[n], state: state.Unassigned}
		s.slots[n] = sl
	}
	return sl
}

func (s *Supervisor) startConnector(m StartConnector) {
	if s.closing {
		return
	}
	sl := s.slot(ConnectorTask)
	sl.wanted, sl.forget = true, false
	sl.props, sl.connector = m.Props, m.Props
	sl.version = s.version(m.Props)
	s.show(sl, m.Props)
	sup := s.policies(m.Props)
	sl.policy = sup.Connector
	for n, t := range s.slots {
		if n != ConnectorTask {
			t.policy = sup.Task
		}
	}
	sl.budget.Clear()
	s.target = m.Target
	s.stop(sl, s.deadline(), true)
}

// version is that of the plugin that runs, or would run; "" if it can't be told from the raw
// configuration.
func (s *Supervisor) version(props map[string]string) string {
	if s.make.Version == nil {
		return ""
	}
	return s.make.Version(props)
}

// policies are the supervisor.* settings in force; what is wrong with them is told when the
// connector is parsed, so here the worker's stand in.
func (s *Supervisor) policies(props map[string]string) settings.Supervisor {
	sup, err := settings.ParseSupervisor(s.env.Worker, props)
	if err != nil {
		s.log.Warn("supervisor settings of the connector not used", "err", err)
		return s.env.Worker.Supervisor
	}
	return sup
}

func (s *Supervisor) setTarget(target state.TargetState) {
	if s.closing {
		return
	}
	was := s.target
	s.target = target
	for _, sl := range s.slots {
		if sl.task != ConnectorTask {
			if sl.pid != nil {
				s.ctx.Send(sl.pid, task.SetPaused{Paused: target != state.TargetStarted})
			}
			continue
		}
		s.aim(sl, was)
	}
}

// aim brings the connector object to the target.
func (s *Supervisor) aim(sl *slot, was state.TargetState) {
	switch {
	case s.target == state.TargetStarted && sl.pid == nil && (sl.state == state.Paused || sl.state == state.Stopped):
		s.spawn(sl)
	case s.target == state.TargetStarted && sl.pid != nil && sl.stopping:
		sl.again = true
	case s.target == state.TargetStarted:
		if was == state.TargetStarted {
			return
		}
	case sl.pid != nil:
		s.stop(sl, s.deadline(), false)
	case sl.state == state.Failed && s.target == state.TargetPaused:
		// As on the JVM: a failed connector stays failed until it is restarted or stopped.
	default:
		sl.timer.Stop()
		s.rest(sl)
	}
}

func (s *Supervisor) startTask(m StartTask) {
	if s.closing {
		return
	}
	sl := s.slot(m.Task)
	sl.wanted, sl.forget = true, false
	sl.connector, sl.props, sl.generation = m.Connector, m.Props, m.Generation
	sl.version = s.version(m.Connector)
	s.show(sl, m.Connector)
	sl.policy = s.policies(m.Connector).Task
	sl.budget.Clear()
	s.stop(sl, s.deadline(), true)
}

func (s *Supervisor) stopTask(m StopTask) {
	sl := s.slots[m.Task]
	if sl == nil {
		s.ctx.Send(s.ctx.Parent(), Stopped{s.name, m.Task, false})
		return
	}
	sl.wanted, sl.forget = false, true
	s.stop(sl, m.By, false)
}

func (s *Supervisor) restart(m Restart) {
	sl := s.slots[m.Task]
	if sl == nil || s.closing {
		m.Done.Fail(act.ErrGone)
		return
	}
	sl.budget.Clear()
	sl.waiting = append(sl.waiting, m.Done)
	s.set(sl, state.Restarting, sl.trace)
	s.stop(sl, s.deadline(), true)
}

// deadline is until when something that is to make room has to be gone.
func (s *Supervisor) deadline() time.Time { return time.Now().Add(s.env.Worker.TaskShutdownTimeout) }

func (s *Supervisor) stopAll(by time.Time) {
	s.closing = true
	for _, n := range slices.Sorted(maps.Keys(s.slots)) {
		if sl := s.slots[n]; sl != nil {
			s.stop(sl, by, false)
		}
	}
	s.closeWhenEmpty()
}

func (s *Supervisor) closeWhenEmpty() {
	if !s.closing || s.told || len(s.byPID) > 0 {
		return
	}
	s.told = true
	s.ctx.Send(s.ctx.Parent(), AllStopped{s.name, s.abandoned})
}

// changed is the child's own word on its state.
func (s *Supervisor) changed(sl *slot, inc int, st state.State, version string) {
	if sl == nil || sl.inc != inc || sl.pid == nil || sl.stopping {
		return
	}
	if version != "" {
		sl.version = version
	}
	if sl.state == state.Restarting && sl.budget.Restarts() > 0 {
		s.logOf(sl).Info("running again after automatic restart", "restarts", sl.budget.Restarts())
	}
	s.set(sl, st, "")
	s.answer(sl, nil)
}

// taskStalled tells of a call that hangs. Nothing is done about it: the call may only be slow.
func (s *Supervisor) taskStalled(m task.Stalled) {
	attrs := []any{"task", m.ID.Task, "in", m.In, "for", m.For.Round(time.Second)}
	for _, a := range [][2]string{{"class", m.Class}, {"record", m.Record}, {"why", m.Why}, {"stack", m.Stack}} {
		if a[1] != "" {
			attrs = append(attrs, a[0], a[1])
		}
	}
	s.log.Warn("plugin call has not returned for a long time; the task is left as it is", attrs...)
	s.note(s.slots[m.ID.Task], m.Inc, m.Text())
	if sl := s.slots[m.ID.Task]; sl != nil && sl.note == m.Text() {
		sl.numbers.Stalled(true)
	}
}

// connectorStalled is the same of the connector object.
func (s *Supervisor) connectorStalled(m stalled) {
	sl, text := s.slots[ConnectorTask], ""
	if in := m.stall.In; in != nil {
		s.log.Warn("plugin call has not returned for a long time; the connector is left as it is",
			"in", in.String(), "for", m.stall.For.Round(time.Second))
		text = fmt.Sprintf("%s has not returned for %s", in, m.stall.For.Round(time.Second))
	}
	s.note(sl, m.inc, text)
}

// note has the status of a child that runs say what keeps it from its work; "" takes it back.
func (s *Supervisor) note(sl *slot, inc int, text string) {
	if sl == nil || sl.inc != inc || sl.pid == nil || sl.stopping || sl.note == text {
		return
	}
	sl.note = text
	if text == "" {
		sl.numbers.Stalled(false)
	}
	if sl.state == state.Running || sl.state == state.Paused {
		s.tell(sl)
	}
}

// done is a child that has ended as it should.
func (s *Supervisor) done(sl *slot, inc int) {
	if sl == nil || sl.inc != inc || sl.pid == nil {
		return
	}
	if !sl.stopping { // ended by itself, which no child should
		s.failed(sl, act.AsFailure(fmt.Errorf("%s ended without being asked to", s.label(sl)), false))
		return
	}
	s.release(sl)
	s.gone(sl, false)
}

// overdue gives up a child that didn't stop: its lease is shut, its goroutine is left behind.
func (s *Supervisor) overdue(m stopDue) {
	sl := s.slots[m.task]
	if sl == nil || sl.inc != m.inc || sl.pid == nil || !sl.stopping {
		return
	}
	s.logOf(sl).Error("did not stop before its deadline and was abandoned; fenced from Kafka", "incarnation", sl.inc)
	s.release(sl)
	s.gone(sl, true)
}

// logOf is the log of a task, or of the connector object, whose lines are the connector's.
func (s *Supervisor) logOf(sl *slot) *slog.Logger {
	if sl.task == ConnectorTask {
		return s.log
	}
	return s.log.With("task", sl.task)
}

func (s *Supervisor) label(sl *slot) string {
	if sl.task == ConnectorTask {
		return "connector"
	}
	return strconv.Itoa(sl.task)
}

func childName(sl *slot) string {
	if sl.task == ConnectorTask {
		return "instance#" + strconv.Itoa(sl.inc)
	}
	return strconv.Itoa(sl.task) + "#" + strconv.Itoa(sl.inc)
}
