// Package filestream is Kafka Connect's pair of example connectors: Source sends each line of a
// text file (or standard input) as a record, Sink writes each record's value as a line to a file
// (or standard output). Class names, settings, records and offsets are those of the JVM's
// FileStreamSourceConnector and FileStreamSinkConnector; what differs on purpose:
//
//   - The offset counts bytes. The JVM counts characters and skips bytes, so that it goes on at a
//     wrong place in text that isn't ASCII.
//   - Lines that were read but didn't fit into batch.size go out with the next poll, not only when
//     the file grows.
//   - The sink writes a batch with few system calls, whole lines only.
//   - A file that can't be read, such as a folder, fails the task instead of being silently empty.
package filestream
