package regex

import (
	"errors"
	"slices"
	"unicode"
)

// ErrTooComplex says that a match was given up: the pattern backtracks too much on this text.
var ErrTooComplex = errors.New("regular expression takes too many steps on this text (catastrophic backtracking)")

// Bounds of one match. A step takes some 10 to 20 ns, so that the worst pattern costs about 50 ms and
// 40 MB once, and then an error.
const (
	maxSteps = 3_000_000
	maxStack = 1_000_000
)

// saved is an entry of the backtracking stack: a place to go on from, or the value that a
// register had before.
type saved struct {
	pc  int // -1-register when it restores a register
	pos int
}

// machine is one match in progress.
type machine struct {
	re    *Regexp
	text  []rune
	regs  []int // captures, then two per loop
	stack []saved
	steps int
	err   error
}

func (r *Regexp) newMachine(text []rune) *machine {
	m := &machine{re: r, text: text, regs: make([]int, 2*r.groups+2*r.loops)}
	m.reset()
	return m
}

func (m *machine) reset() {
	m.stack = m.stack[:0]
	m.steps += len(m.regs) / 8
	for i := range m.regs {
		m.regs[i] = -1
	}
}

// set changes a register so that backtracking undoes it.
func (m *machine) set(reg, value int) {
	if m.regs[reg] == value {
		return
	}
	m.push(saved{-1 - reg, m.regs[reg]})
	m.regs[reg] = value
}

func (m *machine) push(s saved) {
	if len(m.stack) >= maxStack {
		m.err = ErrTooComplex
		return
	}
	m.stack = append(m.stack, s)
}

// back undoes registers down to the last place to go on from that lies above base.
func (m *machine) back(base int) (pc, pos int, ok bool) {
	for len(m.stack) > base {
		s := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if s.pc >= 0 {
			return s.pc, s.pos, true
		}
		m.regs[-1-s.pc] = s.pos
	}
	return 0, 0, false
}

// undo takes everything above base back.
func (m *machine) undo(base int) {
	for len(m.stack) > base {
		m.back(base)
	}
}

// commit forgets the places to go on from above base; what restores registers stays.
func (m *machine) commit(base int) {
	kept := slices.DeleteFunc(m.stack[base:], func(s saved) bool { return s.pc >= 0 })
	m.stack = m.stack[:base+len(kept)]
}

// run matches the program from pc on, at pos, up to its opMatch, and returns where that is.
// done says whether a match that ends at a position counts; nil means yes.
func (m *machine) run(pc, pos int, done func(end int) bool) (int, bool) {
	base := len(m.stack)
	for m.err == nil {
		if m.steps++; m.steps > maxSteps {
			m.err = ErrTooComplex
			break
		}
		in := &m.re.prog[pc]
		if in.op == opMatch {
			if done == nil || done(pos) {
				return pos, true
			}
			pc, pos = -1, 0
		} else {
			pc, pos = m.step(in, pc, pos)
		}
		if pc >= 0 {
			continue
		}
		var ok bool
		if pc, pos, ok = m.back(base); !ok {
			return 0, false
		}
	}
	return 0, false
}

// step carries out one instruction; the next pc is -1 when it doesn't match.
func (m *machine) step(in *inst, pc, pos int) (int, int) {
	switch in.op {
	case opSet:
		m.steps += in.x
		if pos < len(m.text) && in.set(m.text[pos]) {
			return pc + 1, pos + 1
		}
	case opSplit:
		m.push(saved{in.y, pos})
		return in.x, pos
	case opJump:
		return in.x, pos
	case opSave:
		m.set(in.x, pos)
		return pc + 1, pos
	case opAssert:
		if m.holds(assertion(in.x), pos) {
			return pc + 1, pos
		}
	case opBackref:
		if end, ok := m.again(in, pos); ok {
			return pc + 1, end
		}
	case opLook:
		if m.lookaround(in, pc, pos) {
			return in.x, pos
		}
	case opAtomic:
		base := len(m.stack)
		if end, ok := m.run(pc+1, pos, nil); ok {
			m.commit(base)
			return in.x, end
		}
	case opInit:
		m.set(m.counter(in), 0)
		m.set(m.counter(in)+1, -1)
		return pc + 1, pos
	case opEnter:
		c := m.counter(in)
		m.set(c, m.regs[c]+1)
		m.set(c+1, pos)
		return pc + 1, pos
	case opLoop:
		return m.round(in, pc, pos)
	}
	return -1, 0
}

func (m *machine) counter(in *inst) int { return 2*m.re.groups + 2*in.x }

// round decides at the head of a loop whether to go round again; the way in is the next
// instruction, opEnter. A round that matched nothing isn't followed by another: repeating it
// changes nothing.
func (m *machine) round(in *inst, pc, pos int) (int, int) {
	c := m.counter(in)
	n, l := m.regs[c], in.loop
	switch {
	case pos == m.regs[c+1] || l.max != unbounded && n >= l.max:
		return in.y, pos
	case n < l.min:
		return pc + 1, pos
	case l.lazy:
		m.push(saved{pc + 1, pos})
		return in.y, pos
	}
	m.push(saved{in.y, pos})
	return pc + 1, pos
}

// lookaround reports whether the text around pos is as the body says. What a positive one
// captured stays.
func (m *machine) lookaround(in *inst, pc, pos int) bool {
	base := len(m.stack)
	found := false
	if !in.look.behind {
		_, found = m.run(pc+1, pos, nil)
	} else {
		from := max(0, int(int32(pos)-in.look.max)) // it overflows in Java, too
		for start := int(int32(pos) - in.look.min); start >= from && !found && m.err == nil; start-- {
			_, found = m.run(pc+1, start, func(end int) bool { return end == pos })
		}
	}
	if found && !in.look.negate {
		m.commit(base)
	} else {
		m.undo(base)
	}
	return found != in.look.negate
}

// again matches what a group captured once more.
func (m *machine) again(in *inst, pos int) (int, bool) {
	from, to := m.regs[2*in.x], m.regs[2*in.x+1]
	if from < 0 || to < from || pos+to-from > len(m.text) {
		return 0, false
	}
	for i := from; i < to; i++ {
		if in.fold.canonical(m.text[i]) != in.fold.canonical(m.text[pos+i-from]) {
			return 0, false
		}
	}
	m.steps += to - from
	return pos + to - from, true
}

func (m *machine) holds(a assertion, pos int) bool {
	n := len(m.text)
	switch a {
	case beginInput:
		return pos == 0
	case endInput:
		return pos == n
	case endBeforeFinalTerminator:
		return pos == n || m.atFinalTerminator(pos)
	case endBeforeFinalUnixTerminator:
		return pos == n || pos == n-1 && m.text[pos] == '\n'
	case beginLine:
		return pos == 0 || pos < n && m.afterTerminator(pos)
	case beginUnixLine:
		return pos == 0 || pos < n && m.text[pos-1] == '\n'
	case endLine:
		return pos == n || isLineTerminator(m.text[pos]) && !m.insideCRLF(pos)
	case endUnixLine:
		return pos == n || m.text[pos] == '\n'
	case wordBoundary:
		return m.boundary(pos, isBoundaryWord)
	case notWordBoundary:
		return !m.boundary(pos, isBoundaryWord)
	case unicodeWordBoundary:
		return m.boundary(pos, isUnicodeWord)
	case notUnicodeWordBoundary:
		return !m.boundary(pos, isUnicodeWord)
	case lastMatchEnd:
		return pos == 0 // there is only ever a first match
	}
	return false
}

func (m *machine) insideCRLF(pos int) bool {
	return pos > 0 && pos < len(m.text) && m.text[pos-1] == '\r' && m.text[pos] == '\n'
}

func (m *machine) atFinalTerminator(pos int) bool {
	n := len(m.text)
	if pos == n-1 {
		return isLineTerminator(m.text[pos]) && !m.insideCRLF(pos)
	}
	return pos == n-2 && m.text[pos] == '\r' && m.text[pos+1] == '\n'
}

func (m *machine) afterTerminator(pos int) bool {
	return isLineTerminator(m.text[pos-1]) && !m.insideCRLF(pos)
}

func (m *machine) boundary(pos int, word func(rune) bool) bool {
	before := pos > 0 && m.isWordAt(pos-1, word)
	after := pos < len(m.text) && m.isWordAt(pos, word)
	return before != after
}

// isWordAt counts a combining mark as part of the word that it stands on.
func (m *machine) isWordAt(i int, word func(rune) bool) bool {
	for ; i >= 0 && unicode.Is(unicode.Mn, m.text[i]); i-- {
		if word(m.text[i]) {
			return true
		}
	}
	return i >= 0 && word(m.text[i])
}
