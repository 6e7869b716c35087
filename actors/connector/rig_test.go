package connector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// part is how one incarnation behaves.
type part struct {
	failAfter time.Duration // it fails then, with fail
	fail      error
	silent    bool          // never says that it runs
	leaves    time.Duration // ends by itself, unasked
	stopTakes time.Duration // until it answers Stop
	hangs     bool          // never answers Stop
	failsStop error         // fails when it is told to stop
}

// cast says how each incarnation of each child behaves: the connector object is ConnectorTask.
type cast func(task, inc int) part

// always is a cast of children that run for ever and stop at once.
func always(int, int) part { return part{} }

// birth is an incarnation as the factory was asked for it.
type birth struct {
	task, inc        int
	generation       int
	at               time.Duration
	connector, props map[string]string
	target           state.TargetState
}

// rig is a supervisor with scripted children under a parent that writes down what it is told.
type rig struct {
	t      *testing.T
	sys    *actor.ActorSystem
	sup    *actor.PID
	parent *actor.PID
	env    *task.Env
	cast   cast
	begun  time.Time
	log    *bytes.Buffer

	mu      sync.Mutex
	births  []birth
	heard   []any
	times   []time.Duration
	pids    map[string]*actor.PID // task#inc
	paused  []string              // SetPaused as children got them
	reasons []any                 // of a failure of the supervisor itself
}

// props is a connector's configuration without dice: births at 0, 1, 3, 7 … s.
func props(more ...string) map[string]string {
	m := map[string]string{
		"supervisor.task.restart.backoff.jitter": "0", "supervisor.connector.restart.backoff.jitter": "0",
		"supervisor.task.restart.max": "3", "supervisor.connector.restart.max": "3",
	}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

// onRig runs f with a supervisor in a bubble; every goroutine must have ended afterwards.
func onRig(t *testing.T, c cast, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, cast: c, begun: time.Now(), log: &bytes.Buffer{}, pids: map[string]*actor.PID{}}
		log := slog.New(slog.NewTextHandler(lockedWriter{r}, &slog.HandlerOptions{Level: slog.LevelInfo}))
		r.sys = act.NewSystem(log)
		reg, err := plugin.NewRegistry()
		if err != nil {
			t.Fatal(err)
		}
		r.env = &task.Env{Log: log, Registry: reg, WorkerID: "w:8083", Worker: &settings.Worker{TaskShutdownTimeout: 5 * time.Second}}
		r.parent = r.sys.Root.Spawn(act.Props(func() actor.Actor { return r }))
		synctest.Wait()
		f(t, r)
		for _, why := range r.reasons {
			t.Errorf("the supervisor itself failed: %s", act.AsFailure(why, false).Trace())
		}
		r.sys.Root.Stop(r.parent)
		time.Sleep(2 * time.Second) // a dead letter keeps a goroutine of the library for one
		synctest.Wait()
	})
}

type lockedWriter struct{ r *rig }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	return w.r.log.Write(p)
}

func (r *rig) Receive(c actor.Context) {
	if _, ok := c.Message().(*actor.Started); ok {
		r.sup = c.Spawn(PropsWith(r.env, "c/1", Factory{
			Instance: func(inc int, props map[string]string) *actor.Props {
				return r.child(birth{task: ConnectorTask, inc: inc, props: props, target: state.TargetStarted})
			},
			Task: func(s task.Spec) *actor.Props {
				return r.child(birth{task: s.ID.Task, inc: s.Inc, generation: s.Generation, connector: s.Connector, props: s.Props, target: s.Target})
			},
		}))
		return
	}
	switch m := c.Message().(type) {
	case Changed, TaskConfigsReady, Stopped, AllStopped:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.heard, r.times = append(r.heard, m), append(r.times, time.Since(r.begun))
	}
}

func (r *rig) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	r.mu.Lock()
	r.reasons = append(r.reasons, reason)
	r.mu.Unlock()
	sup.StopChildren(child)
}

// child makes the actor of one incarnation.
func (r *rig) child(b birth) *actor.Props {
	b.at = time.Since(r.begun)
	r.mu.Lock()
	r.births = append(r.births, b)
	r.mu.Unlock()
	return act.Props(func() actor.Actor { return &player{r: r, birth: b, part: r.cast(b.task, b.inc)} })
}

// player is a child that plays its part.
type player struct {
	r *rig
	birth
	part
}

type (
	failNow struct{ err error }
	sayDone struct{}
)

func (p *player) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		p.r.mu.Lock()
		p.r.pids[fmt.Sprintf("%d#%d", p.task, p.inc)] = c.Self()
		p.r.mu.Unlock()
		if !p.silent {
			st := state.Running
			if p.target == state.TargetPaused {
				st = state.Paused
			}
			p.say(c, st)
		}
		if p.fail != nil {
			act.After(c, p.failAfter+1, failNow{p.fail}) // +1: once all is at rest, so that RUNNING was heard
		}
		if p.leaves > 0 {
			act.After(c, p.leaves, sayDone{})
		}
	case failNow:
		panic(m.err)
	case task.SetPaused:
		p.r.mu.Lock()
		p.r.paused = append(p.r.paused, fmt.Sprintf("%d:%v", p.task, m.Paused))
		p.r.mu.Unlock()
		st := state.Running
		if m.Paused {
			st = state.Paused
		}
		p.say(c, st)
	case RequestTaskConfigs:
		c.Send(c.Parent(), TaskConfigsReady{Name: "c/1", Inc: p.inc, Props: p.props})
	case task.Stop:
		switch {
		case p.failsStop != nil:
			panic(p.failsStop)
		case p.hangs:
		case p.stopTakes > 0:
			act.After(c, p.stopTakes, sayDone{})
		default:
			p.done(c)
		}
	case sayDone:
		p.done(c)
	}
}

func (p *player) say(c actor.Context, st state.State) {
	if p.task == ConnectorTask {
		c.Send(c.Parent(), instanceChanged{p.inc, st, "1.0"})
		return
	}
	c.Send(c.Parent(), task.Changed{ID: state.TaskID{Connector: "c/1", Task: p.task}, Inc: p.inc, State: st, Version: "1.0"})
}

func (p *player) done(c actor.Context) {
	if p.task == ConnectorTask {
		c.Send(c.Parent(), instanceDone{p.inc})
		return
	}
	c.Send(c.Parent(), task.Done{ID: state.TaskID{Connector: "c/1", Task: p.task}, Inc: p.inc})
}

// send gives orders to the supervisor and waits until all has come to rest.
func (r *rig) send(orders ...any) {
	for _, o := range orders {
		r.sys.Root.Send(r.sup, o)
	}
	synctest.Wait()
}

// after lets time pass.
func (r *rig) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// restart asks for a restart, waits for the answer and until all has come to rest.
func (r *rig) restart(n int, within time.Duration) error {
	err := r.askRestart(n, within)
	synctest.Wait()
	return err
}

// askRestart is restart for goroutines.
func (r *rig) askRestart(n int, within time.Duration) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), within)
	defer cancel()
	_, err := act.Ask(ctx, r.sys.Root, r.sup, nil, func(d act.Reply[struct{}]) any { return Restart{n, d} })
	return err
}

// statuses is what the parent heard of one child: states, in order.
func (r *rig) statuses(n int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, m := range r.heard {
		if c, ok := m.(Changed); ok && c.Task == n {
			out = append(out, string(c.Status.State))
		}
	}
	return strings.Join(out, " ")
}

// last is the status heard last of a child.
func (r *rig) last(n int) state.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range slices.Backward(r.heard) {
		if c, ok := m.(Changed); ok && c.Task == n {
			return c.Status
		}
	}
	return state.Status{}
}

func heard[T any](r *rig) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []T
	for _, m := range r.heard {
		if x, ok := m.(T); ok {
			out = append(out, x)
		}
	}
	return out
}

// bornAt are the times of a child's births.
func (r *rig) bornAt(n int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, b := range r.births {
		if b.task == n {
			out = append(out, b.at.Round(time.Millisecond).String())
		}
	}
	return strings.Join(out, " ")
}

// born are the births of a child.
func (r *rig) born(n int) []birth {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.births), func(b birth) bool { return b.task != n })
}

func (r *rig) want(n int, states string) {
	r.t.Helper()
	if got := r.statuses(n); got != states {
		r.t.Errorf("states of %d: %s\nwant %s", n, got, states)
	}
}

func (r *rig) wantBirths(n int, times string) {
	r.t.Helper()
	if got := r.bornAt(n); got != times {
		r.t.Errorf("births of %d: %s\nwant %s", n, got, times)
	}
}

func (r *rig) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// start starts the connector and so many tasks.
func (r *rig) start(tasks int, target state.TargetState, conf map[string]string) {
	r.send(StartConnector{Props: conf, Target: target})
	for n := range tasks {
		r.send(StartTask{Task: n, Connector: conf, Props: maps.Clone(conf)})
	}
}

var errBroken = errors.New("broken")
