package offsets

import (
	"context"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

// Tracker keeps the records of one task that were sent, one queue per source partition in the
// order of sending. Of each queue only the part before the first unacknowledged record may be
// committed, so that nothing is lost when the task starts again.
//
// All methods are for one goroutine, the one that sends. Entry.Ack is for any. Make a Tracker
// with NewTracker.
type Tracker struct {
	// The partition submitted last, which is mostly the next one too.
	last    *queue
	lastPtr unsafe.Pointer

	queues []*queue // in the order of their first record
	byPtr  map[unsafe.Pointer]*queue
	byKey  map[string]*queue // by canonical JSON

	slab      []Entry
	submitted int64 // without those dropped
	collected int   // records committable since the last Committable

	acks *acks // apart: written by the producer's goroutine
}

// acks is what acknowledging goroutines touch.
type acks struct {
	count  atomic.Int64
	target atomic.Int64 // count at which Wait wants to be woken; -1: nobody waits
	done   chan struct{}
}

// queue holds the records of one source partition that can't be committed yet.
type queue struct {
	acks       *acks
	partition  map[string]any
	key        string // canonical JSON, "" when the partition can't be stored
	head, tail *Entry
	len        int
	offset     data.Offset // of the last committable record that tracks one
	dirty      bool        // offset is not committed yet
	used       bool        // something happened since the last Committable
	aliases    []alias
}

// alias is a map by which the queue is found. The map itself is kept so that no other can take
// its address.
type alias struct {
	ptr unsafe.Pointer
	m   map[string]any
}

// aliasesMax bounds what is kept for tasks that make a new map for every record, in spite of the
// contract: their records are found by JSON.
const aliasesMax = 4

// Entry is one record's place in its queue. The zero value is ready for Submit; it must not be
// copied after it. An Entry may be part of a caller's struct or come from Tracker.Batch.
type Entry struct {
	q          *queue
	prev, next *Entry
	offset     data.Offset
	state      atomic.Uint32
}

// The states of an Entry.
const (
	idle uint32 = iota
	pending
	acked
)

// NewTracker makes an empty Tracker.
func NewTracker() *Tracker {
	t := &Tracker{
		byPtr: map[unsafe.Pointer]*queue{},
		byKey: map[string]*queue{},
		acks:  &acks{done: make(chan struct{}, 1)},
	}
	t.acks.target.Store(-1)
	return t
}

const slabSize = 256

// Batch returns n unused entries that lie side by side.
func (t *Tracker) Batch(n int) []Entry {
	if n > len(t.slab) {
		if n >= slabSize {
			return make([]Entry, n)
		}
		t.slab = make([]Entry, slabSize)
	}
	b := t.slab[:n:n]
	t.slab = t.slab[n:]
	return b
}

// Submit queues a record that is about to be sent. e must be unused or dropped. A nil offset
// leaves the partition's offset as the records before it said; an Offset whose map is nil removes
// it.
func (t *Tracker) Submit(e *Entry, partition map[string]any, offset data.Offset) {
	q, p := t.last, mapPointer(partition)
	if p != t.lastPtr || q == nil {
		q = t.find(p, partition)
		t.last, t.lastPtr = q, p
	}
	e.q, e.offset, e.prev = q, offset, q.tail
	if q.tail == nil {
		q.head = e
	} else {
		q.tail.next = e
	}
	q.tail = e
	q.len++
	q.used = true
	t.submitted++
	e.state.Store(pending)
}

// Set takes the offset of a record that is committed together with all records around it or not at
// all, as in a transaction: it can be committed at once. offset is as in Submit.
func (t *Tracker) Set(partition map[string]any, offset data.Offset) {
	q, p := t.last, mapPointer(partition)
	if p != t.lastPtr || q == nil {
		q = t.find(p, partition)
		t.last, t.lastPtr = q, p
	}
	if offset != nil {
		q.offset, q.dirty, q.used = offset, true, true
	}
}

// Source is the source partition and offset of a record that is submitted and not acknowledged. It is for
// the goroutine that sends.
func (e *Entry) Source() (partition map[string]any, offset data.Offset) {
	return e.q.partition, e.offset
}

// Ack says that Kafka has the record, or that it is given up after a tolerated error. Only the
// first call counts. It may be called from any goroutine.
func (e *Entry) Ack() {
	q := e.q // before the state: after it the Tracker may let go of the entry
	if !e.state.CompareAndSwap(pending, acked) {
		return
	}
	a := q.acks
	if a.count.Add(1) == a.target.Load() {
		select {
		case a.done <- struct{}{}:
		default:
		}
	}
}

// Drop takes a record back that was not sent after all. It reports whether it did: not if the
// record is acknowledged. Then e may be submitted again.
func (t *Tracker) Drop(e *Entry) bool {
	if !e.state.CompareAndSwap(pending, idle) {
		return false
	}
	q := e.q
	if e.prev == nil {
		q.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		q.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.q, e.prev, e.next, e.offset = nil, nil, nil, nil
	q.len--
	t.submitted--
	return true
}

// Pending is the number of records submitted and not acknowledged.
func (t *Tracker) Pending() int { return int(t.submitted - t.acks.count.Load()) }

// Acked is how many records were acknowledged so far. Any goroutine may ask.
func (t *Tracker) Acked() int64 { return int64(t.acks.count.Load()) }

// Collect lets go of the records that can be committed and remembers their offsets for
// Committable. Without it everything sent between two commits would be kept.
func (t *Tracker) Collect() {
	for _, q := range t.queues {
		t.collected += q.collect()
	}
}

func (q *queue) collect() int {
	n := 0
	e := q.head
	for e != nil && e.state.Load() == acked {
		next := e.next
		if e.offset != nil {
			q.offset, q.dirty = e.offset, true
		}
		// Links left behind would keep everything before and after it alive, for as long as a
		// neighbour in its slab is in use.
		e.prev, e.next, e.offset, e.q = nil, nil, nil, nil
		e = next
		n++
	}
	if n == 0 {
		return 0
	}
	q.head = e
	if e == nil {
		q.tail = nil
	} else {
		e.prev = nil
	}
	q.len -= n
	q.used = true
	return n
}

// Committable is what can be committed, and figures about what can't.
type Committable struct {
	// Offsets are the partitions with something new, each with its last committable offset, in
	// the order of their first record.
	Offsets []connectors.SourceOffset
	// Records is the number of records that became committable since the last call.
	Records int
	// Pending is the number of records that can't be committed: not acknowledged, or behind one
	// that is not. They are of Queues partitions; Largest is the number of those of
	// LargestPartition, the one with most.
	Pending, Queues, Largest int
	LargestPartition         map[string]any
}

// Committable returns, and forgets, the offsets that became committable since the last call.
func (t *Tracker) Committable() Committable {
	t.Collect()
	c := Committable{Records: t.collected}
	t.collected = 0
	kept := t.queues[:0]
	for _, q := range t.queues {
		if q.dirty {
			c.Offsets = append(c.Offsets, connectors.SourceOffset{Partition: q.partition, Offset: q.offset.OffsetMap()})
			q.offset, q.dirty = nil, false
		}
		if q.len > 0 {
			c.Pending += q.len
			c.Queues++
			if q.len > c.Largest {
				c.Largest, c.LargestPartition = q.len, q.partition
			}
		}
		if q.len == 0 && !q.used {
			t.forget(q) // quiet for a whole interval: a task may see any number of partitions
			continue
		}
		q.used = false
		kept = append(kept, q)
	}
	clear(t.queues[len(kept):])
	t.queues = kept
	return c
}

// Wait returns when all records submitted are acknowledged, or with ctx's error.
func (t *Tracker) Wait(ctx context.Context) error {
	a := t.acks
	a.target.Store(t.submitted)
	defer a.target.Store(-1)
	for a.count.Load() < t.submitted {
		select {
		case <-a.done: // perhaps from an earlier Wait, so look again
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// find is the queue of a partition seen for the first time, or again after another one.
func (t *Tracker) find(p unsafe.Pointer, partition map[string]any) *queue {
	if q := t.byPtr[p]; q != nil {
		return q
	}
	// Canonical: equal partitions give equal bytes.
	key := ""
	if b, err := storage.EncodeOffsetKey("", partition); err == nil {
		key = string(b)
		if q := t.byKey[key]; q != nil {
			t.alias(q, p, partition)
			return q
		}
	} // else Writer reports it; until then it's a partition of its own
	q := &queue{acks: t.acks, partition: partition, key: key}
	t.queues = append(t.queues, q)
	if key != "" {
		t.byKey[key] = q
	}
	t.alias(q, p, partition)
	return q
}

func (t *Tracker) alias(q *queue, p unsafe.Pointer, m map[string]any) {
	if len(q.aliases) == aliasesMax {
		return
	}
	q.aliases = append(q.aliases, alias{p, m})
	t.byPtr[p] = q
}

func (t *Tracker) forget(q *queue) {
	for _, a := range q.aliases {
		delete(t.byPtr, a.ptr)
	}
	if q.key != "" {
		delete(t.byKey, q.key)
	}
	if t.last == q {
		t.last, t.lastPtr = nil, nil
	}
}

// mapPointer is the identity of a map.
func mapPointer(m map[string]any) unsafe.Pointer { return reflect.ValueOf(m).UnsafePointer() }
