package offsets

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/troupe-connect/troupe/connectors/data"
)

type position int64

func (p *position) OffsetMap() map[string]any { return map[string]any{"position": int64(*p)} }

func at(n int) data.Offset { return data.OffsetMap{"n": n} }

// submit queues n records of a partition, with offsets from, from+1, …
func submit(t *Tracker, p map[string]any, from, n int) []*Entry {
	var out []*Entry
	batch := t.Batch(n)
	for i := range batch {
		t.Submit(&batch[i], p, at(from+i))
		out = append(out, &batch[i])
	}
	return out
}

func offsetsOf(c Committable) string {
	s := ""
	for _, o := range c.Offsets {
		s += fmt.Sprint(o.Partition["p"], "=", o.Offset["n"], " ")
	}
	return s
}

func TestOnlyTheAcknowledgedPrefixIsCommittable(t *testing.T) {
	tr := NewTracker()
	a, b := map[string]any{"p": "a"}, map[string]any{"p": "b"}
	ra := submit(tr, a, 0, 5)
	rb := submit(tr, b, 100, 2)
	step := func(want string, records, pending, queues, largest int) {
		t.Helper()
		c := tr.Committable()
		if got := offsetsOf(c); got != want || c.Records != records || c.Pending != pending || c.Queues != queues || c.Largest != largest {
			t.Errorf("got %q and %+v, want %q", got, c, want)
		}
	}
	step("", 0, 7, 2, 5)
	ra[1].Ack()
	ra[3].Ack()
	step("", 0, 7, 2, 5)
	rb[1].Ack()
	rb[0].Ack()
	step("b=101 ", 2, 5, 1, 5)
	ra[0].Ack()
	step("a=1 ", 2, 3, 1, 3)
	ra[0].Ack() // again: doesn't count
	if tr.Pending() != 2 {
		t.Errorf("Pending = %d", tr.Pending())
	}
	ra[2].Ack()
	tr.Collect()
	ra[4].Ack()
	step("a=4 ", 3, 0, 0, 0)
	step("", 0, 0, 0, 0)
	if len(tr.queues)+len(tr.byKey)+len(tr.byPtr) != 0 {
		t.Error("quiet partitions are still known")
	}
	submit(tr, b, 200, 1)[0].Ack()
	step("b=200 ", 1, 0, 0, 0)
}

func TestLargestPartition(t *testing.T) {
	tr := NewTracker()
	submit(tr, map[string]any{"p": "a"}, 0, 1)
	submit(tr, map[string]any{"p": "b"}, 0, 3)
	submit(tr, nil, 0, 2)
	c := tr.Committable()
	if c.LargestPartition["p"] != "b" || c.Queues != 3 || c.Largest != 3 || c.Pending != 6 {
		t.Errorf("%+v", c)
	}
}

func TestNilOffsets(t *testing.T) {
	tr := NewTracker()
	e := tr.Batch(3)
	p := map[string]any{"p": 1}
	tr.Submit(&e[0], p, at(1))
	tr.Submit(&e[1], p, nil)
	e[1].Ack()
	e[0].Ack()
	if got := offsetsOf(tr.Committable()); got != "1=1 " {
		t.Errorf("a record without offset changed it: %q", got)
	}
	tr.Submit(&e[2], p, data.OffsetMap(nil))
	e[2].Ack()
	if c := tr.Committable(); len(c.Offsets) != 1 || c.Offsets[0].Offset != nil {
		t.Errorf("offset not removed: %+v", c)
	}
}

func TestDrop(t *testing.T) {
	tr := NewTracker()
	p := map[string]any{"p": "a"}
	r := submit(tr, p, 0, 4)
	if !tr.Drop(r[3]) || tr.Drop(r[3]) {
		t.Error("the last record is dropped once")
	}
	r[3].Ack()
	if tr.Pending() != 3 {
		t.Errorf("Pending = %d", tr.Pending())
	}
	r[0].Ack()
	if tr.Drop(r[0]) {
		t.Error("dropped an acknowledged record")
	}
	if !tr.Drop(r[1]) {
		t.Error("a record in the middle is not dropped")
	}
	tr.Submit(r[3], p, at(7))
	r[2].Ack()
	r[3].Ack()
	if got := offsetsOf(tr.Committable()); got != "a=7 " || tr.Pending() != 0 {
		t.Errorf("%q, pending %d", got, tr.Pending())
	}
	only := submit(tr, p, 9, 1)[0]
	if !tr.Drop(only) || tr.Committable().Pending != 0 {
		t.Error("the only record is not dropped")
	}
}

// A task may hand out a map of its own for each record; equal maps are one partition.
func TestPartitionsAreToldApartByContent(t *testing.T) {
	tr := NewTracker()
	var all []*Entry
	for i := range 50 {
		all = append(all, submit(tr, map[string]any{"p": "x", "n": i % 2, "z": int64(1)}, i, 1)...)
	}
	all = append(all, submit(tr, map[string]any{"p": "x", "n": int64(1), "z": 1}, 50, 1)...)
	if len(tr.queues) != 2 {
		t.Fatalf("%d queues", len(tr.queues))
	}
	if len(tr.byPtr) > 2*aliasesMax {
		t.Errorf("%d maps kept", len(tr.byPtr))
	}
	for _, e := range all[1:] {
		e.Ack()
	}
	if got := offsetsOf(tr.Committable()); got != "x=50 " {
		t.Error(got)
	}
	all[0].Ack()
	if got := offsetsOf(tr.Committable()); got != "x=48 " {
		t.Error(got)
	}
}

func TestPartitionThatCannotBeStored(t *testing.T) {
	tr := NewTracker()
	for i := range 3 {
		submit(tr, map[string]any{"p": []any{1}}, i, 1)[0].Ack()
	}
	if c := tr.Committable(); len(c.Offsets) != 3 || c.Records != 3 {
		t.Errorf("%+v", c)
	}
	tr.Committable()
	if len(tr.queues)+len(tr.byPtr)+len(tr.byKey) != 0 {
		t.Error("they are kept for ever")
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := NewTracker()
		if err := tr.Wait(t.Context()); err != nil {
			t.Errorf("nothing sent: %v", err)
		}
		for range 3 {
			r := submit(tr, map[string]any{"p": 1}, 0, 3)
			go func() {
				for _, e := range r {
					synctest.Wait() // Wait waits by then
					e.Ack()
				}
			}()
			if err := tr.Wait(t.Context()); err != nil || tr.Pending() != 0 {
				t.Errorf("%v, pending %d", err, tr.Pending())
			}
		}
		submit(tr, nil, 0, 1)
		cause := errors.New("stopping")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { synctest.Wait(); cancel(cause) }()
		if err := tr.Wait(ctx); !errors.Is(err, cause) {
			t.Errorf("error = %v", err)
		}
	})
}

// The Tracker says at every step what a plain model says.
func TestAgainstModel(t *testing.T) {
	type record struct {
		e         *Entry
		partition int
		offset    int
		acked     bool
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	parts := []map[string]any{{"p": 0}, {"p": 1}, {"p": 2}}
	tr := NewTracker()
	queues := make([][]*record, len(parts))
	committed := map[int]int{}
	got := map[int]int{}
	var open []*record
	for step := range 20000 {
		switch n := rnd.IntN(10); {
		case n < 4:
			r := &record{e: new(Entry), partition: rnd.IntN(len(parts)), offset: step}
			tr.Submit(r.e, parts[r.partition], at(step))
			queues[r.partition] = append(queues[r.partition], r)
			open = append(open, r)
		case n < 8 && len(open) > 0:
			i := rnd.IntN(len(open))
			open[i].e.Ack()
			open[i].acked = true
			open = append(open[:i], open[i+1:]...)
		case n == 8 && len(open) > 0:
			r := open[len(open)-1]
			q := queues[r.partition]
			if q[len(q)-1] == r && tr.Drop(r.e) {
				queues[r.partition] = q[:len(q)-1]
				open = open[:len(open)-1]
			}
		default:
			for p, q := range queues {
				for len(q) > 0 && q[0].acked {
					committed[p] = q[0].offset
					q = q[1:]
				}
				queues[p] = q
			}
			c := tr.Committable()
			for _, o := range c.Offsets {
				got[o.Partition["p"].(int)] = o.Offset["n"].(int)
			}
			left := len(queues[0]) + len(queues[1]) + len(queues[2])
			if !reflect.DeepEqual(got, committed) || c.Pending != left || tr.Pending() != len(open) {
				t.Fatalf("step %d: %v, want %v; %d left, want %d; %d pending, want %d",
					step, got, committed, c.Pending, left, tr.Pending(), len(open))
			}
		}
	}
}

// Acks of other goroutines while records are sent and offsets committed; the race detector looks on.
func TestConcurrentAcks(t *testing.T) {
	tr := NewTracker()
	parts := []map[string]any{{"p": "a"}, {"p": "b"}}
	acks := make(chan *Entry, 100)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for e := range acks {
				e.Ack()
			}
		})
	}
	const n = 20000
	total := 0
	last := map[any]any{}
	take := func() {
		c := tr.Committable()
		total += c.Records
		for _, o := range c.Offsets {
			last[o.Partition["p"]] = o.Offset["n"]
		}
	}
	for i := range n {
		b := tr.Batch(1)
		tr.Submit(&b[0], parts[i%2], at(i))
		acks <- &b[0]
		if i%100 == 0 {
			take()
		}
	}
	if err := tr.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	take()
	close(acks)
	wg.Wait()
	if total != n || last["a"] != n-2 || last["b"] != n-1 {
		t.Errorf("%d records, offsets %v", total, last)
	}
}

// A slab is let go of when its records are, whatever is sent after it: here the collected part
// always ends in the middle of a slab, so that a link left behind would keep all of them.
func TestSlabsAreLetGo(t *testing.T) {
	tr := NewTracker()
	p := map[string]any{"p": 1}
	var slabs []weak.Pointer[Entry]
	var late *Entry
	for range 50 {
		batch := make([]Entry, 10)
		slabs = append(slabs, weak.Make(&batch[0]))
		for i := range batch {
			tr.Submit(&batch[i], p, at(i))
		}
		if late != nil {
			late.Ack()
		}
		for i := range 9 {
			if i != 5 {
				batch[i].Ack()
			}
		}
		batch[5].Ack()
		late = &batch[9]
		tr.Collect()
	}
	runtime.GC()
	alive := 0
	for _, s := range slabs {
		if s.Value() != nil {
			alive++
		}
	}
	if alive > 1 {
		t.Errorf("%d of %d slabs are alive", alive, len(slabs))
	}
	runtime.KeepAlive(tr)
	runtime.KeepAlive(late)
}

func BenchmarkSubmitAck(b *testing.B) {
	for _, partitions := range []int{1, 2} {
		b.Run(fmt.Sprint(partitions, " partitions"), func(b *testing.B) {
			parts := make([]map[string]any, partitions)
			for i := range parts {
				parts[i] = map[string]any{"filename": fmt.Sprint(i)}
			}
			tr := NewTracker()
			pos := make([]position, 2000)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; n += len(pos) {
				batch := tr.Batch(len(pos))
				for i := range batch {
					tr.Submit(&batch[i], parts[i%partitions], &pos[i])
				}
				for i := range batch {
					batch[i].Ack()
				}
				tr.Collect()
			}
		})
	}
}

// The same with the acknowledgements on another goroutine, as a producer's are.
func BenchmarkSubmitAckAcross(b *testing.B) {
	part := map[string]any{"filename": "f"}
	tr := NewTracker()
	pos := make([]position, 2000)
	batches := make(chan []Entry, 8)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for batch := range batches {
			for i := range batch {
				batch[i].Ack()
			}
		}
	}()
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(pos) {
		batch := tr.Batch(len(pos))
		for i := range batch {
			tr.Submit(&batch[i], part, &pos[i])
		}
		batches <- batch
		tr.Collect()
	}
	close(batches)
	<-done
}

// TestSet: offsets that need no acknowledgement; the last one of a partition counts, and nothing twice.
func TestSet(t *testing.T) {
	tr := NewTracker()
	a, b, same := part(1), part(2), part(1)
	for n, p := range []map[string]any{a, a, b, same, b} {
		tr.Set(p, fixed(n))
	}
	tr.Set(a, nil) // leaves it as it was
	if got := fmt.Sprint(tr.Committable().Offsets); got != "[{map[p:1] map[o:3]} {map[p:2] map[o:4]}]" {
		t.Errorf("got %s", got)
	}
	if got := tr.Committable(); len(got.Offsets) != 0 || got.Pending != 0 {
		t.Errorf("again %+v", got)
	}
	tr.Set(b, fixed(9))
	if got := fmt.Sprint(tr.Committable().Offsets); got != "[{map[p:2] map[o:9]}]" || tr.Pending() != 0 {
		t.Errorf("then %s, %d pending", got, tr.Pending())
	}
}

type fixed int

func (f fixed) OffsetMap() map[string]any { return offset(int(f)) }
