package task

import "time"

// withoutWarn is how long a sink may be without partitions before it is told: longer than its group takes to
// form, shorter than an operator takes to wonder.
const withoutWarn = 20 * time.Second

// sayWithout tells, once, that the sink has had no partitions for long, and why.
func (s *sink) sayWithout(now time.Time) {
	if s.without.IsZero() || s.withoutTold || now.Sub(s.without) < withoutWarn {
		return
	}
	s.withoutTold = true
	why := s.consumer.Without()
	s.log.Warn("sink task has no partitions", "for", now.Sub(s.without).Round(time.Second), "because", why)
	s.note("no partitions since " + s.without.UTC().Format(time.RFC3339) + ": " + why)
}

// hasPartitions takes back what sayWithout told.
func (s *sink) hasPartitions() {
	if s.withoutTold {
		s.log.Info("sink task has partitions again", "after", time.Since(s.without).Round(time.Second))
		s.note("")
	}
	s.without, s.withoutTold = time.Time{}, false
}
