package metrics

import (
	"cmp"
	"slices"
	"strconv"
	"sync"
)

// Registry has the numbers of one worker. What ends is removed and takes its series along.
type Registry struct {
	Worker *Worker

	windows    Windows
	partitions int
	mu         sync.RWMutex
	connectors map[string]*Connector
	tasks      map[taskKey]*Task
	clients    map[string]*Client
}

type taskKey struct {
	connector string
	task      int
}

// NewRegistry returns the numbers of a worker with nothing on it.
//
// Partitions are shown one by one for at most so many of a client or task: metrics.partitions.max,
// 0 for none, since their number is not bounded by the worker.
func NewRegistry(w Windows, partitions int) *Registry {
	w = w.orDefault()
	return &Registry{
		Worker: NewWorker(w), windows: w, partitions: max(partitions, 0),
		connectors: make(map[string]*Connector), tasks: make(map[taskKey]*Task), clients: make(map[string]*Client),
	}
}

// Of is the numbers of the worker itself; nil of no registry.
func (r *Registry) Of() *Worker {
	if r == nil {
		return nil
	}
	return r.Worker
}

// AddConnector shows a connector instance in place of an earlier one of its name, and returns it.
func (r *Registry) AddConnector(name, class, version string, source bool) *Connector {
	if r == nil {
		return nil
	}
	c := NewConnector(name, class, version, source)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connectors[name] = c
	return c
}

// RemoveConnector ends c's series, unless another instance has taken its place.
func (r *Registry) RemoveConnector(c *Connector) {
	if r == nil || c == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.connectors[c.Name] == c {
		delete(r.connectors, c.Name)
	}
}

// AddTask shows a task in place of an earlier one of its id, and returns its numbers.
func (r *Registry) AddTask(connector string, number int, source bool) *Task {
	if r == nil {
		return nil
	}
	t := NewTask(connector, number, source, r.windows)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks[taskKey{connector, number}] = t
	return t
}

// Task is the numbers of a task on this worker, nil if there is none of that id.
func (r *Registry) Task(connector string, number int) *Task {
	if r == nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.tasks[taskKey{connector, number}]
}

// RemoveTask ends t's series, unless another incarnation has taken its place.
func (r *Registry) RemoveTask(t *Task) {
	if r == nil || t == nil {
		return
	}
	k := taskKey{t.Connector, t.Number}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tasks[k] == t {
		delete(r.tasks, k)
	}
}

// AddClient shows a Kafka client in place of an earlier one of its id, and returns its numbers.
func (r *Registry) AddClient(kind ClientKind, id string) *Client {
	if r == nil {
		return nil
	}
	c := NewClient(kind, id, r.windows)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients[kind.String()+id] = c
	return c
}

// RemoveClient ends c's series, unless another client has taken its place.
func (r *Registry) RemoveClient(c *Client) {
	if r == nil || c == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := c.Kind.String() + c.ID; r.clients[k] == c {
		delete(r.clients, k)
	}
}

// Connectors are the connector instances on this worker, by name.
func (r *Registry) Connectors() []*Connector {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*Connector, 0, len(r.connectors))
	for _, c := range r.connectors {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Connector) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Tasks are the tasks on this worker, by connector and number.
func (r *Registry) Tasks() []*Task {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*Task, 0, len(r.tasks))
	for _, t := range r.tasks {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *Task) int {
		return cmp.Or(cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.Number, b.Number))
	})
	return all
}

// Clients are the Kafka clients of this worker, by kind and id.
func (r *Registry) Clients() []*Client {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*Client, 0, len(r.clients))
	for _, c := range r.clients {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Client) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// taskCounts is how many tasks of a connector on this worker are in each state.
type taskCounts struct {
	connector string
	total     int
	in        map[string]int
}

func countTasks(tasks []*Task) []*taskCounts {
	var all []*taskCounts
	for _, t := range tasks { // ordered by connector
		if len(all) == 0 || all[len(all)-1].connector != t.Connector {
			all = append(all, &taskCounts{connector: t.Connector, in: make(map[string]int, 2)})
		}
		c := all[len(all)-1]
		c.total++
		c.in[t.Status()]++
	}
	return all
}

func (t *Task) labels() []Label {
	return []Label{{"connector", t.Connector}, {"task", strconv.Itoa(t.Number)}}
}
