// Package jsonschema is Confluent's JsonSchemaConverter (release 8.1.1): Connect data as JSON, with
// its JSON Schema in a schema registry.
//
// A Connect schema becomes a JSON Schema with connect.* attributes where JSON has no such type
// (fromconnect.go), as the very text that the JVM's converter registers, so that a worker which takes
// over a topic registers no new version. A JSON Schema of anyone's becomes a Connect schema
// (toconnect.go) by way of a model of what Everit's library makes of it (load.go for the drafts 4 to
// 7, modern.go for 2019-09 and 2020-12). Values are written and read by a plan that is compiled once
// per schema (encode.go, decode.go), with Jackson's leniency.
//
// Beside the converter are the registry's compatibility checks for JSON Schema.
package jsonschema
