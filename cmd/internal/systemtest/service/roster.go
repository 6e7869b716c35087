package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/group"
	"github.com/troupe-connect/troupe/cluster/state"
)

// Roster is a group of workers as the broker knows it: what each told it and was told.
type Roster struct {
	State, Protocol string
	Leader          string // worker that the members take for the leader
	Delay           bool   // the leader has announced one more rebalance
	Members         map[string]group.Work
}

// Roster asks the broker for the group. A member's work is what it ran when it joined, less what it
// was told to stop, and what it was given. It is an error if members have not had their assignment,
// do not agree about the leader, or are of a process that has ended.
func (c *Cluster) Roster(ctx context.Context) (Roster, error) {
	got, err := c.Admin.DescribeMembers(ctx, c.Group)
	if err != nil {
		return Roster{}, err
	}
	r := Roster{State: got.State, Protocol: got.Protocol, Members: map[string]group.Work{}}
	if r.State != "Stable" {
		return r, fmt.Errorf("the group is %s", r.State)
	}
	for _, m := range got.Roster {
		said, err := group.DecodeState(m.Metadata)
		if err != nil {
			return r, fmt.Errorf("what %s told the group: %w", m.ID, err)
		}
		told, err := group.DecodeAssignment(m.Assignment)
		if err != nil {
			return r, fmt.Errorf("what %s was told: %w", m.ID, err)
		}
		if told.Error != group.NoError {
			return r, fmt.Errorf("%s was told error %d", m.ID, told.Error)
		}
		id, leader := workerID(said.URL), workerID(told.LeaderURL)
		if r.Leader != "" && r.Leader != leader {
			return r, fmt.Errorf("%s and %s are both taken for the leader", r.Leader, leader)
		}
		if !c.alive(m.ID, id) {
			return r, fmt.Errorf("%s is still in the group as %s, which has ended", id, m.ID)
		}
		if _, twice := r.Members[id]; twice {
			return r, fmt.Errorf("%s is in the group twice", id)
		}
		if !told.Revoked.Empty() {
			return r, fmt.Errorf("%s was told to stop %v, which goes on in the next round", id, told.Revoked)
		}
		r.Leader, r.Delay = leader, r.Delay || told.Delay > 0
		r.Members[id] = merged(said.Current, told)
	}
	return r, nil
}

// alive reports whether the member belongs to the process that the worker runs as now. It knows a member's
// process from when it first saw it.
func (c *Cluster) alive(member, id string) bool {
	n := c.Node(id)
	if n == nil || n.cmd == nil {
		return true // none of ours; Right says so
	}
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	pid, known := c.seen[member]
	if !known {
		c.seen[member] = n.PID()
	}
	return !known || pid == n.PID()
}

func workerID(url string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimPrefix(url, "http://"), "https://"), "/")
}

func merged(before *group.Assignment, told group.Assignment) group.Work {
	work := told.Assigned
	if before != nil {
		work.Connectors = append(slices.Clone(before.Assigned.Connectors), work.Connectors...)
		work.Tasks = append(slices.Clone(before.Assigned.Tasks), work.Tasks...)
	}
	slices.Sort(work.Connectors)
	slices.SortFunc(work.Tasks, compareTasks)
	return work
}

func compareTasks(a, b state.TaskID) int {
	if a.Connector != b.Connector {
		return strings.Compare(a.Connector, b.Connector)
	}
	return a.Task - b.Task
}

// Right says what is wrong with an assignment: each connector and each of its tasks, as many as
// want says, must be with exactly one of the running workers and nothing else with any; and unless
// uneven, no worker may have two more connectors than another, or two more tasks.
func (c *Cluster) Right(r Roster, want map[string]int, uneven bool) error {
	var faults []error
	running := c.Running()
	if len(r.Members) != len(running) {
		faults = append(faults, fmt.Errorf("%d members, %d workers run", len(r.Members), len(running)))
	}
	connectors, tasks := map[string]string{}, map[state.TaskID]string{}
	var load [2][]int
	for _, n := range running {
		work, ok := r.Members[n.ID]
		if !ok {
			faults = append(faults, fmt.Errorf("%s is not in the group", n.ID))
		}
		load[0], load[1] = append(load[0], len(work.Connectors)), append(load[1], len(work.Tasks))
		faults = append(faults, claim(connectors, work.Connectors, n.ID), claim(tasks, work.Tasks, n.ID))
	}
	expected := map[state.TaskID]string{}
	for name, count := range want {
		for i := range count {
			expected[state.TaskID{Connector: name, Task: i}] = ""
		}
	}
	faults = append(faults, sameKeys("connectors", want, connectors), sameKeys("tasks", expected, tasks))
	for i, what := range []string{"connectors", "tasks"} {
		if !uneven && len(load[i]) > 0 && slices.Max(load[i])-slices.Min(load[i]) > 1 {
			faults = append(faults, fmt.Errorf("%s are spread unevenly: %v", what, load[i]))
		}
	}
	return errors.Join(faults...)
}

// claim notes who has what; two who have the same is an error.
func claim[K comparable](by map[K]string, work []K, id string) error {
	for _, w := range work {
		if other, ok := by[w]; ok {
			return fmt.Errorf("%v is with %s and with %s", w, other, id)
		}
		by[w] = id
	}
	return nil
}

func sameKeys[K comparable, A, B any](what string, want map[K]A, got map[K]B) error {
	var missing, more []K
	for k := range maps.Keys(want) {
		if _, ok := got[k]; !ok {
			missing = append(missing, k)
		}
	}
	for k := range maps.Keys(got) {
		if _, ok := want[k]; !ok {
			more = append(more, k)
		}
	}
	if len(missing)+len(more) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d with nobody %v, %d that should not be %v", what, len(missing), few(missing), len(more), few(more))
}

func few[K any](all []K) []K { return all[:min(len(all), 5)] }

// States reads all statuses from one worker.
func (n *Node) States(ctx context.Context) (map[string]Status, error) {
	var all map[string]struct {
		Status Status `json:"status"`
	}
	if err := n.Get(ctx, "/connectors?expand=status", &all); err != nil {
		return nil, err
	}
	out := map[string]Status{}
	for name, s := range all {
		out[name] = s.Status
	}
	return out, nil
}

// Agrees says where the statuses are not those of an assignment that is carried out: all RUNNING at
// the worker that has them.
func (r Roster) Agrees(states map[string]Status) error {
	count := 0
	for id, work := range r.Members {
		for _, name := range work.Connectors {
			if c := states[name].Connector; c.State != "RUNNING" || c.Worker != id {
				return fmt.Errorf("connector %s should run on %s and is %s on %s %s", name, id, c.State, c.Worker, c.Trace)
			}
		}
		for _, t := range work.Tasks {
			if err := states[t.Connector].runs(t, id); err != nil {
				return err
			}
			count++
		}
	}
	for _, s := range states {
		count -= len(s.Tasks)
	}
	if count != 0 {
		return fmt.Errorf("%d tasks fewer are assigned than have a status", -count)
	}
	return nil
}

func (s Status) runs(t state.TaskID, id string) error {
	for _, task := range s.Tasks {
		if task.ID == t.Task {
			if task.State != "RUNNING" || task.Worker != id {
				return fmt.Errorf("task %v should run on %s and is %s on %s %s", t, id, task.State, task.Worker, task.Trace)
			}
			return nil
		}
	}
	return fmt.Errorf("task %v has no status", t)
}

// Settle waits until the group of the running workers is at rest: every connector and its tasks, as
// many as want says, with exactly one worker, evenly spread, and RUNNING there as all workers
// tell it.
func (c *Cluster) Settle(tb testing.TB, limit time.Duration, want map[string]int) Roster {
	tb.Helper()
	var r Roster
	// A second's thousandth for each connector: answers about all of them cost the workers something.
	every := 50*time.Millisecond + time.Duration(len(want))*time.Millisecond
	UntilEvery(tb, every, limit, fmt.Sprintf("%d workers at rest", len(c.Running())), func() (err error) {
		r, err = c.atRest(tb.Context(), want)
		return err
	})
	return r
}

func (c *Cluster) atRest(ctx context.Context, want map[string]int) (Roster, error) {
	r, err := c.Roster(ctx)
	if err != nil {
		return r, err
	}
	if err := c.Right(r, want, false); err != nil {
		return r, err
	}
	if r.Delay {
		return r, errors.New("one more rebalance is announced")
	}
	for _, n := range c.Running() {
		states, err := n.States(ctx)
		if err != nil {
			return r, err
		}
		if err := r.Agrees(states); err != nil {
			return r, fmt.Errorf("as %s says: %w", n.ID, err)
		}
	}
	return r, nil
}
