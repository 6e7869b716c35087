package regex

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// MatchString reports whether the pattern matches the whole text. The error is ErrTooComplex.
func (r *Regexp) MatchString(text string) (bool, error) {
	m := r.newMachine([]rune(text))
	_, ok := m.run(0, 0, func(end int) bool { return end == len(m.text) })
	return ok, m.err
}

// FindString is the first match in the text and what its groups matched, "" for one that took no part;
// nil without a match. The error is ErrTooComplex.
func (r *Regexp) FindString(text string) ([]string, error) {
	in := []rune(text)
	caps, err := r.find(in)
	if err != nil || caps == nil {
		return nil, err
	}
	groups := make([]string, r.groups)
	for i := range groups {
		if caps[2*i] >= 0 && caps[2*i+1] >= caps[2*i] {
			groups[i] = string(in[caps[2*i]:caps[2*i+1]])
		}
	}
	return groups, nil
}

// find is the captures of the first match, nil if there is none.
func (r *Regexp) find(text []rune) ([]int, error) {
	m := r.newMachine(text)
	for start := 0; start <= len(text); start++ {
		m.reset()
		if _, ok := m.run(0, start, nil); ok {
			return m.regs[:2*r.groups], nil
		}
		if m.err != nil {
			return nil, m.err
		}
	}
	return nil, nil
}

// ReplaceFirst replaces the first match in the text by the replacement, in which $1, ${name} and
// \x mean what they mean in Java. Without a match the text comes back as it is. A replacement
// that Java refuses is an errs.IllegalArgument error, here and not earlier, as in Java.
func (r *Regexp) ReplaceFirst(text, replacement string) (string, error) {
	in := []rune(text)
	caps, err := r.find(in)
	if err != nil || caps == nil {
		return text, err
	}
	var b strings.Builder
	b.WriteString(string(in[:caps[0]]))
	if err := r.expand(&b, in, caps, []rune(replacement)); err != nil {
		return "", err
	}
	b.WriteString(string(in[caps[1]:]))
	return b.String(), nil
}

func (r *Regexp) expand(b *strings.Builder, text []rune, caps []int, repl []rune) error {
	for i := 0; i < len(repl); i++ {
		switch repl[i] {
		case '\\':
			if i++; i == len(repl) {
				return errs.IllegalArgument.New("character to be escaped is missing")
			}
			b.WriteRune(repl[i])
		case '$':
			n, next, err := r.groupRef(repl, i+1)
			if err != nil {
				return err
			}
			if caps[2*n] >= 0 && caps[2*n+1] >= caps[2*n] {
				b.WriteString(string(text[caps[2*n]:caps[2*n+1]]))
			}
			i = next - 1
		default:
			b.WriteRune(repl[i])
		}
	}
	return nil
}

// groupRef reads what follows a $ at i: the group's number and where to go on.
func (r *Regexp) groupRef(repl []rune, i int) (n, next int, err error) {
	if i >= len(repl) {
		return 0, 0, errs.IllegalArgument.New("Illegal group reference: group index is missing")
	}
	if repl[i] == '{' {
		return r.namedGroupRef(repl, i+1)
	}
	if !isDigit(repl[i]) {
		return 0, 0, errs.IllegalArgument.New("Illegal group reference")
	}
	n = int(repl[i] - '0')
	if n >= r.groups {
		return 0, 0, errs.IllegalArgument.New("No group %d", n)
	}
	for i++; i < len(repl) && isDigit(repl[i]); i++ {
		more := n*10 + int(repl[i]-'0')
		if more >= r.groups {
			break
		}
		n = more
	}
	return n, i, nil
}

func (r *Regexp) namedGroupRef(repl []rune, i int) (n, next int, err error) {
	start := i
	for i < len(repl) && (isASCIILetter(repl[i]) || isDigit(repl[i])) {
		i++
	}
	name := string(repl[start:i])
	switch {
	case name == "":
		return 0, 0, errs.IllegalArgument.New("named capturing group is missing trailing '}'")
	case i >= len(repl) || repl[i] != '}':
		return 0, 0, errs.IllegalArgument.New("named capturing group is missing trailing '}'")
	case isDigit(repl[start]):
		return 0, 0, errs.IllegalArgument.New("capturing group name {%s} starts with digit character", name)
	}
	n, ok := r.names[name]
	if !ok {
		return 0, 0, errs.IllegalArgument.New("No group with name {%s}", name)
	}
	return n, i + 1, nil
}
