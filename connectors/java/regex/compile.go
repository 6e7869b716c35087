package regex

import "strings"

type op uint8

const (
	opMatch   op = iota // the pattern, or the body of a lookaround or atomic group, has matched
	opFail              // nothing matches here
	opSet               // one code point of set
	opSplit             // go on at x; if that fails, at y
	opJump              // go on at x
	opSave              // capture boundary x is here
	opAssert            // assertion x holds here
	opBackref           // what group x matched comes again
	opLook              // lookaround with its body behind it; go on at x
	opAtomic            // atomic group with its body behind it; go on at x
	opInit              // loop x starts
	opLoop              // into one more round of loop x, or on at y
	opEnter             // a round of loop x starts
)

type inst struct {
	op   op
	x, y int
	set  set
	fold fold
	loop *loop
	look *look
}

// loop is what opLoop needs to know; the counter is register 2x, the position at which the
// round began register 2x+1.
type loop struct {
	min, max int
	lazy     bool
}

// Regexp is a compiled pattern. It is immutable and safe for concurrent use.
type Regexp struct {
	pattern string
	prog    []inst
	groups  int // the whole match included
	loops   int
	names   map[string]int
}

// String is the pattern.
func (r *Regexp) String() string { return r.pattern }

// Groups is the number of capturing groups.
func (r *Regexp) Groups() int { return r.groups - 1 }

// Compile parses a pattern. The error is a *SyntaxError.
func Compile(pattern string) (re *Regexp, err error) {
	p := &parser{pattern: pattern, in: []rune(unquote(pattern)), groups: 1, names: map[string]int{}}
	defer func() {
		if x := recover(); x != nil {
			e, ok := x.(*SyntaxError)
			if !ok {
				panic(x)
			}
			re, err = nil, e
		}
	}()
	tree := p.parse()
	c := &compiler{}
	c.node(group{0, tree})
	c.emit(inst{op: opMatch})
	if len(c.prog) > maxProgram {
		return nil, &SyntaxError{Desc: "Pattern is too long", Index: -1, Pattern: pattern}
	}
	return &Regexp{pattern: pattern, prog: c.prog, groups: p.groups, loops: c.loops, names: p.names}, nil
}

// maxProgram bounds the memory that a pattern takes; quantifiers are counted, not unrolled, so
// only patterns of this many characters come near.
const maxProgram = 1 << 20

// unquote replaces \Q…\E by escapes.
func unquote(pattern string) string {
	found := strings.Contains(pattern, `\Q`)
	if !found {
		return pattern
	}
	var b strings.Builder
	for rest := pattern; rest != ""; {
		switch {
		case strings.HasPrefix(rest, `\Q`):
			quoted, after, _ := strings.Cut(rest[2:], `\E`)
			quote(&b, quoted)
			rest = after
		case rest[0] == '\\' && len(rest) > 1:
			b.WriteString(rest[:2])
			rest = rest[2:]
		default:
			b.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	return b.String()
}

func quote(b *strings.Builder, text string) {
	for i := range len(text) {
		c := rune(text[i])
		switch {
		case i == 0 && isDigit(c): // a digit must not join a backreference before it
			b.WriteString(`\x3` + string(c))
			continue
		case c < 0x80 && !isASCIILetter(c) && !isDigit(c):
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
}

type compiler struct {
	prog  []inst
	loops int
}

func (c *compiler) emit(i inst) int {
	c.prog = append(c.prog, i)
	return len(c.prog) - 1
}

func (c *compiler) here() int { return len(c.prog) }

func (c *compiler) node(n node) {
	switch n := n.(type) {
	case empty:
	case never:
		c.emit(inst{op: opFail})
	case char:
		c.emit(inst{op: opSet, set: n.set, x: n.cost})
	case sequence:
		for _, x := range n.items {
			c.node(x)
		}
	case choice:
		c.choice(n.alts)
	case group:
		c.emit(inst{op: opSave, x: 2 * n.n})
		c.node(n.body)
		c.emit(inst{op: opSave, x: 2*n.n + 1})
	case atomic:
		c.nested(inst{op: opAtomic}, n.body)
	case look:
		c.nested(inst{op: opLook, look: &n}, n.body)
	case backref:
		c.emit(inst{op: opBackref, x: n.n, fold: n.fold})
	case assert:
		c.emit(inst{op: opAssert, x: int(n.kind)})
	case repeat:
		c.repeat(n)
	}
}

// nested emits an instruction with a body of its own, which the matcher runs as a match in the match.
func (c *compiler) nested(i inst, body node) {
	at := c.emit(i)
	c.node(body)
	c.emit(inst{op: opMatch})
	c.prog[at].x = c.here()
}

func (c *compiler) choice(alts []node) {
	var jumps []int
	for i, alt := range alts {
		if i == len(alts)-1 {
			c.node(alt)
			break
		}
		split := c.emit(inst{op: opSplit})
		c.prog[split].x = c.here()
		c.node(alt)
		jumps = append(jumps, c.emit(inst{op: opJump}))
		c.prog[split].y = c.here()
	}
	for _, j := range jumps {
		c.prog[j].x = c.here()
	}
}

func (c *compiler) repeat(r repeat) {
	if r.mode == possessive {
		r.mode = greedy
		c.nested(inst{op: opAtomic}, r)
		return
	}
	n := c.loops
	c.loops++
	c.emit(inst{op: opInit, x: n})
	head := c.emit(inst{op: opLoop, x: n, loop: &loop{r.min, r.max, r.mode == lazy}})
	c.emit(inst{op: opEnter, x: n})
	c.node(r.body)
	c.emit(inst{op: opJump, x: head})
	c.prog[head].y = c.here()
}
