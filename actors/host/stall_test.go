package host_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/host"
)

// watcher looks at a door every 15 s, with a limit of a minute.
type watcher struct{ d *host.Door }

const limit = time.Minute

// look waits for n looks and says what they told.
func (w watcher) look(n int) string {
	var told []string
	for range n {
		time.Sleep(limit / 4)
		synctest.Wait()
		fresh, over := w.d.Stalls(time.Now(), limit)
		for _, s := range fresh {
			told = append(told, strings.TrimSpace(fmt.Sprintf("%s for %s %s", s.In, s.For, s.Where)))
		}
		if over {
			told = append(told, "over")
		}
	}
	return strings.Join(told, "; ")
}

func wantTold(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestStallIsToldOnceAndTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := host.New((&logbook{}).log()).Door(t.Context(), who)
		w, lane, release := watcher{d}, d.Lane(), make(chan struct{})
		wantTold(t, w.look(10), "")
		go func() { _ = lane.Call(host.Put, func() error { hangHere(release); return nil }) }()
		wantTold(t, w.look(4), "") // less than the limit since it was seen
		wantTold(t, w.look(20), "put for 1m0s")
		close(release)
		wantTold(t, w.look(10), "over")
	})
}

// A call after another of the same kind is no call that hangs, however alike they look.
func TestManyShortCallsAreNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := host.New((&logbook{}).log()).Door(t.Context(), who)
		lane, done := d.Lane(), make(chan struct{})
		go func() {
			defer close(done)
			for range 100 {
				_ = lane.Call(host.Poll, func() error { time.Sleep(14 * time.Second); return nil })
			}
		}()
		wantTold(t, watcher{d}.look(80), "")
		<-done
	})
}

// A batch that takes long is no stall while its records go by; the record that it stands at is named.
func TestBatchTellsItsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := host.New((&logbook{}).log()).Door(t.Context(), who)
		w, lane, release := watcher{d}, d.Lane(), make(chan struct{})
		records := []string{"a-0@0", "a-0@1", "a-0@2", "a-0@3", "a-0@4", "a-0@5"}
		where := func(i int) string { return records[i] }
		go func() {
			_ = lane.Batch(host.Convert, where, func() (int, error) {
				for i := range records {
					lane.At(i)
					if i == 4 {
						hangHere(release)
					} else {
						time.Sleep(50 * time.Second)
					}
				}
				return len(records), nil
			})
		}()
		wantTold(t, w.look(30), "transforms and converters for 1m0s a-0@4")
		close(release)
		wantTold(t, w.look(10), "over")
	})
}

// A commit in the midst of a batch: what hangs is told of, and afterwards the batch is watched again.
func TestCallWithinABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := host.New((&logbook{}).log()).Door(t.Context(), who)
		w, lane := watcher{d}, d.Lane()
		inner, outer := make(chan struct{}), make(chan struct{})
		go func() {
			_ = lane.Batch(host.Convert, func(i int) string { return fmt.Sprint("record ", i) }, func() (int, error) {
				lane.At(7)
				_ = lane.Call(host.Commit, func() error { hangHere(inner); return nil })
				hangHere(outer)
				return 8, nil
			})
		}()
		if got := w.look(10); !strings.HasPrefix(got, "commit for 1m0s") {
			t.Errorf("told %q", got)
		}
		close(inner)
		wantTold(t, w.look(10), "over; transforms and converters for 1m0s record 7")
		close(outer)
		wantTold(t, w.look(2), "over")
	})
}

// Two lanes hang; it is over when neither does.
func TestLanesAreWatchedEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := host.New((&logbook{}).log()).Door(t.Context(), who)
		w, runner, promises := watcher{d}, d.Lane(), d.Lane()
		one, two := make(chan struct{}), make(chan struct{})
		go func() { _ = runner.Call(host.Poll, func() error { hangHere(one); return nil }) }()
		go func() { _ = promises.Each(host.CommitRecord, func() error { hangHere(two); return nil }) }()
		wantTold(t, w.look(10), "poll for 1m0s; commitRecord for 1m0s")
		close(one)
		wantTold(t, w.look(10), "")
		close(two)
		wantTold(t, w.look(10), "over")
	})
}

// What names the record is the plugin's code too.
func TestRecordThatCannotBeNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := host.New((&logbook{}).log()).Door(t.Context(), who)
		lane, release := d.Lane(), make(chan struct{})
		go func() {
			_ = lane.Batch(host.Convert, func(int) string { blowUp(); return "" }, func() (int, error) { hangHere(release); return 0, nil })
		}()
		wantTold(t, watcher{d}.look(10), "transforms and converters for 1m0s panic: blown up")
		close(release)
	})
}

func TestStacksAreThoseOfTheTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := host.New((&logbook{}).log())
		release := make(chan struct{})
		goes(t, release, "connector", "c", "task", "3")
		synctest.Wait()
		if got := h.Stacks(who); !strings.Contains(got, "hangHere") {
			t.Errorf("got %q", got)
		}
		if got := h.Stacks(host.Who{Connector: "c", Task: 4}); got != "" {
			t.Errorf("of another task: %q", got)
		}
		close(release)
		synctest.Wait()
		time.Sleep(6 * time.Second)
		if got := h.Stacks(who); got != "" {
			t.Errorf("after it has ended: %q", got)
		}
	})
}

// BenchmarkLane is what the door costs: per batch, and per record in it.
func BenchmarkLane(b *testing.B) {
	lane := host.New((&logbook{}).log()).Door(b.Context(), who).Lane()
	b.Run("call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = lane.Call(host.Put, func() error { return nil })
		}
	})
	b.Run("batch", func(b *testing.B) {
		records := make([]int, 500)
		b.ReportAllocs()
		for b.Loop() {
			_ = lane.Batch(host.Convert, func(i int) string { return fmt.Sprint(records[i]) }, func() (int, error) { return len(records), nil })
		}
	})
	b.Run("record", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			lane.At(i)
		}
	})
}
