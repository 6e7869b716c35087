package worker

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/connector"
	"github.com/troupe-connect/troupe/cluster/state"
)

// charge is what runs here of one connector.
type charge struct {
	pid       *actor.PID
	closing   bool              // its supervisor stops everything; then it is forgotten
	connector bool              // the connector object is here
	props     map[string]string // its configuration
	tasks     map[int]int       // the tasks that are here, with the generation of their configurations
	published int               // counts the publications of task configurations
	cancel    context.CancelFunc
}

func (c *charge) has(n int) bool {
	if n == connector.ConnectorTask {
		return c.connector
	}
	_, ok := c.tasks[n]
	return ok
}

func (c *charge) remove(n int) {
	if n == connector.ConnectorTask {
		c.connector = false
		c.unpublish()
		return
	}
	delete(c.tasks, n)
}

func (c *charge) unpublish() {
	if c.cancel != nil {
		c.cancel()
		c.cancel = nil
	}
}

// all are the tasks that are here, the connector object first.
func (c *charge) all() []int {
	out := slices.Sorted(maps.Keys(c.tasks))
	if c.connector {
		out = slices.Insert(out, 0, connector.ConnectorTask)
	}
	return out
}

// sortedWork lists work in a fixed order, connectors before their tasks.
func sortedWork(w workSet) []state.TaskID {
	return slices.SortedFunc(maps.Keys(w), func(a, b state.TaskID) int {
		if c := strings.Compare(a.Connector, b.Connector); c != 0 {
			return c
		}
		return a.Task - b.Task
	})
}
