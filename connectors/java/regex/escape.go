package regex

import (
	"strings"
)

// escape reads a backslash and what follows it, outside a class.
func (p *parser) escape() node {
	p.pos++
	switch c := p.at(p.pos); c {
	case eof:
		p.pos++
		p.fail("Unexpected internal error")
	case 'b':
		return assert{p.boundary()}
	case 'B':
		p.pos++
		return assert{p.pick(notWordBoundary, notUnicodeWordBoundary)}
	case 'A':
		p.pos++
		return assert{beginInput}
	case 'G':
		p.pos++
		return assert{lastMatchEnd}
	case 'Z':
		p.pos++
		if p.flags.unixLines {
			return assert{endBeforeFinalUnixTerminator}
		}
		return assert{endBeforeFinalTerminator}
	case 'z':
		p.pos++
		return assert{endInput}
	case 'R':
		p.pos++
		return linebreak
	case 'k':
		return p.namedRef()
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return p.ref()
	}
	if s := p.classEscape(); s != nil {
		return char{set: s}
	}
	return char{set: p.flags.fold().single(p.literalEscape())}
}

// linebreak is \R.
var linebreak = atomic{linebreak: true, body: choice{[]node{
	sequence{[]node{char{set: single('\r')}, char{set: single('\n')}}}, char{set: isVerticalSpace},
}}}

func (p *parser) pick(ascii, uni assertion) assertion {
	if p.flags.unicodeClass {
		return uni
	}
	return ascii
}

func (p *parser) boundary() assertion {
	p.pos++
	if p.at(p.pos) == '{' {
		p.fail("Grapheme boundaries \\b{g} are not supported")
	}
	return p.pick(wordBoundary, unicodeWordBoundary)
}

func (p *parser) namedRef() node {
	p.pos++
	if p.read() != '<' {
		p.fail("\\k is not followed by '<' for named capturing group")
	}
	name := p.groupName(p.read())
	n, ok := p.names[name]
	if !ok {
		p.fail("named capturing group <%s> does not exist", name)
	}
	return backref{n, p.flags.fold()}
}

// ref reads a number as long as there is a group of that number.
func (p *parser) ref() node {
	n := int(p.at(p.pos) - '0')
	p.pos++
	for isDigit(p.peek()) {
		more := n*10 + int(p.peek()-'0')
		if p.groups-1 < more {
			break
		}
		n = more
		p.pos++
	}
	if n >= p.groups {
		return never{}
	}
	return backref{n, p.flags.fold()}
}

// classEscape reads an escape that stands for a set, or returns nil and reads nothing. The
// cursor is behind the backslash.
func (p *parser) classEscape() set {
	c := p.at(p.pos)
	if c == 'p' || c == 'P' {
		p.pos++
		s := p.property()
		if c == 'P' {
			s = s.negate()
		}
		return s
	}
	uni := p.flags.unicodeClass
	s, negated := set(nil), false
	switch c {
	case 'd', 'D':
		s, negated = either(uni, unicodeDigit, isDigit), c == 'D'
	case 'w', 'W':
		s, negated = either(uni, isUnicodeWord, isWord), c == 'W'
	case 's', 'S':
		s, negated = either(uni, isUnicodeSpace, isSpace), c == 'S'
	case 'h', 'H':
		s, negated = isHorizontalSpace, c == 'H'
	case 'v', 'V':
		s, negated = isVerticalSpace, c == 'V'
	default:
		return nil
	}
	p.pos++
	if negated {
		s = s.negate()
	}
	return s
}

func unicodeDigit(r rune) bool { return posix["Digit"][1](r) }

func either(uni bool, a, b set) set {
	if uni {
		return a
	}
	return b
}

// literalEscape reads an escape that stands for one code point.
func (p *parser) literalEscape() rune {
	c := p.at(p.pos)
	p.pos++
	switch c {
	case 'a':
		return 7
	case 'e':
		return 0x1B
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case '0':
		return p.octal()
	case 'c':
		if p.pos >= len(p.in) {
			p.fail("Illegal control escape sequence")
		}
		p.pos++
		return p.at(p.pos-1) ^ 64
	case 'u':
		return p.unicodeEscape()
	case 'x':
		return p.hexEscape()
	case 'N':
		p.fail("Named characters \\N{…} are not supported")
	case 'X':
		p.fail("Grapheme clusters \\X are not supported")
	case eof:
		p.fail("Unexpected internal error")
	}
	if isASCIILetter(c) || isDigit(c) {
		p.fail("Illegal/unsupported escape sequence")
	}
	return c
}

func (p *parser) octal() rune {
	n, digits := rune(0), 0
	for limit := 3; digits < limit; digits++ {
		c := p.at(p.pos)
		if c < '0' || c > '7' {
			break
		}
		if digits == 0 && c > '3' {
			limit = 2
		}
		n = n*8 + c - '0'
		p.pos++
	}
	if digits == 0 {
		p.fail("Illegal octal escape sequence")
	}
	return n
}

func (p *parser) hex(n int) (v rune, ok bool) {
	for range n {
		c := p.at(p.pos)
		if !isHexDigit(c) {
			return 0, false
		}
		v = v*16 + hexValue(c)
		p.pos++
	}
	return v, true
}

func hexValue(c rune) rune {
	if isDigit(c) {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// unicodeEscape reads four hexadecimal digits, and a second \uXXXX when they are a surrogate pair.
func (p *parser) unicodeEscape() rune {
	v, ok := p.hex(4)
	if !ok {
		p.fail("Illegal Unicode escape sequence")
	}
	if v >= 0xD800 && v < 0xDC00 && p.at(p.pos) == '\\' && p.at(p.pos+1) == 'u' {
		back := p.pos
		p.pos += 2
		if low, ok := p.hex(4); ok && low >= 0xDC00 && low < 0xE000 {
			return (v-0xD800)<<10 + (low - 0xDC00) + 0x10000
		}
		p.pos = back
	}
	return v
}

func (p *parser) hexEscape() rune {
	if p.at(p.pos) != '{' {
		v, ok := p.hex(2)
		if !ok {
			p.fail("Illegal hexadecimal escape sequence")
		}
		return v
	}
	p.pos++
	v, digits := rune(0), 0
	for ; isHexDigit(p.at(p.pos)); p.pos++ {
		v = v*16 + hexValue(p.at(p.pos))
		if digits++; v > 0x10FFFF {
			p.fail("Hexadecimal codepoint is too big")
		}
	}
	if digits == 0 || p.at(p.pos) != '}' {
		p.fail("Unclosed hexadecimal escape sequence")
	}
	p.pos++
	return v
}

// property reads what follows \p or \P.
func (p *parser) property() set {
	if p.at(p.pos) != '{' {
		name := string(p.read())
		s, ok := category(name)
		if !ok {
			p.fail("Unknown character property name {%s}", name)
		}
		return s
	}
	p.pos++
	end := p.pos
	for end < len(p.in) && p.in[end] != '}' {
		end++
	}
	if end >= len(p.in) {
		p.pos = len(p.in) + 1
		p.fail("Unclosed character family")
	}
	name := string(p.in[p.pos:end])
	p.pos = end + 1
	if name == "" {
		p.fail("Empty character family")
	}
	return p.propertyNamed(name)
}

func (p *parser) propertyNamed(name string) set {
	if key, value, ok := strings.Cut(name, "="); ok {
		return p.propertyOf(strings.ToLower(key), value)
	}
	if rest, ok := strings.CutPrefix(name, "In"); ok {
		return p.mustFind(rest, block, "Unknown character block name {%s}")
	}
	if rest, ok := strings.CutPrefix(name, "Is"); ok {
		if s, ok := binaryProps[strings.ToUpper(rest)]; ok {
			return s
		}
		if s, ok := category(rest); ok {
			return s
		}
		return p.mustFind(rest, script, "Unknown character property name {%s}")
	}
	if s, ok := posix[name]; ok {
		if p.flags.unicodeClass {
			return s[1]
		}
		return p.caseless(name, s[0])
	}
	if s, ok := javaMethods[name]; ok {
		return p.caseless(name, s)
	}
	s := p.mustFind(name, category, "Unknown character property name {%s}")
	return p.caseless(name, s)
}

// caseless widens the classes that are about case to both cases under (?i), as Java does.
func (p *parser) caseless(name string, s set) set {
	if !p.flags.insensitive {
		return s
	}
	switch name {
	case "Lower", "Upper":
		return isASCIILetter
	case "Lu", "Ll", "Lt":
		both, _ := category("LC")
		return both
	case "javaLowerCase", "javaUpperCase", "javaTitleCase":
		return javaMethods["javaLowerCase"].union(javaMethods["javaUpperCase"]).union(javaMethods["javaTitleCase"])
	}
	return s
}

func (p *parser) propertyOf(key, value string) set {
	switch key {
	case "sc", "script":
		return p.mustFind(value, script, "Unknown character script name {%s}")
	case "blk", "block":
		return p.mustFind(value, block, "Unknown character block name {%s}")
	case "gc", "general_category":
		return p.mustFind(value, category, "Unknown Unicode property {name=<"+key+">, value=<%s>}")
	}
	p.fail("Unknown Unicode property {name=<%s>, value=<%s>}", key, value)
	return nil
}

func (p *parser) mustFind(name string, find func(string) (set, bool), complaint string) set {
	s, ok := find(name)
	if !ok {
		p.fail(complaint, name)
	}
	return s
}
