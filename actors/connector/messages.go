package connector

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/state"
)

// ConnectorTask is the task number by which the connector object itself goes in Changed and
// Stopped.
const ConnectorTask = -1

// Orders to a supervisor. They carry wishes, not steps: the last one wins.
type (
	// StartConnector is the configuration and target state wished. If the connector runs with
	// another configuration it is stopped first.
	StartConnector struct {
		Props  map[string]string // raw
		Target state.TargetState
	}
	// SetTarget changes the target state of the connector and all its tasks.
	SetTarget struct{ Target state.TargetState }
	// StartTask starts a task, or stops and starts it if it runs already.
	StartTask struct {
		Task      int
		Connector map[string]string // raw
		Props     map[string]string // raw
		// Generation is that of the connector's task configurations, for exactly-once sources.
		Generation int
	}
	// StopTask stops a task for good; Stopped is the answer.
	StopTask struct {
		Task int
		By   time.Time
	}
	// Restart is a restart on request of the connector object (ConnectorTask) or a task: it always
	// works, whatever the budget says, and clears it. Done (may be the zero value) is answered when
	// the new incarnation has started or failed to.
	Restart struct {
		Task int
		Done act.Reply[struct{}]
	}
	// RequestTaskConfigs has the connector object asked for task configurations again.
	RequestTaskConfigs struct{}
	// StopAll stops everything; AllStopped is the answer, by the time given at the latest.
	StopAll struct{ By time.Time }
)

// Facts from a supervisor to its parent.
type (
	// Changed is a new status of the connector (ConnectorTask) or a task.
	Changed struct {
		Name   string
		Task   int
		Status state.Status
	}
	// TaskConfigsReady is what the connector object wants its tasks to be: raw configurations, as
	// they are to be stored.
	TaskConfigsReady struct {
		Name    string
		Inc     int
		Props   map[string]string // the connector's, for which they were made
		Configs []map[string]string
	}
	// Stopped answers StopTask.
	Stopped struct {
		Name      string
		Task      int
		Abandoned bool // it did not stop in time and was fenced
	}
	// AllStopped answers StopAll.
	AllStopped struct {
		Name      string
		Abandoned []string // who did not stop in time
	}
)

// Messages inside.
type (
	restartDue struct{ task, inc int }
	stopDue    struct{ task, inc int }

	// instanceChanged, instanceDone are the connector object's counterparts of the task's messages.
	instanceChanged struct {
		inc     int
		state   state.State
		version string
	}
	instanceDone struct{ inc int }
)

// Factory makes the actor of one incarnation; tests put in their own.
type Factory struct {
	Instance func(inc int, props map[string]string) *actor.Props
	Task     func(task.Spec) *actor.Props
	// Version is that of the plugin that a connector's raw configuration names, "" if it can't be
	// told; nil if nobody knows.
	Version func(props map[string]string) string
}
