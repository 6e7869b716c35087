package errs

import (
	"slices"
	"strings"
)

// Classed is an error that knows its Java exception class.
type Classed interface {
	error
	JavaClass() string
}

// JavaClass is the kind's.
func (e *kindError) JavaClass() string { return e.kind.class }

// Trace is err as a Java stack trace names it, without stacks: a line for each error of the chain that has a
// Java class, with its own message only. What only wraps is told in the line of what it wraps, and nothing
// twice. class is that of a first line that has none of its own. Of several errors joined those behind the
// first are told as suppressed.
func Trace(class string, err error) string {
	var t tracer
	t.add("", class, err)
	return strings.Join(t.lines, "\n")
}

type tracer struct{ lines []string }

// add tells of err and what is below it.
func (t *tracer) add(prefix, class string, err error) {
	var (
		own        []string // texts since the last line
		suppressed []error
	)
	line := func(class string) {
		t.line(prefix, class, strings.Join(own, ": "))
		prefix, own = "Caused by: ", nil
	}
	for err != nil {
		causes := causesOf(err)
		if text := ownText(err, causes); text != "" && !told(t.lines, text) && !told(own, text) {
			own = append(own, text)
		}
		if c, ok := err.(Classed); ok { //nolint:errorlint // of this very error, not of its causes
			if len(own) > 0 || len(t.lines) == 0 {
				line(c.JavaClass())
			}
			class = ""
		}
		if len(causes) == 0 {
			break
		}
		err, suppressed = causes[0], append(suppressed, causes[1:]...)
	}
	if len(own) > 0 {
		line(class)
	}
	for _, s := range suppressed {
		t.add("Suppressed: ", "", s)
	}
}

func (t *tracer) line(prefix, class, text string) {
	text = strings.ReplaceAll(text, "\n", " ")
	switch {
	case class == "":
	case text == "":
		text = class
	default:
		text = class + ": " + text
	}
	t.lines = append(t.lines, prefix+text)
}

// told reports whether a line has the text already: some errors quote their cause in the midst of theirs.
func told(lines []string, text string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, text) })
}

func causesOf(err error) []error {
	switch e := err.(type) { //nolint:errorlint // what this very error wraps
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil {
			return []error{cause}
		}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}

// ownText is the text of an error without that of its cause, "" if it has none of its own.
func ownText(err error, causes []error) string {
	text := err.Error()
	if len(causes) == 0 {
		return text
	}
	all := make([]string, len(causes))
	for i, c := range causes {
		all[i] = c.Error()
	}
	own, ok := strings.CutSuffix(text, strings.Join(all, "\n"))
	if !ok {
		return text
	}
	return strings.TrimRight(own, ": \n")
}
