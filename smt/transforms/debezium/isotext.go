package debezium

import (
	"strconv"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// isoTime is a time of day, of a date or without one, with its offset in seconds.
type isoTime struct {
	local  int64 // seconds from the epoch, or of the day, as the clock at the offset shows
	nanos  int64
	offset int64
}

// isoReader reads the parts of a text; the first mistake is kept.
type isoReader struct {
	text string
	at   int
	err  error
}

// fail notes where reading stopped, with the text of java.time's DateTimeParseException.
func (r *isoReader) fail() {
	if r.err == nil {
		r.err = errs.IllegalArgument.New("Text '%s' could not be parsed at index %d", r.text, r.at)
	}
}

// skip reads one character, in upper or lower case.
func (r *isoReader) skip(c byte) {
	if !r.sees(c) {
		r.fail()
		return
	}
	r.at++
}

// sees reports whether the next character is c, a sign or a letter in lower case. Only letters have
// two cases: with the bit that tells them apart set, a control character would pass for a sign.
func (r *isoReader) sees(c byte) bool {
	if r.at >= len(r.text) {
		return false
	}
	next := r.text[r.at]
	return next == c || c >= 'a' && c <= 'z' && next|0x20 == c
}

func (r *isoReader) digitAt(i int) bool {
	return i < len(r.text) && r.text[i] >= '0' && r.text[i] <= '9'
}

// two reads two digits that make a number from low to high.
func (r *isoReader) two(low, high int64) int64 {
	if !r.digitAt(r.at) || !r.digitAt(r.at+1) {
		r.fail()
		return 0
	}
	n := int64(r.text[r.at]-'0')*10 + int64(r.text[r.at+1]-'0')
	if n < low || n > high {
		r.fail()
	}
	r.at += 2
	return n
}

// year reads a year of four digits, or of up to nine behind a sign.
func (r *isoReader) year() int64 {
	start, sign := r.at, int64(1)
	if r.sees('+') || r.sees('-') {
		if r.text[r.at] == '-' {
			sign = -1
		}
		r.at++
		start = r.at
	}
	for r.digitAt(r.at) && r.at-start < 9 {
		r.at++
	}
	n, err := strconv.ParseInt(r.text[start:r.at], 10, 64)
	signed := start > 0
	if digits := r.at - start; err != nil || digits < 4 || digits > 4 && !signed || digits == 4 &&
		signed && sign > 0 {
		r.at = 0
		r.fail()
	}
	return sign * n
}

// clock reads hh:mm, with seconds and up to nine digits of their fraction.
func (r *isoReader) clock() (seconds, nanos int64) {
	seconds = r.two(0, 23) * 3600
	r.skip(':')
	seconds += r.two(0, 59) * 60
	if !r.sees(':') {
		return seconds, 0
	}
	r.at++
	seconds += r.two(0, 59)
	if r.at >= len(r.text) || r.text[r.at] != '.' {
		return seconds, 0
	}
	r.at++
	scale := int64(100_000_000)
	for ; scale > 0 && r.digitAt(r.at); r.at++ {
		nanos += int64(r.text[r.at]-'0') * scale
		scale /= 10
	}
	return seconds, nanos
}

// offset reads Z or an offset, of which hours alone will do if short is allowed.
func (r *isoReader) offset(short bool) int64 {
	if r.sees('z') {
		r.at++
		return 0
	}
	if r.at >= len(r.text) || r.text[r.at] != '+' && r.text[r.at] != '-' || !r.digitAt(r.at+1) ||
		!r.digitAt(r.at+2) {
		r.fail()
		return 0
	}
	start := r.at
	r.at += 3
	part := func() bool {
		more := r.sees(':') && r.digitAt(r.at+1) && r.digitAt(r.at+2) && r.text[r.at+1] < '6'
		if more {
			r.at += 3
		}
		return more
	}
	if part() {
		part()
	} else if !short {
		r.at = start
		r.fail()
		return 0
	}
	text := r.text[start:r.at]
	if len(text) == 3 {
		text += ":00"
	}
	seconds, ok := parseOffset(text)
	if !ok {
		r.fail()
	}
	return seconds
}

// end is the first mistake, or that something follows.
func (r *isoReader) end() error {
	if r.err == nil && r.at < len(r.text) {
		r.err = errs.IllegalArgument.New("Text '%s' could not be parsed, unparsed text found at index %d", r.text, r.at)
	}
	return r.err
}

// parseISODateTime reads a date and time as Java's ISO_OFFSET_DATE_TIME does.
func parseISODateTime(text string) (isoTime, error) {
	r := isoReader{text: text}
	year := r.year()
	r.skip('-')
	month := r.two(1, 12)
	r.skip('-')
	day := r.two(1, 31)
	r.skip('t')
	var t isoTime
	t.local, t.nanos = r.clock()
	t.offset = r.offset(true)
	if err := r.end(); err != nil {
		return t, err
	}
	date := time.Date(int(year), time.Month(month), int(day), 0, 0, 0, 0, time.UTC)
	if date.Day() != int(day) {
		return t, errs.IllegalArgument.New("Text '%s' could not be parsed: Invalid date", text)
	}
	t.local += date.Unix()
	return t, nil
}

// parseISOTime reads a time of day as Java's ISO_OFFSET_TIME does.
func parseISOTime(text string) (isoTime, error) {
	r := isoReader{text: text}
	var t isoTime
	t.local, t.nanos = r.clock()
	t.offset = r.offset(false)
	return t, r.end()
}

// at is the same instant as clocks at another offset show it.
func (t isoTime) at(offset int64) isoTime {
	t.local += offset - t.offset
	t.offset = offset
	return t
}

// dateTime is the text that parseISODateTime reads.
func (t isoTime) dateTime() string {
	const day = 24 * 3600
	year, month, dayOfMonth := time.Unix(t.local, 0).UTC().Date()
	b := make([]byte, 0, 40)
	switch {
	case year > 9999:
		b = append(b, '+')
		b = strconv.AppendInt(b, int64(year), 10)
	case year < 0:
		b = append(b, '-')
		b = pad(b, -year, 4)
	default:
		b = pad(b, year, 4)
	}
	b = pad(append(b, '-'), int(month), 2)
	b = pad(append(b, '-'), dayOfMonth, 2)
	b = append(b, 'T')
	return string(t.appendClock(b, int((t.local%day+day)%day)))
}

// time is the text that parseISOTime reads.
func (t isoTime) time() string {
	const day = 24 * 3600
	s := int((t.local%day + day) % day)
	return string(t.appendClock(make([]byte, 0, 32), s))
}

// appendClock appends the time of day, in seconds, with its fraction and the offset.
func (t isoTime) appendClock(b []byte, seconds int) []byte {
	b = pad(b, seconds/3600, 2)
	b = pad(append(b, ':'), seconds/60%60, 2)
	b = pad(append(b, ':'), seconds%60, 2)
	if t.nanos > 0 {
		b = pad(append(b, '.'), int(t.nanos), 9)
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	offset := int(t.offset)
	switch {
	case offset == 0:
		return append(b, 'Z')
	case offset < 0:
		b, offset = append(b, '-'), -offset
	default:
		b = append(b, '+')
	}
	b = pad(b, offset/3600, 2)
	b = pad(append(b, ':'), offset/60%60, 2)
	if offset%60 != 0 {
		b = pad(append(b, ':'), offset%60, 2)
	}
	return b
}

// pad appends a number with zeros before it.
func pad(b []byte, n, width int) []byte {
	for limit := 10; width > 1; width-- {
		if n < limit {
			b = append(b, zeros[:width-1]...)
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(b, int64(n), 10)
}

const zeros = "00000000"
