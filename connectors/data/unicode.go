package data

import (
	"strings"
	"unicode"
)

// asciiDigits turns the decimal digits of any script into 0 to 9; ok is false where other
// characters beyond ASCII are in the text.
func asciiDigits(s string) (string, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return asciiDigitsSlow(s)
		}
	}
	return s, true
}

func asciiDigitsSlow(s string) (string, bool) {
	var b strings.Builder
	for _, r := range s {
		if r >= 0x80 {
			d := digitOf(r)
			if d < 0 {
				return "", false
			}
			r = '0' + rune(d)
		}
		b.WriteRune(r)
	}
	return b.String(), true
}

// digitOf is the value of a decimal digit, -1 for other characters. Unicode keeps the ten
// digits of a script together, in order.
func digitOf(r rune) int {
	if !unicode.IsDigit(r) {
		return -1
	}
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return int(r-rune(t.Lo)) % 10
		}
	}
	return -1
}
