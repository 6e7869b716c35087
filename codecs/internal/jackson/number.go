package jackson

import (
	"bytes"
	"math"
	"strconv"

	"github.com/troupe-connect/troupe/connectors/data"
)

// decimalScale is the scale of the BigDecimal that Java makes of a number with an exponent,
// false where Java refuses it: exponent and scale are both int32.
func decimalScale(b []byte) (int32, bool) {
	e := bytes.IndexByte(b, 'e')
	if e < 0 {
		e = bytes.IndexByte(b, 'E')
	}
	fraction := 0
	if dot := bytes.IndexByte(b[:e], '.'); dot >= 0 {
		fraction = e - dot - 1
	}
	exp := b[e+1:]
	negative := exp[0] == '-'
	if negative || exp[0] == '+' {
		exp = exp[1:]
	}
	exp = bytes.TrimLeft(exp, "0")
	if len(exp) > 10 {
		return 0, false
	}
	var x int64
	for _, c := range exp {
		x = x*10 + int64(c-'0')
	}
	if negative {
		x = -x
	}
	scale := int64(fraction) - x
	return int32(scale), x == int64(int32(x)) && scale == int64(int32(scale))
}

// Digits64 is the low 64 bits of a run of digits, as BigInteger.longValue gives them.
func Digits64(b []byte, negative bool) int64 {
	var x uint64
	for _, c := range b {
		x = x*10 + uint64(c-'0')
	}
	if negative {
		x = -x
	}
	return int64(x)
}

// IsInt32 reports whether Jackson reads the integer as an int.
func IsInt32(b []byte, negative bool) bool {
	if len(b) > 10 {
		return false
	}
	x := Digits64(b, negative)
	return x == int64(int32(x))
}

// Decimal is the number as a Decimal, exactly.
func (s *Scanner) Decimal(n *Node) (data.Decimal, error) {
	from := n.Start
	if !n.Flag {
		return data.ParseDecimal(Text(s.Src[from:n.End]))
	}
	// The sign may be apart from the digits by leading zeros.
	s.scratch = append(append(s.scratch[:0], '-'), s.Src[from:n.End]...)
	return data.ParseDecimal(Text(s.scratch))
}

// Int64 is what Jackson's longValue says of any node: numbers cut and wrapped as Java casts
// them, 0 for anything else.
func (s *Scanner) Int64(n *Node) int64 {
	b := s.Src[n.Start:n.End]
	switch n.Kind {
	case KindInt:
		return Digits64(b, n.Flag)
	case KindNonNumber:
		switch {
		case b[len(b)-1] == 'N':
			return 0
		case n.Flag:
			return math.MinInt64
		}
		return math.MaxInt64
	case KindFloat:
		if bytes.IndexByte(b, 'e') < 0 && bytes.IndexByte(b, 'E') < 0 {
			return Digits64(b[:bytes.IndexByte(b, '.')], n.Flag)
		}
		dec, err := s.Decimal(n)
		if err != nil {
			return 0
		}
		return decimal64(dec)
	}
	return 0
}

// decimal64 is BigDecimal.longValue: the low 64 bits of the number without its fraction.
func decimal64(dec data.Decimal) int64 {
	// From 10^64 on the low 64 bits are 0.
	if dec.Scale <= -64 || int64(dec.Precision())-int64(dec.Scale) <= 0 {
		return 0
	}
	whole := dec.PlainString() // at most 1000 digits and 63 zeros
	negative := whole[0] == '-'
	if negative {
		whole = whole[1:]
	}
	b := []byte(whole)
	if dot := bytes.IndexByte(b, '.'); dot >= 0 {
		b = b[:dot]
	}
	return Digits64(b, negative)
}

// Float is what Jackson's doubleValue (floatValue for 32 bits) says of any node: 0 for what is no
// number.
func (s *Scanner) Float(n *Node, bits int) float64 {
	switch {
	case n.Kind == KindNonNumber && s.Src[n.End-1] == 'N':
		return math.NaN()
	case n.Kind == KindNonNumber && n.Flag:
		return math.Inf(-1)
	case n.Kind == KindNonNumber:
		return math.Inf(1)
	case n.Kind != KindInt && n.Kind != KindFloat:
		return 0
	}
	b := s.Src[n.Start:n.End]
	f, _ := strconv.ParseFloat(Text(b), bits) // out of range is ±Inf or 0, as in Java
	if n.Flag && (f != 0 || !allZeros(b)) {   // a BigDecimal has no -0
		return -f
	}
	return f
}

func allZeros(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= '1' && c <= '9':
			return false
		case c|0x20 == 'e':
			return true
		}
	}
	return true
}
