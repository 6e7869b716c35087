package task

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/host"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/smt"
)

// Stalled says that one call of a plugin, or the producer, hasn't come further for
// supervisor.task.stall.warn.ms. The task is left alone: it may only be slow.
type Stalled struct {
	ID  state.TaskID
	Inc int
	In  string // start, poll, put, produce, …
	// Class is the plugin at work, where that could be told from the stack: a transform, predicate or
	// converter; else "".
	Class string
	// Record names the record it is at, without its contents; "" if the call is not about records.
	Record string
	// Why says more of it, "" if there is nothing more to say.
	Why   string
	For   time.Duration // at least
	Stack string        // of the task's goroutines
}

// IgnoreDeadLetterLogging marks a fact that may come too late.
func (Stalled) IgnoreDeadLetterLogging() {}

// Text is what the status shows.
func (s Stalled) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", s.In)
	if s.Class != "" {
		fmt.Fprintf(&b, " (%s)", s.Class)
	}
	fmt.Fprintf(&b, " has not returned for %s", s.For.Round(time.Second))
	if s.Record != "" {
		fmt.Fprintf(&b, ", at %s", s.Record)
	}
	if s.Why != "" {
		fmt.Fprintf(&b, ": %s", s.Why)
	}
	return b.String()
}

// Note is what there is to say of a task that runs and yet does nothing; an empty text takes it back.
// It is shown as the status's trace while the state is RUNNING or PAUSED.
type Note struct {
	ID   state.TaskID
	Inc  int
	Text string
}

// IgnoreDeadLetterLogging marks a fact that may come too late.
func (Note) IgnoreDeadLetterLogging() {}

// stallLooks is how often per supervisor.task.stall.warn.ms the signs of life are looked at: a stall
// is told of up to that part of the time late.
const stallLooks = 4

// lookAtCalls looks for calls that hang, and for a task that does nothing.
func (t *taskActor) lookAtCalls(c actor.Context) {
	limit := t.run.stallWarn()
	fresh, over := t.run.door.Stalls(time.Now(), limit)
	for _, s := range fresh {
		t.examine(c, s)
	}
	if over {
		t.log.Info("plugin call that had not returned for long has moved on")
		t.sendNote(c)
	}
	t.timers[stallTimer] = act.After(c, limit/stallLooks, stallCheck{})
}

// sendNote tells what there is to say of the task besides stalls.
func (t *taskActor) sendNote(c actor.Context) {
	c.Send(c.Parent(), Note{t.spec.ID, t.spec.Inc, t.idle})
}

// examine finds out more of a stall; taking stacks stops the process for a moment, so it's done beside
// the actor.
func (t *taskActor) examine(c actor.Context, s host.Stall) {
	run, who := t.run, host.Who{Connector: t.spec.ID.Connector, Task: t.spec.ID.Task}
	labels := []string{"connector", who.Connector, "of", "stall watch"}
	told := Stalled{ID: t.spec.ID, Inc: t.spec.Inc, In: s.In.String(), Record: s.Where, For: s.For}
	act.Go(c, run.hard, stallExit, labels, func(context.Context) (any, error) {
		told.Stack = t.env.Host.Stacks(who)
		if f := run.of.Load(); f != nil && s.In == host.Convert {
			(*f).explain(&told)
		}
		return told, nil
	})
}

// explainSource says of a source's batch whether it waits for Kafka or for a plugin.
func (s *source) explain(told *Stalled) {
	if s.producer.Waiting() || s.blocked.Load() {
		told.In, told.Why = "produce", "Kafka is not reachable, or does not acknowledge the records in the producer's full buffer"
		return
	}
	told.Class = atWork(told.Stack, s.pipe.Chain, &s.pipe.Converters)
}

func (s *sink) explain(told *Stalled) {
	told.Class = atWork(told.Stack, s.pipe.Chain, &s.pipe.Converters)
}

// atWork is the class of the transform, predicate or converter whose method is innermost in a stack, as
// a goroutine profile has it; "" if there is none. Steps of one Go type can't be told apart.
func atWork(stack string, chain pipeline.Chain, conv *pipeline.Converters) string {
	type part struct {
		class  string
		object any
	}
	parts := []part{{conv.Key.Class, conv.Key.Conv}, {conv.Value.Class, conv.Value.Conv}, {conv.Header.Class, conv.Header.Conv}}
	if c, ok := chain.(interface{ Steps() []smt.Step }); ok {
		for _, s := range c.Steps() {
			parts = append(parts, part{s.Class, s.Transform}, part{s.Class, s.Predicate})
		}
	}
	for line := range strings.SplitSeq(stack, "\n") {
		for _, p := range parts {
			if value, pointer := methodsOf(p.object); value != "" && (strings.Contains(line, value) || strings.Contains(line, pointer)) {
				return p.class
			}
		}
	}
	return ""
}

// methodsOf is how the names of an object's methods begin in a stack, for both kinds of receivers; ""
// if its type has no name.
func methodsOf(object any) (value, pointer string) {
	t := reflect.TypeOf(object)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Name() == "" {
		return "", ""
	}
	return "\t" + t.PkgPath() + "." + t.Name() + ".", "\t" + t.PkgPath() + ".(*" + t.Name() + ")."
}
