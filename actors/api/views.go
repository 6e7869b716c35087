package api

import (
	"context"

	"github.com/troupe-connect/troupe/actors/member"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

type stage = member.Stage

func stageNow(doing string) *stage { return member.StageNow(doing) }

// Connectors are the names of all connectors.
func (a *API) Connectors(context.Context) ([]string, error) { return a.cfg.View().Connectors(), nil }

// Connector is a connector's configuration, raw, and tasks.
func (a *API) Connector(_ context.Context, name string) (state.ConnectorInfo, error) {
	view := a.cfg.View()
	props, ok := view.Config(name)
	if !ok {
		return state.ConnectorInfo{}, notFound(name)
	}
	info := state.ConnectorInfo{Name: name, Config: props, Type: a.kind(props), Tasks: view.Tasks(name)}
	if info.Tasks == nil {
		info.Tasks = []state.TaskID{}
	}
	return info, nil
}

// kind is source or sink, "" for a class that nobody knows.
func (a *API) kind(props map[string]string) plugin.Kind {
	_, kind, err := task.FindConnector(a.env.Registry, props)
	if err != nil {
		return ""
	}
	return kind
}

// status is how a connector and its tasks are doing, as far as this worker can know.
func (a *API) status(name string) (state.ConnectorStatus, bool) {
	stored, ok := a.cfg.Statuses.Connector(name)
	st, ok := a.cfg.Board.Shown(state.ConnectorID(name), stored, ok, a.env.WorkerID)
	if !ok {
		return state.ConnectorStatus{}, false
	}
	view := a.cfg.View()
	props, there := view.Config(name)
	out := state.ConnectorStatus{Name: name, Connector: st, Type: a.kind(props)}
	for _, t := range a.cfg.Statuses.Tasks(name) {
		if there && t.ID >= view.TaskCount(name) {
			continue // of a task that the connector has no more; what is stored is removed in a moment
		}
		t.Status, _ = a.cfg.Board.Shown(state.TaskID{Connector: name, Task: t.ID}, t.Status, true, a.env.WorkerID)
		out.Tasks = append(out.Tasks, t)
	}
	return out, true
}

// Status is how a connector and its tasks are doing.
func (a *API) Status(_ context.Context, name string) (state.ConnectorStatus, error) {
	st, ok := a.status(name)
	if !ok {
		return state.ConnectorStatus{}, errs.NotFound.New("No status found for connector %s", name)
	}
	return st, nil
}

// TaskStatus is how a task is doing. One that the connector has no more isn't found, though its status may
// be stored yet: Status doesn't show it either.
func (a *API) TaskStatus(_ context.Context, id state.TaskID) (state.TaskStatus, error) {
	if id.Task < 0 { // the connector's own status is not a task's
		return state.TaskStatus{}, errs.NotFound.New("No status found for task %s", id)
	}
	stored, ok := a.cfg.Statuses.Task(id)
	st, ok := a.cfg.Board.Shown(id, stored, ok, a.env.WorkerID)
	view := a.cfg.View()
	if gone := view.Contains(id.Connector) && id.Task >= view.TaskCount(id.Connector); !ok || gone {
		return state.TaskStatus{}, errs.NotFound.New("No status found for task %s", id)
	}
	return state.TaskStatus{ID: id.Task, Status: st}, nil
}

// TaskConfigs are the stored task configurations.
func (a *API) TaskConfigs(_ context.Context, name string) ([]state.TaskInfo, error) {
	view := a.cfg.View()
	if !view.Contains(name) {
		return nil, notFound(name)
	}
	out := []state.TaskInfo{}
	for n, conf := range view.TaskConfigs(name) {
		out = append(out, state.TaskInfo{ID: state.TaskID{Connector: name, Task: n}, Config: conf})
	}
	return out, nil
}

// ActiveTopics are the topics that a connector used since its start or the last reset.
func (a *API) ActiveTopics(_ context.Context, name string) ([]string, error) {
	return a.cfg.Statuses.Topics(name), nil
}

// ResetActiveTopics forgets them.
func (a *API) ResetActiveTopics(_ context.Context, name string) error {
	a.cfg.Statuses.ResetTopics(name)
	return nil
}
