// Package connector is the connector supervisor: one actor per connector that keeps what is
// wished of the connector object and its tasks, starts them, and starts them again within a
// budget when they fail.
//
// The supervisor is the strategy: a child that fails is stopped and, after the delay that its
// budget gives, a new one is spawned. A child that doesn't stop in time is fenced and left behind
// as a zombie. Every state that REST shows is told from here, and comes from the child itself.
package connector
