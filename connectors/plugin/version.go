package plugin

import (
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Version is a version number that can be compared, in Maven's order: numbers by value, 1 = 1.0
// = 1-ga, alpha < beta < milestone < rc < snapshot < release < sp < any other word < a number.
type Version struct {
	text  string
	items []item
}

// item is a number, a word or a list: what follows a hyphen, or a change between digits and
// letters.
type item struct {
	kind itemKind
	text string // digits without leading zeros, or the rank of the word
	list []item
}

type itemKind uint8

// In the order in which Maven puts them: a number is later than a list, a list than a word.
const (
	word itemKind = iota
	list
	number
)

// ParseVersion reads a version. Every text is one.
func ParseVersion(text string) Version {
	p := versionParser{rest: strings.ToLower(text)}
	return Version{text: text, items: p.list()}
}

// String is the version as it was written.
func (v Version) String() string { return v.text }

// Compare is negative if v comes before w, positive if after, else 0.
func (v Version) Compare(w Version) int { return compareLists(v.items, w.items) }

type versionParser struct{ rest string }

// list reads items up to the end: a deeper list is always the last of its parent.
func (p *versionParser) list() []item {
	var items []item
	for p.rest != "" {
		token := p.token()
		if token != "" && !isDigit(token[0]) {
			digit := p.rest != "" && isDigit(p.rest[0])
			w := item{kind: word, text: rank(token, digit)}
			if len(items) > 0 && (digit || p.rest == "") { // 1.x counts as 1-x
				return trimNull(append(items, item{kind: list, list: p.after(w)}))
			}
			items = append(items, w)
		} else {
			items = append(items, item{kind: number, text: strings.TrimLeft(token, "0")})
		}
		if p.deeper() {
			items = append(items, item{kind: list, list: p.list()})
		}
	}
	return trimNull(items)
}

// after is a list that begins with a word, before a digit or the end.
func (p *versionParser) after(w item) []item {
	items := []item{w}
	if p.deeper() {
		items = append(items, item{kind: list, list: p.list()})
	}
	return trimNull(items)
}

// token takes the digits or the letters at the beginning, and nothing if a separator is there.
func (p *versionParser) token() string {
	n := 0
	for n < len(p.rest) && p.rest[n] != '.' && p.rest[n] != '-' && isDigit(p.rest[n]) == isDigit(p.rest[0]) {
		n++
	}
	token := p.rest[:n]
	p.rest = p.rest[n:]
	return token
}

// deeper takes the separator, if there is one, and reports whether a new list begins here.
func (p *versionParser) deeper() bool {
	switch {
	case p.rest == "":
		return false
	case p.rest[0] == '.':
		p.rest = p.rest[1:]
		return false
	case p.rest[0] == '-':
		p.rest = p.rest[1:]
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// release is the rank of no word at all.
const release = "5"

// rank makes a word comparable as text. A single letter before a digit is short for a word.
func rank(w string, beforeDigit bool) string {
	switch w {
	case "alpha":
		return "0"
	case "beta":
		return "1"
	case "milestone":
		return "2"
	case "rc", "cr":
		return "3"
	case "snapshot":
		return "4"
	case "", "ga", "final", "release":
		return release
	case "sp":
		return "6"
	case "a", "b", "m":
		if beforeDigit {
			return map[string]string{"a": "0", "b": "1", "m": "2"}[w]
		}
	}
	return "7-" + w
}

func (i item) isNull() bool {
	switch i.kind {
	case number:
		return i.text == ""
	case word:
		return i.text == release
	}
	return len(i.list) == 0
}

// trimNull takes away what doesn't count at the end: .0, -ga and so on, also before a list.
func trimNull(items []item) []item {
	for i, item := range slices.Backward(items) {
		if item.isNull() {
			items = append(items[:i], items[i+1:]...)
		} else if item.kind != list {
			break
		}
	}
	return items
}

func compareLists(a, b []item) int {
	for i := range max(len(a), len(b)) {
		var c int
		switch {
		case i >= len(a):
			c = -b[i].sign()
		case i >= len(b):
			c = a[i].sign()
		default:
			c = a[i].compare(b[i])
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// sign compares an item with nothing.
func (i item) sign() int {
	switch {
	case i.kind == list:
		return compareLists(i.list, nil)
	case i.isNull():
		return 0
	case i.kind == number:
		return 1
	}
	return strings.Compare(i.text, release)
}

func (i item) compare(j item) int {
	switch {
	case i.kind != j.kind:
		return int(i.kind) - int(j.kind)
	case i.kind == list:
		return compareLists(i.list, j.list)
	case i.kind == number && len(i.text) != len(j.text):
		return len(i.text) - len(j.text)
	}
	return strings.Compare(i.text, j.text)
}

// Requirement says which versions of a plugin will do. The zero value takes any.
type Requirement struct{ ranges []bounds }

type bounds struct {
	low, high         *Version // nil: no bound
	lowIncl, highIncl bool
}

// ParseRequirement reads the value of a *.plugin.version setting: "" or latest for any, a
// version for that one only, or Maven's ranges: [1.0], [1.0,2.0), (,1.0],[1.2,). Errors are
// errs.Config.
func ParseRequirement(spec string) (Requirement, error) {
	var r Requirement
	rest := strings.TrimSpace(spec)
	if rest == "" || rest == "latest" {
		return r, nil
	}
	if rest[0] != '[' && rest[0] != '(' {
		rest = "[" + rest + "]"
	}
	for rest != "" && (rest[0] == '[' || rest[0] == '(') {
		end := strings.IndexAny(rest, ")]")
		if end < 0 {
			return Requirement{}, errs.Config.New("Unbounded range: %s", spec)
		}
		b, err := parseBounds(rest[:end+1])
		if err != nil {
			return Requirement{}, err
		}
		if n := len(r.ranges); n > 0 {
			before := r.ranges[n-1].high
			if before == nil || b.low == nil || b.low.Compare(*before) < 0 {
				return Requirement{}, errs.Config.New("Ranges overlap: %s", spec)
			}
		}
		r.ranges = append(r.ranges, b)
		rest = strings.TrimSpace(rest[end+1:])
		rest = strings.TrimSpace(strings.TrimPrefix(rest, ","))
	}
	if rest != "" {
		return Requirement{}, errs.Config.New("Only fully-qualified sets allowed in multiple set scenario: %s", spec)
	}
	return r, nil
}

// parseBounds reads one range, brackets included.
func parseBounds(spec string) (bounds, error) {
	b := bounds{lowIncl: spec[0] == '[', highIncl: spec[len(spec)-1] == ']'}
	low, high, two := strings.Cut(spec[1:len(spec)-1], ",")
	if !two {
		if !b.lowIncl || !b.highIncl {
			return b, errs.Config.New("Single version must be surrounded by []: %s", spec)
		}
		high = low
	}
	b.low, b.high = bound(low), bound(high)
	if b.low == nil || b.high == nil {
		if !two {
			return b, errs.Config.New("no version in %s", spec)
		}
		return b, nil
	}
	if c := b.high.Compare(*b.low); c < 0 || c == 0 && !(b.lowIncl && b.highIncl) {
		return b, errs.Config.New("Range defies version ordering: %s", spec)
	}
	return b, nil
}

func bound(text string) *Version {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	v := ParseVersion(text)
	return &v
}

// Contains reports whether a version will do.
func (r Requirement) Contains(v Version) bool {
	for _, b := range r.ranges {
		if b.contains(v) {
			return true
		}
	}
	return len(r.ranges) == 0
}

func (b bounds) contains(v Version) bool {
	if b.low != nil {
		if c := v.Compare(*b.low); c < 0 || c == 0 && !b.lowIncl {
			return false
		}
	}
	if b.high != nil {
		if c := v.Compare(*b.high); c > 0 || c == 0 && !b.highIncl {
			return false
		}
	}
	return true
}

// String is the requirement as Maven prints it, latest for any.
func (r Requirement) String() string {
	if len(r.ranges) == 0 {
		return "latest"
	}
	texts := make([]string, len(r.ranges))
	for i, b := range r.ranges {
		left, right := "(", ")"
		if b.lowIncl {
			left = "["
		}
		if b.highIncl {
			right = "]"
		}
		texts[i] = left + b.low.textOrNone() + "," + b.high.textOrNone() + right
	}
	return strings.Join(texts, ",")
}

func (v *Version) textOrNone() string {
	if v == nil {
		return ""
	}
	return v.text
}

// VersionValidator accepts what ParseRequirement does, and null. It is for the *.plugin.version
// settings and prints nothing, as Java's.
func VersionValidator() config.Validator {
	return config.LambdaValidator("", func(name string, value any) error {
		text, ok := value.(string)
		if !ok {
			return nil
		}
		if _, err := ParseRequirement(text); err != nil {
			return config.Invalid(name, value, errs.Message(err))
		}
		return nil
	})
}
