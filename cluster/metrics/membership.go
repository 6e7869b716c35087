package metrics

import (
	"math"
	"sync"
	"time"
)

// About says which worker the numbers are of, as the app-info MBeans do.
type About struct {
	Version, Commit string
	WorkerID        string    // host:port
	Started         time.Time // of the process
}

// Describe notes which worker it is.
func (w *Worker) Describe(a About) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.about = a
}

// About is what Describe noted.
func (w *Worker) About() About {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.about
}

// Joins begins the numbers of the worker's place in its group, under its client.id; a worker without
// a group has none. Each call begins them anew.
func (w *Worker) Joins(clientID string, windows Windows) *Membership {
	if w == nil {
		return nil
	}
	m := &Membership{
		ClientID: clientID, heartbeats: newMeter(windows), heartbeat: newSampled(windows),
		joins: newTimed(windows), syncs: newTimed(windows), rebalances: newTimed(windows),
		failed: newMeter(windows),
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.membership = m
	return m
}

// ClientID is the client.id under which the worker is in a group, or empty.
func (w *Worker) ClientID() string {
	if m := w.member(); m != nil {
		return m.ClientID
	}
	return ""
}

func (w *Worker) member() *Membership {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.membership
}

// Membership has the numbers of the group protocol: what Kafka Connect's coordinator counts.
type Membership struct {
	ClientID string

	mu                sync.Mutex
	heartbeats        meter
	heartbeat         sampled // ms until the answer
	joins, syncs      timed
	rebalances        timed
	failed            meter
	beat, last        int64 // ms of the last heartbeat and rebalance, 0 before the first
	connectors, tasks int   // assigned
}

// timed counts calls and how long they took.
type timed struct {
	calls meter
	ms    sampled
	sum   float64 // ms of all
}

func newTimed(w Windows) timed { return timed{calls: newMeter(w), ms: newSampled(w)} }

func (t *timed) record(took time.Duration, now int64) {
	t.calls.add(1, now)
	t.ms.record(milliseconds(took), now)
	t.sum += milliseconds(took)
}

// Beat notes a heartbeat that the coordinator answered after took, with whatever it said.
func (m *Membership) Beat(took time.Duration, now int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heartbeats.add(1, now)
	m.heartbeat.record(milliseconds(took), now)
	m.beat = now
}

// Joined notes that the group took the member in, after took.
func (m *Membership) Joined(took time.Duration, now int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joins.record(took, now)
}

// Synced notes that the member got its assignment, took after it asked.
func (m *Membership) Synced(took time.Duration, now int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.syncs.record(took, now)
}

// Rebalanced notes a rebalance that took so long from the wish to join to the assignment, or that
// came to nothing.
func (m *Membership) Rebalanced(ok bool, took time.Duration, now int64) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !ok {
		m.failed.add(1, now)
		return
	}
	m.rebalances.record(took, now)
	m.last = now
}

// Assigned notes how much work the member has.
func (m *Membership) Assigned(connectors, tasks int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.connectors, m.tasks = connectors, tasks
}

// ago is the seconds since then, -1 for never.
func ago(then, now int64) float64 {
	if then == 0 {
		return -1
	}
	return math.Floor(float64(now-then) / 1000)
}

// ofMember locks the membership's numbers while f reads them.
func ofMember(name string, kind Kind, help string, f func(m *Membership, now int64) float64) Attribute {
	return number(name, kind, help, func(m *Membership, now int64) float64 {
		m.mu.Lock()
		defer m.mu.Unlock()
		return f(m, now)
	})
}

func membershipAttributes() []Attribute {
	attrs := []Attribute{
		ofMember("assigned-connectors", Gauge, "The number of connector instances currently assigned to this worker.",
			func(m *Membership, _ int64) float64 { return float64(m.connectors) }),
		ofMember("assigned-tasks", Gauge, "The number of tasks currently assigned to this worker.",
			func(m *Membership, _ int64) float64 { return float64(m.tasks) }),
		ofMember("heartbeat-rate", Gauge, "The number of heartbeats per second.",
			func(m *Membership, now int64) float64 { return m.heartbeats.recent.rate(now) }),
		ofMember("heartbeat-total", Counter, "The total number of heartbeats.",
			func(m *Membership, _ int64) float64 { return m.heartbeats.total }),
		ofMember("heartbeat-response-time-max", Gauge, "The maximum time in milliseconds taken to receive a response to a heartbeat.",
			func(m *Membership, now int64) float64 { return m.heartbeat.max(now) }),
		ofMember("last-heartbeat-seconds-ago", Gauge, "The number of seconds since the last heartbeat, -1 before the first.",
			func(m *Membership, now int64) float64 { return ago(m.beat, now) }),
	}
	attrs = append(attrs, timedAttributes("join", "group join", func(m *Membership) *timed { return &m.joins })...)
	attrs = append(attrs, timedAttributes("sync", "group sync", func(m *Membership) *timed { return &m.syncs })...)
	return append(attrs, rebalanceLatencyAttributes()...)
}

func timedAttributes(name, what string, of func(*Membership) *timed) []Attribute {
	return []Attribute{
		ofMember(name+"-rate", Gauge, "The number of "+what+"s per second.",
			func(m *Membership, now int64) float64 { return of(m).calls.recent.rate(now) }),
		ofMember(name+"-total", Counter, "The total number of "+what+"s.",
			func(m *Membership, _ int64) float64 { return of(m).calls.total }),
		ofMember(name+"-time-avg", Gauge, "The average time in milliseconds taken for a "+what+".",
			func(m *Membership, now int64) float64 { return of(m).ms.avg(now) }),
		ofMember(name+"-time-max", Gauge, "The maximum time in milliseconds taken for a "+what+".",
			func(m *Membership, now int64) float64 { return of(m).ms.max(now) }),
	}
}

func rebalanceLatencyAttributes() []Attribute {
	return []Attribute{
		ofMember("rebalance-latency-avg", Gauge, "The average time in milliseconds taken for a group to complete a successful rebalance.",
			func(m *Membership, now int64) float64 { return m.rebalances.ms.avg(now) }),
		ofMember("rebalance-latency-max", Gauge, "The maximum time in milliseconds taken for a group to complete a successful rebalance.",
			func(m *Membership, now int64) float64 { return m.rebalances.ms.max(now) }),
		ofMember("rebalance-latency-total", Counter, "The total time in milliseconds that this worker has spent in successful rebalances.",
			func(m *Membership, _ int64) float64 { return m.rebalances.sum }),
		ofMember("rebalance-total", Counter, "The total number of successful rebalances.",
			func(m *Membership, _ int64) float64 { return m.rebalances.calls.total }),
		ofMember("rebalance-rate-per-hour", Gauge, "The number of successful rebalances per hour.",
			func(m *Membership, now int64) float64 { return m.rebalances.calls.recent.rate(now) * 3600 }),
		ofMember("failed-rebalance-total", Counter, "The total number of rebalances that came to nothing.",
			func(m *Membership, _ int64) float64 { return m.failed.total }),
		ofMember("failed-rebalance-rate-per-hour", Gauge, "The number of rebalances per hour that came to nothing.",
			func(m *Membership, now int64) float64 { return m.failed.recent.rate(now) * 3600 }),
		ofMember("last-rebalance-seconds-ago", Gauge, "The number of seconds since the last rebalance, -1 before the first.",
			func(m *Membership, now int64) float64 { return ago(m.last, now) }),
	}
}

func theMembership(s *Snapshot) []Member {
	m := s.worker.member()
	if m == nil {
		return nil
	}
	return []Member{{Labels: []Label{{"client-id", m.ClientID}}, of: m}}
}

func aboutAttributes(version, commit, started string) []Attribute {
	return []Attribute{
		text(version, "The worker's version.", func(a About) string { return a.Version }),
		text(commit, "The commit that the worker was built from.", func(a About) string { return a.Commit }),
		number(started, Gauge, "When the worker started, in milliseconds since 1970.",
			func(a About, _ int64) float64 { return float64(a.Started.UnixMilli()) }),
	}
}

// everyAppInfo is the worker itself and, in a group, the client by which it is a member.
func everyAppInfo(s *Snapshot) []Member {
	all := []Member{{of: s.worker.About()}}
	if id := s.worker.ClientID(); id != "" {
		all = append(all, Member{Labels: []Label{{"client-id", id}}, of: s.worker.About()})
	}
	return all
}

// everyAppID is the same by the MBeans that Kafka's AppInfoParser registers.
func everyAppID(s *Snapshot) []Member {
	about := s.worker.About()
	all := []Member{{Labels: []Label{{"id", about.WorkerID}}, of: about}}
	if id := s.worker.ClientID(); id != "" {
		all = append(all, Member{Labels: []Label{{"id", id}}, of: about})
	}
	return all
}

// held is how many metrics there are.
type held int

func countAttributes() []Attribute {
	return []Attribute{number("count", Gauge, "The total number of registered metrics.",
		func(n held, _ int64) float64 { return float64(n) })}
}

// everyCount counts Kafka Connect's metrics of the worker, and those of its membership.
func everyCount(s *Snapshot) []Member {
	var worker, member held
	for _, g := range groups {
		switch {
		case g.Domain != connect || g.MBeanOnly:
		case g.Name == coordinatorGroup:
			member += held(len(g.Attributes))
		default:
			worker += held(len(g.Attributes) * len(g.of(s)))
		}
	}
	all := []Member{{of: worker}}
	if id := s.worker.ClientID(); id != "" {
		all = append(all, Member{Labels: []Label{{"client-id", id}}, of: member})
	}
	return all
}
