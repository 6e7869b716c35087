// Package member is the worker's place in its group: it turns what the group says into what the herder is to
// run, plans for all when the worker leads, and does the leader's duties: to be the only one who writes, to
// give out session keys, and to clear away the statuses of what is no more.
//
// The work is told to the herder with the generation in which it was assigned, and is not kept here: the
// herder has it. Package group speaks the protocol, package assign plans.
package member
