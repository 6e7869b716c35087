package httpapi

import (
	"context"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config"
)

// Herder is what REST needs of the worker. Every call obeys its context; a call that runs into
// the deadline returns an error that says at what stage (StageError). Errors are of the kinds of
// connectors/errs: NotFound is 404, AlreadyExists 409, BadRequest and Config 400; see statusOf.
type Herder interface {
	// KafkaClusterID is known from the start.
	KafkaClusterID() string
	// Ready reports whether the herder has started (health: 503 until then); an error other than
	// the context's says why it can't serve.
	Ready(ctx context.Context) error

	Connectors(ctx context.Context) ([]string, error)
	Connector(ctx context.Context, name string) (state.ConnectorInfo, error)
	Status(ctx context.Context, name string) (state.ConnectorStatus, error)
	TaskStatus(ctx context.Context, id state.TaskID) (state.TaskStatus, error)
	// TaskConfigs are the stored (raw) task configurations in order.
	TaskConfigs(ctx context.Context, name string) ([]state.TaskInfo, error)

	// Create makes a connector; errs.AlreadyExists if there is one of that name.
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
