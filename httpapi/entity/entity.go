// Package entity holds the JSON bodies of the REST interface as Kafka Connect 4.1 writes them:
// same names, same order of fields, same rules for what is left out. Package httpapi fills them
// from the worker's values; nothing here decides anything.
package entity

import (
	"encoding/json"
	"maps"
	"math"
	"strconv"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// ServerInfo answers GET /.
type ServerInfo struct {
	Version        string `json:"version"`
	Commit         string `json:"commit"`
	KafkaClusterID string `json:"kafka_cluster_id"`
}

// WorkerStatus answers GET /health and the probes below it. Status is healthy, starting, unhealthy or, of
// /health/live, alive.
type WorkerStatus struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// Error is the body of every answer of 400 and above.
type Error struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

// Message answers changes of offsets.
type Message struct {
	Message string `json:"message"`
}

// TaskID names a task.
type TaskID struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

// ConnectorInfo is a connector as it is configured.
type ConnectorInfo struct {
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
	Tasks  []TaskID          `json:"tasks"`
	Type   string            `json:"type"`
}

// InfoOf is the body for a connector.
func InfoOf(c state.ConnectorInfo) ConnectorInfo {
	out := ConnectorInfo{
		Name: c.Name, Config: notNil(c.Config), Type: typeOf(c.Type),
		Tasks: make([]TaskID, len(c.Tasks)),
	}
	for i, t := range c.Tasks {
		out.Tasks[i] = TaskID(t)
	}
	return out
}

// TaskInfo is a task's configuration.
type TaskInfo struct {
	ID     TaskID            `json:"id"`
	Config map[string]string `json:"config"`
}

// TasksOf is the body for the tasks of a connector.
func TasksOf(tasks []state.TaskInfo) []TaskInfo {
	out := make([]TaskInfo, len(tasks))
	for i, t := range tasks {
		out[i] = TaskInfo{ID: TaskID(t.ID), Config: notNil(t.Config)}
	}
	return out
}

// ConnectorState is the state of the connector object itself.
type ConnectorState struct {
	State    state.State `json:"state"`
	WorkerID string      `json:"worker_id"`
	Version  string      `json:"version,omitempty"`
	Trace    string      `json:"trace,omitempty"`
}

// TaskState is the state of one task.
type TaskState struct {
	ID       int         `json:"id"`
	State    state.State `json:"state"`
	WorkerID string      `json:"worker_id"`
	Version  string      `json:"version,omitempty"`
	Trace    string      `json:"trace,omitempty"`
}

// ConnectorStatus is the state of a connector and of its tasks.
type ConnectorStatus struct {
	Name      string         `json:"name"`
	Connector ConnectorState `json:"connector"`
	Tasks     []TaskState    `json:"tasks"`
	Type      string         `json:"type"`
}

// StatusOf is the body for a connector's status.
func StatusOf(s state.ConnectorStatus) ConnectorStatus {
	c := s.Connector
	out := ConnectorStatus{
		Name: s.Name, Type: typeOf(s.Type),
		Connector: ConnectorState{State: c.State, WorkerID: c.WorkerID, Version: c.Version, Trace: c.Trace},
		Tasks:     make([]TaskState, len(s.Tasks)),
	}
	for i, t := range s.Tasks {
		out.Tasks[i] = TaskStateOf(t)
	}
	return out
}

// TaskStateOf is the body for a task's status.
func TaskStateOf(t state.TaskStatus) TaskState {
	return TaskState{ID: t.ID, State: t.State, WorkerID: t.WorkerID, Version: t.Version, Trace: t.Trace}
}

// Expanded is one connector in GET /connectors?expand=…; what was not asked for is left out.
type Expanded struct {
	Info   *ConnectorInfo   `json:"info,omitempty"`
	Status *ConnectorStatus `json:"status,omitempty"`
}

// Topics are the topics a connector has used.
type Topics struct {
	Topics []string `json:"topics"`
}

// Offset is one entry of Offsets.
type Offset struct {
	Partition map[string]any `json:"partition"`
	Offset    map[string]any `json:"offset"`
}

// Offsets answers GET /connectors/{name}/offsets and is the body of its PATCH.
type Offsets struct {
	Offsets []Offset `json:"offsets"`
}

// OffsetsOf is the body for a connector's offsets.
func OffsetsOf(offsets []state.ConnectorOffset) Offsets {
	out := Offsets{Offsets: make([]Offset, len(offsets))}
	for i, o := range offsets {
		out.Offsets[i] = Offset{Partition: plainNumbers(o.Partition), Offset: plainNumbers(o.Offset)}
	}
	return out
}

// Plugin is one entry of GET /connector-plugins.
type Plugin struct {
	Class   string      `json:"class"`
	Type    plugin.Kind `json:"type"`
	Version string      `json:"version,omitempty"`
}

// LoggerLevel is the level of a logger and when it was last changed through REST.
type LoggerLevel struct {
	Level string `json:"level"`
	// LastModified is in milliseconds since 1970; nil if the level never was changed.
	LastModified *int64 `json:"last_modified"`
}

// CreateConnector is the body of POST /connectors. Config values may be null.
type CreateConnector struct {
	Name         *string            `json:"name"`
	Config       map[string]*string `json:"config"`
	InitialState *string            `json:"initial_state,omitempty"`
}

// plainNumbers spells floats as Java does ("3.0" stays a fraction): encoding/json would drop it.
func plainNumbers(m map[string]any) map[string]any {
	var out map[string]any
	for k, v := range m {
		f, ok := v.(float64)
		if !ok {
			continue
		}
		if out == nil {
			out = make(map[string]any, len(m))
			maps.Copy(out, m)
		}
		out[k] = json.RawMessage(javaDouble(f))
	}
	if out == nil {
		return m
	}
	return out
}

// javaDouble writes a number as Double.toString does; NaN and the infinities, which JSON has
// not, become text.
func javaDouble(f float64) string {
	text := *config.Text(f, config.Double)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.Quote(text)
	}
	return text
}

func typeOf(k plugin.Kind) string {
	if k == "" {
		return "unknown"
	}
	return string(k)
}

func notNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
