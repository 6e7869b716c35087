package java

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// ParseInt reads an integer of so many bits as Long.parseLong and its like do: digits of any
// script, a sign, nothing else.
func ParseInt(s string, bits int) (int64, bool) {
	s, ok := ASCIIDigits(s)
	n, err := strconv.ParseInt(s, 10, bits)
	return n, ok && err == nil
}

// ASCIIDigits turns the decimal digits of any script into 0 to 9; ok is false where other characters
// beyond ASCII are in the text.
func ASCIIDigits(s string) (string, bool) {
	for i := range len(s) {
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
			d := Digit(r)
			if d < 0 {
				return "", false
			}
			r = '0' + rune(d)
		}
		b.WriteRune(r)
	}
	return b.String(), true
}

// Digit is the value of a decimal digit of any script, -1 for other characters. Unicode keeps the ten
// digits of a script together, in order.
func Digit(r rune) int {
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

// ParseFloat reads a float of 32 or 64 bits as Double.parseDouble and Float.parseFloat do: blanks
// around it, a suffix f or d and hexadecimal floats are allowed, what is too big is infinite.
func ParseFloat(s string, bits int) (float64, bool) {
	s = Trim(s)
	body := strings.TrimLeft(s, "+-")
	if len(s)-len(body) > 1 {
		return 0, false
	}
	switch {
	case body == "NaN":
		return math.NaN(), true
	case body == "Infinity":
		if s[0] == '-' {
			return math.Inf(-1), true
		}
		return math.Inf(1), true
	case body == "" || strings.ContainsRune(body, '_') || body[0] != '.' && (body[0] < '0' || body[0] > '9'):
		return 0, false // also the words for infinity and NaN that only Go knows
	}
	hex := len(body) > 1 && (body[1] == 'x' || body[1] == 'X')
	if last := s[len(s)-1] | 0x20; (last == 'f' || last == 'd') && (!hex || strings.ContainsAny(body, "pP")) {
		s = s[:len(s)-1]
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}

// FloatToInt64 is Java's (long) f: what is too big is the biggest, NaN is 0.
func FloatToInt64(f float64) int64 {
	switch {
	case f != f:
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}

// FloatToInt32 is Java's (int) f.
func FloatToInt32(f float64) int32 {
	switch {
	case f != f:
		return 0
	case f >= math.MaxInt32:
		return math.MaxInt32
	case f <= math.MinInt32:
		return math.MinInt32
	}
	return int32(f)
}
