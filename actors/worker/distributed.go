package worker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/api"
	"github.com/troupe-connect/troupe/actors/herd"
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
	Peers api.Peers
	// LoggerLevel is called when somebody sets the level of a logger on all workers; it must not
	// block.
	LoggerLevel func(logger, level string)
}

// Distributed is a running worker of a cluster: httpapi.Herder and httpapi.Internal.
type Distributed struct {
	*api.API
	*api.Cluster
	*rootHandle
	cfg     DistributedConfig
	env     *task.Env
	admin   *kafka.Admin
	store   *storage.ConfigStore
	status  *storage.TopicStatusStore
	offsets *storage.TopicOffsetStore
	group   *member.Member
}

// StartDistributed makes or checks the internal topics, reads them and starts the actors; the
// group is joined in the background. ctx ends only this call. An error of kind errs.Config is a
// setting or topic that won't do.
func StartDistributed(ctx context.Context, cfg DistributedConfig) (*Distributed, error) {
	policy, err := kafka.ReadOverridePolicy(cfg.Settings.Props)
	if err != nil {
		return nil, err
	}
	d := &Distributed{cfg: cfg, rootHandle: newRootHandle(cfg.Log, cfg.Settings.TaskShutdownTimeout)}
	listen := &listener{herder: d.herder, level: cfg.LoggerLevel}
	if err := d.openStores(ctx, listen); err != nil {
		return nil, err
	}
	d.env = d.newEnv()
	d.warnOfPrefixes(cfg.Settings.Props)
	board := herd.NewBoard()
	d.group, err = member.New(member.Config{
		Settings: cfg.Settings, URL: cfg.URL, WorkerID: cfg.WorkerID, Configs: d.store, Statuses: d.status,
		Herder: d.herder, Log: cfg.Log, KafkaOptions: cfg.KafkaOptions, Metrics: cfg.Metrics.Of(),
	})
	if err != nil {
		return nil, errors.Join(err, d.closeStores(ctx))
	}
	listen.setLook(d.group.Look)
	d.API, d.Cluster = api.NewCluster(api.Config{
		Env: d.env, View: d.store.Snapshot, Statuses: d.status, Board: board, Herder: d.herder, ClusterID: cfg.ClusterID, Policy: policy,
	}, api.ClusterConfig{URL: cfg.URL, Settings: cfg.Settings, Member: d.group, Configs: d.store, Peers: cfg.Peers})
	if cfg.Settings.ExactlyOnce == settings.ExactlyOnceEnabled {
		d.env.ExactlyOnce = &task.ExactlyOnce{GroupID: cfg.Settings.GroupID, Fence: d.FenceByLeader, Verify: d.VerifyTask}
	}
	deps := &herderDeps{
		env: d.env, view: d.store.Snapshot, statuses: d.status, board: board, rejoin: d.group.Rejoin, publish: d.Publish,
	}
	r := &root{handle: d.rootHandle, ref: d.herder, herder: deps.props, cluster: d.group.Props}
	d.pid = d.system.Root.Spawn(act.Props(func() actor.Actor { return r }))
	return d, nil
}

func (d *Distributed) newEnv() *task.Env {
	w := d.cfg.Settings
	env := &task.Env{
		Log: d.cfg.Log, Registry: d.cfg.Registry, Worker: w, WorkerID: d.cfg.WorkerID, Resolve: d.cfg.Resolve,
		Offsets: d.offsets, Starts: task.NewSlots(w.Supervisor.StartConcurrency),
		Host: metered(d.cfg.Log, d.cfg.Metrics), KafkaOptions: d.clientOptions(d.cfg.KafkaOptions), Metrics: d.cfg.Metrics,
	}
	if w.TopicTracking {
		env.Topics = func(id state.TaskID, topic string) { d.status.AddTopic(id, topic) }
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
func (d *Distributed) openStores(ctx context.Context, listen storage.ConfigListener) error {
	w, log, opts := d.cfg.Settings, d.cfg.Log, d.cfg.KafkaOptions
	admin, err := kafka.NewAdmin(kafka.WorkerAdminProps(w.Props), log.With("logger", "org.apache.kafka.clients.admin"), opts...)
	if err != nil {
		return err
	}
	d.admin = admin
	storeLog := log.With("logger", "org.apache.kafka.connect.storage")
	oc := d.topicConfig(w.OffsetTopic)
	// Always, other than the JVM: a cluster that goes back from exactly-once support would take offsets of
	// transactions that were aborted, and skip records.
	oc.ReadCommitted = true
	d.offsets = storage.NewTopicOffsetStore(oc, admin, storeLog, opts...)
	d.status = storage.NewTopicStatusStore(d.topicConfig(w.StatusTopic), admin, storeLog, opts...)
	cc := d.topicConfig(w.ConfigTopic)
	if w.ExactlyOnce != settings.ExactlyOnceDisabled && w.ExactlyOnce != "" {
		cc.TransactionalID = "connect-cluster-" + w.GroupID
	}
	d.store = storage.NewConfigStore(cc, admin, listen, storeLog, opts...)
	for _, start := range []func(context.Context) error{d.offsets.Start, d.status.Start, d.store.Start} {
		if err := start(ctx); err != nil {
			return errors.Join(err, d.closeStores(ctx))
		}
	}
	return nil
}

// closeStores writes what is left to be written, statuses first, and ends the stores.
func (d *Distributed) closeStores(ctx context.Context) error {
	return errors.Join(d.status.Stop(ctx), d.offsets.Close(ctx), d.store.Stop(ctx), d.admin.Close())
}

// Zombies is the number of calls of plugins that were left behind and still hang.
func (d *Distributed) Zombies() int { return d.env.Host.Zombies.Alive() }

// Stop waits for changes that were asked for, stops connectors and tasks together within
// task.shutdown.graceful.timeout.ms, hands their work over to the other workers, leaves the group and closes
// the stores. Who did not stop in time is named in the error; everything is fenced then. A second call waits
// for the first.
func (d *Distributed) Stop(ctx context.Context) error {
	d.once.Do(func() {
		by := time.Now().Add(d.timeout)
		ctx, cancel := context.WithDeadline(ctx, by.Add(member.StopMargin+member.HandOverLimit(d.cfg.Settings.HeartbeatInterval)))
		defer cancel()
		d.group.Closing()
		d.Refuse()
		err := d.stop(ctx, by)
		whole, done := context.WithDeadline(ctx, by)
		d.Settle(whole) // what was asked for before is not left half done
		done()
		if ferr := d.status.Flush(ctx); ferr != nil { // before others take over
			d.cfg.Log.Warn("statuses not written before the group was left", "err", ferr)
		}
		d.group.Leave(ctx)
		if cerr := d.closeStores(ctx); cerr != nil && err == nil {
			err = errs.Connect.Wrap(cerr, "internal topics")
		}
		d.env.Host.Zombies.Settle(ctx)
		d.departures.Close()
		d.end(err)
	})
	<-d.gone
	return d.Err()
}
