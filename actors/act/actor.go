package act

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// NewSystem is an actor system that logs through log, its own chatter at debug level, and that
// reports no dead letters (late facts are normal here).
func NewSystem(log *slog.Logger) *actor.ActorSystem {
	return actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(quiet{log.Handler()}) }),
		actor.WithDeadLetterThrottleCount(0),
		actor.WithDeadLetterRequestLogging(false),
	)
}

// quiet turns the library's info records, one for each failure that we log ourselves, into debug ones.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	if l == slog.LevelInfo {
		l = slog.LevelDebug
	}
	return q.Handler.Enabled(ctx, l)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if r.Level == slog.LevelInfo {
		r.Level = slog.LevelDebug
	}
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(a)} }
func (q quiet) WithGroup(n string) slog.Handler      { return quiet{q.Handler.WithGroup(n)} }

// Props are the properties of an actor of ours: made by make, which only builds the struct (it
// runs, and would panic, in the spawner's turn), behind the guard.
func Props(make func() actor.Actor, opts ...actor.PropsOption) *actor.Props {
	return actor.PropsFromProducer(make, append(opts, actor.WithReceiverMiddleware(guard))...)
}

// failable is a message that carries somebody's hope of an answer.
type failable interface{ Fail(error) }

// guard gives a panic in Receive its stack, tells a waiting asker, and keeps a panic while
// stopping from making the actor immortal.
func guard(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			f := AsFailure(v, true)
			switch m := env.Message.(type) {
			case *actor.Stopping, *actor.Stopped, *actor.Restarting:
				c.Logger().Error("panic while stopping", "actor", c.Self().Id, "err", f, "trace", f.Stack)
				return
			case failable:
				m.Fail(fmt.Errorf("internal error: %w", f))
			}
			panic(f)
		}()
		next(c, env)
	}
}

// Exited is what an actor gets when the goroutine that it started with Go has ended, whatever
// ended it.
type Exited struct {
	ID     any // as given to Go
	Result any
	Err    error // nil, the error returned, or a *Failure for a panic
}

// IgnoreDeadLetterLogging marks a fact that may come too late.
func (Exited) IgnoreDeadLetterLogging() {}

// Running is a goroutine with one owner: the actor that started it with Go, or whoever called Run.
type Running struct {
	labels []string

	mu    sync.Mutex
	ended bool
	onEnd func()
}

// Go runs f on a goroutine that belongs to the actor whose turn it is. The actor gets one Exited
// with the id when f has ended. Labels (pairs) name the goroutine in profiles and crashes, and
// goroutines that f starts inherit them. The caller ends f through ctx.
func Go(c actor.Context, ctx context.Context, id any, labels []string, f func(context.Context) (any, error)) *Running {
	root, self := c.ActorSystem().Root, c.Self() // c must not leave its turn
	return Run(ctx, labels, f, func(res any, err error) { root.Send(self, Exited{ID: id, Result: res, Err: err}) })
}

// Run is Go for a goroutine that belongs to no actor: over is called on it when f has ended, whatever
// ended it, with what f returned, a *Failure for a panic, or ErrGoexit.
func Run(ctx context.Context, labels []string, f func(context.Context) (any, error), over func(res any, err error)) *Running {
	g := &Running{labels: labels}
	go pprof.Do(ctx, pprof.Labels(labels...), func(ctx context.Context) {
		var (
			res any
			err error = &Failure{Err: ErrGoexit}
		)
		defer func() {
			g.end() // first: whoever hears of the end must not take the goroutine for a zombie
			over(res, err)
		}()
		err = Catch(func() (err error) {
			res, err = f(ctx)
			return err
		})
	})
	return g
}

// Labels are the pairs that name the goroutine.
func (g *Running) Labels() []string { return g.labels }

// Ended reports whether the function has ended.
func (g *Running) Ended() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ended
}

// OnEnd has f called on the goroutine when its function ends. It returns false, and f is not called,
// if that has ended or there is such an f already. f must not block.
func (g *Running) OnEnd(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended || g.onEnd != nil {
		return false
	}
	g.onEnd = f
	return true
}

func (g *Running) end() {
	g.mu.Lock()
	g.ended = true
	f := g.onEnd
	g.mu.Unlock()
	if f != nil {
		f()
	}
}

// Timer is a message that comes later unless Stop is called first.
type Timer struct{ t *time.Timer }

// After sends msg to the actor whose turn it is, after d.
func After(c actor.Context, d time.Duration, msg any) *Timer {
	root, self := c.ActorSystem().Root, c.Self()
	return &Timer{time.AfterFunc(d, func() { root.Send(self, msg) })}
}

// Stop cancels the timer; nil is fine. A message already under way still comes.
func (t *Timer) Stop() {
	if t != nil {
		t.t.Stop()
	}
}

// Sleep waits for d and reports false if ctx ended first. It is for goroutines, never for an actor.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Reply is the answer that an asker outside the actors waits for. It travels in a message and may
// be kept and answered later; only the first answer counts.
type Reply[T any] struct{ ch chan result[T] }

type result[T any] struct {
	v   T
	err error
}

// Send answers. It never blocks.
func (r Reply[T]) Send(v T, err error) {
	if r.ch == nil {
		return
	}
	select {
	case r.ch <- result[T]{v, err}:
	default:
	}
}

// Fail answers with an error.
func (r Reply[T]) Fail(err error) {
	var zero T
	r.Send(zero, err)
}

// Ask sends the message that make builds around a Reply and waits for the answer, until ctx ends
// or gone is closed (nil: never). It must not be called from an actor.
func Ask[T any](ctx context.Context, root *actor.RootContext, pid *actor.PID, gone <-chan struct{}, make_ func(Reply[T]) any) (T, error) {
	r := Reply[T]{make(chan result[T], 1)}
	root.Send(pid, make_(r))
	select {
	case x := <-r.ch:
		return x.v, x.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	case <-gone:
		var zero T
		return zero, ErrGone
	}
}

// ErrGone is the answer of a worker that has stopped.
var ErrGone = fmt.Errorf("the worker has stopped")

// Lease is the right of one incarnation to act on the outside world. It is shut when the
// incarnation is given up; a runner left behind then finds every door closed.
type Lease struct {
	mu   sync.Mutex
	shut bool
	ends []func()
}

// ErrFenced is what a runner gets at a closed door.
var ErrFenced = fmt.Errorf("this incarnation was given up and may not act any more")

// Check returns ErrFenced when the lease is shut.
func (l *Lease) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shut {
		return ErrFenced
	}
	return nil
}

// OnShut has f called (once, on the goroutine that shuts) when the lease is shut, at once if it is already. f must
// not block.
func (l *Lease) OnShut(f func()) {
	l.mu.Lock()
	shut := l.shut
	if !shut {
		l.ends = append(l.ends, f)
	}
	l.mu.Unlock()
	if shut {
		f()
	}
}

// Shut closes every door.
func (l *Lease) Shut() {
	l.mu.Lock()
	ends := l.ends
	l.shut, l.ends = true, nil
	l.mu.Unlock()
	for _, f := range ends {
		f()
	}
}
