package task

import (
	"context"
	"sync"
	"time"
)

// Slots limits how many connectors and tasks are being started at a time, so that a worker that
// gets hundreds at once isn't busy with all of them. A slot is given back when the start is done,
// or after a while: what hangs while starting must not keep others from it.
type Slots struct{ free chan struct{} }

// slotTime is how long a start may keep its slot.
const slotTime = 2 * time.Second

// NewSlots makes n slots.
func NewSlots(n int) *Slots {
	s := &Slots{free: make(chan struct{}, max(n, 1))}
	for range cap(s.free) {
		s.free <- struct{}{}
	}
	return s
}

// Acquire waits for a slot until ctx ends. release gives it back; it may be called more than
// once.
func (s *Slots) Acquire(ctx context.Context) (release func(), err error) {
	select {
	case <-s.free:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	var once sync.Once
	back := func() { once.Do(func() { s.free <- struct{}{} }) }
	t := time.AfterFunc(slotTime, back)
	return func() { t.Stop(); back() }, nil
}
