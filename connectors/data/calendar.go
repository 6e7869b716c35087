package data

import (
	"strconv"
	"time"
)

// Java's dates follow the Julian calendar until 4 October 1582 and the Gregorian one from the
// day after, 15 October. Go's time knows the Gregorian one only, so texts of dates and what is
// read from them go through the functions here. Days are counted from 1970-01-01.

const cutoverDay = -141427 // 15 October 1582

// civil is a day in the calendar that was in force; year 0 is 1 BC.
type civil struct{ year, month, day int64 }

func civilOf(days int64) civil {
	if days >= cutoverDay {
		return gregorianDate(days)
	}
	return julianDate(days)
}

// marchBased turns a day of a year that begins in March into month and day.
func marchBased(year, dayOfYear int64) civil {
	m := (5*dayOfYear + 2) / 153 // months from March
	c := civil{year, m + 3, dayOfYear - (153*m+2)/5 + 1}
	if m >= 10 {
		c.month, c.year = m-9, year+1
	}
	return c
}

// julianShift and gregorianShift are the days from 1 March of year 0 to 1970-01-01.
const (
	julianShift    = 719470
	gregorianShift = 719468
)

func julianDate(days int64) civil {
	d := days + julianShift
	cycle := floorDiv(d, 1461)
	d -= cycle * 1461
	yearOfCycle := min(d/365, 3)
	return marchBased(cycle*4+yearOfCycle, d-yearOfCycle*365)
}

func gregorianDate(days int64) civil {
	d := days + gregorianShift
	era := floorDiv(d, 146097)
	d -= era * 146097
	year := (d - d/1460 + d/36524 - d/146096) / 365
	return marchBased(era*400+year, d-(365*year+year/4-year/100))
}

// marchYear moves a year that begins in January to one that begins in March, with the days from
// its first of March; months beyond 1 to 12 carry into the year, which is an int32 in Java.
func marchYear(year, month int64) (y, days int64) {
	month-- // from 0
	year = int64(int32(year + floorDiv(month, 12)))
	month = floorMod(month, 12)
	if month < 2 {
		year, month = year-1, month+12
	}
	return year, (153*(month-2) + 2) / 5
}

func julianDays(year, month, day int64) int64 {
	y, days := marchYear(year, month)
	return y*365 + floorDiv(y, 4) + days + day - 1 - julianShift
}

func gregorianDays(year, month, day int64) int64 {
	y, days := marchYear(year, month)
	return y*365 + floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400) + days + day - 1 - gregorianShift
}

// lenientDays is the day that Java's lenient calendar makes of a date, which may be none: the
// 35th, or a day that was left out in 1582. extra are days to add, and count when it is
// decided which calendar was in force.
func lenientDays(year, month, day, extra int64) int64 {
	julian := julianDays(year, month, day) + extra
	switch {
	case year < 1582:
		return julian
	case year > 1582:
		if gregorian := gregorianDays(year, month, day) + extra; gregorian >= cutoverDay {
			return gregorian
		}
		return julian
	}
	if gregorian := gregorianDays(year, month, day) + extra; gregorian >= cutoverDay {
		return gregorian
	}
	return julian
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// clock is a time taken apart as Java's calendar does, in UTC.
type clock struct {
	civil
	weekday                     int64 // 0 is Sunday
	hour, minute, second, milli int64
}

func clockOf(t time.Time) clock {
	ms := t.UnixMilli()
	days := floorDiv(ms, millisPerDay)
	rest := ms - days*millisPerDay
	c := clock{civil: civilOf(days), weekday: floorMod(days+4, 7)}
	c.hour, rest = rest/3600000, rest%3600000
	c.minute, rest = rest/60000, rest%60000
	c.second, c.milli = rest/1000, rest%1000
	if c.year <= 0 {
		c.year = 1 - c.year // BC, which the texts don't show
	}
	return c
}

// CivilDate is the day of a time in UTC by Java's calendar. A year before Christ is a positive number.
func CivilDate(t time.Time) (year, month, day int) {
	c := clockOf(t)
	return int(c.year), int(c.month), int(c.day)
}

// FromCivilDate is the start of a day of Java's calendar in UTC, false if there is no such day.
func FromCivilDate(year, month, day int) (time.Time, bool) {
	if year < 1 || month < 1 || month > 12 || day < 1 || day > 31 {
		return time.Time{}, false
	}
	days := lenientDays(int64(year), int64(month), int64(day), 0)
	if civilOf(days) != (civil{int64(year), int64(month), int64(day)}) {
		return time.Time{}, false
	}
	return time.UnixMilli(days * millisPerDay).UTC(), true
}

// AppendDate appends a time as Java's Date.toString prints it in UTC:
// Tue Nov 14 22:13:20 UTC 2023.
func AppendDate(b []byte, t time.Time) []byte {
	const weekdays, months = "SunMonTueWedThuFriSat", "JanFebMarAprMayJunJulAugSepOctNovDec"
	c := clockOf(t)
	b = append(b, weekdays[c.weekday*3:c.weekday*3+3]...)
	b = append(b, ' ')
	b = append(b, months[(c.month-1)*3:c.month*3]...)
	b = append(b, ' ')
	b = appendPadded(b, c.day, 2)
	b = append(b, ' ')
	b = c.appendTime(b)
	b = append(b, " UTC "...)
	return strconv.AppendInt(b, c.year, 10)
}

// AppendISO appends a time as ConvertToString prints it: what lies before the second day of
// 1970 as a time of day (12:34:56.789Z), midnight as a date (2023-11-14), anything else as both
// (2023-11-14T12:34:56.789Z).
func AppendISO(b []byte, t time.Time) []byte {
	c, ms := clockOf(t), t.UnixMilli()
	if ms < millisPerDay {
		return c.appendMillis(b)
	}
	b = appendPadded(b, c.year, 4)
	b = append(b, '-')
	b = appendPadded(b, c.month, 2)
	b = append(b, '-')
	b = appendPadded(b, c.day, 2)
	if ms%millisPerDay == 0 {
		return b
	}
	return c.appendMillis(append(b, 'T'))
}

func (c clock) appendTime(b []byte) []byte {
	b = appendPadded(b, c.hour, 2)
	b = append(b, ':')
	b = appendPadded(b, c.minute, 2)
	b = append(b, ':')
	return appendPadded(b, c.second, 2)
}

func (c clock) appendMillis(b []byte) []byte {
	b = append(c.appendTime(b), '.')
	return append(appendPadded(b, c.milli, 3), 'Z')
}

func appendPadded(b []byte, n int64, width int) []byte {
	for limit := int64(10); width > 1; width-- {
		if n < limit {
			for w := width; w > 1; w-- {
				b = append(b, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(b, n, 10)
}
