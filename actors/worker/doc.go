// Package worker is the root of the actors: it starts the herder, watches over it, and stops
// everything in order. Its Client is the door for REST: calls that may block (validation, admin
// requests) run in the caller's goroutine, what changes the worker's mind is asked of the herder.
//
// Standalone mode only, so far: what a connector or task is, comes from memory; offsets come from
// the file. The herder reads and writes through the stores of package cluster/storage, so that
// distributed mode can put topics in their place.
package worker
