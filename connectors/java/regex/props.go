package regex

import (
	"strings"
	"unicode"
)

// posix are the ASCII classes \p{Lower} and so on, with what they become under (?U).
var posix = map[string][2]set{
	"Lower":  {between('a', 'z'), unicode.IsLower},
	"Upper":  {between('A', 'Z'), unicode.IsUpper},
	"ASCII":  {between(0, 0x7F), between(0, 0x7F)},
	"Alpha":  {isASCIILetter, isAlphabetic},
	"Digit":  {isDigit, unicode.IsDigit},
	"Alnum":  {func(r rune) bool { return isDigit(r) || isASCIILetter(r) }, func(r rune) bool { return unicode.IsDigit(r) || isAlphabetic(r) }},
	"Punct":  {isASCIIPunct, unicode.IsPunct},
	"Graph":  {between(0x21, 0x7E), isGraph},
	"Print":  {between(0x20, 0x7E), func(r rune) bool { return isGraph(r) || unicode.Is(unicode.Zs, r) }},
	"Blank":  {func(r rune) bool { return r == ' ' || r == '\t' }, func(r rune) bool { return r == '\t' || unicode.Is(unicode.Zs, r) }},
	"Cntrl":  {func(r rune) bool { return r < 0x20 || r == 0x7F }, unicode.IsControl},
	"XDigit": {isHexDigit, func(r rune) bool { return unicode.IsDigit(r) || unicode.Is(unicode.Hex_Digit, r) }},
	"Space":  {isSpace, isUnicodeSpace},
}

func isASCIIPunct(r rune) bool {
	return r >= '!' && r <= '/' || r >= ':' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~'
}

func isHexDigit(r rune) bool {
	return isDigit(r) || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
}

func isAlphabetic(r rune) bool {
	return unicode.IsLetter(r) || unicode.Is(unicode.Nl, r) || unicode.Is(unicode.Other_Alphabetic, r)
}

func isGraph(r rune) bool {
	return !unicode.Is(unicode.Z, r) && !unicode.Is(unicode.C, r) && unicode.IsGraphic(r)
}

// javaMethods are the \p{javaXxx} classes, named after methods of java.lang.Character.
var javaMethods = map[string]set{
	"javaLowerCase":     unicode.IsLower,
	"javaUpperCase":     unicode.IsUpper,
	"javaAlphabetic":    isAlphabetic,
	"javaIdeographic":   in(unicode.Ideographic),
	"javaTitleCase":     unicode.IsTitle,
	"javaDigit":         unicode.IsDigit,
	"javaDefined":       in(unicode.Cn).negate(),
	"javaLetter":        unicode.IsLetter,
	"javaLetterOrDigit": func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) },
	"javaSpaceChar":     in(unicode.Z),
	"javaWhitespace":    isJavaWhitespace,
	"javaISOControl":    func(r rune) bool { return r <= 0x1F || r >= 0x7F && r <= 0x9F },
	"javaJavaIdentifierStart": func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.Nl, unicode.Sc, unicode.Pc)
	},
	"javaJavaIdentifierPart": func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.Nl, unicode.Sc, unicode.Pc, unicode.Nd, unicode.Mc, unicode.Mn) || isIgnorable(r)
	},
	"javaUnicodeIdentifierStart": func(r rune) bool { return unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start) },
	"javaUnicodeIdentifierPart": func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.Nl, unicode.Pc, unicode.Nd, unicode.Mc, unicode.Mn, unicode.Other_ID_Start, unicode.Other_ID_Continue) || isIgnorable(r)
	},
	"javaIdentifierIgnorable": isIgnorable,
}

func isIgnorable(r rune) bool {
	return r <= 8 || r >= 0xE && r <= 0x1B || r >= 0x7F && r <= 0x9F || unicode.Is(unicode.Cf, r)
}

func isJavaWhitespace(r rune) bool {
	switch r {
	case 0xA0, 0x2007, 0x202F:
		return false
	}
	return r >= '\t' && r <= '\r' || r >= 0x1C && r <= 0x1F || unicode.Is(unicode.Z, r)
}

// binaryProps are the \p{IsXxx} properties that aren't scripts or categories, upper case.
var binaryProps = map[string]set{
	"ALPHABETIC":              isAlphabetic,
	"LETTER":                  unicode.IsLetter,
	"IDEOGRAPHIC":             in(unicode.Ideographic),
	"LOWERCASE":               unicode.IsLower,
	"UPPERCASE":               unicode.IsUpper,
	"TITLECASE":               unicode.IsTitle,
	"WHITE_SPACE":             isUnicodeSpace,
	"WHITESPACE":              isUnicodeSpace,
	"CONTROL":                 unicode.IsControl,
	"PUNCTUATION":             unicode.IsPunct,
	"HEX_DIGIT":               in(unicode.Hex_Digit, unicode.Nd),
	"HEXDIGIT":                in(unicode.Hex_Digit, unicode.Nd),
	"ASSIGNED":                in(unicode.Cn).negate(),
	"DIGIT":                   unicode.IsDigit,
	"ALNUM":                   func(r rune) bool { return isAlphabetic(r) || unicode.IsDigit(r) },
	"BLANK":                   func(r rune) bool { return r == '\t' || unicode.Is(unicode.Zs, r) },
	"GRAPH":                   isGraph,
	"PRINT":                   func(r rune) bool { return isGraph(r) || unicode.Is(unicode.Zs, r) },
	"WORD":                    isUnicodeWord,
	"JOIN_CONTROL":            in(unicode.Join_Control),
	"NONCHARACTER_CODE_POINT": in(unicode.Noncharacter_Code_Point),
}

// blocks are the Unicode blocks known, by their name without spaces, dashes and underscores.
var blocks = map[string]set{
	"BASICLATIN":            between(0, 0x7F),
	"LATIN1SUPPLEMENT":      between(0x80, 0xFF),
	"LATINEXTENDEDA":        between(0x100, 0x17F),
	"LATINEXTENDEDB":        between(0x180, 0x24F),
	"IPAEXTENSIONS":         between(0x250, 0x2AF),
	"GREEK":                 between(0x370, 0x3FF),
	"GREEKANDCOPTIC":        between(0x370, 0x3FF),
	"CYRILLIC":              between(0x400, 0x4FF),
	"ARMENIAN":              between(0x530, 0x58F),
	"HEBREW":                between(0x590, 0x5FF),
	"ARABIC":                between(0x600, 0x6FF),
	"DEVANAGARI":            between(0x900, 0x97F),
	"THAI":                  between(0xE00, 0xE7F),
	"HANGULJAMO":            between(0x1100, 0x11FF),
	"GENERALPUNCTUATION":    between(0x2000, 0x206F),
	"CURRENCYSYMBOLS":       between(0x20A0, 0x20CF),
	"MATHEMATICALOPERATORS": between(0x2200, 0x22FF),
	"BOXDRAWING":            between(0x2500, 0x257F),
	"HIRAGANA":              between(0x3040, 0x309F),
	"KATAKANA":              between(0x30A0, 0x30FF),
	"CJKUNIFIEDIDEOGRAPHS":  between(0x4E00, 0x9FFF),
	"HANGULSYLLABLES":       between(0xAC00, 0xD7AF),
	"PRIVATEUSEAREA":        between(0xE000, 0xF8FF),
	"EMOTICONS":             between(0x1F600, 0x1F64F),
}

func in(tables ...*unicode.RangeTable) set {
	return func(r rune) bool { return unicode.In(r, tables...) }
}

func category(name string) (set, bool) {
	switch name {
	case "LC":
		return in(unicode.Lu, unicode.Ll, unicode.Lt), true
	case "LD":
		return func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }, true
	case "L1":
		return between(0, 0xFF), true
	case "all":
		return anyChar, true
	}
	t, ok := unicode.Categories[name]
	if !ok || len(name) > 2 {
		return nil, false
	}
	return in(t), true
}

func script(name string) (set, bool) {
	for n, t := range unicode.Scripts {
		if strings.EqualFold(n, name) {
			return in(t), true
		}
	}
	return nil, false
}

func block(name string) (set, bool) {
	s, ok := blocks[strings.ToUpper(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(name))]
	return s, ok
}
