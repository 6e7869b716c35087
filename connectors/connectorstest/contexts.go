package connectorstest

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Offsets is a connectors.OffsetReader over a map. As with the worker's, what is read went
// through JSON: integers are int64, other numbers float64, bytes base64 text. It is safe for
// concurrent use.
type Offsets struct {
	mu     sync.Mutex
	stored map[string][]byte
}

// NewOffsets makes an Offsets without offsets.
func NewOffsets() *Offsets { return &Offsets{stored: map[string][]byte{}} }

// Commit stores an offset, or removes it if it is nil. The error says what JSON can't hold.
func (o *Offsets) Commit(partition, offset map[string]any) error {
	key, err := json.Marshal(partition)
	if err != nil {
		return errs.Data.Wrap(err, "source partition %v", partition)
	}
	value, err := json.Marshal(offset)
	if err != nil {
		return errs.Data.Wrap(err, "source offset %v", offset)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if offset == nil {
		delete(o.stored, string(key))
	} else {
		o.stored[string(key)] = value
	}
	return nil
}

// CommitRecord stores the offset of a record, if it has one.
func (o *Offsets) CommitRecord(r *data.SourceRecord) error {
	if r.SourceOffset == nil {
		return nil
	}
	return o.Commit(r.SourcePartition, r.SourceOffset.OffsetMap())
}

// Offset implements connectors.OffsetReader.
func (o *Offsets) Offset(ctx context.Context, partition map[string]any) (map[string]any, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	key, err := json.Marshal(partition)
	if err != nil {
		return nil, errs.Data.Wrap(err, "source partition %v", partition)
	}
	o.mu.Lock()
	value := o.stored[string(key)]
	o.mu.Unlock()
	if value == nil {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, errs.Data.Wrap(err, "stored offset %s", value)
	}
	for k, v := range m {
		n, ok := v.(json.Number)
		if !ok {
			continue
		}
		if i, err := n.Int64(); err == nil && !strings.ContainsAny(string(n), ".eE") {
			m[k] = i
		} else if m[k], err = n.Float64(); err != nil {
			return nil, errs.Data.Wrap(err, "stored offset %s", value)
		}
	}
	return m, nil
}

// Offsets implements connectors.OffsetReader.
func (o *Offsets) Offsets(ctx context.Context, partitions []map[string]any) ([]map[string]any, error) {
	out := make([]map[string]any, len(partitions))
	for i, p := range partitions {
		var err error
		if out[i], err = o.Offset(ctx, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ConnectorContext is a connectors.SourceContext, and so a ConnectorContext for sinks, that
// remembers what it was asked for. It is safe for concurrent use.
type ConnectorContext struct {
	offsets connectors.OffsetReader

	mu       sync.Mutex
	requests int
	errors   []error
}

// NewConnectorContext makes a context whose offsets are those given; nil is for none.
func NewConnectorContext(offsets connectors.OffsetReader) *ConnectorContext {
	if offsets == nil {
		offsets = NewOffsets()
	}
	return &ConnectorContext{offsets: offsets}
}

// Logger says nothing: tests look at what a plugin does.
func (c *ConnectorContext) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// RequestTaskReconfiguration implements connectors.ConnectorContext.
func (c *ConnectorContext) RequestTaskReconfiguration() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
}

// RaiseError implements connectors.ConnectorContext.
func (c *ConnectorContext) RaiseError(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errors = append(c.errors, err)
}

// Offsets implements connectors.SourceContext.
func (c *ConnectorContext) Offsets() connectors.OffsetReader { return c.offsets }

// Reconfigurations is how often RequestTaskReconfiguration was called.
func (c *ConnectorContext) Reconfigurations() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// Errors are the errors that were raised, in order.
func (c *ConnectorContext) Errors() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.errors)
}

// SourceTaskContext is a connectors.SourceTaskContext, safe for concurrent use.
type SourceTaskContext struct {
	offsets     connectors.OffsetReader
	config      map[string]string
	transaction connectors.TransactionContext
}

// NewSourceTaskContext makes a context with the offsets and configuration given.
func NewSourceTaskContext(offsets connectors.OffsetReader, config map[string]string) *SourceTaskContext {
	return &SourceTaskContext{offsets: offsets, config: maps.Clone(config)}
}

// Logger says nothing: tests look at what a plugin does.
func (c *SourceTaskContext) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Offsets implements connectors.SourceTaskContext.
func (c *SourceTaskContext) Offsets() connectors.OffsetReader { return c.offsets }

// Config implements connectors.SourceTaskContext.
func (c *SourceTaskContext) Config() map[string]string { return maps.Clone(c.config) }

// Transaction implements connectors.SourceTaskContext: what SetTransaction was given, else nil.
func (c *SourceTaskContext) Transaction() connectors.TransactionContext { return c.transaction }

// SetTransaction gives the context a transaction, as with transaction.boundary=connector. Call it
// before the task starts.
func (c *SourceTaskContext) SetTransaction(t connectors.TransactionContext) { c.transaction = t }

// Reported is a record that a sink task gave to its reporter.
type Reported struct {
	Record data.SinkRecord
	Err    error
}

// SinkTaskContext is a connectors.SinkTaskContext that remembers what it was asked for. It is
// safe for concurrent use.
type SinkTaskContext struct {
	config map[string]string

	mu         sync.Mutex
	assignment []data.TopicPartition
	paused     map[data.TopicPartition]bool
	rewound    connectors.Offsets
	timeout    time.Duration
	commits    int
	reported   []Reported
	noReporter bool
}

// NewSinkTaskContext makes a context with the configuration given and the partitions that are
// assigned.
func NewSinkTaskContext(config map[string]string, assignment ...data.TopicPartition) *SinkTaskContext {
	return &SinkTaskContext{
		config:     maps.Clone(config),
		assignment: assignment,
		paused:     map[data.TopicPartition]bool{},
		rewound:    connectors.Offsets{},
	}
}

// Logger says nothing: tests look at what a plugin does.
func (c *SinkTaskContext) Logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Assign changes the assignment, as a rebalance does.
func (c *SinkTaskContext) Assign(partitions ...data.TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.assignment = slices.Clone(partitions)
	maps.DeleteFunc(c.paused, func(tp data.TopicPartition, _ bool) bool { return !slices.Contains(partitions, tp) })
}

// NoReporter makes Reporter return nil, as with errors.tolerance=none.
func (c *SinkTaskContext) NoReporter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noReporter = true
}

// Offset implements connectors.SinkTaskContext.
func (c *SinkTaskContext) Offset(offsets connectors.Offsets) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.rewound, offsets)
}

// Timeout implements connectors.SinkTaskContext.
func (c *SinkTaskContext) Timeout(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timeout = d
}

// Assignment implements connectors.SinkTaskContext.
func (c *SinkTaskContext) Assignment() []data.TopicPartition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.assignment)
}

// Pause implements connectors.SinkTaskContext.
func (c *SinkTaskContext) Pause(partitions ...data.TopicPartition) error {
	return c.setPaused(true, partitions)
}

// Resume implements connectors.SinkTaskContext.
func (c *SinkTaskContext) Resume(partitions ...data.TopicPartition) error {
	return c.setPaused(false, partitions)
}

func (c *SinkTaskContext) setPaused(paused bool, partitions []data.TopicPartition) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, tp := range partitions {
		if !slices.Contains(c.assignment, tp) {
			return errs.IllegalState.New("partition %s-%d is not assigned to this task", tp.Topic, tp.Partition)
		}
	}
	for _, tp := range partitions {
		if paused {
			c.paused[tp] = true
		} else {
			delete(c.paused, tp)
		}
	}
	return nil
}

// RequestCommit implements connectors.SinkTaskContext.
func (c *SinkTaskContext) RequestCommit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commits++
}

// Config implements connectors.SinkTaskContext.
func (c *SinkTaskContext) Config() map[string]string { return maps.Clone(c.config) }

// Reporter implements connectors.SinkTaskContext.
func (c *SinkTaskContext) Reporter() connectors.ErrantRecordReporter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.noReporter {
		return nil
	}
	return reporter{c}
}

type reporter struct{ c *SinkTaskContext }

func (r reporter) Report(record data.SinkRecord, err error) func(context.Context) error {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	r.c.reported = append(r.c.reported, Reported{record, err})
	return func(ctx context.Context) error { return context.Cause(ctx) }
}

// Reported are the records given to the reporter, in order.
func (c *SinkTaskContext) Reported() []Reported {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.reported)
}

// Rewound are the offsets asked for with Offset, the last of each partition.
func (c *SinkTaskContext) Rewound() connectors.Offsets {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.rewound)
}

// LastTimeout is what Timeout was last called with, 0 if never.
func (c *SinkTaskContext) LastTimeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timeout
}

// Commits is how often RequestCommit was called.
func (c *SinkTaskContext) Commits() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.commits
}

// Paused reports whether the task paused a partition.
func (c *SinkTaskContext) Paused(tp data.TopicPartition) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused[tp]
}
