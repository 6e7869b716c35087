package worker

import (
	"context"
	"maps"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/api"
	"github.com/troupe-connect/troupe/actors/connector"
	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// statuses is where the herder stores statuses: *storage.TopicStatusStore or *storage.MemoryStatusStore.
// Puts don't block.
type statuses interface {
	api.Statuses
	Connectors() []string
	PutConnector(name string, st state.Status)
	PutConnectorSafe(name string, st state.Status)
	PutTask(id state.TaskID, st state.Status)
	PutTaskSafe(id state.TaskID, st state.Status)
	Flush(ctx context.Context) error
	Refresh(ctx context.Context) error
}

// truth is how the herder sees to it that the stored statuses tell what runs.
type truth struct {
	first     int                         // generation of the first assignment; 0: there was none
	wrote     map[state.TaskID]bool       // of what this herder stored a status
	timer     *act.Timer                  // until the next comparison; nil: none is due
	reading   bool                        // what is stored is being read for one
	again     bool                        // something changed meanwhile
	contested map[state.TaskID]contention // by others who say that they run it
}

// contention is a status of something here that others store again and again.
type contention struct {
	times        int
	last, warned time.Time
}

// The time from a change to the comparison that follows it, that between two without a change, and how long
// reading for one may take.
const (
	compareSoon  = time.Second
	compareIdle  = 30 * time.Second
	compareLimit = 30 * time.Second
)

// contestedTimes is how often a status has to be found to be another's before that is told, contestedEvery how
// often it is told, and contestedFor how long it is remembered: whoever else writes it finds ours in between.
const (
	contestedTimes = 2
	contestedEvery = 10 * time.Minute
	contestedFor   = 5 * time.Minute
)

func (t *truth) joined(generation int) {
	if t.first == 0 {
		t.first = generation
	}
}

// said stores what a connector or task says of itself.
func (h *herder) said(m connector.Changed) {
	id := state.TaskID{Connector: m.Name, Task: m.Task}
	st := m.Status
	st.Generation = max(h.board.Generation(), 0)
	if st.State == state.Unassigned {
		h.board.Remove(id)
	} else if h.herd.Runs(id) {
		h.board.Put(id, st)
	}
	if id.IsConnector() {
		if h.failed[m.Name] = st.State.Broken(); h.failed[m.Name] { // it will not say what its tasks are, for now
			h.answerSettled(m.Name)
		}
	}
	view := h.view()
	if !view.Contains(m.Name) || m.Task >= view.TaskCount(m.Name) {
		return // deleted: its status is removed
	}
	h.store(id, st, st.State == state.Unassigned || st.State == state.Failed) // others may run it by now
	h.compareIn(compareSoon)
}

// store stores a status. safe: not if another worker has stored a later one.
func (h *herder) store(id state.TaskID, st state.Status, safe bool) {
	if h.truth.wrote == nil {
		h.truth.wrote = map[state.TaskID]bool{}
	}
	h.truth.wrote[id] = true
	switch {
	case id.IsConnector() && safe:
		h.statuses.PutConnectorSafe(id.Connector, st)
	case id.IsConnector():
		h.statuses.PutConnector(id.Connector, st)
	case safe:
		h.statuses.PutTaskSafe(id, st)
	default:
		h.statuses.PutTask(id, st)
	}
}

// forget removes what is stored of a connector or tasks that are no more. In a cluster the leader removes
// statuses; the topics of a connector are removed by the worker that ran it, and stay in standalone mode as in
// the JVM's.
func (h *herder) forget(name string) {
	view := h.view()
	there := view.Contains(name)
	if !h.alone {
		if !there && h.sups[name] == nil {
			h.statuses.ResetTopics(name)
		}
		return
	}
	count := view.TaskCount(name)
	for _, t := range h.statuses.Tasks(name) {
		id := state.TaskID{Connector: name, Task: t.ID}
		if _, here := h.board.Status(id); !here && t.ID >= count {
			h.statuses.PutTask(id, state.Status{State: state.Destroyed})
		}
	}
	if !there && h.sups[name] == nil {
		h.statuses.PutConnector(name, state.Status{State: state.Destroyed})
	}
}

// compareIn has the statuses compared after some time, unless that is due before.
func (h *herder) compareIn(d time.Duration) {
	switch {
	case h.alone || h.stopping != nil:
	case h.truth.reading:
		h.truth.again = true
	case h.truth.timer == nil || d == compareSoon:
		h.truth.timer.Stop()
		h.truth.timer = act.After(h.ctx, d, compareDue{})
	}
}

// compare reads what is stored, with all that this worker has put, as a goroutine of the herder.
func (h *herder) compare() {
	h.truth.timer = nil
	if h.herd.Generation() < 0 || h.stopping != nil || h.truth.reading {
		return // the next assignment has it done
	}
	h.truth.reading, h.truth.again = true, false
	act.Go(h.ctx, h.life, reading{}, []string{"of", "statuses"}, func(ctx context.Context) (any, error) {
		ctx, cancel := context.WithTimeout(ctx, compareLimit)
		defer cancel()
		if err := h.statuses.Flush(ctx); err != nil {
			return nil, err
		}
		return nil, h.statuses.Refresh(ctx)
	})
}

// compared corrects what is stored and isn't so.
func (h *herder) compared(m act.Exited) {
	h.truth.reading = false
	if h.stopping != nil || h.life.Err() != nil {
		return
	}
	next := compareIdle
	if h.truth.again {
		next = compareSoon
	}
	defer h.compareIn(next)
	if m.Err != nil {
		h.log.Debug("stored statuses not compared with what runs: they can't be read", "err", m.Err)
		return
	}
	if h.herd.Generation() < 0 || h.truth.again {
		return
	}
	view := h.view()
	here := h.board.Here()
	for id := range here {
		if !view.Contains(id.Connector) || id.Task >= view.TaskCount(id.Connector) {
			delete(here, id)
		}
	}
	t := herd.Truth{
		Worker: h.env.WorkerID, Generation: h.herd.Generation(), First: h.truth.first, Here: here,
		Leaving: func(id state.TaskID) bool { return h.leaving[id] || h.closing[id.Connector] },
		Wrote:   func(id state.TaskID) bool { return h.truth.wrote[id] },
	}
	corrections, contested := t.Corrections(h.stored(view))
	for _, c := range corrections {
		h.log.Info("stored status was not true and is corrected", "connector", c.ID.Connector, "task", c.ID.Task, "state", string(c.Status.State))
		h.store(c.ID, c.Status, c.Safe)
	}
	h.contested(contested)
}

// stored is what is stored of all that there is.
func (h *herder) stored(view *storage.ConfigState) []herd.Stored {
	var out []herd.Stored
	for _, name := range view.Connectors() {
		if st, ok := h.statuses.Connector(name); ok {
			out = append(out, herd.Stored{ID: state.ConnectorID(name), Status: st})
		}
		for _, t := range h.statuses.Tasks(name) {
			if t.ID < view.TaskCount(name) {
				out = append(out, herd.Stored{ID: state.TaskID{Connector: name, Task: t.ID}, Status: t.Status})
			}
		}
	}
	return out
}

// contested warns of statuses that others keep storing: of another cluster with the same topics, or of a worker
// by the same name.
func (h *herder) contested(now []herd.Stored) {
	maps.DeleteFunc(h.truth.contested, func(_ state.TaskID, c contention) bool { return time.Since(c.last) > contestedFor })
	for _, s := range now {
		c := h.truth.contested[s.ID]
		c.times++
		c.last = time.Now()
		if c.times >= contestedTimes && time.Since(c.warned) >= contestedEvery {
			c.warned = time.Now()
			if s.WorkerID == h.env.WorkerID {
				h.log.Warn("another worker stores statuses in the name of this one: two workers advertise the same address; "+
					"set rest.advertised.host.name and rest.advertised.port", "worker", s.WorkerID, "connector", s.ID.Connector, "task", s.ID.Task)
			} else {
				h.log.Warn("another worker says that it runs what this one runs: does another Connect cluster, with another group.id, use the same internal topics?",
					"worker", s.WorkerID, "connector", s.ID.Connector, "task", s.ID.Task, "group.id", h.env.Worker.GroupID, "status.storage.topic", h.env.Worker.StatusTopic.Name)
			}
		}
		if h.truth.contested == nil {
			h.truth.contested = map[state.TaskID]contention{}
		}
		h.truth.contested[s.ID] = c
	}
}
