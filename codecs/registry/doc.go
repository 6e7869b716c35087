// Package registry is what the three converters with a schema registry (codecs/avro,
// codecs/jsonschema, codecs/protobuf) have in common: the client of the registry's HTTP API, the
// frame around a value, subject names, settings, and the rules by which a schema is chosen.
//
// A converter opens one Session for its side (key or value). Session.Target says with which schema
// and frame a value is written, Session.Source which schema a value was written with; both ask the
// registry once per schema and know the answer from then on. What is known goes on being known
// through an outage. For what isn't, a Session waits until the registry answers, as long as
// schema.registry.outage.max.ms allows, and says so in the log; with 0 it fails as the JVM's
// converters do.
//
// A Pool makes the clients. Sessions with the same settings share one, so that many tasks that
// meet a new schema at once ask once.
//
// The behaviour is that of Confluent's converters, release 8.1.1: which requests are made, which
// errors they become, which class those have. AWS Glue's wire format is another one and is not
// covered.
package registry
