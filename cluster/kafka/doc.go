// Package kafka is everything Troupe says to a Kafka cluster, and the only package that imports
// a Kafka client.
//
// Records go through franz-go: Producer and Consumer. Control goes through sarama: Admin. Both
// read the same Java client properties (Props), once: time-outs and limits under their Java names
// mean the same to both; security (ssl.*, sasl.*) is read by package security, as for REST.
//
// What belongs to a connector's clients and what a connector may override is decided by the
// pure functions ConnectorProducerProps and the like, and OverridePolicy.Check.
//
// Errors say what a caller decides on: Classify tells retriable from fatal and names Kafka's
// exception class. Package kafkatest is a broker for tests, package embedded one for the
// quickstart.
package kafka
