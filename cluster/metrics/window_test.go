package metrics

import (
	"math"
	"testing"
	"time"
)

// near compares numbers, NaN with NaN.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// The numbers are Kafka's: MetricsTest of its clients has the same steps with its SampledStat.
func TestWindowsAreKafkas(t *testing.T) {
	w := Windows{Samples: 2, Length: 30 * time.Second}
	const start = int64(1_000_000)

	t.Run("nothing recorded", func(t *testing.T) {
		s := newSampled(w)
		near(t, "avg", s.avg(start), math.NaN())
		near(t, "max", s.max(start), math.NaN())
		near(t, "min", s.min(start), math.NaN())
		near(t, "rate", s.rate(start), 0)
		near(t, "fraction", s.fraction(true, start), 0)
	})
	t.Run("a rate counts time before the first value as quiet", func(t *testing.T) {
		s := newSampled(w)
		s.record(60, start)
		near(t, "rate at once", s.rate(start), 60.0/30)
		near(t, "rate 15 s later", s.rate(start+15_000), 60.0/45)
		near(t, "rate 45 s later", s.rate(start+45_000), 60.0/45)
	})
	t.Run("a sample overlapping the window is kept until it is old", func(t *testing.T) {
		s := newSampled(w)
		s.record(10, start)
		s.record(1, start+30_000)
		near(t, "max with both", s.max(start+59_999), 10)
		near(t, "max when the first has gone", s.max(start+60_000), 1)
		near(t, "max when both have gone", s.max(start+90_000), math.NaN())
	})
	t.Run("samples are used again in turn", func(t *testing.T) {
		s := newSampled(w)
		for i := range int64(7) {
			s.record(float64(i), start+i*30_000)
		}
		if len(s.samples) != 3 {
			t.Errorf("%d samples are kept, want one more than 2", len(s.samples))
		}
		near(t, "avg of those that last", s.avg(start+6*30_000), (5+6)/2.0)
	})
	t.Run("fractions", func(t *testing.T) {
		o := newOdds(w)
		for range 3 {
			o.record(true, start)
		}
		o.record(false, start+1)
		near(t, "good", o.recent.fraction(true, start+2), .75)
		near(t, "bad", o.recent.fraction(false, start+2), .25)
		near(t, "good later", o.recent.fraction(true, start+120_000), 0)
		if o.good != 3 || o.bad != 1 {
			t.Errorf("totals are %d and %d, want 3 and 1", o.good, o.bad)
		}
	})
}

func TestOddWindowsAreDefaults(t *testing.T) {
	s := newSampled(Windows{Samples: -3})
	if s.keep != 2 || s.length != 30_000 {
		t.Errorf("windows are %d of %d ms, want 2 of 30000", s.keep, s.length)
	}
}

func TestStateRatios(t *testing.T) {
	var c stateClock
	near(t, "before the first state", c.ratio("running", 5), 0)
	c.enter("running", 1000)
	near(t, "at once", c.ratio("running", 1000), 0)
	near(t, "while it lasts", c.ratio("running", 4000), 1)
	c.enter("paused", 4000)
	c.enter("paused", 4500) // no change
	c.enter("running", 5000)
	near(t, "running", c.ratio("running", 6000), 4.0/5)
	near(t, "paused", c.ratio("paused", 6000), 1.0/5)
}

func TestHistogramBuckets(t *testing.T) {
	h := newHistogram([]float64{1, 10})
	for _, v := range []float64{.5, 1, 1.5, 10, 11, math.NaN()} {
		h.observe(v, 2)
	}
	b := h.copy()
	if b.Counts[0] != 4 || b.Counts[1] != 4 || b.Counts[2] != 2 || b.Count != 10 {
		t.Errorf("buckets %v of %d values, want 4 4 2 of 10", b.Counts, b.Count)
	}
	near(t, "sum", b.Sum, 48)
}
