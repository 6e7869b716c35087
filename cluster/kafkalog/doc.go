// Package kafkalog reads a compacted topic as a table and writes to it, as Kafka Connect's KafkaBasedLog
// does for its three internal topics.
//
// A Log makes the topic if it is missing, checks that it may be trusted, reads it to its end and then
// follows it on one goroutine, handing each record to the function that it was given. ReadToEnd waits
// until everything written before is applied; it makes a write visible to the writer.
//
// Outages of the brokers are lived through: reading goes on where it was, calls wait within their context.
// What the records mean is the business of package storage.
package kafkalog
