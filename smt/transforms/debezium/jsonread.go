package debezium

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Bounds that the Java parser has too.
const (
	maxJSONDepth  = 1000
	maxJSONDigits = 1000
)

// parseJSONPayload reads text that begins with an object or array. What follows the first value is
// ignored.
func parseJSONPayload(text string) (any, error) {
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		if text == "" {
			return nil, errs.IllegalArgument.New("an empty text is no JSON")
		}
		return nil, errs.IllegalArgument.New("Unable to parse payload starting with '%s'",
			string([]rune(text)[:1]))
	}
	r := jsonReader{text: text}
	v := r.value(0)
	return v, r.err
}

// jsonReader reads JSON in a text; the first mistake is kept. (The reader of the standard library
// gives tokens one by one too, at many times the cost.)
type jsonReader struct {
	text string
	at   int
	err  error
}

// fail notes a mistake and moves to the end, so that no caller goes on reading.
func (r *jsonReader) fail(what string) any {
	if r.err == nil {
		r.err = errs.IllegalArgument.New("no JSON at %d: %s", r.at, what)
	}
	r.at = len(r.text)
	return nil
}

// next is the next character that isn't white space, 0 at the end.
func (r *jsonReader) next() byte {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return c
		}
	}
	return 0
}

// value reads one value. The depth is bounded since the reader calls itself.
func (r *jsonReader) value(depth int) any {
	if depth > maxJSONDepth {
		return r.fail("it is nested too deep")
	}
	switch c := r.next(); {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		return r.string()
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	for _, w := range [...]struct {
		word  string
		value any
	}{{"null", nil}, {"true", true}, {"false", false}} {
		if strings.HasPrefix(r.text[r.at:], w.word) {
			r.at += len(w.word)
			if r.at < len(r.text) && isWordByte(r.text[r.at]) {
				return r.fail("a word is unknown")
			}
			return w.value
		}
	}
	return r.fail("a value is missing")
}

// isWordByte reports whether a letter would be a part of the word before it: `nullx` is no null.
func isWordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '$' ||
		c >= 0x80
}

func (r *jsonReader) array(depth int) any {
	list := []any{}
	r.at++
	if r.next() == ']' {
		r.at++
		return list
	}
	for r.err == nil {
		list = append(list, r.value(depth+1))
		if !r.more(']') {
			break
		}
	}
	return list
}

// object reads members in their order, on which the schema's fields depend.
func (r *jsonReader) object(depth int) any {
	o := &jsonObject{}
	r.at++
	if r.next() == '}' {
		r.at++
		return o
	}
	for r.err == nil {
		if r.next() != '"' {
			return r.fail("a name is missing")
		}
		name := r.string()
		if r.next() != ':' {
			return r.fail("a colon is missing")
		}
		r.at++
		o.put(name, r.value(depth+1))
		if !r.more('}') {
			break
		}
	}
	return o
}

// more reads the comma before another member or the end.
func (r *jsonReader) more(end byte) bool {
	switch r.next() {
	case ',':
		r.at++
		return true
	case end:
		r.at++
	default:
		r.fail("a comma or the end is missing")
	}
	return false
}

// string reads a text. Without an escape it is a part of the payload's memory.
func (r *jsonReader) string() string {
	start := r.at
	escaped := false
	for r.at++; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			if !escaped {
				return r.text[start+1 : r.at-1]
			}
			var s string
			if json.Unmarshal([]byte(r.text[start:r.at]), &s) != nil {
				r.fail("an escape in a text is wrong")
			}
			return s
		case c == '\\':
			escaped = true
			r.at++
		case c < ' ':
			r.fail("a control character stands in a text")
		}
	}
	r.fail("a text isn't closed")
	return ""
}

// number reads a number: by its size an int32, int64 or *big.Int if it is whole, else a float64.
func (r *jsonReader) number() any {
	start := r.at
	if r.text[r.at] == '-' {
		r.at++
	}
	first := r.at
	digits := func() bool {
		from := r.at
		for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
			r.at++
		}
		return r.at > from
	}
	if !digits() || r.text[first] == '0' && r.at > first+1 {
		return r.fail("a number is wrong")
	}
	whole := true
	if r.at < len(r.text) && r.text[r.at] == '.' {
		r.at++
		if whole = false; !digits() {
			return r.fail("a number is wrong")
		}
	}
	if r.at < len(r.text) && r.text[r.at]|0x20 == 'e' {
		if r.at++; r.at < len(r.text) && (r.text[r.at] == '+' || r.text[r.at] == '-') {
			r.at++
		}
		if whole = false; !digits() {
			return r.fail("a number is wrong")
		}
	}
	if r.at < len(r.text) && isWordByte(r.text[r.at]) || r.at-start > maxJSONDigits {
		return r.fail("a number is wrong or too long")
	}
	return numberOf(r.text[start:r.at], whole)
}

// numberOf is a number that has the form of one.
func numberOf(text string, whole bool) any {
	if !whole {
		// the one error there can be is of a number too large, which is infinite
		f, _ := strconv.ParseFloat(text, 64)
		return f
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		large, _ := new(big.Int).SetString(text, 10)
		return large
	}
	if int64(int32(n)) == n {
		return int32(n)
	}
	return n
}
