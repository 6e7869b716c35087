package metrics

import (
	"math"
	"time"
)

// Windows says how windowed numbers are kept: metrics.num.samples and metrics.sample.window.ms.
type Windows struct {
	Samples int
	Length  time.Duration
}

// DefaultWindows are Kafka's: 2 samples of 30 s.
func DefaultWindows() Windows { return Windows{Samples: 2, Length: 30 * time.Second} }

// orDefault is w, or the defaults for what makes no sense.
func (w Windows) orDefault() Windows {
	d := DefaultWindows()
	if w.Samples < 1 {
		w.Samples = d.Samples
	}
	if w.Length < time.Millisecond {
		w.Length = d.Length
	}
	return w
}

// Millis is t as the methods of this package want it: Unix time in milliseconds.
func Millis(t time.Time) int64 { return t.UnixMilli() }

// sample is one window's worth of recorded values.
type sample struct {
	began, last   int64 // ms
	count         int64
	sum, min, max float64
	hits          int64 // of the values, those over 0: for fractions
}

// sampled keeps the last windows of recorded values in the way of Kafka's SampledStat: a sample is
// begun when a value arrives after the window of the one before has passed, one more sample than
// asked for is kept since the oldest may still overlap the time looked at, and a sample that saw
// nothing for all windows together is empty. It is not safe for concurrent use.
type sampled struct {
	samples []sample
	current int
	keep    int
	length  int64 // ms
}

func newSampled(w Windows) sampled {
	w = w.orDefault()
	return sampled{keep: w.Samples, length: w.Length.Milliseconds()}
}

func emptySample(now int64) sample {
	return sample{began: now, last: now, min: math.Inf(1), max: math.Inf(-1)}
}

func (s *sampled) record(v float64, now int64) {
	if len(s.samples) == 0 {
		s.samples = append(make([]sample, 0, s.keep+1), emptySample(now))
	}
	if now-s.samples[s.current].began >= s.length {
		s.advance(now)
	}
	c := &s.samples[s.current]
	c.count++
	c.last = now
	c.sum += v
	c.min, c.max = min(c.min, v), max(c.max, v)
	if v > 0 {
		c.hits++
	}
}

func (s *sampled) advance(now int64) {
	s.current = (s.current + 1) % (s.keep + 1)
	if s.current >= len(s.samples) {
		s.samples = append(s.samples, emptySample(now))
		return
	}
	s.samples[s.current] = emptySample(now)
}

// purge empties the samples whose last value is older than all windows together.
func (s *sampled) purge(now int64) {
	for i := range s.samples {
		if now-s.samples[i].last >= int64(s.keep)*s.length {
			s.samples[i] = emptySample(now)
		}
	}
}

// total is all samples that still count as one.
func (s *sampled) total(now int64) sample {
	s.purge(now)
	t := emptySample(now)
	for i := range s.samples {
		c := &s.samples[i]
		t.count += c.count
		t.sum += c.sum
		t.hits += c.hits
		t.min, t.max = min(t.min, c.min), max(t.max, c.max)
	}
	return t
}

// rate is the sum per second. Time that the samples don't reach back counts as quiet, so that the
// first values after the start don't make a high rate.
func (s *sampled) rate(now int64) float64 {
	t := s.total(now)
	oldest := now
	for i := range s.samples {
		oldest = min(oldest, s.samples[i].began)
	}
	elapsed := now - oldest
	if full := elapsed / s.length; full < int64(s.keep-1) {
		elapsed += (int64(s.keep-1) - full) * s.length
	}
	return t.sum / (float64(max(elapsed, 1)) / 1000)
}

func (s *sampled) max(now int64) float64 {
	if t := s.total(now); t.count > 0 {
		return t.max
	}
	return math.NaN()
}

func (s *sampled) min(now int64) float64 {
	if t := s.total(now); t.count > 0 {
		return t.min
	}
	return math.NaN()
}

func (s *sampled) avg(now int64) float64 {
	if t := s.total(now); t.count > 0 {
		return t.sum / float64(t.count)
	}
	return math.NaN()
}

// fraction is the share of values over 0, or of those that aren't; 0 while there is none.
func (s *sampled) fraction(hit bool, now int64) float64 {
	t := s.total(now)
	switch {
	case t.count == 0:
		return 0
	case hit:
		return float64(t.hits) / float64(t.count)
	}
	return float64(t.count-t.hits) / float64(t.count)
}
