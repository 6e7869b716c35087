package task

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// runner is what task actor and runner goroutine share: the wishes of the one, the signs of
// life of the other.
type runner struct {
	env  *Env
	spec Spec
	log  *slog.Logger
	tell func(state.State) // to the actor
	note func(string)      // what keeps the task from its work; "" takes it back

	numbers *metrics.Task // nil for none

	// soft ends when the task is asked to stop: calls of the plugin get it. hard ends when the
	// incarnation is given up: everything else that may block gets it, and lease is shut then.
	soft, hard context.Context
	stop, kill context.CancelFunc
	stopBy     atomic.Int64 // Unix nanoseconds; 0 while running
	lease      act.Lease

	// work ends a while before hard when the task is asked to stop: transforms and converters get it.
	work     context.Context
	workOver context.CancelFunc

	door *host.Door
	lane *host.Lane // calls of the runner's goroutine

	gate gate
	ver  atomic.Pointer[string]
	of   atomic.Pointer[flow]

	// written hides in errors what config providers put into the settings; set by open.
	written settings.References

	stall   atomic.Int64   // nanoseconds: supervisor.task.stall.warn.ms of the connector
	closers []func() error // of plugins, called at the end of run
}

// flow is a task's data path: source or sink.
type flow interface {
	// run is the life of the plugin's task. Errors fail the task.
	run() error
	// flush commits source offsets; it is called from another goroutine than run, never twice at
	// a time.
	flush(ctx context.Context) error
	// wake makes run look at the gate soon.
	wake()
	// explain says more of a batch that doesn't come further; it is called beside run.
	explain(told *Stalled)
}

func newRunner(env *Env, spec Spec, log *slog.Logger, tell func(state.State), note func(string)) *runner {
	r := &runner{env: env, spec: spec, log: log, tell: tell, note: note, numbers: spec.Numbers}
	r.stall.Store(int64(env.Worker.Supervisor.StallWarn))
	r.gate.paused, r.gate.change = spec.Target == state.TargetPaused, make(chan struct{})
	// The runner's life is the actor's to end, not that of whoever asked for the task.
	hard, kill := context.WithCancelCause(context.Background()) //nolint:forbidigo // the actor starts its goroutine here
	r.hard = hard
	r.kill = func() { kill(act.ErrFenced); r.lease.Shut() }
	r.soft, r.stop = context.WithCancel(hard)
	r.work, r.workOver = context.WithCancel(hard)
	r.door = env.Host.Door(hard, host.Who{Connector: spec.ID.Connector, Task: spec.ID.Task})
	r.lane = r.door.Lane()
	return r
}

// guard runs a part of the runner's own code. A panic in it is a bug of ours, and yet the task is to end in
// order: what it wrote is committed and its plugin stopped.
func (r *runner) guard(f func() error) error { return act.Catch(f) }

// run is the runner goroutine.
func (r *runner) run() error {
	if r.gate.isPaused() {
		r.tell(state.Paused)
		if !r.gate.wait(r.soft) {
			return nil
		}
	}
	defer r.close()
	f, err := r.open()
	if err != nil {
		return r.unlessStopped(r.written.HideError(err))
	}
	r.of.Store(&f)
	return r.unlessStopped(r.written.HideError(f.run()))
}

// close releases what open took of plugins that can be closed.
func (r *runner) close() {
	for _, c := range r.closers {
		if err := r.lane.Call(host.Stop, c); err != nil {
			r.log.Warn("plugin did not close cleanly", "err", err)
		}
	}
}

func (r *runner) stallWarn() time.Duration { return time.Duration(r.stall.Load()) }

// unlessStopped leaves out the errors that come of the runner being stopped.
func (r *runner) unlessStopped(err error) error {
	if err != nil && r.soft.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, act.ErrFenced)) {
		return nil
	}
	return err
}

func (r *runner) flush(ctx context.Context) error {
	if f := r.of.Load(); f != nil {
		return (*f).flush(ctx)
	}
	return nil
}

func (r *runner) wake() {
	if f := r.of.Load(); f != nil {
		(*f).wake()
	}
}

func (r *runner) version() string {
	if v := r.ver.Load(); v != nil {
		return *v
	}
	return ""
}

func (r *runner) stopping() bool { return r.soft.Err() != nil }

// until is hard with the deadline of a stop that is under way, less a margin to finish up in,
// and at most limit.
func (r *runner) until(limit time.Duration) (context.Context, context.CancelFunc) {
	if by := r.stopBy.Load(); by != 0 {
		limit = min(limit, lessMargin(time.Until(time.Unix(0, by))))
	}
	return context.WithTimeout(r.hard, limit)
}

// lessMargin leaves of the time that a stop has a fifth to finish up in.
func lessMargin(left time.Duration) time.Duration { return left - left/5 }

// start runs the plugin's Start with one of the worker's start slots.
func (r *runner) start(f func(context.Context) error) error {
	release, err := r.env.Starts.Acquire(r.soft)
	if err != nil {
		return err
	}
	defer release()
	return r.lane.Call(host.Start, func() error { return f(r.soft) })
}

// gate is the wish for pause or run as the runner sees it: the last wish wins.
type gate struct {
	mu     sync.Mutex
	paused bool
	change chan struct{} // closed at the next change
}

func (g *gate) set(paused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paused != paused {
		g.paused = paused
		close(g.change)
		g.change = make(chan struct{})
	}
}

// changed reports whether the wish is another than the one given.
func (g *gate) changed(from bool) bool { return g.isPaused() != from }

func (g *gate) isPaused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paused
}

// wait blocks while paused and reports false if ctx ended first.
func (g *gate) wait(ctx context.Context) bool {
	for {
		g.mu.Lock()
		paused, change := g.paused, g.change
		g.mu.Unlock()
		if !paused {
			return ctx.Err() == nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return false
		}
	}
}

// backoff is the wait before the n-th retry (from 0) of something that failed with
// errs.Retriable and names no delay of its own.
func backoff(n int, most time.Duration) time.Duration {
	d := float64(100*time.Millisecond) * math.Pow(2, float64(min(n, 20)))
	return min(time.Duration(d), most)
}

func retriable(err error) bool {
	return !panicked(err) && errors.Is(err, errs.Retriable)
}

// panicked reports whether the error was thrown, whatever it is.
func panicked(err error) bool {
	f, ok := errors.AsType[*act.Failure](err)
	return ok && f.Stack != ""
}

// callFailed is the error of a plugin's call as it fails the task; a panic speaks for itself.
func callFailed(err error, text string) error {
	if panicked(err) {
		return err
	}
	return errs.Connect.Wrap(err, "%s", text)
}
