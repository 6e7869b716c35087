package herd

import (
	"maps"
	"slices"

	"github.com/troupe-connect/troupe/cluster/state"
)

// View is what the configurations say as of now; *storage.ConfigState is one. Maps that it returns are not
// changed by anybody.
type View interface {
	// Connectors are the names of all that there are, ordered.
	Connectors() []string
	Config(connector string) (map[string]string, bool)
	// Born and Version are the offsets of the record that made the connector and of the one that holds its
	// configuration; -1 if there is none.
	Born(connector string) int64
	Version(connector string) int64
	Target(connector string) state.TargetState
	// Tasks are those that may run: none while the stored task configurations are incomplete.
	Tasks(connector string) []state.TaskID
	// TaskCount is the number of tasks of the last commit, complete or not.
	TaskCount(connector string) int
	TaskConfig(id state.TaskID) (map[string]string, bool)
	TaskConfigs(connector string) []map[string]string
	// Generation counts the commits of task configurations; false before the first.
	Generation(connector string) (int, bool)
	// Applied is the connector's configuration at the last commit; false before the first.
	Applied(connector string) (map[string]string, bool)
}

// Ticket names somebody who waits for something to have stopped; Done brings it back.
type Ticket int

// Herd is what one worker runs, is to run, and is about to stop. One goroutine at a time may use it. Each
// method returns the orders that follow, to be carried out in that order.
type Herd struct {
	work       state.WorkSet
	generation int             // of the assignment, -1 without one
	known      map[string]seen // connectors as they were when last looked at
	held       map[string]bool // connectors whose tasks wait for the next assignment
	flocks     map[string]*flock
	waits      []*wait
	restless   int      // waits for tasks with old configurations to stop
	calm       []Ticket // those who wait for that
	stopping   bool
}

// seen is what a connector looked like: if it looks different now, the group has to assign anew.
type seen struct {
	born       int64
	generation int
	tasks      int // of those that may run
	count      int // of the last commit
}

func look(v View, name string) seen {
	generation := -1
	if g, ok := v.Generation(name); ok {
		generation = g
	}
	return seen{v.Born(name), generation, len(v.Tasks(name)), v.TaskCount(name)}
}

// flock is what runs here of one connector, all of one supervisor.
type flock struct {
	born    int64
	closing bool              // its supervisor stops everything; then it is forgotten
	target  state.TargetState // as its supervisor was told last
	object  bool              // the connector object is here
	version int64             // of the object's configuration
	tasks   map[int]int       // the tasks that are here, with the generation of their configurations
	wanted  *wanted           // what the object said last that its tasks should be
	writing bool              // wanted is being published
}

// wanted are task configurations as a connector object made them of its own configuration.
type wanted struct {
	props   map[string]string
	configs []map[string]string
}

// wait is for things to stop.
type wait struct {
	left state.WorkSet
	then func() []Order
}

// New is a herd without an assignment of which nothing runs yet. What v says counts as known.
func New(v View) *Herd {
	h := &Herd{
		work: state.WorkSet{}, generation: -1, known: map[string]seen{}, held: map[string]bool{}, flocks: map[string]*flock{},
	}
	for _, name := range v.Connectors() {
		h.known[name] = look(v, name)
	}
	return h
}

// Generation is that of the assignment, -1 without one.
func (h *Herd) Generation() int { return h.generation }

// Work is what is assigned to this worker, less what was revoked.
func (h *Herd) Work() state.WorkSet { return maps.Clone(h.work) }

// Runs reports whether something runs here, or is being started, and is not about to stop.
func (h *Herd) Runs(id state.TaskID) bool {
	f := h.flocks[id.Connector]
	return f != nil && !f.closing && f.has(id.Task)
}

// Running is all for which Runs is true.
func (h *Herd) Running() state.WorkSet {
	out := state.WorkSet{}
	for name, f := range h.flocks {
		if !f.closing {
			maps.Copy(out, f.all(name))
		}
	}
	return out
}

// Known are the connectors that there are, and those that there were when they were last looked at, ordered.
func (h *Herd) Known(v View) []string {
	names := state.WorkSet{}
	for name := range h.known {
		names[state.ConnectorID(name)] = true
	}
	for _, name := range v.Connectors() {
		names[state.ConnectorID(name)] = true
	}
	return names.Work().Connectors
}

// Idle reports whether nothing runs any more, not even on its way out.
func (h *Herd) Idle() bool { return len(h.flocks) == 0 }

// Assign takes a new assignment: all of what this worker is to run. What runs and isn't in it stops.
func (h *Herd) Assign(v View, generation int, work state.WorkSet) []Order {
	if h.stopping {
		return nil
	}
	h.work, h.generation = maps.Clone(work), generation
	clear(h.held)
	var out []Order
	for _, name := range h.names() {
		out = append(out, h.update(v, name)...)
	}
	return append(out, h.startAll(v, h.work.Sorted())...)
}

// names are the connectors of which something is here, ordered.
func (h *Herd) names() []string { return slices.Sorted(maps.Keys(h.flocks)) }

// Revoke takes work away; Done comes with the ticket when it has stopped, which is at once for what
// doesn't run. lost says that the whole assignment is over.
func (h *Herd) Revoke(work state.WorkSet, lost bool, t Ticket) []Order {
	if lost {
		h.generation = -1
	}
	gone := map[string]state.WorkSet{}
	for _, id := range work.Sorted() {
		delete(h.work, id)
		if gone[id.Connector] == nil {
			gone[id.Connector] = state.WorkSet{}
		}
		gone[id.Connector][id] = true
	}
	var out []Order
	left := state.WorkSet{}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		f := h.flocks[name]
		switch {
		case f == nil:
		case f.closing: // it is on its way out anyhow
			left[state.ConnectorID(name)] = true
		default:
			maps.DeleteFunc(gone[name], func(id state.TaskID, _ bool) bool { return !f.has(id.Task) })
			maps.Copy(left, gone[name])
			out = append(out, h.stop(name, f, gone[name])...)
		}
	}
	return append(out, h.waitFor(left, func() []Order { return []Order{Done{t}} })...)
}

// Changed looks at a connector of which the configurations may have changed: it was made or deleted,
// or its configuration, its tasks' or its target state was written.
func (h *Herd) Changed(v View, name string) []Order {
	before, was := h.known[name]
	now := look(v, name)
	if now.born < 0 {
		delete(h.known, name)
	} else {
		h.known[name] = now
	}
	var out []Order
	reason := ""
	switch {
	case now.born < 0 && !was:
	case now.born < 0:
		reason = "connector " + name + " was deleted"
	case !was:
		reason = "connector " + name + " was created"
	case now.born != before.born:
		reason = "connector " + name + " was deleted and created again"
	case now != before:
		reason = "task configurations of connector " + name + " changed"
		h.held[name] = true
	}
	if h.stopping {
		return nil
	}
	left, orders := h.outdated(v, name)
	out = append(out, orders...)
	switch {
	case reason == "":
	case !h.held[name]:
		out = append(out, Rejoin{reason})
	default: // others may be given the tasks: first those here have to stop
		h.restless++
		out = append(out, h.waitFor(left, func() []Order {
			h.restless--
			return append(h.calmed(), Rejoin{reason})
		})...)
	}
	return append(out, h.update(v, name)...)
}

// outdated stops what runs of a connector that was deleted, and tasks with configurations that were
// replaced. It returns what is on its way out.
func (h *Herd) outdated(v View, name string) (state.WorkSet, []Order) {
	f := h.flocks[name]
	if f == nil || f.closing {
		return nil, nil
	}
	if f.born != v.Born(name) {
		old := f.all(name)
		return old, h.stop(name, f, old)
	}
	generation, ever := v.Generation(name)
	old := state.WorkSet{}
	for n, of := range f.tasks {
		if !ever || of != generation || n >= v.TaskCount(name) {
			old[state.TaskID{Connector: name, Task: n}] = true
		}
	}
	return old, h.stop(name, f, old)
}

// update brings what runs of a connector to what is wished: what isn't assigned or was replaced stops,
// and what is assigned starts.
func (h *Herd) update(v View, name string) []Order {
	f := h.flocks[name]
	if f == nil || f.closing || h.stopping {
		return nil
	}
	_, out := h.outdated(v, name)
	excess := f.all(name)
	maps.DeleteFunc(excess, func(id state.TaskID, _ bool) bool { return h.work[id] })
	out = append(out, h.stop(name, f, excess)...)
	if f.closing {
		return out
	}
	if target := v.Target(name); f.target != target {
		if target != state.TargetStarted {
			f.wanted = nil // it will say again when it starts again
		}
		f.target = target
		out = append(out, SetTarget{name, target})
	}
	if f.object && f.version != v.Version(name) {
		out = append(out, h.startConnector(v, name)...)
	}
	return append(out, h.publish(v, name, f, true)...)
}

// startAll starts what of some work does not run with the newest configurations.
func (h *Herd) startAll(v View, work []state.TaskID) []Order {
	var out []Order
	for _, id := range work {
		if f := h.flocks[id.Connector]; f != nil && f.closing {
			continue // this is done again when it is gone
		}
		if id.IsConnector() {
			out = append(out, h.startConnector(v, id.Connector)...)
		} else {
			out = append(out, h.startTask(v, id)...)
		}
	}
	return out
}

func (h *Herd) startConnector(v View, name string) []Order {
	props, ok := v.Config(name)
	if !ok {
		return nil // deleted meanwhile; the leader will revoke it
	}
	f, out := h.flock(v, name)
	if f.object && f.version == v.Version(name) {
		return out
	}
	f.object, f.version, f.wanted, f.target = true, v.Version(name), nil, v.Target(name)
	out = append(out, StartConnector{name, props, f.target})
	return append(out, h.crossOff(state.ConnectorID(name))...)
}

func (h *Herd) startTask(v View, id state.TaskID) []Order {
	if h.held[id.Connector] {
		return nil
	}
	props, ok := v.Config(id.Connector)
	if !ok || !slices.Contains(v.Tasks(id.Connector), id) {
		return nil // deleted meanwhile, or its configurations are incomplete
	}
	conf, ok := v.TaskConfig(id)
	if !ok {
		return nil
	}
	generation, _ := v.Generation(id.Connector)
	f, out := h.flock(v, id.Connector)
	if of, runs := f.tasks[id.Task]; runs && of == generation {
		return out
	}
	f.tasks[id.Task] = generation
	out = append(out, StartTask{id, props, conf, generation})
	return append(out, h.crossOff(id)...)
}

// flock is the connector's, with a new supervisor if it had none.
func (h *Herd) flock(v View, name string) (*flock, []Order) {
	if f := h.flocks[name]; f != nil {
		return f, nil
	}
	f := &flock{born: v.Born(name), target: v.Target(name), tasks: map[int]int{}}
	h.flocks[name] = f
	return f, []Order{Supervise{name, f.target}}
}

// stop stops some of what runs of a connector, and the supervisor with the last of it.
func (h *Herd) stop(name string, f *flock, which state.WorkSet) []Order {
	if len(which) == 0 || f.closing {
		return nil
	}
	var out []Order
	for _, id := range which.Sorted() {
		if id.IsConnector() {
			out = append(out, f.unpublish(name)...)
			f.object, f.wanted = false, nil
		} else {
			delete(f.tasks, id.Task)
		}
	}
	if !f.object && len(f.tasks) == 0 {
		f.closing = true
		return append(out, StopAll{name})
	}
	for _, id := range which.Sorted() {
		out = append(out, Stop{id})
	}
	return out
}

func (f *flock) has(n int) bool {
	if n == state.ConnectorTask {
		return f.object
	}
	_, ok := f.tasks[n]
	return ok
}

// all is what is here, as work.
func (f *flock) all(name string) state.WorkSet {
	out := make(state.WorkSet, len(f.tasks)+1)
	for n := range f.tasks {
		out[state.TaskID{Connector: name, Task: n}] = true
	}
	if f.object {
		out[state.ConnectorID(name)] = true
	}
	return out
}
