package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/member"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// fences are the rounds of zombie fencing under way, by connector.
type fences struct {
	mu     sync.Mutex
	rounds map[string]*fenceRound
}

// fenceRound is a round under way; who comes meanwhile gets its result.
type fenceRound struct {
	done chan struct{}
	err  error
}

// fenceLimit bounds the fencing of producers, as in the JVM.
const fenceLimit = 90 * time.Second

// FenceByLeader has the leader shut out the producers of a connector's earlier generations. Tasks
// call it before they begin.
func (c *Cluster) FenceByLeader(ctx context.Context, name string) error {
	err := c.FenceZombies(ctx, name)
	var other *member.Elsewhere
	if !errors.As(err, &other) {
		return err
	}
	if other.URL == "" {
		return member.ErrNotMember
	}
	ctx, cancel := context.WithTimeout(ctx, restLimit)
	defer cancel()
	key, algorithm := c.signature()
	return c.cfg.Peers.FenceZombies(ctx, other.URL, name, key, algorithm)
}

// FenceZombies implements httpapi.Internal: a round of fencing by the leader (KIP-618). One round
// per connector is under way at a time.
func (c *Cluster) FenceZombies(ctx context.Context, name string) error {
	if err := c.leader.Leads("fence zombie tasks"); err != nil {
		return err
	}
	return c.fences.round(ctx, name, func(ctx context.Context) error { return c.fence(ctx, name) })
}

// round makes a round for a connector, or waits for the one that is under way. A panic ends this round, not
// those to come.
func (f *fences) round(ctx context.Context, name string, do func(context.Context) error) error {
	f.mu.Lock()
	r := f.rounds[name]
	mine := r == nil
	if mine {
		r = &fenceRound{done: make(chan struct{})}
		f.rounds[name] = r
	}
	f.mu.Unlock()
	if !mine {
		select {
		case <-r.done:
			return r.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	// Others wait for it, so it goes on when the first asker has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fenceLimit+member.WriteLimit)
	defer cancel()
	r.err = act.Catch(func() error { return do(ctx) })
	f.mu.Lock()
	delete(f.rounds, name)
	f.mu.Unlock()
	close(r.done)
	return r.err
}

func (c *Cluster) fence(ctx context.Context, name string) error {
	if err := c.store.Refresh(ctx); err != nil {
		return err
	}
	s := c.store.Snapshot()
	if !s.Contains(name) {
		return notFound(name)
	}
	sub, err := c.api.subject(ctx, name)
	if err != nil {
		return err
	}
	if sub.conf.Kind != plugin.Source {
		return errs.BadRequest.New("Connector %s is not a source connector", name)
	}
	before, fenced := s.TaskCountRecord(name)
	count := s.TaskCount(name)
	if !s.PendingFencing(name) {
		return nil
	}
	generation, _ := s.Generation(name)
	if ids := transactionalIDs(c.cfg.Settings.GroupID, name, before); fenced && len(ids) > 0 && (before != 1 || count != 1) {
		if err := c.fenceProducers(ctx, sub, ids); err != nil {
			return err
		}
		if err := c.store.Refresh(ctx); err != nil {
			return err
		}
		if now, _ := c.store.Snapshot().Generation(name); now != generation {
			return &Coded{http.StatusConflict, errs.Connect.New("Fencing failed because new task configurations were generated for connector %s", name)}
		}
	}
	return c.leader.Write(ctx, "fence zombie tasks", "writing a task count record for connector "+name+" to the config topic", func(ctx context.Context) error {
		if now, _ := c.store.Snapshot().Generation(name); now != generation {
			return &Coded{http.StatusConflict, errs.Connect.New("Fencing failed because new task configurations were generated for connector %s", name)}
		}
		return c.store.PutTaskCountRecord(ctx, name, count)
	})
}

func (c *Cluster) fenceProducers(ctx context.Context, s subject, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, fenceLimit)
	defer cancel()
	err := c.api.admin(s, func(a *kafka.Admin) error { return a.FenceProducers(ctx, ids...) })
	if err != nil {
		// The reason is in the text too: of an answer to another worker no more than that arrives.
		return errs.Connect.Wrap(err, "Failed to fence the %d producers of earlier tasks of connector %s (%s)", len(ids), s.name, errs.Message(err))
	}
	c.api.env.Log.Info("producers of earlier tasks fenced", "connector", s.name, "tasks", len(ids))
	return nil
}

// transactionalIDs are those of a connector's tasks. The count comes from the config topic, whose numbers the
// store bounds.
func transactionalIDs(group, connector string, tasks int) []string {
	ids := make([]string, tasks)
	for n := range ids {
		ids[n] = fmt.Sprintf("%s-%s-%d", group, connector, n)
	}
	return ids
}

// VerifyTask refuses a task to begin whose configurations were replaced, or that is another
// worker's by now.
func (c *Cluster) VerifyTask(ctx context.Context, id state.TaskID, generation int) error {
	if err := c.store.Refresh(ctx); err != nil {
		return err
	}
	s := c.store.Snapshot()
	if now, _ := s.Generation(id.Connector); now != generation || !slices.Contains(s.Tasks(id.Connector), id) {
		return errs.Connect.Wrap(task.ErrSuperseded, "Cannot start source task %s with exactly-once support since its configurations were replaced meanwhile; the task is started anew with the new ones", id)
	}
	if !c.api.cfg.Board.Assigned(id) {
		return errs.Connect.New("Cannot start source task %s with exactly-once support since it is not assigned to this worker any more", id)
	}
	if !c.member.InGroup() {
		// Woken from a long pause: to begin now would fence out the worker that took the task over.
		return errs.Connect.New("Cannot start source task %s with exactly-once support since this worker is not in its group at the moment, and another may run the task", id)
	}
	return nil
}
