package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// DistributedConfig is what a worker of a cluster is made of.
type DistributedConfig struct {
	Settings *settings.Worker
	Registry *plugin.Registry
	// Resolve replaces ${provider:path:key} references of connectors' configurations.
	Resolve settings.Resolve
	// URL is the advertised REST address with a slash at the end, by which other workers reach this
	// one.
	URL string
	// WorkerID is host:port of the REST address, as status shows it.
	WorkerID string
	// ClusterID is the id of the Kafka cluster.
	ClusterID string
	Log       *slog.Logger
	// KafkaOptions are handed to every Kafka client.
	KafkaOptions []kafka.Option
	// Metrics keeps the worker's numbers; nil for none.
	Metrics *metrics.Registry
	// Peers sends requests to other workers.
	Peers Peers
	// LoggerLevel is called when somebody sets the level of a logger on all workers; it must not
	// block.
	LoggerLevel func(logger, level string)
}

// Peers is the client to other workers. A nil key leaves a request unsigned. An answer of 400 and
// above is an error with a method StatusCode() int.
type Peers interface {
	PutTaskConfigs(ctx context.Context, url, connector string, configs []map[string]string, key []byte, algorithm string) error
	FenceZombies(ctx context.Context, url, connector string, key []byte, algorithm string) error
}

// Distributed is a running worker of a cluster: httpapi.Herder and httpapi.Internal. What is only
// read comes from what this worker has read of the internal topics; what changes something is
// written by the leader, and the error of other workers then says where that is.
type Distributed struct {
	*Client
	root   *rootHandle
	cfg    DistributedConfig
	admin  *kafka.Admin
	store  *storage.ConfigStore
	status *storage.TopicStatusStore
	group  *membership
	fences fences

	// writes has one token: writes of the leader are made one at a time.
	writes chan struct{}
}

// topicConfigs reads the config topic as requests see it.
type topicConfigs struct{ store *storage.ConfigStore }

func (c topicConfigs) Connectors() []string { return c.store.Snapshot().Connectors() }
func (c topicConfigs) Config(name string) (map[string]string, bool) {
	return c.store.Snapshot().Config(name)
}

func (c topicConfigs) Target(name string) state.TargetState { return c.store.Snapshot().Target(name) }

func (c topicConfigs) Tasks(name string) []map[string]string {
	return c.store.Snapshot().TaskConfigs(name)
}

// StartDistributed makes or checks the internal topics, reads them and starts the actors; the
// group is joined in the background. ctx ends only this call. An error of kind errs.Config is a
// setting or topic that won't do.
func StartDistributed(ctx context.Context, cfg DistributedConfig) (*Distributed, error) {
	policy, err := kafka.ReadOverridePolicy(cfg.Settings.Props)
	if err != nil {
		return nil, err
	}
	protocol, err := group.ParseProtocol(cfg.Settings.Protocol)
	if err != nil {
		return nil, err
	}
	d := &Distributed{cfg: cfg, writes: make(chan struct{}, 1)}
	d.writes <- struct{}{}
	h := &rootHandle{
		system: act.NewSystem(cfg.Log), gone: make(chan struct{}), timeout: cfg.Settings.TaskShutdownTimeout, log: cfg.Log,
	}
	h.herder = &herderRef{handle: h}
	d.root = h
	offsets, err := d.openStores(ctx)
	if err != nil {
		return nil, err
	}
	h.offsets = offsets
	env := d.newEnv(offsets)
	h.warnOfPrefixes(cfg.Settings.Props)
	d.Client = &Client{
		env: env, configs: topicConfigs{d.store}, statuses: d.status, herder: h.herder, clusterID: cfg.ClusterID, policy: policy,
	}
	d.group, err = newMembership(d, protocol)
	if err != nil {
		return nil, errors.Join(err, d.closeStores(ctx))
	}
	r := &root{
		handle: h, ref: h.herder,
		herder:  func() *actor.Props { return clusterHerderProps(d) },
		cluster: func() *actor.Props { return clusterProps(d.group) },
	}
	h.pid = h.system.Root.Spawn(act.Props(func() actor.Actor { return r }))
	return d, nil
}

func (d *Distributed) newEnv(offsets storage.OffsetStore) *task.Env {
	w := d.cfg.Settings
	env := &task.Env{
		Log: d.cfg.Log, Registry: d.cfg.Registry, Worker: w, WorkerID: d.cfg.WorkerID, Resolve: d.cfg.Resolve,
		Offsets: offsets, Starts: task.NewSlots(w.Supervisor.StartConcurrency),
		Host: host.New(d.cfg.Log), KafkaOptions: d.root.clientOptions(d.cfg.KafkaOptions), Metrics: d.cfg.Metrics,
	}
	if w.TopicTracking {
		env.Topics = func(id state.TaskID, topic string) { d.status.AddTopic(id, topic) }
	}
	if w.ExactlyOnce == settings.ExactlyOnceEnabled {
		env.ExactlyOnce = &task.ExactlyOnce{GroupID: w.GroupID, Fence: d.fenceByLeader, Verify: d.verifyTask}
	}
	return env
}

// topicConfig is what the three internal topics have in common.
func (d *Distributed) topicConfig(t settings.Topic) storage.TopicConfig {
	w := d.cfg.Settings
	base := w.GroupID + "-"
	if w.ClientID != "" {
		base += w.ClientID + "-"
	}
	return storage.TopicConfig{
		Topic: t.Name, Partitions: t.Partitions, ReplicationFactor: t.ReplicationFactor, Settings: t.Extra,
		Props: w.Props, ClientIDBase: base, ReadCommitted: w.ExactlyOnce == settings.ExactlyOnceEnabled,
	}
}

// openStores starts the three stores, offsets first as the JVM does.
func (d *Distributed) openStores(ctx context.Context) (*storage.TopicOffsetStore, error) {
	w, log, opts := d.cfg.Settings, d.cfg.Log, d.cfg.KafkaOptions
	admin, err := kafka.NewAdmin(kafka.WorkerAdminProps(w.Props), log.With("logger", "org.apache.kafka.clients.admin"), opts...)
	if err != nil {
		return nil, err
	}
	d.admin = admin
	storeLog := log.With("logger", "org.apache.kafka.connect.storage")
	oc := d.topicConfig(w.OffsetTopic)
	// Always, other than the JVM: a cluster that goes back from exactly-once support would take offsets of
	// transactions that were aborted, and skip records.
	oc.ReadCommitted = true
	offsets := storage.NewTopicOffsetStore(oc, admin, storeLog, opts...)
	d.root.offsets = offsets
	d.status = storage.NewTopicStatusStore(d.topicConfig(w.StatusTopic), admin, storeLog, opts...)
	cc := d.topicConfig(w.ConfigTopic)
	if w.ExactlyOnce != settings.ExactlyOnceDisabled && w.ExactlyOnce != "" {
		cc.TransactionalID = "connect-cluster-" + w.GroupID
	}
	d.store = storage.NewConfigStore(cc, admin, &listener{d}, storeLog, opts...)
	for _, start := range []func(context.Context) error{offsets.Start, d.status.Start, d.store.Start} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, d.closeStores(ctx))
		}
	}
	return offsets, nil
}

// closeStores writes what is left to be written, statuses first, and ends the stores.
func (d *Distributed) closeStores(ctx context.Context) error {
	return errors.Join(d.status.Stop(ctx), d.root.offsets.Close(ctx), d.store.Stop(ctx), d.admin.Close())
}

// Done is closed when the worker has ended, by Stop or because it gave up; Err says why then.
func (d *Distributed) Done() <-chan struct{} { return d.root.gone }

// Err is why the worker gave up, nil if it was stopped.
func (d *Distributed) Err() error {
	d.root.mu.Lock()
	defer d.root.mu.Unlock()
	return d.root.err
}

// Zombies is the number of calls of plugins that were left behind and still hang.
func (d *Distributed) Zombies() int { return d.env.Host.Zombies.Alive() }

// Stop stops connectors and tasks together within task.shutdown.graceful.timeout.ms, hands their
// work over to the other workers, leaves the group and closes the stores. Who did not stop in time
// is named in the error; everything is fenced then. A second call waits for the first.
func (d *Distributed) Stop(ctx context.Context) error {
	h := d.root
	h.once.Do(func() {
		by := time.Now().Add(h.timeout)
		ctx, cancel := context.WithDeadline(ctx, by.Add(stopMargin+handOverLimit(d.cfg.Settings.HeartbeatInterval)))
		defer cancel()
		d.group.closing()
		left, err := askHerder(ctx, h.herder, func(r act.Reply[[]string]) any { return stopAll{By: by, Done: r} })
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d did not stop within task.shutdown.graceful.timeout.ms=%d and were left behind: %v", len(left), h.timeout.Milliseconds(), left)
		}
		if ferr := d.status.Flush(ctx); ferr != nil { // before others take over
			d.cfg.Log.Warn("statuses not written before the group was left", "err", ferr)
		}
		d.group.leave(ctx)
		if cerr := d.closeStores(ctx); cerr != nil && err == nil {
			err = errs.Connect.Wrap(cerr, "internal topics")
		}
		d.env.Host.Zombies.Settle(ctx)
		h.departures.Close()
		h.end(err)
	})
	<-h.gone
	return d.Err()
}

// listener hands what changed in the config topic on to the herder. It is called by the goroutine
// that reads the topic.
type listener struct{ d *Distributed }

func (l *listener) send(m any) { l.d.root.herder.send(m) }

func (l *listener) ConnectorUpdated(connector string)         { l.send(configUpdated{connector}) }
func (l *listener) ConnectorRemoved(connector string)         { l.send(configRemoved{connector}) }
func (l *listener) TargetChanged(connector string)            { l.send(targetUpdated{connector}) }
func (l *listener) RestartRequested(r storage.RestartRequest) { l.send(restartRequested{r}) }
func (l *listener) SessionKeyUpdated(storage.SessionKey)      { l.d.group.look() }

func (l *listener) TasksUpdated(connector string, _ []state.TaskID) {
	l.send(tasksUpdated{connector})
}

func (l *listener) LoggerLevelChanged(logger, level string) {
	if l.d.cfg.LoggerLevel != nil {
		l.d.cfg.LoggerLevel(logger, level)
	}
}

// fences are the rounds of zombie fencing under way, by connector.
type fences struct {
	mu     sync.Mutex
	rounds map[string]*fenceRound
}
