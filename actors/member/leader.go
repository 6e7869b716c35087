package member

import (
	"context"
	"errors"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// Leader makes the writes to the internal topics that only the leader of the group may make. On a worker
// that doesn't lead they are refused with an *Elsewhere that says who does.
type Leader struct {
	m *Member
	// writes has one token: writes are made one at a time.
	writes chan struct{}
}

func newLeader(m *Member) *Leader {
	l := &Leader{m: m, writes: make(chan struct{}, 1)}
	l.writes <- struct{}{}
	return l
}

// Leads is nil if this worker leads its group, and otherwise says who does. what it may not do then ends
// "Only the leader can …".
func (l *Leader) Leads(what string) error {
	leads, url, _ := l.m.Place()
	if leads {
		return nil
	}
	return &Elsewhere{"Only the leader can " + what + ".", url}
}

// Write makes a write of the leader, when those before it are over. doing says what goes on, for who waits
// too long.
func (l *Leader) Write(ctx context.Context, what, doing string, write func(context.Context) error) error {
	if err := l.Leads(what); err != nil {
		return err
	}
	began := StageNow(doing)
	select {
	case <-l.writes:
	case <-ctx.Done():
		return began
	}
	defer func() { l.writes <- struct{}{} }()
	err := l.m.cfg.Configs.ClaimWrites(ctx) // long done, unless the leader was fenced or is new
	if err == nil {
		err = write(ctx)
	}
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return began
	case errors.Is(err, storage.ErrNotLeader):
		l.m.Look() // to claim the right again
	}
	return err
}

// clearStatuses removes the statuses of connectors and tasks that are no more, and tells as UNASSIGNED what
// ran on a worker that is missing, until others get it. owners are by the plan of this generation.
func (l *Leader) clearStatuses(owners map[state.TaskID]string, generation int) {
	view, statuses := l.m.cfg.Configs.Snapshot(), l.m.cfg.Statuses
	destroyed := state.Status{State: state.Destroyed, WorkerID: l.m.cfg.WorkerID, Generation: generation}
	// The worker that ran the connector has done so too, but of the topics that it had read of by then.
	for _, name := range statuses.TopicConnectors() {
		if !view.Contains(name) {
			statuses.ResetTopics(name)
		}
	}
	removed := 0
	for _, name := range statuses.Connectors() {
		if !view.Contains(name) {
			removed++
			statuses.PutConnector(name, destroyed)
		} else if st, ok := statuses.Connector(name); ok && l.orphan(owners, state.ConnectorID(name), &st, generation) {
			statuses.PutConnectorSafe(name, st)
		}
		count := len(view.Tasks(name))
		for _, t := range statuses.Tasks(name) {
			id := state.TaskID{Connector: name, Task: t.ID}
			if t.ID >= count {
				removed++
				statuses.PutTask(id, destroyed)
			} else if st := t.Status; l.orphan(owners, id, &st, generation) {
				statuses.PutTaskSafe(id, st)
			}
		}
	}
	if removed > 0 {
		l.m.log.Info("removed statuses of deleted connectors and tasks", "statuses", removed)
	}
}

// orphan reports whether a status says that something is alive that nobody runs, and corrects it. The
// worker that is missing stays named in it.
func (l *Leader) orphan(owners map[state.TaskID]string, id state.TaskID, st *state.Status, generation int) bool {
	if owners[id] != "" || !st.State.Alive() || st.Generation > generation {
		return false
	}
	st.State, st.Trace, st.Generation = state.Unassigned, "", generation
	return true
}
