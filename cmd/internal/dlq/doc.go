// Package dlq reads dead letter topics and puts dead letters back where they came from: what `troupe dlq`
// is made of.
//
// A Letter is a record of a dead letter topic with what its context headers say (KIP-298). A Filter
// chooses among letters. Clients reads them; Replay writes them to their topics again.
//
// Replay is exactly once: the records and how far the replay has come are written in one transaction, the
// latter to a compacted topic (see Progress). A letter that any replay has written is not written again,
// by whatever filter it was chosen. The transactional id belongs to the dead letter topic, so that of two
// replays at the same time the first is fenced.
//
// Everything is used from one goroutine.
package dlq
