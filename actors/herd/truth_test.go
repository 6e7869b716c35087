package herd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/herd"
	"github.com/troupe-connect/troupe/cluster/state"
)

func st(word state.State, worker string, generation int) state.Status {
	return state.Status{State: word, WorkerID: worker, Generation: generation, Version: "1"}
}

// What is shown of a task, from what is stored and what runs here.
func TestShown(t *testing.T) {
	id := state.TaskID{Connector: "c", Task: 0}
	for _, tt := range []struct {
		name         string
		here, stored state.Status
		want         string // state@worker of a generation; "" for nothing
	}{
		{"neither", state.Status{}, state.Status{}, ""},
		{"another's", state.Status{}, st(state.Running, "w2", 3), "RUNNING@w2 3"},
		{"here, not stored yet", st(state.Running, "w1", 5), state.Status{}, "RUNNING@w1 5"},
		{"here, and what was before is stored", st(state.Paused, "w1", 5), st(state.Running, "w2", 4), "PAUSED@w1 5"},
		{"here, and another has it in a later generation", st(state.Running, "w1", 5), st(state.Running, "w2", 6), "RUNNING@w2 6"},
		{"here, and another gave it up in a later generation", st(state.Running, "w1", 5), st(state.Unassigned, "w2", 6), "RUNNING@w1 6"},
		{"stored as this worker's, which doesn't run it", state.Status{}, st(state.Running, "w1", 5), "UNASSIGNED@w1 5"},
		{"stored as this worker's and restarting", state.Status{}, st(state.Restarting, "w1", 5), "UNASSIGNED@w1 5"},
		{"failed stays to be read", state.Status{}, st(state.Failed, "w1", 5), "FAILED@w1 5"},
		{"stopped has nothing to run", state.Status{}, st(state.Stopped, "w1", 5), "STOPPED@w1 5"},
	} {
		b := herd.NewBoard()
		b.Assign(state.WorkSet{id: true}, 5)
		b.Assign(nil, -1) // lost: the generation of before stays
		if tt.here.State != "" {
			b.Put(id, tt.here)
		}
		got, ok := b.Shown(id, tt.stored, tt.stored.State != "", "w1")
		text := ""
		if ok {
			text = fmt.Sprintf("%s@%s %d", got.State, got.WorkerID, got.Generation)
		}
		if text != tt.want || got.State == state.Unassigned && got.Trace != "" {
			t.Errorf("%s: %q, want %q", tt.name, text, tt.want)
		}
	}
}

func TestBoard(t *testing.T) {
	b := herd.NewBoard()
	c, c0, d0 := state.ConnectorID("c"), state.TaskID{Connector: "c", Task: 0}, state.TaskID{Connector: "d", Task: 0}
	if b.Generation() != -1 || b.Assigned(c) {
		t.Error("assigned before the first assignment")
	}
	b.Assign(state.WorkSet{c: true, c0: true}, 3)
	for _, id := range []state.TaskID{c, c0, d0} {
		b.Put(id, st(state.Running, "w1", 3))
	}
	if !b.Assigned(c0) || b.Assigned(d0) || b.Generation() != 3 || len(b.Here()) != 3 {
		t.Errorf("%v", b.Here())
	}
	b.Remove(d0)
	b.RemoveAll("c")
	if len(b.Here()) != 0 {
		t.Errorf("%v", b.Here())
	}
	b.Put(c, st(state.Running, "w1", 3))
	b.Clear()
	if len(b.Here()) != 0 || b.Assigned(c) || b.Generation() != 3 {
		t.Error("not cleared")
	}
}

// What is corrected, by whom. The worker is w1, in generation 7 of which its first was 5.
func TestCorrections(t *testing.T) {
	id := state.TaskID{Connector: "c", Task: 0}
	for _, tt := range []struct {
		name         string
		here, stored state.Status
		leaving      bool
		wrote        bool
		want         string // corrections, then what is contested
	}{
		{"the same", st(state.Running, "w1", 7), st(state.Running, "w1", 5), false, true, ""},
		{"not stored", st(state.Running, "w1", 7), state.Status{}, false, true, "RUNNING@w1 7"},
		{"another state", st(state.Running, "w1", 7), st(state.Unassigned, "w1", 7), false, true, "RUNNING@w1 7"},
		{"another version", st(state.Running, "w1", 7), state.Status{State: state.Running, WorkerID: "w1", Version: "2"}, false, true, "RUNNING@w1 7"},
		{"another worker's, before", st(state.Running, "w1", 7), st(state.Running, "w2", 6), false, true, "RUNNING@w1 7 contested by w2"},
		{"another worker's last word", st(state.Running, "w1", 7), st(state.Unassigned, "w2", 7), false, true, "RUNNING@w1 7"},
		{"another worker's, later", st(state.Running, "w1", 7), st(state.Running, "w2", 8), false, true, " contested by w2"},
		{"given up by another worker, later", st(state.Running, "w1", 7), st(state.Unassigned, "w2", 8), false, true, "RUNNING@w1 7"},
		{"failed on another worker, later", st(state.Running, "w1", 7), st(state.Failed, "w2", 8), false, true, ""},
		{"of before this process", state.Status{}, st(state.Running, "w1", 4), false, false, "UNASSIGNED@w1 7 safe"},
		{"its own, not here any more", state.Status{}, st(state.Paused, "w1", 6), false, true, "UNASSIGNED@w1 7 safe"},
		{"in its name, and not by it", state.Status{}, st(state.Running, "w1", 6), false, false, " contested by w1"},
		{"failed before", state.Status{}, st(state.Failed, "w1", 6), false, true, ""},
		{"another worker's alone", state.Status{}, st(state.Running, "w2", 6), false, true, ""},
		{"on its way out", state.Status{}, st(state.Running, "w1", 7), true, true, ""},
		{"on its way out, still here", st(state.Running, "w1", 7), state.Status{}, true, true, ""},
	} {
		truth := herd.Truth{
			Worker: "w1", Generation: 7, First: 5, Here: map[state.TaskID]state.Status{},
			Leaving: func(state.TaskID) bool { return tt.leaving }, Wrote: func(state.TaskID) bool { return tt.wrote },
		}
		if tt.here.State != "" {
			truth.Here[id] = tt.here
		}
		var stored []herd.Stored
		if tt.stored.State != "" {
			stored = []herd.Stored{{ID: id, Status: tt.stored}}
		}
		var b strings.Builder
		corrections, contested := truth.Corrections(stored)
		for _, c := range corrections {
			fmt.Fprintf(&b, "%s@%s %d", c.Status.State, c.Status.WorkerID, c.Status.Generation)
			if c.Safe {
				b.WriteString(" safe")
			}
		}
		for _, s := range contested {
			b.WriteString(" contested by " + s.WorkerID)
		}
		if b.String() != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, b.String(), tt.want)
		}
	}
}
