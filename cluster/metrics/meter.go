package metrics

import "math"

// meter is a cumulative total with its rate per second.
type meter struct {
	total  float64
	recent sampled
}

func newMeter(w Windows) meter { return meter{recent: newSampled(w)} }

func (m *meter) add(n float64, now int64) {
	m.total += n
	m.recent.record(n, now)
}

// level is a number that goes up and down: its value now, its maximum and average in the windows.
type level struct {
	now    float64
	recent sampled
}

func newLevel(w Windows) level { return level{recent: newSampled(w)} }

func (l *level) set(v float64, now int64) {
	l.now = v
	l.recent.record(v, now)
}

// odds counts what went well and what failed.
type odds struct {
	good, bad int64
	recent    sampled
}

func newOdds(w Windows) odds { return odds{recent: newSampled(w)} }

func (o *odds) record(ok bool, now int64) {
	if ok {
		o.good++
		o.recent.record(1, now)
		return
	}
	o.bad++
	o.recent.record(0, now)
}

// stateClock adds up the time spent in each state since the first.
type stateClock struct {
	state string
	since int64 // ms
	spent map[string]int64
}

func (c *stateClock) enter(state string, now int64) {
	if c.state == state {
		return
	}
	if c.state != "" {
		if c.spent == nil {
			c.spent = make(map[string]int64, 4)
		}
		c.spent[c.state] += now - c.since
	}
	c.state, c.since = state, now
}

// ratio is the share of the time so far that was spent in state, 0 before any time has passed.
func (c *stateClock) ratio(state string, now int64) float64 {
	if c.state == "" {
		return 0
	}
	var all int64
	for _, ms := range c.spent {
		all += ms
	}
	current := now - c.since
	all += current
	if all == 0 {
		return 0
	}
	in := c.spent[state]
	if c.state == state {
		in += current
	}
	return float64(in) / float64(all)
}

// Histogram counts values in buckets with fixed upper bounds, for Prometheus. Its zero value is
// not usable; it belongs to what holds it and is guarded by its lock.
type Histogram struct {
	bounds []float64 // shared, ascending; +Inf is implied
	counts []uint64  // one more than bounds
	sum    float64
	count  uint64
}

func newHistogram(bounds []float64) Histogram {
	return Histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)}
}

func (h *Histogram) observe(v float64, n uint64) {
	if math.IsNaN(v) {
		return
	}
	i := 0
	for i < len(h.bounds) && v > h.bounds[i] {
		i++
	}
	h.counts[i] += n
	h.sum += v * float64(n)
	h.count += n
}

// Buckets is a copy of a histogram at one moment.
type Buckets struct {
	Bounds []float64 // upper bounds, ascending, without +Inf; shared, not to be changed
	Counts []uint64  // values in each bucket, not cumulative; the last is beyond all bounds
	Sum    float64
	Count  uint64
}

func (h *Histogram) copy() Buckets {
	return Buckets{Bounds: h.bounds, Counts: append([]uint64(nil), h.counts...), Sum: h.sum, Count: h.count}
}
