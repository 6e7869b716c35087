package dateformat

import (
	"errors"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrMismatch says that a text isn't as the pattern says.
var ErrMismatch = errors.New("text does not match the pattern")

// Parse reads a moment from the beginning of a text, in milliseconds since the epoch. As in Java
// the rest of the text doesn't matter, and values beyond their field's range carry over. The zone
// is the one that the text names; nil if it names none but an offset or nothing at all.
func (f *Format) Parse(text string) (int64, *Zone, error) {
	p := parser{text: text, format: f}
	for i := range f.items {
		if it := &f.items[i]; it.letter == 0 {
			if !strings.HasPrefix(text[p.pos:], it.text) {
				return 0, nil, ErrMismatch
			}
			p.pos += len(it.text)
			continue
		}
		// Digits of fields that touch are told apart by the letters' number.
		adjacent := i+1 < len(f.items) && f.items[i+1].letter != 0
		if !p.field(&f.items[i], adjacent) {
			return 0, nil, ErrMismatch
		}
	}
	if p.pos == 0 {
		return 0, nil, ErrMismatch // nothing was read
	}
	return p.millis(), p.zoneFound, nil
}

type parser struct {
	fields
	text      string
	pos       int
	format    *Format
	zoneFound *Zone
	ambiguous bool // a two-digit year that may lie in this century or the last
}

func (p *parser) millis() int64 {
	fs := p.fields
	ms := fs.millis()
	if p.ambiguous && ms < p.format.century {
		p.value[fYear] += 100
		p.value[fWeekYear] += 100
		ms = p.fields.millis()
	}
	return ms
}

// field reads one field.
func (p *parser) field(it *item, adjacent bool) bool {
	start := p.pos
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
	if p.pos >= len(p.text) {
		return false
	}
	first := p.pos
	p.pos = start // blanks are skipped before numbers and zones, not before names
	switch it.letter {
	case 'G':
		return p.name(fEra, 0, "BC", "AD") || p.name(fEra, 0, "Before Christ", "Anno Domini")
	case 'E':
		return p.name(fWeekday, 1, weekdays[:]...) || p.name(fWeekday, 1, short(weekdays[:])...)
	case 'a':
		return p.name(fAmPm, 0, "AM", "PM")
	case 'M', 'L':
		if it.count > 2 {
			return p.name(fMonth, 0, months[:]...) || p.name(fMonth, 0, short(months[:])...)
		}
	}
	p.pos = first
	switch it.letter {
	case 'z', 'Z':
		return p.zone()
	case 'X':
		return p.isoZone(it.count)
	}
	limit := len(p.text)
	if adjacent {
		if limit = start + it.count; limit > len(p.text) {
			return false
		}
	}
	from := p.pos
	n, ok := p.number(limit)
	if ok {
		p.setNumber(it, n, p.text[from:p.pos])
	}
	return ok
}

func short(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n[:3]
	}
	return out
}

func (p *parser) setNumber(it *item, n int64, text string) {
	switch it.letter {
	case 'y', 'Y':
		f := fYear
		if it.letter == 'Y' {
			f = fWeekYear
		}
		p.set(f, p.year(it.count, n, text))
	case 'M', 'L':
		p.set(fMonth, n-1)
	case 'k':
		if n == 24 {
			n = 0
		}
		p.set(fHourOfDay, n)
	case 'h':
		if n == 12 {
			n = 0
		}
		p.set(fHour, n)
	case 'u':
		if n >= 1 && n <= 7 {
			n = n%7 + 1
		}
		p.set(fWeekday, n)
	default:
		p.set(numbers[it.letter], n)
	}
}

// numbers are the fields that a plain number sets.
var numbers = map[byte]field{
	'd': fDay, 'D': fDayOfYear, 'F': fWeekdayInMonth, 'H': fHourOfDay, 'K': fHour,
	'S': fMillis, 'W': fWeekOfMonth, 'm': fMinute, 's': fSecond, 'w': fWeekOfYear,
}

// year gives a year of exactly two digits its century, unless the pattern has more than two letters.
func (p *parser) year(count int, n int64, text string) int64 {
	if count > 2 || len(text) != 2 || !isDigit(text[0]) || !isDigit(text[1]) {
		return n
	}
	start := dateOf(p.format.century).year
	p.ambiguous = n == start%100
	n += start / 100 * 100
	if n%100 < start%100 {
		n += 100
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number reads digits, of any script, with a minus before them. As in Java the number is an int:
// what doesn't fit a long saturates, what doesn't fit an int loses its upper bits.
func (p *parser) number(limit int) (int64, bool) {
	i, negative := p.pos, false
	if i < limit && p.text[i] == '-' {
		negative = true
		i++
	}
	n, digits, huge := int64(0), 0, false
	for i < limit {
		d, size := digit(p.text[i:])
		if d < 0 || i+size > limit {
			break
		}
		if n > (math.MaxInt64-9)/10 {
			huge = true
		} else {
			n = n*10 + int64(d)
		}
		i += size
		digits++
	}
	if digits == 0 {
		return 0, false
	}
	p.pos = i
	if exp, size := exponent(p.text[i:limit]); size > 0 {
		p.pos += size
		n, huge = scaled(n, huge, exp)
	}
	switch {
	case huge && negative:
		return math.MinInt32, true
	case huge:
		return math.MaxInt32, true
	case negative:
		n = -n
	}
	return int64(int32(n)), true
}

// exponent reads E and a number, which DecimalFormat takes in any pattern.
func exponent(s string) (exp, size int) {
	if len(s) < 2 || s[0] != 'E' {
		return 0, 0
	}
	i, sign := 1, 1
	if s[i] == '-' {
		sign = -1
		i++
	}
	start := i
	for i < len(s) && isDigit(s[i]) {
		exp = min(exp*10+int(s[i]-'0'), 1000)
		i++
	}
	if i == start {
		return 0, 0
	}
	return sign * exp, i
}

func scaled(n int64, huge bool, exp int) (int64, bool) {
	for ; exp > 0 && n != 0 && !huge; exp-- {
		huge = n > math.MaxInt64/10
		n *= 10
	}
	for ; exp < 0 && n != 0; exp++ {
		n /= 10
	}
	return n, huge
}

func digit(s string) (value, size int) {
	if isDigit(s[0]) {
		return int(s[0] - '0'), 1
	}
	r, size := utf8.DecodeRuneInString(s)
	if !unicode.Is(unicode.Nd, r) {
		return -1, size
	}
	zero := r
	for unicode.Is(unicode.Nd, zero-1) && r-zero < 9 {
		zero--
	}
	return int(r - zero), size
}

// name reads the longest of the names, in any case, and sets a field to its place.
func (p *parser) name(f field, first int64, names ...string) bool {
	best := -1
	for i, n := range names {
		if hasPrefixFold(p.text[p.pos:], n) && (best < 0 || len(n) > len(names[best])) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	p.set(f, first+int64(best))
	p.pos += len(names[best])
	return true
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// zone reads +hhmm, GMT, GMT+hh:mm or a name.
func (p *parser) zone() bool {
	if sign := p.sign(); sign != 0 {
		p.pos++
		return p.offset(sign, 0, false)
	}
	if hasPrefixFold(p.text[p.pos:], "GMT") {
		p.pos += 3
		sign := p.sign()
		if sign == 0 {
			p.set(fZone, 0)
			return true
		}
		p.pos++
		return p.offset(sign, 0, true)
	}
	z, name, summer := findZone(p.text[p.pos:])
	if z == nil {
		return false
	}
	p.pos += len(name)
	p.set(fZone, z.offset(summer))
	p.zoneFound = z
	return true
}

func (p *parser) isoZone(count int) bool {
	if p.text[p.pos] == 'Z' {
		p.pos++
		p.set(fZone, 0)
		return true
	}
	sign := p.sign()
	if sign == 0 {
		return false
	}
	p.pos++
	return p.offset(sign, count, count == 3)
}

func (p *parser) sign() int64 {
	if p.pos < len(p.text) {
		switch p.text[p.pos] {
		case '+':
			return 1
		case '-':
			return -1
		}
	}
	return 0
}

// offset reads hours and minutes; count is 1 where there are only hours, colon says that the two are
// parted.
func (p *parser) offset(sign int64, count int, colon bool) bool {
	hours, digits, ok := p.digits(2)
	if !ok || hours > 23 || digits < 2 && (count > 0 || !colon) {
		return false
	}
	minutes := int64(0)
	if count != 1 {
		if colon {
			if p.pos >= len(p.text) || p.text[p.pos] != ':' {
				return false
			}
			p.pos++
		}
		if minutes, digits, ok = p.digits(2); !ok || digits < 2 || minutes > 59 {
			return false
		}
	}
	p.set(fZone, sign*(hours*60+minutes)*msPerMinute)
	return true
}

func (p *parser) digits(limit int) (n int64, count int, ok bool) {
	for count < limit && p.pos < len(p.text) && isDigit(p.text[p.pos]) {
		n = n*10 + int64(p.text[p.pos]-'0')
		p.pos++
		count++
	}
	return n, count, count > 0
}
