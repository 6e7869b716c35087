package worker

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/api"
	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/member"
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

// Worker is a running standalone worker: an httpapi.Herder.
type Worker struct {
	*api.API
	*rootHandle
	env     *task.Env
	offsets storage.OffsetStore
}

// metered is the door to plugins, counting into reg.
func metered(log *slog.Logger, reg *metrics.Registry) *host.Host {
	h := host.New(log)
	h.Meter = task.Meter(reg)
	if reg != nil {
		reg.Worker.Watch(func() metrics.Live { return metrics.Live{Zombies: h.Zombies.Alive()} })
	}
	return h
}

// Start starts the actors. The worker runs until Stop, or until Done says that it gave up. An
// error is of kind errs.Config: a setting that only the Kafka clients understand is wrong.
func Start(cfg Config) (*Worker, error) {
	policy, err := kafka.ReadOverridePolicy(cfg.Settings.Props)
	if err != nil {
		return nil, err
	}
	h := newRootHandle(cfg.Log, cfg.Settings.TaskShutdownTimeout)
	h.warnOfPrefixes(cfg.Settings.Props)
	store := storage.NewMemoryConfigStore(&listener{herder: h.herder}, cfg.Log)
	statuses := storage.NewMemoryStatusStore()
	env := &task.Env{
		Log: cfg.Log, Registry: cfg.Registry, Worker: cfg.Settings, WorkerID: cfg.WorkerID, Resolve: cfg.Resolve,
		Offsets: cfg.Offsets, Starts: task.NewSlots(cfg.Settings.Supervisor.StartConcurrency),
		Host: metered(cfg.Log, cfg.Metrics), KafkaOptions: h.clientOptions(cfg.KafkaOptions), Metrics: cfg.Metrics,
	}
	if cfg.Settings.TopicTracking {
		env.Topics = func(id state.TaskID, topic string) { statuses.AddTopic(id, topic) }
	}
	board := herd.NewBoard()
	a, local := api.NewLocal(api.Config{
		Env: env, View: store.Snapshot, Statuses: statuses, Board: board, Herder: h.herder, ClusterID: cfg.ClusterID, Policy: policy,
	}, store)
	d := &herderDeps{
		env: env, view: store.Snapshot, statuses: statuses, board: board, alone: true,
		rejoin:  func(string) { h.herder.send(assignAll{}) },
		publish: func(_ context.Context, o herd.Publish) { local.PutTasks(o.Connector, o.Props, o.Configs) },
	}
	r := &root{handle: h, ref: h.herder, herder: d.props}
	h.pid = h.system.Root.Spawn(act.Props(func() actor.Actor { return r }))
	return &Worker{API: a, rootHandle: h, env: env, offsets: cfg.Offsets}, nil
}

// Zombies is the number of calls of plugins that were left behind and still hang.
func (w *Worker) Zombies() int { return w.env.Host.Zombies.Alive() }

// Stop stops connectors and tasks together within task.shutdown.graceful.timeout.ms, then the
// stores. Who did not stop in time is named in the error; everything is fenced then. A second
// call waits for the first.
func (w *Worker) Stop(ctx context.Context) error {
	w.once.Do(func() {
		by := time.Now().Add(w.timeout)
		ctx, cancel := context.WithDeadline(ctx, by.Add(member.StopMargin))
		defer cancel()
		w.Refuse()
		err := w.stop(ctx, by)
		if cerr := w.offsets.Close(ctx); cerr != nil && err == nil {
			err = errs.Connect.Wrap(cerr, "offset store")
		}
		w.env.Host.Zombies.Settle(ctx)
		w.departures.Close()
		w.end(err)
	})
	<-w.gone
	return w.Err()
}

// listener hands what changed in the configurations on to the herder. It is called by the goroutine that
// reads the config topic, or that puts into the store of a standalone worker.
type listener struct {
	herder *herderRef
	look   atomic.Pointer[func()]     // told of another session key; nil before somebody wants to know
	level  func(logger, level string) // told of another level of a logger; nil: nobody wants to know
}

func (l *listener) setLook(look func()) { l.look.Store(&look) }

func (l *listener) ConnectorUpdated(connector string) { l.herder.send(changed{connector}) }
func (l *listener) ConnectorRemoved(connector string) { l.herder.send(changed{connector}) }
func (l *listener) TargetChanged(connector string)    { l.herder.send(changed{connector}) }
func (l *listener) TasksUpdated(connector string, _ []state.TaskID) {
	l.herder.send(changed{connector})
}
func (l *listener) RestartRequested(r storage.RestartRequest) { l.herder.send(restartRequested{r}) }

func (l *listener) SessionKeyUpdated(storage.SessionKey) {
	if look := l.look.Load(); look != nil {
		(*look)()
	}
}

func (l *listener) LoggerLevelChanged(logger, level string) {
	if l.level != nil {
		l.level(logger, level)
	}
}
