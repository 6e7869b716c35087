package dateformat

const (
	msPerSecond = int64(1000)
	msPerMinute = 60 * msPerSecond
	msPerHour   = 60 * msPerMinute
	msPerDay    = 24 * msPerHour

	// cutover is 1582-10-15, the first day of the Gregorian calendar, in days since 1970-01-01.
	cutover     = int64(-141427)
	cutoverYear = int64(1582)
)

// date is a point in time taken apart.
type date struct {
	days       int64 // since 1970-01-01
	year       int64 // year 0 is 1 BC
	month, day int   // from 1 on
	weekday    int   // 1 is Sunday
	dayOfYear  int
	msOfDay    int64
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

func dateOf(ms int64) date {
	d := date{days: floorDiv(ms, msPerDay), msOfDay: floorMod(ms, msPerDay)}
	d.year, d.month, d.day = civil(d.days)
	d.weekday = weekday(d.days)
	d.dayOfYear = int(d.days-newYear(d.year)) + 1
	return d
}

// weekday is 1 for Sunday to 7 for Saturday.
func weekday(days int64) int { return int(floorMod(days+4, 7)) + 1 }

// newYear is the first of January, in the calendar that holds on that day.
func newYear(year int64) int64 {
	if year <= cutoverYear {
		return julianDays(year, 1, 1)
	}
	return gregorianDays(year, 1, 1)
}

func civil(days int64) (year int64, month, day int) {
	if days >= cutover {
		return gregorian(days)
	}
	return julian(days)
}

// gregorianDays and julianDays count the days from 1970-01-01 to a day of their calendar. They
// reckon in years that begin in March, so that the leap day is the last.
func gregorianDays(year int64, month, day int) int64 {
	y, dayOfYear := fromMarch(year, month, day)
	return 365*y + floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400) + dayOfYear - 719468
}

func julianDays(year int64, month, day int) int64 {
	y, dayOfYear := fromMarch(year, month, day)
	return 365*y + floorDiv(y, 4) + dayOfYear - 719470
}

func fromMarch(year int64, month, day int) (y, dayOfYear int64) {
	if month <= 2 {
		return year - 1, int64((153*(month+9)+2)/5 + day - 1)
	}
	return year, int64((153*(month-3)+2)/5 + day - 1)
}

func gregorian(days int64) (int64, int, int) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	return toJanuary(yoe+era*400, doe-(365*yoe+yoe/4-yoe/100))
}

func julian(days int64) (int64, int, int) {
	z := days + 719470
	era := floorDiv(z, 1461)
	doe := z - era*1461
	yoe := (doe - doe/1460) / 365
	return toJanuary(yoe+era*4, doe-365*yoe)
}

func toJanuary(y, dayOfYear int64) (year int64, month, day int) {
	mp := (5*dayOfYear + 2) / 153
	day = int(dayOfYear-(153*mp+2)/5) + 1
	if mp < 10 {
		return y, int(mp) + 3, day
	}
	return y + 1, int(mp) - 9, day
}

// onOrBefore is the last day of the given weekday that isn't after days.
func onOrBefore(days int64, wd int) int64 {
	return days - floorMod(int64(weekday(days)-wd), 7)
}

// weekOfYear and its year: week 1 is the one with the first of January in it, so the last days
// of a year may belong to the next.
func (d date) weekOfYear() (week int, weekYear int64) {
	next := newYear(d.year + 1)
	if d.days >= onOrBefore(next, 1) {
		return 1, d.year + 1
	}
	return int((d.days-onOrBefore(newYear(d.year), 1))/7) + 1, d.year
}

func (d date) weekOfMonth() int {
	first := d.days - int64(d.day-1)
	return int((d.days-onOrBefore(first, 1))/7) + 1
}

func (d date) weekdayInMonth() int { return (d.day-1)/7 + 1 }

func (d date) hour() int   { return int(d.msOfDay / msPerHour) }
func (d date) minute() int { return int(d.msOfDay / msPerMinute % 60) }
func (d date) second() int { return int(d.msOfDay / msPerSecond % 60) }
func (d date) millis() int { return int(d.msOfDay % msPerSecond) }
