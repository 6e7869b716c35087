package regex

// The syntax tree. The parser makes it, the compiler turns it into instructions.

type node interface {
	// study adds what Java's own study of a pattern finds out of the node; see study.go.
	study(s *study)
}

const unbounded = -1 // for the most that a quantifier allows

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
	atomic struct {
		body      node
		linebreak bool // it is \R
	}
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
		// What a lookbehind looks at, in Java's arithmetic.
		min, max int32
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
