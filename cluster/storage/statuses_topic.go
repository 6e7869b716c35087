package storage

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafkalog"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// TopicStatusStore keeps the statuses of connectors and tasks, and the topics that connectors use, in the
// status topic. Start it once; then any goroutine may use it, and Stop it.
//
// What is read is the last that was read from the topic; a status that was put is seen a little later.
// Puts never wait: a goroutine of the store writes them, in order, and tries again while the brokers are
// away and the status still says something.
type TopicStatusStore struct {
	topic string
	log   *kafkalog.Log
	slog  *slog.Logger
	now   func() time.Time

	mu         sync.Mutex
	connectors map[string]state.Status
	tasks      map[string]map[int]readStatus
	removed    map[string]written                // connectors that were removed, the last time
	topics     map[string]map[string]TopicStatus // connector -> topic
	own        map[string]state.Status           // by key: what this worker said last of what it runs

	writer statusWriter
}

// NewTopicStatusStore makes a store. cfg's ReadCommitted has no effect, as in the JVM. admin stays the
// caller's.
func NewTopicStatusStore(cfg TopicConfig, admin *kafka.Admin, log *slog.Logger, opts ...kafka.Option) *TopicStatusStore {
	s := &TopicStatusStore{
		topic: cfg.Topic, slog: log, now: time.Now,
		connectors: map[string]state.Status{},
		tasks:      map[string]map[int]readStatus{},
		removed:    map[string]written{},
		topics:     map[string]map[string]TopicStatus{},
		own:        map[string]state.Status{},
	}
	lc := cfg.log("status.storage.topic", "connector and task statuses", "statuses")
	lc.ReadCommitted, lc.NoRetries = false, true
	s.log = kafkalog.New(lc, admin, s.apply, log, opts...)
	s.writer.init(s.log, log)
	return s
}

// Start makes or checks the topic and reads all of it. A topic that won't do is an errs.Config error.
func (s *TopicStatusStore) Start(ctx context.Context) error {
	if err := s.log.Start(ctx); err != nil {
		return err
	}
	s.writer.start(ctx)
	return nil
}

// Stop writes what was put, until ctx ends, and ends the store.
func (s *TopicStatusStore) Stop(ctx context.Context) error {
	flushed := s.writer.flush(ctx)
	s.writer.stop()
	if err := s.log.Stop(ctx); err != nil {
		return err
	}
	return flushed
}

// Flush waits until everything that was put is written or given up, or ctx ends: do so before another worker
// takes over.
func (s *TopicStatusStore) Flush(ctx context.Context) error { return s.writer.flush(ctx) }

// Refresh waits until everything that any worker wrote before is read, or ctx ends.
func (s *TopicStatusStore) Refresh(ctx context.Context) error { return s.log.ReadToEnd(ctx) }

// PutConnector writes a connector's status; state.Destroyed removes it.
func (s *TopicStatusStore) PutConnector(name string, st state.Status) {
	s.put(connectorStatusKey(name), st)
}

// PutConnectorSafe is PutConnector unless another worker wrote the present status in a later generation: that
// is the worker that runs it now. UNASSIGNED and FAILED are put so.
func (s *TopicStatusStore) PutConnectorSafe(name string, st state.Status) {
	s.putIf(connectorStatusKey(name), st, func() bool {
		cached, ok := s.Connector(name)
		return !ok || safeToReplace(cached, st)
	})
}

// PutTask writes a task's status; state.Destroyed removes it.
func (s *TopicStatusStore) PutTask(id state.TaskID, st state.Status) { s.put(taskStatusKey(id), st) }

// PutTaskSafe is to tasks what PutConnectorSafe is to connectors.
func (s *TopicStatusStore) PutTaskSafe(id state.TaskID, st state.Status) {
	s.putIf(taskStatusKey(id), st, func() bool {
		cached, ok := s.Task(id)
		return !ok || safeToReplace(cached, st)
	})
}

func safeToReplace(cached, st state.Status) bool {
	return cached.WorkerID == st.WorkerID || cached.Generation <= st.Generation
}

func (s *TopicStatusStore) put(key string, st state.Status) {
	s.putIf(key, st, func() bool { return true })
}

func (s *TopicStatusStore) putIf(key string, st state.Status, allowed func() bool) {
	s.writer.setGeneration(st.Generation)
	if !allowed() {
		return
	}
	s.mu.Lock()
	if st.State == state.Unassigned || st.State == state.Destroyed {
		delete(s.own, key)
	} else {
		s.own[key] = st
	}
	s.mu.Unlock()
	s.enqueue(key, st, allowed)
}

func (s *TopicStatusStore) enqueue(key string, st state.Status, allowed func() bool) {
	generation := st.Generation
	s.writer.enqueue(&statusWrite{key: key, value: encodeStatus(st), generation: &generation, allowed: allowed})
}

// late reports whether a status that was read is the belated word of a worker that ran, in an earlier
// generation, what this worker runs now: a write that waited for its broker, for instance. This worker's
// own is then written again, since it is the last record that counts. s.mu is held.
func (s *TopicStatusStore) late(key string, st state.Status) bool {
	own, ok := s.own[key]
	if !ok || st.WorkerID == own.WorkerID || st.Generation >= own.Generation {
		return false
	}
	if st.State.Alive() {
		s.slog.Warn("another worker says that it runs what this one runs: it was frozen or cut off, or another Connect cluster, with another group.id, uses the same internal topics",
			"key", key, "worker", st.WorkerID, "generation", st.Generation, "own_generation", own.Generation)
	}
	s.enqueue(key, own, func() bool { return true })
	return true
}

// AddTopic notes that a task uses a topic, unless that is known. It reports whether it was news.
func (s *TopicStatusStore) AddTopic(id state.TaskID, topic string) bool {
	if _, ok := s.Topic(id.Connector, topic); ok {
		return false
	}
	s.PutTopic(TopicStatus{Topic: topic, Task: id, Discovered: s.now()})
	return true
}

// PutTopic writes that a connector uses a topic.
func (s *TopicStatusStore) PutTopic(st TopicStatus) {
	s.writer.enqueue(&statusWrite{key: topicStatusKey(st.Task.Connector, st.Topic), value: encodeTopicStatus(st)})
}

// RemoveTopic writes that a connector doesn't use a topic any more.
func (s *TopicStatusStore) RemoveTopic(connector, topic string) {
	s.writer.enqueue(&statusWrite{key: topicStatusKey(connector, topic)})
}

// ResetTopics removes all topics of a connector.
func (s *TopicStatusStore) ResetTopics(connector string) {
	for _, topic := range s.Topics(connector) {
		s.RemoveTopic(connector, topic)
	}
}

// Connector is a connector's status and whether there is one.
func (s *TopicStatusStore) Connector(name string) (state.Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.connectors[name]
	return st, ok
}

// Task is a task's status and whether there is one.
func (s *TopicStatusStore) Task(id state.TaskID) (state.Status, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.tasks[id.Connector][id.Task]
	return st.Status, ok
}

// Tasks are the statuses of a connector's tasks, ordered by task number.
func (s *TopicStatusStore) Tasks(connector string) []state.TaskStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []state.TaskStatus
	for _, n := range slices.Sorted(maps.Keys(s.tasks[connector])) {
		out = append(out, state.TaskStatus{ID: n, Status: s.tasks[connector][n].Status})
	}
	return out
}

// Connectors are the names of the connectors that have a status, or tasks that do, ordered.
func (s *TopicStatusStore) Connectors() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.AppendSeq(slices.Collect(maps.Keys(s.connectors)), maps.Keys(s.tasks))
	slices.Sort(names)
	return slices.Compact(names)
}

// TopicConnectors are the names of the connectors of which topics are known, ordered.
func (s *TopicStatusStore) TopicConnectors() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.topics))
}

// Topic is what is known of a connector's use of a topic, and whether there is anything.
func (s *TopicStatusStore) Topic(connector, topic string) (TopicStatus, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.topics[connector][topic]
	return st, ok
}

// Topics are the topics that a connector uses, ordered.
func (s *TopicStatusStore) Topics(connector string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.topics[connector]))
}

func (s *TopicStatusStore) apply(r *kafka.Record) {
	if err := s.applyRecord(string(r.Key), r.Value, written{r.Partition, r.Timestamp}); err != nil {
		s.slog.Error("ignoring a record of the status topic that cannot be read", "topic", s.topic, "partition", r.Partition, "offset", r.Offset,
			"key", string(r.Key), "error", err)
	}
}

func (s *TopicStatusStore) applyRecord(key string, value []byte, when written) error {
	if name, ok := strings.CutPrefix(key, connectorStatusPrefix); ok {
		return s.applyConnector(name, value, when)
	}
	if strings.HasPrefix(key, taskStatusPrefix) {
		return s.applyTask(key, value, when)
	}
	if strings.HasPrefix(key, topicStatusPrefix) {
		return s.applyTopic(key, value)
	}
	return errs.Data.New("no worker writes such a key")
}

func (s *TopicStatusStore) applyConnector(name string, value []byte, when written) error {
	switch {
	case name == "":
		return errs.Data.New("the key doesn't name a connector")
	case value == nil:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.writer.dropped(connectorStatusKey(name))
		delete(s.connectors, name)
		s.removeTasks(name, when)
		return nil
	}
	st, err := decodeStatus(value)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.late(connectorStatusKey(name), st) {
		s.connectors[name] = st
	}
	return nil
}

func (s *TopicStatusStore) applyTask(key string, value []byte, when written) error {
	id, ok := parseTaskKey(key, 2)
	if !ok {
		return errs.Data.New("the key doesn't name a task")
	}
	var st state.Status
	if value != nil {
		var err error
		if st, err = decodeStatus(value); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	tasks := s.tasks[id.Connector]
	if value == nil {
		s.writer.dropped(taskStatusKey(id))
		delete(tasks, id.Task)
		if len(tasks) == 0 {
			delete(s.tasks, id.Connector)
		}
		return nil
	}
	if s.late(taskStatusKey(id), st) || s.removedSince(id.Connector, when) {
		return nil
	}
	// A worker that gave a task up may say so after the one that took it over began to run it, when
	// rebalances come quickly. What one worker says comes in order.
	if cached := tasks[id.Task]; st.State == state.Unassigned && cached.State == state.Running &&
		cached.WorkerID != st.WorkerID && cached.Generation >= st.Generation {
		return nil
	}
	if tasks == nil {
		tasks = map[int]readStatus{}
		s.tasks[id.Connector] = tasks
	}
	tasks[id.Task] = readStatus{st, when}
	return nil
}

func (s *TopicStatusStore) applyTopic(key string, value []byte) error {
	topic, connector, ok := parseTopicStatusKey(key)
	if !ok {
		return errs.Data.New("the key doesn't name a topic and a connector")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	topics := s.topics[connector]
	if value == nil {
		delete(topics, topic)
		if len(topics) == 0 {
			delete(s.topics, connector)
		}
		return nil
	}
	st, err := decodeTopicStatus(value)
	if err != nil {
		return err
	}
	if topics == nil {
		topics = map[string]TopicStatus{}
		s.topics[connector] = topics
	}
	topics[topic] = st
	return nil
}
