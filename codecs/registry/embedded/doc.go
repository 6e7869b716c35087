// Package embedded is a small schema registry: the HTTP API that Confluent's speaks, in the process
// of `troupe quickstart`, of `troupe registry` and of tests.
//
// It is for trying and testing, and for a single worker: one process, no replication of its own, no
// users and no rights. What it holds it keeps as records in the format of the topic _schemas,
// through a Log, so that a registry of another maker can take over the topic.
//
// Subjects, versions, ids, references, compatibility (checked by the format's own rules), modes,
// soft and hard delete are as in Confluent's, error codes too. Not here: contexts, data contract
// rules, exporters, leader election.
package embedded
