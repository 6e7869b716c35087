package member

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/state"
)

func work(connector string, tasks ...int) group.Work {
	w := group.Work{Connectors: []string{connector}}
	for _, n := range tasks {
		w.Tasks = append(w.Tasks, state.TaskID{Connector: connector, Task: n})
	}
	return w
}

// assignment is the event of an assignment by a plan that knew all of the config topic.
func (b *bench) assignment(generation int, change func(*group.Event)) group.Event {
	e := group.Event{
		Kind: group.Assigned, Generation: generation, Protocol: group.Sessioned,
		Assignment: group.Assignment{
			Leader: "m2", LeaderURL: "http://w2:8083/", Offset: b.configs.Snapshot().Offset(), Assigned: work("c", 0, 1),
		},
	}
	if change != nil {
		change(&e)
	}
	return e
}

// What the worker does about an assignment: whether the herder is told, whether the worker counts as one of
// its group, until when it waits for a missing worker, and what the log says.
func TestAssigned(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(*group.Event)
		before  func(*bench)
		told    string
		in      bool
		waits   time.Duration
		says    string // a line of the log, "" for no warning
		silence bool   // there must be no warning at all
	}{
		{name: "work", told: "assign 7 [c c-0 c-1]", in: true, silence: true},
		{name: "no work", change: func(e *group.Event) { e.Assignment.Assigned = group.Work{} }, told: "assign 7 []", in: true, silence: true},
		{
			name: "the group waits for a worker", change: func(e *group.Event) { e.Assignment.Delay = 8 * time.Second },
			told: "assign 7 [c c-0 c-1]", in: true, waits: 8 * time.Second, silence: true,
		},
		{
			name: "what is revoked is given out at once, whoever is missing", change: func(e *group.Event) {
				e.Assignment.Delay, e.Assignment.Revoked = 8*time.Second, work("d")
			}, told: "assign 7 [c c-0 c-1]", in: true, silence: true,
		},
		{name: "a leader that had not read enough", change: func(e *group.Event) { e.Assignment.Error = group.ConfigMismatch }},
		{name: "an older plan than this worker's configurations", change: func(e *group.Event) { e.Assignment.Offset-- }},
		{name: "the worker stops", before: func(b *bench) { b.m.Closing() }},
		{
			name: "the herder doesn't answer", before: func(b *bench) { b.herder.refuse = errors.New("gone") },
			told: "assign 7 [c c-0 c-1]", in: true, says: "no confirmation that the herder has the assignment",
		},
		{
			name: "the leader has this worker's URL", change: func(e *group.Event) { e.Assignment.LeaderURL = "http://w1:8083/" },
			told: "assign 7 [c c-0 c-1]", in: true, says: "the leader of the group advertises the URL of this worker",
		},
		{
			name: "this worker leads", change: func(e *group.Event) { e.Leads, e.Assignment.LeaderURL = true, "http://w1:8083/" },
			told: "assign 7 [c c-0 c-1]", in: true, silence: true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBench(t, nil, func(t *testing.T, b *bench) {
				b.must(b.configs.ClaimWrites(t.Context()), b.configs.PutConnector(t.Context(), "c", map[string]string{"name": "c"}, ""))
				if tt.before != nil {
					tt.before(b)
				}
				e := b.assignment(7, tt.change)
				b.m.Handle(t.Context(), e)
				if told := b.herder.told(); told != tt.told {
					t.Errorf("the herder was told %q, want %q", told, tt.told)
				}
				if in, _ := b.m.Joined(); in != tt.in || b.m.EverJoined() != tt.in {
					t.Errorf("joined %v, ever %v", in, b.m.EverJoined())
				}
				if waits := b.m.Waits(); waits.IsZero() != (tt.waits == 0) || !waits.IsZero() && time.Until(waits) != tt.waits {
					t.Errorf("waits until %v", waits)
				}
				if tt.says != "" && b.logged(tt.says) != 1 {
					t.Errorf("%d lines say %q", b.logged(tt.says), tt.says)
				}
				if n := b.logged("level=WARN") + b.logged("level=ERROR"); tt.silence && n != 0 {
					t.Errorf("%d warnings", n)
				}
				b.m.mu.Lock()
				defer b.m.mu.Unlock()
				if b.m.clean != e.Leads {
					t.Errorf("the leader's statuses are due: %v", b.m.clean)
				}
			})
		})
	}
}

// A worker that has not read as much as the leader reads on before it starts anything; one that can't leaves
// its group, keeps what it runs, and is back once it can read.
func TestBehindTheConfigTopic(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		b.join()
		b.herder.told()
		b.kafka.Stop()
		began := time.Now()
		b.m.Handle(t.Context(), b.assignment(9, func(e *group.Event) { e.Assignment.Offset += 5 }))
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("it read for %v, not worker.sync.timeout.ms", took)
		}
		if in, since := b.m.Joined(); in || time.Since(since) != 0 {
			t.Errorf("still in the group: %v, since %v", in, since)
		}
		if told := b.herder.told(); strings.Contains(told, "assign") || strings.Contains(told, "lose") {
			t.Errorf("the herder was told %q", told)
		}
		// A tenth of the delay for lost work, in fifths that grow as tries are left: the work goes on meanwhile, but
		// not for longer than the others wait for it.
		b.wait(5*time.Minute, "it gives its work up", func() bool { return strings.Contains(b.herder.told(), "lose in 5s") })
		if tries := b.logged("could still not read the config topic to its end"); tries != unsyncTries {
			t.Errorf("%d tries before it gave up", tries)
		}
		b.kafka.Start()
		b.wait(5*time.Minute, "it is back", func() bool { in, _ := b.m.Joined(); return in })
	})
}

// A worker waits worker.unsync.backoff.ms if the protocol is eager: others run its work already.
func TestBehindWithEager(t *testing.T) {
	inBench(t, map[string]string{"connect.protocol": "eager", "worker.unsync.backoff.ms": "60000"}, func(t *testing.T, b *bench) {
		b.join()
		b.kafka.Stop()
		b.m.Handle(t.Context(), b.assignment(9, func(e *group.Event) { e.Assignment.Offset += 5 }))
		b.kafka.Start()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if in, _ := b.m.Joined(); in {
			t.Error("back before the time")
		}
		b.wait(time.Minute, "it is back", func() bool { in, _ := b.m.Joined(); return in })
	})
}

// A worker whose settings ask for no pause between two tries does not spin.
func TestBehindWithoutPause(t *testing.T) {
	noPause := map[string]string{"scheduled.rebalance.max.delay.ms": "0", "worker.sync.timeout.ms": "0"}
	inBench(t, noPause, func(t *testing.T, b *bench) {
		b.join()
		b.kafka.Stop()
		b.m.Handle(t.Context(), b.assignment(9, func(e *group.Event) { e.Assignment.Offset += 5 }))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if tries := b.logged("could still not read the config topic to its end"); tries < 5 || tries > 10 {
			t.Errorf("%d tries in ten seconds", tries)
		}
	})
}

// Revoked work has until the deadline to stop, and its statuses are written before others get it. When the
// membership is lost nothing can be written; the worker says since when it has no assignment.
func TestRevoked(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		b.m.Handle(t.Context(), b.assignment(7, func(e *group.Event) { e.Assignment.Delay = time.Hour }))
		b.herder.told()
		b.statuses.PutConnector("c", state.Status{State: state.Unassigned, WorkerID: "w1:8083", Generation: 7})
		b.m.Handle(t.Context(), group.Event{Kind: group.Revoked, Work: work("c", 1)})
		if told := b.herder.told(); told != "revoke [c c-1] lost=false in 5s" {
			t.Errorf("the herder was told %q", told)
		}
		if n := len(b.kafka.Records("statuses")); n != 1 {
			t.Errorf("%d statuses were written when the work was given up", n)
		}
		if in, _ := b.m.Joined(); !in || !b.m.Waits().IsZero() {
			t.Errorf("in the group %v, waits until %v", in, b.m.Waits())
		}
		time.Sleep(time.Second)
		b.herder.refuse = errors.New("gone")
		b.kafka.Stop()
		began := time.Now()
		b.m.Handle(t.Context(), group.Event{Kind: group.Lost, Work: work("c", 0)})
		if told := b.herder.told(); told != "revoke [c c-0] lost=true in 5s" {
			t.Errorf("the herder was told %q", told)
		}
		in, since := b.m.Joined()
		if in || !since.Equal(began) || time.Since(began) != 0 {
			t.Errorf("in the group %v since %v, after %v", in, since, time.Since(began))
		}
		time.Sleep(time.Second)
		b.m.Handle(t.Context(), group.Event{Kind: group.Lost}) // it was out already
		if _, again := b.m.Joined(); !again.Equal(since) {
			t.Errorf("out since %v became %v", since, again)
		}
		if b.logged("no confirmation that revoked connectors and tasks stopped") != 2 {
			t.Error("nobody says that the herder did not answer")
		}
	})
}

// The leader plans by the newest configurations, refuses to plan by older ones than another worker has, knows
// afterwards who runs what, and warns of workers that go by one URL.
func TestPlan(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.must(b.configs.ClaimWrites(ctx), b.configs.PutConnector(ctx, "c", map[string]string{"name": "c"}, ""),
			b.configs.PutTasks(ctx, "c", []map[string]string{{"n": "0"}, {"n": "1"}}))
		at := b.configs.Snapshot().Offset()
		one := group.RoundMember{ID: "m1", WorkerState: group.WorkerState{URL: "http://w1:8083/", Offset: at}}
		two := group.RoundMember{ID: "m2", WorkerState: group.WorkerState{URL: "http://w2:8083/", Offset: at}}
		round := group.Round{
			Protocol: group.Sessioned, Generation: 3, LastGeneration: 2, Leader: "m1",
			Members: []group.RoundMember{one, two}, MaxOffset: at,
		}
		plan, err := b.m.Plan(ctx, round)
		if err != nil || plan.Error != group.NoError || plan.Offset != at || len(plan.Shares) != 2 {
			t.Fatalf("%+v, %v", plan, err)
		}
		for id, url := range map[string]string{"m1": one.URL, "m2": two.URL} {
			for item := range plan.Shares[id].Assigned.Set() {
				if got := b.m.OwnerURL(item); got != url {
					t.Errorf("%s is of %s, and said to be of %q", item, id, got)
				}
			}
		}
		all := plan.Shares["m1"].Assigned.Plus(plan.Shares["m2"].Assigned).Set()
		if got := names(all); !slices.Equal(got, []string{"c", "c-0", "c-1"}) {
			t.Errorf("given out: %v", got)
		}
		if b.m.OwnerURL(state.ConnectorID("other")) != "" || b.logged("advertise the same URL") != 0 {
			t.Error("what is not there has an owner, or twins are seen")
		}
		two.URL = one.URL
		round.Members = []group.RoundMember{one, two}
		if _, err := b.m.Plan(ctx, round); err != nil || b.logged("two workers of the group advertise the same URL") != 1 {
			t.Errorf("twins: %v, %d warnings", err, b.logged("advertise the same URL"))
		}
		round.MaxOffset = at + 1
		if plan, err := b.m.Plan(ctx, round); err != nil || plan.Error != group.ConfigMismatch || plan.Offset != at+1 || plan.Shares != nil {
			t.Errorf("behind: %+v, %v", plan, err)
		}
		b.kafka.Stop()
		if plan, err := b.m.Plan(ctx, round); err != nil || plan.Error != group.ConfigMismatch || b.logged("could not read the config topic to its end as the leader") != 1 {
			t.Errorf("behind and cut off: %+v, %v", plan, err)
		}
	})
}
