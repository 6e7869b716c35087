package host

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/connectors"
)

// Door is how one incarnation of a task or connector reaches its plugins. It ends with the
// incarnation.
type Door struct {
	host  *Host
	who   Who
	meter Meter
	ctx   context.Context // of Faults

	mu    sync.Mutex
	lanes []*Lane
	kills []connectors.Killable
}

// Door makes the door of one incarnation. ctx ends when the incarnation is given up.
func (h *Host) Door(ctx context.Context, who Who) *Door {
	d := &Door{host: h, who: who, ctx: ctx}
	if h.Meter != nil {
		d.meter = h.Meter(who)
	}
	return d
}

// Lane makes a lane, for one goroutine at a time: calls that may overlap need one each.
func (d *Door) Lane() *Lane {
	l := &Lane{door: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lanes = append(d.lanes, l)
	return l
}

// Holds tells of an object that a plugin made, so that Kill reaches it.
func (d *Door) Holds(object any) {
	k, ok := object.(connectors.Killable)
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kills = append(d.kills, k)
}

// Kill ends what runs in a process of its own: its calls come back with an error then. Code in our
// own process can't be killed, only left behind. Kill returns at once.
func (d *Door) Kill() {
	d.mu.Lock()
	kills := d.kills
	d.kills = nil
	d.mu.Unlock()
	for _, k := range kills {
		// Killing is the plugin's code too, and may hang: it is the last thing done about it.
		act.Run(context.WithoutCancel(d.ctx), append(d.who.labels(), "in", "kill"),
			func(context.Context) (any, error) { return nil, k.Kill() },
			func(_ any, err error) {
				if err != nil {
					d.host.Log.Error("process of a plugin could not be killed", append(pairs(d.who.labels()), "err", err)...)
				}
			})
	}
}

// Lane is a sequence of calls, one at a time. Its calls are those of one goroutine; what Stalls reads
// of it is safe beside them.
type Lane struct {
	door *Door
	// The sign of life: what is called, the number of the call, and how far it is.
	call atomic.Pointer[Call] // nil: nothing
	seq  atomic.Uint64
	at   atomic.Int64

	mu    sync.Mutex // of where; taken once per batch
	where func(at int) string

	seen sign // Door.Stalls' alone
}

// Call makes a call that isn't about records.
func (l *Lane) Call(c *Call, f func() error) error {
	return l.Count(c, func() (int, error) { return 0, f() })
}

// Count makes a call and gets its error; a panic is one with its stack, a *act.Failure. f says also
// how many records it was about.
func (l *Lane) Count(c *Call, f func() (records int, err error)) (err error) {
	var (
		d       = l.door
		begun   time.Time
		records int
	)
	if d.meter != nil {
		begun = time.Now()
	}
	outer := l.begin(c)
	defer func() {
		if v := recover(); v != nil {
			err = act.AsFailure(v, true)
		}
		l.end(outer)
		if d.meter != nil {
			d.meter.Called(c, time.Since(begun), records, err)
		}
	}()
	if f := d.host.Faults; f != nil {
		if err = f.Strike(d.ctx, d.who, c); err != nil {
			return err
		}
	}
	records, err = f()
	return err
}

// Batch is Count for work on a batch of which records are taken one by one: f says with At which one
// it is at, and where tells, of that number, which record that is. where is called beside f by
// whoever looks for stalls, never after Batch has returned.
func (l *Lane) Batch(c *Call, where func(at int) string, f func() (records int, err error)) error {
	l.mu.Lock()
	l.where = where
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.where = nil
		l.mu.Unlock()
	}()
	return l.Count(c, f)
}

// Each makes a call that comes per record: as Call, but no Meter hears of it.
func (l *Lane) Each(c *Call, f func() error) (err error) {
	outer := l.begin(c)
	defer func() {
		if v := recover(); v != nil {
			err = act.AsFailure(v, true)
		}
		l.end(outer)
	}()
	if f := l.door.host.Faults; f != nil {
		if err = f.Strike(l.door.ctx, l.door.who, c); err != nil {
			return err
		}
	}
	return f()
}

// At says which record of its batch the call is at, counted from 0: one store per record.
func (l *Lane) At(i int) { l.at.Store(int64(i)) }

// frame is a call within which another one is made: a commit in the midst of a batch, say.
type frame struct {
	call *Call
	at   int64
}

func (l *Lane) begin(c *Call) frame {
	outer := frame{l.call.Load(), l.at.Load()}
	l.seq.Store(l.seq.Load() + 1)
	l.at.Store(0)
	l.call.Store(c)
	return outer
}

func (l *Lane) end(outer frame) {
	l.call.Store(outer.call)
	if outer.call != nil {
		l.at.Store(outer.at)
	}
}
