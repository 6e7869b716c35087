package storage

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafkalog"
)

// statusWrite is a record on its way to the status topic.
type statusWrite struct {
	key        string
	value      []byte
	generation *int        // nil: it is written whatever the generation
	allowed    func() bool // nil: always
	dropped    bool        // the entry was removed meanwhile
}

// statusWriter writes records in order on a goroutine of its own, so that nobody who puts a status waits
// for Kafka. What a broker's absence kept from being written is tried again after a while, unless it is
// out of date by then: a newer one of the same key was put, the entry was removed, the group's generation
// is another, or another worker's status may not be replaced any more.
type statusWriter struct {
	log  *kafkalog.Log
	slog *slog.Logger

	mu         sync.Mutex
	queue      []*statusWrite
	again      []*statusWrite // to be tried again
	latest     map[string]*statusWrite
	open       int // writes that are not over
	generation int
	wake       chan struct{}
	idle       chan struct{} // closed when open gets 0; nil while nobody waits
	closed     bool

	cancel context.CancelFunc
	done   chan struct{}
}

// statusRetry is the time between tries.
const statusRetry = 500 * time.Millisecond

// statusBacklog is how many writes may wait before those that newer ones replace are thrown away.
const statusBacklog = 1000

func (w *statusWriter) init(log *kafkalog.Log, l *slog.Logger) {
	w.log, w.slog = log, l
	w.latest = map[string]*statusWrite{}
	w.wake = make(chan struct{}, 1)
}

func (w *statusWriter) start(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.done = make(chan struct{})
	go w.run(ctx)
}

// stop ends the goroutine; what isn't handed over is lost.
func (w *statusWriter) stop() {
	w.mu.Lock()
	w.closed = true
	w.queue, w.again = nil, nil
	w.settle()
	w.mu.Unlock()
	if w.cancel != nil {
		w.cancel()
		<-w.done
	}
}

func (w *statusWriter) setGeneration(generation int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.generation = generation
}

func (w *statusWriter) enqueue(r *statusWrite) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.open++
	w.latest[r.key] = r
	w.queue = append(w.queue, r)
	if len(w.queue) >= statusBacklog {
		w.thin()
	}
	w.signal()
}

func (w *statusWriter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// thin throws away what waits and is replaced by what waits behind it. w.mu is held.
func (w *statusWriter) thin() {
	kept := w.queue[:0]
	for _, r := range w.queue {
		if w.latest[r.key] == r {
			kept = append(kept, r)
			continue
		}
		w.over(r)
	}
	clear(w.queue[len(kept):])
	w.queue = kept
}

// over ends a write. w.mu is held.
func (w *statusWriter) over(r *statusWrite) {
	if w.latest[r.key] == r {
		delete(w.latest, r.key)
	}
	if w.open--; w.open == 0 {
		w.settle()
	}
}

// settle tells who flushes that nothing is open any more. w.mu is held.
func (w *statusWriter) settle() {
	if w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// dropped is told that the entry of a key was removed.
func (w *statusWriter) dropped(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.latest[key]; r != nil {
		r.dropped = true
	}
}

// flush waits until no write is open.
func (w *statusWriter) flush(ctx context.Context) error {
	w.mu.Lock()
	if w.open == 0 || w.closed {
		w.mu.Unlock()
		return nil
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *statusWriter) run(ctx context.Context) {
	defer close(w.done)
	retry := time.NewTimer(statusRetry)
	retry.Stop()
	defer retry.Stop()
	armed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-retry.C:
			armed = false
			w.revive()
		case <-w.wake:
		}
		for r := w.next(); r != nil; r = w.next() {
			w.write(ctx, r)
		}
		w.mu.Lock()
		if len(w.again) > 0 && !armed {
			armed = true
			retry.Reset(statusRetry)
		}
		w.mu.Unlock()
	}
}

// next takes the write that is due.
func (w *statusWriter) next() *statusWrite {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return nil
	}
	r := w.queue[0]
	w.queue[0] = nil
	w.queue = w.queue[1:]
	return r
}

// revive puts in the queue what is to be tried again and still says something.
func (w *statusWriter) revive() {
	w.mu.Lock()
	again := w.again
	w.again = nil
	w.mu.Unlock()
	for _, r := range again {
		// allowed looks into the store, whose lock is taken before this one's
		allowed := r.allowed == nil || r.allowed()
		w.mu.Lock()
		if w.closed || !allowed || !w.counts(r) {
			w.over(r)
		} else {
			w.queue = append(w.queue, r)
		}
		w.mu.Unlock()
	}
}

// counts reports whether a write that failed is still the last word. w.mu is held.
func (w *statusWriter) counts(r *statusWrite) bool {
	return !r.dropped && w.latest[r.key] == r && (r.generation == nil || *r.generation == w.generation)
}

func (w *statusWriter) write(ctx context.Context, r *statusWrite) {
	err := w.log.SendAsync(ctx, []byte(r.key), r.value, func(err error) { w.answered(r, err) })
	if err != nil {
		w.answered(r, err)
	}
}

// answered is told how a write went.
func (w *statusWriter) answered(r *statusWrite, err error) {
	if err != nil && kafka.Classify(err) != kafka.Retriable && kafka.Classify(err) != kafka.Aborted {
		w.slog.Error("a status could not be written", "key", r.key, "error", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil || w.closed || kafka.Classify(err) != kafka.Retriable || !w.counts(r) {
		w.over(r)
		return
	}
	w.again = append(w.again, r)
	w.signal()
}
