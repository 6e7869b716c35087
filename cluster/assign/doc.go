// Package assign decides which worker runs which connector and task.
//
// Cooperative is the leader's half of incremental cooperative rebalancing (KIP-415): from what the
// members run and what the config topic says should run, Plan makes what each gets, what each gives
// up first, and how long the work of a lost worker waits for it. Eager is the older way, in which
// everybody stops everything and all is dealt out anew.
//
// Both decide as the assignors of Kafka Connect 4.1.1 do, member by member and in the same order, so
// that leadership may go from a JVM worker to this one and back without moving work. The order in
// which Java walks its hash maps decides who gives up what, so it is followed too (java.HashOrder).
//
// Nothing here does I/O, starts a goroutine or reads a clock: the same inputs give the same plans.
// Package group speaks the wire protocol; actors/worker calls both.
package assign
