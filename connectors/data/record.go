package data

import "time"

// Partition is a Kafka partition that may be missing; the zero value is "none".
type Partition struct {
	n  int32
	ok bool
}

// PartitionOf is the partition n.
func PartitionOf(n int32) Partition { return Partition{n, true} }

// Get returns the number and whether there is one.
func (p Partition) Get() (int32, bool) { return p.n, p.ok }

// Record is what source and sink records have in common and what transforms see: where it goes
// or came from, key, value, headers.
//
// The zero value of each field means "none": Topic "", Partition{}, Timestamp time.Time{}.
// A Timestamp has millisecond precision in Kafka.
type Record struct {
	Topic       string
	Partition   Partition
	KeySchema   *Schema
	Key         any
	ValueSchema *Schema
	Value       any
	Timestamp   time.Time
	// Headers belong to the record. Code that changes them must replace the slice or use
	// Headers' methods, which never write into the slice they were called on.
	Headers Headers
}

// Offset is where a source record lies in its source, so that reading can go on behind it. It
// is an interface so that a task can keep one number per record and pay for the map only when
// offsets are committed.
type Offset interface {
	// OffsetMap is the offset as stored: names to values that JSON can hold (string, bool,
	// int64, float64, nil and so on). It may be called from another goroutine, later.
	OffsetMap() map[string]any
}

// OffsetMap is an Offset that is a map already.
type OffsetMap map[string]any

// OffsetMap returns the map itself.
func (m OffsetMap) OffsetMap() map[string]any { return m }

// SourceRecord is a record on its way from a source task to Kafka.
type SourceRecord struct {
	Record
	// SourcePartition names the part of the source that the record is from. Offsets are kept
	// in order per source partition. The map must not change once it was in a record, and a task
	// should use one map per partition, not one per record: maps are told apart by identity
	// first.
	SourcePartition map[string]any
	// SourceOffset is the place to go on from after this record. nil: not tracked.
	SourceOffset Offset
}

// TimestampType says who set a consumed record's timestamp.
type TimestampType int8

// The timestamp types, numbered as Kafka's.
const (
	NoTimestampType TimestampType = iota - 1
	CreateTime
	LogAppendTime
)

var timestampTypeNames = [...]string{"NO_TIMESTAMP_TYPE", "CREATE_TIME", "LOG_APPEND_TIME"}

// String is the Java constant's name.
func (t TimestampType) String() string {
	if i := int(t) + 1; i >= 0 && i < len(timestampTypeNames) {
		return timestampTypeNames[i]
	}
	return timestampTypeNames[0]
}

// SinkRecord is a record consumed from Kafka on its way to a sink task. Its Record carries what
// converters and transforms made of it; the Original fields say where it lies in Kafka whatever
// a transform did (KIP-793).
type SinkRecord struct {
	Record
	Offset            int64
	TimestampType     TimestampType
	OriginalTopic     string
	OriginalPartition int32
	OriginalOffset    int64
	// Consumed is the worker's own: by it a record that a task reports, however late, is found as it
	// was consumed. A copy of the record keeps it.
	Consumed any
}

// TopicPartition names a partition of a topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// SchemaAndValue is a value with its schema (nil for a schemaless one).
type SchemaAndValue struct {
	Schema *Schema
	Value  any
}
