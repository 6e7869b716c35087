package regex

import "math"

// Which lookbehinds Java accepts, and how far back they look, follows from the way in which it studies
// a pattern: it adds up the least and the most that the parts match in 32 bits, and takes a
// repetition without end for 0x7FFFFFFF times. A sum that overflows is noticed in some places and not
// in others. So (?<=a+)b is accepted and (?<=(?:ab)+)c refused. The same is done here, part by part.

// study is what is known of the nodes looked at so far.
type study struct {
	min, max int32
	bounded  bool // there is an obvious maximum
	fixed    bool // there is one way to match, Java's "deterministic"

	// Behind alternatives Java begins anew and adds in the end what was before.
	before   sums
	branched bool
}

type sums struct {
	min, max int32
	bounded  bool
}

func newStudy() *study {
	return &study{bounded: true, fixed: true, before: sums{bounded: true}}
}

// studied is the study of a node by itself.
func studied(n node) *study {
	s := newStudy()
	s.through(n)
	return s
}

// through goes on with the sums through a node that has an end of its own.
func (s *study) through(n node) {
	before, branched := s.before, s.branched
	s.before, s.branched = sums{bounded: true}, false
	n.study(s)
	if s.branched {
		s.min += s.before.min
		s.max += s.before.max
		s.bounded = s.bounded && s.before.bounded
		s.fixed = false
	}
	s.before, s.branched = before, branched
}

func (s *study) add(n int32) {
	s.min += n
	s.max += n
}

func (empty) study(*study)     {}
func (look) study(*study)      {}
func (assert) study(*study)    {}
func (char) study(s *study)    { s.add(1) }
func (never) study(s *study)   { s.bounded = false }
func (g group) study(s *study) { g.body.study(s) }

func (backref) study(s *study) { s.bounded = false }

func (a atomic) study(s *study) {
	if a.linebreak {
		s.min++
		s.max += 2
		return
	}
	s.through(a.body)
}

func (q sequence) study(s *study) {
	for _, n := range q.items {
		n.study(s)
	}
}

func (c choice) study(s *study) {
	alts := make([]*study, len(c.alts))
	for i, alt := range c.alts {
		alts[i] = studied(alt)
	}
	s.branch(alts)
}

func (s *study) branch(alts []*study) {
	least, most := int32(math.MaxInt32), int32(-1)
	for _, alt := range alts {
		least, most = min(least, alt.min), max(most, alt.max)
		s.bounded = s.bounded && alt.bounded
	}
	s.before.min += s.min + least
	s.before.max += s.max + most
	s.before.bounded = s.before.bounded && s.bounded
	s.branched = true
	s.min, s.max, s.bounded = 0, 0, true
}

func (r repeat) study(s *study) {
	body := studied(r.body)
	times := int32(math.MaxInt32)
	if r.max != unbounded {
		times = int32(r.max)
	}
	inGroup := false
	switch r.body.(type) {
	case group, sequence, choice:
		inGroup = true
	}
	_, single := r.body.(char)
	switch once := r.min == 0 && r.max == 1; {
	case once && inGroup && r.mode != possessive:
		s.branch([]*study{body, newStudy()})
	case once:
		least := s.min
		s.through(r.body)
		s.min, s.fixed = least, false
	case single && r.mode == greedy && r.max == unbounded:
		s.min += int32(r.min)
		s.max += times
		s.fixed = false
	case inGroup && r.mode != possessive && !body.fixed:
		s.bounded, s.fixed = false, false
	default:
		s.multiply(body, int32(r.min), times)
	}
}

// multiply adds a body that is matched from least to most times.
func (s *study) multiply(body *study, least, most int32) {
	sum := body.min*least + s.min
	if sum < s.min {
		sum = 0xFFFFFFF
	}
	s.min = sum
	sum = body.max*most + s.max
	s.bounded = s.bounded && body.bounded && sum >= s.max
	if s.bounded {
		s.max = sum
	}
	s.fixed = s.fixed && body.fixed && least == most
}
