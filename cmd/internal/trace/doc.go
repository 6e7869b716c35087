// Package trace runs sample records through a connector's transforms and shows what each step did:
// what `troupe transform` is made of.
//
// A Plan is the part of a connector's configuration that records go through, checked as a worker
// checks it. A Feed gives records, from lines or from a topic. Plan.Run takes one record the way
// of actors/pipeline (converters, transforms, error policy), with a chain that takes notes, and a
// Printer shows the Result as text or JSON.
//
// Nothing here is kept from record to record but counts, so a stream may be endless. Everything
// is used from one goroutine.
package trace
