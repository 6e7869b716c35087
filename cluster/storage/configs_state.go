package storage

import (
	"maps"
	"slices"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
)

// SessionKey signs the requests between workers (KIP-507).
type SessionKey struct {
	Key       []byte
	Algorithm string
	Created   time.Time // of millisecond precision
}

// RestartRequest asks every worker to restart what it runs of a connector (KIP-745).
type RestartRequest struct {
	Connector                string
	OnlyFailed, IncludeTasks bool
}

// ConfigState is what a config topic says, up to an offset. It doesn't change and may be used by many
// goroutines; maps that it returns must not be changed.
type ConfigState struct {
	offset     int64
	session    *SessionKey
	connectors map[string]connectorState
}

// connectorState is what the topic says of one connector. Its maps are never changed, only replaced.
type connectorState struct {
	config       map[string]string // nil: there is none
	born         int64             // offset of the record that made the connector
	version      int64             // offset of the record with config
	target       state.TargetState // "": unknown
	count        int               // of the last commit
	tasks        map[int]map[string]string
	applied      map[string]string // the config at the last good commit
	fencing      int               // task count of the last fencing round
	fenced       bool              // whether there was one
	generation   int
	generations  bool // whether there is a generation
	pending      bool // a fencing round is due
	inconsistent bool
}

// Offset is the offset behind the last record that could be read, -1 if there was none. All workers that
// read as far have the same; it isn't the end of the log, which counts markers of transactions too.
func (s *ConfigState) Offset() int64 { return s.offset }

// SessionKey is the latest one, nil if there is none.
func (s *ConfigState) SessionKey() *SessionKey { return s.session }

// Connectors are the names of the connectors that have a configuration, ordered.
func (s *ConfigState) Connectors() []string {
	var out []string
	for name, c := range s.connectors {
		if c.config != nil {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Contains reports whether the connector has a configuration.
func (s *ConfigState) Contains(connector string) bool { return s.connectors[connector].config != nil }

// Config is a connector's raw configuration and whether there is one.
func (s *ConfigState) Config(connector string) (map[string]string, bool) {
	c := s.connectors[connector].config
	return c, c != nil
}

// Born is the offset of the record that made a connector, or of the oldest that was left of it when this
// worker began to read; it tells a connector from another of the same name that was there before. -1 if
// there is none.
func (s *ConfigState) Born(connector string) int64 {
	if c := s.connectors[connector]; c.config != nil {
		return c.born
	}
	return -1
}

// Version is the offset of the record that holds a connector's configuration: another one for each time
// that it was written, also with the same content. -1 if there is none.
func (s *ConfigState) Version(connector string) int64 {
	if c := s.connectors[connector]; c.config != nil {
		return c.version
	}
	return -1
}

// Applied is the raw configuration that a connector had when its task configurations were last committed
// in full; false if they never were. When it differs from Config, tasks are to be made anew.
func (s *ConfigState) Applied(connector string) (map[string]string, bool) {
	c := s.connectors[connector].applied
	return c, c != nil
}

// Target is what the user wants of a connector, "" if that is unknown.
func (s *ConfigState) Target(connector string) state.TargetState {
	return s.connectors[connector].target
}

// TaskCount is the number of tasks of the last commit, also of one that wasn't complete.
func (s *ConfigState) TaskCount(connector string) int { return s.connectors[connector].count }

// Tasks are the tasks of a connector, ordered. There are none while its task configurations are
// inconsistent: such tasks must not be started.
func (s *ConfigState) Tasks(connector string) []state.TaskID {
	c := s.connectors[connector]
	if c.inconsistent || c.count <= 0 {
		return nil
	}
	out := make([]state.TaskID, c.count)
	for i := range out {
		out[i] = state.TaskID{Connector: connector, Task: i}
	}
	return out
}

// TaskConfig is a task's raw configuration and whether there is one. Those of tasks beyond TaskCount are
// left over from before.
func (s *ConfigState) TaskConfig(id state.TaskID) (map[string]string, bool) {
	c, ok := s.connectors[id.Connector].tasks[id.Task]
	return c, ok
}

// TaskConfigs are the raw configurations of Tasks, in order; nil for one that is missing.
func (s *ConfigState) TaskConfigs(connector string) []map[string]string {
	ids := s.Tasks(connector)
	out := make([]map[string]string, len(ids))
	for i, id := range ids {
		out[i], _ = s.TaskConfig(id)
	}
	return out
}

// TaskCountRecord is the number of tasks that the last fencing round was for, false if there was none.
func (s *ConfigState) TaskCountRecord(connector string) (int, bool) {
	c := s.connectors[connector]
	return c.fencing, c.fenced
}

// PendingFencing reports whether task configurations were committed after the last fencing round.
func (s *ConfigState) PendingFencing(connector string) bool { return s.connectors[connector].pending }

// Generation counts the commits of task configurations that this worker has read, from 0; false before
// the first.
func (s *ConfigState) Generation(connector string) (int, bool) {
	c := s.connectors[connector]
	return c.generation, c.generations
}

// Inconsistent are the connectors whose last commit came without all of its task configurations, ordered.
func (s *ConfigState) Inconsistent() []string {
	var out []string
	for name, c := range s.connectors {
		if c.inconsistent {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// clone is a copy whose map of connectors may be changed.
func (s *ConfigState) clone() *ConfigState {
	out := *s
	out.connectors = maps.Clone(s.connectors)
	return &out
}
