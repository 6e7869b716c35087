package dateformat

// field is what a parsed number or name means.
type field uint8

const (
	fEra field = iota // 0 is BC
	fYear
	fWeekYear
	fMonth // from 0 on
	fDay
	fDayOfYear
	fWeekday // 1 is Sunday
	fWeekOfYear
	fWeekOfMonth
	fWeekdayInMonth
	fAmPm
	fHour // of half a day
	fHourOfDay
	fMinute
	fSecond
	fMillis
	fZone // milliseconds east of UTC
	fieldCount
)

// fields are the fields that were parsed, each with the order in which it was set: where fields
// contradict each other the later one counts.
type fields struct {
	value [fieldCount]int64
	order [fieldCount]int // 0: not set
	n     int
}

func (fs *fields) set(f field, v int64) {
	fs.n++
	fs.value[f], fs.order[f] = v, fs.n
}

func (fs *fields) has(f field) bool { return fs.order[f] > 0 }

// get is the value of a field, or what it is when it wasn't set.
func (fs *fields) get(f field, otherwise int64) int64 {
	if fs.has(f) {
		return fs.value[f]
	}
	return otherwise
}

// both is the later order of two fields that count only together, 0 if one is missing.
func (fs *fields) both(a, b field) int {
	if !fs.has(a) || !fs.has(b) {
		return 0
	}
	return max(fs.order[a], fs.order[b])
}

// millis resolves the fields to a moment, leniently: the 45th of January is in February.
func (fs *fields) millis() int64 {
	if fs.has(fWeekYear) && fs.order[fWeekYear] > fs.order[fYear] {
		fs.resolveWeekDate()
	}
	ms := fs.timeOfDay()
	days := fs.days(floorDiv(ms, msPerDay))
	return days*msPerDay + floorMod(ms, msPerDay) - fs.get(fZone, 0)
}

func (fs *fields) timeOfDay() int64 {
	hourOfDay, hour := fs.order[fHourOfDay], fs.both(fHour, fAmPm)
	if max(hourOfDay, hour) == 0 {
		hour = max(fs.order[fHour], fs.order[fAmPm])
	}
	h := int64(0)
	switch {
	case max(hourOfDay, hour) == 0:
	case hourOfDay > hour:
		h = fs.value[fHourOfDay]
	default:
		h = fs.get(fHour, 0) + 12*fs.get(fAmPm, 0)
	}
	return ((h*60+fs.get(fMinute, 0))*60+fs.get(fSecond, 0))*1000 + fs.get(fMillis, 0)
}

// resolveWeekDate turns week year, week and weekday into year, month and day.
func (fs *fields) resolveWeekDate() {
	week := fs.get(fWeekOfYear, 1)
	wd := fs.get(fWeekday, 1)
	if wd < 1 || wd > 7 { // 'u' of a day beyond the week, already shifted by one by the parser
		if wd >= 8 {
			wd--
			week += wd / 7
			wd = wd%7 + 1
		} else {
			shift := floorDiv(wd-1, 7)
			wd -= 7 * shift
			week += shift
		}
		wd = wd%7 + 1
	}
	first := onOrBefore(newYear(fs.value[fWeekYear]), 1)
	year, month, day := civil(first + 7*(week-1) + wd - 1)
	era := int64(1)
	if year <= 0 {
		era, year = 0, 1-year
	}
	fs.set(fEra, era)
	fs.set(fYear, year)
	fs.set(fMonth, int64(month-1))
	fs.set(fDay, int64(day))
}

// days resolves the date; extra days come from a time of day beyond one day.
func (fs *fields) days(extra int64) int64 {
	year := fs.get(fYear, 1970)
	if fs.has(fEra) && fs.value[fEra] == 0 {
		year = 1 - year
	}
	by := fs.dateFields()
	g := extra + fs.dayBy(by, year, gregorianDays)
	if year > cutoverYear && g >= cutover {
		return g
	}
	j := extra + fs.dayBy(by, year, julianDays)
	switch {
	case year < cutoverYear && j < cutover:
		return j
	case year < cutoverYear:
		g = j
	}
	if by == byDayOfYear || by == byWeekOfYear {
		return j // reckoned from a Julian new year
	}
	if g >= cutover {
		return g
	}
	return j
}

// way is the set of fields that a date is made from.
type way uint8

const (
	byDay way = iota
	byWeekOfMonth
	byWeekdayInMonth
	byDayOfYear
	byWeekOfYear
)

// dateFields chooses the fields that count: those complete and set last.
func (fs *fields) dateFields() way {
	wd := fs.order[fWeekday]
	day, doy := fs.order[fDay], fs.order[fDayOfYear]
	wom := fs.both(fWeekOfMonth, fWeekday)
	dowim := fs.both(fWeekdayInMonth, fWeekday)
	woy := fs.both(fWeekOfYear, fWeekday)
	best := max(day, wom, dowim, doy, woy)
	if best == 0 { // nothing complete: a week alone, a weekday alone, or the month
		wom, woy = fs.order[fWeekOfMonth], fs.order[fWeekOfYear]
		dowim = max(fs.order[fWeekdayInMonth], wd)
		if best = max(wom, dowim, woy); best == 0 {
			return byDay
		}
	}
	switch {
	case best == day:
		return byDay
	case best == wom && fs.order[fWeekOfMonth] >= fs.order[fWeekOfYear],
		best == dowim && fs.order[fWeekdayInMonth] >= fs.order[fWeekOfYear]:
		if wom == dowim && fs.order[fWeekOfMonth] >= fs.order[fWeekdayInMonth] || wom != dowim && best == wom {
			return byWeekOfMonth
		}
		return byWeekdayInMonth
	case best == doy:
		return byDayOfYear
	}
	return byWeekOfYear
}

// dayBy reckons the day in one calendar.
func (fs *fields) dayBy(by way, year int64, days func(int64, int, int) int64) int64 {
	month := int64(0)
	if by == byDay || by == byWeekOfMonth || by == byWeekdayInMonth {
		month = fs.get(fMonth, 0)
		year += floorDiv(month, 12)
		month = floorMod(month, 12)
	}
	first := days(year, int(month)+1, 1)
	switch by {
	case byDay:
		return first + fs.get(fDay, 1) - 1
	case byDayOfYear:
		return first + fs.value[fDayOfYear] - 1
	case byWeekOfMonth:
		return fs.inWeek(first) + 7*(fs.value[fWeekOfMonth]-1)
	case byWeekOfYear:
		return fs.inWeek(first) + 7*(fs.value[fWeekOfYear]-1)
	}
	wd := weekdayOf(fs.get(fWeekday, 1))
	n := fs.get(fWeekdayInMonth, 1)
	if n >= 0 {
		return onOrBefore(first+7*n-1, wd)
	}
	nextYear, nextMonth := year, int(month)+2
	if nextMonth > 12 {
		nextYear, nextMonth = year+1, 1
	}
	length := days(nextYear, nextMonth, 1) - first
	return onOrBefore(first+length+7*(n+1)-1, wd)
}

// inWeek is the day of the wanted weekday in the week of a first of the month or year.
func (fs *fields) inWeek(first int64) int64 {
	sunday := onOrBefore(first, 1)
	return onOrBefore(sunday+6, weekdayOf(fs.get(fWeekday, 1)))
}

func weekdayOf(n int64) int { return int(floorMod(n-1, 7)) + 1 }
