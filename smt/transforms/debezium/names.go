package debezium

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/troupe-connect/troupe/connectors/java"
)

var adjustModes = []string{"none", "avro", "avro_unicode"}

// adjuster makes names ones that Avro takes: for schemas, in which dots are kept, or for fields.
type adjuster struct {
	mode   int // place in adjustModes
	fields bool
}

// adjust replaces what Avro doesn't take: by an underscore, or by _u and its code in Unicode mode.
func (a adjuster) adjust(name string) string {
	if a.mode <= 0 || name == "" {
		return name
	}
	units := utf16.Encode([]rune(name))
	var b strings.Builder
	for i, c := range units {
		switch {
		case a.valid(c, i == 0):
			b.WriteByte(byte(c))
		case a.mode == 2:
			hex := strconv.FormatInt(int64(c), 16)
			if len(hex) <= 2 {
				hex = "00" + hex
			}
			b.WriteString("_u" + hex)
		default:
			b.WriteByte('_')
			if i == 0 && unicode.IsDigit(rune(c)) {
				b.WriteRune(rune(c)) // so that 1a and 2a don't become the same
			}
		}
	}
	return b.String()
}

// valid reports whether a UTF-16 unit may stand in the name. Only ASCII does, though Avro's Java
// library takes letters of any alphabet: Debezium is the stricter one.
func (a adjuster) valid(c uint16, first bool) bool {
	switch {
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return true
	case c == '_':
		return a.mode == 1 // in Unicode mode it begins an escape
	case first:
		return false
	}
	return c >= '0' && c <= '9' || c == '.' && !a.fields
}

// parseInt32 is Integer.parseInt.
func parseInt32(text string) (int32, bool) {
	n, ok := java.ParseInt(text, 32)
	return int32(n), ok
}
