package host

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
)

// Call is a kind of call into a plugin. The values below are all there are: a Call is compared by
// its address and costs no allocation.
type Call struct{ name string }

// String is the name as logs, status and metrics have it.
func (c *Call) String() string { return c.name }

// The calls, by the names that authors of connectors know.
var (
	Create       = &Call{"constructor"}
	Configure    = &Call{"configure"}
	Start        = &Call{"start"}
	Poll         = &Call{"poll"}
	Convert      = &Call{"transforms and converters"} // of a batch, and handing it to the producer
	Put          = &Call{"put"}
	Open         = &Call{"open"}
	PreCommit    = &Call{"preCommit"}
	Close        = &Call{"close"}
	Commit       = &Call{"commit"}
	CommitRecord = &Call{"commitRecord"}
	Stop         = &Call{"stop"}
	TaskConfigs  = &Call{"taskConfigs"}
	Validate     = &Call{"validate"}
	AlterOffsets = &Call{"alterOffsets"}
)

// Who is whose plugin is called: a task, or the connector itself.
type Who struct {
	Connector string
	Task      int // ConnectorItself for the connector object
}

// ConnectorItself stands for the connector object among its tasks.
const ConnectorItself = -1

// labels name the goroutines of who in profiles, as pairs.
func (w Who) labels() []string {
	if w.Task == ConnectorItself {
		return []string{"connector", w.Connector}
	}
	return []string{"connector", w.Connector, "task", strconv.Itoa(w.Task)}
}

// Meter is told of calls that have ended, on the goroutine of the call; it must return at once.
// Of CommitRecord, which comes per record, it isn't told.
type Meter interface {
	// Called says how long the call took, how many records it was about (0 for calls that are not
	// about records) and how it ended.
	Called(c *Call, took time.Duration, records int, err error)
}

// Faults lets chaos into calls.
type Faults interface {
	// Strike is called before a call, on its goroutine. It may block until ctx ends (a slow or
	// hanging plugin), panic, or return an error, which the call returns then instead of being made.
	Strike(ctx context.Context, who Who, c *Call) error
}

// Host is what the doors of a worker share. It is not changed after the start; any goroutine may
// use it.
type Host struct {
	Log     *slog.Logger
	Zombies *Zombies
	// Meter makes the meter of a door; nil, and nil from it, for none.
	Meter func(Who) Meter
	// Faults is asked before each call; nil outside of chaos runs.
	Faults Faults

	stacks stacks
}

// New makes a host without meters and faults.
func New(log *slog.Logger) *Host { return &Host{Log: log, Zombies: NewZombies(log)} }

// Catch runs a piece of plugin code that needs no watch, since it only looks at a value (the text of
// an offset, say), and makes an error of a panic.
func Catch(f func() error) error { return act.Catch(f) }
