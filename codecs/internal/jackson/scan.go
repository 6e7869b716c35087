package jackson

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/java"
)

// The limits of Jackson's StreamReadConstraints.
const (
	MaxDepth     = 1000
	maxNumberLen = 1000
	maxStringLen = 20_000_000
	maxNameLen   = 50_000
)

// Kind is what a node of the text is.
type Kind uint8

// The kinds.
const (
	KindMissing Kind = iota // a document without any value
	KindNull
	KindFalse
	KindTrue
	KindInt
	KindFloat
	KindString
	KindArray
	KindObject
	KindNonNumber // NaN, Infinity or -Infinity
)

// nodeTypes are the names of Jackson's JsonNodeType, for messages.
var nodeTypes = [...]string{"MISSING", "NULL", "BOOLEAN", "BOOLEAN", "NUMBER", "NUMBER", "STRING", "ARRAY", "OBJECT", "NUMBER"}

func (k Kind) String() string { return nodeTypes[k] }

// Node is one value of the text, or one name of an object's member. The nodes of a document lie
// in the order of the text: an array is followed by its elements, an object by name, value,
// name, value.
type Node struct {
	Start, End uint32 // string: between its quotes; number: without sign and leading zeros
	Next       uint32 // index of the node behind this one and all that is in it
	Count      uint32 // elements of an array, members of an object as they are written
	Kind       Kind
	Flag       bool // string: to be unescaped; number: negative
}

// Scanner checks one JSON text and notes its nodes. It is used again and again.
type Scanner struct {
	Src   []byte
	Pos   int
	Nodes []Node
	// NonNumbers takes what is no number in JSON, NaN and Infinity, for one.
	NonNumbers bool
	// NoExtraZeros refuses numbers with zeros before other digits, which JsonConverter takes.
	NoExtraZeros bool

	scratch []byte // text of one number
}

// maxKeptNodes bounds the memory that one huge text leaves behind.
const maxKeptNodes = 1 << 18

// Reset starts with another text, which is kept by what is made of it.
func (s *Scanner) Reset(src []byte) {
	if cap(s.Nodes) > maxKeptNodes {
		s.Nodes = nil
	}
	s.Src, s.Pos, s.Nodes = src, 0, s.Nodes[:0]
}

// Document scans the first value of the text. What follows it is not looked at, except that a
// number or a word must end there.
func (s *Scanner) Document() error {
	if uint64(len(s.Src)) >= math.MaxUint32 {
		return fmt.Errorf("a JSON text of %d bytes is too long", len(s.Src))
	}
	s.Space()
	if s.Pos == len(s.Src) {
		s.Nodes = append(s.Nodes, Node{Kind: KindMissing, Next: 1})
		return nil
	}
	return s.Value(0)
}

// Space goes to the next byte that is no space.
func (s *Scanner) Space() {
	for s.Pos < len(s.Src) {
		switch s.Src[s.Pos] {
		case ' ', '\n', '\r', '\t':
			s.Pos++
		default:
			return
		}
	}
}

// fail says what is wrong at the current place, without showing the data.
func (s *Scanner) fail(what string) error {
	if s.Pos >= len(s.Src) {
		return fmt.Errorf("%s at the end of the text, byte %d", what, s.Pos)
	}
	return fmt.Errorf("%s: unexpected byte 0x%02x at byte %d", what, s.Src[s.Pos], s.Pos)
}

// Value scans one value; depth is the number of arrays and objects around it.
func (s *Scanner) Value(depth int) error {
	s.Space()
	if s.Pos >= len(s.Src) {
		return s.fail("value expected")
	}
	switch c := s.Src[s.Pos]; c {
	case '"':
		return s.str(maxStringLen)
	case '{':
		return s.object(depth + 1)
	case '[':
		return s.array(depth + 1)
	case 't':
		return s.word("true", KindTrue)
	case 'f':
		return s.word("false", KindFalse)
	case 'n':
		return s.word("null", KindNull)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(depth == 0)
	}
	if s.NonNumbers {
		return s.nonNumber()
	}
	return s.fail("value expected")
}

// nonNumber scans NaN or an infinity in one of the ways to write it.
func (s *Scanner) nonNumber() error {
	rest := s.Src[s.Pos:]
	for _, w := range [...]struct {
		text     string
		negative bool
	}{
		{"NaN", false},
		{"Infinity", false},
		{"INF", false},
		{"+Infinity", false},
		{"+INF", false},
		{"-Infinity", true},
		{"-INF", true},
	} {
		if len(rest) < len(w.text) || string(rest[:len(w.text)]) != w.text {
			continue
		}
		if len(rest) > len(w.text) && wordGoesOn(rest[len(w.text):]) {
			break
		}
		s.leaf(KindNonNumber, s.Pos, s.Pos+len(w.text), w.negative)
		s.Pos += len(w.text)
		return nil
	}
	return s.fail("value expected")
}

func (s *Scanner) leaf(k Kind, start, end int, flag bool) {
	s.Nodes = append(s.Nodes, Node{
		Kind: k, Flag: flag, Start: uint32(start), End: uint32(end), Next: uint32(len(s.Nodes) + 1),
	})
}

func (s *Scanner) open(k Kind, depth int) (int, error) {
	if depth > MaxDepth {
		return 0, fmt.Errorf("arrays and objects are nested deeper than %d at byte %d", MaxDepth,
			s.Pos)
	}
	at := len(s.Nodes)
	s.Nodes = append(s.Nodes, Node{Kind: k, Start: uint32(s.Pos)})
	s.Pos++
	s.Space()
	return at, nil
}

func (s *Scanner) close(at int, count uint32) {
	s.Pos++
	n := &s.Nodes[at]
	n.End, n.Count, n.Next = uint32(s.Pos), count, uint32(len(s.Nodes))
}

func (s *Scanner) array(depth int) error {
	at, err := s.open(KindArray, depth)
	if err != nil {
		return err
	}
	if s.Pos < len(s.Src) && s.Src[s.Pos] == ']' {
		s.close(at, 0)
		return nil
	}
	for count := uint32(1); ; count++ {
		if err := s.Value(depth); err != nil {
			return err
		}
		s.Space()
		switch {
		case s.Pos < len(s.Src) && s.Src[s.Pos] == ',':
			s.Pos++
		case s.Pos < len(s.Src) && s.Src[s.Pos] == ']':
			s.close(at, count)
			return nil
		default:
			return s.fail("comma or ] expected")
		}
	}
}

func (s *Scanner) object(depth int) error {
	at, err := s.open(KindObject, depth)
	if err != nil {
		return err
	}
	if s.Pos < len(s.Src) && s.Src[s.Pos] == '}' {
		s.close(at, 0)
		return nil
	}
	for count := uint32(1); ; count++ {
		if err := s.member(depth); err != nil {
			return err
		}
		s.Space()
		switch {
		case s.Pos < len(s.Src) && s.Src[s.Pos] == ',':
			s.Pos++
			s.Space()
		case s.Pos < len(s.Src) && s.Src[s.Pos] == '}':
			s.close(at, count)
			return nil
		default:
			return s.fail("comma or } expected")
		}
	}
}

func (s *Scanner) member(depth int) error {
	if s.Pos >= len(s.Src) || s.Src[s.Pos] != '"' {
		return s.fail("name in quotes expected")
	}
	if err := s.str(maxNameLen); err != nil {
		return err
	}
	s.Space()
	if s.Pos >= len(s.Src) || s.Src[s.Pos] != ':' {
		return s.fail("colon expected")
	}
	s.Pos++
	return s.Value(depth)
}

func (s *Scanner) word(w string, k Kind) error {
	end := s.Pos + len(w)
	if end > len(s.Src) || string(s.Src[s.Pos:end]) != w {
		return s.fail("true, false or null expected")
	}
	if end < len(s.Src) && wordGoesOn(s.Src[end:]) {
		return s.fail("true, false or null expected")
	}
	s.leaf(k, s.Pos, end, false)
	s.Pos = end
	return nil
}

// number scans a number. At the root it must be followed by space or the end of the text.
func (s *Scanner) number(root bool) error {
	negative := s.Src[s.Pos] == '-'
	if negative {
		if s.NonNumbers && s.Pos+1 < len(s.Src) && s.Src[s.Pos+1] == 'I' {
			return s.nonNumber()
		}
		s.Pos++
	}
	digits := s.digits()
	if digits == 0 {
		return s.fail("digit expected")
	}
	start := s.Pos - digits
	if s.NoExtraZeros && digits > 1 && s.Src[start] == '0' {
		return s.fail("a number starts with a zero")
	}
	for digits > 1 && s.Src[start] == '0' {
		start++
		digits--
	}
	k := KindInt
	if s.Pos < len(s.Src) && s.Src[s.Pos] == '.' {
		k = KindFloat
		s.Pos++
		n := s.digits()
		if n == 0 {
			return s.fail("digit expected behind the decimal point")
		}
		digits += n
	}
	if s.Pos < len(s.Src) && s.Src[s.Pos]|0x20 == 'e' {
		k = KindFloat
		s.Pos++
		if s.Pos < len(s.Src) && (s.Src[s.Pos] == '+' || s.Src[s.Pos] == '-') {
			s.Pos++
		}
		n := s.digits()
		if n == 0 {
			return s.fail("digit expected in the exponent")
		}
		digits += n
		if _, ok := decimalScale(s.Src[start:s.Pos]); !ok {
			return fmt.Errorf("the exponent of a number before byte %d is out of range", s.Pos)
		}
	}
	if digits > maxNumberLen {
		return fmt.Errorf("a number before byte %d has more than %d digits", s.Pos, maxNumberLen)
	}
	if root && s.Pos < len(s.Src) {
		switch s.Src[s.Pos] {
		case ' ', '\n', '\r', '\t':
		default:
			return s.fail("space expected behind a number")
		}
	}
	s.leaf(k, start, s.Pos, negative)
	return nil
}

func (s *Scanner) digits() int {
	from := s.Pos
	for s.Pos < len(s.Src) && s.Src[s.Pos]-'0' <= 9 {
		s.Pos++
	}
	return s.Pos - from
}

// str scans a string in quotes and checks its escapes and its UTF-8.
func (s *Scanner) str(maxLen int) error {
	s.Pos++
	start, ascii, escaped := s.Pos, true, false
	for {
		s.Pos = java.JSONSpecial(s.Src, s.Pos)
		if s.Pos >= len(s.Src) {
			return s.fail("a string has no end")
		}
		switch c := s.Src[s.Pos]; {
		case c == '"':
			if s.Pos-start > maxLen && valueLen(s.Src[start:s.Pos], maxLen == maxNameLen) > maxLen {
				return fmt.Errorf("a string before byte %d is longer than %d", s.Pos, maxLen)
			}
			if !ascii && !utf8.Valid(s.Src[start:s.Pos]) {
				if at := badUTF8(s.Src[start:s.Pos]); at >= 0 {
					s.Pos = start + at
					return s.fail("invalid UTF-8")
				}
				escaped = true
			}
			s.leaf(KindString, start, s.Pos, escaped)
			s.Pos++
			return nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return err
			}
		case c >= 0x80:
			ascii = false
			s.Pos++
		default:
			return s.fail("control character in a string")
		}
	}
}

func (s *Scanner) escape() error {
	s.Pos++
	if s.Pos >= len(s.Src) {
		return s.fail("a string has no end")
	}
	switch s.Src[s.Pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.Pos++
		return nil
	case 'u':
		s.Pos++
		for range 4 {
			if s.Pos >= len(s.Src) || hexDigit(s.Src[s.Pos]) < 0 {
				return s.fail("hexadecimal digit expected")
			}
			s.Pos++
		}
		return nil
	}
	return s.fail("unknown escape")
}
