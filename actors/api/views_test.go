package api

import (
	"context"
	"errors"
	"testing"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// What status shows of tasks: what runs here as it is known here, what this worker is said to run and doesn't
// as UNASSIGNED, what others run as stored, and nothing of tasks that the connector has no more.
func TestStatusShown(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.put("c", "FileStreamSource", "", 3, "topic", "t")
		id := func(n int) state.TaskID { return state.TaskID{Connector: "c", Task: n} }
		d.statuses.PutConnector("c", state.Status{State: state.Running, WorkerID: "w:8083"}) // but it is not here
		d.statuses.PutTask(id(0), state.Status{State: state.Running, WorkerID: "w:8083"})
		d.board.Put(id(0), state.Status{State: state.Failed, WorkerID: "w:8083", Trace: "t"})
		d.statuses.PutTask(id(1), state.Status{State: state.Running, WorkerID: "w:8083"})
		d.statuses.PutTask(id(2), state.Status{State: state.Paused, WorkerID: "other:8083"})
		d.statuses.PutTask(id(3), state.Status{State: state.Running, WorkerID: "other:8083"}) // beyond the count
		st, err := d.Status(t.Context(), "c")
		if err != nil || st.Connector.State != state.Unassigned || st.Type != "source" {
			t.Errorf("%+v, %v", st, err)
		}
		want := []state.State{state.Failed, state.Unassigned, state.Paused}
		if len(st.Tasks) != len(want) {
			t.Fatalf("%d tasks are shown, there are %d", len(st.Tasks), len(want))
		}
		for n, one := range st.Tasks {
			alone, err := d.TaskStatus(t.Context(), id(n))
			if one.State != want[n] || err != nil || alone.State != want[n] {
				t.Errorf("task %d: %s, alone %s (%v), want %s", n, one.State, alone.State, err, want[n])
			}
		}
		d.board.Put(state.ConnectorID("c"), state.Status{State: state.Running, WorkerID: "w:8083"})
		for _, n := range []int{-1, -2, 3, 4} { // told to be there by nobody else; -1 is no name for the connector
			if err := d.RestartTask(t.Context(), id(n)); !errors.Is(err, errs.NotFound) {
				t.Errorf("restart of task %d: %v", n, err)
			}
			if one, err := d.TaskStatus(t.Context(), id(n)); !errors.Is(err, errs.NotFound) {
				t.Errorf("task %d: %+v, %v", n, one, err)
			}
		}
		d.store.RemoveConnector("c") // until its statuses are removed they are what is known
		if st, err := d.Status(t.Context(), "c"); err != nil || len(st.Tasks) != 4 || st.Type != "" {
			t.Errorf("deleted: %+v, %v", st, err)
		}
		if _, err := d.Status(t.Context(), "x"); !errors.Is(err, errs.NotFound) {
			t.Errorf("unknown: %v", err)
		}
	})
}

// What a restart with its flags is to restart (KIP-745).
func TestRestartPlan(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.put("c", "FileStreamSource", "", 2, "topic", "t")
		d.statuses.PutConnector("c", state.Status{State: state.Running, WorkerID: "other:8083"})
		d.statuses.PutTask(state.TaskID{Connector: "c"}, state.Status{State: state.Failed, WorkerID: "other:8083"})
		d.statuses.PutTask(state.TaskID{Connector: "c", Task: 1}, state.Status{State: state.Running, WorkerID: "other:8083"})
		const up, fails, again = state.Running, state.Failed, state.Restarting
		for _, tt := range []struct {
			tasks, failed        bool
			connector, zero, one state.State
		}{
			{false, false, again, fails, up},
			{true, false, again, again, again},
			{false, true, up, fails, up},
			{true, true, up, again, up},
		} {
			plan, err := d.RestartWithTasks(t.Context(), "c", tt.tasks, tt.failed)
			if err != nil || plan.Connector.State != tt.connector || plan.Tasks[0].State != tt.zero || plan.Tasks[1].State != tt.one {
				t.Errorf("tasks %v, only failed %v: %+v, %v", tt.tasks, tt.failed, plan, err)
			}
		}
		if _, err := d.RestartWithTasks(t.Context(), "x", true, true); !errors.Is(err, errs.NotFound) {
			t.Errorf("unknown: %v", err)
		}
	})
}

// What a worker says of its health is the herder's word; a herder that failed begins anew by itself.
func TestReady(t *testing.T) {
	for _, tt := range []struct{ ping, want error }{{nil, nil}, {act.ErrGone, act.ErrGone}, {ErrHerderFailed, nil}} {
		atDesk(t, func(t *testing.T, d *desk) {
			d.herder.ping = tt.ping
			if err := d.Ready(t.Context()); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

// A change that panics is over: a worker that stops doesn't wait for it.
func TestChangePanics(t *testing.T) {
	a := &API{}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is hidden")
			}
		}()
		_ = a.change(func() error { panic("bug") })
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a.Settle(ctx); a.open != 0 {
		t.Errorf("%d changes are under way", a.open)
	}
}
