package regex

import (
	"fmt"
	"strings"
)

// SyntaxError is a pattern that Java refuses. Its text is laid out as Java's: what is wrong and
// where, the pattern, and a mark below the place.
type SyntaxError struct {
	Desc    string
	Index   int // in code points; -1 when unknown
	Pattern string
}

// Error is the text as Java's PatternSyntaxException gives it.
func (e *SyntaxError) Error() string {
	var b strings.Builder
	b.WriteString(e.Desc)
	if e.Index >= 0 {
		fmt.Fprintf(&b, " near index %d", e.Index)
	}
	b.WriteString("\n" + e.Pattern)
	if e.Index >= 0 && e.Index < len([]rune(e.Pattern)) {
		b.WriteString("\n" + strings.Repeat(" ", e.Index) + "^")
	}
	return b.String()
}

// maxNesting bounds how deep groups and classes lie in each other, so that neither parsing nor
// matching runs out of stack.
const maxNesting = 500

type flags struct {
	insensitive, unicodeCase, multiline, dotAll, unixLines, comments, unicodeClass bool
}

func (f flags) fold() fold {
	switch {
	case f.insensitive && f.unicodeCase:
		return unicodeFold
	case f.insensitive:
		return asciiFold
	}
	return noFold
}

// parser reads a pattern with a cursor on the next code point. Mistakes leave it by panic with a
// *SyntaxError, which Compile catches: it keeps the grammar readable.
type parser struct {
	pattern string
	in      []rune
	pos     int
	flags   flags
	groups  int // capturing groups opened so far, the whole match included
	names   map[string]int
	depth   int
}

const eof rune = -1

func (p *parser) fail(format string, args ...any) {
	panic(&SyntaxError{Desc: fmt.Sprintf(format, args...), Index: p.pos - 1, Pattern: p.pattern})
}

func (p *parser) at(i int) rune {
	if i >= 0 && i < len(p.in) {
		return p.in[i]
	}
	return eof
}

// peek is the code point under the cursor; under (?x) blanks and comments before it are skipped.
func (p *parser) peek() rune {
	if p.flags.comments {
		p.skipComments()
	}
	return p.at(p.pos)
}

// next moves on by one and peeks.
func (p *parser) next() rune {
	p.pos++
	return p.peek()
}

// read returns the code point under the cursor and moves past it.
func (p *parser) read() rune {
	c := p.peek()
	p.pos++
	return c
}

func (p *parser) skipComments() {
	for p.pos < len(p.in) {
		switch c := p.in[p.pos]; {
		case isSpace(c):
			p.pos++
		case c == '#':
			for p.pos < len(p.in) && !isLineTerminator(p.in[p.pos]) {
				p.pos++
			}
		default:
			return
		}
	}
}

func (p *parser) enter() {
	if p.depth++; p.depth > maxNesting {
		p.fail("Groups or classes are nested more than %d deep", maxNesting)
	}
}

func (p *parser) parse() node {
	n := p.alternatives()
	if p.pos < len(p.in) {
		if p.peek() == ')' {
			p.pos++
			p.fail("Unmatched closing ')'")
		}
		p.fail("Unexpected internal error")
	}
	return n
}

func (p *parser) alternatives() node {
	alts := []node{p.sequence()}
	for p.peek() == '|' {
		p.pos++
		alts = append(alts, p.sequence())
	}
	if len(alts) == 1 {
		return alts[0]
	}
	return choice{alts}
}

func (p *parser) sequence() node {
	var items []node
	for {
		switch c := p.peek(); c {
		case eof, '|', ')':
			return sequence{items}
		case '(':
			if n := p.group(); n != nil {
				items = append(items, p.quantified(n))
			}
		case '?', '*', '+':
			p.pos++
			p.fail("Dangling meta character '%c'", c)
		default:
			items = append(items, p.quantified(p.atom(c)))
		}
	}
}

// atom reads one thing that a quantifier can follow, other than a group.
func (p *parser) atom(c rune) node {
	switch c {
	case '[':
		start := p.pos
		s := p.class(true)
		return char{s, (p.pos - start) / 8}
	case '\\':
		return p.escape()
	case '^':
		p.pos++
		return assert{p.caret()}
	case '$':
		p.pos++
		return assert{p.dollar()}
	case '.':
		p.pos++
		return char{set: p.dot()}
	case '{':
		return empty{} // what can't be a quantifier is refused by quantified
	}
	p.pos++
	return char{set: p.flags.fold().single(c)}
}

func (p *parser) caret() assertion {
	switch {
	case p.flags.multiline && p.flags.unixLines:
		return beginUnixLine
	case p.flags.multiline:
		return beginLine
	}
	return beginInput
}

func (p *parser) dollar() assertion {
	switch {
	case p.flags.multiline && p.flags.unixLines:
		return endUnixLine
	case p.flags.multiline:
		return endLine
	case p.flags.unixLines:
		return endBeforeFinalUnixTerminator
	}
	return endBeforeFinalTerminator
}

func (p *parser) dot() set {
	switch {
	case p.flags.dotAll:
		return anyChar
	case p.flags.unixLines:
		return single('\n').negate()
	}
	return set(isLineTerminator).negate()
}

// quantified reads the quantifier after n, if there is one.
func (p *parser) quantified(n node) node {
	r := repeat{body: n, max: unbounded}
	switch p.peek() {
	case '?':
		r.max = 1
	case '*':
	case '+':
		r.min = 1
	case '{':
		p.counts(&r)
	default:
		return n
	}
	switch p.next() {
	case '?':
		p.pos++
		r.mode = lazy
	case '+':
		p.pos++
		r.mode = possessive
	}
	return r
}

// counts reads {n}, {n,} or {n,m} up to its closing brace.
func (p *parser) counts(r *repeat) {
	if !isDigit(p.at(p.pos + 1)) {
		p.pos++
		p.fail("Illegal repetition")
	}
	p.pos++
	r.min = p.count()
	r.max = r.min
	if p.peek() == ',' {
		r.max = unbounded
		if isDigit(p.next()) {
			r.max = p.count()
		}
	}
	if p.peek() != '}' {
		p.fail("Unclosed counted closure")
	}
	if r.max != unbounded && r.max < r.min {
		p.pos++
		p.fail("Illegal repetition range")
	}
}

func (p *parser) count() int {
	n := 0
	for isDigit(p.peek()) {
		n = n*10 + int(p.read()-'0')
		if n > 1<<31-1 {
			p.fail("Illegal repetition range")
		}
	}
	return n
}

// group reads what starts with a parenthesis. It is nil when that only sets flags.
func (p *parser) group() node {
	saved := p.flags
	p.enter()
	defer func() { p.depth-- }()
	p.pos++
	if p.peek() != '?' {
		n := p.groups
		p.groups++
		body := p.alternatives()
		return group{n, p.closed(body, saved)}
	}
	switch c := p.skip(); c {
	case ':':
		return p.closed(p.alternatives(), saved)
	case '=', '!':
		return look{body: p.closed(p.alternatives(), saved), negate: c == '!'}
	case '>':
		return atomic{body: p.closed(p.alternatives(), saved)}
	case '<':
		return p.angleGroup(saved)
	case '$', '@':
		p.fail("Unknown group type")
	}
	p.pos--
	p.inlineFlags()
	switch p.read() {
	case ')':
		return nil // flags that hold until the end of the group around
	case ':':
		return p.closed(p.alternatives(), saved)
	}
	p.fail("Unknown inline modifier")
	return nil
}

// skip moves past the code point under the cursor and returns the one behind it, past which it
// moves too.
func (p *parser) skip() rune {
	p.pos++
	c := p.at(p.pos)
	p.pos++
	return c
}

// angleGroup reads a named group or lookbehind, from behind "(?<".
func (p *parser) angleGroup(saved flags) node {
	c := p.read()
	if isASCIILetter(c) {
		name := p.groupName(c)
		if _, taken := p.names[name]; taken {
			p.fail("Named capturing group <%s> is already defined", name)
		}
		n := p.groups
		p.groups++
		p.names[name] = n
		body := p.alternatives()
		return group{n, p.closed(body, saved)}
	}
	if c != '=' && c != '!' {
		p.fail("Unknown look-behind group")
	}
	body := p.alternatives()
	p.peek()
	found := studied(body)
	if !found.bounded {
		p.fail("Look-behind group does not have an obvious maximum length")
	}
	return look{body: p.closed(body, saved), behind: true, negate: c == '!', min: found.min, max: found.max}
}

// groupName reads the rest of a name and its closing bracket.
func (p *parser) groupName(first rune) string {
	if !isASCIILetter(first) {
		p.fail("capturing group name does not start with a Latin letter")
	}
	var name strings.Builder
	name.WriteString(string(first))
	c := p.read()
	for isASCIILetter(c) || isDigit(c) {
		name.WriteString(string(c))
		c = p.read()
	}
	if c != '>' {
		p.fail("named capturing group is missing trailing '>'")
	}
	return name.String()
}

func (p *parser) closed(body node, saved flags) node {
	if p.peek() != ')' {
		p.pos++
		p.pos = min(p.pos, len(p.in)+1)
		p.fail("Unclosed group")
	}
	p.pos++
	p.flags = saved
	return body
}

func (p *parser) inlineFlags() {
	on := true
	for ; ; p.pos++ {
		switch p.peek() {
		case 'i':
			p.flags.insensitive = on
		case 'm':
			p.flags.multiline = on
		case 's':
			p.flags.dotAll = on
		case 'd':
			p.flags.unixLines = on
		case 'u':
			p.flags.unicodeCase = on
		case 'x':
			p.flags.comments = on
		case 'U':
			p.flags.unicodeClass, p.flags.unicodeCase = on, on
		case 'c':
			p.fail("Canonical equivalence (?c) is not supported")
		case '-':
			if !on {
				p.fail("Unknown inline modifier")
			}
			on = false
		default:
			return
		}
	}
}
