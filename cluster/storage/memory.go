package storage

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/troupe-connect/troupe/cluster/kafkalog"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// MemoryOffsetStore is an OffsetStore that lasts as long as the process.
type MemoryOffsetStore struct {
	mu     sync.Mutex
	table  *OffsetTable
	closed bool
}

// NewMemoryOffsetStore makes an empty store.
func NewMemoryOffsetStore() *MemoryOffsetStore { return &MemoryOffsetStore{table: NewOffsetTable()} }

func (s *MemoryOffsetStore) use(ctx context.Context, f func()) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errs.IllegalState.New("offset store in memory is closed")
	}
	f()
	return nil
}

// Get implements OffsetStore.
func (s *MemoryOffsetStore) Get(ctx context.Context, keys [][]byte) (out [][]byte, err error) {
	err = s.use(ctx, func() { out = getAll(s.table, keys) })
	return out, err
}

// Set implements OffsetStore.
func (s *MemoryOffsetStore) Set(ctx context.Context, pairs []Pair) error {
	return s.use(ctx, func() {
		for _, p := range pairs {
			s.table.Apply(Pair{s.table.KeyFor(p.Key), p.Value})
		}
	})
}

// Connector implements OffsetStore.
func (s *MemoryOffsetStore) Connector(ctx context.Context, name string) (out []Pair, err error) {
	err = s.use(ctx, func() { out = s.table.Connector(name) })
	return out, err
}

// Close implements OffsetStore.
func (s *MemoryOffsetStore) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// MemoryStatusStore keeps the statuses of a standalone worker. It is safe for concurrent use.
type MemoryStatusStore struct {
	mu         sync.RWMutex
	connectors map[string]state.Status
	tasks      map[string]map[int]state.Status
	topics     map[string]map[string]int // connector -> topic -> task that found it
}

// NewMemoryStatusStore makes an empty store.
func NewMemoryStatusStore() *MemoryStatusStore {
	return &MemoryStatusStore{
		connectors: map[string]state.Status{},
		tasks:      map[string]map[int]state.Status{},
		topics:     map[string]map[string]int{},
	}
}

// PutConnector stores a connector's status; state.Destroyed removes it.
func (s *MemoryStatusStore) PutConnector(name string, st state.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.State == state.Destroyed {
		delete(s.connectors, name)
		return
	}
	s.connectors[name] = st
}

// PutTask stores a task's status; state.Destroyed removes it.
func (s *MemoryStatusStore) PutTask(id state.TaskID, st state.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tasks := s.tasks[id.Connector]
	if st.State == state.Destroyed {
		delete(tasks, id.Task)
		if len(tasks) == 0 {
			delete(s.tasks, id.Connector)
		}
		return
	}
	if tasks == nil {
		tasks = map[int]state.Status{}
		s.tasks[id.Connector] = tasks
	}
	tasks[id.Task] = st
}

// PutConnectorSafe is PutConnector: nobody else puts anything.
func (s *MemoryStatusStore) PutConnectorSafe(name string, st state.Status) { s.PutConnector(name, st) }

// PutTaskSafe is PutTask: nobody else puts anything.
func (s *MemoryStatusStore) PutTaskSafe(id state.TaskID, st state.Status) { s.PutTask(id, st) }

// Flush has nothing to wait for.
func (s *MemoryStatusStore) Flush(context.Context) error { return nil }

// Refresh has nothing to wait for.
func (s *MemoryStatusStore) Refresh(context.Context) error { return nil }

// Connector is a connector's status and whether there is one.
func (s *MemoryStatusStore) Connector(name string) (state.Status, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st, ok := s.connectors[name]
	return st, ok
}

// Task is a task's status and whether there is one.
func (s *MemoryStatusStore) Task(id state.TaskID) (state.Status, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st, ok := s.tasks[id.Connector][id.Task]
	return st, ok
}

// Tasks are the statuses of a connector's tasks, ordered by task number.
func (s *MemoryStatusStore) Tasks(connector string) []state.TaskStatus {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []state.TaskStatus
	for _, n := range slices.Sorted(maps.Keys(s.tasks[connector])) {
		out = append(out, state.TaskStatus{ID: n, Status: s.tasks[connector][n]})
	}
	return out
}

// Connectors are the names of the connectors that have a status, ordered.
func (s *MemoryStatusStore) Connectors() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.connectors))
}

// AddTopic notes that a task used a topic; only the first task that did is kept. It reports
// whether the topic is new.
func (s *MemoryStatusStore) AddTopic(id state.TaskID, topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	topics := s.topics[id.Connector]
	if topics == nil {
		topics = map[string]int{}
		s.topics[id.Connector] = topics
	}
	if _, ok := topics[topic]; ok {
		return false
	}
	topics[topic] = id.Task
	return true
}

// Topics are the topics that a connector used since the last ResetTopics, ordered.
func (s *MemoryStatusStore) Topics(connector string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.topics[connector]))
}

// ResetTopics forgets the topics of a connector.
func (s *MemoryStatusStore) ResetTopics(connector string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.topics, connector)
}

// MemoryConfigStore keeps the configurations of a standalone worker. It is a config topic that nobody else
// writes to: what is put is applied as the record that a ConfigStore would write, and the listener is told
// in the same way, on the goroutine that puts. It is safe for concurrent use.
type MemoryConfigStore struct {
	listener ConfigListener // nil: nobody listens

	writing sync.Mutex // held until the listener was told; taken before mu
	mu      sync.Mutex
	table   *configTable
	next    int64 // offset of the next record
}

// NewMemoryConfigStore makes an empty store. listener may be nil; it may read the store but not write to it.
func NewMemoryConfigStore(listener ConfigListener, log *slog.Logger) *MemoryConfigStore {
	return &MemoryConfigStore{listener: listener, table: newConfigTable(log)}
}

// Snapshot is what was put so far. It costs nothing.
func (s *MemoryConfigStore) Snapshot() *ConfigState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.snapshot()
}

func (s *MemoryConfigStore) apply(pairs ...kafkalog.Pair) {
	s.writing.Lock()
	defer s.writing.Unlock()
	var events []event
	s.mu.Lock()
	for _, p := range pairs {
		if e := s.table.apply(p.Key, p.Value, s.next); e != nil {
			events = append(events, e)
		}
		s.next++
	}
	s.mu.Unlock()
	if s.listener == nil {
		return
	}
	for _, e := range events {
		e(s.listener)
	}
}

// PutConnector stores a connector's raw configuration. A target of "" leaves the target state of a known
// connector, and starts a new one.
func (s *MemoryConfigStore) PutConnector(connector string, config map[string]string, target state.TargetState) {
	var pairs []kafkalog.Pair
	if target != "" {
		pairs = append(pairs, targetRecord(connector, target))
	}
	s.apply(append(pairs, connectorRecord(connector, config))...)
}

// RemoveConnector forgets a connector with its tasks and target state.
func (s *MemoryConfigStore) RemoveConnector(connector string) {
	s.apply(record(connectorPrefix+connector, nil), record(targetStatePrefix+connector, nil))
}

// PutTasks stores the raw configurations of all of a connector's tasks and puts them in force.
func (s *MemoryConfigStore) PutTasks(connector string, configs []map[string]string) {
	var pairs []kafkalog.Pair
	for n, config := range configs {
		pairs = append(pairs, taskRecord(state.TaskID{Connector: connector, Task: n}, config))
	}
	s.apply(append(pairs, commitRecord(connector, len(configs)))...)
}

// PutTarget stores what the user wants of a connector.
func (s *MemoryConfigStore) PutTarget(connector string, target state.TargetState) {
	s.apply(targetRecord(connector, target))
}

// PutRestartRequest asks the worker to restart what it runs of a connector.
func (s *MemoryConfigStore) PutRestartRequest(r RestartRequest) { s.apply(restartRecord(r)) }
