package data

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java"
)

// ScaleParameter is the parameter of a Decimal schema that holds the scale.
const ScaleParameter = "scale"

// Decimal is an unscaled integer and a scale, Java's BigDecimal: Unscaled × 10^-Scale. 1.0 and
// 1.00 are different Decimals. Unscaled must not be changed; nil is 0.
type Decimal struct {
	Unscaled *big.Int
	Scale    int32
}

// NewDecimal is unscaled × 10^-scale.
func NewDecimal(unscaled int64, scale int32) Decimal {
	return Decimal{Unscaled: big.NewInt(unscaled), Scale: scale}
}

// DecimalSchema is a required schema of Decimals with a scale.
func DecimalSchema(scale int32) *Schema { return DecimalBuilder(scale).MustBuild() }

// DecimalBuilder starts a schema of the logical type Decimal.
func DecimalBuilder(scale int32) *Builder {
	return NewBuilder(Bytes).Name(DecimalName).Parameter(ScaleParameter, strconv.Itoa(int(scale))).Version(1)
}

// DecimalScale is the scale that a Decimal schema's parameter says. Errors are errs.Data, but
// errs.IllegalArgument where the schema has no parameters at all.
func DecimalScale(schema *Schema) (int32, error) {
	if schema == nil || len(schema.params) == 0 {
		return 0, errs.IllegalArgument.New("Invalid Decimal schema: it has no parameters, %s is needed", ScaleParameter)
	}
	text, ok := schema.Parameter(ScaleParameter)
	if !ok {
		return 0, errs.Data.New("Invalid Decimal schema: scale parameter not found.")
	}
	scale, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, errs.Data.Wrap(err, "Invalid scale parameter found in Decimal schema: ")
	}
	return int32(scale), nil
}

// DecimalFromLogical is the bytes (two's complement, most significant first) in which a Decimal
// is kept. Its scale must be the schema's. Errors as of DecimalScale.
func DecimalFromLogical(schema *Schema, d Decimal) ([]byte, error) {
	scale, err := DecimalScale(schema)
	if err != nil {
		return nil, err
	}
	if d.Scale != scale {
		return nil, errs.Data.New("Decimal value has mismatching scale for given Decimal schema. "+
			"Schema has scale %d, value has scale %d.", scale, d.Scale)
	}
	return d.Bytes(), nil
}

// DecimalToLogical is the Decimal kept in the bytes. Errors as of DecimalScale.
func DecimalToLogical(schema *Schema, b []byte) (Decimal, error) {
	scale, err := DecimalScale(schema)
	if err != nil {
		return Decimal{}, err
	}
	if len(b) == 0 {
		return Decimal{}, errs.IllegalArgument.New("Zero length BigInteger")
	}
	return DecimalFromBytes(b, scale), nil
}

// DecimalFromBytes reads an unscaled value in two's complement, most significant byte first.
func DecimalFromBytes(b []byte, scale int32) Decimal {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(bigOne, uint(len(b))*8))
	}
	return Decimal{Unscaled: n, Scale: scale}
}

var bigOne = big.NewInt(1)

// Bytes is the unscaled value in two's complement, most significant byte first, in as few bytes
// as it takes.
func (d Decimal) Bytes() []byte {
	n := d.unscaled()
	if n.Sign() >= 0 {
		return n.FillBytes(make([]byte, n.BitLen()/8+1))
	}
	// -n-1 has the bits of n inverted.
	m := new(big.Int).Not(n)
	out := m.FillBytes(make([]byte, m.BitLen()/8+1))
	for i := range out {
		out[i] = ^out[i]
	}
	return out
}

var bigZero = new(big.Int)

func (d Decimal) unscaled() *big.Int {
	if d.Unscaled == nil {
		return bigZero
	}
	return d.Unscaled
}

// Equal reports whether scale and unscaled value are the same.
func (d Decimal) Equal(e Decimal) bool {
	return d.Scale == e.Scale && d.unscaled().Cmp(e.unscaled()) == 0
}

// Sign is -1, 0 or 1.
func (d Decimal) Sign() int { return d.unscaled().Sign() }

// Precision is the number of digits of the unscaled value, 1 for zero.
func (d Decimal) Precision() int {
	n := len(d.unscaled().Text(10))
	if d.Sign() < 0 {
		n--
	}
	return n
}

// String is the number as Java's BigDecimal.toString prints it: with an exponent where the
// scale is negative or the number is small (1E+3, 1.5E-7).
func (d Decimal) String() string { return string(d.Append(nil)) }

// Append appends String to b.
func (d Decimal) Append(b []byte) []byte {
	b, start := d.appendDigits(b)
	digits := int64(len(b) - start)
	scale := int64(d.Scale)
	if scale == 0 {
		return b
	}
	if exp := digits - 1 - scale; scale < 0 || exp < -6 {
		if digits > 1 {
			b = insert(b, start+1, ".")
		}
		if exp != 0 {
			b = append(b, 'E')
			if exp > 0 {
				b = append(b, '+')
			}
			b = strconv.AppendInt(b, exp, 10)
		}
		return b
	}
	return insertPoint(b, start, int(scale))
}

// PlainString is the number without an exponent, as Java's BigDecimal.toPlainString prints it.
// It is as long as the scale asks for, up to 2 GB: don't use it on numbers from outside whose
// scale isn't known.
func (d Decimal) PlainString() string { return string(d.AppendPlain(nil)) }

// AppendPlain appends PlainString to b.
func (d Decimal) AppendPlain(b []byte) []byte {
	b, start := d.appendDigits(b)
	switch {
	case d.Scale == 0:
		return b
	case d.Scale < 0:
		if d.Sign() == 0 {
			return b
		}
		return append(b, strings.Repeat("0", int(-int64(d.Scale)))...)
	}
	return insertPoint(b, start, int(d.Scale))
}

// appendDigits appends the unscaled value and says where its digits, without the sign, begin.
func (d Decimal) appendDigits(b []byte) ([]byte, int) {
	start := len(b)
	if d.Sign() < 0 {
		start++
	}
	if n := d.unscaled(); n.IsInt64() {
		b = strconv.AppendInt(b, n.Int64(), 10)
	} else {
		b = n.Append(b, 10)
	}
	return b, start
}

// insertPoint puts a decimal point before the last scale digits of b[start:].
func insertPoint(b []byte, start, scale int) []byte {
	if digits := len(b) - start; digits <= scale {
		return insert(b, start, "0."+strings.Repeat("0", scale-digits))
	}
	return insert(b, len(b)-scale, ".")
}

func insert(b []byte, at int, s string) []byte {
	b = append(b, s...)
	copy(b[at+len(s):], b[at:])
	copy(b[at:], s)
	return b
}

// ParseDecimal reads a number as Java's BigDecimal does: sign, digits with at most one point,
// exponent. No space around it. Errors are errs.IllegalArgument.
func ParseDecimal(s string) (Decimal, error) {
	d, ok := parseDecimal(s)
	if !ok {
		return Decimal{}, errs.IllegalArgument.New("%q is not a decimal number", s)
	}
	return d, nil
}

func parseDecimal(s string) (Decimal, bool) {
	mantissa, exp := s, int64(0)
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var ok bool
		if exp, ok = parseExponent(s[i+1:]); !ok {
			return Decimal{}, false
		}
		mantissa = s[:i]
	}
	digits, fraction, ok := mantissaDigits(mantissa)
	if !ok {
		return Decimal{}, false
	}
	scale := int64(fraction) - exp
	if scale < math.MinInt32 || scale > math.MaxInt32 {
		return Decimal{}, false
	}
	if len(digits) <= 18 {
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return Decimal{Unscaled: big.NewInt(n), Scale: int32(scale)}, true
		}
	}
	n, ok := new(big.Int).SetString(digits, 10)
	return Decimal{Unscaled: n, Scale: int32(scale)}, ok
}

// mantissaDigits is the mantissa without its point, with its sign, and the number of digits
// behind the point.
func mantissaDigits(s string) (digits string, fraction int, ok bool) {
	rest := s
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	point := -1
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c >= '0' && c <= '9':
		case c == '.' && point < 0:
			point = i
		case c >= 0x80:
			// Java takes the decimal digits of any script.
			ascii, ok := java.ASCIIDigits(s)
			if !ok {
				return "", 0, false
			}
			return mantissaDigits(ascii)
		default:
			return "", 0, false
		}
	}
	if point < 0 {
		return s, 0, rest != ""
	}
	if len(rest) == 1 {
		return "", 0, false
	}
	return s[:len(s)-len(rest)+point] + rest[point+1:], len(rest) - point - 1, true
}

// parseExponent reads what stands behind the e: an int32, as in Java. Whether the scale that
// follows from it fits is checked later.
func parseExponent(s string) (int64, bool) {
	s, ok := java.ASCIIDigits(s)
	if !ok || s == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return n, err == nil
}

// Float64 is the nearest float64, infinite where there is none.
func (d Decimal) Float64() float64 {
	f, _ := strconv.ParseFloat(d.String(), 64) // out of range gives the infinity
	return f
}

// Float32 is the nearest float32, infinite where there is none.
func (d Decimal) Float32() float32 {
	f, _ := strconv.ParseFloat(d.String(), 32)
	return float32(f)
}

// Int64 is the number without its fraction, and of that the low 64 bits, as Java's longValue.
func (d Decimal) Int64() int64 {
	n := d.unscaled()
	if n.Sign() == 0 || d.Scale <= -64 {
		return 0 // 10^64 and more ends in 64 zero bits
	}
	if d.Scale > 0 && int(d.Scale) >= d.Precision() {
		return 0
	}
	return lowBits(d.Int())
}

func lowBits(n *big.Int) int64 {
	low := new(big.Int).And(n, maxUint64) // And works on two's complement
	return int64(low.Uint64())
}

var maxUint64 = new(big.Int).SetUint64(math.MaxUint64)

// Int is the number without its fraction. It takes memory as the scale asks for, as PlainString
// does.
func (d Decimal) Int() *big.Int {
	switch n := d.unscaled(); {
	case d.Scale == 0 || n.Sign() == 0:
		return n
	case d.Scale < 0:
		return new(big.Int).Mul(n, pow10(-int64(d.Scale)))
	case int(d.Scale) >= d.Precision():
		return new(big.Int)
	default:
		return new(big.Int).Quo(n, pow10(int64(d.Scale)))
	}
}

// Rescale is the same number with another scale, and whether there is one: digits are added but
// none that counts is dropped.
func (d Decimal) Rescale(scale int32) (Decimal, bool) {
	n := d.unscaled()
	switch diff := int64(scale) - int64(d.Scale); {
	case diff == 0:
		return d, true
	case n.Sign() == 0:
		return Decimal{Unscaled: n, Scale: scale}, true
	case diff > 0:
		return Decimal{Unscaled: new(big.Int).Mul(n, pow10(diff)), Scale: scale}, true
	case -diff >= int64(d.Precision()):
		return Decimal{}, false
	default:
		q, r := new(big.Int).QuoRem(n, pow10(-diff), new(big.Int))
		return Decimal{Unscaled: q, Scale: scale}, r.Sign() == 0
	}
}

func pow10(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// Int64Bytes is n in as few bytes as it takes, the most significant first.
func Int64Bytes(buf *[8]byte, n int64) []byte {
	binary.BigEndian.PutUint64(buf[:], uint64(n))
	i := 0
	for i < 7 && (buf[i] == 0 && buf[i+1] < 0x80 || buf[i] == 0xff && buf[i+1] >= 0x80) {
		i++
	}
	return buf[i:]
}
