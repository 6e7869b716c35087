package member

import (
	"context"
	"time"

	"github.com/troupe-connect/troupe/cluster/assign"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/state"
)

// Offset implements group.Handler: it is asked before each join, which has to wait until tasks whose
// configurations were replaced have stopped, since others may start what they did.
func (m *Member) Offset() int64 {
	m.cfg.Metrics.RebalanceBegan()
	ctx, cancel := context.WithTimeout(context.Background(), m.cfg.Settings.TaskShutdownTimeout+StopMargin) //nolint:forbidigo // the interface has none
	defer cancel()
	if err := m.cfg.Herder.Quiet(ctx); err != nil {
		m.log.Debug("joining without waiting for the herder", "err", err)
	}
	return m.cfg.Configs.Snapshot().Offset()
}

// Plan implements group.Handler.
func (m *Member) Plan(ctx context.Context, r group.Round) (group.Plan, error) {
	if m.cfg.Configs.Snapshot().Offset() < r.MaxOffset {
		if err := m.refresh(ctx); err != nil {
			m.log.Warn("could not read the config topic to its end as the leader", "err", err)
		}
	}
	snapshot := m.cfg.Configs.Snapshot()
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
	ids := make(map[string]string, len(r.Members))
	for _, member := range r.Members {
		in.Members = append(in.Members, assign.Member{ID: member.ID, URL: member.URL, Runs: assign.Work(member.Runs())})
		urls[member.ID] = member.URL
		if other := ids[member.URL]; other != "" {
			m.log.Warn("two workers of the group advertise the same URL: requests that are forwarded reach either; "+
				"set rest.advertised.host.name and rest.advertised.port", "url", member.URL, "member", member.ID, "other", other)
		}
		ids[member.URL] = member.ID
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
		for item := range state.Work(s.Runs).Set() {
			owners[item] = urls[id]
		}
	}
	m.mu.Lock()
	m.owners = owners
	m.mu.Unlock()
	return plan, nil
}

// Handle implements group.Handler.
func (m *Member) Handle(ctx context.Context, e group.Event) {
	switch e.Kind {
	case group.Assigned:
		m.assigned(ctx, e)
	case group.Revoked:
		m.revoke(ctx, e.Work.Set(), false)
	case group.Lost:
		m.cfg.Metrics.RebalanceBegan() // and goes on until there is an assignment
		m.log.Error("the membership of the group is lost: stopping all connectors and tasks on this worker until it joins again, " +
			"since other workers may take them over")
		m.revoke(ctx, e.Work.Set(), true)
	}
}

// revoke has work stopped and waits for that.
func (m *Member) revoke(ctx context.Context, work state.WorkSet, lost bool) {
	m.mu.Lock()
	if lost {
		m.leftGroup()
	}
	m.undelay()
	m.mu.Unlock()
	if err := m.cfg.Herder.Revoke(ctx, work, lost, m.deadline()); err != nil {
		m.log.Warn("no confirmation that revoked connectors and tasks stopped", "err", err)
	}
	if lost {
		return // statuses can't be written; they will be when Kafka is back
	}
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Settings.SyncTimeout)
	defer cancel()
	if err := m.cfg.Statuses.Flush(ctx); err != nil {
		m.log.Warn("statuses of what was revoked are not written yet", "err", err)
	}
}

// lost stops everything without waiting.
func (m *Member) lost(reason string) {
	m.mu.Lock()
	m.undelay()
	m.leftGroup()
	m.mu.Unlock()
	m.log.Error("stopping all connectors and tasks on this worker", "reason", reason)
	m.cfg.Herder.Lose(m.deadline())
}

// assigned carries an assignment out, as soon as this worker has read as much of the config topic
// as the leader had.
func (m *Member) assigned(ctx context.Context, e group.Event) {
	a, begun := e.Assignment, time.Now()
	m.mu.Lock()
	m.undelay()
	m.mu.Unlock()
	if a.Error != group.NoError {
		if err := m.refresh(ctx); err != nil {
			m.log.Warn("could not read the config topic to its end", "err", err)
		}
		return // the member joins again by itself
	}
	if m.cfg.Configs.Snapshot().Offset() < a.Offset {
		if err := m.refresh(ctx); err != nil {
			m.log.Error("could not read the config topic in time: the worker leaves its group until it can",
				"worker.sync.timeout.ms", m.cfg.Settings.SyncTimeout.Milliseconds(), "err", err)
			m.fallBehind()
			return
		}
	}
	if own := m.cfg.Configs.Snapshot().Offset(); own != a.Offset {
		m.Rejoin("the config topic has moved on")
		return
	}
	if !m.accept(e) {
		return
	}
	if err := m.cfg.Herder.Assign(ctx, e.Generation, a.Assigned.Set()); err != nil {
		m.log.Warn("no confirmation that the herder has the assignment", "err", err)
	}
	m.count(e, begun)
	m.mu.Lock()
	m.clean = e.Leads
	m.mu.Unlock()
	m.Look()
	switch {
	case !a.Revoked.Empty():
		m.Rejoin("work was revoked and can be given out")
	case a.Delay > 0:
		m.mu.Lock()
		if !m.stopped {
			m.waits = time.Now().Add(a.Delay)
			m.delayed = time.AfterFunc(a.Delay, func() { m.Rejoin("the delay for lost work is over") })
		}
		m.mu.Unlock()
	}
	if a.LeaderURL == m.cfg.URL && !e.Leads {
		m.log.Warn("the leader of the group advertises the URL of this worker: requests that are forwarded reach either; "+
			"set rest.advertised.host.name and rest.advertised.port", "url", m.cfg.URL)
	}
}

// count notes an assignment that came at begun and is carried out.
func (m *Member) count(e group.Event, begun time.Time) {
	work, moved := state.Work(e.Assignment.Assigned).Set(), 0
	for id := range work {
		if !m.had[id] {
			moved++
		}
	}
	for id := range m.had {
		if !work[id] {
			moved++
		}
	}
	m.had = work
	now := time.Now()
	m.cfg.Metrics.Rebalanced(int64(e.Generation), e.Assignment.LeaderURL, e.Protocol.String(), moved, now.Sub(begun), now.UnixMilli())
}

// accept notes that the worker has an assignment; false if it runs nothing any more.
func (m *Member) accept(e group.Event) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return false
	}
	m.gen = e.Generation
	m.everJoined.Store(true)
	m.changed()
	return true
}

func (m *Member) fallBehind() {
	m.mu.Lock()
	m.behind = true
	m.leftGroup()
	m.mu.Unlock()
	m.member.Leave("the config topic can't be read")
	m.Look()
}
