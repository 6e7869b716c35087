// Package act is what every actor of the worker is built with: the guard around Receive, runner
// goroutines, timers, asks, the lease that fences a runner left behind, and the restart budget.
//
// The rules (design: actors are the control plane, records never travel as messages):
//
//   - An actor never blocks and never runs plugin code; a goroutine it owns (Go) does.
//   - One incarnation is one actor, one runner goroutine, one Lease. A restart is stop and spawn.
//   - Every actor is made by Props, which adds the guard.
//   - Only packages actor and eventstream of protoactor-go are used.
package act
