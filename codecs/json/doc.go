// Package json is the JsonConverter: Connect data as JSON text, with its schema beside it in an
// envelope {"schema":…,"payload":…} or, with schemas.enable=false, as plain JSON.
//
// Both directions are written for the hot path. Out: a schema is compiled once into a plan (kept
// per *data.Schema) that holds its envelope and the names of its fields as JSON text; records are
// appended to a large buffer and handed out as slices of it. In: a single pass checks the text
// and notes where each value lies, so that what Jackson accepts and refuses is known before the
// first value is made; strings without escapes share the payload's memory, and a payload that
// starts with the same envelope as one before it skips the schema altogether.
//
// The text read and written is what Jackson 2.x as set up by Kafka reads and writes: the last of
// duplicate keys counts, what follows the first value is ignored, leading zeros are allowed,
// NaN is written in quotes and not read as a number, characters beyond the basic plane are written
// as \uXXXX pairs, depth ends at 1000, numbers at 1000 digits.
package json
