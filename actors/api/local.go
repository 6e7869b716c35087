package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Local makes the changes of a standalone worker: in its own memory, for its own herder.
type Local struct {
	api   *API
	store *storage.MemoryConfigStore
	mu    sync.Mutex // held by changes that look before they write
}

// NewLocal is the API of a standalone worker, and how it makes changes.
func NewLocal(cfg Config, store *storage.MemoryConfigStore) (*API, *Local) {
	a := &API{cfg: cfg, env: cfg.Env}
	l := &Local{api: a, store: store}
	a.mode = l
	return a, l
}

// settleTime is how long a request that makes or changes a connector waits for its tasks to be known, so
// that the answer names them; a connector that hangs doesn't hold the request up longer.
const settleTime = 5 * time.Second

func (l *Local) ready() error       { return nil }
func (l *Local) started() bool      { return true }
func (l *Local) note() string       { return "" }
func (l *Local) patch(string) error { return nil }

func (l *Local) put(ctx context.Context, name string, props map[string]string, initial state.TargetState, create bool) (isNew bool, err error) {
	// Asked first: a worker that has stopped takes nothing, one whose herder begins anew is waited for, and so is
	// a connector of the same name that was deleted and is still stopping.
	first := l.api.cfg.Herder.Ping
	if !l.store.Snapshot().Contains(name) {
		first = func(ctx context.Context) error { return l.api.cfg.Herder.Gone(ctx, name) }
	}
	if err := ask(ctx, "writing a config for connector "+name, first); err != nil {
		return false, err
	}
	l.mu.Lock()
	isNew = !l.store.Snapshot().Contains(name)
	if create && !isNew {
		l.mu.Unlock()
		return false, errs.AlreadyExists.New("Connector %s already exists", name)
	}
	l.store.PutConnector(name, props, initial)
	target := l.store.Snapshot().Target(name)
	l.mu.Unlock()
	if isNew {
		l.api.env.Log.Info("connector created", "connector", name, "target", string(target))
	} else {
		l.api.env.Log.Info("connector reconfigured", "connector", name)
	}
	if target != state.TargetStarted { // nobody will say what its tasks are
		return isNew, nil
	}
	wait, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	err = l.api.cfg.Herder.Settled(wait, name)
	switch {
	case err == nil || errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return isNew, nil // a failure is no error of the request: the connector is there, and its status tells
	case errors.Is(err, context.DeadlineExceeded):
		return isNew, stageNow(fmt.Sprintf("creating the connector %s", name))
	}
	return isNew, err
}

// PutTasks stores task configurations that were made of the connector's configuration props, if they are of
// use.
func (l *Local) PutTasks(name string, props map[string]string, configs []map[string]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if herd.Publishable(l.store.Snapshot(), name, props, configs) {
		l.store.PutTasks(name, configs)
	}
}

func (l *Local) remove(ctx context.Context, name string) error {
	if err := ask(ctx, "stopping connector "+name, l.api.cfg.Herder.Ping); err != nil {
		return err
	}
	l.mu.Lock()
	if !l.store.Snapshot().Contains(name) {
		l.mu.Unlock()
		return notFound(name)
	}
	l.store.RemoveConnector(name)
	l.mu.Unlock()
	l.api.env.Log.Info("connector deleted", "connector", name)
	return ask(ctx, "stopping connector "+name, func(ctx context.Context) error { return l.api.cfg.Herder.Gone(ctx, name) })
}

func (l *Local) setTarget(ctx context.Context, name string, target state.TargetState) error {
	doing := fmt.Sprintf("changing the target state of connector %s", name)
	if err := ask(ctx, doing, l.api.cfg.Herder.Ping); err != nil {
		return err
	}
	l.mu.Lock()
	switch {
	case l.store.Snapshot().Contains(name):
		if target == state.TargetStopped {
			l.store.PutTasks(name, nil)
		}
		l.store.PutTarget(name, target)
	case target == state.TargetStopped:
		l.mu.Unlock()
		return errs.Connect.New("No connector `%s` configured", name) // 500, as the JVM standalone worker
	default:
		l.mu.Unlock()
		return unknown(name)
	}
	l.mu.Unlock()
	return ask(ctx, doing, l.api.cfg.Herder.Ping) // it has seen the change when it answers
}

func (l *Local) restart(ctx context.Context, id state.TaskID) error {
	view := l.store.Snapshot()
	switch {
	case !view.Contains(id.Connector) && id.IsConnector():
		// A NullPointerException of the JVM's standalone worker, which answers 500 with its text.
		return errs.Connect.New("null")
	case !view.Contains(id.Connector):
		// 500, as on the JVM's standalone worker.
		return errs.Connect.New("Failed to start task %s since it is not a recognizable type (source or sink)", id)
	case !id.IsConnector() && id.Task >= view.TaskCount(id.Connector):
		return errs.NotFound.New("Task %s not found", id)
	}
	return ask(ctx, restartDoing(id), func(ctx context.Context) error { return l.api.cfg.Herder.Restart(ctx, id) })
}

func (l *Local) restartAll(ctx context.Context, name string, includeTasks, onlyFailed bool) (state.ConnectorStatus, error) {
	if !l.store.Snapshot().Contains(name) {
		return state.ConnectorStatus{}, errs.NotFound.New("Unknown connector: %s", name)
	}
	if err := ask(ctx, "planning the restart of connector "+name, l.api.cfg.Herder.Ping); err != nil {
		return state.ConnectorStatus{}, err
	}
	plan, err := l.api.plan(name, includeTasks, onlyFailed)
	if err == nil {
		l.store.PutRestartRequest(storage.RestartRequest{Connector: name, OnlyFailed: onlyFailed, IncludeTasks: includeTasks})
	}
	return plan, err
}

func (l *Local) changeOffsets(ctx context.Context, _, _ string, change func(context.Context) error) error {
	return change(ctx)
}
