package java

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Text is UTF-8 bytes as a string, as new String(bytes, UTF_8) reads them. It shares the bytes' memory
// where they are UTF-8; where not, see ValidText.
func Text(b []byte) string { return ValidText(unsafe.String(unsafe.SliceData(b), len(b))) }

// ValidText is s itself where it is UTF-8. Where not, U+FFFD stands for each malformed part, the parts
// being those that Java's decoder sees: the longest start of a character that there is, and all three
// bytes of a surrogate.
func ValidText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	out.Grow(len(s) + 16)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			n = malformed(s)
		}
		out.WriteRune(r)
		s = s[n:]
	}
	return out.String()
}

// malformed is how many bytes of s, which doesn't begin with a character, one U+FFFD stands for.
func malformed(s string) int {
	c := s[0]
	low, high, more := byte(0x80), byte(0xBF), 0
	switch {
	case c >= 0xC2 && c <= 0xDF:
		more = 1
	case c == 0xE0:
		low, more = 0xA0, 2
	case c >= 0xE1 && c <= 0xEF: // a surrogate is one part, too
		more = 2
	case c == 0xF0:
		low, more = 0x90, 3
	case c == 0xF4:
		high, more = 0x8F, 3
	case c >= 0xF1 && c <= 0xF3:
		more = 3
	}
	n := 1
	for ; n <= more && n < len(s) && s[n] >= low && s[n] <= high; n++ {
		low, high = 0x80, 0xBF
	}
	return n
}

// Bytes is a string as UTF-8, as String.getBytes(UTF_8) gives it. It shares the string's memory, so it
// must not be changed. Where the string isn't UTF-8, a lone surrogate becomes ? and anything else,
// which no string of Java's can hold, U+FFFD.
func Bytes(s string) []byte {
	if !utf8.ValidString(s) {
		return appendEncoded(make([]byte, 0, len(s)+8), s)
	}
	if s == "" {
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

// EncodeFrom makes what was appended to b from the byte at on into what Java's encoder would have
// written: see Bytes.
func EncodeFrom(b []byte, at int) []byte {
	if utf8.Valid(b[at:]) {
		return b
	}
	return appendEncoded(b[:at], string(b[at:]))
}

func appendEncoded(out []byte, s string) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			if _, ok := Surrogate(s); ok {
				out, n = append(out, '?'), 3
			} else {
				out = utf8.AppendRune(out, r)
			}
		} else {
			out = append(out, s[:n]...)
		}
		s = s[n:]
	}
	return out
}

// Trim is String.trim: it drops spaces and control characters at both ends.
func Trim(s string) string {
	if s == "" || s[0] > ' ' && s[len(s)-1] > ' ' {
		return s
	}
	return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
}
