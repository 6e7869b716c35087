// Package regex matches strings against regular expressions in Java's syntax and with Java's
// meaning: lookaround, backreferences, possessive quantifiers and atomic groups, named groups,
// class unions and intersections, inline flags, \Q…\E, and Matcher's replacement strings.
//
// It backtracks, as Java does, and is bounded where Java isn't: a match that takes more than a
// fixed number of steps ends with ErrTooComplex instead of running on or overflowing the stack.
// The bound counts steps, not time, so the same pattern and text always give the same answer, and
// no clock or goroutine is needed.
//
// Left out, and refused by Compile with an error that says so: \N{name}, \X, canonical
// equivalence, and Unicode blocks other than the common ones in props.go. Text is matched by
// code point.
package regex
