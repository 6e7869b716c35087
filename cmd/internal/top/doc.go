// Package top is the engine of `troupe top`: the numbers of a Connect cluster, live, in a terminal.
//
// It asks any worker for the connectors and their states by REST, finds the other workers by the
// worker ids in there, and reads /metrics of each. Workers without /metrics, such as those of the
// JVM, show their states only.
package top
