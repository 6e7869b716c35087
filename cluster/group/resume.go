package group

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// unreachable is the reason for joining again after the coordinator was away.
const unreachable = "the coordinator was unreachable"

// errJoin: there is nothing to resume, so the group is to be joined.
var errJoin = errors.New("there is nothing to resume")

// parked is what a member was assigned when it lost the coordinator and its owner stopped everything.
type parked struct {
	Assignment
	protocol   Protocol
	generation int
	delayed    time.Time // as in Member
}

// resume goes on as a member of the generation in which the coordinator was lost, if that is still the
// group's: a coordinator that is back from an outage grants all members a new session, so the work that
// this one stopped is still its own and nobody else's. To join at once instead would start a rebalance,
// for which all wait until the sessions of those that don't come back have ended.
//
// The coordinator tells by a request to sync: in a group that stands it answers with the assignment of
// that generation and changes nothing. A heartbeat doesn't tell, for it is answered blindly by a
// coordinator that is still reading its topic; a sync is then answered as if the group rebalanced. If the
// group really does, which both then say, the member joins as one that has its work, so that no leader,
// of whatever kind, takes it for lost.
//
// The error is errJoin if the group is to be joined, else that of the coordinator.
func (m *Member) resume(ctx context.Context) error {
	p := m.parked
	if p == nil || m.id == "" {
		return errJoin
	}
	m.beats.stop()
	_, err := m.co.Sync(ctx, kafka.SyncRequest{
		MemberID: m.id, Generation: p.generation, ProtocolType: ProtocolType, Protocol: p.protocol.Name(),
	})
	if errors.Is(err, kafka.ErrRebalance) {
		switch beat := m.co.Heartbeat(ctx, m.id, p.generation); {
		case beat == nil:
			return err // the coordinator is still loading, or the rebalance has just ended
		case !errors.Is(beat, kafka.ErrRebalance):
			err = beat
		case p.protocol != Eager:
			kept := p.Assignment
			m.current, m.parked = &kept, nil
			return errJoin
		}
	}
	switch {
	case err == nil:
		m.goOn(ctx, p)
		return nil
	case ctx.Err() == nil && kafka.Classify(err) == kafka.Retriable && !errors.Is(err, kafka.ErrRebalance):
		return err
	}
	m.parked = nil
	if errors.Is(err, kafka.ErrUnknownMember) {
		m.forget()
	}
	return errJoin
}

// goOn makes what was parked the member's own again and tells the owner.
func (m *Member) goOn(ctx context.Context, p *parked) {
	a := p.Assignment
	m.parked, m.current = nil, &a
	m.beats = m.startHeartbeats(ctx, m.id, p.generation)
	m.log.Info("connected to the group coordinator again; the group has not changed, starting the work of this worker",
		"generation", p.generation, "connectors", len(a.Assigned.Connectors), "tasks", len(a.Assigned.Tasks))
	told := a
	if told.Delay = 0; !p.delayed.IsZero() {
		told.Delay = max(time.Until(p.delayed), time.Millisecond)
	}
	m.tell(ctx, Event{Kind: Assigned, Assignment: told, Leads: a.Leader == m.id, Generation: p.generation})
}
