package storage

import (
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// Keys of the status topic are made of these.
const (
	connectorStatusPrefix = "status-connector-"
	taskStatusPrefix      = "status-task-"
	topicStatusPrefix     = "status-topic-"
	topicStatusSeparator  = ":connector-"
)

// TopicStatus says that a connector uses a topic (KIP-558).
type TopicStatus struct {
	Topic      string
	Task       state.TaskID // that found it
	Discovered time.Time    // of millisecond precision
}

// lastMilli is the end of the year 9999 in ms since 1970, beyond which no time is taken for one.
const lastMilli = 253402300799999

func connectorStatusKey(connector string) string { return connectorStatusPrefix + connector }
func taskStatusKey(id state.TaskID) string       { return taskStatusPrefix + id.String() }
func topicStatusKey(connector, topic string) string {
	return topicStatusPrefix + topic + topicStatusSeparator + connector
}

// encodeStatus is a status as the JVM's JsonConverter writes it, nil (a tombstone) for DESTROYED.
func encodeStatus(st state.Status) []byte {
	if st.State == state.Destroyed {
		return nil
	}
	b := java.AppendJSONString([]byte(`{"state":`), string(st.State))
	b = appendStringOrNull(append(b, `,"trace":`...), st.Trace)
	b = java.AppendJSONString(append(b, `,"worker_id":`...), st.WorkerID)
	b = strconv.AppendInt(append(b, `,"generation":`...), int64(st.Generation), 10)
	b = appendStringOrNull(append(b, `,"version":`...), st.Version)
	return append(b, '}')
}

func appendStringOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return java.AppendJSONString(b, s)
}

func encodeTopicStatus(st TopicStatus) []byte {
	b := java.AppendJSONString([]byte(`{"topic":{"name":`), st.Topic)
	b = java.AppendJSONString(append(b, `,"connector":`...), st.Task.Connector)
	b = strconv.AppendInt(append(b, `,"task":`...), int64(st.Task.Task), 10)
	b = strconv.AppendInt(append(b, `,"discoverTimestamp":`...), st.Discovered.UnixMilli(), 10)
	return append(b, "}}"...)
}

func decodeStatus(value []byte) (state.Status, error) {
	var st state.Status
	v, err := decodeRecord(value)
	if err != nil {
		return st, errs.Data.Wrap(err, "status %s is not JSON", clip(value))
	}
	m, err := object(v)
	if err != nil {
		return st, err
	}
	word, err := textMember(v, "state")
	if err != nil {
		return st, err
	}
	st.State = state.State(word)
	switch st.State {
	case state.Unassigned, state.Running, state.Paused, state.Stopped, state.Failed, state.Restarting, state.Destroyed:
	default:
		return st, errs.Data.New("state %q is unknown", word)
	}
	for _, member := range []struct {
		name string
		to   *string
	}{{"trace", &st.Trace}, {"worker_id", &st.WorkerID}, {"version", &st.Version}} {
		s, isText := m[member.name].(string)
		if !isText && m[member.name] != nil {
			return st, errs.Data.New("'%s' should be a string but is %s", member.name, jsonKind(m[member.name]))
		}
		*member.to = s
	}
	st.Generation, err = integer(m, "generation")
	return st, err
}

func decodeTopicStatus(value []byte) (TopicStatus, error) {
	var st TopicStatus
	v, err := decodeRecord(value)
	if err != nil {
		return st, errs.Data.Wrap(err, "topic status %s is not JSON", clip(value))
	}
	outer, err := object(v)
	if err != nil {
		return st, err
	}
	m, err := object(outer["topic"])
	if err != nil {
		return st, err
	}
	for name, to := range map[string]*string{"name": &st.Topic, "connector": &st.Task.Connector} {
		if *to, err = textMember(m, name); err != nil {
			return st, err
		}
	}
	if st.Task.Task, err = integer(m, "task"); err != nil {
		return st, err
	}
	at, ok := m["discoverTimestamp"].(int64)
	if !ok {
		return st, errs.Data.New("'discoverTimestamp' should be an integer but is %s", jsonKind(m["discoverTimestamp"]))
	}
	if at < 0 || at > lastMilli {
		return st, errs.Data.New("'discoverTimestamp' is %d, which is no time in ms since 1970", at)
	}
	st.Discovered = time.UnixMilli(at)
	return st, nil
}

// parseTopicStatusKey takes topic and connector out of a key. As in the JVM the first colon ends the topic,
// and what lies behind it, as long as the separator, isn't looked at.
func parseTopicStatusKey(key string) (topic, connector string, ok bool) {
	colon := strings.IndexByte(key, ':')
	if colon < len(topicStatusPrefix) {
		return "", "", false
	}
	topic = key[len(topicStatusPrefix):colon]
	begin := colon + len(topicStatusSeparator)
	if topic == "" || begin >= len(key) {
		return "", "", false
	}
	return topic, key[begin:], true
}
