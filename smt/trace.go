package smt

import (
	"encoding/json"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt/internal/plain"
)

// TraceStep is what one step of a chain did to a record.
type TraceStep struct {
	Alias     string `json:"alias"`
	Class     string `json:"class"`
	Predicate string `json:"predicate,omitempty"`
	Negate    bool   `json:"negate,omitempty"`
	// Applied is false where the predicate kept the transform from the record.
	Applied bool      `json:"applied"`
	Before  *Snapshot `json:"before"`
	After   *Snapshot `json:"after,omitempty"` // nil if the record was dropped or the step failed
	Dropped bool      `json:"dropped,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// Snapshot is a deep copy of a record in values that encoding/json prints: later changes don't
// reach it. Structs and maps print their fields in order; bytes are base64, decimals and the
// floats that JSON lacks are strings, times are RFC 3339, and a map whose keys aren't all strings is a
// list of pairs.
type Snapshot struct {
	Topic       string           `json:"topic"`
	Partition   *int32           `json:"partition"`
	Offset      *int64           `json:"offset,omitempty"` // of sink records
	Timestamp   *int64           `json:"timestamp"`        // ms since the epoch
	KeySchema   json.Marshaler   `json:"keySchema"`
	Key         any              `json:"key"`
	ValueSchema json.Marshaler   `json:"valueSchema"`
	Value       any              `json:"value"`
	Headers     []HeaderSnapshot `json:"headers"`
}

// HeaderSnapshot is one header of a Snapshot.
type HeaderSnapshot struct {
	Key    string         `json:"key"`
	Schema json.Marshaler `json:"schema"`
	Value  any            `json:"value"`
}

// SnapshotOf copies a record.
func SnapshotOf(r *data.Record) *Snapshot {
	s := &Snapshot{
		Topic:     r.Topic,
		KeySchema: plain.Schema(r.KeySchema), Key: plain.Value(r.Key),
		ValueSchema: plain.Schema(r.ValueSchema), Value: plain.Value(r.Value),
		Headers: make([]HeaderSnapshot, len(r.Headers)),
	}
	if p, ok := r.Partition.Get(); ok {
		s.Partition = &p
	}
	if r.Timestamp != (time.Time{}) {
		ms := r.Timestamp.UnixMilli()
		s.Timestamp = &ms
	}
	for i, h := range r.Headers {
		s.Headers[i] = HeaderSnapshot{h.Key, plain.Schema(h.Schema), plain.Value(h.Value)}
	}
	return s
}

// Trace runs the steps as Apply does and says what each did. It ends at the step that drops the
// record or fails; the error of that step is returned too, and the record is then as it came in.
func (c *Chain) Trace(r *data.Record) ([]TraceStep, *data.Record, error) {
	steps, out, err := c.trace(r, nil)
	return steps, out, err
}

// TraceSink is Trace for a sink record.
func (c *Chain) TraceSink(r *data.SinkRecord) ([]TraceStep, *data.SinkRecord, error) {
	steps, out, err := c.trace(&r.Record, r)
	if out == nil {
		return steps, nil, err
	}
	return steps, r, nil
}

func (c *Chain) trace(r *data.Record, sink *data.SinkRecord) ([]TraceStep, *data.Record, error) {
	original := *r
	snapshot := func() *Snapshot {
		s := SnapshotOf(r)
		if sink != nil {
			offset := sink.Offset
			s.Offset = &offset
		}
		return s
	}
	var steps []TraceStep
	before := snapshot()
	for i := range c.steps {
		s := &c.steps[i]
		t := TraceStep{Alias: s.Alias, Class: s.Class, Predicate: s.PredicateAlias, Negate: s.Negate, Before: before}
		applied, keep, err := c.step(i, r, sink)
		t.Applied, t.Dropped = applied, err == nil && !keep
		if err != nil {
			t.Error = err.Error()
			*r = original
			return append(steps, t), nil, err
		}
		if !keep {
			return append(steps, t), nil, nil
		}
		t.After = snapshot()
		before = t.After
		steps = append(steps, t)
	}
	return steps, r, nil
}
