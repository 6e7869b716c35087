package host

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
)

// Left is the error of a call that did not come back before its context ended. Its goroutine is left
// behind, and counts as a zombie until it ends.
type Left struct {
	Call  *Call
	After time.Duration
	Err   error // the cause of the context's end
}

// Error names the call.
func (e *Left) Error() string {
	return fmt.Sprintf("%s did not return within %s: %v", e.Call, e.After.Round(time.Millisecond), e.Err)
}

// Unwrap is why nobody waits any more.
func (e *Left) Unwrap() error { return e.Err }

// Within makes one call for somebody who waits for the answer, a REST request say: on a goroutine of
// its own, until ctx ends. The error is the call's, that of a panic, or a *Left. Then the call may
// still be under way: what f writes must not be read.
func (h *Host) Within(ctx context.Context, who Who, c *Call, f func(context.Context) error) error {
	lane, done, begun := h.Door(ctx, who).Lane(), make(chan error, 1), time.Now()
	g := act.Run(ctx, append(who.labels(), "in", c.name),
		func(ctx context.Context) (any, error) {
			return nil, lane.Call(c, func() error { return f(ctx) })
		},
		func(_ any, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // both at once: the answer is there
		return err
	default:
	}
	h.Zombies.Abandon(g)
	return &Left{Call: c, After: time.Since(begun), Err: context.Cause(ctx)}
}
