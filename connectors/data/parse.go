package data

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/java"
)

// maxNesting is how deep arrays and maps may lie in each other in a text; beyond it the text is
// a string.
const maxNesting = 2000

// ParseString finds the value that a text stands for, as Java's Values.parseString does: null,
// true, false, a number of the smallest type that holds it, a date, time or timestamp as
// AppendISO prints them, an array [1, "a"], a map {"a": 1}; anything else is a STRING. It is how
// header values get their schemas. The word null gives no schema and nil.
func ParseString(s string) SchemaAndValue {
	switch first := firstRune(s); {
	case first == 0:
		return text(s)
	case first == '[' || first == '{':
		p := parser{tokens: tokens{text: s}}
		if sv, err := p.container(); err == nil {
			return sv
		}
		if blanks := strings.IndexRune(s, first); blanks > 0 {
			return text(s[:blanks]) // so does Java, and loses the rest
		}
	case first == 'n' || first == 't' || first == 'f':
		if sv, ok := parseWord(java.Trim(s)); ok {
			return sv
		}
	case first == '+' || first == '-' || unicode.IsDigit(first):
		p := parser{tokens: tokens{text: s}}
		if sv, err := p.scalar(java.Trim(p.next())); err == nil {
			return sv
		}
	}
	return text(s)
}

func text(s string) SchemaAndValue { return SchemaAndValue{Schema: StringSchema, Value: s} }

// firstRune is the first character that isn't blank, 0 for none.
func firstRune(s string) rune {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf {
			r, _ := utf8.DecodeRuneInString(s[i:])
			if r > 0xffff {
				return utf8.RuneError // Java looks at half of it
			}
			return r
		} else if c > ' ' {
			return rune(c)
		}
	}
	return 0
}

func parseWord(s string) (SchemaAndValue, bool) {
	switch s {
	case "null":
		return SchemaAndValue{}, true
	case "true":
		return SchemaAndValue{Schema: BooleanSchema, Value: true}, true
	case "false":
		return SchemaAndValue{Schema: BooleanSchema, Value: false}, true
	}
	return SchemaAndValue{}, false
}

// errNoValue says that a text is no array or map. It never leaves this file, so it says no more.
var errNoValue = errors.New("no value")

type parser struct {
	tokens
	depth int
	// failed are the places of brackets that no container begins at. Behind blanks Java reads
	// such a place twice, and what lies in it four times, and so on.
	failed map[int]bool
}

// container reads an array or map from the front of the text; what follows it is ignored, as in
// Java.
func (p *parser) container() (SchemaAndValue, error) {
	read := p.array
	if !p.take("[") {
		if !p.take("{") {
			return SchemaAndValue{}, errNoValue
		}
		read = p.mapping
	}
	place := p.at
	if p.failed[place] || p.depth >= maxNesting {
		return SchemaAndValue{}, errNoValue
	}
	p.depth++
	sv, err := read()
	p.depth--
	if err != nil {
		if p.failed == nil {
			p.failed = map[int]bool{}
		}
		p.failed[place] = true
	}
	return sv, err
}

// embedded reads an element of an array or map. Null is the zero SchemaAndValue.
func (p *parser) embedded() (SchemaAndValue, error) {
	if !p.more() {
		return SchemaAndValue{}, nil
	}
	if p.take(`"`) {
		return p.quoted(), nil
	}
	for _, word := range [...]string{"null", "true", "false"} {
		mark := p.mark()
		if p.take(word) {
			sv, _ := parseWord(word)
			return sv, nil
		}
		p.rewind(mark)
	}
	mark := p.mark()
	if p.take("[") || p.take("{") {
		p.rewind(mark)
		if sv, err := p.container(); err == nil {
			return sv, nil
		}
		p.rewind(mark) // the blanks before the bracket, if any, are the value
	}
	token := p.next()
	word := java.Trim(token)
	if word == "" {
		return text(token), nil
	}
	return p.scalar(word)
}

// scalar reads a number or temporal value that begins with a token.
func (p *parser) scalar(token string) (SchemaAndValue, error) {
	first, _ := utf8.DecodeRuneInString(token)
	digit := unicode.IsDigit(first) && first <= 0xffff
	if digit {
		if sv, ok := p.temporal(token); ok {
			return sv, nil
		}
	}
	if digit || first == '+' || first == '-' {
		if sv, ok := parseNumber(token); ok {
			return sv, nil
		}
	}
	return SchemaAndValue{}, errNoValue
}

// temporal reads a time that begins with a token: its colons are delimiters, so it may be five.
func (p *parser) temporal(token string) (SchemaAndValue, bool) {
	mark := p.mark()
	if rest, ok := p.four(); ok {
		if mayBeTemporal(len(token) + len(rest)) {
			if sv, ok := parseTemporal(token + rest); ok {
				return sv, true
			}
		}
		p.rewind(mark)
	}
	return parseTemporal(token)
}

func (p *parser) quoted() SchemaAndValue {
	var content string
	var joined []byte // when there are several tokens between the quotes
	for n := 0; p.more() && !p.take(`"`); n++ {
		token := p.next()
		switch n {
		case 0:
			content = token
		case 1:
			joined = append(append(joined, content...), token...)
		default:
			joined = append(joined, token...)
		}
	}
	if joined != nil {
		content = string(joined)
	}
	if sv, ok := parseTemporal(content); ok {
		return sv
	}
	return text(content)
}

func (p *parser) array() (SchemaAndValue, error) {
	var elements []any
	var common merger
	for p.more() {
		if p.take("]") {
			return arrayOf(common.schema, elements)
		}
		if p.take(",") {
			return SchemaAndValue{}, errNoValue
		}
		e, err := p.embedded()
		if err != nil {
			return SchemaAndValue{}, err
		}
		common.merge(e.Schema)
		elements = append(elements, e.Value)
		mark := p.mark()
		if p.take("]") {
			p.rewind(mark)
		} else if !p.take(",") {
			return SchemaAndValue{}, errNoValue
		}
	}
	return SchemaAndValue{}, errNoValue
}

func arrayOf(elem *Schema, elements []any) (SchemaAndValue, error) {
	if elements == nil {
		elements = []any{}
	}
	if elem == nil {
		return SchemaAndValue{Schema: &Schema{typ: Array}, Value: elements}, nil
	}
	if err := alignAll(elem, elements); err != nil {
		return SchemaAndValue{}, err
	}
	return SchemaAndValue{Schema: &Schema{typ: Array, elem: elem}, Value: elements}, nil
}

func alignAll(schema *Schema, values []any) error {
	for i, v := range values {
		v, err := ConvertTo(schema, nil, v)
		if err != nil {
			return err
		}
		values[i] = v
	}
	return nil
}

func (p *parser) mapping() (SchemaAndValue, error) {
	m := NewMap(4)
	var keys, values merger
	for p.more() {
		if p.take("}") {
			return mapOf(keys.schema, values.schema, m)
		}
		if p.take(",") {
			return SchemaAndValue{}, errNoValue
		}
		key, err := p.embedded()
		if err != nil {
			return SchemaAndValue{}, err
		}
		if key.Value == nil || !p.take(":") {
			return SchemaAndValue{}, errNoValue
		}
		value, err := p.embedded()
		if err != nil {
			return SchemaAndValue{}, err
		}
		m.Put(key.Value, value.Value)
		p.take(",")
		keys.merge(key.Schema)
		values.merge(value.Schema)
	}
	return SchemaAndValue{}, errNoValue
}

func mapOf(key, elem *Schema, m *Map) (SchemaAndValue, error) {
	if key == nil {
		return SchemaAndValue{Schema: &Schema{typ: MapType}, Value: m}, nil
	}
	aligned := NewMap(m.Len())
	for _, e := range m.entries {
		k, err := ConvertTo(key, nil, e.Key)
		if err != nil {
			return SchemaAndValue{}, err
		}
		v := e.Value
		if elem != nil {
			if v, err = ConvertTo(elem, nil, v); err != nil {
				return SchemaAndValue{}, err
			}
		}
		aligned.Put(k, v)
	}
	return SchemaAndValue{Schema: &Schema{typ: MapType, key: key, elem: elem}, Value: aligned}, nil
}

// merger finds the schema that all elements of an array have in common, if they have one.
type merger struct {
	schema *Schema
	gaveUp bool
}

func (m *merger) merge(s *Schema) {
	switch {
	case s == nil || m.gaveUp:
	case m.schema == nil:
		m.schema = s
	default:
		m.schema = commonSchema(m.schema, s)
		m.gaveUp = m.schema == nil
	}
}

// commonSchema is the schema that takes the values of both: of two numbers the larger type's.
func commonSchema(a, b *Schema) *Schema {
	switch {
	case a.typ != b.typ && (a.typ > Float64 || b.typ > Float64):
		return nil
	case a.typ > b.typ:
		return a
	case a.typ < b.typ:
		return b
	case a.optional == b.optional:
		if a.optional {
			return a
		}
		return b
	case !SchemaEqual(a, b):
		return nil
	}
	return a
}

// parseNumber reads a number: an INT8 to INT64 where it is whole and fits, then FLOAT32, FLOAT64
// and Decimal as far as it is not beyond their range.
func parseNumber(token string) (SchemaAndValue, bool) {
	if n, scale, ok := shortNumber(token); ok {
		whole, rest := n/powersOf10[scale], n%powersOf10[scale]
		if rest == 0 {
			return integer(whole), true
		}
		f, err := strconv.ParseFloat(token, 32)
		return SchemaAndValue{Schema: Float32Schema, Value: float32(f)}, err == nil
	}
	d, ok := parseDecimal(token)
	if !ok {
		return SchemaAndValue{}, false
	}
	if n, ok := exactInt64(d); ok {
		return integer(n), true
	}
	if d.Scale != 0 {
		if f := d.Float32(); !math.IsInf(float64(f), 0) {
			return SchemaAndValue{Schema: Float32Schema, Value: f}, true
		}
		if f := d.Float64(); !math.IsInf(f, 0) {
			return SchemaAndValue{Schema: Float64Schema, Value: f}, true
		}
	}
	return SchemaAndValue{Schema: DecimalSchema(d.Scale), Value: d}, true
}

// shortNumber reads what most numbers are, up to 18 digits and no exponent, without a big.Int:
// n × 10^-scale.
func shortNumber(s string) (n int64, scale int, ok bool) {
	digits := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = s[1:]
	}
	if digits == "" || len(digits) > 18 {
		return 0, 0, false
	}
	point := -1
	for i := 0; i < len(digits); i++ {
		switch c := digits[i]; {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return 0, 0, false
		}
	}
	if point >= 0 {
		scale = len(digits) - point - 1
	}
	if s[0] == '-' {
		n = -n
	}
	return n, scale, digits != "."
}

var powersOf10 = [...]int64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

func integer(n int64) SchemaAndValue {
	switch {
	case n == int64(int8(n)):
		return SchemaAndValue{Schema: Int8Schema, Value: int8(n)}
	case n == int64(int16(n)):
		return SchemaAndValue{Schema: Int16Schema, Value: int16(n)}
	case n == int64(int32(n)):
		return SchemaAndValue{Schema: Int32Schema, Value: int32(n)}
	}
	return SchemaAndValue{Schema: Int64Schema, Value: n}
}

// exactInt64 is a number that is whole and fits, however it is written. It looks at the number
// of digits first: an exponent from outside must not cost memory.
func exactInt64(d Decimal) (int64, bool) {
	n := d.unscaled()
	if n.Sign() == 0 {
		return 0, true
	}
	digits := int64(d.Precision())
	if whole := digits - int64(d.Scale); whole > 19 || whole < 1 {
		return 0, false
	}
	if d.Scale < 0 {
		n = new(big.Int).Mul(n, pow10(-int64(d.Scale)))
	} else if d.Scale > 0 {
		q, r := new(big.Int).QuoRem(n, pow10(int64(d.Scale)), new(big.Int))
		if r.Sign() != 0 {
			return 0, false
		}
		n = q
	}
	if !n.IsInt64() {
		return 0, false
	}
	return n.Int64(), true
}
