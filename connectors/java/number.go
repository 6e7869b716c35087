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
	n, err := strconv.ParseInt(asciiDigits(s), 10, bits)
	return n, err == nil
}

// asciiDigits replaces digits of other scripts by 0 to 9.
func asciiDigits(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return strings.Map(digit, s)
		}
	}
	return s
}

func digit(r rune) rune {
	if r < 0x80 || !unicode.Is(unicode.Nd, r) {
		return r
	}
	zero := r
	for r-zero < 9 && unicode.Is(unicode.Nd, zero-1) {
		zero--
	}
	return '0' + r - zero
}

// ParseFloat reads a float of 32 or 64 bits as Double.parseDouble and Float.parseFloat do: blanks
// around it, a suffix f or d and hexadecimal floats are allowed, what is too big is infinite.
func ParseFloat(s string, bits int) (float64, bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
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
