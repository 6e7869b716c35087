// Package verifiable holds the connectors with which Kafka tests its own Connect, under the same
// class names and settings (org.apache.kafka.connect.tools): sources that number their records,
// a sink that prints what it gets, and a pair that fails on purpose.
//
// VerifiableSource sends records with the key id and an increasing value, and prints a JSON line
// for each record sent and each acknowledged. VerifiableSink prints a line for each record and
// again when it is flushed. SchemaSource sends structs of one or two schema versions.
// MockSource and MockSink do nothing until they fail.
//
//	id                    number of the task; the connector sets it
//	name                  the connector's name, printed
//	topic                 where sources send to
//	throughput            records per second; -1 for no limit, 0 for none after the first
//	complete.record.data  VerifiableSource: values are structs with what is printed
//	num.messages, multiple.schema, partition.count   SchemaSource, see there
//	mock_mode             MockSource, MockSink: connector-failure or task-failure
//	delay_ms              MockSource, MockSink: after how long, default 15000
package verifiable
