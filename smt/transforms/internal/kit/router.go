package kit

import (
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// Router replaces texts, mostly topics, that match a Java regular expression as a whole. The answer
// for a text is kept, since a task sees few.
type Router struct {
	re          *regex.Regexp
	replacement string
	text        string // the one seen last and what became of it
	last        routed
	known       map[string]routed
}

type routed struct {
	to  string
	ok  bool
	err error
}

const maxRoutes = 4096

// NewRouter makes a router; the error says what is wrong with the pattern.
func NewRouter(pattern, replacement string) (*Router, error) {
	re, err := regex.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return &Router{re: re, replacement: replacement, known: map[string]routed{}}, nil
}

// Route is what the text becomes; ok is false, and the text as it was, where it doesn't match. As in
// Java a wrong replacement is an error only here.
func (r *Router) Route(text string) (to string, ok bool, err error) {
	if text == r.text && text != "" {
		return r.last.to, r.last.ok, r.last.err
	}
	known, seen := r.known[text]
	if !seen {
		known.to, known.ok, known.err = r.route(text)
		if len(r.known) >= maxRoutes {
			clear(r.known)
		}
		r.known[text] = known
	}
	r.text, r.last = text, known
	return known.to, known.ok, known.err
}

func (r *Router) route(text string) (string, bool, error) {
	ok, err := r.re.MatchString(text)
	if err == nil && ok {
		text, err = r.re.ReplaceFirst(text, r.replacement)
	}
	if err != nil && errs.KindOf(err) == nil {
		return "", false, errs.Data.Wrap(err, "regex %q on topic %q", r.re, text)
	}
	return text, ok, err
}
