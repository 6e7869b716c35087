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
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Config is what a worker is made of.
type Config struct {
	Settings *settings.Worker
	Registry *plugin.Registry
	// Resolve replaces ${provider:path:key} references of connectors' configurations.
	Resolve settings.Resolve
	// Offsets keeps source offsets. The worker closes it when it stops.
	Offsets storage.OffsetStore
	// WorkerID is host:port of the REST address, as status shows it.
	WorkerID string
	// ClusterID is the id of the Kafka cluster.
	ClusterID string
	Log       *slog.Logger
	// KafkaOptions are handed to every Kafka client.
	KafkaOptions []kafka.Option
	// Metrics keeps the worker's numbers; nil for none.
	Metrics *metrics.Registry
}

// Worker is a running worker.
type Worker struct {
	*Client
	root *rootHandle
}

// rootHandle is what is known of the root actor outside the actors.
type rootHandle struct {
	system  *actor.ActorSystem
	pid     *actor.PID
	herder  *herderRef
	gone    chan struct{}
	mu      sync.Mutex
	err     error
	once    sync.Once
	offsets storage.OffsetStore
	timeout time.Duration
	log     *slog.Logger
	// departures are the consumers of tasks that could not leave their groups yet.
	departures *kafka.Departures
}

// warnOfPrefixes tells of security settings that hold for the worker alone.
func (h *rootHandle) warnOfPrefixes(props map[string]string) {
	for _, text := range kafka.MissingPrefixes(props) {
		h.log.Warn("security settings of the worker do not hold for all of its clients", "reason", text)
	}
}

// clientOptions are the options of the tasks' clients.
func (h *rootHandle) clientOptions(opts []kafka.Option) []kafka.Option {
	h.departures = kafka.NewDepartures()
	return append(slices.Clip(opts), kafka.WithDepartures(h.departures), kafka.WithTold(&kafka.Told{}))
}

// Start starts the actors. The worker runs until Stop, or until Done says that it gave up. An
// error is of kind errs.Config: a setting that only the Kafka clients understand is wrong.
func Start(cfg Config) (*Worker, error) {
	policy, err := kafka.ReadOverridePolicy(cfg.Settings.Props)
	if err != nil {
		return nil, err
	}
	st := &stores{configs: storage.NewMemoryConfigStore(), statuses: storage.NewMemoryStatusStore()}
	env := &task.Env{
		Log: cfg.Log, Registry: cfg.Registry, Worker: cfg.Settings, WorkerID: cfg.WorkerID, Resolve: cfg.Resolve,
		Offsets: cfg.Offsets, Starts: task.NewSlots(cfg.Settings.Supervisor.StartConcurrency),
		Host: host.New(cfg.Log), Metrics: cfg.Metrics,
	}
	if cfg.Settings.TopicTracking {
		env.Topics = func(id state.TaskID, topic string) { st.statuses.AddTopic(id, topic) }
	}
	h := &rootHandle{
		system: act.NewSystem(cfg.Log), gone: make(chan struct{}), offsets: cfg.Offsets,
		timeout: cfg.Settings.TaskShutdownTimeout, log: cfg.Log,
	}
	env.KafkaOptions = h.clientOptions(cfg.KafkaOptions)
	h.warnOfPrefixes(cfg.Settings.Props)
	herder := &herderRef{handle: h}
	h.herder = herder
	r := &root{handle: h, ref: herder, herder: func() *actor.Props { return herderProps(env, st) }}
	h.pid = h.system.Root.Spawn(act.Props(func() actor.Actor { return r }))
	return &Worker{
		Client: &Client{env: env, configs: st.configs, statuses: st.statuses, herder: herder, clusterID: cfg.ClusterID, policy: policy},
		root:   h,
	}, nil
}

// Done is closed when the worker has ended, by Stop or because it gave up; Err says why then.
func (w *Worker) Done() <-chan struct{} { return w.root.gone }

// Err is why the worker gave up, nil if it was stopped.
func (w *Worker) Err() error {
	w.root.mu.Lock()
	defer w.root.mu.Unlock()
	return w.root.err
}

// Zombies is the number of calls of plugins that were left behind and still hang.
func (w *Worker) Zombies() int { return w.env.Host.Zombies.Alive() }

// stopMargin is what the worker gets beyond the tasks' deadline to put itself away.
const stopMargin = 5 * time.Second

// Stop stops connectors and tasks together within task.shutdown.graceful.timeout.ms, then the
// stores. Who did not stop in time is named in the error; everything is fenced then. A second
// call waits for the first.
func (w *Worker) Stop(ctx context.Context) error {
	h := w.root
	h.once.Do(func() {
		by := time.Now().Add(h.timeout)
		ctx, cancel := context.WithDeadline(ctx, by.Add(stopMargin))
		defer cancel()
		left, err := askHerder(ctx, w.herder, func(r act.Reply[[]string]) any { return stopAll{By: by, Done: r} })
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d did not stop within task.shutdown.graceful.timeout.ms=%d and were left behind: %v", len(left), h.timeout.Milliseconds(), left)
		}
		if cerr := h.offsets.Close(ctx); cerr != nil && err == nil {
			err = errs.Connect.Wrap(cerr, "offset store")
		}
		w.env.Host.Zombies.Settle(ctx)
		h.departures.Close()
		h.end(err)
	})
	<-h.gone
	return w.Err()
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

// herderRef is where the herder is; it changes when the herder is started anew.
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

// errHerderFailed is the answer to what was under way when the herder failed: the request may have
// lain unread, or have been carried out without an answer.
var errHerderFailed = errs.Connect.New("the herder failed before it answered and begins anew; whether the request was carried out shows in a moment, then try again")

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
			err = errHerderFailed
		default: // the herder's own word
		}
	}
	return v, err
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
	budget     act.Budget
	births     int
	ctx        actor.Context
}

var rootPolicy = act.Policy{Enabled: true, Max: 3, Window: 10 * time.Minute, Initial: 100 * time.Millisecond, MaxDelay: time.Second, Multiplier: 2}

type (
	respawn        struct{}
	respawnCluster struct{}
)

// Receive handles one message and returns at once.
func (r *root) Receive(c actor.Context) {
	r.ctx = c
	switch c.Message().(type) {
	case *actor.Started:
		r.ref.set(r.spawn(r.herder(), "herder"))
		r.spawnCluster()
	case respawn:
		r.ref.set(r.spawn(r.herder(), "herder"))
	case respawnCluster:
		r.spawnCluster()
	}
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
	delay, ok := r.budget.Next(rootPolicy, time.Now(), 0.5)
	if !ok {
		r.handle.log.Error("a part of the worker fails again and again: the worker gives up", "part", role, "err", f, "trace", f.Trace())
		r.handle.end(f)
		return
	}
	r.handle.log.Error("a part of the worker failed and begins anew", "part", role, "consequence", consequence, "err", f, "trace", f.Trace())
	act.After(r.ctx, delay, again)
}
