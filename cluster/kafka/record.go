package kafka

import "github.com/twmb/franz-go/pkg/kgo"

// Record is a record as it travels to and from Kafka. It is franz-go's own, so that nothing is
// converted per record.
//
// On the way to Kafka: Partition is the partition to write to, or NoPartition to leave the
// choice to the partitioner; beware that Go's zero value means partition 0. Timestamp zero
// means now. Context is the caller's: the client keeps it and hands it back in the promise, so a
// caller finds its own state without a map or a closure by setting Context to a pointer whose
// type embeds a context.Context (that must never end: a record whose Context ends is failed).
type Record = kgo.Record

// RecordHeader is a header of a record.
type RecordHeader = kgo.RecordHeader

// NoPartition as a Record's Partition leaves the choice to the partitioner.
const NoPartition int32 = -1

// Props are Java client properties with the prefixes (producer., consumer.override. and so on)
// already stripped.
type Props map[string]string
