package worker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/connector"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// Messages to the herder of a distributed worker, beside restartOne, stopAll and ping.
type (
	// assigned says that there is a new assignment; the membership has it.
	assigned struct{ Done act.Reply[struct{}] }
	// revoked is work that is to stop; it is answered when it has.
	revoked struct {
		Work workSet
		By   time.Time
		Done act.Reply[struct{}]
	}
	// quiet is answered when no task is being stopped because of new configurations.
	quiet struct{ Done act.Reply[struct{}] }

	configUpdated    struct{ name string }
	configRemoved    struct{ name string }
	tasksUpdated     struct{ name string }
	targetUpdated    struct{ name string }
	restartRequested struct{ storage.RestartRequest }

	publication struct {
		name string
		seq  int
	}
)

// Fail lets the guard tell the asker that the herder failed on the request.
func (m assigned) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m revoked) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m quiet) Fail(err error) { m.Done.Fail(err) }

// wait is somebody who waits for things to stop.
type wait struct {
	left workSet
	done func()
}

// clusterHerder turns the assignment and the config topic into orders. It holds no plugin and does
// no I/O: what it knows it knows from the membership and the stores, so that one that is started
// anew has lost nothing.
type clusterHerder struct {
	d   *Distributed
	log *slog.Logger

	work       workSet
	generation int
	known      map[string]bool // connectors, as of the last record of the config topic that was told
	held       map[string]bool // connectors whose tasks wait for the next assignment
	charges    map[string]*charge
	waits      []*wait
	restless   int // groups of tasks that are being stopped because of new configurations
	calm       []act.Reply[struct{}]

	ctx       actor.Context // of the turn in progress
	life      context.Context
	end       context.CancelFunc
	births    int
	stopping  *stopAll
	abandoned []string
}

func clusterHerderProps(d *Distributed) *actor.Props {
	return act.Props(func() actor.Actor {
		return &clusterHerder{d: d, log: d.cfg.Log, charges: map[string]*charge{}, known: map[string]bool{}, held: map[string]bool{}, work: workSet{}}
	})
}

// Receive handles one message and returns at once.
func (h *clusterHerder) Receive(c actor.Context) {
	h.ctx = c
	switch m := c.Message().(type) {
	case *actor.Started:
		h.recover()
	case ping:
		m.Done.Send(struct{}{}, nil)
	case assigned:
		clear(h.held)
		h.reconcile()
		m.Done.Send(struct{}{}, nil)
	case revoked:
		h.revoke(m)
	case quiet:
		h.calm = append(h.calm, m.Done)
		h.calmed()
	case configUpdated:
		h.configUpdated(m.name)
	case configRemoved:
		delete(h.known, m.name)
		h.d.group.rejoin("connector " + m.name + " was deleted")
	case tasksUpdated:
		h.tasksUpdated(m.name)
	case targetUpdated:
		h.targetUpdated(m.name)
	case restartRequested:
		h.restartRequested(m.RestartRequest)
	case restartOne:
		h.restartOne(m)
	case connector.Changed:
		h.changed(m)
	case connector.TaskConfigsReady:
		h.taskConfigs(m)
	case connector.Stopped:
		h.stopped(state.TaskID{Connector: m.Name, Task: m.Task})
	case connector.AllStopped:
		h.allStopped(m)
	case act.Exited:
		h.published(m)
	case stopAll:
		h.stopAll(m)
	case *actor.Stopping:
		h.end()
	}
}

// HandleFailure begins a connector supervisor anew when it fails: what it ran restarts once.
func (h *clusterHerder) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	sup.StopChildren(child)
	f := act.AsFailure(reason, false)
	for name, c := range h.charges {
		if c.pid.Id != child.Id {
			continue
		}
		h.log.Error("connector supervisor failed; what this worker runs of the connector begins anew", "connector", name, "err", f, "trace", f.Trace())
		h.gone(name, c)
		return
	}
}

// recover finds out how things stand: nothing is assigned at the first start, and everything is
// as it was after a failure of the herder.
func (h *clusterHerder) recover() {
	h.life, h.end = context.WithCancel(context.Background()) //nolint:forbidigo // the actor starts its goroutines here
	for _, name := range h.d.store.Snapshot().Connectors() {
		h.known[name] = true
	}
	h.reconcile()
	if h.generation >= 0 {
		h.d.group.rejoin("the herder began anew and may have missed changes")
	}
}

// reconcile starts what is assigned and does not run, with the newest configurations, and stops
// what runs and is not assigned.
func (h *clusterHerder) reconcile() {
	if h.stopping != nil {
		return
	}
	h.work, h.generation = h.d.group.assignment()
	snapshot := h.d.store.Snapshot()
	by := h.deadline()
	for name, c := range h.charges {
		var excess []int
		for _, n := range c.all() {
			if !h.work[state.TaskID{Connector: name, Task: n}] {
				excess = append(excess, n)
			}
		}
		h.stop(name, c, excess, by)
	}
	h.startAll(snapshot, h.work)
}

// startAll starts what of some work does not run with the newest configurations.
func (h *clusterHerder) startAll(snapshot *storage.ConfigState, work workSet) {
	for _, id := range sortedWork(work) {
		if c := h.charges[id.Connector]; c != nil && c.closing {
			continue // this is done again when it is gone
		}
		if id.Task == connector.ConnectorTask {
			h.startConnector(snapshot, id.Connector)
		} else {
			h.startTask(snapshot, id)
		}
	}
}

func (h *clusterHerder) startConnector(snapshot *storage.ConfigState, name string) {
	props, ok := snapshot.Config(name)
	if !ok {
		return // deleted meanwhile; the leader will revoke it
	}
	c := h.charge(snapshot, name)
	if c.connector && maps.Equal(c.props, props) {
		return
	}
	c.connector, c.props = true, props
	h.ctx.Send(c.pid, connector.StartConnector{Props: props, Target: snapshot.Target(name)})
	h.settleOne(state.TaskID{Connector: name, Task: connector.ConnectorTask})
}

func (h *clusterHerder) startTask(snapshot *storage.ConfigState, id state.TaskID) {
	if h.held[id.Connector] {
		return
	}
	props, ok := snapshot.Config(id.Connector)
	if !ok || !slices.Contains(snapshot.Tasks(id.Connector), id) {
		return // deleted meanwhile, or its configurations are inconsistent
	}
	conf, ok := snapshot.TaskConfig(id)
	if !ok {
		return
	}
	generation, _ := snapshot.Generation(id.Connector)
	c := h.charge(snapshot, id.Connector)
	if of, runs := c.tasks[id.Task]; runs && of == generation {
		return
	}
	c.tasks[id.Task] = generation
	h.ctx.Send(c.pid, connector.StartTask{Task: id.Task, Connector: props, Props: conf, Generation: generation})
	h.settleOne(id)
}

// charge is the connector's, with a new supervisor if it had none.
func (h *clusterHerder) charge(snapshot *storage.ConfigState, name string) *charge {
	if c := h.charges[name]; c != nil {
		return c
	}
	h.births++
	// Names may hold slashes, by which the library joins the names of actors.
	pid, err := h.ctx.SpawnNamed(connector.Props(h.d.env, name), "connector-"+url.PathEscape(name)+"#"+strconv.Itoa(h.births))
	if err != nil {
		panic(fmt.Errorf("connector %q: %w", name, err))
	}
	c := &charge{pid: pid, tasks: map[int]int{}}
	h.charges[name] = c
	h.ctx.Send(pid, connector.SetTarget{Target: snapshot.Target(name)})
	return c
}

func (h *clusterHerder) deadline() time.Time { return time.Now().Add(h.d.root.timeout) }

// stop stops some of what runs of a connector, and the supervisor with the last of it. It returns
// what is on its way out.
func (h *clusterHerder) stop(name string, c *charge, which []int, by time.Time) workSet {
	out := workSet{}
	for _, n := range which {
		c.remove(n)
		out[state.TaskID{Connector: name, Task: n}] = true
	}
	switch {
	case c.closing || len(which) == 0:
	case !c.connector && len(c.tasks) == 0:
		c.closing = true
		c.unpublish()
		h.ctx.Send(c.pid, connector.StopAll{By: by})
	default:
		for _, n := range which {
			h.ctx.Send(c.pid, connector.StopTask{Task: n, By: by})
		}
	}
	return out
}

// revoke stops what the group takes away and answers when it has stopped, or was fenced because it
// did not in time.
func (h *clusterHerder) revoke(m revoked) {
	byName := map[string][]int{}
	for _, id := range sortedWork(m.Work) {
		delete(h.work, id)
		byName[id.Connector] = append(byName[id.Connector], id.Task)
	}
	left := workSet{}
	for name, which := range byName {
		c := h.charges[name]
		if c == nil {
			continue
		}
		if c.closing { // it is on its way out anyhow
			left[state.TaskID{Connector: name, Task: connector.ConnectorTask}] = true
			continue
		}
		which = slices.DeleteFunc(which, func(n int) bool { return !c.has(n) })
		maps.Copy(left, h.stop(name, c, which, m.By))
	}
	h.waitFor(left, func() { m.Done.Send(struct{}{}, nil) })
}

// waitFor calls done when all of left has stopped, which may be now.
func (h *clusterHerder) waitFor(left workSet, done func()) {
	if len(left) == 0 {
		done()
		return
	}
	h.waits = append(h.waits, &wait{left, done})
}

// settle crosses off what has stopped.
func (h *clusterHerder) settle(has func(state.TaskID) bool) {
	var over []func()
	h.waits = slices.DeleteFunc(h.waits, func(w *wait) bool {
		maps.DeleteFunc(w.left, func(id state.TaskID, _ bool) bool { return has(id) })
		if len(w.left) == 0 {
			over = append(over, w.done)
		}
		return len(w.left) == 0
	})
	for _, done := range over {
		done()
	}
}

// stopped is a connector object or task that is gone.
func (h *clusterHerder) stopped(id state.TaskID) {
	if c := h.charges[id.Connector]; c != nil && c.has(id.Task) {
		return // wished again meanwhile
	}
	h.settleOne(id)
}

// settleOne crosses off one, which has stopped or is wished again: its supervisor says no more
// that it has stopped, and starts it only when it has.
func (h *clusterHerder) settleOne(id state.TaskID) {
	h.settle(func(other state.TaskID) bool { return other == id })
}

// allStopped is a connector whose supervisor has nothing left.
func (h *clusterHerder) allStopped(m connector.AllStopped) {
	c := h.charges[m.Name]
	if c == nil {
		return
	}
	h.ctx.Stop(c.pid)
	if h.stopping != nil {
		for _, who := range m.Abandoned {
			h.abandoned = append(h.abandoned, m.Name+"/"+who)
		}
	}
	h.gone(m.Name, c)
}

// gone forgets a connector's supervisor, and makes another if it is assigned again.
func (h *clusterHerder) gone(name string, c *charge) {
	c.unpublish()
	delete(h.charges, name)
	h.settle(func(id state.TaskID) bool { return id.Connector == name })
	if _, there := h.d.store.Snapshot().Config(name); !there {
		h.d.status.ResetTopics(name)
	}
	if h.stopping != nil {
		h.stopWhenEmpty()
		return
	}
	again := workSet{}
	for id := range h.work {
		if id.Connector == name {
			again[id] = true
		}
	}
	h.startAll(h.d.store.Snapshot(), again)
}

// configUpdated is a connector that was created or whose configuration was changed.
func (h *clusterHerder) configUpdated(name string) {
	if !h.known[name] {
		h.known[name] = true
		h.d.group.rejoin("connector " + name + " was created")
		return
	}
	if c := h.charges[name]; c != nil && c.connector && !c.closing {
		h.startConnector(h.d.store.Snapshot(), name)
	}
}

// tasksUpdated is a connector whose task configurations were replaced: its tasks here stop, and
// then all workers join the group to learn who runs the new ones.
func (h *clusterHerder) tasksUpdated(name string) {
	rejoin := func() { h.d.group.rejoin("task configurations of connector " + name + " changed") }
	h.held[name] = true
	c := h.charges[name]
	if c == nil || c.closing {
		rejoin()
		return
	}
	generation, _ := h.d.store.Snapshot().Generation(name)
	var old []int
	for _, n := range slices.Sorted(maps.Keys(c.tasks)) {
		if c.tasks[n] != generation {
			old = append(old, n)
		}
	}
	h.restless++
	h.waitFor(h.stop(name, c, old, h.deadline()), func() {
		h.restless--
		h.calmed()
		rejoin()
	})
}

// calmed answers those who wait for tasks with old configurations to stop.
func (h *clusterHerder) calmed() {
	if h.restless > 0 {
		return
	}
	for _, r := range h.calm {
		r.Send(struct{}{}, nil)
	}
	h.calm = nil
}

func (h *clusterHerder) targetUpdated(name string) {
	target := h.d.store.Snapshot().Target(name)
	h.log.Info("target state changed", "connector", name, "target", string(target))
	if c := h.charges[name]; c != nil && !c.closing {
		h.ctx.Send(c.pid, connector.SetTarget{Target: target})
	}
}

// restartRequested restarts what is here of what the request selects (KIP-745).
func (h *clusterHerder) restartRequested(r storage.RestartRequest) {
	h.log.Info("restart requested", "connector", r.Connector, "tasks too", r.IncludeTasks, "only what failed", r.OnlyFailed)
	c := h.charges[r.Connector]
	if c == nil || c.closing {
		return
	}
	if st, ok := h.d.status.Connector(r.Connector); c.connector && ok && (!r.OnlyFailed || broken(st.State)) {
		h.ctx.Send(c.pid, connector.Restart{Task: connector.ConnectorTask})
	}
	if !r.IncludeTasks {
		return
	}
	for _, t := range h.d.status.Tasks(r.Connector) {
		if c.has(t.ID) && (!r.OnlyFailed || broken(t.State)) {
			h.ctx.Send(c.pid, connector.Restart{Task: t.ID})
		}
	}
}

func (h *clusterHerder) restartOne(m restartOne) {
	c := h.charges[m.ID.Connector]
	if c == nil || c.closing || !c.has(m.ID.Task) {
		m.Done.Fail(errNotHere)
		return
	}
	h.ctx.Send(c.pid, connector.Restart{Task: m.ID.Task, Done: m.Done})
}

// changed writes what a connector or task says of itself.
func (h *clusterHerder) changed(m connector.Changed) {
	snapshot := h.d.store.Snapshot()
	if !snapshot.Contains(m.Name) || m.Task >= snapshot.TaskCount(m.Name) && m.Task != connector.ConnectorTask {
		return // deleted: the leader removes the status
	}
	st := m.Status
	st.Generation = h.generation
	id := state.TaskID{Connector: m.Name, Task: m.Task}
	mine := st.State != state.Unassigned && st.State != state.Failed // else others may run it by now
	switch {
	case m.Task == connector.ConnectorTask && mine:
		h.d.status.PutConnector(m.Name, st)
	case m.Task == connector.ConnectorTask:
		h.d.status.PutConnectorSafe(m.Name, st)
	case mine:
		h.d.status.PutTask(id, st)
	default:
		h.d.status.PutTaskSafe(id, st)
	}
}

// taskConfigs has new task configurations written, by the leader.
func (h *clusterHerder) taskConfigs(m connector.TaskConfigsReady) {
	c := h.charges[m.Name]
	if c == nil || c.closing || !c.connector || h.stopping != nil {
		return
	}
	c.unpublish()
	if !h.d.publishable(m.Name, m.Props, m.Configs) {
		return
	}
	c.published++
	ctx, cancel := context.WithCancel(h.life)
	c.cancel = cancel
	labels := []string{"connector", m.Name, "of", "task configurations"}
	act.Go(h.ctx, ctx, publication{m.Name, c.published}, labels, func(ctx context.Context) (any, error) {
		defer cancel()
		h.d.publish(ctx, m.Name, m.Props, m.Configs)
		return nil, nil
	})
}

func (h *clusterHerder) published(m act.Exited) {
	p, ok := m.ID.(publication)
	if ok && m.Err != nil && h.life.Err() == nil {
		h.log.Warn("task configurations not published", "connector", p.name, "err", m.Err)
	}
}

func (h *clusterHerder) stopAll(m stopAll) {
	if h.stopping != nil {
		m.Done.Fail(act.ErrGone)
		return
	}
	h.stopping = &m
	h.work = workSet{}
	for _, c := range h.charges {
		c.unpublish()
		if !c.closing {
			c.closing = true
			h.ctx.Send(c.pid, connector.StopAll{By: m.By})
		}
	}
	h.stopWhenEmpty()
}

func (h *clusterHerder) stopWhenEmpty() {
	if h.stopping != nil && len(h.charges) == 0 {
		h.stopping.Done.Send(h.abandoned, nil)
	}
}
