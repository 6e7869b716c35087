// Package task is the task actor and its runner: reading source.go or sink.go from top to bottom
// is reading a record's way.
//
// The actor is the control plane: it answers at once whatever the plugin does. The runner is one
// goroutine that owns the plugin's task object and the data path. One incarnation is one actor,
// one runner, one lease; a restart is stop and spawn, by the connector supervisor.
package task
