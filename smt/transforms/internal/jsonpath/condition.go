package jsonpath

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/java/regex"
)

// node is a condition: whether it holds for current, in a document.
type node interface {
	holds(current, root any) bool
}

type (
	allOf  []node
	anyOf  []node
	negate struct{ node }
	exists struct{ operand }
	// compare is left operator right.
	compare struct {
		left, right operand
		op          string
	}
)

// operand is a side of a comparison: a value, a path or a pattern.
type operand struct {
	value   any
	path    *Path
	rooted  bool // the path begins at the document
	pattern *regex.Regexp
}

// operators, the longer before those that they begin with.
var operators = []string{
	"==", "!=", "<=", ">=", "=~", "<", ">", "nin", "in", "contains", "size", "empty", "subsetof",
	"anyof", "noneof",
}

// or reads a condition.
func (p *parser) or() node {
	if p.depth++; p.depth > maxDepth {
		p.fail("conditions are nested deeper than %d levels", maxDepth)
	}
	defer func() { p.depth-- }()
	some := anyOf{p.and()}
	for p.accept("||") {
		some = append(some, p.and())
	}
	if len(some) == 1 {
		return some[0]
	}
	return some
}

func (p *parser) and() node {
	all := allOf{p.condition()}
	for p.accept("&&") {
		all = append(all, p.condition())
	}
	if len(all) == 1 {
		return all[0]
	}
	return all
}

// condition reads one comparison, a condition in parentheses or a negation.
func (p *parser) condition() node {
	switch {
	case p.err != nil:
		return anyOf{}
	case p.accept("!"):
		return negate{p.condition()}
	case p.accept("("):
		n := p.or()
		p.expect(")")
		return n
	}
	left := p.operand()
	for _, op := range operators {
		if p.accept(op) || p.accept(strings.ToUpper(op)) {
			return compare{left, p.operand(), op}
		}
	}
	if left.path == nil {
		p.fail("an operator is missing")
	}
	return exists{left}
}

func (p *parser) operand() operand {
	p.blanks()
	switch c := p.peek(); {
	case c == '@' || c == '$':
		return operand{path: p.path(c), rooted: c == '$'}
	case c == '\'' || c == '"':
		return operand{value: p.quoted()}
	case c == '/':
		return operand{pattern: p.pattern()}
	case c == '[':
		p.at++
		list := []any{}
		for !p.accept("]") && p.err == nil {
			list = append(list, p.operand().value)
			p.accept(",")
		}
		return operand{value: list}
	}
	start := p.at
	for p.at < len(p.text) && !strings.ContainsRune(" ()]=!<>&|,\t\n\r", rune(p.peek())) {
		p.at++
	}
	switch word := p.text[start:p.at]; strings.ToLower(word) {
	case "true":
		return operand{value: true}
	case "false":
		return operand{value: false}
	case "null":
		return operand{}
	default:
		d, err := data.ParseDecimal(word)
		if err != nil {
			p.fail("%q is neither a path nor a value", word)
		}
		return operand{value: d}
	}
}

// pattern reads /regex/ and the letters of flags behind it.
func (p *parser) pattern() *regex.Regexp {
	p.at++
	start := p.at
	for p.at < len(p.text) && p.peek() != '/' {
		if p.peek() == '\\' && p.at+1 < len(p.text) {
			p.at++
		}
		p.at++
	}
	if p.at >= len(p.text) {
		p.fail("the pattern isn't closed by /")
		return nil
	}
	text := strings.ReplaceAll(p.text[start:p.at], `\/`, "/")
	p.at++
	start = p.at
	for strings.IndexByte("dixmsuU", p.peek()) >= 0 && p.peek() != 0 {
		p.at++
	}
	if flags := p.text[start:p.at]; flags != "" {
		text = "(?" + flags + ")" + text
	}
	re, err := regex.Compile(text)
	if err != nil {
		p.fail("the pattern is wrong: %v", err)
	}
	return re
}

func (a allOf) holds(current, root any) bool {
	for _, n := range a {
		if !n.holds(current, root) {
			return false
		}
	}
	return true
}

func (a anyOf) holds(current, root any) bool {
	for _, n := range a {
		if n.holds(current, root) {
			return true
		}
	}
	return false
}

func (n negate) holds(current, root any) bool { return !n.node.holds(current, root) }

func (e exists) holds(current, root any) bool {
	_, ok := e.of(current, root)
	return ok
}

// of is what the operand stands for; ok is false for a path that leads nowhere.
func (o *operand) of(current, root any) (any, bool) {
	if o.path == nil {
		return o.value, true
	}
	if o.rooted {
		current = root
	}
	found, err := o.path.in(current, root)
	if o.path.definite {
		if err != nil || len(found) == 0 {
			return nil, false
		}
		return found[0], true
	}
	return found, err == nil && len(found) > 0
}

func (c compare) holds(current, root any) bool {
	left, hasLeft := c.left.of(current, root)
	right, hasRight := c.right.of(current, root)
	both := hasLeft && hasRight
	switch c.op {
	case "==":
		return both && equal(left, right)
	case "!=":
		return !both || !equal(left, right)
	case "=~":
		return both && c.matches(left, right)
	case "<", "<=", ">", ">=":
		order, ok := ordered(left, right)
		return both && ok && inOrder(c.op, order)
	case "in":
		return both && has(right, left)
	case "nin":
		return both && !has(right, left)
	case "contains":
		if text, ok := left.(string); ok && both {
			part, ok := right.(string)
			return ok && strings.Contains(text, part)
		}
		return both && has(left, right)
	case "size":
		n, ok := sizeOf(left)
		return both && ok && equal(int64(n), right)
	case "empty":
		n, ok := sizeOf(left)
		return both && ok && equal(n == 0, right)
	}
	return both && c.lists(left, right)
}

func inOrder(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// lists compares lists as sets.
func (c compare) lists(left, right any) bool {
	a, ok := left.([]any)
	b, isList := right.([]any)
	if !ok || !isList {
		return false
	}
	n := 0
	for _, e := range a {
		if has(b, e) {
			n++
		}
	}
	switch c.op {
	case "subsetof":
		return n == len(a)
	case "anyof":
		return n > 0
	}
	return n == 0 // noneof
}

func (c compare) matches(left, right any) bool {
	re, value := c.right.pattern, left
	if re == nil {
		re, value = c.left.pattern, right
	}
	switch value.(type) {
	case nil, []any, *data.Map, *data.Struct:
		return false
	}
	if re == nil {
		return false
	}
	ok, err := re.MatchString(data.Text(value))
	return err == nil && ok
}
