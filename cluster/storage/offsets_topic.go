package storage

import (
	"context"
	"log/slog"
	"sync"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafkalog"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// TopicOffsetStore is an OffsetStore in a topic that all workers share. Start it once, before its other
// methods.
type TopicOffsetStore struct {
	topic string
	log   *kafkalog.Log
	slog  *slog.Logger

	mu     sync.Mutex
	table  *OffsetTable
	closed bool
}

var _ OffsetJournal = (*TopicOffsetStore)(nil)

// NewTopicOffsetStore makes a store. admin stays the caller's.
func NewTopicOffsetStore(cfg TopicConfig, admin *kafka.Admin, log *slog.Logger, opts ...kafka.Option) *TopicOffsetStore {
	s := &TopicOffsetStore{topic: cfg.Topic, slog: log, table: NewOffsetTable()}
	conf := cfg.log("offset.storage.topic", "source connector offsets", "offsets")
	conf.StartStable = true // Get and the others read to the end
	s.log = kafkalog.New(conf, admin, s.apply, log, opts...)
	return s
}

// OwnTopicConfig is what the offset store of one connector is made with (offsets.storage.topic).
type OwnTopicConfig struct {
	// Topic is its name; the rest is for making it, as in TopicConfig.
	Topic             string
	Partitions        int
	ReplicationFactor int
	Settings          map[string]string
	// Consumer and Producer are the settings of the clients. isolation.level is read_committed if
	// Consumer doesn't say, or with ReadCommitted whatever it says.
	Consumer, Producer kafka.Props
	ReadCommitted      bool
	// ReadOnly is a store whose pairs are written by others: Set is an error.
	ReadOnly bool
}

// NewOwnOffsetStore makes a store in a topic of one connector. admin stays the caller's.
func NewOwnOffsetStore(cfg OwnTopicConfig, admin *kafka.Admin, log *slog.Logger, opts ...kafka.Option) *TopicOffsetStore {
	s := &TopicOffsetStore{topic: cfg.Topic, slog: log, table: NewOffsetTable()}
	level, given := cfg.Consumer["isolation.level"]
	s.log = kafkalog.New(kafkalog.Config{
		Topic: kafkalog.Topic{
			Name: cfg.Topic, Partitions: cfg.Partitions, ReplicationFactor: cfg.ReplicationFactor, Configs: cfg.Settings,
			Setting: "offsets.storage.topic", Purpose: "source connector offsets",
		},
		Consumer: cfg.Consumer, Producer: cfg.Producer, ReadOnly: cfg.ReadOnly,
		ReadCommitted: cfg.ReadCommitted || !given || level == "read_committed",
		StartStable:   true, // Get and the others read to the end
	}, admin, s.apply, log, opts...)
	return s
}

// Start makes or checks the topic and reads all of it. A topic that won't do is an errs.Config error.
func (s *TopicOffsetStore) Start(ctx context.Context) error { return s.log.Start(ctx) }

func (s *TopicOffsetStore) apply(r *kafka.Record) {
	s.mu.Lock()
	understood := s.table.Apply(Pair{Key: r.Key, Value: r.Value})
	s.mu.Unlock()
	if !understood {
		s.slog.Warn("ignoring an offset whose key no worker writes", "topic", s.topic, "partition", r.Partition, "offset", r.Offset, "key", clip(r.Key))
	}
}

func (s *TopicOffsetStore) open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errs.IllegalState.New("offset store in topic %s is closed", s.topic)
	}
	return nil
}

// read brings the table up to date.
func (s *TopicOffsetStore) read(ctx context.Context) error {
	if err := s.open(); err != nil {
		return err
	}
	return s.log.ReadToEnd(ctx)
}

// Get implements OffsetStore. It reads what any worker wrote before.
func (s *TopicOffsetStore) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	if err := s.read(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return getAll(s.table, keys), nil
}

// Set implements OffsetStore: it waits until all replicas in sync have the pairs. After an error some may
// be stored and others not.
func (s *TopicOffsetStore) Set(ctx context.Context, pairs []Pair) error {
	if err := s.open(); err != nil {
		return err
	}
	records := make([]kafkalog.Pair, len(pairs))
	for i, p := range s.known(pairs) {
		records[i] = kafkalog.Pair(p)
	}
	return s.log.SendAll(ctx, records...)
}

// known are the pairs under the keys by which the topic knows their partitions.
func (s *TopicOffsetStore) known(pairs []Pair) []Pair {
	out := make([]Pair, len(pairs))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, p := range pairs {
		out[i] = Pair{Key: s.table.KeyFor(p.Key), Value: p.Value}
	}
	return out
}

// Topic implements OffsetJournal.
func (s *TopicOffsetStore) Topic() string { return s.topic }

// Begin implements OffsetJournal: nothing needs to be done before the transaction.
func (s *TopicOffsetStore) Begin(_ context.Context, pairs []Pair) ([]Pair, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	return s.known(pairs), nil
}

// Committed implements OffsetJournal: nothing needs to be done after the transaction.
func (s *TopicOffsetStore) Committed([]Pair) {}

// Connector implements OffsetStore. It reads what any worker wrote before.
func (s *TopicOffsetStore) Connector(ctx context.Context, name string) ([]Pair, error) {
	if err := s.read(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.Connector(name), nil
}

// Close implements OffsetStore: it writes what is under way until ctx ends.
func (s *TopicOffsetStore) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.log.Stop(ctx)
}
