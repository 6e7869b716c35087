package herd

import (
	"fmt"

	"github.com/troupe-connect/troupe/cluster/state"
)

// Order is something to do: one of the types below. Its text is for people and scenarios.
type Order interface{ String() string }

type (
	// Supervise starts a connector's supervisor, with the target state of all it will have.
	Supervise struct {
		Connector string
		Target    state.TargetState
	}
	// StartConnector starts the connector object, or starts it anew with another configuration.
	StartConnector struct {
		Connector string
		Props     map[string]string
		Target    state.TargetState
	}
	// StartTask starts a task, or starts it anew with other configurations.
	StartTask struct {
		ID               state.TaskID
		Connector, Props map[string]string
		Generation       int
	}
	// SetTarget changes the target state of all that runs of a connector.
	SetTarget struct {
		Connector string
		Target    state.TargetState
	}
	// Stop stops a connector object or task for good; Stopped is the answer.
	Stop struct{ ID state.TaskID }
	// StopAll stops a connector's supervisor with all that is left of it; AllStopped is the answer.
	StopAll struct{ Connector string }
	// Restart restarts a connector object or task because that was asked for.
	Restart struct{ ID state.TaskID }
	// Publish has task configurations stored by the leader; Published is the answer, unless Unpublish
	// comes first.
	Publish struct {
		Connector string
		Props     map[string]string // of which they were made
		Configs   []map[string]string
		// Again: they were stored once and replaced by others. Most often that is the first half of a
		// connector's stop, so it is good to wait a little for the second.
		Again bool
	}
	// Unpublish gives up a publication.
	Unpublish struct{ Connector string }
	// Rejoin has the group assign anew.
	Rejoin struct{ Reason string }
	// Done tells whoever waits with the ticket that what it waits for has stopped.
	Done struct{ Ticket Ticket }
)

// String is the order in words.
func (o Supervise) String() string { return "supervise " + o.Connector + " " + string(o.Target) }

// String is the order in words.
func (o StartConnector) String() string {
	return "start " + o.Connector + " " + string(o.Target)
}

// String is the order in words.
func (o StartTask) String() string { return fmt.Sprintf("start %s of %d", o.ID, o.Generation) }

// String is the order in words.
func (o SetTarget) String() string { return "target " + o.Connector + " " + string(o.Target) }

// String is the order in words.
func (o Stop) String() string { return "stop " + text(o.ID) }

// String is the order in words.
func (o StopAll) String() string { return "stop all of " + o.Connector }

// String is the order in words.
func (o Restart) String() string { return "restart " + text(o.ID) }

// String is the order in words.
func (o Publish) String() string {
	if o.Again {
		return fmt.Sprintf("publish %d tasks of %s again", len(o.Configs), o.Connector)
	}
	return fmt.Sprintf("publish %d tasks of %s", len(o.Configs), o.Connector)
}

// String is the order in words.
func (o Unpublish) String() string { return "give up publishing " + o.Connector }

// String is the order in words.
func (o Rejoin) String() string { return "rejoin: " + o.Reason }

// String is the order in words.
func (o Done) String() string { return fmt.Sprintf("done %d", o.Ticket) }

func text(id state.TaskID) string {
	if id.IsConnector() {
		return id.Connector
	}
	return id.String()
}
