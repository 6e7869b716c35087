package trace

import (
	"fmt"
	"slices"
	"strings"
)

// Printer shows results. Nothing is buffered beyond one record.
type Printer interface {
	// Print shows one result. Errors are those of the writer.
	Print(r *Result) error
	// End shows the sums.
	End(t *Totals) error
}

// View is what of the results is shown.
type View struct {
	// Steps are the aliases of the steps to show; empty for all.
	Steps []string
	// OnlyChanged leaves out steps that changed nothing, and records that no step shown changed,
	// unless they were dropped or failed.
	OnlyChanged bool
}

// shows reports whether a step is shown. One that ends a record's way is, whatever was asked for.
func (v *View) shows(e *Entry) bool {
	if e.Dropped || e.Error != "" {
		return true
	}
	if len(v.Steps) > 0 && !slices.Contains(v.Steps, e.Alias) {
		return false
	}
	return !v.OnlyChanged || e.Changed
}

// skips reports whether a record is left out.
func (v *View) skips(r *Result) bool {
	return v.OnlyChanged && r.Outcome == Kept && !slices.ContainsFunc(r.Steps, func(e Entry) bool { return v.shows(&e) })
}

// Totals counts results.
type Totals struct {
	Records, Kept, Dropped, Failed, Matched, Unmatched int64
	// Tolerated are those of Failed that errors.tolerance=all skips.
	Tolerated int64
	// Test says that a predicate was asked.
	Test bool
}

// Add counts a result.
func (t *Totals) Add(r *Result) {
	t.Records++
	switch r.Outcome {
	case Kept:
		t.Kept++
	case Dropped:
		t.Dropped++
	case Failed:
		t.Failed++
		if r.Tolerated {
			t.Tolerated++
		}
	case Matched:
		t.Matched++
	case Unmatched:
		t.Unmatched++
	}
}

// String is the sums on one line.
func (t *Totals) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d record", t.Records)
	if t.Records != 1 {
		b.WriteByte('s')
	}
	if t.Test {
		fmt.Fprintf(&b, ": %d matched, %d did not", t.Matched, t.Unmatched)
		if t.Dropped > 0 {
			fmt.Fprintf(&b, ", %d dropped before", t.Dropped)
		}
		fmt.Fprintf(&b, ", %d failed", t.Failed)
	} else {
		fmt.Fprintf(&b, ": %d kept, %d dropped, %d failed", t.Kept, t.Dropped, t.Failed)
	}
	switch {
	case t.Tolerated > 0 && t.Tolerated == t.Failed:
		b.WriteString(" (skipped by errors.tolerance=all)")
	case t.Tolerated > 0:
		fmt.Fprintf(&b, " (%d skipped by errors.tolerance=all)", t.Tolerated)
	}
	return b.String()
}

// simple is a class without its package.
func simple(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

// verdict says in words what the predicate of a step said, and so why the step applied or not.
func verdict(e *Entry) string {
	said, negated := "does not match", ""
	if e.Applied != e.Negate {
		said = "matches"
	}
	if e.Negate {
		negated = ", negated"
	}
	return fmt.Sprintf("%s (%s) %s%s", printable(e.Predicate), simple(e.PredicateClass), said, negated)
}

// at names the record: where it is from.
func at(r *Result) string {
	s := r.Sample
	var parts []string
	if s.File != "" {
		parts = append(parts, printable(s.File))
	}
	if s.Line > 0 {
		parts = append(parts, fmt.Sprintf("line %d", s.Line))
	}
	return strings.Join(parts, " ")
}
