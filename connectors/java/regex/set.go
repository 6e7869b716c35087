package regex

import "unicode"

// set is a character class.
type set func(r rune) bool

func single(c rune) set       { return func(r rune) bool { return r == c } }
func between(lo, hi rune) set { return func(r rune) bool { return r >= lo && r <= hi } }
func anyChar(rune) bool       { return true }

func (s set) negate() set { return func(r rune) bool { return !s(r) } }

func (s set) union(t set) set {
	if s == nil {
		return t
	}
	return func(r rune) bool { return s(r) || t(r) }
}

func (s set) and(t set) set { return func(r rune) bool { return s(r) && t(r) } }

// fold is how letters of different case compare.
type fold uint8

const (
	noFold fold = iota
	asciiFold
	unicodeFold
)

// canonical maps letters that fold treats as the same to one of them.
func (f fold) canonical(r rune) rune {
	switch f {
	case asciiFold:
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
	case unicodeFold:
		return unicode.ToLower(unicode.ToUpper(r))
	}
	return r
}

func (f fold) single(c rune) set {
	if f == noFold {
		return single(c)
	}
	c = f.canonical(c)
	return func(r rune) bool { return f.canonical(r) == c }
}

func (f fold) between(lo, hi rune) set {
	switch f {
	case asciiFold:
		return func(r rune) bool {
			if r >= lo && r <= hi {
				return true
			}
			if r > unicode.MaxASCII {
				return false
			}
			up, low := unicode.ToUpper(r), unicode.ToLower(r)
			return up >= lo && up <= hi || low >= lo && low <= hi
		}
	case unicodeFold:
		return func(r rune) bool {
			if r >= lo && r <= hi {
				return true
			}
			up := unicode.ToUpper(r)
			low := unicode.ToLower(up)
			return up >= lo && up <= hi || low >= lo && low <= hi
		}
	}
	return between(lo, hi)
}

func isLineTerminator(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isASCIILetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

func isWord(r rune) bool { return r == '_' || isDigit(r) || isASCIILetter(r) }

// isUnicodeWord is \w under (?U).
func isUnicodeWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.Is(unicode.M, r) || unicode.Is(unicode.Nd, r) ||
		unicode.Is(unicode.Pc, r) || unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_Alphabetic, r) ||
		r == 0x200C || r == 0x200D
}

// isBoundaryWord is what \b of Java 17 takes for a word character: Unicode letters and digits,
// although \w is ASCII.
func isBoundaryWord(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nd, r)
}

func isSpace(r rune) bool {
	return r == ' ' || r >= '\t' && r <= '\r'
}

func isUnicodeSpace(r rune) bool { return unicode.Is(unicode.White_Space, r) }

func isHorizontalSpace(r rune) bool {
	switch r {
	case ' ', '\t', 0xA0, 0x1680, 0x180E, 0x202F, 0x205F, 0x3000:
		return true
	}
	return r >= 0x2000 && r <= 0x200A
}

func isVerticalSpace(r rune) bool {
	return r >= '\n' && r <= '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}
