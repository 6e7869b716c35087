package worker

import (
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/connector"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// stores is what the herder knows. It outlives the herder: one that is started anew finds
// everything here. REST reads it directly.
type stores struct {
	configs  *storage.MemoryConfigStore
	statuses *storage.MemoryStatusStore
}

// Requests to the herder. Every one is answered.
type (
	putConnector struct {
		Name    string
		Props   map[string]string
		Initial state.TargetState // "" for STARTED of a new connector, else as it is
		Create  bool              // an existing connector is an error
		Done    act.Reply[bool]   // whether it is new
	}
	deleteConnector struct {
		Name string
		Done act.Reply[struct{}]
	}
	setTarget struct {
		Name   string
		Target state.TargetState
		Done   act.Reply[struct{}]
	}
	restartConnector struct {
		Name                     string
		IncludeTasks, OnlyFailed bool
		Plan                     act.Reply[state.ConnectorStatus]
	}
	restartOne struct {
		ID   state.TaskID // Task is connector.ConnectorTask for the connector object
		Done act.Reply[struct{}]
	}
	stopAll struct {
		By   time.Time
		Done act.Reply[[]string] // who did not stop in time
	}
	ping struct{ Done act.Reply[struct{}] }
)

// Fail lets the guard tell the asker that the herder failed on the request.
func (m putConnector) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m deleteConnector) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m setTarget) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m restartConnector) Fail(err error) { m.Plan.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m restartOne) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m stopAll) Fail(err error) { m.Done.Fail(err) }

// settleDue ends the wait of a request for the first task configurations.
type settleDue struct {
	name string
	seq  int
}

// settleTime is how long a request that makes or changes a connector waits for its tasks to be
// known, so that the answer names them; a connector that hangs doesn't hold the request up longer.
const settleTime = 5 * time.Second

// member is a connector as the herder runs it.
type member struct {
	pid     *actor.PID
	leaving bool // its supervisor stops everything; then it is forgotten
	seq     int
	settle  []act.Reply[bool]     // requests that wait for task configurations
	isNew   bool                  // what they are told
	after   []any                 // requests that came while it was leaving
	gone    []act.Reply[struct{}] // requests that wait for its end
	tasks   int                   // tasks 0..tasks-1 were started
}

// herder turns wishes into orders. It holds no plugin and does no I/O.
type herder struct {
	env     *task.Env
	stores  *stores
	log     *slog.Logger
	members map[string]*member

	ctx       actor.Context // of the turn in progress
	births    int
	stopping  *stopAll
	abandoned []string
}

func herderProps(env *task.Env, s *stores) *actor.Props {
	return act.Props(func() actor.Actor {
		return &herder{env: env, stores: s, log: env.Log, members: map[string]*member{}}
	})
}

// Receive handles one message and returns at once.
func (h *herder) Receive(c actor.Context) {
	h.ctx = c
	switch m := c.Message().(type) {
	case *actor.Started:
		h.recover()
	case ping:
		m.Done.Send(struct{}{}, nil)
	case putConnector:
		h.put(m)
	case deleteConnector:
		h.delete(m)
	case setTarget:
		h.setTarget(m)
	case restartConnector:
		h.restartConnector(m)
	case restartOne:
		h.restartOne(m)
	case connector.Changed:
		h.changed(m)
	case connector.TaskConfigsReady:
		h.taskConfigs(m)
	case connector.Stopped:
		h.stopped(m)
	case connector.AllStopped:
		h.allStopped(m)
	case settleDue:
		if mb := h.members[m.name]; mb != nil && mb.seq == m.seq {
			mb.settled(nil)
		}
	case stopAll:
		h.stopAll(m)
	}
}

// HandleFailure begins a connector supervisor anew from the wish when it fails: its tasks restart
// once.
func (h *herder) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	sup.StopChildren(child)
	f := act.AsFailure(reason, false)
	for name, mb := range h.members {
		if mb.pid.Id != child.Id {
			continue
		}
		h.log.Error("connector supervisor failed; the connector begins anew", "connector", name, "err", f, "trace", f.Trace())
		delete(h.members, name)
		mb.settled(f)
		if mb.leaving || h.stopping != nil {
			h.forget(name, mb)
			return
		}
		h.begin(name)
		return
	}
}

// recover starts what the stores know: nothing at the first start, everything after a failure
// of the herder.
func (h *herder) recover() {
	for _, name := range h.stores.configs.Connectors() {
		h.begin(name)
	}
}

// begin spawns the supervisor of a stored connector and starts what is wished.
func (h *herder) begin(name string) *member {
	h.births++
	// Names may hold slashes, by which the library joins the names of actors.
	pid, err := h.ctx.SpawnNamed(connector.Props(h.env, name), "connector-"+url.PathEscape(name)+"#"+strconv.Itoa(h.births))
	if err != nil {
		panic(fmt.Errorf("connector %q: %w", name, err))
	}
	mb := &member{pid: pid}
	h.members[name] = mb
	props, _ := h.stores.configs.Config(name)
	target := h.stores.configs.Target(name)
	h.ctx.Send(pid, connector.StartConnector{Props: props, Target: target})
	if target != state.TargetStopped {
		h.startTasks(name, mb)
	}
	return mb
}

func (h *herder) startTasks(name string, mb *member) {
	props := h.stores.configs.Applied(name)
	configs := h.stores.configs.Tasks(name)
	for n, conf := range configs {
		h.ctx.Send(mb.pid, connector.StartTask{Task: n, Connector: props, Props: conf})
	}
	mb.tasks = len(configs)
}

func (h *herder) put(m putConnector) {
	mb := h.members[m.Name]
	switch {
	case h.stopping != nil:
		m.Done.Fail(act.ErrGone)
		return
	case mb != nil && mb.leaving:
		mb.after = append(mb.after, m)
		return
	case mb != nil && m.Create:
		m.Done.Fail(errs.AlreadyExists.New("Connector %s already exists", m.Name))
		return
	}
	h.stores.configs.PutConfig(m.Name, m.Props, m.Initial)
	target := h.stores.configs.Target(m.Name)
	if mb == nil {
		mb = h.begin(m.Name)
		mb.isNew = true
		h.log.Info("connector created", "connector", m.Name, "target", string(target))
	} else {
		mb.isNew = false
		h.ctx.Send(mb.pid, connector.StartConnector{Props: m.Props, Target: target})
		h.log.Info("connector reconfigured", "connector", m.Name)
	}
	if target != state.TargetStarted { // nobody will say what its tasks are
		m.Done.Send(mb.isNew, nil)
		return
	}
	mb.seq++
	mb.settle = append(mb.settle, m.Done)
	act.After(h.ctx, settleTime, settleDue{m.Name, mb.seq})
}

// settled answers the requests that wait to know the tasks. A failure is no error of theirs: the
// connector is there, and its status tells.
func (mb *member) settled(error) {
	for _, r := range mb.settle {
		r.Send(mb.isNew, nil)
	}
	mb.settle = nil
}

func (h *herder) delete(m deleteConnector) {
	mb := h.members[m.Name]
	switch {
	case mb == nil:
		m.Done.Fail(notFound(m.Name))
		return
	case mb.leaving:
		mb.after = append(mb.after, m)
		return
	}
	h.stores.configs.RemoveConnector(m.Name)
	mb.leaving = true
	mb.gone = append(mb.gone, m.Done)
	mb.settled(nil)
	h.ctx.Send(mb.pid, connector.StopAll{By: h.deadline()})
	h.log.Info("connector deleted", "connector", m.Name)
}

func notFound(name string) error { return errs.NotFound.New("Connector %s not found", name) }

func (h *herder) deadline() time.Time { return time.Now().Add(h.env.Worker.TaskShutdownTimeout) }

func (h *herder) setTarget(m setTarget) {
	mb := h.members[m.Name]
	if mb == nil || mb.leaving {
		if m.Target == state.TargetStopped {
			m.Done.Fail(errs.Connect.New("No connector `%s` configured", m.Name)) // 500, as the JVM standalone worker
			return
		}
		m.Done.Fail(errs.NotFound.New("Unknown connector %s", m.Name))
		return
	}
	if err := h.stores.configs.PutTarget(m.Name, m.Target); err != nil {
		m.Done.Fail(err)
		return
	}
	if m.Target == state.TargetStopped {
		by := h.deadline()
		for n := range mb.tasks {
			h.ctx.Send(mb.pid, connector.StopTask{Task: n, By: by})
		}
		mb.tasks = 0
		if err := h.stores.configs.PutTasks(m.Name, nil); err != nil {
			m.Done.Fail(err)
			return
		}
	}
	h.ctx.Send(mb.pid, connector.SetTarget{Target: m.Target})
	m.Done.Send(struct{}{}, nil)
}

func (h *herder) restartOne(m restartOne) {
	mb := h.members[m.ID.Connector]
	switch {
	case (mb == nil || mb.leaving) && m.ID.Task == connector.ConnectorTask:
		// A NullPointerException of the JVM's standalone worker, which answers 500 with its text.
		m.Done.Fail(errs.Connect.New("null"))
	case mb == nil || mb.leaving:
		// 500, as on the JVM's standalone worker.
		m.Done.Fail(errs.Connect.New("Failed to start task %s since it is not a recognizable type (source or sink)", m.ID))
	case m.ID.Task != connector.ConnectorTask && m.ID.Task >= mb.tasks:
		m.Done.Fail(errs.NotFound.New("Task %s not found", m.ID))
	default:
		h.ctx.Send(mb.pid, connector.Restart{Task: m.ID.Task, Done: m.Done})
	}
}

// restartConnector restarts what the request selects and answers with what that is.
func (h *herder) restartConnector(m restartConnector) {
	mb := h.members[m.Name]
	if mb == nil || mb.leaving {
		m.Plan.Fail(errs.NotFound.New("Unknown connector: %s", m.Name))
		return
	}
	st, ok := h.stores.statuses.Connector(m.Name)
	if !ok {
		m.Plan.Fail(errs.NotFound.New("Status for connector %s not found", m.Name))
		return
	}
	plan := state.ConnectorStatus{Name: m.Name, Connector: st, Tasks: h.stores.statuses.Tasks(m.Name)}
	if !m.OnlyFailed || broken(st.State) {
		plan.Connector.State = state.Restarting
		h.ctx.Send(mb.pid, connector.Restart{Task: connector.ConnectorTask})
	}
	for i := range plan.Tasks {
		t := &plan.Tasks[i]
		if m.IncludeTasks && t.ID < mb.tasks && (!m.OnlyFailed || broken(t.State)) {
			t.State = state.Restarting
			h.ctx.Send(mb.pid, connector.Restart{Task: t.ID})
		}
	}
	m.Plan.Send(plan, nil)
}

// broken is FAILED, and RESTARTING, which is a failure that waits for its next try: who asks for
// a restart of what failed means that too.
func broken(s state.State) bool { return s == state.Failed || s == state.Restarting }

// changed notes what a connector or task says of itself.
func (h *herder) changed(m connector.Changed) {
	mb := h.members[m.Name]
	if mb == nil || mb.leaving {
		return
	}
	if m.Task == connector.ConnectorTask {
		h.stores.statuses.PutConnector(m.Name, m.Status)
		if broken(m.Status.State) { // it will not say what its tasks are, for now
			mb.settled(nil)
		}
		return
	}
	if m.Task < mb.tasks { // else it is on its way out
		h.stores.statuses.PutTask(state.TaskID{Connector: m.Name, Task: m.Task}, m.Status)
	}
}

// taskConfigs starts, restarts and stops tasks as the connector object wants them.
func (h *herder) taskConfigs(m connector.TaskConfigsReady) {
	mb := h.members[m.Name]
	if mb == nil || mb.leaving || h.stopping != nil {
		return
	}
	defer mb.settled(nil)
	if h.stores.configs.Target(m.Name) == state.TargetStopped {
		return
	}
	if props, _ := h.stores.configs.Config(m.Name); !maps.Equal(props, m.Props) {
		return // made for a configuration that was replaced meanwhile; the next are on their way
	}
	if h.sameTasks(m) {
		return
	}
	by := h.deadline()
	for n := len(m.Configs); n < mb.tasks; n++ {
		h.ctx.Send(mb.pid, connector.StopTask{Task: n, By: by})
	}
	if err := h.stores.configs.PutTasks(m.Name, m.Configs); err != nil {
		panic(err)
	}
	mb.tasks = len(m.Configs)
	h.startTasks(m.Name, mb)
	h.log.Info("tasks configured", "connector", m.Name, "tasks", mb.tasks)
}

// sameTasks reports whether the tasks run with these configurations already.
func (h *herder) sameTasks(m connector.TaskConfigsReady) bool {
	have := h.stores.configs.Tasks(m.Name)
	if len(have) != len(m.Configs) || !maps.Equal(h.stores.configs.Applied(m.Name), m.Props) {
		return false
	}
	for i := range have {
		if !maps.Equal(have[i], m.Configs[i]) {
			return false
		}
	}
	return true
}

// stopped is a task that is gone for good.
func (h *herder) stopped(m connector.Stopped) {
	mb := h.members[m.Name]
	if mb != nil && m.Task < mb.tasks {
		return // wished again meanwhile
	}
	h.stores.statuses.PutTask(state.TaskID{Connector: m.Name, Task: m.Task}, state.Status{State: state.Destroyed})
}

// allStopped is a connector whose supervisor has nothing left.
func (h *herder) allStopped(m connector.AllStopped) {
	mb := h.members[m.Name]
	if mb == nil {
		return
	}
	h.ctx.Stop(mb.pid)
	if h.stopping != nil { // what a delete left behind long ago is not this stop's to tell
		for _, who := range m.Abandoned {
			h.abandoned = append(h.abandoned, m.Name+"/"+who)
		}
	}
	delete(h.members, m.Name)
	h.forget(m.Name, mb)
}

// forget ends a connector that was deleted, or that ends with the worker.
func (h *herder) forget(name string, mb *member) {
	if mb.leaving {
		h.stores.statuses.PutConnector(name, state.Status{State: state.Destroyed})
		for _, t := range h.stores.statuses.Tasks(name) {
			h.stores.statuses.PutTask(state.TaskID{Connector: name, Task: t.ID}, state.Status{State: state.Destroyed})
		}
		// Its topics stay remembered, as in the JVM's standalone mode.
	}
	for _, r := range mb.gone {
		r.Send(struct{}{}, nil)
	}
	for _, m := range mb.after {
		h.ctx.Send(h.ctx.Self(), m)
	}
	h.stopWhenEmpty()
}

func (h *herder) stopAll(m stopAll) {
	if h.stopping != nil {
		m.Done.Fail(act.ErrGone)
		return
	}
	h.stopping = &m
	for _, mb := range h.members {
		mb.settled(nil)
		if !mb.leaving {
			h.ctx.Send(mb.pid, connector.StopAll{By: m.By})
		}
	}
	h.stopWhenEmpty()
}

func (h *herder) stopWhenEmpty() {
	if h.stopping != nil && len(h.members) == 0 {
		h.stopping.Done.Send(h.abandoned, nil)
	}
}
