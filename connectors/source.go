package connectors

import (
	"context"
	"log/slog"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Source is a source connector as a plugin.
type Source struct {
	plugin.Descriptor
	// Connector makes a new, unconfigured connector object.
	Connector func() SourceConnector
	// Task makes a new, unconfigured task object.
	Task func() SourceTask
	// TaskClass is the Java class name of the task, shown as task.class.
	TaskClass string
}

// Describe implements plugin.Plugin.
func (s Source) Describe() plugin.Descriptor { return s.Descriptor }

// Kind implements plugin.Plugin.
func (Source) Kind() plugin.Kind { return plugin.Source }

// SourceConnector is the brain of a source: it watches what there is to read and divides it
// among tasks.
//
// Optional abilities are found by assertion: Validator, OffsetAlterer, ExactlyOnceDefiner,
// TransactionBoundaryDefiner.
type SourceConnector interface {
	// Start begins with the configuration given (references resolved). It is called once, before
	// TaskConfigs.
	Start(ctx context.Context, sc SourceContext, props map[string]string) error
	// TaskConfigs divides the work into at most maxTasks configurations, one per task.
	TaskConfigs(ctx context.Context, maxTasks int) ([]map[string]string, error)
	// Stop ends what Start began. It is called once, also after a failed Start.
	Stop(ctx context.Context) error
}

// ConnectorContext is what the worker offers any connector object.
type ConnectorContext interface {
	// RequestTaskReconfiguration asks the worker to call TaskConfigs again, soon. It returns at once.
	RequestTaskReconfiguration()
	// RaiseError reports that the connector failed asynchronously: it is restarted within its
	// budget.
	RaiseError(err error)
	// Logger is the connector's log: its lines name the connector, and its level can be set on its
	// own.
	Logger() *slog.Logger
}

// SourceContext is what the worker offers a source connector.
type SourceContext interface {
	ConnectorContext
	// Offsets reads the offsets that this connector's tasks committed.
	Offsets() OffsetReader
}

// OffsetReader reads committed source offsets.
type OffsetReader interface {
	// Offset is the committed offset of a source partition, nil if there is none.
	Offset(ctx context.Context, partition map[string]any) (map[string]any, error)
	// Offsets are those of several partitions, in the same order, nil where there is none.
	Offsets(ctx context.Context, partitions []map[string]any) ([]map[string]any, error)
}

// SourceTask reads from the source.
//
// Optional abilities are found by assertion: SourceCommitter, RecordCommitter.
type SourceTask interface {
	// Start begins with the task configuration given. It is called once, before Poll.
	Start(ctx context.Context, tc SourceTaskContext, props map[string]string) error
	// Poll waits for records and returns a batch, or nothing after a second or so of waiting; it
	// returns early, with what it has, when ctx ends. The slice belongs to the worker until the
	// next call of Poll; then the task may use it again.
	// An error of kind errs.Retriable is tried again; any other fails the task.
	Poll(ctx context.Context) ([]data.SourceRecord, error)
	// Stop releases what Start took. It is called once, after the last Poll returned, also after
	// a failed Start.
	Stop(ctx context.Context) error
}

// SourceTaskContext is what the worker offers a source task.
type SourceTaskContext interface {
	// Offsets reads the offsets that were committed before this task started, and since.
	Offsets() OffsetReader
	// Config is the task's configuration with its references resolved.
	Config() map[string]string
	// Logger is the task's log: its lines name connector and task, and its level can be set on its
	// own.
	Logger() *slog.Logger
	// Transaction is how the task says where transactions end (KIP-618). It is nil unless the worker
	// writes in transactions and the connector is configured with transaction.boundary=connector.
	Transaction() TransactionContext
}

// TransactionContext is where a task asks that the transaction under way be ended. Requests are
// about the batch that the Poll in progress returns, or the next one. A transaction that nobody asks
// to end stays open over any number of batches; it must not take longer than the producer's
// transaction.timeout.ms.
//
// Offsets are committed with the records. When a transaction is aborted no consumer that reads what is
// committed sees its records, and yet their offsets are committed, so that the task doesn't read
// them again.
//
// Asking for both commit and abort at the same place fails the task. Any goroutine may call it.
type TransactionContext interface {
	// Commit asks for a commit after the batch.
	Commit()
	// CommitAfter asks for a commit right after the i-th record of the batch, counted from 0, also
	// if that one is filtered out. A record that the batch doesn't have fails the task.
	CommitAfter(i int)
	// Abort asks that the transaction be aborted after the batch.
	Abort()
	// AbortAfter asks that it be aborted right after the i-th record, as in CommitAfter.
	AbortAfter(i int)
}

// SourceCommitter is a SourceTask that wants to know when offsets were committed, to tell its
// source.
type SourceCommitter interface {
	// Commit is called after each commit of offsets. An error is logged.
	Commit(ctx context.Context) error
}

// RecordMetadata is where Kafka put a record.
type RecordMetadata struct {
	data.TopicPartition
	Offset int64
}

// RecordCommitter is a SourceTask that wants to know each record's fate.
type RecordCommitter interface {
	// CommitRecord is called when Kafka has acknowledged the record, or with a nil md when it was
	// filtered out or skipped after an error. Calls come from the worker's producer, not from the goroutine
	// that polls, but never two at a time. An error is logged. When the worker writes in transactions
	// the call comes after the commit, and md is nil too for a record of an aborted transaction.
	CommitRecord(ctx context.Context, record *data.SourceRecord, md *RecordMetadata) error
}

// ExactlyOnceSupport is what a source can promise.
type ExactlyOnceSupport uint8

// The answers. ExactlyOnceUnknown is that of a connector which doesn't say.
const (
	ExactlyOnceUnknown ExactlyOnceSupport = iota
	ExactlyOnceSupported
	ExactlyOnceUnsupported
)

// ExactlyOnceDefiner is a SourceConnector that says whether it supports exactly-once delivery
// with a configuration (KIP-618).
type ExactlyOnceDefiner interface {
	ExactlyOnceSupport(props map[string]string) (ExactlyOnceSupport, error)
}

// TransactionBoundaryDefiner is a SourceConnector that can define its own transaction
// boundaries (KIP-618). A connector without it can't.
type TransactionBoundaryDefiner interface {
	CanDefineTransactionBoundaries(props map[string]string) (bool, error)
}

// SourceOffset is a partition with its offset; a nil Offset means that it is to be removed.
type SourceOffset struct {
	Partition map[string]any
	Offset    map[string]any
}

// SourceOffsetAlterer is a SourceConnector that checks, and may carry out in its external
// system, a change of offsets asked for by a user (KIP-875).
type SourceOffsetAlterer interface {
	// AlterOffsets is called on an unstarted connector object. true means that the connector took
	// note of the change; an error refuses it.
	AlterOffsets(ctx context.Context, props map[string]string, offsets []SourceOffset) (bool, error)
}

// Validator is a connector of either kind with checks of its own beyond its settings'
// definitions. It is called on an unstarted object.
type Validator interface {
	// Validate starts from what the definition says of the settings (answer) and returns it,
	// amended.
	Validate(ctx context.Context, props map[string]string, answer config.Validation) (config.Validation, error)
}

// Killable is what a connector or task of either kind implements whose code runs in a process of its
// own. Code in the worker's process can't be ended from outside, only left behind; a process can.
type Killable interface {
	// Kill ends the process at once; calls that it is in come back with an error. It is called when a
	// call has not returned by its deadline, beside that call, at most once, and no other call follows.
	Kill() error
}
