// Package storage keeps what a worker must not forget: source offsets, and for standalone
// workers the configurations and statuses that live only as long as the process.
//
// Offsets are kept as the JVM worker keeps them, byte for byte: the key is the JSON array
// ["connector",{source partition}], the value the JSON object of the source offset, no value
// means that the offset was removed. EncodeOffsetKey and EncodeOffset make them, and an
// OffsetStore keeps them: FileOffsetStore in the file of a standalone JVM worker, MemoryOffsetStore
// nowhere. OffsetTable is the part that all stores share: it finds offsets also under keys whose
// JSON another worker wrote in another order.
//
// The stores are safe for concurrent use. The stores in memory and of a file start no goroutine; those of a topic own one or two, which Stop or Close ends.
package storage
