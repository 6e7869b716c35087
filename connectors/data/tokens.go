package data

import (
	"github.com/troupe-connect/troupe/connectors/java"
)

// tokens splits a text at the delimiters : , { } [ ] " that no backslash precedes; each of them
// is a token, and so is what lies between two. It works as the tokenizer of Java's Values does,
// blanks and all, since what is a value and what is text hangs on it.
type tokens struct {
	text     string
	at       int    // first byte behind the tokens taken
	peeked   string // token read but not taken
	isPeeked bool
	previous string
}

// mark is a place to rewind to: that of the next token.
func (t *tokens) mark() int { return t.at - len(t.peeked) }

func (t *tokens) rewind(mark int) {
	t.at, t.peeked, t.isPeeked, t.previous = mark, "", false, ""
}

func (t *tokens) more() bool { return t.isPeeked || t.at < len(t.text) }

// next takes a token.
func (t *tokens) next() string {
	if t.isPeeked {
		t.previous, t.peeked, t.isPeeked = t.peeked, "", false
	} else {
		t.previous = t.read()
	}
	return t.previous
}

// take takes the next token if, blanks around it aside, it is the one expected. Whole tokens of
// blanks are skipped, also if the one behind them isn't the one expected.
func (t *tokens) take(expected string) bool {
	if !t.isPeeked {
		if t.at >= len(t.text) {
			return false
		}
		t.peeked, t.isPeeked = t.read(), true
	}
	for t.at < len(t.text) && java.Trim(t.peeked) == "" {
		t.peeked = t.read()
	}
	if java.Trim(t.peeked) != expected {
		return false
	}
	t.peeked, t.isPeeked = "", false
	return true
}

// four takes four tokens, or none if there are fewer.
func (t *tokens) four() (string, bool) {
	start := t.mark()
	for range 4 {
		if !t.more() {
			t.rewind(start)
			return "", false
		}
		t.next()
	}
	return t.text[start:t.at], true
}

func (t *tokens) read() string {
	start := t.at
	escaped := false
	for ; t.at < len(t.text); t.at++ {
		switch t.text[t.at] {
		case '\\':
			escaped = !escaped
			continue
		case ':', ',', '{', '}', '[', ']', '"':
			if escaped {
				break
			}
			if t.at == start {
				t.at++
			}
			return t.text[start:t.at]
		}
		escaped = false
	}
	return t.text[start:]
}
