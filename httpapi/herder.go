package httpapi

import (
	"context"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config"
)

// Herder is what REST needs of a worker that has started. Every call obeys its context; a call that runs into
// the deadline returns an error that says at what stage (StageError). Errors are of the kinds of
// connectors/errs: NotFound is 404, AlreadyExists 409, BadRequest and Config 400; see statusOf.
type Herder interface {
	KafkaClusterID() string
	// Ready reports whether the herder has started (health: 503 until then), from what is known and within a
	// tenth of a second; an error other than the context's says why it can't serve.
	Ready(ctx context.Context) error

	Connectors(ctx context.Context) ([]string, error)
	Connector(ctx context.Context, name string) (state.ConnectorInfo, error)
	Status(ctx context.Context, name string) (state.ConnectorStatus, error)
	TaskStatus(ctx context.Context, id state.TaskID) (state.TaskStatus, error)
	// TaskConfigs are the stored (raw) task configurations in order.
	TaskConfigs(ctx context.Context, name string) ([]state.TaskInfo, error)

	// Create makes a connector; errs.AlreadyExists if there is one of that name. initial is "" where the
	// request doesn't say: it runs, and no target state is written.
	Create(ctx context.Context, name string, props map[string]string, initial state.TargetState) (state.ConnectorInfo, error)
	// PutConfig makes or changes a connector and reports whether it was made.
	PutConfig(ctx context.Context, name string, props map[string]string) (state.ConnectorInfo, bool, error)
	// PatchConfig merges into the configuration; a nil value removes a key.
	PatchConfig(ctx context.Context, name string, patch map[string]*string) (state.ConnectorInfo, error)
	Delete(ctx context.Context, name string) error
	// SetTarget pauses, resumes or stops.
	SetTarget(ctx context.Context, name string, target state.TargetState) error
	// RestartConnector restarts the connector object only.
	RestartConnector(ctx context.Context, name string) error
	// RestartWithTasks is the restart with includeTasks or onlyFailed; it returns the plan: the status with
	// RESTARTING where something is restarted.
	RestartWithTasks(ctx context.Context, name string, includeTasks, onlyFailed bool) (state.ConnectorStatus, error)
	RestartTask(ctx context.Context, id state.TaskID) error

	ActiveTopics(ctx context.Context, name string) ([]string, error)
	ResetActiveTopics(ctx context.Context, name string) error

	Offsets(ctx context.Context, name string) ([]state.ConnectorOffset, error)
	// AlterOffsets and ResetOffsets return the message to show.
	AlterOffsets(ctx context.Context, name string, offsets []state.ConnectorOffset) (string, error)
	ResetOffsets(ctx context.Context, name string) (string, error)

	// Validate checks a connector's configuration in every respect. props[k] may be nil (JSON null).
	Validate(ctx context.Context, props map[string]*string) (config.Infos, error)
}

// The rest of this file is what a Herder may do besides. Each is found by assertion and made of
// plain values, so that package actors satisfies it without knowing this one.

// Internal is what a distributed worker's herder offers to other workers. A herder without it
// answers those requests as standalone mode does: 500.
type Internal interface {
	// SessionKey is what requests between workers are signed with. required is false with the
	// protocols older than sessioned; the key is nil while none was read (503 if required).
	// algorithms are those permitted (inter.worker.verification.algorithms).
	SessionKey(ctx context.Context) (key []byte, algorithms []string, required bool, err error)
	// PutTaskConfigs stores the task configurations that the owner of the connector computed.
	PutTaskConfigs(ctx context.Context, name string, configs []map[string]string) error
	// FenceZombies shuts out the producers of earlier generations of a source's tasks.
	FenceZombies(ctx context.Context, name string) error
}

// Starter is a herder that knows whether the worker has ever completed its start: what it can't do
// afterwards is a fault (health: 500), not the start (503), also if nobody asked before.
type Starter interface {
	Started() bool
}

// LevelSetter is a herder that can have every worker of the cluster set the level of a logger
// (scope=cluster); where it isn't, this worker is all of them.
type LevelSetter interface {
	SetLoggerLevel(ctx context.Context, logger, level string) error
}

// Noter is a herder that has something to say although it is healthy (health: added to the message), as that
// a worker of its group is missing.
type Noter interface {
	Note() string // "" for nothing
}

// ElsewhereError is an error by which a herder says that another worker has to do it. The
// server forwards the request there, as far as its hops permit.
type ElsewhereError interface {
	error
	// ForwardURL is the REST address of that worker; "" while it isn't known (409).
	ForwardURL() string
}

// StatusError is an error that knows its HTTP status, as 409 for stale configuration.
type StatusError interface {
	error
	// StatusCode is 400 to 599.
	StatusCode() int
}

// StageError is an error that says what the worker was at when the time was up. It is shown as
// "Request timed out. The worker is currently <doing>, which began at <began>", or if completed
// isn't zero as the operation completed last.
type StageError interface {
	error
	Stage() (doing string, began, completed time.Time)
}

// Forwarder sends a request on to another worker; package peers has one.
type Forwarder interface {
	// Forward sends the request to url, which is complete. Only the Authorization header is
	// taken over. An error means that no answer came.
	Forward(ctx context.Context, method, url, authorization string, body []byte) (status int, answer []byte, err error)
}
