package java

import (
	"cmp"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// Java's strings are UTF-16 and may hold a surrogate without its other half. In our strings such a one
// is the three bytes that UTF-8 would have for its number if it allowed them.

// Surrogate is the lone surrogate whose three bytes the text begins with.
func Surrogate[T []byte | string](b T) (rune, bool) {
	if len(b) < 3 || b[0] != 0xed || b[1] < 0xa0 || b[1] > 0xbf || b[2]&0xc0 != 0x80 {
		return 0, false
	}
	return 0xd000 | rune(b[1]&0x3f)<<6 | rune(b[2]&0x3f), true
}

// unitsAt are the UTF-16 units of the first character of s, the second 0 if it has one only, and the
// bytes that it takes. A byte that is no UTF-8 is U+FFFD.
func unitsAt(s string) (first, second rune, size int) {
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r > 0xFFFF:
		first, second = utf16.EncodeRune(r)
		return first, second, n
	case r == utf8.RuneError && n == 1:
		if u, ok := Surrogate(s); ok {
			return u, 0, 3
		}
	}
	return r, 0, n
}

// Length is String.length: the number of UTF-16 units.
func Length(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] < 0x80 {
			n++
			i++
			continue
		}
		_, second, size := unitsAt(s[i:])
		if n++; second != 0 {
			n++
		}
		i += size
	}
	return n
}

// Compare is String.compareTo, of which the sign counts: it compares UTF-16 units, so that what lies
// beyond them sorts before U+E000 and so on.
func Compare(a, b string) int {
	for len(a) > 0 && len(b) > 0 {
		a1, a2, na := unitsAt(a)
		b1, b2, nb := unitsAt(b)
		if c := cmp.Or(cmp.Compare(a1, b1), cmp.Compare(a2, b2)); c != 0 {
			return c
		}
		a, b = a[na:], b[nb:]
	}
	return cmp.Compare(len(a), len(b))
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
