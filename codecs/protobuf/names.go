package protobuf

import (
	"net/url"
	"strings"
)

// scrub makes a name one that Protobuf allows, as Confluent's setting scrub.invalid.names does: encoded
// as in a URL, with x before a digit or underscore at the start, then _ for what is still not allowed.
func scrub(name string) string {
	if name == "" || plainName(name) {
		return name
	}
	encoded := url.QueryEscape(name)
	// Java's encoder leaves * as it is and escapes ~; Go's does the opposite.
	encoded = strings.ReplaceAll(strings.ReplaceAll(encoded, "%2A", "*"), "~", "%7E")
	if c := encoded[0]; c >= '0' && c <= '9' || c == '_' {
		encoded = "x" + encoded
	}
	b := []byte(encoded)
	for i, c := range b {
		if !wordByte(c) {
			b[i] = '_'
		}
	}
	return string(b)
}

// wordByte reports whether a byte may stand in a name.
func wordByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
}

// plainName reports whether scrub has nothing to do.
func plainName(name string) bool {
	for i := range len(name) {
		if !wordByte(name[i]) {
			return false
		}
	}
	return name[0] != '_' && (name[0] < '0' || name[0] > '9')
}

// identifier reports whether protobuf-java takes the name.
func identifier(name string) bool {
	for i := range len(name) {
		if !wordByte(name[i]) || i == 0 && name[i] >= '0' && name[i] <= '9' {
			return false
		}
	}
	return name != ""
}

const entrySuffix = "Entry"

// mapEntryName is the name of the message for the entries of a map.
func mapEntryName(name string) string {
	if strings.Contains(name, "_") {
		var b strings.Builder
		for part := range strings.SplitSeq(name, "_") {
			if part != "" {
				b.WriteString(upperASCII(part[:1]) + lowerASCII(part[1:]))
			}
		}
		name = b.String()
	}
	return name + entrySuffix
}

// mapName is the name of a map whose entries are messages of the name.
func mapName(entry string) string {
	at := strings.LastIndexByte(entry, '.') + 1
	last, ok := strings.CutSuffix(entry[at:], entrySuffix)
	if !ok {
		return entry
	}
	var b strings.Builder
	for i := range len(last) {
		c := last[i]
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return entry[:at] + b.String()
}

// upperASCII is for names, whose other letters Java's code leaves alone, too.
func upperASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		return r
	}, s)
}

// lowerASCII is upperASCII's opposite.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
