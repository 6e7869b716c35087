// Package scenarios holds the worker to what Kafka's own integration tests of Connect ask for, and
// to what sinks and sources promise while workers die: on real Kafka, with real processes.
//
// scenarios.md, beside this file, has the table: scenario, result.
package scenarios
