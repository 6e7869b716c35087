package regex

// class reads a character class from its opening bracket on (whole), or the rest of one that
// stands to the right of &&, up to its closing bracket, which it leaves.
func (p *parser) class(whole bool) set {
	p.enter()
	defer func() { p.depth-- }()
	negated := false
	c := p.peek()
	if whole {
		c = p.next()
		if c == '^' && p.at(p.pos-1) == '[' {
			negated = true
			c = p.next()
		}
	}
	var s members
	for {
		switch {
		case c == '[':
			s.addSet(p.class(true))
		case c == '&' && p.at(p.pos+1) == '&':
			s = p.intersection(&s)
		case c == ']' && !s.empty():
			if whole {
				p.pos++
			}
			if negated {
				return s.set().negate()
			}
			return s.set()
		case c == eof:
			p.fail("Unclosed character class")
		default:
			p.rangeOrSingle(&s)
		}
		c = p.peek()
	}
}

// members is a class being read: single characters in a table, the rest one by one.
type members struct {
	low  [256]bool
	high map[rune]bool
	sets []set
	some bool
}

func (m *members) empty() bool { return !m.some }

func (m *members) addSet(s set) {
	m.sets = append(m.sets, s)
	m.some = true
}

func (m *members) addChar(c rune) {
	m.some = true
	if c >= 0 && c < 256 {
		m.low[c] = true
		return
	}
	if m.high == nil {
		m.high = map[rune]bool{}
	}
	m.high[c] = true
}

func (m *members) set() set {
	low, high, sets := m.low, m.high, m.sets
	return func(r rune) bool {
		if r >= 0 && r < 256 && low[r] || high[r] {
			return true
		}
		for _, s := range sets {
			if s(r) {
				return true
			}
		}
		return false
	}
}

func (f fold) add(m *members, c rune) {
	switch {
	case f == unicodeFold:
		m.addSet(f.single(c))
	case f == asciiFold && isASCIILetter(c):
		m.addChar(c | 0x20)
		m.addChar(c &^ 0x20)
	default:
		m.addChar(c)
	}
}

// intersection reads && and its right side.
func (p *parser) intersection(left *members) (both members) {
	p.pos += 2
	var right members
	for c := p.peek(); c != ']' && c != '&'; c = p.peek() {
		if c == eof {
			p.fail("Unclosed character class")
		}
		right.addSet(p.class(c == '['))
	}
	switch {
	case left.empty() && right.empty():
		p.fail("Bad class syntax")
	case left.empty():
		return right
	case right.empty():
		return *left
	}
	both.addSet(left.set().and(right.set()))
	return both
}

func (p *parser) rangeOrSingle(m *members) {
	lo, s := p.classChar()
	if s != nil {
		m.addSet(s)
		return
	}
	isRange := p.peek() == '-'
	if end := p.at(p.pos + 1); isRange && (end == '[' || end == ']' || end == eof) {
		isRange = false
	}
	if !isRange {
		p.flags.fold().add(m, lo)
		return
	}
	p.pos++
	p.peek()
	if p.at(p.pos) == '\\' && p.isSetEscape(p.at(p.pos+1)) {
		p.pos++
		p.fail("Illegal character range")
	}
	hi, _ := p.classChar()
	if hi < lo {
		p.fail("Illegal character range")
	}
	m.addSet(p.flags.fold().between(lo, hi))
}

func (p *parser) isSetEscape(c rune) bool {
	switch c {
	case 'd', 'D', 'w', 'W', 's', 'S', 'h', 'H', 'v', 'V', 'p', 'P':
		return true
	}
	return false
}

// classChar reads one member of a class: a code point, or a set.
func (p *parser) classChar() (rune, set) {
	c := p.peek()
	if c != '\\' {
		p.pos++
		return c, nil
	}
	p.pos++
	if p.pos >= len(p.in) {
		p.pos++
		p.fail("Unexpected internal error")
	}
	if s := p.classEscape(); s != nil {
		return 0, s
	}
	switch p.at(p.pos) {
	case 'A', 'B', 'G', 'R', 'X', 'Z', 'b', 'k', 'z', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		p.pos++
		p.fail("Illegal/unsupported escape sequence")
	}
	return p.literalEscape(), nil
}
