package debezium

import (
	"math"
	"time"

	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// timeKind is a form in which a time is stored.
type timeKind int

const (
	unsupported timeKind = iota
	zonedDateTime
	zonedTime
	millisecondsOf // Debezium's Timestamp
	microsecondsOf
	nanosecondsOf
	connectTimestamp
	epochMillis // numbers in the source block
	epochMicros
	epochNanos
)

// timeKinds are the logical types that are converted, or that one might expect to be.
var timeKinds = map[string]timeKind{
	timestampName:                     millisecondsOf,
	microTimestampName:                microsecondsOf,
	nanoTimestampName:                 nanosecondsOf,
	"io.debezium.time.ZonedTimestamp": zonedDateTime,
	"io.debezium.time.ZonedTime":      zonedTime,
	data.TimestampName:                connectTimestamp,
	"io.debezium.time.Date":           unsupported,
	"io.debezium.time.Time":           unsupported,
	"io.debezium.time.MicroTime":      unsupported,
	"io.debezium.time.NanoTime":       unsupported,
	data.DateName:                     unsupported,
	data.TimeName:                     unsupported,
}

// epochKinds are the fields of the source block that are converted although they have no logical
// type.
var epochKinds = map[string]timeKind{"ts_ms": epochMillis, "ts_us": epochMicros, "ts_ns": epochNanos}

// convert is a value of a kind in the zone. Texts keep their instant. Numbers that stand for local
// times get the zone's offset subtracted, those of the source block, which are instants, get it added.
func (z *zone) convert(kind timeKind, value any) (any, error) {
	switch v := value.(type) {
	case int64:
		switch kind {
		case millisecondsOf:
			return z.fromLocal(v, 1e3, true)
		case microsecondsOf:
			return z.fromLocal(v, 1e6, false)
		case nanosecondsOf:
			return z.fromLocal(v, 1e9, false)
		case epochMillis:
			return v + z.offsetAt(floor(v, 1e3))*1e3, nil
		case epochMicros:
			return v + z.offsetAt(floor(v, 1e6))*1e6, nil
		case epochNanos:
			return v + z.offsetAt(floor(v, 1e9))*1e9, nil
		}
	case string:
		return z.convertText(kind, v)
	case time.Time:
		if kind == connectTimestamp {
			offset := z.localOffset(v.Unix())
			return v.Add(-time.Duration(offset) * time.Second), nil
		}
	}
	return nil, errs.IllegalArgument.New("a time can't be a %s", data.JavaClass(value))
}

// A text that isn't ISO 8601 with an offset is errs.IllegalArgument: Debezium writes no other.
func (z *zone) convertText(kind timeKind, text string) (any, error) {
	switch kind {
	case zonedDateTime:
		t, err := parseISODateTime(text)
		if err != nil {
			return nil, err
		}
		return t.at(z.localOffset(t.local)).dateTime(), nil
	case zonedTime:
		t, err := parseISOTime(text)
		if err != nil {
			return nil, err
		}
		return t.at(z.offsetAt(time.Now().Unix())).time(), nil // the offset of today, as in Java
	}
	return nil, errs.IllegalArgument.New("a time can't be a java.lang.String")
}

// fromLocal takes the zone's offset from a local time in units of a second.
func (z *zone) fromLocal(n, units int64, exact bool) (any, error) {
	offset := z.localOffset(floor(n, units)) * units
	made := n - offset
	if exact && (offset > 0 && made > n || offset < 0 && made < n) {
		return nil, errs.IllegalArgument.New("long overflow")
	}
	return made, nil
}

// floor is Math.floorDiv: times before 1970 are negative.
func floor(n, by int64) int64 {
	q := n / by
	if n%by < 0 && q > math.MinInt64 {
		q--
	}
	return q
}
