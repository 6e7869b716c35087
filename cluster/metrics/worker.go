package metrics

import (
	"math"
	"strings"
	"sync"
	"time"
)

// Worker has the numbers of the worker as a whole: starts, rebalances, and what the process would
// rather not have.
type Worker struct {
	mu         sync.Mutex
	connectors odds
	tasks      odds
	rebalance  sampled // ms
	rebalances int64
	rebalanced int64 // ms of the end of the last, 0 before the first
	ongoing    bool
	moved      int64 // connectors and tasks that rebalances started or stopped here
	leader     string
	protocol   string
	epoch      int64
	live       func() Live
	schemas    func() Schemas
	about      About
	membership *Membership // nil without a group
}

// Live is what is asked for when the numbers are read, since nobody is told of its changes.
type Live struct {
	Zombies int // plugin calls that were given up and still run
}

// NewWorker returns the numbers of a worker that starts.
func NewWorker(w Windows) *Worker {
	return &Worker{connectors: newOdds(w), tasks: newOdds(w), rebalance: newSampled(w), epoch: -1}
}

// ConnectorStarted notes the outcome of a connector's start.
func (w *Worker) ConnectorStarted(ok bool, now int64) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connectors.record(ok, now)
}

// TaskStarted notes the outcome of a task's start, which Kafka Connect forgets for those that
// succeed.
func (w *Worker) TaskStarted(ok bool, now int64) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks.record(ok, now)
}

// RebalanceBegan notes that the group rebalances.
func (w *Worker) RebalanceBegan() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ongoing = true
}

// Rebalanced notes that this worker has an assignment of generation epoch, under leader's URL by
// protocol, that it took took from its arrival until the work was started, and how many connectors
// and tasks it started or stopped.
func (w *Worker) Rebalanced(epoch int64, leader, protocol string, moved int, took time.Duration, now int64) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ongoing = false
	w.epoch, w.leader, w.protocol = epoch, leader, strings.ToUpper(protocol)
	w.rebalance.record(milliseconds(took), now)
	w.rebalances++
	w.rebalanced = now
	w.moved += int64(moved)
}

// Watch sets what is asked for when the numbers are read. f must not block.
func (w *Worker) Watch(f func() Live) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live = f
}

// Live is what Watch's function says now, or nothing.
func (w *Worker) Live() Live {
	w.mu.Lock()
	f := w.live
	w.mu.Unlock()
	if f == nil {
		return Live{}
	}
	return f()
}

// Schemas is what the worker's clients of schema registries did, all together.
type Schemas struct {
	Requests  int64 // sent, retries included
	Failures  int64 // requests without success
	Retries   int64 // requests that were sent again
	Failovers int64 // requests that went to another URL
	Shared    int64 // questions answered by what another task had asked
	Waiting   int64 // converters that wait for the end of an outage, now
}

// WatchSchemas sets what is asked for Schemas when the numbers are read. f must not block.
func (w *Worker) WatchSchemas(f func() Schemas) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.schemas = f
}

// Schemas is what WatchSchemas' function says now; false if none was set.
func (w *Worker) Schemas() (Schemas, bool) {
	w.mu.Lock()
	f := w.schemas
	w.mu.Unlock()
	if f == nil {
		return Schemas{}, false
	}
	return f(), true
}

func (w *Worker) sinceRebalance(now int64) float64 {
	if w.rebalanced == 0 {
		return math.Inf(1)
	}
	return float64(now - w.rebalanced)
}

// Connector has the numbers of a connector instance on this worker.
type Connector struct {
	Name, Class, Version string
	Source               bool // else a sink

	mu    sync.Mutex
	state string
}

// NewConnector returns the numbers of a connector that is about to start.
func NewConnector(name, class, version string, source bool) *Connector {
	return &Connector{Name: name, Class: class, Version: version, Source: source, state: "unassigned"}
}

// Enter notes the connector's state, a name of Connect's such as RUNNING.
func (c *Connector) Enter(state string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = strings.ToLower(state)
}

// Status is the connector's state in lower case.
func (c *Connector) Status() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}
