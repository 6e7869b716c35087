package storage

import (
	"context"
	"maps"
	"slices"
	"sync"

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

// MemoryConfigStore keeps the configurations of a standalone worker. Maps and slices are copied
// on the way in and out. It is safe for concurrent use.
type MemoryConfigStore struct {
	mu         sync.RWMutex
	connectors map[string]memoryConfig
}

type memoryConfig struct {
	config  map[string]string
	target  state.TargetState
	tasks   []map[string]string
	applied map[string]string // the config from which tasks were made
}

// NewMemoryConfigStore makes an empty store.
func NewMemoryConfigStore() *MemoryConfigStore {
	return &MemoryConfigStore{connectors: map[string]memoryConfig{}}
}

// Connectors are the names of the connectors, ordered.
func (s *MemoryConfigStore) Connectors() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.connectors))
}

// Config is a connector's raw configuration and whether there is one.
func (s *MemoryConfigStore) Config(name string) (map[string]string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.connectors[name]
	return maps.Clone(c.config), ok
}

// PutConfig stores a connector's raw configuration. A target of "" leaves the target state of a
// known connector, and starts a new one.
func (s *MemoryConfigStore) PutConfig(name string, config map[string]string, target state.TargetState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.connectors[name]
	c.config = maps.Clone(config)
	switch {
	case target != "":
		c.target = target
	case c.target == "":
		c.target = state.TargetStarted
	}
	s.connectors[name] = c
}

// RemoveConnector forgets a connector with its tasks and target state.
func (s *MemoryConfigStore) RemoveConnector(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connectors, name)
}

// Target is a connector's target state, "" if it is unknown.
func (s *MemoryConfigStore) Target(name string) state.TargetState {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.connectors[name].target
}

// PutTarget stores the target state of a connector; an error of kind errs.NotFound if it is
// unknown.
func (s *MemoryConfigStore) PutTarget(name string, target state.TargetState) error {
	return s.change(name, func(c *memoryConfig) { c.target = target })
}

// PutTasks stores the raw configurations of a connector's tasks, in order, as made from its
// present configuration; an error of kind errs.NotFound if it is unknown.
func (s *MemoryConfigStore) PutTasks(name string, configs []map[string]string) error {
	return s.change(name, func(c *memoryConfig) {
		c.tasks = cloneAll(configs)
		c.applied = c.config
	})
}

func (s *MemoryConfigStore) change(name string, f func(*memoryConfig)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.connectors[name]
	if !ok {
		return errs.NotFound.New("Connector %s not found", name)
	}
	f(&c)
	s.connectors[name] = c
	return nil
}

// Tasks are the raw configurations of a connector's tasks.
func (s *MemoryConfigStore) Tasks(name string) []map[string]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return cloneAll(s.connectors[name].tasks)
}

// Applied is the configuration from which the tasks were made, nil before PutTasks: when it
// differs from Config, tasks are to be made anew.
func (s *MemoryConfigStore) Applied(name string) map[string]string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.connectors[name].applied)
}

func cloneAll(in []map[string]string) []map[string]string {
	out := make([]map[string]string, len(in))
	for i, m := range in {
		out[i] = maps.Clone(m)
	}
	return out
}
