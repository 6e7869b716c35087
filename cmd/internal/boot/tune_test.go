package boot

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

// A worker with little alive is not kept busy by the collector, and who sets GOGC has the last word.
func TestTune(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() {
		heapFloor = nil
		debug.SetGCPercent(before)
		debug.SetTraceback("single")
	})
	next := func() uint64 {
		for range 3 { // what other tests left in pools lives through one or two
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NextGC
	}
	t.Setenv("GOGC", "120")
	Tune()
	if own := debug.SetGCPercent(100); own != 100 || heapFloor != nil {
		t.Errorf("GOGC of the environment became %d", own)
	}
	without := next()
	t.Setenv("GOGC", "")
	limit := debug.SetMemoryLimit(100 << 20)
	Tune()
	debug.SetMemoryLimit(math.MaxInt64) // none, whatever this test was started with
	t.Cleanup(func() { debug.SetMemoryLimit(limit) })
	if heapFloor != nil {
		t.Error("a floor within a limit of memory")
	}
	Tune()
	if own := debug.SetGCPercent(100); own != 75 { // and so the same as without
		t.Errorf("the collector's percentage is %d", own)
	}
	if with := next(); with < without+heapFloorSize {
		t.Errorf("the next collection is due at %d MB, without a floor at %d MB", with>>20, without>>20)
	}
}
