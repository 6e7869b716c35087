package api

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/actors/member"
)

// The pauses between tries to publish: from the first to the last, each twice the one before.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = time.Minute
)

// Publish has task configurations stored, here or by the leader elsewhere, and tries until that is
// done or of no use any more. It runs on a goroutine of the connector's owner. A try that panics is one that
// failed.
func (c *Cluster) Publish(ctx context.Context, o herd.Publish) {
	if o.Again && !act.Sleep(ctx, time.Second) { // somebody may be about to stop the connector, or to store others
		return
	}
	name, log := o.Connector, c.api.env.Log
	for pause := firstPause; ctx.Err() == nil && herd.Publishable(c.store.Snapshot(), name, o.Props, o.Configs); pause = min(2*pause, lastPause) {
		err := act.Catch(func() error { return c.publishOnce(ctx, name, o.Configs) })
		var coded interface{ StatusCode() int }
		switch {
		case err == nil:
			log.Info("tasks configured", "connector", name, "tasks", len(o.Configs))
			return
		case errors.As(err, &coded) && coded.StatusCode() == 403 && pause < lastPause/2:
			// The session key is new and one of the two has not read it yet.
			log.Debug("leader refused the task configurations; retrying", "connector", name, "in", pause, "err", err)
		default:
			log.Warn("leader could not store the task configurations; retrying", "connector", name, "in", pause, "err", err)
		}
		if !act.Sleep(ctx, pause) {
			return
		}
	}
}

func (c *Cluster) publishOnce(ctx context.Context, name string, configs []map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, restLimit)
	defer cancel()
	err := c.PutTaskConfigs(ctx, name, configs)
	var other *member.Elsewhere
	if !errors.As(err, &other) {
		return err
	}
	if other.URL == "" {
		return member.ErrNotMember
	}
	key, algorithm := c.signature()
	return c.cfg.Peers.PutTaskConfigs(ctx, other.URL, name, configs, key, algorithm)
}
