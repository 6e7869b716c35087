// Package connectors is the contract between the worker and connectors: what an author of a
// source or sink implements and what the worker hands it.
//
// A connector is a value, Source or Sink, that a function returns and that a program lists:
// there is no registration by import. It names its class and settings and makes two kinds of
// object: the connector, which validates a configuration and splits the work into task
// configurations, and tasks, which move records.
//
// # Goroutines
//
// The worker calls one connector or task object from one goroutine at a time, so plugins need no
// locks of their own. Contexts (SourceContext and so on) may be used from any goroutine of the
// plugin until Stop has returned; after that their calls return an error or do nothing.
//
// Every call has a context.Context that ends when the worker wants the call back: return soon
// then. A call that doesn't return is left behind (its doors to Kafka are shut) and reported.
//
// # Errors
//
// An error of kind errs.Retriable from Poll, Put or Flush is tried again in place. Any other
// fails the task, which the worker restarts within its budget (supervisor.* settings), except
// errs.Config and errs.Authorization, which a restart can't mend. A panic counts as such an error.
//
// # Exactly once in a sink
//
// A record reaches a sink at least once: offsets are committed to Kafka after Put, and who dies in
// between gets records again. A sink whose target has transactions can do better, by keeping its
// offsets there:
//
//   - Put writes records and the offset behind them in one transaction, on the condition that the
//     stored offset still is the one it knows: a task that hung must not write beside its successor.
//   - Open (PartitionOpener) reads the stored offsets and calls SinkTaskContext.Offset with them.
//   - Put passes over records below the stored offset. If the condition fails it writes nothing,
//     calls SinkTaskContext.Offset with where each partition of the batch has to go on, and returns
//     nil.
//   - PreCommit answers with what is stored, and AlterOffsets (SinkOffsetAlterer) changes it.
//
// Package connectors/example/ledger is such a sink, with tests that kill it.
package connectors
