package transforms

import (
	"math"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/dateformat"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func timestampConverterConfig() *config.Def {
	return config.NewDef(
		kit.Optional(kit.Key("field", config.String, config.High,
			"The field with the timestamp; empty if the whole key or value is one."), "", nil),
		kit.Required(kit.Key("target.type", config.String, config.High,
			"What the timestamp becomes."),
			config.ValidString("string", "unix", "Date", "Time", "Timestamp")),
		kit.Optional(kit.Key("format", config.String, config.Medium,
			"Pattern in the letters of SimpleDateFormat, in UTC, for timestamps that are strings or become strings."), "", nil),
		kit.Optional(kit.Key("unix.precision", config.String, config.Low,
			"Unit of timestamps that are numbers or become numbers. What is finer than milliseconds gets lost."),
			"milliseconds", config.ValidString("nanoseconds", "microseconds", "milliseconds",
				"seconds")),
		replaceNullConfig(),
	)
}

// timestampConverter converts a timestamp between string, number and the logical types.
type timestampConverter struct {
	kit.Base
	side     smt.Side
	field    any // string, boxed once; nil for the whole key or value
	name     string
	target   stampType
	format   *dateformat.Format
	unit     string
	text     []byte // scratch
	defaults defaults
	plans    smt.SchemaCache[*stampPlan]
}

type stampPlan struct {
	schema *data.Schema
	at     int // -1: the schema has no such field
	from   stampType
	err    error // of a field that can't be a timestamp, once it has a value
}

// stampType is a form of timestamp.
type stampType uint8

const (
	stampString stampType = iota
	stampUnix
	stampDate
	stampTime
	stampTimestamp
)

var stampTypes = map[string]stampType{
	"string": stampString, "unix": stampUnix, "Date": stampDate, "Time": stampTime, "Timestamp": stampTimestamp,
}

// schema is the schema of timestamps of a type.
func (s stampType) schema(optional bool) *data.Schema {
	both := [...][2]*data.Schema{
		{data.StringSchema, data.OptionalStringSchema},
		{data.Int64Schema, data.OptionalInt64Schema},
		{data.DateSchema, data.OptionalDateSchema},
		{data.TimeSchema, data.OptionalTimeSchema},
		{data.TimestampSchema, data.OptionalTimestampSchema},
	}[s]
	if optional {
		return both[1]
	}
	return both[0]
}

const stampPurpose = "converting timestamp formats"

// Configure wants a format where text is made, and refuses one that SimpleDateFormat doesn't take.
func (t *timestampConverter) Configure(props map[string]string) error {
	v, err := timestampConverterConfig().Parse(props)
	if err != nil {
		return err
	}
	if t.name = v.String("field"); t.name != "" {
		t.field = t.name
	}
	t.target = stampTypes[v.String("target.type")]
	t.unit = v.String("unix.precision")
	t.defaults = defaults(v.Bool(replaceNullKey))
	pattern := v.String("format")
	if strings.TrimSpace(pattern) == "" {
		if t.target == stampString {
			return errs.Config.New("TimestampConverter requires format option to be specified when using string timestamps")
		}
		return nil
	}
	if t.format, err = dateformat.Compile(pattern); err != nil {
		return errs.Config.New("Invalid value java.lang.IllegalArgumentException: %v for configuration TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: %s", err, pattern)
	}
	return nil
}

func (t *timestampConverter) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	var err error
	switch {
	case schema == nil && (value == nil || t.field == nil):
		value, err = t.convertInferred(value)
	case schema == nil:
		value, err = t.inMap(value)
	case t.field == nil:
		schema, value, err = t.whole(schema, value)
	default:
		schema, value, err = t.inStruct(schema, value)
	}
	if err != nil {
		return nil, err
	}
	t.side.Set(r, schema, value)
	return r, nil
}

// inMap converts an entry, or the whole value; the type it has says what it is converted from.
func (t *timestampConverter) inMap(value any) (any, error) {
	in, err := asMap(value, stampPurpose)
	if err != nil {
		return nil, err
	}
	v, _ := in.Get(t.field)
	if v, err = t.convertInferred(v); err != nil {
		return nil, err
	}
	out := in.Clone()
	out.Put(t.field, v) // also where there was no such entry, as in Java
	return out, nil
}

func (t *timestampConverter) whole(schema *data.Schema, value any) (*data.Schema, any, error) {
	from, err := stampTypeOf(schema)
	if err != nil {
		return nil, nil, err
	}
	out, err := t.convert(value, from)
	return t.target.schema(schema.Optional()), out, err
}

func (t *timestampConverter) inStruct(schema *data.Schema, value any) (*data.Schema, any, error) {
	in, err := kit.StructOrNull(value, stampPurpose)
	if err != nil {
		return nil, nil, err
	}
	plan, ok := t.plans.Get(schema)
	if !ok {
		if plan, err = t.plan(schema); err != nil {
			return nil, nil, err
		}
		t.plans.Put(schema, plan)
	}
	if in == nil {
		return plan.schema, nil, nil
	}
	if !sameFields(in, schema) {
		return nil, nil, errs.Data.New("Struct schemas do not match.")
	}
	out, err := t.convertStruct(in, plan)
	return plan.schema, out, err
}

func (t *timestampConverter) convertStruct(in *data.Struct, plan *stampPlan) (*data.Struct, error) {
	out := data.NewStruct(plan.schema)
	for i := range plan.schema.Fields() {
		if i != plan.at {
			if err := t.defaults.copyField(out, i, in, i); err != nil {
				return nil, err
			}
			continue
		}
		if plan.err != nil {
			return nil, plan.err
		}
		v, err := t.convert(t.defaults.field(in, i), plan.from)
		if err == nil && v == nil {
			err = kit.CheckNull(out, i)
		}
		if err != nil {
			return nil, err
		}
		out.SetAt(i, v)
	}
	return out, nil
}

func (t *timestampConverter) plan(from *data.Schema) (*stampPlan, error) {
	if from.Type() != data.StructType {
		return nil, errNotStruct()
	}
	p := &stampPlan{at: from.FieldIndex(t.name)}
	b := data.NewBuilder(data.StructType).Basics(from)
	for i, f := range from.Fields() {
		if i == p.at {
			p.from, p.err = stampTypeOf(f.Schema)
			b.Field(f.Name, t.target.schema(f.Schema.Optional()))
		} else {
			b.Field(f.Name, f.Schema)
		}
	}
	if from.Optional() {
		b.Optional()
	}
	var err error
	if p.schema, err = b.Build(); err != nil {
		return nil, err
	}
	if def, ok := from.Default().(*data.Struct); ok {
		out, err := t.convertStruct(def, p)
		if err != nil {
			return nil, err
		}
		p.schema, err = b.Default(out).Build()
		return p, err
	}
	return p, nil
}

// stampTypeOf is the form of timestamp that a schema's values are.
func stampTypeOf(schema *data.Schema) (stampType, error) {
	switch schema.Name() {
	case data.TimestampName:
		return stampTimestamp, nil
	case data.DateName:
		return stampDate, nil
	case data.TimeName:
		return stampTime, nil
	}
	switch schema.Type() {
	case data.String:
		return stampString, nil
	case data.Int64:
		return stampUnix, nil
	}
	return 0, errs.Connect.New("Schema %s does not correspond to a known timestamp type format",
		schema)
}

// convertInferred converts a value without a schema.
func (t *timestampConverter) convertInferred(value any) (any, error) {
	switch value.(type) {
	case nil:
		return nil, nil
	case time.Time:
		return t.convert(value, stampTimestamp)
	case int64:
		return t.convert(value, stampUnix)
	case string:
		return t.convert(value, stampString)
	}
	return nil, errs.Data.New("TimestampConverter does not support class %s objects as timestamps",
		data.JavaClass(value))
}

func (t *timestampConverter) convert(value any, from stampType) (any, error) {
	if value == nil {
		return nil, nil
	}
	ms, zone, err := t.toMillis(value, from)
	if err != nil {
		return nil, err
	}
	switch t.target {
	case stampString:
		t.text = t.format.AppendIn(t.text[:0], ms, zone)
		return string(t.text), nil
	case stampUnix:
		return t.toUnix(ms), nil
	case stampDate:
		ms -= floorMod(ms, millisPerDay)
	case stampTime:
		ms = floorMod(ms, millisPerDay)
	}
	return time.UnixMilli(ms).UTC(), nil
}

// toMillis is the moment, and the time zone that its text names, if it names one.
func (t *timestampConverter) toMillis(value any, from stampType) (int64, *dateformat.Zone, error) {
	switch from {
	case stampString:
		text, ok := value.(string)
		if !ok {
			return 0, nil, errs.Data.New("Expected string timestamp to be a String, but found class %s", data.JavaClass(value))
		}
		if t.format == nil {
			return 0, nil, errs.IllegalState.New("Could not parse timestamp %q: the format setting is empty", text)
		}
		ms, zone, err := t.format.Parse(text)
		if err != nil {
			return 0, nil, errs.Data.New("Could not parse timestamp: value (%s) does not match pattern (%s)", text, t.format.Pattern())
		}
		return ms, zone, nil
	case stampUnix:
		n, ok := value.(int64)
		if !ok {
			return 0, nil, errs.Data.New("Expected Unix timestamp to be a Long, but found class %s",
				data.JavaClass(value))
		}
		return t.fromUnix(n), nil, nil
	}
	at, ok := value.(time.Time)
	if !ok {
		name := [...]string{stampDate: "Date", stampTime: "Time", stampTimestamp: "Timestamp"}[from]
		return 0, nil, errs.Data.New("Expected %s to be a java.util.Date, but found class %s", name,
			data.JavaClass(value))
	}
	return at.UnixMilli(), nil, nil
}

// fromUnix and toUnix convert as Java's TimeUnit: towards zero, and to the biggest number where
// there is an overflow.
func (t *timestampConverter) fromUnix(n int64) int64 {
	switch t.unit {
	case "seconds":
		return saturated(n, 1000)
	case "microseconds":
		return n / 1000
	case "nanoseconds":
		return n / 1_000_000
	}
	return n
}

// toUnix is the time in the unit of unix.precision, as Java's TimeUnit converts it: seconds are
// cut towards zero, and what is too big for nanoseconds is the biggest there is.
func (t *timestampConverter) toUnix(ms int64) int64 {
	switch t.unit {
	case "seconds":
		return ms / 1000
	case "microseconds":
		return saturated(ms, 1000)
	case "nanoseconds":
		return saturated(ms, 1_000_000)
	}
	return ms
}

func saturated(n, factor int64) int64 {
	switch {
	case n > math.MaxInt64/factor:
		return math.MaxInt64
	case n < math.MinInt64/factor:
		return math.MinInt64
	}
	return n * factor
}

const millisPerDay = 24 * 60 * 60 * 1000

func floorMod(a, b int64) int64 {
	if a %= b; a < 0 {
		a += b
	}
	return a
}
