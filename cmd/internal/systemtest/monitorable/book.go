package monitorable

import (
	"maps"
	"slices"
	"sync"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Book is what the connectors of one cluster did. All its methods, and those of what it hands out,
// may be called from any goroutine.
type Book struct {
	mu         sync.Mutex
	connectors map[string]*Connector
	freed      chan struct{} // closed by Release
	release    func()
}

// NewBook makes an empty book.
func NewBook() *Book {
	b := &Book{connectors: map[string]*Connector{}, freed: make(chan struct{})}
	b.release = sync.OnceFunc(func() { close(b.freed) })
	return b
}

// Plugins are the plugins that write in this book.
func (b *Book) Plugins() []plugin.Plugin {
	return []plugin.Plugin{b.source(), b.sink(), b.errantSink(), b.blockingSink(), b.naughtySource(), faultyPassthrough()}
}

// Release lets calls that hang on purpose return, now and from now on.
func (b *Book) Release() { b.release() }

// Connector is the page of a connector, which need not exist yet.
func (b *Book) Connector(name string) *Connector {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.connectors[name]
	if !ok {
		c = &Connector{tasks: map[int]*Task{}}
		b.connectors[name] = c
	}
	return c
}

// Counts say how often something happened.
type Counts struct {
	Starts, Stops    int
	Records, Commits int // records given or taken, and those that were committed
}

// Connector is what a connector did.
type Connector struct {
	mu            sync.Mutex
	starts, stops int
	tasks         map[int]*Task
}

// Counts are the starts and stops of the connector object, and all its tasks' records and commits.
func (c *Connector) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := Counts{Starts: c.starts, Stops: c.stops}
	for _, t := range c.tasks {
		n := t.Counts()
		sum.Records += n.Records
		sum.Commits += n.Commits
	}
	return sum
}

func (c *Connector) started() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.starts++
}

func (c *Connector) stopped() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stops++
}

// Task is the page of a task, over all its incarnations on all workers.
func (c *Connector) Task(n int) *Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.tasks[n]
	if !ok {
		t = &Task{partitions: map[data.TopicPartition]*History{}, values: map[string]int{}, topics: map[string]int{}}
		c.tasks[n] = t
	}
	return t
}

// History is what happened to a partition at one sink task.
type History struct {
	Assigned, Revoked, Committed int // how often
	Held                         bool
}

// Task is what a task did.
type Task struct {
	mu         sync.Mutex
	counts     Counts
	partitions map[data.TopicPartition]*History
	values     map[string]int
	topics     map[string]int
}

// Counts are the task's.
func (t *Task) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

func (t *Task) count(add Counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Starts += add.Starts
	t.counts.Stops += add.Stops
	t.counts.Records += add.Records
	t.counts.Commits += add.Commits
}

// History is that of one partition.
func (t *Task) History(tp data.TopicPartition) History {
	t.mu.Lock()
	defer t.mu.Unlock()
	return *t.history(tp)
}

func (t *Task) history(tp data.TopicPartition) *History {
	h, ok := t.partitions[tp]
	if !ok {
		h = &History{}
		t.partitions[tp] = h
	}
	return h
}

// Assignment are the topics and partitions that the task holds, as topic-partition, sorted.
func (t *Task) Assignment() []data.TopicPartition {
	t.mu.Lock()
	defer t.mu.Unlock()
	var held []data.TopicPartition
	for tp, h := range t.partitions {
		if h.Held {
			held = append(held, tp)
		}
	}
	slices.SortFunc(held, func(a, b data.TopicPartition) int {
		switch {
		case a.Topic < b.Topic:
			return -1
		case a.Topic > b.Topic:
			return 1
		}
		return int(a.Partition - b.Partition)
	})
	return held
}

func (t *Task) each(tps []data.TopicPartition, note func(*History)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tp := range tps {
		note(t.history(tp))
	}
}

// Values are the values a sink task got, as text, with how often it got them.
func (t *Task) Values() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.values)
}

// Topics are how many records of each topic a sink task got.
func (t *Task) Topics() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.topics)
}

func (t *Task) took(records []data.SinkRecord) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Records += len(records)
	for i := range records {
		t.values[data.Text(records[i].Value)]++
		t.topics[records[i].Topic]++
	}
}
