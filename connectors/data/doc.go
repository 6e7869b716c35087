// Package data is Kafka Connect's data model: schemas, structs, maps, logical types, headers and
// the records that carry them.
//
// # Values
//
// A value is an any that holds one of these Go types; nil is null. Nothing else is converted
// silently: an int (for example) is not an INT32 and is refused by validation.
//
//	BOOLEAN bool      INT8 int8   INT16 int16   INT32 int32   INT64 int64
//	FLOAT32 float32   FLOAT64 float64   STRING string   BYTES []byte
//	ARRAY []any       MAP *Map    STRUCT *Struct
//
// Logical types are schemas with a name: Date, Time and Timestamp values are time.Time (UTC, in
// milliseconds), Decimal values are Decimal. A schemaless value (schema nil) is any of the above
// except *Struct; a schemaless JSON object is a *Map with string keys.
//
// Values are shared, not copied: once in a record they are read only. What changes a record puts
// a new value in it.
//
// # Texts
//
// Text prints a value as Java's toString does, ConvertToString as Java's Values does, and
// ParseString reads the latter. Times are printed and read in UTC (the JVM worker uses its
// machine's time zone), dates before October 1582 in the Julian calendar as Java's are. Numbers
// are printed with the fewest digits, as Java 19 and later print them.
//
// # Schemas
//
// A Schema is immutable and safe for concurrent use. Schemas are compared by pointer on the hot
// path, so make each once and keep it.
package data
