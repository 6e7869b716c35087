// Package api is the worker as REST sees it: an API is an httpapi.Herder. What is only read comes straight
// from the stores and the herder's board, so that it is answered whatever the actors do; what may block
// (validation, admin requests, plugin code) runs in the caller's goroutine.
//
// How changes are made is the mode's: Local has the herder of a standalone worker carry them out, Leader
// has them written to the internal topics by the leader of the group. An Internal is what a worker of a
// cluster offers to the others.
package api
