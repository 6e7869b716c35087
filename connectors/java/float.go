package java

import (
	"math"
	"slices"
	"strconv"
)

// AppendFloat64 appends a float64 as Java's Double.toString prints it: 1.0, 1.0E10, NaN,
// -Infinity. The digits are the fewest that read back as the same number (Java 19 and later;
// older versions print a few numbers with more).
func AppendFloat64(b []byte, f float64) []byte { return appendFloat(b, f, 64) }

// AppendFloat32 appends a float32 as Java's Float.toString prints it; digits as AppendFloat64's.
func AppendFloat32(b []byte, f float32) []byte { return appendFloat(b, float64(f), 32) }

// Float64Text is what AppendFloat64 appends.
func Float64Text(f float64) string { return string(appendFloat(make([]byte, 0, 24), f, 64)) }

// Float32Text is what AppendFloat32 appends.
func Float32Text(f float32) string { return string(appendFloat(make([]byte, 0, 24), float64(f), 32)) }

func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	if a := math.Abs(f); a >= 1e-3 && a < 1e7 {
		start := len(b)
		b = strconv.AppendFloat(b, f, 'f', -1, bits)
		if slices.Contains(b[start:], '.') {
			return b
		}
		return append(b, '.', '0')
	} else if a == 0 {
		if math.Signbit(f) {
			b = append(b, '-')
		}
		return append(b, "0.0"...)
	}
	return appendScientific(b, f, bits)
}

// appendScientific turns Go's 1.5e+10 into Java's 1.5E10.
func appendScientific(b []byte, f float64, bits int) []byte {
	var buf [32]byte
	s := strconv.AppendFloat(buf[:0], f, 'e', -1, bits)
	e := len(s) - 1
	for s[e] != 'e' {
		e--
	}
	if s[e-1] != '.' && (e == 1 || e == 2 && s[0] == '-') {
		s, e = oneDigit(s, e, f, bits)
	}
	b = append(b, s[:e]...)
	b = append(b, 'E')
	e++
	if s[e] == '-' {
		b = append(b, '-')
	}
	for e++; s[e] == '0' && e < len(s)-1; e++ {
	}
	return append(b, s[e:]...)
}

// oneDigit gives a number of one digit the second that Java prints: 0, or what comes closest to
// the number where that still reads as the same number (4.9E-324, not 5.0E-324).
func oneDigit(s []byte, e int, f float64, bits int) ([]byte, int) {
	var buf [32]byte
	two := strconv.AppendFloat(buf[:0], f, 'e', 1, bits)
	if g, err := strconv.ParseFloat(string(two), bits); err == nil && g == f {
		s = append(s[:0], two...)
	} else {
		s = append(s[:e], append([]byte(".0"), s[e:]...)...)
	}
	for e = len(s) - 1; s[e] != 'e'; e-- {
	}
	return s, e
}
