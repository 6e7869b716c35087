package dateformat

import (
	"fmt"
	"strings"
	"time"
)

// Format is a compiled pattern. It is immutable and safe for concurrent use.
type Format struct {
	pattern string
	items   []item
	century int64 // two-digit years lie within 100 years from this moment, in ms since the epoch
}

// item is literal text, or a field when letter isn't 0.
type item struct {
	text   string
	letter byte
	count  int
}

const letters = "GyMdkHmsSEDFwWahKzZYuXL"

var (
	months   = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	weekdays = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// Compile reads a pattern. The error says what Java's SimpleDateFormat has against it.
func Compile(pattern string) (*Format, error) {
	f := &Format{pattern: pattern, century: time.Now().AddDate(-80, 0, 0).UnixMilli()}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			f.items = append(f.items, item{text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(pattern); {
		c := pattern[i]
		switch {
		case c == '\'':
			end, err := quoted(pattern, i, &literal)
			if err != nil {
				return nil, err
			}
			i = end
		case isLetter(c):
			if strings.IndexByte(letters, c) < 0 {
				return nil, fmt.Errorf("Illegal pattern character '%c'", c) //nolint:staticcheck // Java's text
			}
			n := 1
			for i+n < len(pattern) && pattern[i+n] == c {
				n++
			}
			if c == 'X' && n > 3 {
				return nil, fmt.Errorf("invalid ISO 8601 format: length=%d", n)
			}
			flush()
			f.items = append(f.items, item{letter: c, count: n})
			i += n
		default:
			literal.WriteByte(c)
			i++
		}
	}
	flush()
	return f, nil
}

// quoted reads text in quotes from i on, where ” is one quote, and returns where it ends.
func quoted(pattern string, i int, out *strings.Builder) (int, error) {
	if strings.HasPrefix(pattern[i:], "''") {
		out.WriteByte('\'')
		return i + 2, nil
	}
	for i++; i < len(pattern); i++ {
		if pattern[i] != '\'' {
			out.WriteByte(pattern[i])
			continue
		}
		if !strings.HasPrefix(pattern[i:], "''") {
			return i + 1, nil
		}
		out.WriteByte('\'')
		i++
	}
	return 0, fmt.Errorf("Unterminated quote") //nolint:staticcheck // Java's text
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// Pattern is the pattern as given.
func (f *Format) Pattern() string { return f.pattern }

// Format is the text of a moment given in milliseconds since the epoch, in UTC.
func (f *Format) Format(ms int64) string { return string(f.AppendIn(nil, ms, nil)) }

// Append appends the text of a moment given in milliseconds since the epoch, in UTC.
func (f *Format) Append(b []byte, ms int64) []byte { return f.AppendIn(b, ms, nil) }

// AppendIn is Append in a time zone; nil is UTC.
func (f *Format) AppendIn(b []byte, ms int64, zone *Zone) []byte {
	offset, summer := zone.at(ms)
	d := dateOf(ms + offset)
	for i := range f.items {
		switch it := &f.items[i]; it.letter {
		case 0:
			b = append(b, it.text...)
		case 'z':
			b = append(b, zone.name(summer, it.count >= 4)...)
		case 'Z', 'X':
			b = it.offset(b, offset/msPerMinute)
		default:
			b = it.append(b, &d)
		}
	}
	return b
}

func (it *item) append(b []byte, d *date) []byte {
	switch it.letter {
	case 'G':
		if d.year <= 0 {
			return append(b, "BC"...)
		}
		return append(b, "AD"...)
	case 'y':
		return it.year(b, eraYear(d.year))
	case 'Y':
		_, y := d.weekOfYear()
		return it.year(b, y)
	case 'M', 'L':
		return it.month(b, d.month)
	case 'E':
		name := weekdays[d.weekday-1]
		if it.count < 4 {
			name = name[:3]
		}
		return append(b, name...)
	case 'a':
		if d.hour() < 12 {
			return append(b, "AM"...)
		}
		return append(b, "PM"...)
	}
	return pad(b, int64(it.number(d)), it.count)
}

// number is the value of a field that is never more than a number.
func (it *item) number(d *date) int {
	switch it.letter {
	case 'd':
		return d.day
	case 'D':
		return d.dayOfYear
	case 'F':
		return d.weekdayInMonth()
	case 'H':
		return d.hour()
	case 'K':
		return d.hour() % 12
	case 'S':
		return d.millis()
	case 'W':
		return d.weekOfMonth()
	case 'h':
		return (d.hour()+11)%12 + 1
	case 'k':
		return (d.hour()+23)%24 + 1
	case 'm':
		return d.minute()
	case 's':
		return d.second()
	case 'u':
		return (d.weekday+5)%7 + 1
	case 'w':
		week, _ := d.weekOfYear()
		return week
	}
	return 0
}

// offset appends an offset from UTC in minutes: +0100, or by the number of X Z, +01, +0100, +01:00.
func (it *item) offset(b []byte, minutes int64) []byte {
	if it.letter == 'X' && minutes == 0 {
		return append(b, 'Z')
	}
	if minutes < 0 {
		b, minutes = append(b, '-'), -minutes
	} else {
		b = append(b, '+')
	}
	b = pad(b, minutes/60, 2)
	if it.letter == 'X' && it.count == 1 {
		return b
	}
	if it.letter == 'X' && it.count == 3 {
		b = append(b, ':')
	}
	return pad(b, minutes%60, 2)
}

func (it *item) year(b []byte, year int64) []byte {
	if it.count == 2 {
		return pad(b, year%100, 2)
	}
	return pad(b, year, it.count)
}

func (it *item) month(b []byte, month int) []byte {
	switch {
	case it.count >= 4:
		return append(b, months[month-1]...)
	case it.count == 3:
		return append(b, months[month-1][:3]...)
	}
	return pad(b, int64(month), it.count)
}

// eraYear is a year counted within its era: year 0 is 1 BC.
func eraYear(year int64) int64 {
	if year <= 0 {
		return 1 - year
	}
	return year
}

func pad(b []byte, n int64, width int) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	digits := 1
	for x := n; x >= 10; x /= 10 {
		digits++
	}
	for ; digits < width; width-- {
		b = append(b, '0')
	}
	start := len(b)
	for range digits {
		b = append(b, 0)
	}
	for i := len(b) - 1; i >= start; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}
