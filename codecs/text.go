package codecs

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// Text is UTF-8 bytes as a string. It shares the bytes' memory where they are UTF-8; where not,
// U+FFFD stands for each malformed part, the parts being those that Java's decoder sees.
func Text(b []byte) string {
	if utf8.Valid(b) {
		return unsafe.String(unsafe.SliceData(b), len(b))
	}
	var out strings.Builder
	out.Grow(len(b) + 8)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = malformed(b)
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// malformed is how many bytes Java's UTF-8 decoder replaces by one U+FFFD: the longest start of
// a character that there is; all three bytes of a surrogate.
func malformed(b []byte) int {
	low, high, want := byte(0x80), byte(0xbf), 0
	switch c := b[0]; {
	case c >= 0xc2 && c <= 0xdf:
		return 1
	case c == 0xe0:
		low, want = 0xa0, 3
	case c >= 0xe1 && c <= 0xef:
		want = 3
	case c == 0xf0:
		low, want = 0x90, 4
	case c >= 0xf1 && c <= 0xf3:
		want = 4
	case c == 0xf4:
		high, want = 0x8f, 4
	default:
		return 1
	}
	if len(b) < 2 || b[1] < low || b[1] > high {
		return 1
	}
	n := 2
	for n < min(want, len(b)) && b[n]&0xc0 == 0x80 {
		n++
	}
	return n
}

// Bytes is a string as UTF-8. It shares the string's memory, so it must not be changed. Where
// the string isn't UTF-8, a surrogate (in three bytes) becomes ? as in Java and anything else
// U+FFFD.
func Bytes(s string) []byte {
	if utf8.ValidString(s) {
		if s == "" {
			return []byte{}
		}
		return unsafe.Slice(unsafe.StringData(s), len(s))
	}
	out := make([]byte, 0, len(s)+8)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r != utf8.RuneError || n > 1:
			out = append(out, s[:n]...)
		case len(s) >= 3 && s[0] == 0xed && s[1]&0xc0 == 0x80 && s[2]&0xc0 == 0x80:
			out, n = append(out, '?'), 3
		default:
			out = utf8.AppendRune(out, r)
		}
		s = s[n:]
	}
	return out
}

// UTF16Text is UTF-16 bytes as a string, read as Java's decoder does: U+FFFD stands for a lone
// surrogate (a high one together with what follows it) and for half a character at the end.
func UTF16Text(b []byte, order binary.ByteOrder) string {
	out := make([]byte, 0, len(b))
	for ; len(b) >= 2; b = b[2:] {
		r := rune(order.Uint16(b))
		if utf16.IsSurrogate(r) {
			var low rune
			if r < 0xdc00 && len(b) >= 4 {
				b = b[2:]
				low = rune(order.Uint16(b))
			}
			r = utf16.DecodeRune(r, low)
		}
		out = utf8.AppendRune(out, r)
	}
	if len(b) > 0 {
		out = utf8.AppendRune(out, utf8.RuneError)
	}
	return unsafe.String(unsafe.SliceData(out), len(out))
}
