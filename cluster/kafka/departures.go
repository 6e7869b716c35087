package kafka

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Departures takes out of their groups the members of consumers that closed while no broker could be
// reached. Nobody else would: a coordinator that is back from an outage grants every member it knew a
// whole session, and whoever joins in the stead of such a member stands still until that has ended, with
// Kafka's defaults for 45 seconds. They are taken out as soon as a broker answers, however late.
//
// One Departures serves all consumers of a worker, see WithDepartures, from any goroutine.
type Departures struct {
	ctx    context.Context //nolint:containedctx // ends with Close
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	waiting int
	calls   sync.WaitGroup
}

// mostDepartures is how many members can wait at a time; what is more is left to their sessions.
const mostDepartures = 1024

// NewDepartures makes one that has to be closed.
func NewDepartures() *Departures {
	d := &Departures{}
	d.ctx, d.cancel = context.WithCancel(background)
	return d
}

// WithDepartures makes a consumer that can't leave its group when it closes leave that to d.
func WithDepartures(d *Departures) Option { return func(o *options) { o.departures = d } }

// Close gives up those that still wait.
func (d *Departures) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.cancel()
	d.calls.Wait()
}

// Waiting is how many members are still to be taken out.
func (d *Departures) Waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting
}

// add makes the member of a closed consumer leave as soon as that is possible. d may be nil: then it
// isn't done.
func (d *Departures) add(c *Consumer, member string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.waiting >= mostDepartures {
		return
	}
	d.waiting++
	d.calls.Go(func() {
		d.depart(c, member)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.waiting--
	})
}

// departureTry is how long one client tries to reach a broker, departurePause the time to the next.
const (
	departureTry   = 30 * time.Second
	departurePause = time.Second
)

func (d *Departures) depart(c *Consumer, member string) {
	for began := time.Now(); ; {
		ctx, cancel := context.WithTimeout(d.ctx, departureTry)
		err := c.leaveFor(ctx, member)
		over := ctx.Err() != nil
		cancel()
		switch {
		case err == nil:
			c.log.Info("left the group for a consumer that was closed while Kafka could not be reached",
				"group", c.cfg.group, "member", member, "after", time.Since(began))
			return
		case !over && Classify(err) != Retriable:
			c.log.Warn("could not leave the group for a consumer that was closed while Kafka could not be reached; "+
				"its partitions are free when its session expires", "group", c.cfg.group, "member", member, "error", err)
			return
		}
		timer := time.NewTimer(departurePause)
		select {
		case <-timer.C:
		case <-d.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// unleft reports whether the error of leaving is one after which the member is perhaps still in the group.
func unleft(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || Classify(err) == Retriable
}
