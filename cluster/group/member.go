package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
)

// Config is what a Member needs.
type Config struct {
	URL      string // of the worker's REST server, for the others; with a slash at the end, as Java has it
	Protocol Protocol
	// HandOver is how long Run may take to hand work over, see ErrHandOver; 0 is the session time-out and
	// a heartbeat's interval.
	HandOver time.Duration
	Metrics  *metrics.Membership // what the protocol's calls are counted in; nil for nobody
	Log      *slog.Logger
}

// Member is one worker's membership. Run keeps it; Rejoin, Leave and Status may be called from any
// goroutine, also by a Handler.
type Member struct {
	co     *kafka.Coordinator
	cfg    Config
	h      Handler
	log    *slog.Logger
	timing kafka.GroupTiming

	wake chan struct{} // one token: there is a wish
	mu   sync.Mutex
	wish wish

	status atomic.Pointer[Status]
	busy   atomic.Int64 // since when the handler is at work, in Unix ns; 0: it isn't

	// Below here is Run's alone.
	id             string // "" when not a member
	protocol       Protocol
	lastGeneration int
	delayed        time.Time // when the delay of the last assignment is over; zero: there is none
	told           time.Time // when the log said last that the coordinator is away; zero: it isn't
	current        *Assignment
	parked         *parked           // what it had when the coordinator was lost; nil: it wasn't, or the group has it no more
	beats          *heartbeats       // nil when not a member
	urls           map[string]string // by member, of the last round that it led
}

// wish is what was asked of the member and not yet done.
type wish struct {
	rejoin, leave bool
	reason        string
}

// Status is a member as of its last completed rebalance.
type Status struct {
	// MemberID is "" and Generation -1 while it is no member.
	MemberID   string
	Generation int
	Leader     string // member id
	LeaderURL  string
	Protocol   Protocol
	Connectors int // assigned
	Tasks      int // assigned
}

// New makes a member. It does nothing until Run; the coordinator is the caller's to close, after Run.
func New(co *kafka.Coordinator, cfg Config, h Handler) *Member {
	m := &Member{
		co: co, cfg: cfg, h: h, log: cfg.Log, timing: co.Timing(),
		wake: make(chan struct{}, 1), protocol: cfg.Protocol, lastGeneration: -1,
	}
	m.show(&Status{Generation: -1, Protocol: cfg.Protocol})
	return m
}

// Rejoin makes the member join the group again, also after Leave, which it takes back. It returns at once.
// A rebalance under way counts: what was asked before it completed is done with it.
func (m *Member) Rejoin(reason string) { m.ask(wish{rejoin: true, reason: reason}) }

// Leave makes the member leave the group and stay out until Rejoin, without stopping what it runs. It
// returns at once; a rebalance under way completes first. With a cooperative protocol the member tells
// the leader what it runs when it is back.
func (m *Member) Leave(reason string) { m.ask(wish{leave: true, reason: reason}) }

func (m *Member) ask(w wish) {
	m.mu.Lock()
	m.wish = w
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// rejoined takes back a wish to rejoin.
func (m *Member) rejoined() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wish.rejoin {
		m.wish = wish{}
	}
}

// leaving takes a wish to leave.
func (m *Member) leaving() (reason string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.wish.leave {
		return "", false
	}
	reason = m.wish.reason
	m.wish = wish{}
	return reason, true
}

// wished takes what was asked for.
func (m *Member) wished() wish {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.wish
	m.wish = wish{}
	return w
}

// show makes s the status.
func (m *Member) show(s *Status) {
	m.status.Store(s)
	m.cfg.Metrics.Assigned(s.Connectors, s.Tasks)
}

// Status returns how things stand.
func (m *Member) Status() Status { return *m.status.Load() }

// Run keeps the member in the group until ctx ends; then it leaves and returns nil. What runs then is for
// the owner to stop, best before; if it has, ErrHandOver as ctx's cause gives the work to the others. An
// error is a refusal by the broker (authorization, no protocol in common), a plan that couldn't be made or
// bytes that couldn't be read: the member has left.
func (m *Member) Run(ctx context.Context) error {
	defer m.depart(ctx, "the worker stops")
	err := m.live(ctx)
	if err == nil && errors.Is(context.Cause(ctx), ErrHandOver) {
		m.handOver(ctx)
	}
	return err
}

// live is Run until ctx ends.
func (m *Member) live(ctx context.Context) error {
	reason := "the worker starts"
	for tries := 1; ctx.Err() == nil; {
		if why, ok := m.leaving(); ok {
			m.depart(ctx, why)
			reason = m.stayOut(ctx)
			continue
		}
		err := m.resume(ctx)
		if errors.Is(err, errJoin) {
			err = m.rebalance(ctx, reason)
		}
		switch {
		case ctx.Err() != nil:
		case err == nil:
			tries, m.told = 1, time.Time{}
			reason = m.stay(ctx)
			continue
		case errors.Is(err, errBusy):
			m.forget()
			reason = errBusy.Error()
		case errors.Is(err, kafka.ErrUnknownMember):
			reason = m.evicted(ctx)
		case errors.Is(err, kafka.ErrRebalance), errors.Is(err, kafka.ErrGeneration):
			reason = "another rebalance began"
		case kafka.Classify(err) == kafka.Retriable:
			m.outage(ctx, err)
			m.lose(ctx)
			reason = unreachable
		default:
			return err
		}
		m.log.Debug("group is joined again", "reason", reason, "tries", tries, "error", err)
		m.pause(ctx, m.co.Backoff(tries))
		tries++
	}
	return nil
}

// outageInterval is how often the log says that the coordinator is still away.
const outageInterval = time.Minute

// outage says that the coordinator can't be reached, now and then while that lasts.
func (m *Member) outage(ctx context.Context, err error) {
	level := slog.LevelDebug
	if now := time.Now(); now.Sub(m.told) >= outageInterval {
		m.told, level = now, slog.LevelWarn
	}
	m.log.Log(ctx, level, "cannot reach the group coordinator; retrying", "error", err)
}

// pause waits, less long if ctx ends.
func (m *Member) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stay waits in the group until there is a reason to rejoin, which it returns.
func (m *Member) stay(ctx context.Context) string {
	if m.current.Error != NoError {
		m.pause(ctx, m.co.Backoff(1)) // the handler has read the config topic; don't spin if it hasn't
		return "the leader couldn't assign"
	}
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-m.wake:
			if w := m.wished(); w.leave {
				m.depart(ctx, w.reason)
				return m.stayOut(ctx)
			} else if w.rejoin {
				return w.reason
			}
		case err := <-m.beats.signals:
			return m.beaten(ctx, err)
		}
	}
}

// beaten does what a heartbeat's error asks for before the member joins again, and returns why it does.
func (m *Member) beaten(ctx context.Context, err error) (reason string) {
	switch {
	case errors.Is(err, kafka.ErrRebalance):
		return "the group rebalances"
	case errors.Is(err, errBusy):
		m.log.Error("worker was busy for longer than the rebalance time-out and has left the group", "timeout", m.timing.RebalanceTimeout)
		m.forget()
		return errBusy.Error()
	case errors.Is(err, kafka.ErrUnknownMember):
		return m.evicted(ctx)
	case errors.Is(err, kafka.ErrGeneration):
		return "the group is in another generation"
	case kafka.Classify(err) == kafka.Retriable:
		m.outage(ctx, err)
		m.lose(ctx)
		return unreachable
	}
	// Whatever it is, joining shows whether it lasts, and then ends Run.
	m.log.Warn("heartbeat is refused", "error", err)
	return "a heartbeat was refused"
}

// stayOut waits for Rejoin.
func (m *Member) stayOut(ctx context.Context) string {
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-m.wake:
			if w := m.wished(); w.rejoin {
				return w.reason
			}
		}
	}
}

// lose makes the owner stop everything, since others may get it.
func (m *Member) lose(ctx context.Context) {
	if m.current != nil && m.current.Error == NoError {
		m.tell(ctx, Event{Kind: Lost, Work: m.current.Assigned})
		m.parked = &parked{Assignment: *m.current, protocol: m.protocol, generation: m.lastGeneration, delayed: m.delayed}
	}
	m.current = nil
}

// evicted is a member that the coordinator has removed: its session had expired, while the process was frozen
// for instance, and others may run what it ran. The owner stops everything, so that what is this worker's still
// begins where it was committed last. A leader of ours knows what the worker ran and gives back what nobody has;
// for one in Java, with which it would wait for scheduled.rebalance.max.delay.ms, the next member claims it.
func (m *Member) evicted(ctx context.Context) (reason string) {
	m.log.Warn("the coordinator removed this worker from the group: its session had expired", "member", m.id)
	had := m.current
	m.lose(ctx)
	m.forget()
	if had != nil && !had.HandsOver && had.Error == NoError && m.protocol != Eager {
		m.current = had
	}
	return "the group didn't know the member any more"
}

// forget ends the membership on this side: the next join is a new member's.
func (m *Member) forget() {
	m.beats.stop()
	m.beats, m.id, m.parked = nil, "", nil
	m.show(&Status{Generation: -1, Protocol: m.protocol})
}

// depart leaves the group, if the member is in it. ctx may have ended.
func (m *Member) depart(ctx context.Context, reason string) {
	id := m.id
	m.forget()
	if id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(m.timing.SessionTimeout, 5*time.Second))
	defer cancel()
	if err := m.co.Leave(ctx, id, reason); err != nil {
		m.log.Warn(unheard, "member", id, "error", err)
	}
}

// unheard is what the log says of a member whose leaving nobody heard of.
const unheard = "could not tell the coordinator that this worker is leaving; it will be removed when its session expires"

// tell calls the handler.
func (m *Member) tell(ctx context.Context, e Event) {
	e.Protocol, e.MemberID = m.protocol, m.id
	m.attend(ctx, func(ctx context.Context) { m.h.Handle(ctx, e) })
}

// attend lets the handler work. When that takes too long the member leaves the group: at once by the
// heartbeats, or here if the handler gave up by itself, since then it may not have done what it was to.
func (m *Member) attend(ctx context.Context, work func(context.Context)) {
	working, cancel := context.WithTimeoutCause(ctx, m.timing.RebalanceTimeout, errBusy)
	defer cancel()
	m.busy.Store(time.Now().UnixNano())
	work(working)
	m.busy.Store(0)
	if b := m.beats; b != nil && ctx.Err() == nil && errors.Is(context.Cause(working), errBusy) && !b.stop() {
		m.leaveBusy(ctx, m.id)
		b.left = true
		b.tell(errBusy)
	}
}

// rebalance joins and takes what the member is assigned.
func (m *Member) rebalance(ctx context.Context, reason string) error {
	begun := time.Now()
	protocol, generation, assignment, why, err := m.round(ctx, reason)
	if ctx.Err() == nil {
		m.cfg.Metrics.Rebalanced(err == nil, time.Since(begun), metrics.Millis(time.Now()))
	}
	if err != nil {
		return err
	}
	return m.take(ctx, protocol, generation, assignment, why)
}

// round joins and gets the assignment; a leader makes those of all, and has something to say of them.
func (m *Member) round(ctx context.Context, reason string) (protocol Protocol, generation int, a Assignment, why []slog.Attr, err error) {
	level := slog.LevelInfo
	if !m.told.IsZero() {
		level = slog.LevelDebug // one of many tries
	}
	m.log.Log(ctx, level, "rebalance begins", "reason", reason)
	if m.protocol == Eager && m.current != nil {
		if m.current.Error == NoError && !m.current.Assigned.Empty() {
			m.tell(ctx, Event{Kind: Revoked, Work: m.current.Assigned})
		}
		m.current = nil
	}
	protocol, joined, err := m.join(ctx, WorkerState{URL: m.cfg.URL, Offset: m.h.Offset(), Current: m.current}, reason)
	if err != nil {
		return 0, 0, Assignment{}, nil, err
	}
	var assignments map[string][]byte
	if joined.Leader == joined.MemberID {
		if assignments, why, err = m.lead(ctx, protocol, joined); err != nil {
			return 0, 0, Assignment{}, nil, err
		}
	}
	a, err = m.sync(ctx, protocol, joined, assignments)
	return protocol, joined.Generation, a, why, err
}

// join joins the group with what the worker says of itself. From then on heartbeats are sent.
func (m *Member) join(ctx context.Context, worker WorkerState, reason string) (Protocol, kafka.JoinResponse, error) {
	request := kafka.JoinRequest{MemberID: m.id, ProtocolType: ProtocolType, Reason: reason}
	for _, p := range m.cfg.Protocol.offered() {
		metadata, err := worker.Encode(p)
		if err != nil {
			return 0, kafka.JoinResponse{}, fmt.Errorf("join the group: %w", err)
		}
		request.Protocols = append(request.Protocols, kafka.GroupProtocol{Name: p.Name(), Metadata: metadata})
	}
	if m.beats.stop() {
		request.MemberID = "" // it has left meanwhile
	}
	asked := time.Now()
	joined, err := m.co.Join(ctx, request)
	if err != nil {
		return 0, kafka.JoinResponse{}, err
	}
	m.cfg.Metrics.Joined(time.Since(asked), metrics.Millis(time.Now()))
	m.id = joined.MemberID
	m.beats = m.startHeartbeats(ctx, joined.MemberID, joined.Generation)
	protocol, ok := protocolNamed(joined.Protocol)
	if !ok {
		return 0, kafka.JoinResponse{}, fmt.Errorf("the group chose protocol %q, which wasn't offered", joined.Protocol)
	}
	return protocol, joined, nil
}

// sync gets the member's assignment; a leader brings those of all.
func (m *Member) sync(ctx context.Context, p Protocol, joined kafka.JoinResponse, all map[string][]byte) (Assignment, error) {
	asked := time.Now()
	bytes, err := m.co.Sync(ctx, kafka.SyncRequest{
		MemberID: joined.MemberID, Generation: joined.Generation, ProtocolType: ProtocolType, Protocol: p.Name(), Assignments: all,
	})
	if err != nil {
		return Assignment{}, err
	}
	m.cfg.Metrics.Synced(time.Since(asked), metrics.Millis(time.Now()))
	a, err := DecodeAssignment(bytes)
	if err != nil {
		return Assignment{}, fmt.Errorf("from leader %s: %w", joined.Leader, err)
	}
	return a, nil
}

// take makes the assignment the member's own and tells the owner. why is what a leader has to say of its
// plan. The error is errBusy.
func (m *Member) take(ctx context.Context, protocol Protocol, generation int, a Assignment, why []slog.Attr) error {
	m.rejoined() // what was asked for before is done
	was, before := m.protocol, m.current.runs()
	m.protocol = protocol
	stop := a.Revoked
	switch {
	case m.current == nil:
	case protocol != Eager:
		a.Assigned = m.current.Assigned.Without(a.Revoked).Plus(a.Assigned)
	case was != Eager:
		// The group fell back to eager. The leader doesn't know what ran; a JVM worker would go on with it.
		stop = m.current.Assigned.Without(a.Assigned)
	}
	if !stop.Empty() {
		m.tell(ctx, Event{Kind: Revoked, Work: stop, Generation: generation})
		if m.current != nil {
			m.current.Assigned = m.current.Assigned.Without(stop)
		}
		if m.beats.gone() {
			return errBusy // the rest of the assignment isn't the member's any more
		}
	}
	m.lastGeneration, m.parked = generation, nil
	if m.delayed = (time.Time{}); a.Delay > 0 {
		m.delayed = time.Now().Add(a.Delay)
	}
	kept := a
	kept.Revoked = Work{} // the leader is told of it no more
	m.current = &kept
	m.show(&Status{
		MemberID: m.id, Generation: generation, Leader: a.Leader, LeaderURL: a.LeaderURL, Protocol: protocol,
		Connectors: len(a.Assigned.Connectors), Tasks: len(a.Assigned.Tasks),
	})
	m.explain(ctx, generation, before, kept, stop, why)
	m.tell(ctx, Event{Kind: Assigned, Assignment: a, Leads: a.Leader == m.id, Generation: generation})
	return nil
}

// lead asks for the plan and writes it for all members.
func (m *Member) lead(ctx context.Context, protocol Protocol, joined kafka.JoinResponse) (map[string][]byte, []slog.Attr, error) {
	round := Round{Protocol: protocol, Generation: joined.Generation, LastGeneration: m.lastGeneration, Leader: m.id, MaxOffset: -1}
	for _, member := range joined.Members {
		worker, err := DecodeState(member.Metadata)
		if err != nil { // it gets nothing, and will see that nobody can read it
			m.log.Error("member of the group can't be understood", "member", member.ID, "error", err)
			continue
		}
		if one := (RoundMember{ID: member.ID, WorkerState: worker}); worker.Leaving {
			round.Leaving = append(round.Leaving, one)
		} else {
			round.Members = append(round.Members, one)
		}
		round.MaxOffset = max(round.MaxOffset, worker.Offset)
	}
	round.urls, m.urls = m.rename(round)
	var plan Plan
	var err error
	m.attend(ctx, func(ctx context.Context) { plan, err = m.h.Plan(ctx, round) })
	if err != nil {
		return nil, nil, fmt.Errorf("plan generation %d of the group: %w", joined.Generation, err)
	}
	out := make(map[string][]byte, len(round.Members))
	for _, member := range slices.Concat(round.Members, round.Leaving) {
		share := plan.Shares[member.ID] // of one that leaves: none
		a := Assignment{
			Error: plan.Error, Leader: m.id, LeaderURL: m.cfg.URL, Offset: plan.Offset,
			Assigned: share.Assigned, Revoked: share.Revoked, Delay: plan.Delay, HandsOver: true,
		}
		if out[member.ID], err = a.Encode(protocol); err != nil {
			return nil, nil, fmt.Errorf("assignment of member %s: %w", member.ID, err)
		}
	}
	return out, plan.Why, nil
}

// rename returns the URLs of the members of this round, and those of the last beside them.
func (m *Member) rename(round Round) (all, here map[string]string) {
	here = make(map[string]string, len(round.Members)+len(round.Leaving))
	for _, member := range slices.Concat(round.Members, round.Leaving) {
		here[member.ID] = member.URL
	}
	all = maps.Clone(here)
	for id, url := range m.urls {
		if all[id] == "" {
			all[id] = url
		}
	}
	return all, here
}
