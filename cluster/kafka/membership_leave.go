package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaveGrace is for how long a consumer waits for a rebalance under way before it leaves in the midst of it,
// and nameless for how long, besides, for the id that a broker gives it at once. To go without the id would
// leave a member behind that is awaited for a whole session.
const (
	leaveGrace = 250 * time.Millisecond
	nameless   = 2 * time.Second
)

// leave takes the consumer out of its group. The client waits for the end of a rebalance first, for which
// the group waits for all its members: for as long as a session if one of them is gone. A task that is to
// stop can't wait for that, and when its time is over the client no longer leaves, so that the others wait
// for this consumer's session in their turn. So the client is cut off, and another one leaves for it.
func (m *membership) leave(ctx context.Context) error {
	left := make(chan error, 1)
	go func() { left <- m.client.LeaveGroupContext(ctx) }() // ends when the client does, which cut and end see to
	grace := time.NewTicker(leaveGrace)
	defer grace.Stop()
	for until := time.Now().Add(nameless); ; {
		select {
		case err := <-left:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-grace.C:
		}
		if m.id() != "" || time.Now().After(until) {
			break
		}
	}
	m.cut()
	<-left //nolint:errcheck // it was cut off
	member := m.id()
	if member == "" || !m.c.cfg.leaves {
		return nil // not a member, or one that keeps its place
	}
	return m.c.leaveFor(ctx, member)
}

// id is the member's, "" while it has none.
func (m *membership) id() string {
	member, _ := m.client.GroupMetadata()
	return member
}

// leaveFor takes a member out of the group over connections of its own.
func (c *Consumer) leaveFor(ctx context.Context, member string) error {
	client, err := kgo.NewClient(c.bare...)
	if err != nil {
		return err
	}
	defer client.Close()
	code := int16(0)
	if c.cfg.next {
		code, err = leaveNext(ctx, client, c.cfg.group, member)
	} else {
		code, err = leaveClassic(ctx, client, c.cfg.group, member)
	}
	if err == nil {
		err = kerr.ErrorForCode(code)
	}
	if errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.GroupIDNotFound) {
		return nil // it is gone already
	}
	return err
}

func leaveClassic(ctx context.Context, client *kgo.Client, group, member string) (code int16, err error) {
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group, req.MemberID = group, member
	one := kmsg.NewLeaveGroupRequestMember()
	one.MemberID, one.Reason = member, new("the consumer is closed")
	req.Members = append(req.Members, one)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return 0, err
	}
	for _, m := range resp.Members {
		if resp.ErrorCode == 0 {
			resp.ErrorCode = m.ErrorCode
		}
	}
	return resp.ErrorCode, nil
}

// leaveNext leaves as KIP-848 has it: by a heartbeat of epoch -1.
func leaveNext(ctx context.Context, client *kgo.Client, group, member string) (code int16, err error) {
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch = group, member, -1
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return 0, err
	}
	return resp.ErrorCode, nil
}
