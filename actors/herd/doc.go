// Package herd decides what a worker starts and stops: wishes, the assignment and what has happened go in,
// orders come out. The wishes are what the config topic says (a View), the assignment is what the group
// gave this worker, and events are what the connectors' supervisors say.
//
// A connector is known by the offset of the record that made it (Born), not by its name or configuration:
// one that was deleted and made again is another connector, also with the same configuration. In the same
// way a configuration is known by the offset of its record (Version) and task configurations by their
// generation. A Herd compares these with what runs, so that it makes no difference how many changes lie
// between two looks at the View.
//
// Nothing here does I/O, starts a goroutine or reads a clock: the same events give the same orders. The
// files in testdata are its scenarios. Package worker has the actor that carries the orders out; package
// assign decides what each worker is assigned.
package herd
