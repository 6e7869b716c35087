package member

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/assign"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// Herder runs what the group assigns. Its methods may be called from any goroutine.
type Herder interface {
	// Assign makes work all that this worker is to run, and returns when that is under way.
	Assign(ctx context.Context, generation int, work state.WorkSet) error
	// Revoke stops work and returns when it has stopped, or was fenced because it had not by the time
	// given. lost says that the assignment is over.
	Revoke(ctx context.Context, work state.WorkSet, lost bool, by time.Time) error
	// Lose stops all work, and does not wait for that.
	Lose(by time.Time)
	// Quiet returns when no task is being stopped because its configurations were replaced.
	Quiet(ctx context.Context) error
}

// Config is what a Member is made of.
type Config struct {
	Settings *settings.Worker
	URL      string // advertised, with a slash at the end
	WorkerID string // host:port of it
	Configs  *storage.ConfigStore
	Statuses *storage.TopicStatusStore
	Herder   Herder
	Log      *slog.Logger
	// KafkaOptions are handed to the client of the group.
	KafkaOptions []kafka.Option
	// Metrics counts rebalances; nil for nobody.
	Metrics *metrics.Worker
}

// Member is the worker's membership. It is the group.Handler; those methods run on the goroutine of the
// group's member, which may block.
type Member struct {
	cfg    Config
	log    *slog.Logger
	co     *kafka.Coordinator
	member *group.Member
	coop   *assign.Cooperative
	leader *Leader

	wake       chan struct{} // one token: the keeper is to look
	everJoined atomic.Bool
	had        state.WorkSet // of the assignment before; of the goroutine of the group's member

	mu      sync.Mutex
	gen     int                     // of the last assignment carried out, -1 when there is none
	out     time.Time               // since when the worker isn't in its group
	waits   time.Time               // until when the work of a missing worker waits; zero: none does
	owners  map[state.TaskID]string // URL by work, of the last plan made here
	change  chan struct{}           // closed when the place in the group is another
	clean   bool                    // statuses of what is no more are to be removed
	behind  bool                    // left the group since the config topic could not be read
	delayed *time.Timer             // until the rebalance that the leader planned
	stopped bool                    // the worker stops: nothing is to start any more
	cancel  context.CancelCauseFunc // ends the member's Run
	ended   chan struct{}           // closed when Run has ended; nil before
}

// StopMargin is what the worker gets beyond the tasks' deadline to put itself away.
const StopMargin = 5 * time.Second

// New makes a membership; the actor of Props keeps it.
func New(cfg Config) (*Member, error) {
	w := cfg.Settings
	protocol, err := group.ParseProtocol(w.Protocol)
	if err != nil {
		return nil, err
	}
	log := cfg.Log.With("logger", "org.apache.kafka.connect.runtime.distributed")
	props := maps.Clone(kafka.Props(w.Props))
	if w.ClientID == "" {
		props["client.id"] = "connect-" + cfg.WorkerID
	}
	co, err := kafka.NewCoordinator(kafka.WorkerGroupProps(props), w.GroupID, log, cfg.KafkaOptions...)
	if err != nil {
		return nil, err
	}
	m := &Member{
		cfg: cfg, log: log, co: co, coop: assign.NewCooperative(w.ScheduledRebalanceMaxDelay),
		wake: make(chan struct{}, 1), gen: -1, out: time.Now(), change: make(chan struct{}),
	}
	m.leader = newLeader(m)
	m.member = group.New(co, group.Config{
		URL: cfg.URL, Protocol: protocol, HandOver: HandOverLimit(w.HeartbeatInterval), Log: log,
		Metrics: cfg.Metrics.Joins(props["client.id"], metrics.Windows{Samples: w.Metrics.Samples, Length: w.Metrics.SampleWindow}),
	}, m)
	return m, nil
}

// HandOverLimit is how long a worker that stops may take to hand its work over: the others hear of it with
// their next heartbeat.
func HandOverLimit(heartbeat time.Duration) time.Duration { return heartbeat + 2*time.Second }

// Leader makes the writes that are the leader's.
func (m *Member) Leader() *Leader { return m.leader }

// keeper owns the goroutines of the membership: the member's own, and that of the duties.
type keeper struct {
	m      *Member
	ended  chan struct{}
	cancel context.CancelCauseFunc
}

const (
	memberExit = "member"
	keeperExit = "keeper"
)

// Props is the actor that keeps the membership. Its failure ends the membership; another may be spawned
// then.
func (m *Member) Props() *actor.Props {
	return act.Props(func() actor.Actor { return &keeper{m: m} })
}

// Receive handles one message and returns at once.
func (a *keeper) Receive(c actor.Context) {
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
				a.m.lost("cannot join the group")
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
func (m *Member) begin(cancel context.CancelCauseFunc, ended chan struct{}) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cancel, m.ended = cancel, ended
	return !m.stopped
}

// Closing makes the membership start nothing any more: the worker stops.
func (m *Member) Closing() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	m.undelay()
}

// Leave hands over what has stopped, ends the membership and waits for that until ctx ends.
func (m *Member) Leave(ctx context.Context) {
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
func (m *Member) undelay() {
	m.waits = time.Time{}
	if m.delayed != nil {
		m.delayed.Stop()
		m.delayed = nil
	}
}

// Rejoin makes the worker join its group again.
func (m *Member) Rejoin(reason string) { m.member.Rejoin(reason) }

// Place is how things stand: whether this worker leads, and where the leader is. url is "" while nobody
// knows.
func (m *Member) Place() (leads bool, url string, protocol group.Protocol) {
	s := m.member.Status()
	return s.MemberID != "" && s.Leader == s.MemberID, s.LeaderURL, s.Protocol
}

// InGroup reports whether the coordinator knew this worker when it was heard last.
func (m *Member) InGroup() bool { return m.member.Status().MemberID != "" }

// OwnerURL is where something runs, "" if it runs nowhere. Only the leader knows.
func (m *Member) OwnerURL(id state.TaskID) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owners[id]
}

// changed wakes those who wait for another place in the group. m.mu is held.
func (m *Member) changed() {
	close(m.change)
	m.change = make(chan struct{})
}

// leftGroup notes that there is no assignment any more. m.mu is held.
func (m *Member) leftGroup() {
	if m.gen >= 0 {
		m.out = time.Now()
	}
	m.gen = -1
	m.changed()
}

// Joined reports whether the worker has an assignment of its group, and else since when it has none.
func (m *Member) Joined() (in bool, since time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gen >= 0, m.out
}

// EverJoined reports whether the worker was ever in its group.
func (m *Member) EverJoined() bool { return m.everJoined.Load() }

// Waits is until when the group waits for a worker that is missing, zero if for none.
func (m *Member) Waits() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waits
}

// Await waits until the worker is in its group.
func (m *Member) Await(ctx context.Context) error {
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

// refresh reads the config topic to its end within worker.sync.timeout.ms.
func (m *Member) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Settings.SyncTimeout)
	defer cancel()
	return m.cfg.Configs.Refresh(ctx)
}

func (m *Member) deadline() time.Time { return time.Now().Add(m.cfg.Settings.TaskShutdownTimeout) }
