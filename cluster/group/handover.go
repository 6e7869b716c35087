package group

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// ErrHandOver is the cause with which an owner ends the context of Run to leave its work to the others:
//
//	ctx, cancel := context.WithCancelCause(parent)
//	… member.Run(ctx) …
//	// stop all connectors and tasks, then:
//	cancel(group.ErrHandOver)
//
// In Kafka Connect a worker that stops in good order is missed like one that crashed: what it ran waits
// scheduled.rebalance.max.delay.ms for it to come back. With this cause, and if the leader is one of ours,
// the others have been given the work when Run returns. To that end the member joins once more, saying that
// it leaves, and takes no part in what the leader deals out; then it leaves. That takes as long as the
// others need to join, which they do with their next heartbeat.
//
// It leaves without that, at once, where it would be of no use: when the leader is a JVM worker (its delay
// then applies), with protocol eager (which knows no delay), when the member leads itself (the next leader,
// of either kind, knows nothing of who ran what and deals out at once all that isn't run), or when it has
// no work. So it does when the hand-over fails or takes longer than Config.HandOver.
//
// All that the member was assigned must have stopped before, and nothing may be started any more: from then
// on it runs elsewhere. The Handler isn't called any more either.
var ErrHandOver = errors.New("the work is handed over")

var (
	errLeads    = errors.New("the member has become the leader")
	errNoLeader = errors.New("the leader isn't one of ours, or the protocol eager")
	errUnread   = errors.New("the leader hasn't read the config topic far enough")
)

// handOver makes the leader give the member's work to the others, if it can. The member then has to leave.
// ctx has ended.
func (m *Member) handOver(ctx context.Context) {
	if why := m.keeps(); why != "" {
		m.log.Info("work isn't handed over", "reason", why, "member", m.id)
		return
	}
	work, leader, began := m.current.Assigned, m.current.Leader, time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.handOverLimit())
	defer cancel()
	for tries := 1; ; tries++ {
		err := m.handOverOnce(ctx)
		switch {
		case err == nil:
			m.log.Info("work is handed over", "connectors", len(work.Connectors), "tasks", len(work.Tasks), "leader", leader, "took", time.Since(began))
			return
		case ctx.Err() != nil:
			m.log.Warn("could not hand the work over in time; other workers will take it over after scheduled.rebalance.max.delay.ms",
				"limit", m.handOverLimit(), "leader", leader, "error", err)
			return
		case errors.Is(err, errLeads):
			m.log.Info("work isn't handed over", "reason", "the worker has become the leader, and the next one deals it out at once", "member", m.id)
			return
		case errors.Is(err, kafka.ErrUnknownMember):
			m.forget() // a new member can hand over as well
		case errors.Is(err, kafka.ErrRebalance), errors.Is(err, kafka.ErrGeneration), errors.Is(err, errUnread), kafka.Classify(err) == kafka.Retriable:
		default:
			m.log.Warn("could not hand the work over; other workers will take it over after scheduled.rebalance.max.delay.ms", "leader", leader, "error", err)
			return
		}
		m.log.Debug("work is offered again", "tries", tries, "error", err)
		m.pause(ctx, m.co.Backoff(tries))
	}
}

// keeps says why there is nothing to hand over, or nobody to hand it over to.
func (m *Member) keeps() string {
	switch {
	case m.id == "":
		return "the worker is not in the group"
	case m.current == nil || m.current.Assigned.Empty():
		return "there is none"
	case m.protocol == Eager:
		return "with protocol eager the others get it at once"
	case m.current.Leader == m.id:
		return "the worker leads the group, and the next leader deals it out at once"
	case !m.current.HandsOver:
		return "the leader is a JVM worker, which lets it wait for scheduled.rebalance.max.delay.ms"
	}
	return ""
}

// handOverLimit lets the group miss a member that died at the same time: that takes its session.
func (m *Member) handOverLimit() time.Duration {
	if m.cfg.HandOver > 0 {
		return m.cfg.HandOver
	}
	return m.timing.SessionTimeout + m.timing.HeartbeatInterval
}

// handOverOnce goes through one rebalance as a member that leaves.
func (m *Member) handOverOnce(ctx context.Context) error {
	// The owner isn't asked for its offset any more: it may have ended what reads the config topic.
	worker := WorkerState{URL: m.cfg.URL, Offset: m.current.Offset, Current: m.current, Leaving: true}
	protocol, joined, err := m.join(ctx, worker, "the worker hands its work over and leaves")
	switch {
	case err != nil:
		return err
	case joined.Leader == joined.MemberID:
		return errLeads
	case protocol == Eager:
		return errNoLeader
	}
	a, err := m.sync(ctx, protocol, joined, nil)
	switch {
	case err != nil:
		return fmt.Errorf("hand work over: %w", err)
	case !a.HandsOver:
		return errNoLeader
	case a.Error != NoError:
		return errUnread
	}
	return nil
}
