package group

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
)

// errBusy ends a membership whose owner didn't come back in time.
var errBusy = errors.New("the handler took longer than the rebalance time-out")

// heartbeats keep one generation's membership alive, in a goroutine of their own: also while the owner
// stops work. They end when the membership does, and with stop.
type heartbeats struct {
	// signals tells what ends the generation: at most one ErrRebalance and one other error.
	signals chan error
	cancel  context.CancelFunc
	done    chan struct{}
	left    bool // after done: the member has left the group
}

func (m *Member) startHeartbeats(ctx context.Context, id string, generation int) *heartbeats {
	ctx, cancel := context.WithCancel(ctx)
	b := &heartbeats{signals: make(chan error, 2), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(b.done)
		m.beat(ctx, b, id, generation)
	}()
	return b
}

// stop ends them and waits; it reports whether the member has left the group. nil has nothing to end.
func (b *heartbeats) stop() (left bool) {
	if b == nil {
		return false
	}
	b.cancel()
	<-b.done
	return b.left
}

// tell signals. An error too many says nothing new: any of them makes the member join again.
func (b *heartbeats) tell(err error) {
	select {
	case b.signals <- err:
	default:
	}
}

// gone reports whether the member was made to leave because its owner was busy for too long.
func (b *heartbeats) gone() bool {
	select {
	case <-b.done:
		return b.left
	default:
		return false
	}
}

// briskInterval is the time between heartbeats of a new generation, for as long as a heartbeat interval: a
// rebalance is often followed by another, which gives out what the first revoked, and members hear of it by
// their heartbeats only. What moves would stand still meanwhile.
const briskInterval = 250 * time.Millisecond

// beat sends heartbeats until the generation or ctx ends.
func (m *Member) beat(ctx context.Context, b *heartbeats, id string, generation int) {
	brisk := int(m.timing.HeartbeatInterval / briskInterval) // 0 if the usual interval is no longer
	timer := time.NewTimer(min(briskInterval, m.timing.HeartbeatInterval))
	defer timer.Stop()
	rebalances := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if brisk--; brisk > 0 {
			timer.Reset(briskInterval)
		} else {
			timer.Reset(m.timing.HeartbeatInterval)
		}
		if since := m.busy.Load(); since != 0 && time.Since(time.Unix(0, since)) > m.timing.RebalanceTimeout {
			m.leaveBusy(ctx, id)
			b.left = true
			b.tell(errBusy)
			return
		}
		asked := time.Now()
		err := m.co.Heartbeat(ctx, id, generation)
		if ctx.Err() == nil {
			m.cfg.Metrics.Beat(time.Since(asked), metrics.Millis(time.Now()))
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
		case errors.Is(err, kafka.ErrRebalance): // go on: the owner may need long to come back
			if !rebalances {
				rebalances = true
				b.tell(err)
			}
		default:
			b.tell(err)
			return
		}
	}
}

func (m *Member) leaveBusy(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, m.timing.SessionTimeout)
	defer cancel()
	if err := m.co.Leave(ctx, id, "worker poll timeout has expired."); err != nil {
		m.log.Warn(unheard, "member", id, "error", err)
	}
}
