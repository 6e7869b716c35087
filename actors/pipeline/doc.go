// Package pipeline is the way of a record between a task and Kafka: transforms and converters in
// Kafka Connect's order, and what happens when one of them fails (KIP-298: retry, tolerance,
// report).
//
// Everything here is used by one task from its runner's goroutine. When nothing fails, the error
// handling costs nothing: it is reached only from an error's branch.
package pipeline
