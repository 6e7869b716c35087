package kafka

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// deliveryLimit is delivery.timeout.ms of a producer that has one. franz-go has an option for it, but
// counts from the timestamp of the record, by which records of the past fail at once; Java counts from
// when the record was taken.
type deliveryLimit struct {
	limit time.Duration
	now   atomic.Pointer[deliveryWindow]
}

// context ends when the time of a record that is taken now is over. Records that are taken shortly after
// one another have one in common, and a little more time.
func (d *deliveryLimit) context() context.Context {
	if d == nil {
		return background
	}
	w := d.now.Load()
	if t := time.Now(); w == nil || t.After(w.fresh) {
		width := min(d.limit/16, time.Second)
		w = &deliveryWindow{fresh: t.Add(width), done: make(chan struct{})}
		time.AfterFunc(d.limit+width, func() { close(w.done) })
		d.now.Store(w)
	}
	return w
}

// deliveryWindow is the context of the records of a stretch of time.
type deliveryWindow struct {
	fresh time.Time // until then records are added
	done  chan struct{}
}

func (w *deliveryWindow) Deadline() (time.Time, bool) { return time.Time{}, false }
func (w *deliveryWindow) Done() <-chan struct{}       { return w.done }
func (w *deliveryWindow) Value(any) any               { return nil }

// Err says what franz-go says of a record whose time is over.
func (w *deliveryWindow) Err() error {
	select {
	case <-w.done:
		return kgo.ErrRecordTimeout
	default:
		return nil
	}
}
