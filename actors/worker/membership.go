package worker

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/connector"
	"github.com/troupe-connect/troupe/cluster/assign"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// membership is the worker's place in its group: it turns what the group says into orders to the
// herder, and plans for all when the worker leads. It is the group.Handler; those methods run on
// the goroutine of the member, which may block.
type membership struct {
	d      *Distributed
	log    *slog.Logger
	co     *kafka.Coordinator
	member *group.Member
	coop   *assign.Cooperative

	wake       chan struct{} // one token: the keeper is to look
	everJoined atomic.Bool

	mu      sync.Mutex
	work    workSet                 // what this worker is to run
	gen     int                     // of the last assignment carried out
	owners  map[state.TaskID]string // URL by work, of the last plan made here
	change  chan struct{}           // closed when the place in the group is another
	clean   bool                    // statuses of what is no more are to be removed
	behind  bool                    // left the group since the config topic could not be read
	delayed *time.Timer             // until the rebalance that the leader planned
	stopped bool                    // the worker stops: nothing is to start any more
	cancel  context.CancelCauseFunc // ends the member's Run
	ended   chan struct{}           // closed when Run has ended; nil before
}

// workSet is connectors, as connector.ConnectorTask, and tasks.
type workSet map[state.TaskID]bool

func setOf(w group.Work) workSet {
	s := make(workSet, len(w.Connectors)+len(w.Tasks))
	for _, name := range w.Connectors {
		s[state.TaskID{Connector: name, Task: connector.ConnectorTask}] = true
	}
	for _, id := range w.Tasks {
		s[id] = true
	}
	return s
}

func newMembership(d *Distributed, protocol group.Protocol) (*membership, error) {
	w := d.cfg.Settings
	log := d.cfg.Log.With("logger", "org.apache.kafka.connect.runtime.distributed")
	props := maps.Clone(kafka.Props(w.Props))
	if w.ClientID == "" {
		props["client.id"] = "connect-" + d.cfg.WorkerID
	}
	co, err := kafka.NewCoordinator(kafka.WorkerGroupProps(props), w.GroupID, log, d.cfg.KafkaOptions...)
	if err != nil {
		return nil, err
	}
	m := &membership{
		d: d, log: log, co: co, coop: assign.NewCooperative(w.ScheduledRebalanceMaxDelay),
		wake: make(chan struct{}, 1), work: workSet{}, gen: -1, change: make(chan struct{}),
	}
	m.member = group.New(co, group.Config{URL: d.cfg.URL, Protocol: protocol, HandOver: handOverLimit(w.HeartbeatInterval), Log: log}, m)
	return m, nil
}

// handOverLimit is how long a worker that stops may take to hand its work over: the others hear of
// it with their next heartbeat.
func handOverLimit(heartbeat time.Duration) time.Duration { return heartbeat + 2*time.Second }

// clusterActor owns the goroutines of the membership: the member's own, and the keeper.
type clusterActor struct {
	m      *membership
	ended  chan struct{}
	cancel context.CancelCauseFunc
}

const (
	memberExit = "member"
	keeperExit = "keeper"
)

func clusterProps(m *membership) *actor.Props {
	return act.Props(func() actor.Actor { return &clusterActor{m: m} })
}

// Receive handles one message and returns at once.
func (a *clusterActor) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *actor.Started:
		ctx, cancel := context.WithCancelCause(context.Background()) //nolint:forbidigo // the actor starts its goroutines here
		a.cancel, a.ended = cancel, make(chan struct{})
		if !a.m.begin(cancel, a.ended) {
			cancel(nil)
		}
		act.Go(c, ctx, memberExit, []string{"of", "group member"}, func(ctx context.Context) (any, error) { return nil, a.m.member.Run(ctx) })
		act.Go(c, ctx, keeperExit, []string{"of", "leader's duties"}, func(ctx context.Context) (any, error) { return nil, a.m.keep(ctx) })
	case act.Exited:
		if m.ID == memberExit {
			close(a.ended)
			a.ended = nil
			if m.Err != nil {
				a.m.lost("the group can't be joined")
			}
		}
		if m.Err != nil {
			panic(act.AsFailure(m.Err, false))
		}
	case *actor.Stopping:
		a.cancel(nil)
	}
}

// begin takes note of the member's goroutine; false if the worker stops already.
func (m *membership) begin(cancel context.CancelCauseFunc, ended chan struct{}) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cancel, m.ended = cancel, ended
	return !m.stopped
}

// closing makes the membership start nothing any more: the worker stops.
func (m *membership) closing() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	m.work = workSet{}
	m.undelay()
}

// leave hands over what has stopped, ends the membership and waits for that until ctx ends.
func (m *membership) leave(ctx context.Context) {
	m.mu.Lock()
	cancel, ended := m.cancel, m.ended
	m.mu.Unlock()
	if cancel != nil {
		cancel(group.ErrHandOver)
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
	if err := m.co.Close(); err != nil {
		m.log.Debug("group coordinator client did not close cleanly", "err", err)
	}
}

// undelay forgets the planned rebalance. m.mu is held.
func (m *membership) undelay() {
	if m.delayed != nil {
		m.delayed.Stop()
		m.delayed = nil
	}
}

// rejoin makes the worker join its group again.
func (m *membership) rejoin(reason string) { m.member.Rejoin(reason) }

// assignment is what this worker is to run, and the generation of that.
func (m *membership) assignment() (workSet, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.work), m.gen
}

// place is how things stand: whether this worker leads, and where the leader is. url is "" while
// nobody knows.
func (m *membership) place() (leads bool, url string, protocol group.Protocol) {
	s := m.member.Status()
	return s.MemberID != "" && s.Leader == s.MemberID, s.LeaderURL, s.Protocol
}

// ownerURL is where something runs, "" if it runs nowhere. Only the leader knows.
func (m *membership) ownerURL(id state.TaskID) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owners[id]
}

// changed wakes those who wait for another place in the group. m.mu is held.
func (m *membership) changed() {
	close(m.change)
	m.change = make(chan struct{})
}

// joined waits until the worker is in its group.
func (m *membership) joined(ctx context.Context) error {
	for {
		m.mu.Lock()
		in, change := m.gen >= 0, m.change
		m.mu.Unlock()
		if in {
			return nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Offset implements group.Handler: it is asked before each join, which has to wait until tasks
// whose configurations were replaced have stopped, since others may start what they did.
func (m *membership) Offset() int64 {
	ctx, cancel := context.WithTimeout(context.Background(), m.d.root.timeout+stopMargin) //nolint:forbidigo // the interface has none
	defer cancel()
	if _, err := askHerder(ctx, m.d.root.herder, func(r act.Reply[struct{}]) any { return quiet{r} }); err != nil {
		m.log.Debug("joining without waiting for the herder", "err", err)
	}
	return m.d.store.Snapshot().Offset()
}

// refresh reads the config topic to its end within worker.sync.timeout.ms.
func (m *membership) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.d.cfg.Settings.SyncTimeout)
	defer cancel()
	return m.d.store.Refresh(ctx)
}

// Plan implements group.Handler.
func (m *membership) Plan(ctx context.Context, r group.Round) (group.Plan, error) {
	if m.d.store.Snapshot().Offset() < r.MaxOffset {
		if err := m.refresh(ctx); err != nil {
			m.log.Warn("config topic not read to its end by the leader", "err", err)
		}
	}
	snapshot := m.d.store.Snapshot()
	if snapshot.Offset() < r.MaxOffset {
		return group.Plan{Error: group.ConfigMismatch, Offset: r.MaxOffset}, nil
	}
	in := assign.Input{Now: time.Now(), Generation: r.Generation, LastGeneration: r.LastGeneration}
	for _, name := range snapshot.Connectors() {
		in.Configured.Connectors = append(in.Configured.Connectors, name)
		in.Configured.Tasks = append(in.Configured.Tasks, snapshot.Tasks(name)...)
	}
	for _, member := range r.Leaving {
		in.Leaving = append(in.Leaving, assign.Member{ID: member.ID, Runs: assign.Work(member.Runs())})
	}
	urls := make(map[string]string, len(r.Members))
	for _, member := range r.Members {
		in.Members = append(in.Members, assign.Member{ID: member.ID, URL: member.URL, Runs: assign.Work(member.Runs())})
		urls[member.ID] = member.URL
	}
	var made assign.Plan
	if r.Protocol == group.Eager {
		made = assign.Eager(in)
	} else {
		made = m.coop.Plan(in)
	}
	plan := group.Plan{
		Offset: snapshot.Offset(), Delay: made.Delay, Shares: make(map[string]group.Share, len(made.Shares)),
		Why: assign.Explain(in, made, r.Name),
	}
	owners := map[state.TaskID]string{}
	for id, s := range made.Shares {
		plan.Shares[id] = group.Share{Assigned: group.Work(s.Assigned), Revoked: group.Work(s.Revoked)}
		for item := range setOf(group.Work(s.Runs)) {
			owners[item] = urls[id]
		}
	}
	m.mu.Lock()
	m.owners = owners
	m.mu.Unlock()
	return plan, nil
}

// Handle implements group.Handler.
func (m *membership) Handle(ctx context.Context, e group.Event) {
	switch e.Kind {
	case group.Assigned:
		m.assigned(ctx, e)
	case group.Revoked:
		m.revoke(ctx, setOf(e.Work), false)
	case group.Lost:
		m.log.Error("the group is lost: everything stops until it is found again, since others may take it over")
		m.revoke(ctx, setOf(e.Work), true)
	}
}

// revoke has work stopped and waits for that.
func (m *membership) revoke(ctx context.Context, work workSet, lost bool) {
	m.mu.Lock()
	for id := range work {
		delete(m.work, id)
	}
	if lost {
		m.gen = -1
		m.changed()
	}
	m.undelay()
	m.mu.Unlock()
	by := time.Now().Add(m.d.root.timeout)
	if _, err := askHerder(ctx, m.d.root.herder, func(r act.Reply[struct{}]) any { return revoked{work, by, r} }); err != nil {
		m.log.Warn("herder did not say that revoked work has stopped", "err", err)
	}
	if lost {
		return // statuses can't be written; they will be when Kafka is back
	}
	ctx, cancel := context.WithTimeout(ctx, m.d.cfg.Settings.SyncTimeout)
	defer cancel()
	if err := m.d.status.Flush(ctx); err != nil {
		m.log.Warn("statuses of what was revoked are not written yet", "err", err)
	}
}

// lost stops everything without waiting.
func (m *membership) lost(reason string) {
	m.mu.Lock()
	work := m.work
	m.work, m.gen = workSet{}, -1
	m.undelay()
	m.changed()
	m.mu.Unlock()
	m.log.Error("everything stops", "because", reason)
	m.d.root.herder.send(revoked{Work: work, By: time.Now().Add(m.d.root.timeout)})
}

// assigned carries an assignment out, as soon as this worker has read as much of the config topic
// as the leader had.
func (m *membership) assigned(ctx context.Context, e group.Event) {
	a := e.Assignment
	m.mu.Lock()
	m.undelay()
	m.mu.Unlock()
	if a.Error != group.NoError {
		if err := m.refresh(ctx); err != nil {
			m.log.Warn("config topic not read to its end", "err", err)
		}
		return // the member joins again by itself
	}
	if m.d.store.Snapshot().Offset() < a.Offset {
		if err := m.refresh(ctx); err != nil {
			m.log.Error("config topic could not be read in time: the worker leaves its group until it can", "worker.sync.timeout.ms", m.d.cfg.Settings.SyncTimeout.Milliseconds(), "err", err)
			m.fallBehind()
			return
		}
	}
	if own := m.d.store.Snapshot().Offset(); own != a.Offset {
		m.rejoin("the config topic has moved on")
		return
	}
	if !m.accept(e) {
		return
	}
	if _, err := askHerder(ctx, m.d.root.herder, func(r act.Reply[struct{}]) any { return assigned{r} }); err != nil {
		m.log.Warn("herder did not take the assignment in", "err", err)
	}
	m.mu.Lock()
	m.clean = e.Leads
	m.mu.Unlock()
	m.look()
	switch {
	case !a.Revoked.Empty():
		m.rejoin("work was revoked and can be given out")
	case a.Delay > 0:
		m.mu.Lock()
		if !m.stopped {
			m.delayed = time.AfterFunc(a.Delay, func() { m.rejoin("the delay for lost work is over") })
		}
		m.mu.Unlock()
	}
}

// accept makes the assignment what this worker is to run; false if it runs nothing any more.
func (m *membership) accept(e group.Event) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return false
	}
	m.work, m.gen = setOf(e.Assignment.Assigned), e.Generation
	m.everJoined.Store(true)
	m.changed()
	return true
}

func (m *membership) fallBehind() {
	m.mu.Lock()
	m.behind = true
	m.gen = -1
	m.changed()
	m.mu.Unlock()
	m.member.Leave("the config topic can't be read")
	m.look()
}

// look wakes the keeper.
func (m *membership) look() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// keep does what takes time and has to be tried again: the leader's duties, and reading a config
// topic that couldn't be read. It ends with ctx.
func (m *membership) keep(ctx context.Context) error {
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

// catchUp reads the config topic with pauses and joins the group when that succeeds. Work goes on
// meanwhile, but not for ever: at some time others will have it.
func (m *membership) catchUp(ctx context.Context) {
	w := m.d.cfg.Settings
	for left := unsyncTries; ; left-- {
		pause := w.UnsyncBackoff
		if _, _, protocol := m.place(); protocol != group.Eager {
			pause = w.ScheduledRebalanceMaxDelay / 10 / time.Duration(left)
		}
		if !act.Sleep(ctx, pause) {
			return
		}
		err := m.refresh(ctx)
		if err == nil {
			m.mu.Lock()
			m.behind = false
			m.mu.Unlock()
			m.rejoin("the config topic could be read again")
			return
		}
		m.log.Warn("config topic still not read to its end", "tries left before all work stops", left-1, "err", err)
		if left == 1 {
			m.lost("the config topic can't be read")
			left = unsyncTries + 1
		}
	}
}

// duties are the leader's: to be the only one who writes, and to give out session keys. It returns
// when to look again, 0 for when something changes.
func (m *membership) duties(ctx context.Context) time.Duration {
	leads, _, protocol := m.place()
	if !leads {
		m.d.store.RenounceWrites()
		return 0
	}
	cleaned := m.cleanStatuses(ctx)
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	if err := m.d.store.ClaimWrites(ctx); err != nil {
		m.log.Error("the leader's right to write to the config topic was not obtained, trying again", "err", err)
		return dutyRetry
	}
	var next time.Duration
	if protocol == group.Sessioned {
		var err error
		if next, err = m.d.renewSessionKey(ctx); err != nil {
			m.log.Error("session key not written, trying again", "err", err)
			return dutyRetry
		}
	}
	if !cleaned {
		return dutyRetry
	}
	return next
}

// cleanStatuses removes statuses after a rebalance that this worker led; false if that has to be tried again.
// What ran before the rebalance has written its last word by then, but it need not be read here yet: a task that
// was stopped right after its start would seem to run for ever.
func (m *membership) cleanStatuses(ctx context.Context) bool {
	m.mu.Lock()
	due := m.clean
	m.clean = false
	m.mu.Unlock()
	if !due {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, m.d.cfg.Settings.SyncTimeout)
	defer cancel()
	if err := m.d.status.Refresh(ctx); err != nil {
		m.log.Warn("statuses of what is no more not removed yet, trying again", "err", err)
		m.mu.Lock()
		m.clean = true
		m.mu.Unlock()
		return false
	}
	m.d.cleanStatuses()
	return true
}

// dutyRetry is the pause before a duty that failed is tried again, writeLimit bounds a try.
const (
	dutyRetry  = time.Second
	writeLimit = 30 * time.Second
)

// errNotMember is the answer of a worker that is in no group.
var errNotMember = errs.Connect.New("the worker is not in its group")
