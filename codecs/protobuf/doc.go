// Package protobuf is Confluent's ProtobufConverter (release 8.1.1): Connect data as Protobuf messages,
// with their .proto text in a schema registry.
//
// A Connect schema becomes a message (fromconnect.go) whose text is the very one that the JVM's
// converter registers (print.go). A schema of anyone's is parsed (parse.go), its types are resolved
// among its references and the files that every schema may import (known.go), and its message becomes
// a Connect schema (toconnect.go). Values are written and read by a plan that is compiled once per
// schema, straight from and to the wire format (encode.go, decode.go): what protobuf-java omits, merges,
// wraps and refuses is omitted, merged, wrapped and refused here.
//
// Groups, extensions and editions are not covered, as they aren't by the JVM's converter.
package protobuf
