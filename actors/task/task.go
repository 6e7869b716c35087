package task

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
)

// Spec is what one incarnation of a task is to do.
type Spec struct {
	ID  state.TaskID
	Inc int // incarnation: counts the births of this task
	// Generation is that of the connector's task configurations which the task was made of; it has
	// a meaning for Env.ExactlyOnce.Verify alone.
	Generation int
	// Connector and Props are the stored configurations, references unresolved.
	Connector, Props map[string]string
	// Target is STARTED or PAUSED.
	Target state.TargetState
	// Numbers are the task's, over all its incarnations; nil for none.
	Numbers *metrics.Task
}

// Messages to a task.
type (
	// SetPaused is the wish for PAUSED or RUNNING; the last one wins. It takes effect when the call in
	// progress returns.
	SetPaused struct{ Paused bool }
	// Stop ends the task: poll or put is called back, what is under way is finished until By, then
	// doors are shut. One Done follows when the runner has ended, which may be never.
	Stop struct{ By time.Time }
)

// Messages from a task to its parent.
type (
	// Changed says what the runner does now.
	Changed struct {
		ID      state.TaskID
		Inc     int
		State   state.State // RUNNING or PAUSED
		Version string
	}
	// Done says that the runner has ended as it should.
	Done struct {
		ID  state.TaskID
		Inc int
	}
)

// IgnoreDeadLetterLogging marks a fact that may come too late.
func (Changed) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging marks a fact that may come too late.
func (Done) IgnoreDeadLetterLogging() {}

type (
	changed    struct{ to state.State }
	noted      struct{ text string }
	flushDue   struct{}
	stallCheck struct{}
	lateDue    struct{}
	killDue    struct{}
)

const (
	runnerExit = "runner"
	flushExit  = "flush"
	stallExit  = "stall watch"
)

type taskActor struct {
	env  *Env
	spec Spec
	log  *slog.Logger

	run      *runner
	running  []*act.Running
	stopping bool
	flushing bool
	idle     string       // what the runner says that keeps it from its work
	timers   []*act.Timer // the newest of each of those below
}

const (
	flushTimer = iota
	stallTimer
	lateTimer
	killTimer
	timerCount
)

// Props makes the actor of one incarnation.
func Props(env *Env, spec Spec) *actor.Props {
	return act.Props(func() actor.Actor {
		return &taskActor{
			env: env, spec: spec, timers: make([]*act.Timer, timerCount),
			log: env.Log.With("connector", spec.ID.Connector, "task", spec.ID.Task),
		}
	})
}

// Receive handles one message and returns at once; what may block runs in the runner.
func (t *taskActor) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		t.start(c)
	case SetPaused:
		t.run.gate.set(m.Paused)
		t.run.wake()
	case Stop:
		t.stop(c, m)
	case changed:
		c.Send(c.Parent(), Changed{t.spec.ID, t.spec.Inc, m.to, t.run.version()})
		if t.idle != "" {
			t.sendNote(c) // the parent forgets notes when the state changes
		}
	case noted:
		t.idle = m.text
		t.sendNote(c)
	case flushDue:
		t.flushSoon(c)
	case stallCheck:
		t.lookAtCalls(c)
	case lateDue:
		t.run.workOver()
	case killDue:
		t.run.kill()
		t.run.door.Kill()
	case act.Exited:
		t.exited(c, m)
	case *actor.Stopping:
		for _, timer := range t.timers {
			timer.Stop()
		}
		t.run.stop()
		t.run.kill()
		for _, g := range t.running {
			if !g.Ended() {
				t.run.door.Kill()
			}
		}
	case *actor.Stopped:
		for _, g := range t.running { // a well-behaved runner has ended by now
			t.env.Host.Zombies.Abandon(g)
		}
	}
}

func (t *taskActor) start(c actor.Context) {
	root, self := c.ActorSystem().Root, c.Self()
	t.run = newRunner(t.env, t.spec, t.log,
		func(s state.State) { root.Send(self, changed{s}) },
		func(text string) { root.Send(self, noted{text}) })
	labels := []string{"connector", t.spec.ID.Connector, "task", strconv.Itoa(t.spec.ID.Task)}
	t.running = append(t.running, act.Go(c, t.run.hard, runnerExit, labels, func(context.Context) (any, error) {
		defer t.run.kill() // nothing of this incarnation outlives its runner
		return nil, t.run.run()
	}))
	t.timers[flushTimer] = act.After(c, t.env.Worker.OffsetFlushInterval, flushDue{})
	if t.run.stallWarn() > 0 {
		t.timers[stallTimer] = act.After(c, t.run.stallWarn()/stallLooks, stallCheck{})
	}
}

func (t *taskActor) stop(c actor.Context, m Stop) {
	if t.stopping {
		return
	}
	t.stopping = true
	t.run.stopBy.Store(m.By.UnixNano())
	t.run.stop()
	t.run.wake()
	left := time.Until(m.By)
	t.timers[lateTimer] = act.After(c, lessMargin(left), lateDue{})
	t.timers[killTimer] = act.After(c, left, killDue{})
}

func (t *taskActor) exited(c actor.Context, m act.Exited) {
	switch {
	case m.ID == stallExit:
		if told, ok := m.Result.(Stalled); ok && !t.stopping {
			c.Send(c.Parent(), told)
		}
	case m.ID == flushExit:
		t.flushing = false
		if m.Err != nil && !t.stopping {
			t.log.Error("offsets not committed, the next interval tries again", "err", m.Err)
		}
	case m.Err != nil && t.stopping:
		if !errors.Is(m.Err, context.Canceled) && !errors.Is(m.Err, act.ErrFenced) {
			t.log.Warn("task failed while it was being stopped", "err", m.Err)
		}
		fallthrough
	case m.Err == nil:
		t.stopping = true
		c.Send(c.Parent(), Done{t.spec.ID, t.spec.Inc})
	default:
		t.fail(m.Err)
	}
}

// fail hands the failure to the supervisor. Panicking with an error is how protoactor does that;
// it happens here and nowhere else.
func (t *taskActor) fail(err error) { panic(act.AsFailure(err, false)) }

func (t *taskActor) flushSoon(c actor.Context) {
	t.timers[flushTimer] = act.After(c, t.env.Worker.OffsetFlushInterval, flushDue{})
	if t.flushing || t.stopping {
		return
	}
	t.flushing = true
	labels := []string{"connector", t.spec.ID.Connector, "task", strconv.Itoa(t.spec.ID.Task), "of", "offset flush"}
	act.Go(c, t.run.hard, flushExit, labels, func(ctx context.Context) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, t.env.Worker.OffsetFlushTimeout)
		defer cancel()
		return nil, t.run.flush(ctx)
	})
}
