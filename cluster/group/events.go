package group

import (
	"context"
	"log/slog"
	"time"
)

// EventKind says what an Event is about.
type EventKind uint8

// The kinds of events.
const (
	// Assigned: the member has what Event.Assignment says; see there what to check before starting it.
	Assigned EventKind = iota + 1
	// Revoked: stop Event.Work now and return when it has stopped: it will be given to others.
	Revoked
	// Lost: the coordinator can't be reached, so that others may get the member's work: stop Event.Work,
	// which is all of it. The member goes on trying to join.
	Lost
)

var kindNames = [...]string{"", "assigned", "revoked", "lost"}

// String names the kind.
func (k EventKind) String() string { return kindNames[k] }

// Event is what happened to the membership.
type Event struct {
	Kind EventKind
	Work Work // of Revoked and Lost
	// Assignment is, of Assigned, what the member was told, with all that it runs now as Assigned.
	Assignment Assignment
	// Leads reports whether this member leads the group, Protocol what the group speaks. Of Assigned.
	Leads      bool
	Protocol   Protocol
	Generation int
	MemberID   string
}

// Round is what a leader has to plan.
type Round struct {
	Protocol Protocol
	// Generation is that of this round, LastGeneration that of the last one that this member saw
	// completed, -1 before the first.
	Generation, LastGeneration int
	Leader                     string        // this member
	Members                    []RoundMember // in the broker's order
	// Leaving are members that have stopped what they ran and are about to go: they are to get nothing,
	// and what they ran is to be given to Members now. Never with Eager.
	Leaving []RoundMember
	// urls are those of the members of this round and of the last that this member led.
	urls map[string]string
	// MaxOffset is the highest config offset of all members. A leader that hasn't read as far, and
	// can't now, answers with ConfigMismatch and this offset.
	MaxOffset int64
}

// Name is the REST URL of a member of this round or of the last one that this member led; of others, the id.
func (r Round) Name(id string) string {
	if url := r.urls[id]; url != "" {
		return url
	}
	return id
}

// RoundMember is a member with what it says of itself.
type RoundMember struct {
	ID string
	WorkerState
}

// Runs is what the member says it runs.
func (m RoundMember) Runs() Work { return m.Current.runs() }

// Plan is the leader's answer to a Round.
type Plan struct {
	Error  AssignmentError
	Offset int64 // of the config topic, by which it was made
	// Shares are by member; who has none gets nothing.
	Shares map[string]Share
	Delay  time.Duration // until all are to rejoin; 0: no need to
	// Why is what the log says of the plan once it has taken effect; nothing if empty.
	Why []slog.Attr
}

// Share is what a member is to start, additions only unless the protocol is Eager, and to stop.
type Share struct{ Assigned, Revoked Work }

// Handler is what a Member calls. The calls come from one goroutine, in order, and the member waits for
// each to return: heartbeats go on meanwhile, but after the rebalance time-out the member leaves the
// group and joins anew. A call's context ends then, and when the member is to end.
type Handler interface {
	// Offset is how far the config topic was read, -1 if nothing was. It is asked for before joining.
	Offset() int64
	// Handle is told what happened.
	Handle(context.Context, Event)
	// Plan plans a round, when the member leads. An error ends the member's Run.
	Plan(context.Context, Round) (Plan, error)
}
