package regex

// The syntax tree. The parser makes it, the compiler turns it into instructions.

type node interface{ width() width }

// width is how many code points a node can match; max is -1 when there is no bound.
type width struct{ min, max int }

const unbounded = -1

type (
	empty struct{}
	never struct{} // a reference to a group that doesn't exist
	char  struct {
		set  set
		cost int // steps that one look at it counts as
	}
	sequence struct{ items []node }
	choice   struct{ alts []node }
	group    struct { // capturing
		n    int
		body node
	}
	atomic struct{ body node }
	repeat struct {
		body     node
		min, max int // max unbounded for none
		mode     mode
	}
	backref struct {
		n    int
		fold fold
	}
	look struct {
		body   node
		behind bool
		negate bool
	}
	assert struct{ kind assertion }
)

// mode is how a quantifier gives back.
type mode uint8

const (
	greedy mode = iota
	lazy
	possessive
)

// assertion is a condition on a position.
type assertion uint8

const (
	beginInput assertion = iota
	endInput
	endBeforeFinalTerminator     // $ and \Z
	endBeforeFinalUnixTerminator // the same under (?d)
	beginLine
	beginUnixLine
	endLine
	endUnixLine
	wordBoundary
	notWordBoundary
	unicodeWordBoundary
	notUnicodeWordBoundary
	lastMatchEnd // \G
)

func (empty) width() width   { return width{} }
func (never) width() width   { return width{} }
func (char) width() width    { return width{1, 1} }
func (backref) width() width { return width{0, unbounded} }
func (look) width() width    { return width{} }
func (assert) width() width  { return width{} }
func (g group) width() width { return g.body.width() }

func (a atomic) width() width { return a.body.width() }

func (s sequence) width() width {
	var w width
	for _, n := range s.items {
		x := n.width()
		w.min = capped(w.min + x.min)
		if w.max == unbounded || x.max == unbounded {
			w.max = unbounded
		} else {
			w.max = capped(w.max + x.max)
		}
	}
	return w
}

func (c choice) width() width {
	w := c.alts[0].width()
	for _, n := range c.alts[1:] {
		x := n.width()
		w.min = min(w.min, x.min)
		if w.max == unbounded || x.max == unbounded {
			w.max = unbounded
		} else {
			w.max = max(w.max, x.max)
		}
	}
	return w
}

func (r repeat) width() width {
	x := r.body.width()
	w := width{capped(x.min * r.min), unbounded}
	if x.max != unbounded && r.max != unbounded {
		w.max = capped(x.max * r.max)
	}
	return w
}

// capped keeps sums and products of widths from overflowing; nothing is matched that wide.
func capped(n int) int { return min(n, 1<<30) }
