package assign

import (
	"cmp"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/java"
)

// Work is connectors and tasks: what a member runs, or what there is to run.
type Work struct {
	Connectors []string
	Tasks      []state.TaskID
}

// Member is a member of the group with what it says it runs.
type Member struct {
	ID string
	// URL is where the worker's REST server is. By it a worker is known that comes back as another
	// member, or with less than it had: its process was started anew, its session had expired, or it
	// stopped everything when Kafka was away. With "" it is not, as in Java.
	URL  string
	Runs Work
}

// Input is what the leader knows in one round of rebalancing. It isn't changed.
type Input struct {
	Now time.Time // read to the millisecond
	// Members in the order in which the broker's answer names them, each once.
	Members []Member
	// Leaving are members that have stopped what they ran and are about to go: they get nothing, and
	// what they ran is dealt out at once. Java knows no such members; Eager passes over this.
	Leaving []Member
	// Configured is what should run by the leader's view of the config topic. Tasks whose connector
	// isn't there are ignored.
	Configured Work
	// Generation is that of this round, LastGeneration that of the last round which the leader saw
	// completed; -1 before the first. Eager needs neither.
	Generation, LastGeneration int
}

// Share is what one member is told, and what it runs afterwards.
type Share struct {
	Assigned Work // to start: with Cooperative additions only, with Eager all
	Revoked  Work // to stop now; never with Eager
	Runs     Work // all that is the member's after this round
}

// Plan is the outcome of a round.
type Plan struct {
	Shares map[string]Share // by member, of every member
	Delay  time.Duration    // until all are to rejoin; 0: no need to
	Why    Why
}

// Why is what a round was planned by, for Explain and for people. Work is in Java's order.
type Why struct {
	// First is set if the planner doesn't know the round before: then it can't tell who joined or left,
	// and takes all that nobody runs for new.
	First                 bool
	Joined, Left, Leaving []string // member ids

	New, HandedOver, Lost        Work // assigned: never ran before, ran on a leaving member, on one that is gone
	Returned                     Work // assigned to the worker that had it before: it is back
	Deleted, Duplicated, Surplus Work // revoked: not configured any more, ran more than once, more than a member's part

	// Waiting is what ran on a member that is gone and waits until Until for it to return. With nothing
	// that waits, Until is when balancing goes on, which too many rounds in a row have put off.
	Waiting Work
	Until   time.Time // zero without a delay
}

// item is a connector, with the task number -1 as on the wire, or a task.
type item = state.TaskID

// connectorTask is the task number that means the connector itself.
const connectorTask = -1

// kind tells connectors from tasks: they are counted and balanced apart.
type kind int

const (
	connectors kind = iota
	tasks
	kinds
)

func kindOf(i item) kind {
	if i.Task == connectorTask {
		return connectors
	}
	return tasks
}

type set map[item]struct{}

func (s set) has(i item) bool {
	_, ok := s[i]
	return ok
}

func (s set) add(items ...item) {
	for _, i := range items {
		s[i] = struct{}{}
	}
}

// minus is s without what is in others, sorted as Java sorts: by connector, then by number.
func (s set) minus(others ...set) []item {
	var out []item
next:
	for i := range s {
		for _, o := range others {
			if o.has(i) {
				continue next
			}
		}
		out = append(out, i)
	}
	slices.SortFunc(out, compareItems)
	return out
}

func setOf(items []item) set {
	s := make(set, len(items))
	s.add(items...)
	return s
}

// compareItems puts connectors before tasks.
func compareItems(a, b item) int {
	if c := cmp.Compare(kindOf(a), kindOf(b)); c != 0 {
		return c
	}
	if c := java.Compare(a.Connector, b.Connector); c != 0 {
		return c
	}
	return cmp.Compare(a.Task, b.Task)
}

// items lists the work, each once, in its order.
func (w Work) items() []item {
	out := make([]item, 0, len(w.Connectors)+len(w.Tasks))
	seen := make(set, cap(out))
	put := func(i item) {
		if !seen.has(i) {
			seen.add(i)
			out = append(out, i)
		}
	}
	for _, name := range w.Connectors {
		put(item{Connector: name, Task: connectorTask})
	}
	for _, id := range w.Tasks {
		if id.Task != connectorTask {
			put(id)
		}
	}
	return out
}

func workOf(items []item) Work {
	var w Work
	for _, i := range items {
		if kindOf(i) == connectors {
			w.Connectors = append(w.Connectors, i.Connector)
		} else {
			w.Tasks = append(w.Tasks, i)
		}
	}
	return w
}

// configured is the work that should run, without tasks of connectors that aren't there.
func (in Input) configured() set {
	s := make(set, len(in.Configured.Connectors)+len(in.Configured.Tasks))
	for _, i := range in.Configured.items() {
		if kindOf(i) == connectors || s.has(item{Connector: i.Connector, Task: connectorTask}) {
			s.add(i)
		}
	}
	return s
}
