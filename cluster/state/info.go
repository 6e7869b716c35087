package state

import "github.com/troupe-connect/troupe/connectors/plugin"

// ConnectorInfo is a connector as it is configured.
type ConnectorInfo struct {
	Name   string
	Config map[string]string // raw: references unresolved
	Tasks  []TaskID
	Type   plugin.Kind // Source or Sink; "" if the class is unknown ("unknown" in REST)
}

// TaskInfo is a task's configuration, raw.
type TaskInfo struct {
	ID     TaskID
	Config map[string]string
}

// TaskStatus is a Status with whose it is.
type TaskStatus struct {
	ID int
	Status
}

// ConnectorStatus is the status of a connector and its tasks, ordered by task id.
type ConnectorStatus struct {
	Name      string
	Connector Status
	Tasks     []TaskStatus
	Type      plugin.Kind
}

// ConnectorOffset is one entry of GET/PATCH /connectors/{name}/offsets. A nil Offset in a PATCH
// removes it. Values are as JSON has them: numbers are json.Number.
type ConnectorOffset struct {
	Partition map[string]any
	Offset    map[string]any
}
