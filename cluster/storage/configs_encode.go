package storage

import (
	"encoding/base64"
	"strconv"

	"github.com/troupe-connect/troupe/cluster/kafkalog"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/java"
)

// The records of the config topic, as the JVM's JsonConverter writes them without schemas: members in
// the order of its schemas, settings in the order of a Java HashMap.

func record(key string, value []byte) kafkalog.Pair {
	return kafkalog.Pair{Key: []byte(key), Value: value}
}

func connectorRecord(connector string, config map[string]string) kafkalog.Pair {
	return record(connectorPrefix+connector, encodeProperties(config))
}

func taskRecord(id state.TaskID, config map[string]string) kafkalog.Pair {
	return record(taskPrefix+id.String(), encodeProperties(config))
}

func commitRecord(connector string, tasks int) kafkalog.Pair {
	return record(commitPrefix+connector, encodeInt("tasks", int64(tasks)))
}

func fencingRecord(connector string, tasks int) kafkalog.Pair {
	return record(fencingPrefix+connector, encodeInt("task-count", int64(tasks)))
}

// targetRecord says STOPPED as PAUSED to workers before 3.5, which don't know it.
func targetRecord(connector string, target state.TargetState) kafkalog.Pair {
	old := target
	if target == state.TargetStopped {
		old = state.TargetPaused
	}
	b := java.AppendJSONString([]byte(`{"state":`), string(old))
	b = java.AppendJSONString(append(b, `,"state.v2":`...), string(target))
	return record(targetStatePrefix+connector, append(b, '}'))
}

func sessionKeyRecord(key SessionKey) kafkalog.Pair {
	b := append([]byte(`{"key":"`), base64.StdEncoding.EncodeToString(key.Key)...)
	b = java.AppendJSONString(append(b, `","algorithm":`...), key.Algorithm)
	b = strconv.AppendInt(append(b, `,"creation-timestamp":`...), key.Created.UnixMilli(), 10)
	return record(sessionKeyKey, append(b, '}'))
}

func restartRecord(r RestartRequest) kafkalog.Pair {
	b := strconv.AppendBool([]byte(`{"include-tasks":`), r.IncludeTasks)
	b = strconv.AppendBool(append(b, `,"only-failed":`...), r.OnlyFailed)
	return record(restartPrefix+r.Connector, append(b, '}'))
}

func loggerRecord(logger, level string) kafkalog.Pair {
	return record(loggerPrefix+logger, append(java.AppendJSONString([]byte(`{"level":`), level), '}'))
}

func encodeProperties(config map[string]string) []byte {
	b := []byte(`{"properties":{`)
	for i, k := range java.MapOrder(config) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(java.AppendJSONString(b, k), ':')
		b = java.AppendJSONString(b, config[k])
	}
	return append(b, "}}"...)
}

func encodeInt(name string, n int64) []byte {
	b := append(java.AppendJSONString([]byte{'{'}, name), ':')
	return append(strconv.AppendInt(b, n, 10), '}')
}
