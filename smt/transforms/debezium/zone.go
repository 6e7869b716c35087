package debezium

import (
	_ "embed"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // a container may have no time zones of its own

	"github.com/troupe-connect/troupe/connectors/errs"
)

// zoneList are the names of time zones that Java 17 knows, a line each; a minus stands before those
// that only its old classes know.
//
//go:embed zones.txt
var zoneList string

// zoneNames tells for each name whether the classes that convert times know it too.
var zoneNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(zoneList) {
		name, old := strings.CutPrefix(strings.TrimSpace(line), "-")
		names[name] = !old
	}
	return names
})

// zone is the time zone that times are converted to. Seconds count from the epoch.
type zone struct {
	loc   *time.Location // nil: fixed
	fixed int64
	// What localOffset found last: local times from since to before until have this offset.
	since, until, offset int64
}

// isOffset reports whether a text has the form of an offset, ±hh:mm or ±hh:mm:ss.
func isOffset(text string) bool {
	if len(text) != 6 && len(text) != 9 || text[0] != '+' && text[0] != '-' {
		return false
	}
	for i := 1; i < len(text); i++ {
		if i%3 == 0 {
			if text[i] != ':' {
				return false
			}
		} else if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// findZone is the zone of an offset or a name. The error is one that Java has when it converts the
// first time, not when it reads the settings.
func findZone(name string) (*zone, error) {
	if isOffset(name) {
		seconds, ok := parseOffset(name)
		if !ok {
			return nil, errs.IllegalArgument.New("Zone offset not in valid range: -18:00 to +18:00: %s", name)
		}
		return &zone{fixed: seconds}, nil
	}
	if !zoneNames()[name] {
		return nil, errs.IllegalArgument.New("Unknown time-zone ID: %s", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, errs.IllegalArgument.Wrap(err, "Unknown time-zone ID: %s", name)
	}
	return &zone{loc: loc}, nil
}

// parseOffset reads an offset that has the form of one.
func parseOffset(text string) (int64, bool) {
	var parts [3]int64
	for i := range min(len(text)/3, 3) {
		n, err := strconv.ParseInt(text[1+3*i:3+3*i], 10, 64)
		if err != nil {
			return 0, false
		}
		parts[i] = n
	}
	if parts[1] > 59 || parts[2] > 59 {
		return 0, false
	}
	seconds := parts[0]*3600 + parts[1]*60 + parts[2]
	if seconds > 18*3600 {
		return 0, false
	}
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// offsetAt is the zone's offset at an instant.
func (z *zone) offsetAt(seconds int64) int64 {
	if z.loc == nil {
		return z.fixed
	}
	_, offset := time.Unix(seconds, 0).In(z.loc).Zone()
	return int64(offset)
}

// localOffset is the zone's offset at a local time. In the gap of a change, and where local times come
// twice, it is the one before the change, as in Java.
func (z *zone) localOffset(local int64) int64 {
	switch {
	case z.loc == nil:
		return z.fixed
	case local >= z.since && local < z.until:
		return z.offset
	}
	const day = 24 * 3600 // offsets are smaller
	t := time.Unix(local-day, 0).In(z.loc)
	start, _ := t.ZoneBounds()
	z.since = math.MinInt64
	if !start.IsZero() {
		z.since = start.Unix() + day
	}
	for {
		_, offset := t.Zone()
		_, end := t.ZoneBounds()
		z.offset, z.until = int64(offset), math.MaxInt64
		if end.IsZero() {
			return z.offset
		}
		_, next := end.Zone()
		z.until = end.Unix() + int64(max(offset, next))
		if local < z.until {
			return z.offset
		}
		t, z.since = end, z.until
	}
}
