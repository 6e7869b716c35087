package herd

import (
	"maps"
	"sync"

	"github.com/troupe-connect/troupe/cluster/state"
)

// Board is where the herder shows what this worker is to run and how what runs is doing, for readers on any
// goroutine. Only the herder writes to it.
type Board struct {
	mu         sync.RWMutex
	work       state.WorkSet
	generation int
	here       map[state.TaskID]state.Status
}

// NewBoard is an empty board.
func NewBoard() *Board { return &Board{generation: -1, here: map[state.TaskID]state.Status{}} }

// Assign shows the assignment. A generation of -1 says that it is over; that of before stays shown.
func (b *Board) Assign(work state.WorkSet, generation int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.work = maps.Clone(work)
	b.generation = max(b.generation, generation)
}

// Put shows the status of something that is here; Remove says that it is not any more.
func (b *Board) Put(id state.TaskID, st state.Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.here[id] = st
}

// Remove takes a status away.
func (b *Board) Remove(id state.TaskID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.here, id)
}

// RemoveAll takes the statuses of a connector and its tasks away.
func (b *Board) RemoveAll(connector string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.here, func(id state.TaskID, _ state.Status) bool { return id.Connector == connector })
}

// Clear takes all away: the herder begins anew.
func (b *Board) Clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.here)
	b.work = nil
}

// Assigned reports whether something is this worker's.
func (b *Board) Assigned(id state.TaskID) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.work[id]
}

// Generation is that of the last assignment, also of one that is over; -1 before the first.
func (b *Board) Generation() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.generation
}

// Status is how something is doing that is here.
func (b *Board) Status(id state.TaskID) (state.Status, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	st, ok := b.here[id]
	return st, ok
}

// Shown is the status to show of something, from what is stored and what is here: what this worker knows
// better than the stored status is shown at once. me is this worker's id.
func (b *Board) Shown(id state.TaskID, stored state.Status, isStored bool, me string) (state.Status, bool) {
	here, isHere := b.Status(id)
	switch {
	case isHere && isStored && stored.WorkerID != me && claims(stored) && stored.Generation > b.Generation():
		return stored, true // taken over by another, while this worker was frozen for instance
	case isHere:
		here.Generation = max(here.Generation, stored.Generation)
		return here, true
	case isStored && stored.WorkerID == me && stored.State.Alive():
		stored.State, stored.Trace = state.Unassigned, ""
	}
	return stored, isStored
}

// Here is all that is here, with how it is doing.
func (b *Board) Here() map[state.TaskID]state.Status {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return maps.Clone(b.here)
}
