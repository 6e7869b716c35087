package jackson

import (
	"unicode/utf8"
	"unsafe"

	"github.com/troupe-connect/troupe/connectors/java"
)

// hexDigit is the value of a hexadecimal digit, -1 if c is none.
func hexDigit(c byte) int {
	switch {
	case c-'0' <= 9:
		return int(c - '0')
	case c|0x20-'a' <= 5 && c >= 'A':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// wordGoesOn reports whether text behind true, false or null makes it another word: letters,
// digits and anything outside ASCII, as with Jackson.
func wordGoesOn(b []byte) bool {
	c := b[0]
	return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x7f
}

// valueLen is the length of a string's value: in characters of Java, or for a name in bytes.
func valueLen(b []byte, name bool) int {
	n := 0
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && b[i+1] == 'u':
			n, i = n+1, i+5
		case c == '\\':
			n, i = n+1, i+1
		case name || c&0xc0 != 0x80:
			n++
			if !name && c >= 0xf0 {
				n++
			}
		}
	}
	return n
}

// badUTF8 finds the first byte that Jackson refuses, -1 if there is none. Jackson looks only at
// the shape of a sequence: surrogates and overlong forms pass.
func badUTF8(b []byte) int {
	for i := 0; i < len(b); {
		n := sequenceLen(b[i])
		if n == 0 || i+n > len(b) {
			return i
		}
		for j := i + 1; j < i+n; j++ {
			if b[j]&0xc0 != 0x80 {
				return j
			}
		}
		i += n
	}
	return -1
}

func sequenceLen(c byte) int {
	switch {
	case c < 0x80:
		return 1
	case c&0xe0 == 0xc0:
		return 2
	case c&0xf0 == 0xe0:
		return 3
	case c&0xf8 == 0xf0:
		return 4
	}
	return 0
}

// Text is b as a string without copying. b never changes: it is part of a payload or was made
// for this string.
func Text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Unescape makes the value of a string that was scanned. A lone surrogate, which is no Unicode
// text but a value of Java's strings, becomes its three bytes; AppendString writes it back.
func Unescape(b []byte) string {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '\\':
			i++
			if b[i] == 'u' {
				out = appendUnit(out, rune(hexDigit(b[i+1])<<12|hexDigit(b[i+2])<<8|hexDigit(b[i+3])<<4|hexDigit(b[i+4])))
				i += 5
				continue
			}
			out = append(out, unescaped(b[i]))
			i++
		case c < 0x80:
			out = append(out, c)
			i++
		default:
			n := sequenceLen(c)
			r := rune(c) & (0x7f >> n)
			for _, cc := range b[i+1 : i+n] {
				r = r<<6 | rune(cc&0x3f)
			}
			out = appendUnit(out, r)
			i += n
		}
	}
	return Text(out)
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// appendUnit appends a code point or a surrogate; a low surrogate behind a high one makes one
// character of both.
func appendUnit(out []byte, r rune) []byte {
	if r < 0xd800 || r > 0xdfff {
		return utf8.AppendRune(out, r)
	}
	if n := len(out); r >= 0xdc00 && n >= 3 {
		if high, ok := java.Surrogate(out[n-3:]); ok && high < 0xdc00 {
			return utf8.AppendRune(out[:n-3], (high-0xd800)<<10+(r-0xdc00)+0x10000)
		}
	}
	return append(out, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
}

// AppendText appends s as a JSON string of characters, not of bytes: as java.AppendJSONString, but characters
// beyond the basic plane are not escaped.
func AppendText(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	raw := unsafe.Slice(unsafe.StringData(s), len(s))
	for i := java.JSONSpecial(raw, 0); i < len(raw); i = java.JSONSpecial(raw, i) {
		if raw[i] >= 0x80 {
			if r, n := utf8.DecodeRune(raw[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(b, raw[from:i]...)
			if _, ok := java.Surrogate(raw[i:]); ok {
				b, i = append(b, '?'), i+3
			} else {
				b, i = utf8.AppendRune(b, utf8.RuneError), i+1
			}
			from = i
			continue
		}
		b = append(b, raw[from:i]...)
		b = java.AppendJSONEscape(b, raw[i])
		i++
		from = i
	}
	b = append(b, raw[from:]...)
	return append(b, '"')
}

// Str is the value of a string, or a name. It shares the text's memory where nothing is escaped.
func (s *Scanner) Str(n *Node) string {
	b := s.Src[n.Start:n.End]
	if n.Flag {
		return Unescape(b)
	}
	return Text(b)
}

// Is reports whether a string or name is the one given.
func (s *Scanner) Is(n *Node, name string) bool {
	if !n.Flag {
		return string(s.Src[n.Start:n.End]) == name
	}
	return s.Str(n) == name
}
