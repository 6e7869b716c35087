package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/troupe-connect/troupe/actors/member"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Peers is the client to other workers. A nil key leaves a request unsigned. An answer of 400 and
// above is an error with a method StatusCode() int.
type Peers interface {
	PutTaskConfigs(ctx context.Context, url, connector string, configs []map[string]string, key []byte, algorithm string) error
	FenceZombies(ctx context.Context, url, connector string, key []byte, algorithm string) error
}

// ClusterConfig is what a worker of a cluster has beyond Config.
type ClusterConfig struct {
	URL      string // advertised, with a slash at the end
	Settings *settings.Worker
	Member   *member.Member
	Configs  *storage.ConfigStore
	Peers    Peers
}

// Cluster makes the changes of a worker of a cluster: they are written to the internal topics, by the
// leader where that matters; the error of other workers says where that is.
type Cluster struct {
	api    *API
	cfg    ClusterConfig
	member *member.Member
	leader *member.Leader
	store  *storage.ConfigStore
	fences fences
}

// NewCluster is the API of a worker of a cluster, and how it makes changes.
func NewCluster(cfg Config, cluster ClusterConfig) (*API, *Cluster) {
	a := &API{cfg: cfg, env: cfg.Env}
	c := &Cluster{
		api: a, cfg: cluster, member: cluster.Member, leader: cluster.Member.Leader(), store: cluster.Configs,
		fences: fences{rounds: map[string]*fenceRound{}},
	}
	a.mode = c
	return a, c
}

// joining is the error of a worker that has never been in its group: it is starting.
type joining struct{ *member.Stage }

// StatusCode implements httpapi.StatusError.
func (joining) StatusCode() int { return http.StatusServiceUnavailable }

func (c *Cluster) ready() error {
	in, since := c.member.Joined()
	if in {
		return nil
	}
	at := &member.Stage{Doing: "ensuring membership in the cluster", Began: since}
	if !c.member.EverJoined() {
		return joining{at}
	}
	return at
}

func (c *Cluster) started() bool { return c.member.EverJoined() }

func (c *Cluster) note() string {
	until := c.member.Waits()
	if until.IsZero() {
		return ""
	}
	return "A worker is missing from the group: what it ran goes to other workers at " +
		until.UTC().Format("2006-01-02T15:04:05Z") + " unless it is back before."
}

func (c *Cluster) patch(string) error { return c.leader.Leads("set connector configs") } // the leader merges: it has what was written last

func (c *Cluster) put(ctx context.Context, name string, props map[string]string, initial state.TargetState, create bool) (isNew bool, err error) {
	doing := fmt.Sprintf("writing a config for connector %s to the config topic", name)
	err = c.leader.Write(ctx, "set connector configs", doing, func(ctx context.Context) error {
		isNew = !c.store.Snapshot().Contains(name)
		if create && !isNew {
			return errs.AlreadyExists.New("Connector %s already exists", name)
		}
		return c.store.PutConnector(ctx, name, props, initial)
	})
	return isNew, err
}

// remove forgets a connector; the workers stop what they run of it when they read of it.
func (c *Cluster) remove(ctx context.Context, name string) error {
	doing := fmt.Sprintf("removing the config for connector %s from the config topic", name)
	return c.leader.Write(ctx, "delete connector configs", doing, func(ctx context.Context) error {
		if !c.store.Snapshot().Contains(name) {
			return notFound(name)
		}
		return c.store.RemoveConnector(ctx, name)
	})
}

func (c *Cluster) setTarget(ctx context.Context, name string, target state.TargetState) error {
	if !c.store.Snapshot().Contains(name) {
		return unknown(name)
	}
	if target != state.TargetStopped {
		return staged(ctx, fmt.Sprintf("writing the %s target state for connector %s to the config topic", target, name), func(ctx context.Context) error {
			return c.store.PutTarget(ctx, name, target)
		})
	}
	doing := fmt.Sprintf("writing the STOPPED target stage for connector %s to the config topic", name)
	return c.leader.Write(ctx, "transition connectors to the STOPPED state", doing, func(ctx context.Context) error {
		if !c.store.Snapshot().Contains(name) {
			return unknown(name)
		}
		// Tasks first: a running connector without tasks is healthier than a stopped one with some. If the
		// second write fails, its owner publishes the tasks again.
		if _, committed := c.store.Snapshot().Generation(name); !committed || c.store.Snapshot().TaskCount(name) > 0 {
			if err := c.store.PutTasks(ctx, name, nil); err != nil {
				return err
			}
		}
		if err := c.store.PutTarget(ctx, name, target); err != nil {
			return err
		}
		return c.store.Refresh(ctx)
	})
}

func (c *Cluster) restart(ctx context.Context, id state.TaskID) error {
	view := c.store.Snapshot()
	if !view.Contains(id.Connector) {
		return errs.NotFound.New("Unknown connector: %s", id.Connector)
	}
	if _, ok := view.TaskConfig(id); !ok && !id.IsConnector() { // one that the connector had before counts: it is known, and runs nowhere
		return errs.NotFound.New("Unknown task: %s", id)
	}
	err := ask(ctx, restartDoing(id), func(ctx context.Context) error { return c.api.cfg.Herder.Restart(ctx, id) })
	if !errors.Is(err, ErrNotHere) {
		return err
	}
	leads, url, _ := c.member.Place()
	if leads {
		url = c.member.OwnerURL(id)
	}
	if url == c.cfg.URL { // assigned here, but not started yet or not any more
		url = ""
	}
	return &member.Elsewhere{Text: "Cannot restart it since it is not assigned to this member", URL: url}
}

// restartAll asks all workers to restart what they run of what the flags select.
func (c *Cluster) restartAll(ctx context.Context, name string, includeTasks, onlyFailed bool) (plan state.ConnectorStatus, err error) {
	doing := fmt.Sprintf("writing a restart request for connector %s to the config topic", name)
	err = c.leader.Write(ctx, "process restart requests", doing, func(ctx context.Context) (err error) {
		if !c.store.Snapshot().Contains(name) {
			return errs.NotFound.New("Unknown connector: %s", name)
		}
		if plan, err = c.api.plan(name, includeTasks, onlyFailed); err != nil {
			return err
		}
		return c.store.PutRestartRequest(ctx, storage.RestartRequest{Connector: name, OnlyFailed: onlyFailed, IncludeTasks: includeTasks})
	})
	return plan, err
}

// changeOffsets is the leader's, who reads the newest configurations first, and with exactly-once
// sources shuts out tasks that may still write.
func (c *Cluster) changeOffsets(ctx context.Context, name, what string, change func(context.Context) error) error {
	if err := c.leader.Leads("modify connector offsets"); err != nil {
		return err
	}
	return staged(ctx, what+" offsets of connector "+name, func(ctx context.Context) error {
		if err := c.store.Refresh(ctx); err != nil {
			return err
		}
		s, err := c.api.stoppedSubject(ctx, name)
		if err != nil {
			return err
		}
		if c.api.env.ExactlyOnce != nil && s.conf.Kind == plugin.Source {
			if err := c.FenceZombies(ctx, name); err != nil {
				return err
			}
		}
		return change(ctx)
	})
}

// SessionKey implements httpapi.Internal.
func (c *Cluster) SessionKey(context.Context) (key []byte, algorithms []string, required bool, err error) {
	_, _, protocol := c.member.Place()
	if k := c.store.Snapshot().SessionKey(); k != nil {
		key = k.Key
	}
	return key, c.cfg.Settings.Sessions.VerificationAlgorithms, protocol == group.Sessioned, nil
}

// PutTaskConfigs implements httpapi.Internal: it stores what the owner of a connector computed.
func (c *Cluster) PutTaskConfigs(ctx context.Context, name string, configs []map[string]string) error {
	doing := fmt.Sprintf("writing configs for tasks of connector %s to the config topic", name)
	return c.leader.Write(ctx, "write task configurations", doing, func(ctx context.Context) error {
		view := c.store.Snapshot()
		if !view.Contains(name) {
			return notFound(name)
		}
		if len(configs) > 0 && view.Target(name) == state.TargetStopped {
			return errs.BadRequest.New("Cannot submit non-empty set of task configs for stopped connector %s", name)
		}
		return c.store.PutTasks(ctx, name, configs)
	})
}

// SetLoggerLevel makes all workers set a logger's level.
func (c *Cluster) SetLoggerLevel(ctx context.Context, logger, level string) error {
	return staged(ctx, "writing the level of logger "+logger+" to the config topic", func(ctx context.Context) error {
		return c.store.PutLoggerLevel(ctx, logger, level)
	})
}

// restLimit bounds a request to another worker, as REST does.
const restLimit = 90 * time.Second

// signature is what requests to other workers are signed with.
func (c *Cluster) signature() (key []byte, algorithm string) {
	if k := c.store.Snapshot().SessionKey(); k != nil {
		key = k.Key
	}
	return key, c.cfg.Settings.Sessions.SignatureAlgorithm
}
