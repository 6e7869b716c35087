package herd

import (
	"cmp"
	"slices"

	"github.com/troupe-connect/troupe/cluster/state"
)

// Truth is what a worker knows to be so, to be compared with the statuses that are stored.
type Truth struct {
	Worker     string // its id
	Generation int    // of its assignment
	First      int    // generation of the first assignment that this process had
	// Here is what runs here with its status, Leaving is what is about to stop or to say how it is doing:
	// there is no truth of it yet.
	Here    map[state.TaskID]state.Status
	Leaving func(state.TaskID) bool
	// Wrote is of what this process has ever stored a status.
	Wrote func(state.TaskID) bool
}

// Stored is a status that is stored.
type Stored struct {
	ID state.TaskID
	state.Status
}

// Correction is a status that is to be stored instead of another. Safe: not if another worker has stored one
// of a later generation meanwhile.
type Correction struct {
	ID     state.TaskID
	Status state.Status
	Safe   bool
}

// Corrections compares what is known with what is stored. contested is what others say of what runs here, or
// in the name of this worker: it should not last.
func (t *Truth) Corrections(stored []Stored) (out []Correction, contested []Stored) {
	seen := make(map[state.TaskID]bool, len(stored))
	for _, s := range stored {
		seen[s.ID] = true
		here, isHere := t.Here[s.ID]
		switch {
		case t.Leaving(s.ID):
		case isHere:
			other := s.WorkerID != t.Worker
			if other && s.State.Alive() {
				contested = append(contested, s)
			}
			if other && claims(s.Status) && s.Generation > t.Generation || same(here, s.Status) {
				continue
			}
			out = append(out, Correction{ID: s.ID, Status: t.now(here)})
		case s.WorkerID != t.Worker || !s.State.Alive():
		case s.Generation >= t.First && !t.Wrote(s.ID):
			contested = append(contested, s) // another worker goes by the same name
		default:
			s.State, s.Trace = state.Unassigned, ""
			out = append(out, Correction{ID: s.ID, Status: t.now(s.Status), Safe: true})
		}
	}
	for id, st := range t.Here {
		if !seen[id] && !t.Leaving(id) {
			out = append(out, Correction{ID: id, Status: t.now(st)})
		}
	}
	slices.SortFunc(out, func(a, b Correction) int {
		return cmp.Or(cmp.Compare(a.ID.Connector, b.ID.Connector), cmp.Compare(a.ID.Task, b.ID.Task))
	})
	return out, contested
}

func (t *Truth) now(st state.Status) state.Status {
	st.Generation = t.Generation
	return st
}

// claims reports whether a status says that its worker has something, also if it failed there.
func claims(st state.Status) bool { return st.State != state.Unassigned }

// same compares what is stored of a status; the generation is that of the last change.
func same(a, b state.Status) bool {
	return a.State == b.State && a.WorkerID == b.WorkerID && a.Trace == b.Trace && a.Version == b.Version
}
