package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/connector"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// elsewhere is the error of a request that another worker has to carry out: httpapi.ElsewhereError.
type elsewhere struct {
	text string
	url  string
}

func (e *elsewhere) Error() string { return e.text }

// ForwardURL is where that worker is, "" while it isn't known.
func (e *elsewhere) ForwardURL() string { return e.url }

// errNotHere is the herder's word on something that another worker runs, or nobody.
var errNotHere = errs.NotFound.New("not assigned to this worker")

// codedError is an error with a HTTP status of its own: httpapi.StatusError.
type codedError struct {
	status int
	error
}

// StatusCode is the HTTP status.
func (e *codedError) StatusCode() int { return e.status }

// Unwrap is the error.
func (e *codedError) Unwrap() error { return e.error }

func unknown(name string) error { return errs.NotFound.New("Unknown connector %s", name) }

// leads is nil if this worker leads its group, and otherwise says who does.
func (d *Distributed) leads(what string) error {
	leads, url, _ := d.group.place()
	if leads {
		return nil
	}
	return &elsewhere{"Only the leader can " + what + ".", url}
}

// asLeader makes a write of the leader, which are made one at a time. doing says what goes on, for
// who waits too long.
func (d *Distributed) asLeader(ctx context.Context, what, doing string, write func(context.Context) error) error {
	if err := d.leads(what); err != nil {
		return err
	}
	began := stageNow(doing)
	select {
	case <-d.writes:
	case <-ctx.Done():
		return began
	}
	defer func() { d.writes <- struct{}{} }()
	err := d.store.ClaimWrites(ctx) // long done, unless the leader was fenced or is new
	if err == nil {
		err = write(ctx)
	}
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return began
	case errors.Is(err, storage.ErrNotLeader):
		d.group.look() // to claim the right again
	}
	return err
}

// Ready reports whether the worker is in its group and its herder answers.
func (d *Distributed) Ready(ctx context.Context) error {
	if err := d.Client.Ready(ctx); err != nil {
		return err
	}
	began := stageNow("ensuring membership in the cluster")
	if err := d.group.joined(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return began
		}
		return err
	}
	return nil
}

// Started reports whether the worker has ever been in its group.
func (d *Distributed) Started() bool { return d.group.everJoined.Load() }

// Create validates and makes a connector.
func (d *Distributed) Create(ctx context.Context, name string, props map[string]string, initial state.TargetState) (state.ConnectorInfo, error) {
	if err := d.check(ctx, props); err != nil {
		return state.ConnectorInfo{}, err
	}
	err := d.asLeader(ctx, "set connector configs", fmt.Sprintf("writing a config for connector %s to the config topic", name), func(ctx context.Context) error {
		if d.store.Snapshot().Contains(name) {
			return errs.AlreadyExists.New("Connector %s already exists", name)
		}
		return d.store.PutConnector(ctx, name, props, initial)
	})
	if err != nil {
		return state.ConnectorInfo{}, err
	}
	return d.Connector(ctx, name)
}

// PutConfig validates and makes or changes a connector.
func (d *Distributed) PutConfig(ctx context.Context, name string, props map[string]string) (state.ConnectorInfo, bool, error) {
	if err := d.check(ctx, props); err != nil {
		return state.ConnectorInfo{}, false, err
	}
	isNew := false
	err := d.asLeader(ctx, "set connector configs", fmt.Sprintf("writing a config for connector %s to the config topic", name), func(ctx context.Context) error {
		isNew = !d.store.Snapshot().Contains(name)
		return d.store.PutConnector(ctx, name, props, "")
	})
	if err != nil {
		return state.ConnectorInfo{}, false, err
	}
	info, err := d.Connector(ctx, name)
	return info, isNew, err
}

// PatchConfig merges into a connector's configuration; a nil value removes a key.
func (d *Distributed) PatchConfig(ctx context.Context, name string, patch map[string]*string) (state.ConnectorInfo, error) {
	props, ok := d.store.Snapshot().Config(name)
	if !ok {
		return state.ConnectorInfo{}, notFound(name)
	}
	if err := d.leads("set connector configs"); err != nil {
		return state.ConnectorInfo{}, err // the leader merges: it has what was written last
	}
	info, _, err := d.PutConfig(ctx, name, merge(props, patch))
	return info, err
}

// Delete forgets a connector; the workers stop what they run of it in the rebalance that follows.
// Offsets stay.
func (d *Distributed) Delete(ctx context.Context, name string) error {
	return d.asLeader(ctx, "delete connector configs", fmt.Sprintf("removing the config for connector %s from the config topic", name), func(ctx context.Context) error {
		if !d.store.Snapshot().Contains(name) {
			return notFound(name)
		}
		return d.store.RemoveConnector(ctx, name)
	})
}

// SetTarget pauses, resumes or stops a connector.
func (d *Distributed) SetTarget(ctx context.Context, name string, target state.TargetState) error {
	if !d.store.Snapshot().Contains(name) {
		return unknown(name)
	}
	if target != state.TargetStopped {
		return d.staged(ctx, fmt.Sprintf("writing the %s target state for connector %s to the config topic", target, name), func(ctx context.Context) error {
			return d.store.PutTarget(ctx, name, target)
		})
	}
	doing := fmt.Sprintf("writing the STOPPED target stage for connector %s to the config topic", name)
	return d.asLeader(ctx, "transition connectors to the STOPPED state", doing, func(ctx context.Context) error {
		if !d.store.Snapshot().Contains(name) {
			return unknown(name)
		}
		// Tasks first: a running connector without tasks is healthier than a stopped one with some.
		if d.store.Snapshot().TaskCount(name) > 0 || !d.committed(name) {
			if err := d.store.PutTasks(ctx, name, nil); err != nil {
				return err
			}
		}
		if err := d.store.PutTarget(ctx, name, target); err != nil {
			return err
		}
		return d.store.Refresh(ctx)
	})
}

// committed reports whether task configurations of a connector were ever committed.
func (d *Distributed) committed(name string) bool {
	_, ok := d.store.Snapshot().Generation(name)
	return ok
}

// staged runs f and says what was going on if ctx ends meanwhile.
func (d *Distributed) staged(ctx context.Context, doing string, f func(context.Context) error) error {
	began := stageNow(doing)
	err := f(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return began
	}
	return err
}

// RestartConnector restarts the connector object, on the worker that runs it.
func (d *Distributed) RestartConnector(ctx context.Context, name string) error {
	if !d.store.Snapshot().Contains(name) {
		return errs.NotFound.New("Unknown connector: %s", name)
	}
	return d.restartHere(ctx, state.TaskID{Connector: name, Task: connector.ConnectorTask}, "starting the connector "+name)
}

// RestartTask restarts a task, on the worker that runs it.
func (d *Distributed) RestartTask(ctx context.Context, id state.TaskID) error {
	snapshot := d.store.Snapshot()
	if !snapshot.Contains(id.Connector) {
		return errs.NotFound.New("Unknown connector: %s", id.Connector)
	}
	if _, ok := snapshot.TaskConfig(id); !ok { // one that the connector had before counts: it is known, and runs nowhere
		return errs.NotFound.New("Unknown task: %s", id)
	}
	return d.restartHere(ctx, id, "restarting task "+id.String())
}

func (d *Distributed) restartHere(ctx context.Context, id state.TaskID, stage string) error {
	err := d.restart(ctx, id, stage)
	if !errors.Is(err, errNotHere) {
		return err
	}
	leads, url, _ := d.group.place()
	if leads {
		url = d.group.ownerURL(id)
	}
	if url == d.cfg.URL { // assigned here, but not started yet or not any more
		url = ""
	}
	return &elsewhere{"Cannot restart it since it is not assigned to this member", url}
}

// RestartWithTasks asks all workers to restart what they run of what the flags select, and returns
// the plan.
func (d *Distributed) RestartWithTasks(ctx context.Context, name string, includeTasks, onlyFailed bool) (state.ConnectorStatus, error) {
	var plan state.ConnectorStatus
	err := d.asLeader(ctx, "process restart requests", fmt.Sprintf("writing a restart request for connector %s to the config topic", name), func(ctx context.Context) error {
		props, ok := d.store.Snapshot().Config(name)
		if !ok {
			return errs.NotFound.New("Unknown connector: %s", name)
		}
		st, ok := d.status.Connector(name)
		if !ok {
			return errs.NotFound.New("Status for connector %s not found", name)
		}
		plan = state.ConnectorStatus{Name: name, Connector: st, Tasks: d.status.Tasks(name), Type: d.kind(props)}
		if !onlyFailed || broken(st.State) {
			plan.Connector.State = state.Restarting
		}
		for i := range plan.Tasks {
			if t := &plan.Tasks[i]; includeTasks && (!onlyFailed || broken(t.State)) {
				t.State = state.Restarting
			}
		}
		return d.store.PutRestartRequest(ctx, storage.RestartRequest{Connector: name, OnlyFailed: onlyFailed, IncludeTasks: includeTasks})
	})
	return plan, err
}

// AlterOffsets replaces offsets of a stopped connector; an entry without offset is removed.
func (d *Distributed) AlterOffsets(ctx context.Context, name string, offsets []state.ConnectorOffset) (msg string, err error) {
	err = d.changeOffsets(ctx, name, "altering", func(ctx context.Context) error {
		msg, err = d.Client.AlterOffsets(ctx, name, offsets)
		return err
	})
	return msg, err
}

// ResetOffsets removes all offsets of a stopped connector.
func (d *Distributed) ResetOffsets(ctx context.Context, name string) (msg string, err error) {
	err = d.changeOffsets(ctx, name, "resetting", func(ctx context.Context) error {
		msg, err = d.Client.ResetOffsets(ctx, name)
		return err
	})
	return msg, err
}

// changeOffsets is the leader's, who reads the newest configurations first, and with exactly-once
// sources shuts out tasks that may still write.
func (d *Distributed) changeOffsets(ctx context.Context, name, what string, change func(context.Context) error) error {
	if err := d.leads("modify connector offsets"); err != nil {
		return err
	}
	return d.staged(ctx, what+" offsets of connector "+name, func(ctx context.Context) error {
		if err := d.store.Refresh(ctx); err != nil {
			return err
		}
		s, err := d.stoppedSubject(ctx, name)
		if err != nil {
			return err
		}
		if d.env.ExactlyOnce != nil && s.conf.Kind == plugin.Source {
			if err := d.FenceZombies(ctx, name); err != nil {
				return err
			}
		}
		return change(ctx)
	})
}

// SessionKey implements httpapi.Internal.
func (d *Distributed) SessionKey(context.Context) (key []byte, algorithms []string, required bool, err error) {
	_, _, protocol := d.group.place()
	if k := d.store.Snapshot().SessionKey(); k != nil {
		key = k.Key
	}
	return key, d.cfg.Settings.Sessions.VerificationAlgorithms, protocol == group.Sessioned, nil
}

// PutTaskConfigs implements httpapi.Internal: it stores what the owner of a connector computed.
func (d *Distributed) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string) error {
	return d.asLeader(ctx, "write task configurations", fmt.Sprintf("writing configs for tasks of connector %s to the config topic", name), func(ctx context.Context) error {
		snapshot := d.store.Snapshot()
		if !snapshot.Contains(name) {
			return notFound(name)
		}
		if len(configs) > 0 && snapshot.Target(name) == state.TargetStopped {
			return errs.BadRequest.New("Cannot submit non-empty set of task configs for stopped connector %s", name)
		}
		return d.store.PutTasks(ctx, name, configs)
	})
}

// SetLoggerLevel makes all workers set a logger's level.
func (d *Distributed) SetLoggerLevel(ctx context.Context, logger, level string) error {
	return d.staged(ctx, "writing the level of logger "+logger+" to the config topic", func(ctx context.Context) error {
		return d.store.PutLoggerLevel(ctx, logger, level)
	})
}

// publishable reports whether task configurations that were made for the connector's props differ
// from those that are stored.
func (d *Distributed) publishable(name string, props map[string]string, configs []map[string]string) bool {
	s := d.store.Snapshot()
	now, ok := s.Config(name)
	if !ok || !maps.Equal(now, props) || s.Target(name) != state.TargetStarted {
		return false // made for a configuration that was replaced meanwhile
	}
	applied, ever := s.Applied(name)
	have := s.TaskConfigs(name)
	if !ever || !maps.Equal(applied, props) || len(have) != len(configs) || s.TaskCount(name) != len(configs) {
		return true
	}
	return !slices.EqualFunc(have, configs, func(a, b map[string]string) bool { return maps.Equal(a, b) })
}

// publish has task configurations stored, here or by the leader elsewhere, and tries until that is
// done or of no use any more. It is the goroutine of the connector's owner.
func (d *Distributed) publish(ctx context.Context, name string, props map[string]string, configs []map[string]string) {
	const first, last = 250 * time.Millisecond, time.Minute
	for pause := first; ctx.Err() == nil && d.publishable(name, props, configs); pause = min(2*pause, last) {
		err := d.publishOnce(ctx, name, configs)
		var coded interface{ StatusCode() int }
		switch {
		case err == nil:
			d.cfg.Log.Info("tasks configured", "connector", name, "tasks", len(configs))
			return
		case errors.As(err, &coded) && coded.StatusCode() == 403 && pause < last/2:
			// The session key is new and one of the two has not read it yet.
			d.cfg.Log.Debug("task configurations refused by the leader, trying again", "connector", name, "in", pause, "err", err)
		default:
			d.cfg.Log.Warn("task configurations not stored by the leader, trying again", "connector", name, "in", pause, "err", err)
		}
		if !act.Sleep(ctx, pause) {
			return
		}
	}
}

func (d *Distributed) publishOnce(ctx context.Context, name string, configs []map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, restLimit)
	defer cancel()
	err := d.PutTaskConfigs(ctx, name, configs)
	var other *elsewhere
	if !errors.As(err, &other) {
		return err
	}
	if other.url == "" {
		return errNotMember
	}
	key, algorithm := d.signature()
	return d.cfg.Peers.PutTaskConfigs(ctx, other.url, name, configs, key, algorithm)
}

// restLimit bounds a request to another worker, as REST does.
const restLimit = 90 * time.Second

// signature is what requests to other workers are signed with.
func (d *Distributed) signature() (key []byte, algorithm string) {
	if k := d.store.Snapshot().SessionKey(); k != nil {
		key = k.Key
	}
	return key, d.cfg.Settings.Sessions.SignatureAlgorithm
}

// cleanStatuses removes the statuses of connectors and tasks that are no more. It is the leader's,
// at each assignment.
func (d *Distributed) cleanStatuses() {
	snapshot := d.store.Snapshot()
	destroyed := state.Status{State: state.Destroyed, WorkerID: d.cfg.WorkerID}
	_, destroyed.Generation = d.group.assignment()
	// The worker that ran the connector has done so too, but of the topics that it had read of by then.
	for _, name := range d.status.TopicConnectors() {
		if !snapshot.Contains(name) {
			d.status.ResetTopics(name)
		}
	}
	for _, name := range d.status.Connectors() {
		if !snapshot.Contains(name) {
			d.status.PutConnector(name, destroyed)
		}
		tasks := snapshot.Tasks(name)
		for _, t := range d.status.Tasks(name) {
			if id := (state.TaskID{Connector: name, Task: t.ID}); !slices.Contains(tasks, id) {
				d.status.PutTask(id, destroyed)
			}
		}
	}
}
