package kafka

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/troupe-connect/troupe/cluster/security"
)

// The errors of a group's coordinator that a member decides on, for errors.Is.
var (
	// ErrRebalance: the group rebalances; join again.
	ErrRebalance error = sarama.ErrRebalanceInProgress
	// ErrGeneration: the group is in another generation; join again.
	ErrGeneration error = sarama.ErrIllegalGeneration
	// ErrUnknownMember: the coordinator doesn't know the member id (any more); join again without it.
	ErrUnknownMember error = sarama.ErrUnknownMemberId
	// ErrProtocol: the member has no protocol in common with the group, or the group is of another type.
	ErrProtocol error = sarama.ErrInconsistentGroupProtocol
)

// Coordinator is one member's line to the broker that looks after its group: requests of the classic group
// protocol, for any protocol type. It finds the broker, and finds it again when the group moves or the
// connection breaks. It knows nothing of what members say to each other.
//
// Join, Sync and Leave go over one connection, which the broker may keep waiting for minutes, and
// Heartbeat over another; so Heartbeat may be called beside the others. Otherwise calls are made one at
// a time.
//
// A call ends at once when its context does. While the group moves from broker to broker it tries again, and
// fails with an error that is Retriable and no ErrRebalance when the group has no coordinator, or no broker
// to ask is reached, for heartbeat.interval.ms (as in Java; a member then gives up its work), or when the
// coordinator that the brokers name doesn't answer for two sessions. Errors are classified (see Classify)
// and name the group.
type Coordinator struct {
	group  string
	admin  *Admin // finds the coordinator
	timing GroupTiming

	control, beats *groupLink
}

// GroupTiming is how a member and its group wait for each other, to the millisecond.
type GroupTiming struct {
	// HeartbeatInterval is heartbeat.interval.ms, 3 s by default.
	HeartbeatInterval time.Duration
	// SessionTimeout is session.timeout.ms, 10 s by default: how long the group waits for a heartbeat.
	SessionTimeout time.Duration
	// RebalanceTimeout is rebalance.timeout.ms, a minute by default: how long the group waits for
	// members to join, and a member for its owner.
	RebalanceTimeout time.Duration
}

// JoinRequest asks to be taken into a group, or to stay in it.
type JoinRequest struct {
	// MemberID is "" for a new member. Join gets an id then.
	MemberID     string
	ProtocolType string
	Protocols    []GroupProtocol // the order is the vote
	Reason       string          // for the broker's log
}

// GroupProtocol is a protocol that a member offers, with what it tells the leader in it.
type GroupProtocol struct {
	Name     string
	Metadata []byte
}

// JoinResponse is the group as it is now.
type JoinResponse struct {
	MemberID   string
	Generation int
	Protocol   string        // the one chosen
	Leader     string        // member id
	Members    []GroupMember // known to the leader only; in the broker's order
}

// GroupMember is a member with its metadata of the protocol chosen.
type GroupMember struct {
	ID       string
	Metadata []byte
}

// SyncRequest asks for the member's assignment; the leader brings those of all.
type SyncRequest struct {
	MemberID               string
	Generation             int
	ProtocolType, Protocol string
	Assignments            map[string][]byte // by member; of the leader only
}

// NewCoordinator makes the line of one member of a group from Java's client properties and those of
// GroupTiming, whose defaults are those of Connect. It doesn't connect yet. A wrong setting is an
// errs.Config error.
func NewCoordinator(props Props, group string, log *slog.Logger, opts ...Option) (*Coordinator, error) {
	r := security.NewReader(props)
	timing := GroupTiming{
		HeartbeatInterval: r.Millis("heartbeat.interval.ms", 3*time.Second),
		SessionTimeout:    r.Millis("session.timeout.ms", 10*time.Second),
		RebalanceTimeout:  r.Millis("rebalance.timeout.ms", time.Minute),
	}
	if r.Err() != nil {
		return nil, r.Err()
	}
	props = maps.Clone(props)
	maps.DeleteFunc(props, func(key, _ string) bool { return r.Used(key) }) // nothing for the admin client to warn of
	admin, err := NewAdmin(props, log, opts...)
	if err != nil {
		return nil, err
	}
	c := &Coordinator{group: group, admin: admin, timing: timing}
	c.control, c.beats = &groupLink{c: c}, &groupLink{c: c}
	return c, nil
}

// Timing returns the group's times.
func (c *Coordinator) Timing() GroupTiming { return c.timing }

// Close ends the connections; calls under way fail. It doesn't leave the group.
func (c *Coordinator) Close() error {
	err := c.admin.Close()
	c.control.close()
	c.beats.close()
	return err
}

// FindCoordinator asks the cluster which broker looks after the group now, and returns its address. It
// tries until ctx ends or default.api.timeout.ms is over.
func (c *Coordinator) FindCoordinator(ctx context.Context) (address string, err error) {
	return ask(ctx, c.admin, func(conn *saramaConn) (string, error) {
		if err := conn.client.RefreshCoordinator(c.group); err != nil {
			return "", err
		}
		broker, err := conn.client.Coordinator(c.group)
		if err != nil {
			return "", err
		}
		return broker.Addr(), nil
	}, "find the coordinator of group %s", c.group)
}

// Join joins the group or joins it again. It waits until the group is complete, as long as
// RebalanceTimeout and more; meanwhile no heartbeats are due.
func (c *Coordinator) Join(ctx context.Context, r JoinRequest) (JoinResponse, error) {
	request := sarama.NewJoinGroupRequest(c.admin.config.Version)
	request.GroupId, request.ProtocolType = c.group, r.ProtocolType
	request.SessionTimeout = int32(c.timing.SessionTimeout.Milliseconds())
	request.RebalanceTimeout = int32(c.timing.RebalanceTimeout.Milliseconds())
	if r.Reason != "" {
		request.Reason = &r.Reason
	}
	for _, p := range r.Protocols {
		request.OrderedGroupProtocols = append(request.OrderedGroupProtocols, &sarama.GroupProtocol{Name: p.Name, Metadata: p.Metadata})
	}
	limit := max(c.admin.s.requestTimeout, c.timing.RebalanceTimeout+5*time.Second) // as in Java
	// A try that is given up when ctx ends may still be writing these.
	var out atomic.Pointer[JoinResponse]
	var given atomic.Pointer[string] // the member id that the coordinator gave
	given.Store(&r.MemberID)
	err := c.retried(ctx, c.control, limit, func(b *sarama.Broker) error {
		attempt := *request // sarama lowers its version to the broker's
		attempt.MemberId = *given.Load()
		resp, err := b.JoinGroup(&attempt)
		if err == nil && resp.Err == sarama.ErrMemberIdRequired {
			given.Store(&resp.MemberId)
			attempt = *request
			attempt.MemberId = resp.MemberId
			resp, err = b.JoinGroup(&attempt)
		}
		if err != nil {
			return err
		}
		if resp.Err != sarama.ErrNoError {
			return resp.Err
		}
		joined := &JoinResponse{
			MemberID: resp.MemberId, Generation: int(resp.GenerationId), Protocol: resp.GroupProtocol, Leader: resp.LeaderId,
		}
		for _, m := range resp.Members {
			joined.Members = append(joined.Members, GroupMember{ID: m.MemberId, Metadata: m.Metadata})
		}
		out.Store(joined)
		return nil
	})
	if err != nil {
		return JoinResponse{}, failed(err, "join group %s", c.group)
	}
	return *out.Load(), nil
}

// Sync returns the member's assignment. It waits for the leader's. An error that isn't about the broker
// means to join again, see ErrRebalance and the others.
func (c *Coordinator) Sync(ctx context.Context, r SyncRequest) ([]byte, error) {
	request := sarama.SyncGroupRequest{
		Version: 5, GroupId: c.group, GenerationId: int32(r.Generation), MemberId: r.MemberID,
		ProtocolType: &r.ProtocolType, ProtocolName: &r.Protocol,
	}
	for id, assignment := range r.Assignments {
		request.GroupAssignments = append(request.GroupAssignments, sarama.SyncGroupRequestAssignment{MemberId: id, Assignment: assignment})
	}
	var out atomic.Pointer[[]byte] // as in Join
	err := c.retried(ctx, c.control, c.admin.s.requestTimeout, func(b *sarama.Broker) error {
		attempt := request
		resp, err := b.SyncGroup(&attempt)
		if err != nil {
			return err
		}
		if resp.Err != sarama.ErrNoError {
			return resp.Err
		}
		out.Store(&resp.MemberAssignment)
		return nil
	})
	if err != nil {
		return nil, failed(err, "sync with group %s", c.group)
	}
	return *out.Load(), nil
}

// Heartbeat says that the member lives. Its errors say what to do, see ErrRebalance and the others. A
// coordinator that is silent for SessionTimeout is looked for anew, perhaps it is another by now.
func (c *Coordinator) Heartbeat(ctx context.Context, memberID string, generation int) error {
	err := c.retried(ctx, c.beats, min(c.timing.SessionTimeout, c.admin.s.requestTimeout), func(b *sarama.Broker) error {
		resp, err := b.Heartbeat(&sarama.HeartbeatRequest{Version: 4, GroupId: c.group, GenerationId: int32(generation), MemberId: memberID})
		if err == nil && resp.Err != sarama.ErrNoError {
			err = resp.Err
		}
		return err
	})
	return failed(err, "heartbeat to group %s", c.group)
}

// Leave takes the member out of the group, so that others needn't wait for its session to end. That it is
// gone already is no error.
func (c *Coordinator) Leave(ctx context.Context, memberID, reason string) error {
	member := sarama.MemberIdentity{MemberId: memberID}
	if reason != "" {
		member.Reason = &reason
	}
	err := c.retried(ctx, c.control, c.admin.s.requestTimeout, func(b *sarama.Broker) error {
		resp, err := b.LeaveGroup(&sarama.LeaveGroupRequest{
			Version: 5, GroupId: c.group, MemberId: memberID, Members: []sarama.MemberIdentity{member},
		})
		if err != nil {
			return err
		}
		if resp.Err == sarama.ErrNoError && len(resp.Members) > 0 {
			resp.Err = resp.Members[0].Err
		}
		if resp.Err != sarama.ErrNoError && resp.Err != sarama.ErrUnknownMemberId {
			return resp.Err
		}
		return nil
	})
	return failed(err, "leave group %s", c.group)
}

// Backoff is how long to wait after so many tries, 1 and up: retry.backoff.ms to retry.backoff.max.ms.
func (c *Coordinator) Backoff(tries int) time.Duration { return c.admin.s.backoff(tries) }

// retried tries until it succeeds, trying doesn't help, ctx ends, the coordinator can't be found, or it is
// found and not reached for two sessions. What failed last is in the error.
//
// A coordinator whose broker has crashed is still named by the others until the controller misses that
// broker (broker.session.timeout.ms, 9 s) and elects another, which grants all members a whole session.
// Java goes on for as long as one is named; two sessions bound how long a member that is cut off from
// the coordinator alone, and which the group has given up, takes itself for one.
func (c *Coordinator) retried(ctx context.Context, link *groupLink, limit time.Duration, op func(*sarama.Broker) error) error {
	var before error      // says more than that ctx ended
	var silence time.Time // since when the coordinator doesn't answer
	for tries := 1; ; tries++ {
		began := time.Now()
		err := c.once(ctx, link, limit, op)
		if ctx.Err() != nil && err != nil {
			return errors.Join(ctx.Err(), before)
		}
		if err == nil || Classify(err) != Retriable || errors.Is(err, ErrRebalance) {
			return err
		}
		if _, nowhere := errors.AsType[unfound](err); nowhere {
			return err // it was looked for long enough
		}
		_, answered := codeOf(err)
		switch {
		case answered:
			silence = time.Time{}
		case silence.IsZero():
			silence = began
		case time.Since(silence) >= 2*c.timing.SessionTimeout:
			return err
		}
		before = err
		c.admin.log.Debug("group call is tried again", "group", c.group, "tries", tries, "error", err)
		timer := time.NewTimer(c.Backoff(tries))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), before)
		case <-c.admin.ctx.Done():
			timer.Stop()
			return ErrAborted
		}
	}
}

// once makes one call over the link, at most for limit. When the broker wasn't reached or isn't the
// coordinator, the next call asks for the coordinator anew.
func (c *Coordinator) once(ctx context.Context, link *groupLink, limit time.Duration, op func(*sarama.Broker) error) error {
	err := link.call(ctx, limit, op)
	if err == nil {
		return nil
	}
	if c.admin.ctx.Err() != nil {
		return ErrAborted
	}
	_, coded := codeOf(err)
	if !coded || errors.Is(err, sarama.ErrNotCoordinatorForConsumer) || errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) {
		link.drop()
	}
	return err
}

// look looks for the coordinator for a heartbeat's interval. It asks three times: of several brokers sarama
// asks the one that owes it the fewest answers, so not one again that is silent.
func (c *Coordinator) look(ctx context.Context) (address string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timing.HeartbeatInterval)
	defer cancel()
	for {
		once, done := context.WithTimeout(ctx, c.timing.HeartbeatInterval/3)
		address, err = c.FindCoordinator(once)
		done()
		if err == nil || ctx.Err() != nil || Classify(err) != Retriable {
			return address, err
		}
	}
}

// unfound is an error of looking for the coordinator: brokers may have answered, but not it.
type unfound struct{ error }

func (u unfound) Unwrap() error { return u.error }

// errGroupCall is the cause of a call that took longer than it may.
var errGroupCall = errors.New("the group's coordinator didn't answer in time")

// groupLink is one connection to the coordinator. Coordinators live long and move seldom, so each link
// keeps the address it found.
type groupLink struct {
	c     *Coordinator
	calls sync.WaitGroup

	mu     sync.Mutex
	closed bool
	broker *sarama.Broker // nil: not connected
	cut    context.CancelFunc
}

// call runs op, which knows no context, in a goroutine. When ctx ends the connection is cut, which ends
// op too.
func (l *groupLink) call(ctx context.Context, limit time.Duration, op func(*sarama.Broker) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errGroupCall)
	defer cancel()
	broker, err := l.open(ctx)
	if err != nil {
		return err
	}
	answer := make(chan error, 1)
	if !l.spawn(func() { answer <- op(broker) }) {
		return ErrAborted
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		l.drop()
		return errors.Join(ctx.Err(), context.Cause(ctx))
	case <-l.c.admin.ctx.Done():
		l.drop()
		return ErrAborted
	}
}

// open returns the connection, which sarama may still be making.
func (l *groupLink) open(ctx context.Context) (*sarama.Broker, error) {
	l.mu.Lock()
	broker := l.broker
	l.mu.Unlock()
	if broker != nil {
		return broker, nil
	}
	address, err := l.c.look(ctx)
	if err != nil {
		return nil, unfound{err}
	}
	life, cut := context.WithCancel(l.c.admin.ctx)
	config := *l.c.admin.config
	config.Net.Proxy.Dialer = cutDialer{saramaDialer{life, l.c.admin.s}}
	config.Net.ReadTimeout = time.Hour // calls have their own limits; JoinGroup waits long
	broker = sarama.NewBroker(address)
	if err := broker.Open(&config); err != nil {
		cut()
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broker, l.cut = broker, cut
	return broker, nil
}

// spawn starts a goroutine that close waits for, unless the link is closed.
func (l *groupLink) spawn(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.calls.Go(f)
	return true
}

// drop cuts the connection; the next call makes another.
func (l *groupLink) drop() {
	if end := l.detach(); end != nil && !l.spawn(end) {
		end()
	}
}

// detach takes the connection away and returns what ends it, which may wait a moment for op.
func (l *groupLink) detach() (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	broker, cut := l.broker, l.cut
	l.broker, l.cut = nil, nil
	if broker == nil {
		return nil
	}
	return func() {
		cut()
		broker.Close() //nolint:errcheck // it is cut already
	}
}

// close ends the link, after admin's context has ended, and waits for its goroutines.
func (l *groupLink) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.drop()
	l.calls.Wait()
}
