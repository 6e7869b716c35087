package member

import (
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Elsewhere is the error of a request that another worker has to carry out: httpapi.ElsewhereError.
type Elsewhere struct {
	Text string
	URL  string // where that worker is, "" while it isn't known
}

// Error is what the request's sender is told where it isn't forwarded.
func (e *Elsewhere) Error() string { return e.Text }

// ForwardURL implements httpapi.ElsewhereError.
func (e *Elsewhere) ForwardURL() string { return e.URL }

// Stage is the error of a request that ran out of time: it says what the worker was at. It is an
// httpapi.StageError.
type Stage struct {
	Doing string
	Began time.Time
}

// StageNow is a stage that begins now.
func StageNow(doing string) *Stage { return &Stage{doing, time.Now()} }

// Error is the JVM's text.
func (e *Stage) Error() string { return "Request timed out. The worker is currently " + e.Doing }

// Stage implements httpapi.StageError.
func (e *Stage) Stage() (doing string, began, completed time.Time) {
	return e.Doing, e.Began, time.Time{}
}

// ErrNotMember is the answer of a worker that is in no group.
var ErrNotMember = errs.Connect.New("the worker is not in its group")
