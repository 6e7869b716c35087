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
	var s set
	for {
		switch {
		case c == '[':
			s = s.union(p.class(true))
		case c == '&' && p.at(p.pos+1) == '&':
			s = p.intersection(s)
		case c == ']' && s != nil:
			if whole {
				p.pos++
			}
			if negated {
				s = s.negate()
			}
			return s
		case c == eof:
			p.fail("Unclosed character class")
		default:
			s = s.union(p.rangeOrSingle())
		}
		c = p.peek()
	}
}

// intersection reads && and its right side.
func (p *parser) intersection(left set) set {
	p.pos += 2
	var right set
	for c := p.peek(); c != ']' && c != '&'; c = p.peek() {
		if c == eof {
			p.fail("Unclosed character class")
		}
		right = right.union(p.class(c == '['))
	}
	switch {
	case left == nil && right == nil:
		p.fail("Bad class syntax")
	case left == nil:
		return right
	case right == nil:
		return left
	}
	return left.and(right)
}

func (p *parser) rangeOrSingle() set {
	lo, s := p.classChar()
	if s != nil {
		return s
	}
	if p.peek() != '-' {
		return p.flags.fold().single(lo)
	}
	end := p.at(p.pos + 1)
	if end == '[' || end == ']' || end == eof {
		return p.flags.fold().single(lo)
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
	return p.flags.fold().between(lo, hi)
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
