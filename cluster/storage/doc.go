// Package storage keeps what a worker must not forget: configurations, statuses and source offsets, in the
// three internal topics of a cluster (ConfigStore, TopicStatusStore, TopicOffsetStore), byte for byte as the
// JVM worker writes them; and for standalone workers offsets in a file, the rest as long as the process
// lives. What is read from a topic may be anybody's: a record that no worker writes is told in the log and
// changes nothing, and numbers are bounded before they are used.
//
// Offsets are kept as the JVM worker keeps them, byte for byte: the key is the JSON array
// ["connector",{source partition}], the value the JSON object of the source offset, no value
// means that the offset was removed. EncodeOffsetKey and EncodeOffset make them, and an
// OffsetStore keeps them: FileOffsetStore in the file of a standalone JVM worker, MemoryOffsetStore
// nowhere. OffsetTable is the part that all stores share: it finds offsets also under keys whose
// JSON another worker wrote in another order.
//
// MergedOffsetStore is a connector's own offsets topic over the worker's.
//
// The stores are safe for concurrent use. Those in memory and of a file start no goroutine; those of a
// topic own one or two, which Stop or Close ends.
package storage
