// Package kafka is everything Troupe says to a Kafka cluster, and the only package that imports
// a Kafka client.
//
// Records go through franz-go: Producer and Consumer, LogReader for topics that are read whole, Peek for
// a look at some records. Control goes through sarama: Admin, and Coordinator for the membership of a
// worker in its group. Both read the same Java client properties (Props), once: time-outs and limits
// under their Java names mean the same to both; security (ssl.*, sasl.*) is read by package security, as for REST.
//
// What all clients of a worker share comes as options: WithMetrics, WithDepartures (members that could not
// leave their groups while Kafka was away), WithTold (settings without effect that the log has named).
//
// What belongs to a connector's clients and what a connector may override is decided by the
// pure functions ConnectorProducerProps and the like, and OverridePolicy.Check.
//
// Errors say what a caller decides on: Classify tells retriable from fatal and names Kafka's
// exception class. Package kafkatest is a broker for tests, package embedded one for the
// quickstart.
package kafka
