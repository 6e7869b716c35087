package deadletters

import (
	"errors"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// HeaderPrefix is what the names of a dead letter's context headers begin with.
const HeaderPrefix = "__connect.errors."

// reasons are the headers that say why and where, of any dead letter.
func reasons(task state.TaskID, p pipeline.Problem) []kafka.RecordHeader {
	return []kafka.RecordHeader{
		contextHeader("connector.name", task.Connector),
		contextHeader("task.id", strconv.Itoa(task.Task)),
		contextHeader("stage", string(p.Stage)),
		contextHeader("class.name", p.Class),
		contextHeader("exception.class.name", errorClass(p)),
		messageHeader(p.Err),
		contextHeader("exception.stacktrace", trace(errorClass(p), p.Err)),
	}
}

// errorClass is the Java class of the error.
func errorClass(p pipeline.Problem) string {
	if p.Stage == pipeline.KafkaProduce && errs.KindOf(p.Err) == nil {
		return kafka.ClassName(p.Err)
	}
	return errs.ClassOf(p.Err)
}

// messageHeader is null where there is no message, as in Java.
func messageHeader(err error) kafka.RecordHeader {
	h := contextHeader("exception.message", errs.Message(err))
	if len(h.Value) == 0 {
		h.Value = nil
	}
	return h
}

func contextHeader(name, value string) kafka.RecordHeader {
	return kafka.RecordHeader{Key: HeaderPrefix + name, Value: []byte(value)}
}

// trace is an error as a Java stack trace begins: class and message, then its causes. Behind them comes
// the Go stack if the error was a panic.
func trace(class string, err error) string {
	var out strings.Builder
	last := class + ": " + errs.Message(err)
	out.WriteString(last + "\n")
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		line := errs.ClassOf(cause) + ": " + errs.Message(cause)
		if line == last {
			continue // a Go error that only wraps
		}
		out.WriteString("Caused by: " + line + "\n")
		last = line
	}
	if f, ok := errors.AsType[*act.Failure](err); ok {
		out.WriteString(f.Stack)
	}
	return out.String()
}
