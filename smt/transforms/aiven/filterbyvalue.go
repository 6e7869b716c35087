package aiven

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/java/regex"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	fieldValueKey   = "field.value"
	valuePatternKey = "field.value.pattern"
	valueMatchesKey = "field.value.matches"
)

func filterConfig() *config.Def {
	return config.NewDef(
		optional(fieldNameKey, config.String, config.High, nil,
			"Name of the field; without it the whole key or value counts, if it has no schema."),
		optional(fieldValueKey, config.String, config.High, nil,
			"The value to find, of the type that the text looks like. Either this or a pattern is set."),
		optional(valuePatternKey, config.String, config.High, nil,
			"Java regular expression to find in the value as text."),
		optional(valueMatchesKey, config.Boolean, config.Medium, true,
			"Whether records that match are kept, or those that don't."),
	)
}

// filterByValue drops records by the value of a field.
// A value is compared with what field.value looks like (1 is an INT8, as Kafka's
// Values.parseString has it), so that the number 1 of another type doesn't match: a pattern
// compares texts.
type filterByValue struct {
	kit.Base
	side     smt.Side
	field    string
	name     any // field, boxed once
	re       *regex.Regexp
	expected any
	keep     bool // records that match
	at       smt.SchemaCache[int]
}

// Configure wants exactly one of value and pattern; a wrong pattern is errs.IllegalArgument.
func (t *filterByValue) Configure(props map[string]string) error {
	v, err := filterConfig().Parse(props)
	if err != nil {
		return err
	}
	byValue, pattern := !v.IsNull(fieldValueKey), v.String(valuePatternKey)
	if byValue == (pattern != "") {
		return errs.Config.New("Either field.value or field.value.pattern have to be set to apply filter transform")
	}
	if byValue {
		t.expected = data.ParseString(v.String(fieldValueKey)).Value
	} else if t.re, err = regex.Compile(pattern); err != nil {
		return errs.IllegalArgument.Wrap(err, "%s %q", valuePatternKey, pattern)
	}
	t.field, t.name = v.String(fieldNameKey), v.String(fieldNameKey)
	t.keep = v.Bool(valueMatchesKey)
	return nil
}

// Apply keeps null keys and values whatever field.value.matches says.
func (t *filterByValue) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	if value == nil {
		return r, nil
	}
	schema, field, err := t.find(schema, value)
	if err != nil {
		return nil, err
	}
	ok, err := t.matches(r, schema, field)
	if err != nil {
		return nil, err
	}
	if ok != t.keep {
		return nil, nil
	}
	return r, nil
}

// find is the field with its schema, nil for one that is null or not there.
func (t *filterByValue) find(schema *data.Schema, value any) (*data.Schema, any, error) {
	if schema == nil {
		if t.field == "" {
			return inferred(value)
		}
		m, ok := value.(*data.Map)
		if !ok {
			return nil, nil, notCast(value, "java.util.Map")
		}
		v, _ := m.Get(t.name)
		return inferred(v)
	}
	s, ok := value.(*data.Struct)
	if !ok {
		return nil, nil, notCast(value, "org.apache.kafka.connect.data.Struct")
	}
	i, ok := t.at.Get(s.Schema())
	if !ok {
		i = s.Schema().FieldIndex(t.field)
		t.at.Put(s.Schema(), i)
	}
	if i < 0 {
		return nil, nil, errs.IllegalState.New("the %s has no field %q", place(t.side), t.field)
	}
	return s.Schema().Fields()[i].Schema, stored(s, i), nil
}

// inferred is a value with the schema that Connect would give it.
func inferred(value any) (*data.Schema, any, error) {
	schema, err := data.InferSchema(value)
	return schema, value, err
}

// matches fails for null with a value to compare, where Java has a NullPointerException; a pattern
// doesn't match null. The pattern may match anywhere in the text.
func (t *filterByValue) matches(r *data.Record, schema *data.Schema, field any) (bool, error) {
	if t.re == nil {
		if field == nil || t.expected == nil {
			return false, errs.IllegalState.New("%s of the %s can't be compared: record of topic %q has null in it", t.field, place(t.side), r.Topic)
		}
		return data.Equal(t.expected, field), nil
	}
	if field == nil {
		return false, nil
	}
	text, ok, err := data.ConvertToString(schema, field)
	if err != nil {
		return false, err
	}
	if !ok {
		return false, errs.IllegalState.New("%s of the %s is null as text: record of topic %q",
			t.field, place(t.side), r.Topic)
	}
	groups, err := t.re.FindString(text)
	if err != nil {
		return false, errs.Data.Wrap(err, "regex %q", t.re)
	}
	return groups != nil, nil
}
