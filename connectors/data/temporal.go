package data

import (
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupe-connect/troupe/connectors/java"
)

// What is read as a date, a time or both, by its length (in UTF-16 units, as Java counts):
// 2023-11-14, 12:34:56.789Z, 2023-11-14T12:34:56.789Z.
const (
	dateLength      = 10
	timeLength      = 13
	timestampLength = 24
)

// parseTemporal reads a text as Java's Values does, which goes by the length and then is
// lenient: fields may be of any width and value, and what follows them is ignored. A
// backslash before a colon is dropped.
func parseTemporal(s string) (SchemaAndValue, bool) {
	if !mayBeTemporal(len(s)) {
		return SchemaAndValue{}, false
	}
	if strings.Contains(s, `\:`) {
		s = strings.ReplaceAll(s, `\:`, ":")
	}
	p := lenientParser{s: s, ok: true}
	switch java.Length(s) {
	case dateLength:
		p.date()
		return p.result(DateSchema)
	case timeLength:
		p.year, p.month, p.day = 1970, 1, 1
		p.time()
		return p.result(TimeSchema)
	case timestampLength:
		p.date()
		p.literal('T')
		p.time()
		return p.result(TimestampSchema)
	}
	return SchemaAndValue{}, false
}

// mayBeTemporal tells by the number of bytes: up to three for a character, and backslashes before
// colons.
func mayBeTemporal(bytes int) bool { return bytes >= dateLength && bytes <= 4*timestampLength }

// lenientParser reads fields as SimpleDateFormat does. ok turns false at the first that fails.
type lenientParser struct {
	s  string
	ok bool

	year, month, day            int64
	hour, minute, second, milli int64
}

func (p *lenientParser) date() {
	p.year = p.number()
	p.literal('-')
	p.month = int64(int32(p.number()-1)) + 1
	p.literal('-')
	p.day = p.number()
}

func (p *lenientParser) time() {
	p.hour = p.number()
	p.literal(':')
	p.minute = p.number()
	p.literal(':')
	p.second = p.number()
	p.literal('.')
	p.milli = p.number()
	p.literal('Z')
}

func (p *lenientParser) result(schema *Schema) (SchemaAndValue, bool) {
	if !p.ok {
		return SchemaAndValue{}, false
	}
	ms := ((p.hour*60+p.minute)*60+p.second)*1000 + p.milli
	extra := floorDiv(ms, millisPerDay)
	days := lenientDays(p.year, p.month, p.day, extra)
	t := time.UnixMilli(days*millisPerDay + ms - extra*millisPerDay).UTC()
	return SchemaAndValue{Schema: schema, Value: t}, true
}

func (p *lenientParser) literal(c byte) {
	if !p.ok || p.s == "" || p.s[0] != c {
		p.ok = false
		return
	}
	p.s = p.s[1:]
}

// number reads an integer as DecimalFormat does: blanks, a minus, digits of any script, and even
// an exponent. It is limited to int32 as Java's Number.intValue does.
func (p *lenientParser) number() int64 {
	p.s = strings.TrimLeft(p.s, " \t")
	neg := strings.HasPrefix(p.s, "-")
	if neg {
		p.s = p.s[1:]
	}
	digits := p.digits()
	if digits == "" {
		p.ok = false
	}
	if !p.ok {
		return 0
	}
	exp := p.exponent()
	if len(digits) <= 18 && exp == 0 {
		n, err := strconv.ParseInt(digits, 10, 64)
		p.ok = p.ok && err == nil
		if neg {
			n = -n
		}
		return int64(int32(n))
	}
	return longNumber(digits, exp, neg)
}

// digits takes the digits at the front, as 0 to 9.
func (p *lenientParser) digits() string {
	i, ascii := 0, true
	for i < len(p.s) {
		c := p.s[i]
		if c >= '0' && c <= '9' {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			break
		}
		r, size := utf8.DecodeRuneInString(p.s[i:])
		if r > 0xffff || java.Digit(r) < 0 { // Java looks at UTF-16 units
			break
		}
		i, ascii = i+size, false
	}
	digits := p.s[:i]
	p.s = p.s[i:]
	if !ascii {
		digits, p.ok = java.ASCIIDigits(digits)
	}
	return digits
}

// exponent takes an exponent at the front; without digits behind the E it is none.
func (p *lenientParser) exponent() int64 {
	if !strings.HasPrefix(p.s, "E") {
		return 0
	}
	rest := p.s
	p.s = p.s[1:]
	neg := strings.HasPrefix(p.s, "-")
	if neg {
		p.s = p.s[1:]
	}
	digits := p.digits()
	n, err := strconv.ParseInt(digits, 10, 64)
	if digits == "" || err != nil {
		p.s = rest
		return 0
	}
	n = int64(int32(n))
	if neg {
		n = -n
	}
	return n
}

// longNumber is intValue of a number that DecimalFormat keeps as a long if it is one, whose low
// bits count, and as a double else.
func longNumber(digits string, exp int64, neg bool) int64 {
	sign := ""
	if neg {
		sign = "-"
	}
	if d, ok := parseDecimal(sign + digits + "E" + strconv.FormatInt(exp, 10)); ok && exp < 40 && exp > -40 {
		if whole, exact := d.Rescale(0); exact && whole.Unscaled.IsInt64() {
			return int64(int32(whole.Unscaled.Int64()))
		}
		f, _ := new(big.Float).SetInt(d.Int()).Float64()
		return int64(java.FloatToInt32(f))
	}
	f, _ := strconv.ParseFloat(sign+digits+"E"+strconv.FormatInt(exp, 10), 64)
	return int64(java.FloatToInt32(f))
}
