package security

import (
	"errors"
	"fmt"
	"strings"
)

// jaasEntry is one login module of a JAAS configuration.
type jaasEntry struct {
	module  string
	options map[string]string
}

// simpleModule is the class name without its package.
func (e jaasEntry) simpleModule() string { return e.module[strings.LastIndexByte(e.module, '.')+1:] }

// parseJAAS reads a sasl.jaas.config: entries of
//
//	LoginModuleClass controlFlag key=value key="value" …;
//
// as Java's StreamTokenizer splits them: quotes of both kinds with backslash escapes, comments of
// both kinds. Errors are in Java's words and show nothing but names that are known: in a text that is
// malformed any word may be a piece of the password.
func parseJAAS(text string) ([]jaasEntry, error) {
	t := &jaasTokens{text: text}
	var entries []jaasEntry
	for {
		module, kind := t.next()
		if kind == jaasEOF {
			break
		}
		entry, err := t.entry(module)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	if len(entries) == 0 {
		return nil, errors.New("Login module not specified in JAAS config") //nolint:staticcheck // Java's words
	}
	return entries, nil
}

func (t *jaasTokens) entry(module string) (jaasEntry, error) {
	e := jaasEntry{module: module, options: map[string]string{}}
	flag, kind := t.next()
	switch {
	case kind == jaasEOF:
		return e, errors.New("Login module control flag not specified in JAAS config") //nolint:staticcheck // Java's words
	case kind == jaasMark:
		return e, errors.New("Login module control flag is not available in the JAAS config") //nolint:staticcheck // Java's words
	}
	switch strings.ToUpper(flag) {
	case "REQUIRED", "REQUISITE", "SUFFICIENT", "OPTIONAL":
	default:
		return e, fmt.Errorf("Invalid login module control flag '%s' in JAAS config", hidden) //nolint:staticcheck // Java's words
	}
	for {
		key, kind := t.next()
		if kind == jaasMark && key == ";" {
			return e, nil
		}
		if kind == jaasEOF {
			return e, errors.New("JAAS config entry not terminated by semi-colon") //nolint:staticcheck // Java's words
		}
		equals, _ := t.next()
		value, kind := t.next()
		if equals != "=" || kind != jaasWord {
			return e, fmt.Errorf("Value not specified for key '%s' in JAAS config", known(key)) //nolint:staticcheck // Java's words
		}
		e.options[key] = value
	}
}

// hidden stands where a word can't be shown.
const hidden = "[hidden]"

// known is the name of an option that login modules have, else hidden.
func known(name string) string {
	switch name {
	case "username", "password", "tokenauth", "serviceName", "useKeyTab", "storeKey", "keyTab", "principal", "useTicketCache",
		"clientId", "clientSecret", "scope", "unsecuredLoginStringClaim_sub", "unsecuredLoginLifetimeSeconds":
		return name
	}
	return hidden
}

// shownModule is the class of a login module as it can be shown.
func (e jaasEntry) shownModule() string {
	if strings.HasSuffix(e.module, "LoginModule") && strings.Contains(e.module, ".") {
		return e.module
	}
	return hidden
}

type jaasKind uint8

const (
	jaasEOF  jaasKind = iota
	jaasWord          // a bare or quoted word
	jaasMark          // a single character such as = or ;
)

type jaasTokens struct {
	text string
	at   int
}

func isJAASWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '.' || c == '-' || c == '_' || c == '$' || c >= 0x80
}

func (t *jaasTokens) next() (string, jaasKind) {
	t.skip()
	if t.at >= len(t.text) {
		return "", jaasEOF
	}
	switch c := t.text[t.at]; {
	case c == '"' || c == '\'':
		return t.quoted(c), jaasWord
	case isJAASWord(c):
		start := t.at
		for t.at < len(t.text) && isJAASWord(t.text[t.at]) {
			t.at++
		}
		return t.text[start:t.at], jaasWord
	default:
		t.at++
		return string(c), jaasMark
	}
}

// skip passes over white space and comments.
func (t *jaasTokens) skip() {
	for t.at < len(t.text) {
		rest := t.text[t.at:]
		switch {
		case rest[0] <= ' ':
			t.at++
		case strings.HasPrefix(rest, "//"):
			t.skipTo(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			t.skipTo(rest, "*/")
		default:
			return
		}
	}
}

func (t *jaasTokens) skipTo(rest, end string) {
	if i := strings.Index(rest[1:], end); i >= 0 {
		t.at += 1 + i + len(end)
		return
	}
	t.at = len(t.text)
}

var jaasEscapes = map[byte]byte{'a': 7, 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': 11}

// quoted reads a string up to its quote, or the end of the line as StreamTokenizer does.
func (t *jaasTokens) quoted(quote byte) string {
	var b strings.Builder
	t.at++
	for t.at < len(t.text) {
		c := t.text[t.at]
		t.at++
		switch {
		case c == quote:
			return b.String()
		case c == '\n' || c == '\r':
			t.at--
			return b.String()
		case c != '\\' || t.at == len(t.text):
			b.WriteByte(c)
		default:
			b.WriteString(t.escape())
		}
	}
	return b.String()
}

// escape reads what follows a backslash: up to three octal digits or one character.
func (t *jaasTokens) escape() string {
	c := t.text[t.at]
	t.at++
	if c < '0' || c > '7' {
		if e, ok := jaasEscapes[c]; ok {
			return string(rune(e))
		}
		return string([]byte{c})
	}
	n, most := rune(c-'0'), 2
	if c > '3' {
		most = 1
	}
	for ; most > 0 && t.at < len(t.text) && t.text[t.at] >= '0' && t.text[t.at] <= '7'; most-- {
		n = n*8 + rune(t.text[t.at]-'0')
		t.at++
	}
	return string(n)
}
