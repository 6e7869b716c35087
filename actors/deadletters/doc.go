// Package deadletters writes what can't be processed to a dead letter queue: consumed records of sinks
// (Queue, KIP-298), those that a task reports (Reporter, KIP-610) or that make its put fail (Sieve, ours),
// and records of sources on their way to Kafka (Source, ours).
//
// It makes letters and decides which record is to become one. The record's way belongs to package pipeline,
// which reports a Problem; the way of letters of sources, their order among the records and their offsets,
// belong to the task, which hands in how to send.
//
// A letter that doesn't get into its queue fails the task: what is neither processed nor reported must not
// be committed. One that Kafka refuses for good fails it for good (errs.Lasting).
package deadletters
