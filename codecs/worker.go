package codecs

import (
	"context"
	"errors"
	"log/slog"

	"github.com/troupe-connect/troupe/connectors/data"
)

// Env is what a task gives a converter beside its settings.
type Env struct {
	// Context ends when the task is to stop; what a converter waits for ends with it.
	Context context.Context
	// Log says whose converter is talking.
	Log *slog.Logger
	// Note, where it isn't nil, shows in the task's status what the converter waits for; "" takes
	// that back. It doesn't block.
	Note func(text string)
}

// EnvUser is a converter that uses an Env. UseEnv is called before Configure, and not at all
// where there is no task: such a converter must not wait for anything but its own time-outs.
type EnvUser interface{ UseEnv(Env) }

// ErrInterrupted is wrapped by the error of a converter that stopped waiting because its Env's
// context has ended. It says nothing about the record, which must not be skipped for it.
var ErrInterrupted = errors.New("the task is stopping")

// Headers are a Kafka record's headers as a converter sees them.
type Headers interface {
	// Last is the value of the last header of that name and whether there is one.
	Last(name string) ([]byte, bool)
	// Put adds a header behind the others.
	Put(name string, value []byte)
}

// HeaderAware is a converter that keeps a part of a value in the record's headers. A worker calls
// its methods in place of FromConnect and ToConnect wherever the record has or can have headers.
// headers is never nil.
type HeaderAware interface {
	Converter
	FromConnectWithHeaders(headers Headers, topic string, schema *data.Schema, value any) ([]byte, error)
	ToConnectWithHeaders(headers Headers, topic string, payload []byte) (data.SchemaAndValue, error)
}
