package member

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
)

// The leader claims the right to write, gives out a session key and gives out another when that is old. A
// worker that leads no more refuses the leader's writes.
func TestLeaderDistributesSessionKeys(t *testing.T) {
	inBench(t, map[string]string{"inter.worker.key.ttl.ms": "3600000"}, func(t *testing.T, b *bench) {
		if err := b.m.Leader().Write(t.Context(), "do it", "doing it", nil); !isElsewhere(err, "Only the leader can do it.") {
			t.Errorf("before it has joined: %v", err)
		}
		b.join()
		b.wait(time.Minute, "there is a session key", func() bool { return b.configs.Snapshot().SessionKey() != nil })
		first := b.configs.Snapshot().SessionKey()
		if len(first.Key) != 32 || first.Algorithm != "HmacSHA256" {
			t.Errorf("%d bytes for %s", len(first.Key), first.Algorithm)
		}
		time.Sleep(time.Hour - time.Minute)
		synctest.Wait()
		if now := b.configs.Snapshot().SessionKey(); !slices.Equal(now.Key, first.Key) {
			t.Error("the key was replaced before its time")
		}
		b.wait(2*time.Minute, "there is another key", func() bool { return !slices.Equal(b.configs.Snapshot().SessionKey().Key, first.Key) })
		if err := b.m.Leader().Leads("do it"); err != nil {
			t.Errorf("it leads: %v", err)
		}
	})
}

// Only with the protocol sessioned is there a session key.
func TestNoSessionKeyWithoutSessions(t *testing.T) {
	inBench(t, map[string]string{"connect.protocol": "compatible"}, func(t *testing.T, b *bench) {
		b.join()
		time.Sleep(time.Minute)
		synctest.Wait()
		if b.configs.Snapshot().SessionKey() != nil {
			t.Error("there is a session key")
		}
		b.must(b.configs.PutConnector(t.Context(), "c", map[string]string{"name": "c"}, "")) // it has claimed the right all the same
	})
}

func isElsewhere(err error, text string) bool {
	e, ok := errors.AsType[*Elsewhere](err)
	return ok && e.Text == text
}

// After a rebalance the leader takes away the statuses of what is no more, and says UNASSIGNED of what nobody
// runs and seems alive; what is said by a later generation, or of what somebody runs, is left.
func TestLeaderClearsStatuses(t *testing.T) {
	inBench(t, nil, func(t *testing.T, b *bench) {
		ctx := t.Context()
		b.must(b.configs.ClaimWrites(ctx), b.configs.PutConnector(ctx, "c", map[string]string{"name": "c"}, ""),
			b.configs.PutTasks(ctx, "c", []map[string]string{{}, {}, {}, {}, {}}))
		put := func(task int, s state.State, generation int) {
			b.statuses.PutTask(state.TaskID{Connector: "c", Task: task}, state.Status{State: s, WorkerID: "w9:8083", Generation: generation, Trace: "t"})
		}
		put(0, state.Running, 4)  // owned
		put(1, state.Running, 4)  // of a worker that is missing
		put(2, state.Failed, 4)   // not alive: the reason is worth more
		put(3, state.Running, 99) // somebody has it by now
		put(4, state.Paused, 5)
		put(5, state.Running, 4) // beyond the count
		b.statuses.PutConnector("c", state.Status{State: state.Running, WorkerID: "w9:8083", Generation: 4})
		b.statuses.PutConnector("gone", state.Status{State: state.Running, WorkerID: "w9:8083", Generation: 4})
		b.statuses.PutTask(state.TaskID{Connector: "gone", Task: 0}, state.Status{State: state.Running, WorkerID: "w9:8083", Generation: 4})
		b.statuses.AddTopic(state.TaskID{Connector: "gone", Task: 0}, "t")
		b.statuses.AddTopic(state.TaskID{Connector: "c", Task: 0}, "t")
		b.must(b.statuses.Flush(ctx), b.statuses.Refresh(ctx))

		b.m.mu.Lock()
		b.m.gen, b.m.clean, b.m.owners = 5, true, map[state.TaskID]string{{Connector: "c", Task: 0}: "http://w1:8083/"}
		b.m.mu.Unlock()
		b.must(b.m.clearStatuses(ctx), b.statuses.Flush(ctx), b.statuses.Refresh(ctx))
		got := map[int]state.State{}
		for _, task := range b.statuses.Tasks("c") {
			got[task.ID] = task.State
			if task.WorkerID != "w9:8083" || task.State == state.Unassigned && (task.Trace != "" || task.Generation != 5) {
				t.Errorf("task %d: %+v", task.ID, task.Status)
			}
		}
		want := map[int]state.State{0: state.Running, 1: state.Unassigned, 2: state.Failed, 3: state.Running, 4: state.Unassigned}
		for id := range 6 {
			if got[id] != want[id] {
				t.Errorf("task %d is %q, want %q", id, got[id], want[id])
			}
		}
		if st, _ := b.statuses.Connector("c"); st.State != state.Unassigned || st.WorkerID != "w9:8083" {
			t.Errorf("the connector: %+v", st)
		}
		if _, there := b.statuses.Connector("gone"); there || len(b.statuses.Tasks("gone")) != 0 || len(b.statuses.Topics("gone")) != 0 {
			t.Error("of a connector that is deleted something is left")
		}
		if len(b.statuses.Topics("c")) != 1 {
			t.Error("topics of a connector that is there are gone")
		}
		b.must(b.m.clearStatuses(ctx))
		if n := b.logged("removed statuses of deleted connectors and tasks"); n != 1 {
			t.Errorf("done %d times, it was due once", n)
		}
	})
}

// A duty that fails is tried again after a second and keeps nobody from the others; one whose worker stops
// has not failed.
func TestDutyIsTriedAgain(t *testing.T) {
	inBench(t, map[string]string{"scheduled.rebalance.max.delay.ms": "0"}, func(t *testing.T, b *bench) {
		b.join()
		b.wait(time.Minute, "there is a session key", func() bool { return b.configs.Snapshot().SessionKey() != nil })
		b.m.mu.Lock()
		b.m.clean = true
		b.m.mu.Unlock()
		b.kafka.Stop()
		if next := b.m.duties(t.Context()); next != dutyRetry || b.logged("could not remove statuses") != 1 {
			t.Errorf("next in %v", next)
		}
		b.kafka.Start()
		b.wait(time.Minute, "it is done", func() bool {
			b.m.Look()
			b.m.mu.Lock()
			defer b.m.mu.Unlock()
			return !b.m.clean
		})
	})
}
