package worker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/api"
	"github.com/troupe-connect/troupe/actors/connector"
	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// herderDeps is what a herder knows and uses. All of it outlives the herder.
type herderDeps struct {
	env      *task.Env
	view     func() *storage.ConfigState
	statuses statuses
	board    *herd.Board
	// rejoin has the work assigned anew.
	rejoin func(reason string)
	// publish has task configurations stored; it returns when that is done or of no use any more.
	publish func(context.Context, herd.Publish)
	// alone: the worker is standalone. Nobody else writes statuses, or clears them away.
	alone bool

	births int // of herders; touched in their turn only
}

func (d *herderDeps) props() *actor.Props {
	return act.Props(func() actor.Actor {
		return &herder{
			herderDeps: d, log: d.env.Log, sups: map[string]*actor.PID{}, leaving: state.WorkSet{}, closing: map[string]bool{}, failed: map[string]bool{}, publications: map[string]*publishing{},
			tickets: map[herd.Ticket]func(){}, settles: map[string][]act.Reply[struct{}]{}, goners: map[string][]act.Reply[struct{}]{},
		}
	})
}

// herder is the actor that carries out what the herd decides: it holds no plugin and does no I/O.
type herder struct {
	*herderDeps
	log  *slog.Logger
	herd *herd.Herd
	sups map[string]*actor.PID // supervisors by connector

	leaving state.WorkSet   // what was told to stop and hasn't yet
	closing map[string]bool // connectors of which everything was

	publications map[string]*publishing
	published    int // counts publications
	tickets      map[herd.Ticket]func()
	ticket       herd.Ticket
	settles      map[string][]act.Reply[struct{}] // requests that wait for a connector's tasks to be known
	failed       map[string]bool                  // connector objects that have failed since they were started
	goners       map[string][]act.Reply[struct{}] // requests that wait for a connector's end
	truth        truth

	ctx       actor.Context // of the turn in progress
	by        time.Time     // until when what is stopped in this turn has to have stopped
	life      context.Context
	end       context.CancelFunc
	spawned   int
	stopping  *stopAll
	abandoned []string
}

// publishing is a publication under way.
type publishing struct {
	seq    int
	cancel context.CancelFunc
}

// Receive handles one message and returns at once.
func (h *herder) Receive(c actor.Context) {
	h.ctx, h.by = c, time.Now().Add(h.env.Worker.TaskShutdownTimeout)
	switch m := c.Message().(type) {
	case *actor.Started:
		h.begin()
	case lookAround:
		h.lookAround()
	case ping:
		m.Done.Send(struct{}{}, nil)
	case assigned:
		h.assign(m.Generation, m.Work)
		m.Done.Send(struct{}{}, nil)
	case assignAll:
		h.assign(0, configured(h.view()))
	case revoked:
		h.revoke(m)
	case quiet:
		h.do(h.herd.Quiet(h.promise(func() { m.Done.Send(struct{}{}, nil) })))
	case changed:
		h.changed(m.name)
	case restartRequested:
		h.restartRequested(m.RestartRequest)
	case restartOne:
		h.restartOne(m)
	case settled:
		h.settled(m)
	case gone:
		h.goner(m)
	case connector.Changed:
		h.said(m)
	case connector.TaskConfigsReady:
		h.wanted(m)
	case connector.Stopped:
		h.stopped(state.TaskID{Connector: m.Name, Task: m.Task})
	case connector.AllStopped:
		h.allStopped(m)
	case act.Exited:
		h.exited(m)
	case compareDue:
		h.compare()
	case stopAll:
		h.stopAll(m)
	case *actor.Stopping:
		h.end()
	}
}

// HandleFailure begins a connector supervisor anew when it fails: what it ran restarts once.
func (h *herder) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	sup.StopChildren(child)
	f := act.AsFailure(reason, false)
	for name, pid := range h.sups {
		if pid.Id != child.Id {
			continue
		}
		h.log.Error("connector supervisor failed; what this worker runs of the connector is started again", "connector", name, "err", f, "stack", f.Stack)
		h.supervisorGone(name)
		return
	}
}

// begin is the herder's birth: nothing runs yet, and nothing is assigned.
func (h *herder) begin() {
	h.life, h.end = context.WithCancel(context.Background()) //nolint:forbidigo // the actor starts its goroutines here
	h.board.Clear()
	h.herd = herd.New(h.view())
	h.births++
}

// lookAround finds out how things stand, when the herder is told of what changes from now on: what is assigned
// is told anew, to the first herder and to one that follows another that failed.
func (h *herder) lookAround() {
	view := h.view()
	for _, name := range h.herd.Known(view) {
		h.do(h.herd.Changed(view, name))
	}
	switch {
	case h.alone:
		h.rejoin("the worker starts")
	case h.births > 1:
		h.rejoin("the herder was started again and may have missed changes")
	}
}

// configured is all that is to run.
func configured(view *storage.ConfigState) state.WorkSet {
	work := state.WorkSet{}
	for _, name := range view.Connectors() {
		work[state.ConnectorID(name)] = true
		for _, id := range view.Tasks(name) {
			work[id] = true
		}
	}
	return work
}

func (h *herder) assign(generation int, work state.WorkSet) {
	if h.stopping != nil {
		return
	}
	h.board.Assign(work, generation)
	h.do(h.herd.Assign(h.view(), generation, work))
	h.truth.joined(generation)
	h.compareIn(compareSoon)
}

// promise keeps what is to be done when the herd gives the ticket back.
func (h *herder) promise(then func()) herd.Ticket {
	h.ticket++
	h.tickets[h.ticket] = then
	return h.ticket
}

// revoke stops what the group takes away and answers when it has stopped, or was fenced because it
// did not in time.
func (h *herder) revoke(m revoked) {
	h.by = m.By
	work := m.Work
	if work == nil {
		work = h.herd.Work()
	}
	h.do(h.herd.Revoke(work, m.Lost, h.promise(func() { m.Done.Send(struct{}{}, nil) })))
	h.board.Assign(h.herd.Work(), h.herd.Generation())
}

func (h *herder) changed(name string) {
	h.do(h.herd.Changed(h.view(), name))
	h.forget(name)
	h.compareIn(compareSoon)
}

// restartRequested restarts what is here of what the request selects (KIP-745).
func (h *herder) restartRequested(r storage.RestartRequest) {
	h.log.Info("restart requested", "connector", r.Connector, "include_tasks", r.IncludeTasks, "only_failed", r.OnlyFailed)
	h.do(h.herd.Restart(r.Connector, func(id state.TaskID) bool {
		st, known := h.board.Status(id)
		return known && (id.IsConnector() || r.IncludeTasks) && (!r.OnlyFailed || st.State.Broken())
	}))
}

func (h *herder) restartOne(m restartOne) {
	pid := h.sups[m.ID.Connector]
	if pid == nil || !h.herd.Runs(m.ID) {
		m.Done.Fail(api.ErrNotHere)
		return
	}
	h.ctx.Send(pid, connector.Restart{Task: m.ID.Task, Done: m.Done})
}

// wanted are task configurations as a connector object made them.
func (h *herder) wanted(m connector.TaskConfigsReady) {
	orders := h.herd.Wanted(h.view(), m.Name, m.Props, m.Configs)
	h.do(orders)
	if h.publications[m.Name] == nil { // they are stored already, or of no use
		h.answerSettled(m.Name)
	}
}

// stopped is a connector object or task that is gone.
func (h *herder) stopped(id state.TaskID) {
	delete(h.leaving, id)
	if !h.herd.Runs(id) {
		h.board.Remove(id)
	}
	h.do(h.herd.Stopped(id))
	h.forget(id.Connector)
}

// allStopped is a connector whose supervisor has nothing left.
func (h *herder) allStopped(m connector.AllStopped) {
	pid := h.sups[m.Name]
	if pid == nil {
		return
	}
	h.ctx.Stop(pid)
	if h.stopping != nil { // what was left behind long ago is not this stop's to tell
		for _, who := range m.Abandoned {
			h.abandoned = append(h.abandoned, m.Name+"/"+who)
		}
	}
	h.supervisorGone(m.Name)
}

// supervisorGone forgets a connector's supervisor; there will be another if the connector is assigned.
func (h *herder) supervisorGone(name string) {
	delete(h.sups, name)
	delete(h.closing, name)
	delete(h.failed, name)
	maps.DeleteFunc(h.leaving, func(id state.TaskID, _ bool) bool { return id.Connector == name })
	h.board.RemoveAll(name)
	h.answerSettled(name)
	h.do(h.herd.AllStopped(h.view(), name))
	h.forget(name)
	for _, r := range h.goners[name] {
		r.Send(struct{}{}, nil)
	}
	delete(h.goners, name)
	h.stopWhenEmpty()
}

// settled has a request wait until the tasks of a connector are known.
func (h *herder) settled(m settled) {
	if h.stopping != nil {
		m.Done.Fail(act.ErrGone)
		return
	}
	h.settles[m.Name] = append(h.settles[m.Name], m.Done)
	if h.failed[m.Name] || h.publications[m.Name] == nil && h.herd.Wants(m.Name) {
		h.answerSettled(m.Name)
	}
}

// answerSettled answers the requests that wait to know a connector's tasks. A failure is no error of theirs:
// the connector is there, and its status tells.
func (h *herder) answerSettled(name string) {
	for _, r := range h.settles[name] {
		r.Send(struct{}{}, nil)
	}
	delete(h.settles, name)
}

func (h *herder) goner(m gone) {
	if h.sups[m.Name] == nil {
		m.Done.Send(struct{}{}, nil)
		return
	}
	h.goners[m.Name] = append(h.goners[m.Name], m.Done)
}

func (h *herder) stopAll(m stopAll) {
	if h.stopping != nil {
		m.Done.Fail(act.ErrGone)
		return
	}
	h.stopping, h.by = &m, m.By
	for name := range h.settles {
		h.answerSettled(name)
	}
	h.do(h.herd.StopAll())
	h.board.Assign(nil, h.herd.Generation())
	h.stopWhenEmpty()
}

func (h *herder) stopWhenEmpty() {
	if h.stopping != nil && len(h.sups) == 0 {
		h.stopping.Done.Send(h.abandoned, nil)
	}
}

// do carries out what the herd decided.
func (h *herder) do(orders []herd.Order) {
	for _, o := range orders {
		switch o := o.(type) {
		case herd.Supervise:
			h.supervise(o)
		case herd.StartConnector:
			delete(h.leaving, state.ConnectorID(o.Connector))
			delete(h.failed, o.Connector)
			h.ctx.Send(h.sups[o.Connector], connector.StartConnector{Props: o.Props, Target: o.Target})
		case herd.StartTask:
			delete(h.leaving, o.ID)
			h.ctx.Send(h.sups[o.ID.Connector], connector.StartTask{Task: o.ID.Task, Connector: o.Connector, Props: o.Props, Generation: o.Generation})
		case herd.SetTarget:
			h.log.Info("target state changed", "connector", o.Connector, "target", string(o.Target))
			h.ctx.Send(h.sups[o.Connector], connector.SetTarget{Target: o.Target})
		case herd.Stop:
			h.leaving[o.ID] = true
			h.ctx.Send(h.sups[o.ID.Connector], connector.StopTask{Task: o.ID.Task, By: h.by})
		case herd.StopAll:
			h.closing[o.Connector] = true
			h.ctx.Send(h.sups[o.Connector], connector.StopAll{By: h.by})
		case herd.Restart:
			h.ctx.Send(h.sups[o.ID.Connector], connector.Restart{Task: o.ID.Task})
		case herd.Publish:
			h.startPublishing(o)
		case herd.Unpublish:
			h.stopPublishing(o.Connector)
		case herd.Rejoin:
			if h.alone { // in a cluster the membership tells
				h.log.Info("connectors or tasks are started and stopped", "reason", o.Reason)
			}
			h.rejoin(o.Reason)
		case herd.Done:
			then := h.tickets[o.Ticket]
			delete(h.tickets, o.Ticket)
			then()
		}
	}
}

// supervise starts a connector's supervisor.
func (h *herder) supervise(o herd.Supervise) {
	h.spawned++
	// Names may hold slashes, by which the library joins the names of actors.
	pid, err := h.ctx.SpawnNamed(connector.Props(h.env, o.Connector), "connector-"+url.PathEscape(o.Connector)+"#"+strconv.Itoa(h.spawned))
	if err != nil {
		panic(fmt.Errorf("connector %q: %w", o.Connector, err))
	}
	h.sups[o.Connector] = pid
	h.ctx.Send(pid, connector.SetTarget{Target: o.Target})
}

func (h *herder) startPublishing(o herd.Publish) {
	h.published++
	ctx, cancel := context.WithCancel(h.life)
	h.publications[o.Connector] = &publishing{h.published, cancel}
	labels := []string{"connector", o.Connector, "of", "task configurations"}
	act.Go(h.ctx, ctx, publication{o.Connector, h.published}, labels, func(ctx context.Context) (any, error) {
		defer cancel()
		h.publish(ctx, o)
		return nil, nil
	})
}

func (h *herder) stopPublishing(name string) {
	if p := h.publications[name]; p != nil {
		p.cancel()
		delete(h.publications, name)
	}
}

func (h *herder) exited(m act.Exited) {
	switch id := m.ID.(type) {
	case publication:
		h.publicationEnded(id, m.Err)
	case reading:
		h.compared(m)
	}
}

// publicationEnded tells the herd, which has what is still of use published again.
func (h *herder) publicationEnded(id publication, err error) {
	p := h.publications[id.name]
	if p == nil || p.seq != id.seq {
		return // given up meanwhile
	}
	delete(h.publications, id.name)
	if h.life.Err() != nil {
		return
	}
	if err != nil {
		h.log.Warn("could not publish task configurations", "connector", id.name, "err", err)
	}
	h.do(h.herd.Published(h.view(), id.name))
	if h.publications[id.name] == nil {
		h.answerSettled(id.name)
	}
}
