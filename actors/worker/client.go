package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/connector"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Client is the worker as REST sees it: httpapi.Herder. What is only read comes straight from the
// stores, so that it is answered whatever the actors do; what changes something is asked of the
// herder.
type Client struct {
	env       *task.Env
	configs   configView
	statuses  statusView
	herder    *herderRef
	clusterID string
	policy    kafka.OverridePolicy
}

// configView is what requests read of the configurations.
type configView interface {
	Connectors() []string
	Config(name string) (map[string]string, bool)
	Target(name string) state.TargetState
	// Tasks are the stored configurations of a connector's tasks, in order.
	Tasks(name string) []map[string]string
}

// statusView is what requests read of the statuses.
type statusView interface {
	Connector(name string) (state.Status, bool)
	Task(id state.TaskID) (state.Status, bool)
	Tasks(connector string) []state.TaskStatus
	Topics(connector string) []string
	ResetTopics(connector string)
}

func ask[T any](ctx context.Context, c *Client, stage string, message func(act.Reply[T]) any) (T, error) {
	began := time.Now()
	v, err := askHerder(ctx, c.herder, message)
	if errors.Is(err, context.DeadlineExceeded) {
		err = &stageError{stage, began}
	}
	return v, err
}

// stageError says what the worker was at when the time was up.
type stageError struct {
	doing string
	began time.Time
}

func stageNow(doing string) *stageError { return &stageError{doing, time.Now()} }

// Error is the JVM's text.
func (e *stageError) Error() string { return "Request timed out. The worker is currently " + e.doing }

// Stage implements httpapi.StageError.
func (e *stageError) Stage() (doing string, began, completed time.Time) {
	return e.doing, e.began, time.Time{}
}

// KafkaClusterID is the id of the cluster that the worker found at its start.
func (c *Client) KafkaClusterID() string { return c.clusterID }

// Ready asks the herder whether it is there.
func (c *Client) Ready(ctx context.Context) error {
	for {
		_, err := ask(ctx, c, "waiting for its herder", func(r act.Reply[struct{}]) any { return ping{r} })
		if !errors.Is(err, errHerderFailed) {
			return err
		}
	}
}

// Connectors are the names of all connectors.
func (c *Client) Connectors(context.Context) ([]string, error) {
	return c.configs.Connectors(), nil
}

// Connector is a connector's configuration, raw, and tasks.
func (c *Client) Connector(_ context.Context, name string) (state.ConnectorInfo, error) {
	props, ok := c.configs.Config(name)
	if !ok {
		return state.ConnectorInfo{}, notFound(name)
	}
	info := state.ConnectorInfo{Name: name, Config: props, Type: c.kind(props), Tasks: []state.TaskID{}}
	for n := range c.configs.Tasks(name) {
		info.Tasks = append(info.Tasks, state.TaskID{Connector: name, Task: n})
	}
	return info, nil
}

// kind is source or sink, "" for a class that nobody knows.
func (c *Client) kind(props map[string]string) plugin.Kind {
	_, kind, err := task.FindConnector(c.env.Registry, props)
	if err != nil {
		return ""
	}
	return kind
}

// Status is what a connector and its tasks said last of themselves.
func (c *Client) Status(_ context.Context, name string) (state.ConnectorStatus, error) {
	st, ok := c.statuses.Connector(name)
	if !ok {
		return state.ConnectorStatus{}, errs.NotFound.New("No status found for connector %s", name)
	}
	props, _ := c.configs.Config(name)
	return state.ConnectorStatus{Name: name, Connector: st, Tasks: c.statuses.Tasks(name), Type: c.kind(props)}, nil
}

// TaskStatus is what a task said last of itself.
func (c *Client) TaskStatus(_ context.Context, id state.TaskID) (state.TaskStatus, error) {
	st, ok := c.statuses.Task(id)
	if !ok {
		return state.TaskStatus{}, errs.NotFound.New("No status found for task %s", id)
	}
	return state.TaskStatus{ID: id.Task, Status: st}, nil
}

// TaskConfigs are the stored task configurations.
func (c *Client) TaskConfigs(_ context.Context, name string) ([]state.TaskInfo, error) {
	if _, ok := c.configs.Config(name); !ok {
		return nil, notFound(name)
	}
	out := []state.TaskInfo{}
	for n, conf := range c.configs.Tasks(name) {
		out = append(out, state.TaskInfo{ID: state.TaskID{Connector: name, Task: n}, Config: conf})
	}
	return out, nil
}

// Create validates and makes a connector.
func (c *Client) Create(ctx context.Context, name string, props map[string]string, initial state.TargetState) (state.ConnectorInfo, error) {
	if err := c.check(ctx, props); err != nil {
		return state.ConnectorInfo{}, err
	}
	if _, err := ask(ctx, c, fmt.Sprintf("creating the connector %s", name), func(r act.Reply[bool]) any {
		return putConnector{Name: name, Props: props, Initial: initial, Create: true, Done: r}
	}); err != nil {
		return state.ConnectorInfo{}, err
	}
	return c.Connector(ctx, name)
}

// PutConfig validates and makes or changes a connector.
func (c *Client) PutConfig(ctx context.Context, name string, props map[string]string) (state.ConnectorInfo, bool, error) {
	if err := c.check(ctx, props); err != nil {
		return state.ConnectorInfo{}, false, err
	}
	isNew, err := ask(ctx, c, fmt.Sprintf("writing a config for connector %s", name), func(r act.Reply[bool]) any {
		return putConnector{Name: name, Props: props, Done: r}
	})
	if err != nil {
		return state.ConnectorInfo{}, false, err
	}
	info, err := c.Connector(ctx, name)
	return info, isNew, err
}

// PatchConfig merges into a connector's configuration; a nil value removes a key.
func (c *Client) PatchConfig(ctx context.Context, name string, patch map[string]*string) (state.ConnectorInfo, error) {
	props, ok := c.configs.Config(name)
	if !ok {
		return state.ConnectorInfo{}, notFound(name)
	}
	info, _, err := c.PutConfig(ctx, name, merge(props, patch))
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
func (c *Client) check(ctx context.Context, props map[string]string) error {
	pointers := make(map[string]*string, len(props))
	for k, v := range props {
		pointers[k] = &v
	}
	infos, err := c.Validate(ctx, pointers)
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

// Delete stops a connector and forgets it. Offsets stay.
func (c *Client) Delete(ctx context.Context, name string) error {
	_, err := ask(ctx, c, fmt.Sprintf("stopping connector %s", name), func(r act.Reply[struct{}]) any { return deleteConnector{name, r} })
	return err
}

// SetTarget pauses, resumes or stops a connector.
func (c *Client) SetTarget(ctx context.Context, name string, target state.TargetState) error {
	_, err := ask(ctx, c, fmt.Sprintf("changing the target state of connector %s", name), func(r act.Reply[struct{}]) any { return setTarget{name, target, r} })
	return err
}

// RestartConnector restarts the connector object and waits until it has started.
func (c *Client) RestartConnector(ctx context.Context, name string) error {
	return c.restart(ctx, state.TaskID{Connector: name, Task: connector.ConnectorTask}, "starting the connector "+name)
}

// RestartTask restarts one task and waits until it has started.
func (c *Client) RestartTask(ctx context.Context, id state.TaskID) error {
	return c.restart(ctx, id, "restarting task "+id.String())
}

func (c *Client) restart(ctx context.Context, id state.TaskID, stage string) error {
	_, err := ask(ctx, c, stage, func(r act.Reply[struct{}]) any { return restartOne{id, r} })
	return err
}

// RestartWithTasks restarts what the flags select and returns the plan at once.
func (c *Client) RestartWithTasks(ctx context.Context, name string, includeTasks, onlyFailed bool) (state.ConnectorStatus, error) {
	plan, err := ask(ctx, c, "planning the restart of connector "+name, func(r act.Reply[state.ConnectorStatus]) any {
		return restartConnector{Name: name, IncludeTasks: includeTasks, OnlyFailed: onlyFailed, Plan: r}
	})
	if err != nil {
		return plan, err
	}
	props, _ := c.configs.Config(name)
	plan.Type = c.kind(props)
	return plan, nil
}

// ActiveTopics are the topics that a connector used since its start or the last reset.
func (c *Client) ActiveTopics(_ context.Context, name string) ([]string, error) {
	return c.statuses.Topics(name), nil
}

// ResetActiveTopics forgets them.
func (c *Client) ResetActiveTopics(_ context.Context, name string) error {
	c.statuses.ResetTopics(name)
	return nil
}
