package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/api"
	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
)

// rootHandle is what is known of the root actor outside the actors.
type rootHandle struct {
	system  *actor.ActorSystem
	pid     *actor.PID
	herder  *herderRef
	gone    chan struct{}
	mu      sync.Mutex
	err     error
	once    sync.Once
	timeout time.Duration
	log     *slog.Logger
	// departures are the consumers of tasks that could not leave their groups yet.
	departures *kafka.Departures
}

func newRootHandle(log *slog.Logger, timeout time.Duration) *rootHandle {
	h := &rootHandle{system: act.NewSystem(log), gone: make(chan struct{}), timeout: timeout, log: log, departures: kafka.NewDepartures()}
	h.herder = &herderRef{handle: h}
	return h
}

// warnOfPrefixes tells of security settings that hold for the worker alone.
func (h *rootHandle) warnOfPrefixes(props map[string]string) {
	for _, text := range kafka.MissingPrefixes(props) {
		h.log.Warn("security settings of the worker do not hold for all of its clients", "reason", text)
	}
}

// clientOptions are the options of the tasks' clients.
func (h *rootHandle) clientOptions(opts []kafka.Option) []kafka.Option {
	return append(slices.Clip(opts), kafka.WithDepartures(h.departures), kafka.WithTold(&kafka.Told{}))
}

// Done is closed when the worker has ended, by Stop or because it gave up; Err says why then.
func (h *rootHandle) Done() <-chan struct{} { return h.gone }

// Err is why the worker gave up, nil if it was stopped.
func (h *rootHandle) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// stop has everything stopped that runs, and says who did not stop in time.
func (h *rootHandle) stop(ctx context.Context, by time.Time) error {
	left, err := askHerder(ctx, h.herder, func(r act.Reply[[]string]) any { return stopAll{By: by, Done: r} })
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d did not stop within task.shutdown.graceful.timeout.ms=%d and were left behind: %v", len(left), h.timeout.Milliseconds(), left)
	}
	return err
}

// end is the one place where a worker becomes a worker that has ended.
func (h *rootHandle) end(err error) {
	h.system.Root.Stop(h.pid)
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.gone:
	default:
		h.err = err
		close(h.gone)
		h.herder.set(nil)
	}
}

// herderRef is where the herder is; it changes when the herder is started anew. It is the herder as packages
// api and member know it.
type herderRef struct {
	handle *rootHandle
	mu     sync.Mutex
	now    *incarnation  // nil while there is none
	change chan struct{} // closed when there is one again; nil if nobody waits
}

// incarnation is one herder.
type incarnation struct {
	pid   *actor.PID
	ended chan struct{} // closed when it will answer nothing any more
}

// set tells of a new herder, or with nil that there is none for the moment.
func (r *herderRef) set(pid *actor.PID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != nil {
		close(r.now.ended)
		r.now = nil
	}
	if pid == nil {
		return
	}
	r.now = &incarnation{pid, make(chan struct{})}
	if r.change != nil {
		close(r.change)
		r.change = nil
	}
}

// send tells the herder something; while there is none it is dropped, since the next one looks
// at everything anew.
func (r *herderRef) send(m any) {
	r.mu.Lock()
	now := r.now
	r.mu.Unlock()
	if now != nil {
		r.handle.system.Root.Send(now.pid, m)
	}
}

// get waits until there is a herder: what is asked of one that has failed is never answered.
func (r *herderRef) get(ctx context.Context) (*incarnation, error) {
	for {
		r.mu.Lock()
		now := r.now
		if now == nil && r.change == nil {
			r.change = make(chan struct{})
		}
		change := r.change
		r.mu.Unlock()
		if now != nil {
			return now, nil
		}
		select {
		case <-change:
		case <-r.handle.gone:
			return nil, act.ErrGone
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// askHerder asks whoever is the herder now.
func askHerder[T any](ctx context.Context, herder *herderRef, message func(act.Reply[T]) any) (T, error) {
	now, err := herder.get(ctx)
	if err != nil {
		var zero T
		return zero, err
	}
	v, err := act.Ask(ctx, herder.handle.system.Root, now.pid, now.ended, message)
	if errors.Is(err, act.ErrGone) {
		select {
		case <-herder.handle.gone: // the worker has stopped
			return v, err
		default:
		}
		select {
		case <-now.ended:
			err = api.ErrHerderFailed
		default: // the herder's own word
		}
	}
	return v, err
}

// order asks for something that has no answer but that it is done.
func (r *herderRef) order(ctx context.Context, message func(act.Reply[struct{}]) any) error {
	_, err := askHerder(ctx, r, message)
	return err
}

// Ping implements api.Herder.
func (r *herderRef) Ping(ctx context.Context) error {
	return r.order(ctx, func(d act.Reply[struct{}]) any { return ping{d} })
}

// Restart implements api.Herder.
func (r *herderRef) Restart(ctx context.Context, id state.TaskID) error {
	return r.order(ctx, func(d act.Reply[struct{}]) any { return restartOne{id, d} })
}

// Settled implements api.Herder.
func (r *herderRef) Settled(ctx context.Context, connector string) error {
	return r.order(ctx, func(d act.Reply[struct{}]) any { return settled{connector, d} })
}

// Gone implements api.Herder.
func (r *herderRef) Gone(ctx context.Context, connector string) error {
	return r.order(ctx, func(d act.Reply[struct{}]) any { return gone{connector, d} })
}

// Assign implements member.Herder.
func (r *herderRef) Assign(ctx context.Context, generation int, work state.WorkSet) error {
	return r.order(ctx, func(d act.Reply[struct{}]) any { return assigned{generation, work, d} })
}

// Revoke implements member.Herder.
func (r *herderRef) Revoke(ctx context.Context, work state.WorkSet, lost bool, by time.Time) error {
	return r.order(ctx, func(d act.Reply[struct{}]) any { return revoked{Work: work, Lost: lost, By: by, Done: d} })
}

// Lose implements member.Herder.
func (r *herderRef) Lose(by time.Time) { r.send(revoked{Lost: true, By: by}) }

// Quiet implements member.Herder.
func (r *herderRef) Quiet(ctx context.Context) error {
	return r.order(ctx, func(d act.Reply[struct{}]) any { return quiet{d} })
}

// root is the top actor: it starts the herder and, when that fails, starts it anew a few times.
// Half a worker is worse than none: after that the process is to end.
type root struct {
	handle *rootHandle
	ref    *herderRef
	herder func() *actor.Props
	// cluster, of a distributed worker, is the actor of its membership; it begins after the herder.
	cluster    func() *actor.Props
	clusterPID *actor.PID
	budget     budget.Budget
	births     int
	ctx        actor.Context
}

var rootPolicy = budget.Policy{Enabled: true, Max: 3, Window: 10 * time.Minute, Initial: 100 * time.Millisecond, MaxDelay: time.Second, Multiplier: 2}

type (
	respawn        struct{}
	respawnCluster struct{}
)

// Receive handles one message and returns at once.
func (r *root) Receive(c actor.Context) {
	r.ctx = c
	switch c.Message().(type) {
	case *actor.Started:
		r.spawnHerder()
		r.spawnCluster()
	case respawn:
		r.spawnHerder()
	case respawnCluster:
		r.spawnCluster()
	}
}

// spawnHerder tells the herder to look around once it is known: what was sent before was dropped.
func (r *root) spawnHerder() {
	pid := r.spawn(r.herder(), "herder")
	r.ref.set(pid)
	r.ctx.Send(pid, lookAround{})
}

func (r *root) spawnCluster() {
	if r.cluster != nil {
		r.clusterPID = r.spawn(r.cluster(), "cluster")
	}
}

func (r *root) spawn(props *actor.Props, role string) *actor.PID {
	r.births++
	pid, err := r.ctx.SpawnNamed(props, fmt.Sprintf("%s#%d", role, r.births))
	if err != nil {
		panic(err)
	}
	return pid
}

// HandleFailure starts a child that failed anew: the stores know everything it knew.
func (r *root) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	role, again, consequence := "herder", any(respawn{}), "all connectors and tasks are started again"
	if r.clusterPID != nil && child.Id == r.clusterPID.Id {
		role, again, consequence = "group membership", respawnCluster{}, "the worker joins its group again"
		r.clusterPID = nil
	} else {
		r.ref.set(nil)
	}
	sup.StopChildren(child)
	f := act.AsFailure(reason, false)
	v := r.budget.Next(rootPolicy, budget.Failure{}, time.Now(), 0.5)
	if !v.Restart {
		r.handle.log.Error("a part of the worker failed too often: the worker gives up", "part", role, "err", f, "stack", f.Stack)
		r.handle.end(f)
		return
	}
	r.handle.log.Error("a part of the worker failed and is started again", "part", role, "consequence", consequence, "err", f, "stack", f.Stack)
	act.After(r.ctx, v.After, again)
}
