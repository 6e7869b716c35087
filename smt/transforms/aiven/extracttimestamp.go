package aiven

import (
	"math"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	fieldNameKey  = "field.name"
	resolutionKey = "timestamp.resolution"
	seconds       = "seconds"
	milliseconds  = "milliseconds"
)

func extractTimestampConfig() *config.Def {
	resolution := optional(resolutionKey, config.String, config.Low, milliseconds,
		"Unit of a field that is a number: milliseconds or seconds since the epoch.")
	resolution.Validator = config.LambdaValidator("(no text)", func(name string, value any) error {
		if value != seconds && value != milliseconds {
			text, _ := value.(string)
			return config.Invalid(name, value,
				"Unsupported resolution type '"+text+"'. Supported are: milliseconds, seconds")
		}
		return nil
	})
	return config.NewDef(
		required(fieldNameKey, config.String, config.High, config.NonEmptyString(),
			"Name of the field, of type INT64 or Timestamp, that becomes the record's timestamp."),
		resolution,
	)
}

// extractTimestamp makes the record's timestamp of a field.
type extractTimestamp struct {
	kit.Base
	side    smt.Side
	field   string
	name    any // field, boxed once
	seconds bool
	at      smt.SchemaCache[int]
}

// Configure wants the unit in lower case.
func (t *extractTimestamp) Configure(props map[string]string) error {
	v, err := extractTimestampConfig().Parse(props)
	if err != nil {
		return err
	}
	t.field, t.name = v.String(fieldNameKey), v.String(fieldNameKey)
	t.seconds = v.String(resolutionKey) == seconds
	return nil
}

// Apply fails with errs.Data where the field is missing, null or of another type: there is no
// setting to skip such.
func (t *extractTimestamp) Apply(r *data.Record) (*data.Record, error) {
	var field any
	_, value := t.side.Get(r)
	switch v := value.(type) {
	case *data.Struct:
		i, ok := t.at.Get(v.Schema())
		if !ok {
			i = v.Schema().FieldIndex(t.field)
			t.at.Put(v.Schema(), i)
		}
		if i >= 0 {
			field = stored(v, i)
		}
	case *data.Map:
		field, _ = v.Get(t.name)
	case nil:
		return nil, wrong(r, "%s can't be null", place(t.side))
	default:
		return nil, wrong(r, "%s type must be STRUCT or MAP", place(t.side))
	}
	switch v := field.(type) {
	case int64:
		r.Timestamp = t.timeOf(v)
	case time.Time:
		r.Timestamp = v
	case nil:
		return nil, wrong(r, "%s field must be present and its value can't be null", t.field)
	default:
		return nil, wrong(r, "%s field must be INT64 or org.apache.kafka.connect.data.Timestamp",
			t.field)
	}
	return r, nil
}

// timeOf is the moment of a number; seconds beyond what milliseconds can count are the last that they
// can, as in Java.
func (t *extractTimestamp) timeOf(n int64) time.Time {
	if t.seconds {
		switch {
		case n > math.MaxInt64/1000:
			n = math.MaxInt64
		case n < math.MinInt64/1000:
			n = math.MinInt64
		default:
			n *= 1000
		}
	}
	return time.UnixMilli(n).UTC()
}
