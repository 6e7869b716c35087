package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// fenceRound is a round under way; who comes meanwhile gets its result.
type fenceRound struct {
	done chan struct{}
	err  error
}

// fenceLimit bounds the fencing of producers, as in the JVM.
const fenceLimit = 90 * time.Second

// fenceByLeader has the leader shut out the producers of a connector's earlier generations. Tasks
// call it before they begin.
func (d *Distributed) fenceByLeader(ctx context.Context, name string) error {
	err := d.FenceZombies(ctx, name)
	var other *elsewhere
	if !errors.As(err, &other) {
		return err
	}
	if other.url == "" {
		return errNotMember
	}
	ctx, cancel := context.WithTimeout(ctx, restLimit)
	defer cancel()
	key, algorithm := d.signature()
	return d.cfg.Peers.FenceZombies(ctx, other.url, name, key, algorithm)
}

// FenceZombies implements httpapi.Internal: a round of fencing by the leader (KIP-618). One round
// per connector is under way at a time.
func (d *Distributed) FenceZombies(ctx context.Context, name string) error {
	if err := d.leads("fence zombie tasks"); err != nil {
		return err
	}
	d.fences.mu.Lock()
	if d.fences.rounds == nil {
		d.fences.rounds = map[string]*fenceRound{}
	}
	r := d.fences.rounds[name]
	mine := r == nil
	if mine {
		r = &fenceRound{done: make(chan struct{})}
		d.fences.rounds[name] = r
	}
	d.fences.mu.Unlock()
	if !mine {
		select {
		case <-r.done:
			return r.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	// Others wait for it, so it goes on when the first asker has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fenceLimit+writeLimit)
	defer cancel()
	r.err = d.fence(ctx, name)
	d.fences.mu.Lock()
	delete(d.fences.rounds, name)
	d.fences.mu.Unlock()
	close(r.done)
	return r.err
}

func (d *Distributed) fence(ctx context.Context, name string) error {
	if err := d.store.Refresh(ctx); err != nil {
		return err
	}
	s := d.store.Snapshot()
	if !s.Contains(name) {
		return notFound(name)
	}
	sub, err := d.subject(ctx, name)
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
	if ids := transactionalIDs(d.cfg.Settings.GroupID, name, before); fenced && len(ids) > 0 && (before != 1 || count != 1) {
		if err := d.fenceProducers(ctx, sub, ids); err != nil {
			return err
		}
		if err := d.store.Refresh(ctx); err != nil {
			return err
		}
		if now, _ := d.store.Snapshot().Generation(name); now != generation {
			return &codedError{http.StatusConflict, errs.Connect.New("Fencing failed because new task configurations were generated for connector %s", name)}
		}
	}
	return d.asLeader(ctx, "fence zombie tasks", "writing a task count record for connector "+name+" to the config topic", func(ctx context.Context) error {
		if now, _ := d.store.Snapshot().Generation(name); now != generation {
			return &codedError{http.StatusConflict, errs.Connect.New("Fencing failed because new task configurations were generated for connector %s", name)}
		}
		return d.store.PutTaskCountRecord(ctx, name, count)
	})
}

func (d *Distributed) fenceProducers(ctx context.Context, s subject, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, fenceLimit)
	defer cancel()
	err := d.Client.admin(s, func(a *kafka.Admin) error { return a.FenceProducers(ctx, ids...) })
	if err != nil {
		// The reason is in the text too: of an answer to another worker no more than that arrives.
		return errs.Connect.Wrap(err, "Failed to fence the %d producers of earlier tasks of connector %s (%s)", len(ids), s.name, errs.Message(err))
	}
	d.cfg.Log.Info("producers of earlier tasks fenced", "connector", s.name, "tasks", len(ids))
	return nil
}

func transactionalIDs(group, connector string, tasks int) []string {
	ids := make([]string, tasks)
	for n := range ids {
		ids[n] = fmt.Sprintf("%s-%s-%d", group, connector, n)
	}
	return ids
}

// verifyTask refuses a task to begin whose configurations were replaced, or that is another
// worker's by now.
func (d *Distributed) verifyTask(ctx context.Context, id state.TaskID, generation int) error {
	if err := d.store.Refresh(ctx); err != nil {
		return err
	}
	s := d.store.Snapshot()
	if now, _ := s.Generation(id.Connector); now != generation || !slices.Contains(s.Tasks(id.Connector), id) {
		return errs.Connect.Wrap(task.ErrSuperseded, "Cannot start source task %s with exactly-once support since its configurations were replaced meanwhile; the task is started anew with the new ones", id)
	}
	work, _ := d.group.assignment()
	if !work[id] {
		return errs.Connect.New("Cannot start source task %s with exactly-once support since it is not assigned to this worker any more", id)
	}
	if d.group.member.Status().MemberID == "" {
		// Woken from a long pause: to begin now would fence out the worker that took the task over.
		return errs.Connect.New("Cannot start source task %s with exactly-once support since this worker is not in its group at the moment, and another may run the task", id)
	}
	return nil
}
