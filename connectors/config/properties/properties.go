// Package properties reads and writes Java's .properties files, the form of worker files,
// connector files and what FileConfigProvider reads.
//
// The syntax is that of java.util.Properties in full: separators = : and white space, comments
// with # and !, lines continued by a backslash, the escapes \t \n \r \f \uXXXX. A key given twice
// has its last value. It is a reader of our own because the common libraries expand ${…}, which
// belongs to config providers here, or differ in continued lines and escapes.
//
// # Encoding
//
// Java reads worker and connector files as ISO-8859-1 and what FileConfigProvider reads as UTF-8.
// Parse takes bytes as UTF-8 when all of them are that, else as ISO-8859-1: a file written for
// Java, with \uXXXX for what isn't Latin, reads the same in both; Latin-1 letters are almost never
// valid UTF-8 by accident; and a UTF-8 file, which is what editors write, gives the characters that
// its author sees, where Java gives two or three wrong ones for each. ParseString is for text
// whose encoding is known.
package properties

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// ReadFile reads a file and parses it. Errors name the file, and the line if there is one, but
// no content.
func ReadFile(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("properties: %w", err)
	}
	props, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("properties: %s: %w", path, err)
	}
	return props, nil
}

// Parse parses the content of a file; see the package on its encoding. A byte order mark is left
// out. The only error is a malformed \uXXXX, as errs.Config with the number of the line.
func Parse(raw []byte) (map[string]string, error) {
	if utf8.Valid(raw) {
		return ParseString(strings.TrimPrefix(string(raw), "\uFEFF"))
	}
	latin := make([]rune, len(raw))
	for i, b := range raw {
		latin[i] = rune(b)
	}
	return ParseString(string(latin))
}

// ParseString parses text. Errors are as for Parse.
func ParseString(text string) (map[string]string, error) {
	props := map[string]string{}
	r := reader{rest: text}
	for r.next() {
		rawKey, rawValue := split(r.line.String())
		key, ok1 := unescape(rawKey)
		value, ok2 := unescape(rawValue)
		if !ok1 || !ok2 {
			return nil, errs.Config.New(`line %d: malformed \uXXXX encoding, four hexadecimal digits must follow \u`, r.began)
		}
		props[key] = value
	}
	return props, nil
}

// reader makes logical lines of natural ones: without comments, blank lines and the white space
// before the text, continued lines joined.
type reader struct {
	rest  string
	n     int // natural lines read
	began int // the natural line with which the logical line began
	line  strings.Builder
}

// next reads a logical line, false if there is none left.
func (r *reader) next() bool {
	r.line.Reset()
	for r.rest != "" {
		natural := r.natural()
		text := strings.TrimLeft(natural, " \t\f")
		// Also behind a continued line that was empty but for the backslash, a comment is one.
		if r.line.Len() == 0 {
			if text == "" || text[0] == '#' || text[0] == '!' {
				continue
			}
			r.began = r.n
		}
		if !continued(text) {
			r.line.WriteString(text)
			return true
		}
		r.line.WriteString(text[:len(text)-1])
	}
	return r.line.Len() > 0
}

// natural takes the text up to the end of a line: \n, \r or both.
func (r *reader) natural() string {
	r.n++
	end := strings.IndexAny(r.rest, "\r\n")
	if end < 0 {
		line := r.rest
		r.rest = ""
		return line
	}
	line, after := r.rest[:end], r.rest[end+1:]
	if r.rest[end] == '\r' {
		after = strings.TrimPrefix(after, "\n")
	}
	r.rest = after
	return line
}

// continued reports whether the line ends with a backslash that isn't itself escaped.
func continued(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// split divides a logical line at the first separator that isn't escaped: white space, or = or
// : with white space around it.
func split(line string) (key, value string) {
	end := 0
	for end < len(line) && strings.IndexByte("=: \t\f", line[end]) < 0 {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(line) {
		return line, ""
	}
	value = strings.TrimLeft(line[end:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return line[:end], value
}

// unescape resolves escapes; false means a \u without four hexadecimal digits.
func unescape(s string) (string, bool) {
	if !strings.Contains(s, `\`) {
		return s, true
	}
	var b strings.Builder
	var units []uint16 // of \u escapes in a row, in which two may make one character
	flush := func() {
		for _, c := range utf16.Decode(units) {
			b.WriteRune(c)
		}
		units = units[:0]
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			if c = s[i]; c == 'u' {
				unit, ok := hex4(s[i+1:])
				if !ok {
					return "", false
				}
				units = append(units, unit)
				i += 4
				continue
			}
			c = control(c)
		}
		flush()
		b.WriteByte(c)
	}
	flush()
	return b.String(), true
}

// control is the character that a letter behind a backslash stands for: itself, but for four.
func control(c byte) byte {
	switch c {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	}
	return c
}

func hex4(s string) (uint16, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var n uint16
	for i := range 4 {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint16(c)
	}
	return n, true
}

// Format writes properties in the order of their keys, a line each, in ASCII: what isn't becomes
// \uXXXX, so every reader in every encoding reads the same. It holds secrets as they are.
func Format(props map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(props)) {
		escape(&b, key, true)
		b.WriteByte('=')
		escape(&b, props[key], false)
		b.WriteByte('\n')
	}
	return b.String()
}

func escape(b *strings.Builder, s string, isKey bool) {
	for i, c := range s {
		switch {
		case c == ' ' && (isKey || i == 0):
			b.WriteString(`\ `)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\f':
			b.WriteString(`\f`)
		case strings.ContainsRune(`\=:#!`, c):
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < ' ' || c > '~':
			for _, unit := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(b, `\u%04X`, unit)
			}
		default:
			b.WriteRune(c)
		}
	}
}
