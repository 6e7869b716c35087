// Package state holds the plain values of cluster life: task ids, states, statuses. No logic, no
// I/O; everything that crosses from actors to REST or to a topic is made of these.
package state

import "fmt"

// TaskID names a task. Its text is connector-task, as in the JVM's logs and client ids.
type TaskID struct {
	Connector string
	Task      int
}

// String is connector-task.
func (id TaskID) String() string { return fmt.Sprintf("%s-%d", id.Connector, id.Task) }

// State is the state of a connector or task as REST shows it.
type State string

// The states, as in Kafka Connect.
const (
	Unassigned State = "UNASSIGNED"
	Running    State = "RUNNING"
	Paused     State = "PAUSED"
	Stopped    State = "STOPPED" // connectors only
	Failed     State = "FAILED"
	Restarting State = "RESTARTING"
	Destroyed  State = "DESTROYED"
)

// Alive reports whether what is in this state runs somewhere, or is about to be started again there.
func (s State) Alive() bool {
	return s == Running || s == Paused || s == Restarting
}

// Broken reports whether this is FAILED, or RESTARTING, which is a failure that waits for its next try: who
// asks for a restart of what failed means that too.
func (s State) Broken() bool { return s == Failed || s == Restarting }

// TargetState is what the user wants of a connector.
type TargetState string

// The target states, as in Kafka Connect.
const (
	TargetStarted TargetState = "STARTED"
	TargetPaused  TargetState = "PAUSED"
	TargetStopped TargetState = "STOPPED"
)

// Status is the state of one connector or task with who said so.
type Status struct {
	State State
	// WorkerID is host:port of the worker's REST address.
	WorkerID string
	// Trace is the stack trace, of a FAILED or RESTARTING one.
	Trace string
	// Generation of the group in which it was written; 0 in standalone mode.
	Generation int
	// Version is the plugin's version, "" if unknown.
	Version string
	// Restarts counts the automatic restarts since the last start on request. It is Troupe's
	// own: not stored and not shown by the JVM-compatible part of REST.
	Restarts int
}
