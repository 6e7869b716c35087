package dateformat

import (
	"sync"
	"time"
)

// Zone is a time zone that can be parsed by name. Nil is UTC.
type Zone struct {
	short, long             string // standard time
	shortSummer, longSummer string // "" if there is no summer time
	minutes                 int64  // of standard time, east of UTC
	// rules are the zone's in the tz database, read when first needed; nil where it has none or the
	// database is missing.
	rules func() *time.Location
}

func zone(short, long, shortSummer, longSummer string, minutes int64, id string) *Zone {
	return &Zone{short, long, shortSummer, longSummer, minutes, sync.OnceValue(func() *time.Location {
		loc, err := time.LoadLocation(id)
		if err != nil || id == "" {
			return nil
		}
		return loc
	})}
}

// zones are those of en_US, and others in common use. Of names that several zones have the
// first counts, as in Java.
var zones = []*Zone{
	zone("UTC", "Coordinated Universal Time", "", "", 0, ""),
	us("P", "Pacific", -480, "America/Los_Angeles"),
	us("M", "Mountain", -420, "America/Denver"),
	us("C", "Central", -360, "America/Chicago"),
	us("E", "Eastern", -300, "America/New_York"),
	zone("HST", "Hawaii-Aleutian Standard Time", "", "", -600, "Pacific/Honolulu"),
	us("AK", "Alaska", -540, "America/Anchorage"),
	us("A", "Atlantic", -240, "America/Halifax"),
	us("N", "Newfoundland", -210, "America/St_Johns"),
	europe("CE", "Central European", 60, "Europe/Paris"),
	zone("GMT", "Greenwich Mean Time", "BST", "British Summer Time", 0, "Europe/London"),
	europe("WE", "Western European", 0, "Europe/Lisbon"),
	europe("EE", "Eastern European", 120, "Europe/Athens"),
	zone("MSK", "Moscow Standard Time", "", "", 180, "Europe/Moscow"),
	zone("IST", "India Standard Time", "", "", 330, "Asia/Kolkata"),
	zone("JST", "Japan Standard Time", "", "", 540, "Asia/Tokyo"),
	zone("KST", "Korean Standard Time", "", "", 540, "Asia/Seoul"),
	zone("HKT", "Hong Kong Standard Time", "", "", 480, "Asia/Hong_Kong"),
	zone("SGT", "Singapore Standard Time", "", "", 480, "Asia/Singapore"),
	zone("AWST", "Australian Western Standard Time", "", "", 480, "Australia/Perth"),
	zone("ACST", "Australian Central Standard Time", "ACDT", "Australian Central Daylight Time", 570, "Australia/Adelaide"),
	zone("AEST", "Australian Eastern Standard Time", "AEDT", "Australian Eastern Daylight Time", 600, "Australia/Sydney"),
	zone("NZST", "New Zealand Standard Time", "NZDT", "New Zealand Daylight Time", 720, "Pacific/Auckland"),
}

func us(letter, name string, minutes int64, id string) *Zone {
	return zone(letter+"ST", name+" Standard Time", letter+"DT", name+" Daylight Time", minutes, id)
}

func europe(letters, name string, minutes int64, id string) *Zone {
	return zone(letters+"T", name+" Standard Time", letters+"ST", name+" Summer Time", minutes, id)
}

// findZone finds the zone whose name a text begins with, the longest if there are several.
func findZone(text string) (best *Zone, name string, summer bool) {
	for _, z := range zones {
		for i, n := range [...]string{z.long, z.short, z.longSummer, z.shortSummer} {
			if len(n) > len(name) && hasPrefixFold(text, n) {
				best, name, summer = z, n, i >= 2
			}
		}
	}
	return best, name, summer
}

// offset is what a name of the zone says, in ms east of UTC, whatever the date is.
func (z *Zone) offset(summer bool) int64 {
	if summer {
		return (z.minutes + 60) * msPerMinute
	}
	return z.minutes * msPerMinute
}

// at is the zone's offset at a moment, in ms east of UTC, and whether it is summer time. Where
// the tz database is missing it is always standard time.
func (z *Zone) at(ms int64) (offset int64, summer bool) {
	if z == nil {
		return 0, false
	}
	loc := z.rules()
	if loc == nil {
		return z.offset(false), false
	}
	t := time.UnixMilli(ms).In(loc)
	_, seconds := t.Zone()
	return int64(seconds) * msPerSecond, t.IsDST()
}

func (z *Zone) name(summer, long bool) string {
	if z == nil {
		z = zones[0]
	}
	switch {
	case summer && z.shortSummer != "" && long:
		return z.longSummer
	case summer && z.shortSummer != "":
		return z.shortSummer
	case long:
		return z.long
	}
	return z.short
}
