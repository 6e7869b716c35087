package member

import (
	"context"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/cluster/group"
)

// Look wakes the keeper of the duties: something changed.
func (m *Member) Look() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// keep does what takes time and has to be tried again: the leader's duties, and reading a config
// topic that couldn't be read. It ends with ctx.
func (m *Member) keep(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.wake:
		case <-timer.C:
		}
		m.mu.Lock()
		behind := m.behind
		m.mu.Unlock()
		if behind {
			m.catchUp(ctx)
			continue
		}
		next := m.duties(ctx)
		timer.Stop()
		if next > 0 {
			timer.Reset(next)
		}
	}
}

// unsyncTries is how often a worker tries to read the config topic before it gives up its work.
const unsyncTries = 5

// leastUnsyncPause is between two tries even where the settings ask for none: Kafka may refuse at once.
const leastUnsyncPause = time.Second

// catchUp reads the config topic with pauses and joins the group when that succeeds. Work goes on
// meanwhile, but not for ever: at some time others will have it.
func (m *Member) catchUp(ctx context.Context) {
	w := m.cfg.Settings
	for left := unsyncTries; ; left-- {
		pause := w.UnsyncBackoff
		if _, _, protocol := m.Place(); protocol != group.Eager {
			pause = w.ScheduledRebalanceMaxDelay / 10 / time.Duration(left)
		}
		if !act.Sleep(ctx, max(pause, leastUnsyncPause)) {
			return
		}
		err := m.refresh(ctx)
		if err == nil {
			m.mu.Lock()
			m.behind = false
			m.mu.Unlock()
			m.Rejoin("the config topic could be read again")
			return
		}
		m.log.Warn("could still not read the config topic to its end", "tries_left", left-1, "err", err)
		if left == 1 {
			m.lost("the config topic can't be read")
			left = unsyncTries + 1
		}
	}
}

// duties are the leader's: to be the only one who writes, to give out session keys, and to clear away what
// is no more. It returns when to look again, 0 for when something changes. Each duty is a round: one that
// fails or panics is tried again and keeps nobody from the others.
func (m *Member) duties(ctx context.Context) time.Duration {
	leads, _, protocol := m.Place()
	if !leads {
		m.cfg.Configs.RenounceWrites()
		return 0
	}
	var next time.Duration
	retry := false
	if err := round(ctx, m.clearStatuses); err != nil {
		m.log.Error("could not remove statuses of deleted connectors and tasks; retrying", "err", err)
		retry = true
	}
	if err := round(ctx, m.cfg.Configs.ClaimWrites); err != nil {
		m.log.Error("could not acquire exclusive write access to the config topic; retrying", "err", err)
		retry = true
	} else if protocol == group.Sessioned {
		err := round(ctx, func(ctx context.Context) (err error) {
			next, err = m.leader.renewSessionKey(ctx)
			return err
		})
		if err != nil {
			m.log.Error("could not write a session key; retrying", "err", err)
			retry = true
		}
	}
	if retry {
		return dutyRetry
	}
	return next
}

// round is one try of a duty. What goes wrong when the worker stops is no failure.
func round(ctx context.Context, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, WriteLimit)
	defer cancel()
	err := act.Catch(func() error { return do(limited) })
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// clearStatuses removes statuses after a rebalance that this worker led.
// What ran before the rebalance has written its last word by then, but it need not be read here yet: a task that
// was stopped right after its start would seem to run for ever.
func (m *Member) clearStatuses(ctx context.Context) error {
	m.mu.Lock()
	due, owners, generation := m.clean, m.owners, m.gen
	m.mu.Unlock()
	if !due {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Settings.SyncTimeout)
	defer cancel()
	if err := m.cfg.Statuses.Refresh(ctx); err != nil {
		return err
	}
	m.leader.clearStatuses(owners, generation)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gen == generation { // else there is another assignment, after which it is done again
		m.clean = false
	}
	return nil
}

// dutyRetry is the pause before a duty that failed is tried again, WriteLimit bounds a try.
const (
	dutyRetry  = time.Second
	WriteLimit = 30 * time.Second
)
