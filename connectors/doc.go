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
package connectors
