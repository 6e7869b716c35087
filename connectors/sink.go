package connectors

import (
	"context"
	"log/slog"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Sink is a sink connector as a plugin.
type Sink struct {
	plugin.Descriptor
	// Connector makes a new, unconfigured connector object.
	Connector func() SinkConnector
	// Task makes a new, unconfigured task object.
	Task func() SinkTask
	// TaskClass is the Java class name of the task, shown as task.class.
	TaskClass string
}

// Describe implements plugin.Plugin.
func (s Sink) Describe() plugin.Descriptor { return s.Descriptor }

// Kind implements plugin.Plugin.
func (Sink) Kind() plugin.Kind { return plugin.Sink }

// SinkConnector divides a sink's work among tasks. Kafka spreads the partitions over them.
//
// Optional abilities are found by assertion: Validator, SinkOffsetAlterer.
type SinkConnector interface {
	// Start, TaskConfigs and Stop are as for a SourceConnector.
	Start(ctx context.Context, cc ConnectorContext, props map[string]string) error
	TaskConfigs(ctx context.Context, maxTasks int) ([]map[string]string, error)
	Stop(ctx context.Context) error
}

// SinkTask writes records to the target system. Its life is
//
//	Start  { Open  { Put … Flush or PreCommit … }  Close }  Stop
//
// where Open and Close come with each change of assigned partitions.
//
// Optional abilities are found by assertion: PartitionOpener, PartitionCloser, Flusher,
// PreCommitter.
type SinkTask interface {
	// Start begins with the task configuration given. It is called once.
	Start(ctx context.Context, tc SinkTaskContext, props map[string]string) error
	// Put takes a batch. It is called in every round, also with no records, so that a task can
	// act on time. The slice and its records belong to the task until it returns; values may be
	// kept.
	// An error of kind errs.Retriable makes the worker pause the partitions and give the same
	// batch again; any other fails the task.
	Put(ctx context.Context, records []data.SinkRecord) error
	// Stop releases what Start took. It is called once, after the last Close.
	Stop(ctx context.Context) error
}

// PartitionOpener is a SinkTask that wants to know which partitions it gets.
type PartitionOpener interface {
	// Open is called with newly assigned partitions, before records of them. It may call
	// SinkTaskContext.Offset to begin elsewhere than at the committed offset.
	Open(ctx context.Context, partitions []data.TopicPartition) error
}

// PartitionCloser is a SinkTask that wants to know which partitions it loses.
type PartitionCloser interface {
	// Close is called with partitions that go elsewhere, after their last PreCommit or Flush.
	Close(ctx context.Context, partitions []data.TopicPartition) error
}

// Offsets are consumed offsets by partition: the offset of the next record to read.
type Offsets map[data.TopicPartition]int64

// Flusher is a SinkTask that buffers: after Flush everything put before is safe.
type Flusher interface {
	// Flush is called before offsets are committed.
	Flush(ctx context.Context, offsets Offsets) error
}

// PreCommitter is a SinkTask that says itself what may be committed. It takes the place of
// Flusher.
type PreCommitter interface {
	// PreCommit returns the offsets that are safe to commit, at most those given.
	PreCommit(ctx context.Context, offsets Offsets) (Offsets, error)
}

// SinkTaskContext is what the worker offers a sink task. Except for RequestCommit and the
// reporter, it is to be used within the calls of the task, from their goroutine.
type SinkTaskContext interface {
	// Offset rewinds (or forwards) partitions before the next poll.
	Offset(offsets Offsets)
	// Timeout is how long to wait at most before a batch refused with errs.Retriable is given
	// again. It counts once.
	Timeout(d time.Duration)
	// Assignment are the partitions assigned now.
	Assignment() []data.TopicPartition
	// Pause stops the flow of partitions, Resume lets it go on. Unassigned partitions are an
	// error of kind errs.IllegalState.
	Pause(partitions ...data.TopicPartition) error
	Resume(partitions ...data.TopicPartition) error
	// RequestCommit asks for a commit of offsets soon instead of at the next interval.
	RequestCommit()
	// Config is the task's configuration with its references resolved.
	Config() map[string]string
	// Logger is the task's log, as SourceTaskContext's.
	Logger() *slog.Logger
	// Reporter takes records that the task could not write; nil when error reporting is not
	// configured.
	Reporter() ErrantRecordReporter
}

// ErrantRecordReporter sends records that a task could not write to the dead letter queue or
// the log (KIP-610).
type ErrantRecordReporter interface {
	// Report begins the report and returns a function that waits for its end. Offsets are not
	// committed before all reports up to them have ended; a failed report fails the task.
	Report(record data.SinkRecord, err error) func(context.Context) error
}

// SinkOffsetAlterer is a SinkConnector that takes part in a change of offsets asked for by a
// user (KIP-875).
type SinkOffsetAlterer interface {
	// AlterOffsets is called on an unstarted connector object; an offset of -1 means "remove".
	AlterOffsets(ctx context.Context, props map[string]string, offsets Offsets) (bool, error)
}
