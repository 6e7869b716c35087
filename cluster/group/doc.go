// Package group is a worker's membership in the group of its cluster: the classic group protocol with
// protocol type "connect", beside JVM workers of Kafka Connect 4.1.1.
//
// wire.go has the bytes that members and leader send each other, Member the life in the group: join,
// sync, heartbeats, rejoin, leave. What a member is to do comes as events. When it is the leader it asks
// a function for the plan; package assign makes such plans, actors/worker joins the two.
//
// Member.Run keeps the membership on the goroutine that calls it, with one more for the heartbeats of a
// generation; when its context ends the member leaves the group and both are gone. It knows nothing of
// configs and tasks: its owner says which config offset it has read, and decides whether an assignment can
// be carried out or the config topic must be read first (see Assignment).
//
// resume.go is the way back after an outage of Kafka: into the generation in which the coordinator was
// lost, if that still stands. handover.go gives the work of a worker that stops to the others at once.
package group
