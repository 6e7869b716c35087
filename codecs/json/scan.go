package json

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"
)

// The limits of Jackson's StreamReadConstraints.
const (
	maxDepth     = 1000
	maxNumberLen = 1000
	maxStringLen = 20_000_000
	maxNameLen   = 50_000
)

// kind is what a node of the text is.
type kind uint8

const (
	kindMissing kind = iota // a document without any value
	kindNull
	kindFalse
	kindTrue
	kindInt
	kindFloat
	kindString
	kindArray
	kindObject
)

// nodeTypes are the names of Jackson's JsonNodeType, for messages.
var nodeTypes = [...]string{"MISSING", "NULL", "BOOLEAN", "BOOLEAN", "NUMBER", "NUMBER", "STRING", "ARRAY", "OBJECT"}

func (k kind) String() string { return nodeTypes[k] }

// node is one value of the text, or one name of an object's member. The nodes of a document lie
// in the order of the text: an array is followed by its elements, an object by name, value,
// name, value.
type node struct {
	start, end uint32 // string: between its quotes; number: without sign and leading zeros
	next       uint32 // index of the node behind this one and all that is in it
	count      uint32 // elements of an array, members of an object as they are written
	kind       kind
	flag       bool // string: to be unescaped; number: negative
}

// scanner checks one JSON text and notes its nodes. It is used again and again.
type scanner struct {
	src   []byte
	pos   int
	nodes []node
}

// maxKeptNodes bounds the memory that one huge text leaves behind.
const maxKeptNodes = 1 << 18

func (s *scanner) reset(src []byte) {
	if cap(s.nodes) > maxKeptNodes {
		s.nodes = nil
	}
	s.src, s.pos, s.nodes = src, 0, s.nodes[:0]
}

// document scans the first value of the text. What follows it is not looked at, except that a
// number or a word must end there.
func (s *scanner) document() error {
	if uint64(len(s.src)) >= math.MaxUint32 {
		return fmt.Errorf("a JSON text of %d bytes is too long", len(s.src))
	}
	s.space()
	if s.pos == len(s.src) {
		s.nodes = append(s.nodes, node{kind: kindMissing, next: 1})
		return nil
	}
	return s.value(0)
}

func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\n', '\r', '\t':
			s.pos++
		default:
			return
		}
	}
}

// fail says what is wrong at the current place, without showing the data.
func (s *scanner) fail(what string) error {
	if s.pos >= len(s.src) {
		return fmt.Errorf("%s at the end of the text, byte %d", what, s.pos)
	}
	return fmt.Errorf("%s: unexpected byte 0x%02x at byte %d", what, s.src[s.pos], s.pos)
}

// value scans one value; depth is the number of arrays and objects around it.
func (s *scanner) value(depth int) error {
	s.space()
	if s.pos >= len(s.src) {
		return s.fail("value expected")
	}
	switch c := s.src[s.pos]; c {
	case '"':
		return s.str(maxStringLen)
	case '{':
		return s.object(depth + 1)
	case '[':
		return s.array(depth + 1)
	case 't':
		return s.word("true", kindTrue)
	case 'f':
		return s.word("false", kindFalse)
	case 'n':
		return s.word("null", kindNull)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(depth == 0)
	}
	return s.fail("value expected")
}

func (s *scanner) leaf(k kind, start, end int, flag bool) {
	s.nodes = append(s.nodes, node{
		kind: k, flag: flag, start: uint32(start), end: uint32(end), next: uint32(len(s.nodes) + 1),
	})
}

func (s *scanner) open(k kind, depth int) (int, error) {
	if depth > maxDepth {
		return 0, fmt.Errorf("arrays and objects are nested deeper than %d at byte %d", maxDepth, s.pos)
	}
	at := len(s.nodes)
	s.nodes = append(s.nodes, node{kind: k, start: uint32(s.pos)})
	s.pos++
	s.space()
	return at, nil
}

func (s *scanner) close(at int, count uint32) {
	s.pos++
	n := &s.nodes[at]
	n.end, n.count, n.next = uint32(s.pos), count, uint32(len(s.nodes))
}

func (s *scanner) array(depth int) error {
	at, err := s.open(kindArray, depth)
	if err != nil {
		return err
	}
	if s.pos < len(s.src) && s.src[s.pos] == ']' {
		s.close(at, 0)
		return nil
	}
	for count := uint32(1); ; count++ {
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		switch {
		case s.pos < len(s.src) && s.src[s.pos] == ',':
			s.pos++
		case s.pos < len(s.src) && s.src[s.pos] == ']':
			s.close(at, count)
			return nil
		default:
			return s.fail("comma or ] expected")
		}
	}
}

func (s *scanner) object(depth int) error {
	at, err := s.open(kindObject, depth)
	if err != nil {
		return err
	}
	if s.pos < len(s.src) && s.src[s.pos] == '}' {
		s.close(at, 0)
		return nil
	}
	for count := uint32(1); ; count++ {
		if err := s.member(depth); err != nil {
			return err
		}
		s.space()
		switch {
		case s.pos < len(s.src) && s.src[s.pos] == ',':
			s.pos++
			s.space()
		case s.pos < len(s.src) && s.src[s.pos] == '}':
			s.close(at, count)
			return nil
		default:
			return s.fail("comma or } expected")
		}
	}
}

func (s *scanner) member(depth int) error {
	if s.pos >= len(s.src) || s.src[s.pos] != '"' {
		return s.fail("name in quotes expected")
	}
	if err := s.str(maxNameLen); err != nil {
		return err
	}
	s.space()
	if s.pos >= len(s.src) || s.src[s.pos] != ':' {
		return s.fail("colon expected")
	}
	s.pos++
	return s.value(depth)
}

func (s *scanner) word(w string, k kind) error {
	end := s.pos + len(w)
	if end > len(s.src) || string(s.src[s.pos:end]) != w {
		return s.fail("true, false or null expected")
	}
	if end < len(s.src) && wordGoesOn(s.src[end:]) {
		return s.fail("true, false or null expected")
	}
	s.leaf(k, s.pos, end, false)
	s.pos = end
	return nil
}

// number scans a number. At the root it must be followed by space or the end of the text.
func (s *scanner) number(root bool) error {
	negative := s.src[s.pos] == '-'
	if negative {
		s.pos++
	}
	digits := s.digits()
	if digits == 0 {
		return s.fail("digit expected")
	}
	start := s.pos - digits
	for digits > 1 && s.src[start] == '0' {
		start++
		digits--
	}
	k := kindInt
	if s.pos < len(s.src) && s.src[s.pos] == '.' {
		k = kindFloat
		s.pos++
		n := s.digits()
		if n == 0 {
			return s.fail("digit expected behind the decimal point")
		}
		digits += n
	}
	if s.pos < len(s.src) && s.src[s.pos]|0x20 == 'e' {
		k = kindFloat
		s.pos++
		if s.pos < len(s.src) && (s.src[s.pos] == '+' || s.src[s.pos] == '-') {
			s.pos++
		}
		n := s.digits()
		if n == 0 {
			return s.fail("digit expected in the exponent")
		}
		digits += n
		if _, ok := decimalScale(s.src[start:s.pos]); !ok {
			return fmt.Errorf("the exponent of a number before byte %d is out of range", s.pos)
		}
	}
	if digits > maxNumberLen {
		return fmt.Errorf("a number before byte %d has more than %d digits", s.pos, maxNumberLen)
	}
	if root && s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\n', '\r', '\t':
		default:
			return s.fail("space expected behind a number")
		}
	}
	s.leaf(k, start, s.pos, negative)
	return nil
}

func (s *scanner) digits() int {
	from := s.pos
	for s.pos < len(s.src) && s.src[s.pos]-'0' <= 9 {
		s.pos++
	}
	return s.pos - from
}

// str scans a string in quotes and checks its escapes and its UTF-8.
func (s *scanner) str(maxLen int) error {
	s.pos++
	start, ascii, escaped := s.pos, true, false
	for {
		s.pos = special(s.src, s.pos)
		if s.pos >= len(s.src) {
			return s.fail("a string has no end")
		}
		switch c := s.src[s.pos]; {
		case c == '"':
			if s.pos-start > maxLen && valueLen(s.src[start:s.pos], maxLen == maxNameLen) > maxLen {
				return fmt.Errorf("a string before byte %d is longer than %d", s.pos, maxLen)
			}
			if !ascii && !utf8.Valid(s.src[start:s.pos]) {
				if at := badUTF8(s.src[start:s.pos]); at >= 0 {
					s.pos = start + at
					return s.fail("invalid UTF-8")
				}
				escaped = true
			}
			s.leaf(kindString, start, s.pos, escaped)
			s.pos++
			return nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return err
			}
		case c >= 0x80:
			ascii = false
			s.pos++
		default:
			return s.fail("control character in a string")
		}
	}
}

func (s *scanner) escape() error {
	s.pos++
	if s.pos >= len(s.src) {
		return s.fail("a string has no end")
	}
	switch s.src[s.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		s.pos++
		for range 4 {
			if s.pos >= len(s.src) || hexDigit(s.src[s.pos]) < 0 {
				return s.fail("hexadecimal digit expected")
			}
			s.pos++
		}
		return nil
	}
	return s.fail("unknown escape")
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special finds the first byte from i on that ends a run of plain text: a quote, a backslash, a
// control character or anything outside ASCII. It looks at eight bytes at a time.
func special(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if m := specialMask(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
			return i
		}
	}
	return i
}

// specialMask has the high bit set of each byte of w that special looks for; above the lowest
// one, bits may be set wrongly.
func specialMask(w uint64) uint64 {
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return (w | (w-ones*0x20)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
}
