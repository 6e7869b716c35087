package task

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// OpenOffsets gives the offset store of a source connector: the one that its connector object and
// the REST calls about its offsets use, and that its tasks write to. props are the connector's with
// references resolved. It is the worker's store, or, when the connector has its own topic
// (offsets.storage.topic, or with exactly-once support a cluster of its own), that topic over the
// worker's store: then the topic is made or checked and all of it is read, which may take a while.
//
// With exactly-once support Set is a transaction with the transactional id of the connector's first
// task, which fences that task: the connector must be stopped. Close the store after use; the
// worker's own stays open.
func OpenOffsets(ctx context.Context, env *Env, connector string, props map[string]string) (storage.OffsetStore, error) {
	store, err := openOffsets(ctx, env, connector, noTask, props)
	if err != nil || env.ExactlyOnce == nil {
		return store, err
	}
	journal, ok := store.(storage.OffsetJournal)
	if !ok {
		_ = store.Close(ctx)
		return nil, errNoJournal
	}
	return &transactedStore{OffsetJournal: journal, env: env, connector: connector, props: props}, nil
}

// noTask stands for the connector itself among its tasks.
const noTask = -1

var errNoJournal = errs.IllegalState.New("exactly.once.source.support=enabled: the worker's offset store is not in a topic")

// openOffsets opens the store for a task, or for the connector itself (noTask).
func openOffsets(ctx context.Context, env *Env, connector string, task int, props map[string]string) (storage.OffsetStore, error) {
	topic := ownTopic(env, connector, task, props)
	if topic == "" {
		return lend(env.Offsets), nil
	}
	w := env.Worker
	log := env.Log.With("connector", connector)
	admin, err := kafka.NewAdmin(kafka.ConnectorAdminProps(w.Props, props, connector, task), log, env.KafkaOptions...)
	if err != nil {
		return nil, err
	}
	own := storage.NewOwnOffsetStore(storage.OwnTopicConfig{
		Topic: topic, Partitions: w.OffsetTopic.Partitions, ReplicationFactor: w.OffsetTopic.ReplicationFactor, Settings: w.OffsetTopic.Extra,
		Consumer: kafka.ConnectorConsumerProps(w.Props, props, connector, task),
		Producer: kafka.ConnectorProducerProps(w.Props, props, connector, task),
		// With transactions the pairs go through the producer of the records.
		ReadOnly: env.ExactlyOnce != nil, ReadCommitted: env.ExactlyOnce != nil,
	}, admin, log, env.KafkaOptions...)
	if err := own.Start(ctx); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeCloseTime)
		defer cancel()
		return nil, errors.Join(err, own.Close(closing), admin.Close())
	}
	return &ownStore{storage.NewMergedOffsetStore(own, env.Offsets, log), admin}, nil
}

// storeCloseTime is what closing a connector's own store may take: a last copy of its offsets.
const storeCloseTime = 5 * time.Second

// ownTopic is the topic of a connector whose offsets are not in the worker's topic alone; else "".
func ownTopic(env *Env, connector string, task int, props map[string]string) string {
	w := env.Worker
	if w.Mode != settings.Distributed {
		return ""
	}
	topic := strings.TrimSpace(props["offsets.storage.topic"])
	if topic == "" {
		if env.ExactlyOnce == nil {
			return ""
		}
		topic = w.OffsetTopic.Name // of the cluster that the records go to
	}
	producer := kafka.ConnectorProducerProps(w.Props, props, connector, task)
	if topic == w.OffsetTopic.Name && sameServers(producer["bootstrap.servers"], w.BootstrapServers) {
		return ""
	}
	return topic
}

// sameServers reports whether two bootstrap.servers list the same ones. Two lists of one cluster
// that differ are taken for two clusters, as in the JVM: nobody asks the brokers.
func sameServers(a, b string) bool {
	set := func(list string) map[string]bool {
		out := map[string]bool{}
		for s := range strings.SplitSeq(list, ",") {
			if s = strings.TrimSpace(s); s != "" {
				out[s] = true
			}
		}
		return out
	}
	as, bs := set(a), set(b)
	for s := range as {
		if !bs[s] {
			return false
		}
	}
	return len(as) == len(bs)
}

// lend puts the worker's store in the hands of one who must not close it.
func lend(store storage.OffsetStore) storage.OffsetStore {
	if journal, ok := store.(storage.OffsetJournal); ok {
		return lentJournal{journal}
	}
	return lentStore{store}
}

type lentStore struct{ storage.OffsetStore }

// Close leaves the store open: it is the worker's.
func (lentStore) Close(context.Context) error { return nil }

type lentJournal struct{ storage.OffsetJournal }

// Close leaves the store open: it is the worker's.
func (lentJournal) Close(context.Context) error { return nil }

// ownStore is a connector's own store with the client that it needs.
type ownStore struct {
	*storage.MergedOffsetStore
	admin *kafka.Admin
}

// Close closes both.
func (s *ownStore) Close(ctx context.Context) error {
	return errors.Join(s.MergedOffsetStore.Close(ctx), s.admin.Close())
}

// transactedStore is a store whose Set is a transaction.
type transactedStore struct {
	storage.OffsetJournal
	env       *Env
	connector string
	props     map[string]string

	mu sync.Mutex // one transaction at a time
}

// Set implements storage.OffsetStore: it stores all pairs or none.
func (s *transactedStore) Set(ctx context.Context, pairs []storage.Pair) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := state.TaskID{Connector: s.connector, Task: 0}
	props, _ := kafka.TransactionalProducerProps(s.env.Worker.Props, s.props, id.Connector, id.Task, s.env.ExactlyOnce.transactionalID(id))
	producer, err := kafka.NewProducer(props, s.env.Log.With("connector", s.connector), s.env.KafkaOptions...)
	if err != nil {
		return err
	}
	defer producer.Abort()
	if err := initTransactions(ctx, producer, s.env.Log); err != nil {
		return err
	}
	pairs, err = s.Begin(ctx, pairs)
	if err != nil {
		return err
	}
	if err := producer.BeginTransaction(); err != nil {
		return err
	}
	if err := produceOffsets(ctx, producer, s.Topic(), pairs); err != nil {
		return err
	}
	if err := producer.CommitTransaction(ctx); err != nil {
		return errs.Connect.Wrap(err, "offsets of connector %q in topic %s", s.connector, s.Topic())
	}
	s.Committed(pairs)
	return nil
}

// produceOffsets hands the pairs to a producer that is in a transaction; how they fare shows when
// that is committed.
func produceOffsets(ctx context.Context, producer *kafka.Producer, topic string, pairs []storage.Pair) error {
	records := make([]kafka.Record, len(pairs))
	for i, p := range pairs {
		records[i] = kafka.Record{Topic: topic, Partition: kafka.NoPartition, Key: p.Key, Value: p.Value}
		if err := producer.Produce(ctx, &records[i], ignored); err != nil {
			return errs.Connect.Wrap(err, "write offsets to topic %s", topic)
		}
	}
	return nil
}

// ignored is the promise of records whose fate is that of their transaction.
func ignored(*kafka.Record, error) {}
