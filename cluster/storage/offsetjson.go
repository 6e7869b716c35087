package storage

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// AppendObject appends a source partition or offset as the JSON object that Java's JsonConverter
// writes: no white space, members in the order of a Java HashMap, doubles as Double.toString,
// characters beyond the basic plane as escaped surrogates. Two maps that are the same partition
// give the same bytes. Values may be nil, bool, any Go number, json.Number, string or []byte;
// another type is an error of kind errs.Data.
func AppendObject(dst []byte, m map[string]any) ([]byte, error) {
	dst = append(dst, '{')
	var err error
	if len(m) < 2 {
		for k, v := range m {
			if dst, err = appendMember(dst, k, v); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	for i, k := range data.JavaOrder(m) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendMember(dst, k, m[k]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendMember(dst []byte, k string, v any) ([]byte, error) {
	dst = appendString(dst, k)
	dst = append(dst, ':')
	dst, ok := appendValue(dst, v)
	if !ok {
		return nil, errs.Data.New("Offsets may only contain primitive types as values, but field %s contains %T", k, v)
	}
	return dst, nil
}

func appendValue(dst []byte, v any) ([]byte, bool) {
	switch x := v.(type) {
	case nil:
		return append(dst, "null"...), true
	case bool:
		return strconv.AppendBool(dst, x), true
	case string:
		return appendString(dst, x), true
	case []byte:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, x)
		return append(dst, '"'), true
	case float64:
		return appendFloat(dst, x, 64), true
	case float32:
		return appendFloat(dst, float64(x), 32), true
	case json.Number:
		n, err := plainNumber(string(x))
		if err != nil {
			return dst, false
		}
		return appendValue(dst, n)
	}
	return appendInteger(dst, v)
}

func appendInteger(dst []byte, v any) ([]byte, bool) {
	var n int64
	switch x := v.(type) {
	case int64:
		n = x
	case int:
		n = int64(x)
	case int32:
		n = int64(x)
	case int16:
		n = int64(x)
	case int8:
		n = int64(x)
	case uint8:
		n = int64(x)
	case uint16:
		n = int64(x)
	case uint32:
		n = int64(x)
	case uint64:
		return strconv.AppendUint(dst, x, 10), true
	case uint:
		return strconv.AppendUint(dst, uint64(x), 10), true
	default:
		return dst, false
	}
	return strconv.AppendInt(dst, n, 10), true
}

// appendFloat writes a float as Java's Double.toString or Float.toString: plain from 1e-3 up to
// 1e7, else d.dddE[-]n, always with a fraction; what JSON has no number for is a string.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	start := len(dst)
	if abs := math.Abs(f); abs == 0 || abs >= 1e-3 && abs < 1e7 {
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if !slices.Contains(dst[start:], '.') {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	var buf [32]byte
	text := strconv.AppendFloat(buf[:0], f, 'e', -1, bits) // d.ddde±dd
	e := slices.Index(text, 'e')
	dst = append(dst, text[:e]...)
	if !slices.Contains(dst[start:], '.') {
		dst = append(dst, ".0"...)
	}
	dst = append(dst, 'E')
	exp := text[e+1:]
	if exp[0] == '-' {
		dst = append(dst, '-')
	}
	exp = exp[1:]
	if exp[0] == '0' {
		exp = exp[1:]
	}
	return append(dst, exp...)
}

const hexDigits = "0123456789ABCDEF"

// appendString writes a JSON string with the escapes of Java's Jackson and no others.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[from:i]...)
			dst = appendEscape(dst, c)
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[from:i]...)
			dst = utf8.AppendRune(dst, r)
			from = i + n
		case r > 0xFFFF:
			dst = append(dst, s[from:i]...)
			hi, lo := utf16.EncodeRune(r)
			dst = appendUnit(appendUnit(dst, hi), lo)
			from = i + n
		}
		i += n
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

func appendEscape(dst []byte, c byte) []byte {
	short := byte(0)
	switch c {
	case '"', '\\':
		short = c
	case '\b':
		short = 'b'
	case '\f':
		short = 'f'
	case '\n':
		short = 'n'
	case '\r':
		short = 'r'
	case '\t':
		short = 't'
	default:
		return appendUnit(dst, rune(c))
	}
	return append(dst, '\\', short)
}

func appendUnit(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
