// Package avro is Confluent's AvroConverter: Connect data as Avro binary, its schema in a schema
// registry (codecs/registry).
//
// Schemas are mapped exactly as release 8.1.1 maps them, names, attributes and their order
// included, since a registry takes a text that differs as a new version. That is why the schema
// model is this package's own: the libraries for Go print another text and resolve by their own
// rules.
//
// A schema is compiled once. Out: the Connect schema, the Avro schema made of it and the one that
// the registry has for it become a plan in which every union's branch and every field's place is
// known. In: the writer's schema, the reader's and the Connect schema become a plan likewise.
// Values are then written and read without reflection and without looking for names. What can't
// fit makes a plan that fails when it is reached, not before, since a branch or field that no
// value uses does no harm.
//
// A payload is not trusted: lengths are compared with the bytes that are left, elements that take
// no bytes are counted, depth ends at 1000.
package avro
