// Package monitorable has the connectors by which Kafka tests its own Connect, under their class
// names and with their settings: a source that numbers its records, a sink that counts what it gets,
// one that reports every record as an error, one that hangs, and so on. They are for workers in the
// process of the test: what they did is written in a Book, which the test looks at.
package monitorable
