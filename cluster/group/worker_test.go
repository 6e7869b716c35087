package group_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/assign"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
)

// world is a cluster of workers: the config topic that they read, and a ledger of who runs what, in which
// a task that runs twice fails the test.
type world struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	props   kafka.Props
	follows bool         // workers believe others in how far the config topic goes
	dial    kafka.Option // how workers reach it
	timing  kafka.Props
	limit   time.Duration // of handing over
	delay   time.Duration // scheduled.rebalance.max.delay.ms

	mu     sync.Mutex
	offset int64
	config assign.Work
	ledger map[state.TaskID]*worker // task -1 is the connector
	twice  bool                     // work may run twice for a moment
}

// worker is a minimal herder: it does what the doc of Assignment asks of a member's owner.
type worker struct {
	w      *world
	name   string
	m      *group.Member
	co     *kafka.Coordinator
	coop   *assign.Cooperative
	cancel context.CancelCauseFunc
	done   chan error

	mu     sync.Mutex
	offset int64
	events []group.Event
	rounds []group.Round
	timer  *time.Timer
	block  chan struct{} // Handle waits for it
	heeds  bool          // and for its context
	plan   error
	stale  bool // the worker doesn't read the config topic
}

// timing is that of Connect, which in a bubble takes no time.
var timing = kafka.Props{"session.timeout.ms": "10000", "heartbeat.interval.ms": "3000", "rebalance.timeout.ms": "60000"}

func bubble(t *testing.T, f func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(newWorld(t, timing, kafkatest.InMemory(), kafkatest.Brokers(3)))
	})
}

func newWorld(t *testing.T, timing kafka.Props, opts ...kafkatest.Option) *world {
	cluster := kafkatest.New(t, opts...)
	return &world{
		t: t, cluster: cluster, props: cluster.Props(), dial: cluster.Option(), timing: timing, delay: 5 * time.Minute,
		ledger: map[state.TaskID]*worker{}, offset: -1,
	}
}

// configure writes connectors to the config topic, each with as many tasks.
func (w *world) configure(tasks int, names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		w.offset++
		w.config.Connectors = append(w.config.Connectors, name)
		for n := range tasks {
			w.config.Tasks = append(w.config.Tasks, state.TaskID{Connector: name, Task: n})
		}
	}
}

func (w *world) read() (int64, assign.Work) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.offset, assign.Work{Connectors: slices.Clone(w.config.Connectors), Tasks: slices.Clone(w.config.Tasks)}
}

// readTo makes the workers of a world that follows read so far.
func (w *world) readTo(offset int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.follows {
		w.offset = max(w.offset, offset)
	}
}

func quiet() *slog.Logger {
	level := slog.LevelError + 4
	if os.Getenv("GROUP_DEBUG") != "" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// start starts a worker; it ends with the test if not before.
func (w *world) start(name string, protocol group.Protocol) *worker {
	w.t.Helper()
	props := maps.Clone(w.props)
	maps.Copy(props, w.timing)
	props["client.id"] = name
	var opts []kafka.Option
	if w.dial != nil {
		opts = append(opts, w.dial)
	}
	co, err := kafka.NewCoordinator(props, "workers", quiet(), opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	offset, _ := w.read()
	k := &worker{w: w, name: name, co: co, coop: assign.NewCooperative(w.delay), offset: offset, done: make(chan error, 1)}
	k.m = group.New(co, group.Config{URL: "http://" + name + ":8083/", Protocol: protocol, HandOver: w.limit, Log: quiet().With("worker", name)}, k)
	ctx, cancel := context.WithCancelCause(context.Background())
	k.cancel = cancel
	go func() { k.done <- k.m.Run(ctx) }()
	w.t.Cleanup(k.endWell)
	return k
}

// end stops the worker in good order, and returns what Run said.
func (k *worker) end() error {
	if k.co == nil {
		return nil
	}
	return k.endFor(nil)
}

// handOver stops the worker in good order and gives its work to the others. It returns how long that took.
func (k *worker) handOver() time.Duration {
	k.w.t.Helper()
	before := time.Now()
	if err := k.endFor(group.ErrHandOver); err != nil {
		k.w.t.Errorf("%s ended: %v", k.name, err)
	}
	return time.Since(before)
}

func (k *worker) endFor(cause error) error {
	k.stop(nil)
	k.cancel(cause)
	err := <-k.done
	if closing := k.co.Close(); closing != nil {
		k.w.t.Error(closing)
	}
	k.co = nil
	k.quit()
	return err
}

func (k *worker) endWell() {
	if err := k.end(); err != nil {
		k.w.t.Errorf("%s ended: %v", k.name, err)
	}
}

// kill stops the worker without a word to the group.
func (k *worker) kill() {
	k.stop(nil)
	if err := k.co.Close(); err != nil {
		k.w.t.Error(err)
	}
	k.co = nil
	if err := <-k.done; !errors.Is(err, kafka.ErrAborted) {
		k.w.t.Errorf("killed: %v", err)
	}
	k.cancel(nil)
	k.quit()
}

func (k *worker) quit() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
	}
}

// Offset is how far the worker has read.
func (k *worker) Offset() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.stale {
		k.offset, _ = k.w.read()
	}
	return k.offset
}

// Plan is the adapter to package assign.
func (k *worker) Plan(_ context.Context, r group.Round) (group.Plan, error) {
	k.mu.Lock()
	k.rounds = append(k.rounds, r)
	failure, stale := k.plan, k.stale
	k.mu.Unlock()
	if failure != nil {
		return group.Plan{}, failure
	}
	k.w.readTo(r.MaxOffset)
	offset, config := k.w.read()
	if stale {
		offset = k.offset
	}
	if offset < r.MaxOffset {
		return group.Plan{Error: group.ConfigMismatch, Offset: r.MaxOffset}, nil
	}
	in := assign.Input{Now: time.Now(), Generation: r.Generation, LastGeneration: r.LastGeneration, Configured: config}
	for _, m := range r.Members {
		in.Members = append(in.Members, assign.Member{ID: m.ID, URL: m.URL, Runs: assign.Work(m.Runs())})
	}
	for _, m := range r.Leaving {
		in.Leaving = append(in.Leaving, assign.Member{ID: m.ID, Runs: assign.Work(m.Runs())})
	}
	var made assign.Plan
	if r.Protocol == group.Eager {
		made = assign.Eager(in)
	} else {
		made = k.coop.Plan(in)
	}
	plan := group.Plan{Offset: offset, Delay: made.Delay, Shares: map[string]group.Share{}, Why: assign.Explain(in, made, r.Name)}
	for id, s := range made.Shares {
		plan.Shares[id] = group.Share{Assigned: group.Work(s.Assigned), Revoked: group.Work(s.Revoked)}
	}
	return plan, nil
}

// Handle starts and stops work.
func (k *worker) Handle(ctx context.Context, e group.Event) {
	k.mu.Lock()
	k.events = append(k.events, e)
	block, heeds := k.block, k.heeds
	k.mu.Unlock()
	if block != nil {
		var ended <-chan struct{}
		if heeds {
			ended = ctx.Done()
		}
		select {
		case <-block:
		case <-ended:
		}
	}
	if e.Kind != group.Assigned {
		k.stop(&e.Work)
		return
	}
	k.w.readTo(e.Assignment.Offset)
	switch a := e.Assignment; {
	case a.Error != group.NoError:
	case k.Offset() != a.Offset:
		k.m.Rejoin("the config topic has moved on")
	default:
		k.run(a.Assigned)
		k.after(a)
	}
}

// after rejoins when the assignment asks for it.
func (k *worker) after(a group.Assignment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
	}
	switch {
	case !a.Revoked.Empty():
		k.m.Rejoin("work was revoked and can be given out")
	case a.Delay > 0:
		k.timer = time.AfterFunc(a.Delay, func() { k.m.Rejoin("the delay is over") })
	}
}

func items(work group.Work) []state.TaskID {
	out := slices.Clone(work.Tasks)
	for _, name := range work.Connectors {
		out = append(out, state.TaskID{Connector: name, Task: -1})
	}
	return out
}

// run makes the worker run exactly this.
func (k *worker) run(work group.Work) {
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	want := items(work)
	for id, owner := range k.w.ledger {
		if owner == k && !slices.Contains(want, id) {
			k.w.t.Errorf("%s runs %s, which is neither assigned nor revoked", k.name, id)
		}
	}
	for _, id := range want {
		if owner := k.w.ledger[id]; owner != nil && owner != k && !k.w.twice {
			k.w.t.Errorf("%s starts %s while %s runs it", k.name, id, owner.name)
		}
		k.w.ledger[id] = k
	}
}

// stop stops work; nil is all.
func (k *worker) stop(work *group.Work) {
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	for id, owner := range k.w.ledger {
		if owner == k && (work == nil || slices.Contains(items(*work), id)) {
			delete(k.w.ledger, id)
		}
	}
}

// runs is how many connectors and tasks the worker runs.
func (k *worker) runs() int {
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	n := 0
	for _, owner := range k.w.ledger {
		if owner == k {
			n++
		}
	}
	return n
}

// kinds are the events so far, in short, and forgotten.
func (k *worker) kinds() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []string
	for _, e := range k.events {
		out = append(out, e.Kind.String())
	}
	k.events = nil
	return strings.Join(out, " ")
}

func (k *worker) last() group.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.events) == 0 {
		return group.Event{}
	}
	return k.events[len(k.events)-1]
}

// settle waits, as long as d of fake time, and says how the work lies, as "a=4 b=3".
func (w *world) settle(d time.Duration, workers ...*worker) string {
	w.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	var out []string
	for _, k := range workers {
		out = append(out, fmt.Sprintf("%s=%d", k.name, k.runs()))
	}
	return strings.Join(out, " ")
}
