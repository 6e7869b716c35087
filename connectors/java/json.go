package java

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// How Jackson, with the settings that Kafka Connect gives it, writes text and numbers into JSON.

const upperHex = "0123456789ABCDEF"

// AppendJSONString appends s as a JSON string with the escapes of Jackson and no others: quotes,
// backslashes, control characters, and what lies beyond the basic plane as its two surrogates. A lone
// surrogate is escaped too; other bytes that are no UTF-8 are written as U+FFFD.
func AppendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	raw := unsafe.Slice(unsafe.StringData(s), len(s))
	from := 0
	for i := JSONSpecial(raw, 0); i < len(raw); i = JSONSpecial(raw, i) {
		c := raw[i]
		if c >= 0x80 {
			r, n := utf8.DecodeRune(raw[i:])
			if n == 2 || n == 3 {
				i += n
				continue
			}
			b = append(b, raw[from:i]...)
			b, n = appendRare(b, raw[i:], r, n)
			i += n
			from = i
			continue
		}
		b = append(b, raw[from:i]...)
		b = AppendJSONEscape(b, c)
		i++
		from = i
	}
	b = append(b, raw[from:]...)
	return append(b, '"')
}

// appendRare appends what can't be copied: characters beyond the basic plane and bytes that are no
// UTF-8. It returns how many bytes of raw that were.
func appendRare(b, raw []byte, r rune, n int) ([]byte, int) {
	if n == 4 {
		high, low := utf16.EncodeRune(r)
		return appendUnit(appendUnit(b, high), low), 4
	}
	if u, ok := Surrogate(raw); ok {
		return appendUnit(b, u), 3
	}
	return utf8.AppendRune(b, utf8.RuneError), 1
}

func appendUnit(b []byte, r rune) []byte {
	return append(b, '\\', 'u', upperHex[r>>12&15], upperHex[r>>8&15], upperHex[r>>4&15], upperHex[r&15])
}

// AppendJSONEscape appends a character below U+0080 that can't stand in a JSON string as it is.
func AppendJSONEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return appendUnit(b, rune(c))
}

// AppendJSONFloat appends a float of size 32 or 64 as Java prints it; what JSON has no number for is
// put in quotes.
func AppendJSONFloat(b []byte, f float64, size int) []byte {
	switch {
	case f == math.Trunc(f) && f > -1e7 && f < 1e7 && f != 0:
		return append(strconv.AppendInt(b, int64(f), 10), '.', '0')
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(appendFloat(append(b, '"'), f, size), '"')
	}
	return appendFloat(b, f, size)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// JSONSpecial is where in b, from i on, the first byte is that can't just be copied into a JSON string:
// a quote, a backslash, a control character or one beyond ASCII. It is len(b) if there is none. Eight
// bytes are looked at in a step.
func JSONSpecial(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if m := specialMask(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// specialMask has the high bit set of each byte of w that JSONSpecial looks for; above the lowest one,
// bits may be set wrongly.
func specialMask(w uint64) uint64 {
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return (w | (w-ones*0x20)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}
