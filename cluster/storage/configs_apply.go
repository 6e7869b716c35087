package storage

import (
	"encoding/base64"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Keys of the config topic begin with these.
const (
	targetStatePrefix = "target-state-"
	connectorPrefix   = "connector-"
	taskPrefix        = "task-"
	commitPrefix      = "commit-"
	restartPrefix     = "restart-connector-"
	fencingPrefix     = "tasks-fencing-"
	sessionKeyKey     = "session-key"
	loggerPrefix      = "logger-cluster-"
)

// ConfigListener is told what changed in the config topic, in the order of the topic, after the first
// full read. Calls come from one goroutine and must neither block nor wait for the topic. What is told
// of is in the snapshot already.
type ConfigListener interface {
	ConnectorUpdated(connector string)
	ConnectorRemoved(connector string)
	// TasksUpdated tells of a commit, with the tasks whose configurations it put in force; there may
	// be none.
	TasksUpdated(connector string, tasks []state.TaskID)
	// TargetChanged tells of another target state of a connector that exists.
	TargetChanged(connector string)
	SessionKeyUpdated(key SessionKey)
	RestartRequested(request RestartRequest)
	LoggerLevelChanged(logger, level string)
}

// configTable makes a ConfigState out of records. It isn't safe for concurrent use.
type configTable struct {
	state    *ConfigState
	shared   bool                                 // state was handed out and must not be changed
	deferred map[string]map[int]map[string]string // task configurations that wait for their commit
	log      *slog.Logger
}

func newConfigTable(log *slog.Logger) *configTable {
	return &configTable{
		state:    &ConfigState{offset: -1, connectors: map[string]connectorState{}},
		deferred: map[string]map[int]map[string]string{},
		log:      log,
	}
}

// snapshot is the state so far.
func (t *configTable) snapshot() *ConfigState {
	t.shared = true
	return t.state
}

// own makes the state one that may be changed.
func (t *configTable) own() *ConfigState {
	if t.shared {
		t.state, t.shared = t.state.clone(), false
	}
	return t.state
}

func (t *configTable) connector(name string) connectorState { return t.state.connectors[name] }

func (t *configTable) change(name string, f func(*connectorState)) {
	s := t.own()
	c := s.connectors[name]
	f(&c)
	s.connectors[name] = c
}

// event tells a listener what a record was about; nil if nobody needs to know.
type event func(ConfigListener)

// apply takes in one record. Records that make no sense are told in the log and change nothing.
func (t *configTable) apply(key, value []byte, offset int64) event {
	v, err := decodeRecord(value)
	if err != nil {
		t.log.Error("ignoring a record of the config topic that is not JSON", "key", string(key), "offset", offset, "error", err)
		return nil
	}
	t.own().offset = offset + 1
	e, err := t.applyValue(string(key), v)
	if err != nil {
		t.log.Error("ignoring a record of the config topic that no worker writes", "key", string(key), "offset", offset, "error", err)
	}
	return e
}

func decodeRecord(value []byte) (any, error) {
	if len(value) == 0 {
		return nil, nil
	}
	return decodeJSON(value)
}

func (t *configTable) applyValue(key string, v any) (event, error) {
	if slices.Contains([]string{targetStatePrefix, connectorPrefix, commitPrefix, restartPrefix, fencingPrefix}, key) {
		return nil, errs.Data.New("the key doesn't name a connector")
	}
	if name, ok := strings.CutPrefix(key, targetStatePrefix); ok {
		return t.applyTarget(name, v)
	}
	if name, ok := strings.CutPrefix(key, connectorPrefix); ok {
		return t.applyConnector(name, v)
	}
	if strings.HasPrefix(key, taskPrefix) {
		return nil, t.applyTask(key, v)
	}
	if name, ok := strings.CutPrefix(key, commitPrefix); ok {
		return t.applyCommit(name, v)
	}
	if name, ok := strings.CutPrefix(key, restartPrefix); ok {
		return t.restart(name, v)
	}
	if name, ok := strings.CutPrefix(key, fencingPrefix); ok {
		return nil, t.applyFencing(name, v)
	}
	if key == sessionKeyKey {
		return t.applySessionKey(v)
	}
	if logger, ok := strings.CutPrefix(key, loggerPrefix); ok {
		level, err := textMember(v, "level")
		if err != nil {
			return nil, err
		}
		return func(l ConfigListener) { l.LoggerLevelChanged(logger, level) }, nil
	}
	return nil, errs.Data.New("no worker writes such a key")
}

func (t *configTable) applyTarget(name string, v any) (event, error) {
	if v == nil {
		t.change(name, func(c *connectorState) {
			c.target = ""
			if c.config != nil {
				c.target = state.TargetStarted
			}
		})
		return nil, nil
	}
	m, err := object(v)
	if err != nil {
		return nil, err
	}
	word, ok := m["state.v2"].(string)
	if !ok { // written by a worker before 3.5
		if word, ok = m["state"].(string); !ok {
			return nil, errs.Data.New("'state' should be a string but is %s", jsonKind(m["state"]))
		}
	}
	target := state.TargetState(word)
	switch target {
	case state.TargetStarted, state.TargetPaused, state.TargetStopped:
	default:
		return nil, errs.Data.New("target state %q is unknown", word)
	}
	before := t.connector(name)
	t.change(name, func(c *connectorState) { c.target = target })
	if before.target == target || before.config == nil {
		return nil, nil
	}
	return func(l ConfigListener) { l.TargetChanged(name) }, nil
}

func (t *configTable) applyConnector(name string, v any) (event, error) {
	if v == nil {
		t.remove(name)
		return func(l ConfigListener) { l.ConnectorRemoved(name) }, nil
	}
	config, err := properties(v)
	if err != nil {
		return nil, err
	}
	at := t.state.offset - 1 // of the record that is applied
	t.change(name, func(c *connectorState) {
		if c.config == nil {
			c.born = at
		}
		c.config, c.version = config, at
		if c.target == "" {
			c.target = state.TargetStarted
		}
	})
	return func(l ConfigListener) { l.ConnectorUpdated(name) }, nil
}

// remove forgets a connector. Its target state has a tombstone of its own; what a fencing round and the
// generation say stays, for a connector of the same name that comes later.
func (t *configTable) remove(name string) {
	delete(t.deferred, name)
	t.change(name, func(c *connectorState) { c.config, c.count, c.tasks, c.applied = nil, 0, nil, nil })
}

func (t *configTable) applyTask(key string, v any) error {
	id, ok := parseTaskKey(key, 1)
	if !ok {
		return errs.Data.New("the key doesn't name a task")
	}
	if v == nil {
		return errs.Data.New("the value is unexpectedly null")
	}
	config, err := properties(v)
	if err != nil {
		return err
	}
	if t.deferred[id.Connector] == nil {
		t.deferred[id.Connector] = map[int]map[string]string{}
	}
	t.deferred[id.Connector][id.Task] = config
	return nil
}

// applyCommit puts the task configurations before it in force if all are there. Some may be missing: they
// were compacted away, because newer ones follow, or are lost since a leader died while it wrote those.
func (t *configTable) applyCommit(name string, v any) (event, error) {
	if t.connector(name).config == nil {
		// The connector was deleted and compaction has removed its tombstone, but not the tasks.
		t.remove(name)
		return nil, nil
	}
	m, err := object(v)
	if err != nil {
		return nil, err
	}
	count, err := taskCount(m, "tasks")
	if err != nil {
		return nil, err
	}
	deferred, seen := t.deferred[name]
	complete := true
	for i := 0; i < count && complete; i++ {
		_, complete = deferred[i]
	}
	var updated []state.TaskID
	t.change(name, func(c *connectorState) {
		c.count, c.pending, c.inconsistent = count, true, !complete
		if !complete {
			return
		}
		c.applied = c.config
		if !seen {
			return
		}
		if c.tasks = maps.Clone(c.tasks); c.tasks == nil {
			c.tasks = map[int]map[string]string{}
		}
		maps.Copy(c.tasks, deferred)
		if c.generations {
			c.generation++
		}
		c.generations = true
		for _, n := range slices.Sorted(maps.Keys(deferred)) {
			updated = append(updated, state.TaskID{Connector: name, Task: n})
		}
	})
	if seen {
		// An incomplete set is of no use either: the next commit needs all of them anew. The empty one
		// still counts as seen, as in the JVM.
		t.deferred[name] = map[int]map[string]string{}
	}
	return func(l ConfigListener) { l.TasksUpdated(name, updated) }, nil
}

func (t *configTable) restart(name string, v any) (event, error) {
	m, err := object(v)
	if err != nil {
		return nil, err
	}
	r := RestartRequest{Connector: name}
	r.IncludeTasks, _ = m["include-tasks"].(bool)
	r.OnlyFailed, _ = m["only-failed"].(bool)
	return func(l ConfigListener) { l.RestartRequested(r) }, nil
}

func (t *configTable) applyFencing(name string, v any) error {
	m, err := object(v)
	if err != nil {
		return err
	}
	count, err := taskCount(m, "task-count")
	if err != nil {
		return err
	}
	t.change(name, func(c *connectorState) { c.fencing, c.fenced, c.pending = count, true, false })
	return nil
}

func (t *configTable) applySessionKey(v any) (event, error) {
	encoded, err := textMember(v, "key")
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errs.Data.New("'key' is not base64") // the error would show some of it
	}
	algorithm, err := textMember(v, "algorithm")
	if err != nil {
		return nil, err
	}
	m, _ := v.(map[string]any) //nolint:errcheck // it was one above
	created, ok := m["creation-timestamp"].(int64)
	if !ok {
		return nil, errs.Data.New("'creation-timestamp' should be an integer but is %s", jsonKind(m["creation-timestamp"]))
	}
	if created < 0 || created > lastMilli {
		return nil, errs.Data.New("'creation-timestamp' is %d, which is no time in ms since 1970", created)
	}
	session := SessionKey{Key: key, Algorithm: algorithm, Created: time.UnixMilli(created)}
	t.own().session = &session
	return func(l ConfigListener) { l.SessionKeyUpdated(session) }, nil
}

// parseTaskKey takes the connector and the number out of a key whose first skip pieces between dashes are
// its prefix. Pieces at the end that are empty don't count, and a plus sign does no harm, as in Java.
func parseTaskKey(key string, skip int) (state.TaskID, bool) {
	parts := strings.Split(strings.TrimRight(key, "-"), "-")
	last := len(parts) - 1
	if last < skip+1 {
		return state.TaskID{}, false
	}
	n, err := strconv.ParseInt(parts[last], 10, 32)
	if err != nil {
		return state.TaskID{}, false
	}
	return state.TaskID{Connector: strings.Join(parts[skip:last], "-"), Task: int(n)}, true
}

// jsonKind is what a value is called in JSON, for an operator who looks at the topic's records.
func jsonKind(v any) string {
	switch v.(type) {
	case nil:
		return "missing or null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case map[string]any:
		return "an object"
	case []any:
		return "an array"
	case int64:
		return "a number"
	default:
		return "a number with a fraction or beyond 64 bits"
	}
}

func object(v any) (map[string]any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errs.Data.New("the value should be an object but is %s", jsonKind(v))
	}
	return m, nil
}

func textMember(v any, name string) (string, error) {
	m, err := object(v)
	if err != nil {
		return "", err
	}
	s, ok := m[name].(string)
	if !ok {
		return "", errs.Data.New("'%s' should be a string but is %s", name, jsonKind(m[name]))
	}
	return s, nil
}

// integer is an int of the JVM: the low 32 bits.
func integer(m map[string]any, name string) (int, error) {
	n, ok := m[name].(int64)
	if !ok {
		return 0, errs.Data.New("'%s' should be an integer but is %s", name, jsonKind(m[name]))
	}
	return int(int32(n)), nil
}

// mostTasks is the highest number of tasks that is taken for one that a worker wrote: what is counted by it
// needs memory.
const mostTasks = 100_000

// taskCount is a number of tasks of a connector.
func taskCount(m map[string]any, name string) (int, error) {
	n, err := integer(m, name)
	if err == nil && (n < 0 || n > mostTasks) {
		return 0, errs.Data.New("'%s' is %d, it must be from 0 to %d", name, n, mostTasks)
	}
	return n, err
}

// properties is a configuration. REST lets no null into one, but the JVM's format does: such a setting is
// left out, since it says no more than a missing one.
func properties(v any) (map[string]string, error) {
	m, err := object(v)
	if err != nil {
		return nil, err
	}
	in, ok := m["properties"].(map[string]any)
	if !ok {
		return nil, errs.Data.New("'properties' should be an object but is %s", jsonKind(m["properties"]))
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		switch v := v.(type) {
		case nil:
		case string:
			out[k] = v
		default:
			return nil, errs.Data.New("setting %q should be a string but is %s", k, jsonKind(v))
		}
	}
	return out, nil
}
