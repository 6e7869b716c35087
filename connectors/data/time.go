package data

import (
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Names of the logical types.
const (
	DecimalName   = "org.apache.kafka.connect.data.Decimal"
	DateName      = "org.apache.kafka.connect.data.Date"
	TimeName      = "org.apache.kafka.connect.data.Time"
	TimestampName = "org.apache.kafka.connect.data.Timestamp"
)

// logical is what a schema's name says about the Go type of its values.
type logical uint8

const (
	logicalNone logical = iota
	logicalDecimal
	logicalDate
	logicalTime
	logicalTimestamp
)

func logicalOf(name string) logical {
	switch name {
	case DecimalName:
		return logicalDecimal
	case DateName:
		return logicalDate
	case TimeName:
		return logicalTime
	case TimestampName:
		return logicalTimestamp
	}
	return logicalNone
}

// Schemas of the logical types of time. A Date is a day at midnight UTC, kept as days since the
// epoch; a Time is a time of day, on 1970-01-01 UTC, kept as milliseconds since midnight; a
// Timestamp is kept as milliseconds since the epoch.
var (
	DateSchema      = DateBuilder().MustBuild()
	TimeSchema      = TimeBuilder().MustBuild()
	TimestampSchema = TimestampBuilder().MustBuild()

	OptionalDateSchema      = DateBuilder().Optional().MustBuild()
	OptionalTimeSchema      = TimeBuilder().Optional().MustBuild()
	OptionalTimestampSchema = TimestampBuilder().Optional().MustBuild()
)

// DateBuilder starts a schema of the logical type Date.
func DateBuilder() *Builder { return NewBuilder(Int32).Name(DateName).Version(1) }

// TimeBuilder starts a schema of the logical type Time.
func TimeBuilder() *Builder { return NewBuilder(Int32).Name(TimeName).Version(1) }

// TimestampBuilder starts a schema of the logical type Timestamp.
func TimestampBuilder() *Builder { return NewBuilder(Int64).Name(TimestampName).Version(1) }

const millisPerDay = 24 * 60 * 60 * 1000

// DateFromLogical is the days since the epoch of a Date, which must have no time of day. Days
// beyond int32 wrap as in Java. Errors are errs.Data.
func DateFromLogical(schema *Schema, t time.Time) (int32, error) {
	if !schema.is(logicalDate) {
		return 0, wrongSchema("Date")
	}
	ms := t.UnixMilli()
	if ms%millisPerDay != 0 {
		return 0, errs.Data.New("Kafka Connect Date type should not have any time fields set to non-zero values.")
	}
	return int32(ms / millisPerDay), nil
}

// DateToLogical is the Date that lies days after the epoch.
func DateToLogical(schema *Schema, days int32) (time.Time, error) {
	if !schema.is(logicalDate) {
		return time.Time{}, wrongSchema("Date")
	}
	return time.Unix(int64(days)*(millisPerDay/1000), 0).UTC(), nil
}

// TimeFromLogical is the milliseconds since midnight of a Time, which must lie on 1970-01-01.
func TimeFromLogical(schema *Schema, t time.Time) (int32, error) {
	if !schema.is(logicalTime) {
		return 0, wrongSchema("Time")
	}
	ms := t.UnixMilli()
	if ms < 0 || ms > millisPerDay {
		return 0, errs.Data.New("Kafka Connect Time type should not have any date fields set to non-zero values.")
	}
	return int32(ms), nil
}

// TimeToLogical is the Time that lies ms milliseconds after midnight.
func TimeToLogical(schema *Schema, ms int32) (time.Time, error) {
	if !schema.is(logicalTime) {
		return time.Time{}, wrongSchema("Date") // Java says Date here too
	}
	if ms < 0 || ms > millisPerDay {
		return time.Time{}, errs.Data.New("Time values must use number of milliseconds greater than 0 and less than 86400000")
	}
	return time.UnixMilli(int64(ms)).UTC(), nil
}

// TimestampFromLogical is the milliseconds since the epoch of a Timestamp.
func TimestampFromLogical(schema *Schema, t time.Time) (int64, error) {
	if !schema.is(logicalTimestamp) {
		return 0, wrongSchema("Timestamp")
	}
	return t.UnixMilli(), nil
}

// TimestampToLogical is the Timestamp that lies ms milliseconds after the epoch.
func TimestampToLogical(schema *Schema, ms int64) (time.Time, error) {
	if !schema.is(logicalTimestamp) {
		return time.Time{}, wrongSchema("Timestamp")
	}
	return time.UnixMilli(ms).UTC(), nil
}

func (s *Schema) is(l logical) bool { return s != nil && s.logical == l }

func wrongSchema(kind string) error {
	return errs.Data.New("Requested conversion of %s object but the schema does not match.", kind)
}
