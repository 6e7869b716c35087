package jsonpath

import (
	"fmt"
	"strconv"
	"strings"
)

// Path is a JSON path, ready to be used from one goroutine at a time or many.
type Path struct {
	text     string
	steps    []step
	before   int  // steps before the first that may lead to several places
	definite bool // there is none such
}

// String is the path as it was written.
func (p *Path) String() string { return p.text }

// Definite reports whether the path leads to one place at most.
func (p *Path) Definite() bool { return p.definite }

type stepKind int

const (
	property stepKind = iota
	index
	slice
	wildcard
	scan
	filter
	length
)

// step is one part of a path.
type step struct {
	kind     stepKind
	names    []string
	indexes  []int
	from, to *int
	cond     node
}

func (s *step) definite() bool {
	switch s.kind {
	case property:
		return len(s.names) == 1
	case index:
		return len(s.indexes) == 1
	case length:
		return true
	}
	return false
}

// Compile reads a path, which begins with $.
func Compile(text string) (*Path, error) {
	p := &parser{text: strings.TrimSpace(text)}
	path := p.path('$')
	if p.err == nil && p.at < len(p.text) {
		p.fail("something follows the end of the path")
	}
	if p.err != nil {
		return nil, p.err
	}
	return path, nil
}

const maxDepth = 100 // of conditions in conditions

// parser reads a path; the first mistake is kept.
type parser struct {
	text  string
	at    int
	depth int
	err   error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf("JSON path %q, at %d: %s", p.text, p.at, fmt.Sprintf(format, args...))
	}
	p.at = len(p.text) // nothing more is read
}

func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) blanks() {
	for p.peek() == ' ' || p.peek() == '\t' || p.peek() == '\n' || p.peek() == '\r' {
		p.at++
	}
}

// accept reads the token if it is next, blanks before it included.
func (p *parser) accept(token string) bool {
	p.blanks()
	if p.err != nil || !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	p.at += len(token)
	return true
}

func (p *parser) expect(token string) {
	if !p.accept(token) {
		p.fail("%q is missing", token)
	}
}

// path reads a path that begins with the root character.
func (p *parser) path(root byte) *Path {
	start := p.at
	if p.peek() != root {
		p.fail("the path must begin with %c", root)
		return &Path{}
	}
	p.at++
	path := &Path{definite: true}
	for p.err == nil {
		s, ok := p.step()
		if !ok {
			break
		}
		path.steps = append(path.steps, s)
		if path.definite = path.definite && s.definite(); path.definite {
			path.before = len(path.steps)
		}
	}
	if n := len(path.steps); p.err == nil && n > 0 && path.steps[n-1].kind == scan {
		p.fail("the path must not end with ..")
	}
	path.text = p.text[start:min(p.at, len(p.text))]
	return path
}

// step reads the next step; ok is false where the path ends.
func (p *parser) step() (s step, ok bool) {
	switch p.peek() {
	case '[':
		p.at++
		return p.bracket(), true
	case '.':
		p.at++
		if p.peek() == '.' {
			p.at++
			if p.peek() != '[' && p.peek() != 0 {
				p.at-- // the name behind .. is read as after a single dot
			}
			return step{kind: scan}, true
		}
		if p.peek() == '[' { // $.[…] is written too
			p.at++
			return p.bracket(), true
		}
		return p.name(), true
	}
	return s, false
}

const nameEnd = " .[()]=!<>&|,~\t\n\r"

func (p *parser) name() step {
	if p.peek() == '*' {
		p.at++
		return step{kind: wildcard}
	}
	start := p.at
	for p.at < len(p.text) && !strings.ContainsRune(nameEnd, rune(p.peek())) {
		p.at++
	}
	name := p.text[start:p.at]
	if name == "" {
		p.fail("a name is missing")
	}
	if p.peek() != '(' {
		return step{kind: property, names: []string{name}}
	}
	if name != "length" && name != "size" {
		p.fail("the function %s() is not supported", name)
		return step{}
	}
	p.at++
	p.expect(")")
	return step{kind: length}
}

// bracket reads what follows [.
func (p *parser) bracket() step {
	p.blanks()
	var s step
	switch c := p.peek(); {
	case c == '*':
		p.at++
		s.kind = wildcard
	case c == '?':
		p.at++
		p.expect("(")
		s = step{kind: filter, cond: p.or()}
		p.expect(")")
	case c == '\'' || c == '"':
		s.kind = property
		for p.err == nil {
			p.blanks()
			s.names = append(s.names, p.quoted())
			if !p.accept(",") {
				break
			}
		}
	default:
		s = p.numbers()
	}
	p.expect("]")
	return s
}

// quoted reads a text in quotes of either kind, in which a backslash escapes.
func (p *parser) quoted() string {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		p.fail("a text in quotes is missing")
		return ""
	}
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == quote:
			p.at++
			return b.String()
		case c == '\\' && p.at+1 < len(p.text):
			p.at++
			b.WriteString(unescaped(p.text[p.at]))
		default:
			b.WriteByte(c)
		}
	}
	p.fail("the quote isn't closed")
	return ""
}

func unescaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	}
	return string(c)
}

// numbers reads indexes, 1,2, or a slice, 1:3.
func (p *parser) numbers() step {
	first := p.number()
	if p.accept(":") {
		return step{kind: slice, from: first, to: p.number()}
	}
	s := step{kind: index}
	for ; p.err == nil; first = p.number() {
		if first == nil {
			p.fail("an index is missing")
			break
		}
		s.indexes = append(s.indexes, *first)
		if !p.accept(",") {
			break
		}
	}
	return s
}

// number reads a whole number, nil if there is none.
func (p *parser) number() *int {
	p.blanks()
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	for p.peek() >= '0' && p.peek() <= '9' {
		p.at++
	}
	n, err := strconv.Atoi(p.text[start:p.at])
	if err != nil {
		if p.at > start {
			p.fail("%q is no index", p.text[start:p.at])
		}
		return nil
	}
	return &n
}
