package storage

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafkalog"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// TopicConfig says what a store in a topic is made with.
type TopicConfig struct {
	// Topic is the topic's name, Partitions and ReplicationFactor are for making it if it is missing, -1
	// for the broker's default; Settings are the topic's further settings. The config topic has one
	// partition, whatever is said here.
	Topic             string
	Partitions        int
	ReplicationFactor int
	Settings          map[string]string
	// Props are the worker's settings without prefix.
	Props kafka.Props
	// ClientIDBase is what the names of the clients begin with: "<group.id>-", with client.id if set.
	ClientIDBase string
	// ReadCommitted hides what is not committed: exactly.once.source.support is enabled. The status
	// topic is read without.
	ReadCommitted bool
	// TransactionalID, if not "", makes writes to the config topic that only the leader may do
	// transactions with this id: exactly.once.source.support is preparing or enabled.
	TransactionalID string
}

func (c TopicConfig) log(setting, purpose, client string) kafkalog.Config {
	return kafkalog.Config{
		Topic: kafkalog.Topic{
			Name: c.Topic, Partitions: c.Partitions, ReplicationFactor: c.ReplicationFactor, Configs: c.Settings,
			Setting: setting, Purpose: purpose,
		},
		Props: c.Props, ClientID: c.ClientIDBase + client, ReadCommitted: c.ReadCommitted,
	}
}

// writeLimit bounds a write to the config topic with what is read back after it, as in the JVM.
const writeLimit = 30 * time.Second

// ConfigStore keeps configurations, target states and orders to all workers in the config topic. Start it
// once; then any goroutine may use it, and Stop it.
//
// Writes that are the leader's alone wait until they are read back: what they return is in Snapshot.
// Writes of one leader must not overlap for one connector.
type ConfigStore struct {
	cfg  TopicConfig
	log  *kafkalog.Log
	slog *slog.Logger
	opts []kafka.Option

	listener ConfigListener // nil: nobody listens

	mu      sync.Mutex
	table   *configTable
	started bool // the first full read is over

	writing sync.Mutex // held by a write of the leader; taken before mu
	leader  *kafka.Producer
}

// NewConfigStore makes a store. listener may be nil. admin stays the caller's.
func NewConfigStore(cfg TopicConfig, admin *kafka.Admin, listener ConfigListener, log *slog.Logger, opts ...kafka.Option) *ConfigStore {
	s := &ConfigStore{cfg: cfg, slog: log, opts: opts, listener: listener, table: newConfigTable(log)}
	lc := cfg.log("config.storage.topic", "connector configurations", "configs")
	lc.Topic.Partitions, lc.Topic.Single = 1, true
	s.log = kafkalog.New(lc, admin, s.apply, log, opts...)
	return s
}

// Start makes or checks the topic and reads all of it. The listener isn't told of what is read here: take
// a Snapshot. A topic that won't do is an errs.Config error.
func (s *ConfigStore) Start(ctx context.Context) error {
	if err := s.log.Start(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = true
	return nil
}

// Stop ends reading and writing; it waits at most until ctx ends for what is being written.
func (s *ConfigStore) Stop(ctx context.Context) error {
	s.RenounceWrites()
	return s.log.Stop(ctx)
}

func (s *ConfigStore) apply(r *kafka.Record) {
	s.mu.Lock()
	e := s.table.apply(r.Key, r.Value, r.Offset)
	tell := s.started && e != nil && s.listener != nil
	s.mu.Unlock()
	if tell {
		e(s.listener)
	}
}

// Snapshot is what the topic says, as far as it is read. It costs nothing.
func (s *ConfigStore) Snapshot() *ConfigState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.snapshot()
}

// Refresh waits until everything that was written before, by any worker, is in Snapshot, or ctx ends.
func (s *ConfigStore) Refresh(ctx context.Context) error { return s.log.ReadToEnd(ctx) }

// ClaimWrites makes this worker the one whose leader's writes count: a leader before it is fenced. It does
// nothing without a TransactionalID. Call it on becoming leader.
func (s *ConfigStore) ClaimWrites(ctx context.Context) error {
	if s.cfg.TransactionalID == "" {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.leader != nil {
		return nil
	}
	props := kafkalog.ProducerProps(s.cfg.Props)
	maps.Copy(props, kafka.Props{
		"client.id": s.cfg.ClientIDBase + "configs-leader", "transactional.id": s.cfg.TransactionalID,
		"acks": "all", "enable.idempotence": "true", "linger.ms": "0",
	})
	p, err := kafka.NewProducer(props, s.slog, s.opts...)
	if err != nil {
		return err
	}
	if err := p.InitTransactions(ctx); err != nil {
		p.Abort()
		return errs.Connect.Wrap(err, "claim the writes to config topic %s", s.cfg.Topic)
	}
	s.leader = p
	return nil
}

// RenounceWrites is the opposite of ClaimWrites.
func (s *ConfigStore) RenounceWrites() {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.renounce()
}

func (s *ConfigStore) renounce() {
	if s.leader != nil {
		s.leader.Abort()
		s.leader = nil
	}
}

// ErrNotLeader is found in the error of a leader's write that wasn't claimed, or that a newer leader has
// fenced: ClaimWrites after the next election.
var ErrNotLeader = errs.IllegalState.New("Cannot produce to config topic without claiming write privileges first")

// sendPrivileged writes records that only the leader may, in one transaction if there are some. s.writing
// is held.
func (s *ConfigStore) sendPrivileged(ctx context.Context, pairs ...kafkalog.Pair) error {
	if s.cfg.TransactionalID == "" {
		return s.log.SendAll(ctx, pairs...)
	}
	if s.leader == nil {
		return ErrNotLeader
	}
	if err := s.inTransaction(ctx, pairs); err != nil {
		s.renounce() // whatever is left open is aborted by the next leader, or this one's next claim
		return &privilegedWriteError{err}
	}
	return nil
}

func (s *ConfigStore) inTransaction(ctx context.Context, pairs []kafkalog.Pair) error {
	if len(pairs) == 0 {
		return nil
	}
	if err := s.leader.BeginTransaction(); err != nil {
		return err
	}
	outcome := make(chan error, len(pairs))
	for _, p := range pairs {
		r := &kafka.Record{Topic: s.cfg.Topic, Partition: kafka.NoPartition, Key: p.Key, Value: p.Value}
		if err := s.leader.Produce(ctx, r, func(_ *kafka.Record, err error) { outcome <- err }); err != nil {
			return err
		}
	}
	for range pairs {
		select {
		case err := <-outcome:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return s.leader.CommitTransaction(ctx)
}

// privilegedWriteError is a leader's write that failed; the worker must claim again.
type privilegedWriteError struct{ err error }

func (e *privilegedWriteError) Error() string {
	return "Failed to perform fencable send to config topic: " + e.err.Error()
}
func (e *privilegedWriteError) Unwrap() error        { return e.err }
func (e *privilegedWriteError) Is(target error) bool { return target == ErrNotLeader }

// write does a leader's write within writeLimit and reads it back.
func (s *ConfigStore) write(ctx context.Context, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	s.writing.Lock()
	defer s.writing.Unlock()
	err := f(ctx)
	if err == nil {
		err = s.log.ReadToEnd(ctx)
	}
	if err != nil {
		return errs.Connect.Wrap(err, "Error writing %s to Kafka", what)
	}
	return nil
}

func (s *ConfigStore) writePairs(ctx context.Context, what string, pairs ...kafkalog.Pair) error {
	return s.write(ctx, what, func(ctx context.Context) error { return s.sendPrivileged(ctx, pairs...) })
}

// PutConnector writes a connector's raw configuration, after its target state if target isn't "". A new
// connector without one is started. Leader only.
func (s *ConfigStore) PutConnector(ctx context.Context, connector string, config map[string]string, target state.TargetState) error {
	var pairs []kafkalog.Pair
	if target != "" {
		pairs = append(pairs, targetRecord(connector, target))
	}
	return s.writePairs(ctx, "connector configuration", append(pairs, connectorRecord(connector, config))...)
}

// RemoveConnector removes a connector's configuration and target state. Leader only.
func (s *ConfigStore) RemoveConnector(ctx context.Context, connector string) error {
	return s.writePairs(ctx, "the removal of connector configuration",
		record(connectorPrefix+connector, nil), record(targetStatePrefix+connector, nil))
}

// PutTasks writes the raw configurations of all of a connector's tasks, then the commit that puts them in
// force on all workers at once. Leader only.
func (s *ConfigStore) PutTasks(ctx context.Context, connector string, configs []map[string]string) error {
	return s.write(ctx, "task configurations", func(ctx context.Context) error {
		if err := s.log.ReadToEnd(ctx); err != nil {
			return err
		}
		var pairs []kafkalog.Pair
		for n, config := range configs {
			pairs = append(pairs, taskRecord(state.TaskID{Connector: connector, Task: n}, config))
		}
		if err := s.sendPrivileged(ctx, pairs...); err != nil {
			return err
		}
		if len(pairs) > 0 {
			if err := s.log.ReadToEnd(ctx); err != nil {
				return err
			}
		}
		return s.sendPrivileged(ctx, commitRecord(connector, len(configs)))
	})
}

// PutTaskCountRecord notes that a fencing round for so many tasks is done. Leader only.
func (s *ConfigStore) PutTaskCountRecord(ctx context.Context, connector string, tasks int) error {
	return s.writePairs(ctx, "task count record", fencingRecord(connector, tasks))
}

// PutSessionKey distributes a key among the workers. Leader only.
func (s *ConfigStore) PutSessionKey(ctx context.Context, key SessionKey) error {
	return s.writePairs(ctx, "session key", sessionKeyRecord(key))
}

// PutRestartRequest asks all workers to restart what they run of a connector. Leader only.
func (s *ConfigStore) PutRestartRequest(ctx context.Context, r RestartRequest) error {
	return s.writePairs(ctx, "restart request", restartRecord(r))
}

// PutTarget writes what the user wants of a connector. Any worker may; it isn't read back.
func (s *ConfigStore) PutTarget(ctx context.Context, connector string, target state.TargetState) error {
	return s.send(ctx, "target state", targetRecord(connector, target))
}

// PutLoggerLevel sets the level of a logger on all workers. Any worker may; it isn't read back.
func (s *ConfigStore) PutLoggerLevel(ctx context.Context, logger, level string) error {
	return s.send(ctx, "logger level", loggerRecord(logger, level))
}

func (s *ConfigStore) send(ctx context.Context, what string, p kafkalog.Pair) error {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	if err := s.log.Send(ctx, p.Key, p.Value); err != nil {
		return errs.Connect.Wrap(err, "Error writing %s to Kafka", what)
	}
	return nil
}
