package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Statuses is what requests read of the stored statuses.
type Statuses interface {
	Connector(name string) (state.Status, bool)
	Task(id state.TaskID) (state.Status, bool)
	Tasks(connector string) []state.TaskStatus
	Topics(connector string) []string
	ResetTopics(connector string)
}

// Herder is what requests ask of the herder. Its methods may be called from any goroutine; an act.ErrGone
// is the answer of a worker that has stopped, ErrHerderFailed that of a herder that failed meanwhile.
type Herder interface {
	Ping(ctx context.Context) error
	// Restart restarts something that runs here and waits until it has started; ErrNotHere if it
	// doesn't.
	Restart(ctx context.Context, id state.TaskID) error
	// Settled waits until the tasks of a connector are known, or won't be for now.
	Settled(ctx context.Context, connector string) error
	// Gone waits until nothing of a connector runs here.
	Gone(ctx context.Context, connector string) error
}

// ErrNotHere is the herder's word on something that another worker runs, or nobody.
var ErrNotHere = errs.NotFound.New("not assigned to this worker")

// ErrHerderFailed is the answer to what was under way when the herder failed: the request may have lain
// unread, or have been carried out without an answer.
var ErrHerderFailed error = &Coded{http.StatusServiceUnavailable, errs.Connect.New(
	"the worker restarted internally while handling this request; it may or may not have taken effect: check, then retry")}

// Coded is an error with a HTTP status of its own: httpapi.StatusError.
type Coded struct {
	Status int
	Err    error
}

// Error is the text of the error.
func (e *Coded) Error() string { return e.Err.Error() }

// StatusCode implements httpapi.StatusError.
func (e *Coded) StatusCode() int { return e.Status }

// Unwrap is the error.
func (e *Coded) Unwrap() error { return e.Err }

// Config is what an API is made of.
type Config struct {
	Env       *task.Env
	View      func() *storage.ConfigState
	Statuses  Statuses
	Board     *herd.Board
	Herder    Herder
	ClusterID string
	Policy    kafka.OverridePolicy
}

// mode is how a worker makes changes. What is given is validated.
type mode interface {
	// ready says at once whether the worker can serve.
	ready() error
	started() bool
	note() string
	put(ctx context.Context, name string, props map[string]string, initial state.TargetState, create bool) (isNew bool, err error)
	patch(name string) error
	remove(ctx context.Context, name string) error
	setTarget(ctx context.Context, name string, target state.TargetState) error
	restart(ctx context.Context, id state.TaskID) error
	// restartAll has the plan carried out that was made of the status as it is shown.
	restartAll(ctx context.Context, name string, includeTasks, onlyFailed bool) (state.ConnectorStatus, error)
	// changeOffsets has change made when the connector has stopped for sure.
	changeOffsets(ctx context.Context, name, what string, change func(context.Context) error) error
}

// API answers requests. Its methods may be called from any goroutine.
type API struct {
	cfg   Config
	env   *task.Env
	mode  mode
	pulse pulse

	mu      sync.Mutex
	closing bool
	open    int           // changes under way
	idle    chan struct{} // closed when there are none; nil while nobody waits
}

// KafkaClusterID is the id of the cluster that the worker found at its start.
func (a *API) KafkaClusterID() string { return a.cfg.ClusterID }

// Refuse refuses changes from now on: the worker stops.
func (a *API) Refuse() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closing = true
}

// Settle waits for the changes that are under way, until ctx ends.
func (a *API) Settle(ctx context.Context) {
	a.mu.Lock()
	if a.open == 0 {
		a.mu.Unlock()
		return
	}
	if a.idle == nil {
		a.idle = make(chan struct{})
	}
	idle := a.idle
	a.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

var errClosing = &Coded{http.StatusServiceUnavailable, errs.Connect.New("The worker is shutting down")}

// change makes a change, unless the worker stops: it is refused then, and one that is under way is waited
// for. What fails since the worker stops is told as that, not as a fault.
func (a *API) change(f func() error) error {
	a.mu.Lock()
	if a.closing {
		a.mu.Unlock()
		return errClosing
	}
	a.open++
	a.mu.Unlock()
	defer a.changed() // also when f panics, which ends the request, not the worker
	err := f()
	a.mu.Lock()
	defer a.mu.Unlock()
	if errors.Is(err, act.ErrGone) || a.closing && isFault(err) {
		return &Coded{http.StatusServiceUnavailable, errs.Connect.Wrap(err, "The worker is shutting down")}
	}
	return err
}

// changed notes that a change is over, whatever came of it.
func (a *API) changed() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open--; a.open == 0 && a.idle != nil {
		close(a.idle)
		a.idle = nil
	}
}

// isFault reports whether an error is the worker's rather than the request's.
func isFault(err error) bool {
	if err == nil {
		return false
	}
	switch errs.KindOf(err) {
	case errs.NotFound, errs.AlreadyExists, errs.BadRequest, errs.Config:
		return false
	}
	var elsewhere interface{ ForwardURL() string }
	var coded interface{ StatusCode() int }
	return !errors.As(err, &elsewhere) && !errors.As(err, &coded)
}

// Create validates and makes a connector.
func (a *API) Create(ctx context.Context, name string, props map[string]string, initial state.TargetState) (state.ConnectorInfo, error) {
	info, _, err := a.put(ctx, name, props, initial, true)
	return info, err
}

// PutConfig validates and makes or changes a connector.
func (a *API) PutConfig(ctx context.Context, name string, props map[string]string) (state.ConnectorInfo, bool, error) {
	return a.put(ctx, name, props, "", false)
}

func (a *API) put(ctx context.Context, name string, props map[string]string, initial state.TargetState, create bool) (info state.ConnectorInfo, isNew bool, err error) {
	if err := a.check(ctx, props); err != nil {
		return state.ConnectorInfo{}, false, err
	}
	err = a.change(func() (err error) {
		if isNew, err = a.mode.put(ctx, name, props, initial, create); err == nil {
			info, err = a.Connector(ctx, name)
		}
		return err
	})
	return info, isNew, err
}

// PatchConfig merges into a connector's configuration; a nil value removes a key.
func (a *API) PatchConfig(ctx context.Context, name string, patch map[string]*string) (state.ConnectorInfo, error) {
	props, ok := a.cfg.View().Config(name)
	if !ok {
		return state.ConnectorInfo{}, notFound(name)
	}
	if err := a.mode.patch(name); err != nil {
		return state.ConnectorInfo{}, err
	}
	info, _, err := a.PutConfig(ctx, name, merge(props, patch))
	return info, err
}

// merge is props with a patch; a nil value removes a key.
func merge(props map[string]string, patch map[string]*string) map[string]string {
	merged := maps.Clone(props)
	for k, v := range patch {
		if v == nil {
			delete(merged, k)
		} else {
			merged[k] = *v
		}
	}
	return merged
}

// check refuses a configuration with errors, in the JVM's words.
func (a *API) check(ctx context.Context, props map[string]string) error {
	pointers := make(map[string]*string, len(props))
	for k, v := range props {
		pointers[k] = &v
	}
	infos, err := a.Validate(ctx, pointers)
	if err != nil {
		return err
	}
	return refusal(infos)
}

// refusal is the error that lists the errors of a validation, nil if there are none.
func refusal(infos config.Infos) error {
	var b strings.Builder
	for _, i := range infos.Configs {
		for _, e := range i.Value.Errors {
			b.WriteString("\n" + e)
		}
	}
	if infos.ErrorCount == 0 {
		return nil
	}
	return errs.BadRequest.New("Connector configuration is invalid and contains the following %d error(s):%s\n"+
		"You can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`", infos.ErrorCount, b.String())
}

// Delete forgets a connector. Offsets stay.
func (a *API) Delete(ctx context.Context, name string) error {
	return a.change(func() error { return a.mode.remove(ctx, name) })
}

// SetTarget pauses, resumes or stops a connector.
func (a *API) SetTarget(ctx context.Context, name string, target state.TargetState) error {
	return a.change(func() error { return a.mode.setTarget(ctx, name, target) })
}

// RestartConnector restarts the connector object and waits until it has started.
func (a *API) RestartConnector(ctx context.Context, name string) error {
	return a.change(func() error { return a.mode.restart(ctx, state.ConnectorID(name)) })
}

// RestartTask restarts one task and waits until it has started.
func (a *API) RestartTask(ctx context.Context, id state.TaskID) error {
	if id.Task < 0 { // -1 is how we know the connector object, which was not asked for
		return errs.NotFound.New("Unknown task: %s", id)
	}
	return a.change(func() error { return a.mode.restart(ctx, id) })
}

// RestartWithTasks has restarted what the flags select and returns the plan at once.
func (a *API) RestartWithTasks(ctx context.Context, name string, includeTasks, onlyFailed bool) (plan state.ConnectorStatus, err error) {
	err = a.change(func() (err error) {
		plan, err = a.mode.restartAll(ctx, name, includeTasks, onlyFailed)
		return err
	})
	return plan, err
}

// plan is the status of a connector with RESTARTING where something is to be restarted.
func (a *API) plan(name string, includeTasks, onlyFailed bool) (state.ConnectorStatus, error) {
	plan, ok := a.status(name)
	if !ok {
		return state.ConnectorStatus{}, errs.NotFound.New("Status for connector %s not found", name)
	}
	if !onlyFailed || plan.Connector.State.Broken() {
		plan.Connector.State = state.Restarting
	}
	for i := range plan.Tasks {
		if t := &plan.Tasks[i]; includeTasks && (!onlyFailed || t.State.Broken()) {
			t.State = state.Restarting
		}
	}
	return plan, nil
}

// ask asks something of the herder; doing says what goes on, for who waits too long.
func ask(ctx context.Context, doing string, f func(context.Context) error) error {
	began := stageNow(doing)
	err := f(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return began
	}
	return err
}

// staged runs f and says what was going on if ctx ends meanwhile.
func staged(ctx context.Context, doing string, f func(context.Context) error) error {
	began := stageNow(doing)
	err := f(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return began
	}
	return err
}

func notFound(name string) error { return errs.NotFound.New("Connector %s not found", name) }

func unknown(name string) error { return errs.NotFound.New("Unknown connector %s", name) }

// pulse is what is known of the herder: when it answered last.
type pulse struct {
	mu       sync.Mutex
	asked    time.Time     // when it was asked what it hasn't answered; zero: nothing
	answered chan struct{} // closed when it has
	err      error         // what it answered
}

// pulseLimit is how long a herder may take to answer before it is taken for dead, pulseWait how long who asks
// waits for it.
const (
	pulseLimit = 10 * time.Second
	pulseWait  = 90 * time.Millisecond
)

// feel asks the herder, unless it was asked, and waits a moment. It returns the herder's word, or an error
// once it has owed one for too long.
func (p *pulse) feel(ctx context.Context, ping func(context.Context) error) error {
	p.mu.Lock()
	if p.asked.IsZero() {
		p.asked, p.answered = time.Now(), make(chan struct{})
		answered, background := p.answered, context.WithoutCancel(ctx)
		// It belongs to the pulse and ends with the herder's answer, or when the herder is gone.
		go func() {
			err := ping(background)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.err, p.asked = err, time.Time{}
			close(answered)
		}()
	}
	answered := p.answered
	p.mu.Unlock()
	timer := time.NewTimer(pulseWait)
	defer timer.Stop()
	select {
	case <-answered:
	case <-timer.C:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asked.IsZero() && time.Since(p.asked) > pulseLimit {
		return &stage{Doing: "waiting for its herder", Began: p.asked}
	}
	return p.err
}

// Ready says within a tenth of a second, from what is known, whether the worker can serve. An error names what
// it waits for, and since when.
func (a *API) Ready(ctx context.Context) error {
	if err := a.pulse.feel(ctx, a.cfg.Herder.Ping); err != nil && !errors.Is(err, ErrHerderFailed) {
		return err
	}
	return a.mode.ready()
}

// Started implements httpapi.Starter.
func (a *API) Started() bool { return a.mode.started() }

// Note implements httpapi.Noter: what a healthy worker has to say.
func (a *API) Note() string { return a.mode.note() }

func restartDoing(id state.TaskID) string {
	if id.IsConnector() {
		return "starting the connector " + id.Connector
	}
	return fmt.Sprintf("restarting task %s", id)
}
