package state

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// ConnectorTask is the task number by which a connector object itself goes among tasks, in sets of work
// and on the wire of the group protocol.
const ConnectorTask = -1

// ConnectorID names the connector object among tasks.
func ConnectorID(connector string) TaskID { return TaskID{connector, ConnectorTask} }

// IsConnector reports whether it is the connector object rather than a task that is named.
func (id TaskID) IsConnector() bool { return id.Task == ConnectorTask }

// Work is connectors and tasks: what a worker runs, is to start or to stop, or what there is to run.
type Work struct {
	Connectors []string
	Tasks      []TaskID
}

// Empty reports whether there is nothing.
func (w Work) Empty() bool { return len(w.Connectors)+len(w.Tasks) == 0 }

// Set is the work without its order; connectors are in it as ConnectorID.
func (w Work) Set() WorkSet {
	s := make(WorkSet, len(w.Connectors)+len(w.Tasks))
	for _, name := range w.Connectors {
		s[ConnectorID(name)] = true
	}
	for _, id := range w.Tasks {
		s[id] = true
	}
	return s
}

// Without is w less what is in gone, in the order of w.
func (w Work) Without(gone Work) Work {
	set := gone.Set()
	var out Work
	for _, name := range w.Connectors {
		if !set[ConnectorID(name)] {
			out.Connectors = append(out.Connectors, name)
		}
	}
	for _, id := range w.Tasks {
		if !set[id] {
			out.Tasks = append(out.Tasks, id)
		}
	}
	return out
}

// Plus is what was added, then what of w isn't in it.
func (w Work) Plus(added Work) Work {
	rest := w.Without(added)
	return Work{
		Connectors: append(slices.Clip(added.Connectors), rest.Connectors...),
		Tasks:      append(slices.Clip(added.Tasks), rest.Tasks...),
	}
}

// WorkSet is work without order: true for what is in it. Connectors go by ConnectorID.
type WorkSet map[TaskID]bool

// Sorted lists the set by connector, each connector object before its tasks.
func (s WorkSet) Sorted() []TaskID {
	return slices.SortedFunc(maps.Keys(s), func(a, b TaskID) int {
		return cmp.Or(strings.Compare(a.Connector, b.Connector), cmp.Compare(a.Task, b.Task))
	})
}

// Work lists the set as work.
func (s WorkSet) Work() Work {
	var w Work
	for _, id := range s.Sorted() {
		if id.IsConnector() {
			w.Connectors = append(w.Connectors, id.Connector)
		} else {
			w.Tasks = append(w.Tasks, id)
		}
	}
	return w
}
