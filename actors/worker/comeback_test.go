package worker

import (
	"reflect"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/assign"
	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/state"
)

// rounds plays a leader's rounds: members by URL with their ids, each saying that it runs what it was
// given, unless it is new.
type rounds struct {
	coop       *assign.Cooperative
	memory     comeback
	now        time.Time
	generation int
	configured assign.Work
	runs       map[string]assign.Work // by id
}

func (r *rounds) plan(ids map[string]string) assign.Plan {
	var members []group.RoundMember
	in := assign.Input{Now: r.now, Generation: r.generation + 1, LastGeneration: r.generation, Configured: r.configured}
	urls := map[string]string{}
	for _, url := range []string{"a", "b", "c"} {
		id, ok := ids[url]
		if !ok {
			continue
		}
		urls[id] = url
		w := r.runs[id]
		members = append(members, group.RoundMember{ID: id, WorkerState: group.WorkerState{URL: url, Current: &group.Assignment{Assigned: group.Work(w)}}})
		in.Members = append(in.Members, assign.Member{ID: id, Runs: w})
	}
	in.Leaving = r.memory.returned(members)
	plan := r.coop.Plan(in)
	r.memory.planned(urls, plan.Shares, in.Configured)
	r.generation++
	r.runs = map[string]assign.Work{}
	for id, s := range plan.Shares {
		r.runs[id] = s.Runs
	}
	return plan
}

func TestComeback(t *testing.T) {
	r := &rounds{coop: assign.NewCooperative(5 * time.Minute), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), generation: -1}
	for _, name := range []string{"x", "y", "z"} {
		r.configured.Connectors = append(r.configured.Connectors, name)
		for n := range 3 {
			r.configured.Tasks = append(r.configured.Tasks, state.TaskID{Connector: name, Task: n})
		}
	}
	all := map[string]string{"a": "a1", "b": "b1", "c": "c1"}
	first := r.plan(all)
	had := first.Shares["b1"].Runs
	if len(had.Tasks) != 3 || len(had.Connectors) != 1 {
		t.Fatalf("b has %+v", had)
	}

	missed := r.plan(map[string]string{"a": "a1", "c": "c1"})
	if missed.Delay != 5*time.Minute || len(missed.Shares["a1"].Assigned.Tasks) > 0 {
		t.Fatalf("without b: %+v", missed)
	}
	r.now = r.now.Add(10 * time.Second)
	again := r.plan(map[string]string{"a": "a1", "c": "c1", "b": "b2"})
	if again.Delay != 0 || !reflect.DeepEqual(again.Shares["b2"].Assigned, had) {
		t.Errorf("b is back: delay %v, gets %+v, had %+v", again.Delay, again.Shares["b2"].Assigned, had)
	}

	r.plan(map[string]string{"a": "a1", "c": "c1", "b": "b2"}) // all have what they were given

	// Two are missed, one is back: what the other ran goes on waiting.
	r.plan(map[string]string{"a": "a1"})
	one := r.plan(map[string]string{"a": "a1", "c": "c2"})
	if one.Delay == 0 || len(one.Shares["c2"].Runs.Tasks) != 3 {
		t.Errorf("c is back, b is not: %+v", one)
	}
	two := r.plan(map[string]string{"a": "a1", "c": "c2", "b": "b3"})
	if two.Delay != 0 || len(two.Shares["b3"].Runs.Tasks) != 3 {
		t.Errorf("both are back: %+v", two)
	}

	r.plan(map[string]string{"a": "a1", "c": "c2", "b": "b3"})

	// A member that stays keeps its id, and is nobody who comes back.
	if got := r.memory.returned([]group.RoundMember{{ID: "b3", WorkerState: group.WorkerState{URL: "b"}}}); got != nil {
		t.Errorf("returned: %+v", got)
	}
	// The leader's own session expired: it is back as another, alone.
	r.runs = map[string]assign.Work{}
	alone := r.plan(map[string]string{"a": "a2"})
	if len(alone.Shares["a2"].Runs.Tasks) != 3 || alone.Delay == 0 {
		t.Errorf("a alone: %+v", alone)
	}
}
