package worker

import (
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// Messages to the herder. Those with Done are answered, by the guard if the herder fails on them.
type (
	// assigned is a new assignment: all that this worker is to run.
	assigned struct {
		Generation int
		Work       state.WorkSet
		Done       act.Reply[struct{}]
	}
	// assignAll has a standalone worker run all that is configured.
	assignAll struct{}
	// revoked is work that is to stop; it is answered when it has. Lost says that the assignment is over;
	// a nil Work is then all of it.
	revoked struct {
		Work state.WorkSet
		Lost bool
		By   time.Time
		Done act.Reply[struct{}]
	}
	// quiet is answered when no task is being stopped because of new configurations.
	quiet struct{ Done act.Reply[struct{}] }

	// changed is a connector whose configurations may have changed.
	changed          struct{ name string }
	restartRequested struct{ storage.RestartRequest }

	restartOne struct {
		ID   state.TaskID
		Done act.Reply[struct{}]
	}
	// settled is answered when the tasks of a connector are known, or won't be for now.
	settled struct {
		Name string
		Done act.Reply[struct{}]
	}
	// gone is answered when nothing of a connector runs here.
	gone struct {
		Name string
		Done act.Reply[struct{}]
	}
	stopAll struct {
		By   time.Time
		Done act.Reply[[]string] // who did not stop in time
	}
	ping struct{ Done act.Reply[struct{}] }
)

// Fail lets the guard tell the asker that the herder failed on the request.
func (m assigned) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m revoked) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m quiet) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m restartOne) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m settled) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m gone) Fail(err error) { m.Done.Fail(err) }

// Fail lets the guard tell the asker that the herder failed on the request.
func (m stopAll) Fail(err error) { m.Done.Fail(err) }

// What the herder's parent tells it, and what it tells itself.
type (
	// lookAround follows the herder's birth, when others know of it.
	lookAround struct{}
	// publication is a goroutine that has task configurations stored.
	publication struct {
		name string
		seq  int
	}
	// reading is the goroutine that reads the stored statuses before they are compared.
	reading struct{}
	// compareDue says that it is time to compare them.
	compareDue struct{}
)
