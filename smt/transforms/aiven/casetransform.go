package aiven

import (
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

const (
	fieldNamesKey = "field.names"
	caseKey       = "case"
)

func caseTransformConfig() *config.Def {
	return config.NewDef(
		required(fieldNamesKey, config.List, config.High, nil,
			"Names of the fields whose text is changed."),
		required(caseKey, config.String, config.High, config.NonEmptyString(), "upper or lower."),
	)
}

// caseTransform makes texts upper or lower case, by Unicode's full mapping.
// Other values are made text first, as with Java's toString. The field must be able to hold text:
// one that can't stays as it is, without an error. A null key or value is errs.Data, a null field
// is not.
type caseTransform struct {
	kit.Base
	side   smt.Side
	fields []string
	names  []any // fields, boxed once
	ascii  func(string) string
	caser  cases.Caser
	plans  smt.SchemaCache[[]int]
}

// Configure wants upper or lower in lower case; another word is errs.IllegalArgument, as of a Java
// enum.
func (t *caseTransform) Configure(props map[string]string) error {
	v, err := caseTransformConfig().Parse(props)
	if err != nil {
		return err
	}
	switch v.String(caseKey) {
	case "upper":
		t.ascii, t.caser = strings.ToUpper, cases.Upper(language.Und)
	case "lower":
		t.ascii, t.caser = strings.ToLower, cases.Lower(language.Und)
	default:
		return errs.IllegalArgument.New("Unknown enum value %s", v.String(caseKey))
	}
	t.fields = v.List(fieldNamesKey)
	for _, f := range t.fields {
		t.names = append(t.names, f)
	}
	return nil
}

// changed is the text in the other case. Text of ASCII alone is done without the tables of
// Unicode.
func (t *caseTransform) changed(value any) any {
	text := data.Text(value)
	for i := range len(text) {
		if text[i] >= 0x80 {
			return t.caser.String(text)
		}
	}
	return t.ascii(text)
}

// Apply makes a copy: Java changes the value in place, which others may hold too. A map gets the
// fields it lacks as null.
func (t *caseTransform) Apply(r *data.Record) (*data.Record, error) {
	schema, value := t.side.Get(r)
	switch v := value.(type) {
	case *data.Struct:
		out, err := t.inStruct(v)
		if err != nil {
			return nil, err
		}
		t.side.Set(r, v.Schema(), out)
		return r, nil
	case *data.Map:
		out := v.Clone()
		for _, name := range t.names {
			x, _ := out.Get(name)
			if x != nil {
				x = t.changed(x)
			}
			out.Put(name, x)
		}
		t.side.Set(r, schema, out)
		return r, nil
	case nil:
		return nil, wrong(r, "%s Value can't be null", place(t.side))
	}
	return nil, wrong(r, "Value type must be STRUCT or MAP")
}

// inStruct is the struct's copy, with its defaults for nulls; fields that it lacks are passed
// over.
func (t *caseTransform) inStruct(in *data.Struct) (*data.Struct, error) {
	plan, ok := t.plans.Get(in.Schema())
	if !ok {
		for _, name := range t.fields {
			if i := in.Schema().FieldIndex(name); i >= 0 {
				plan = append(plan, i)
			}
		}
		t.plans.Put(in.Schema(), plan)
	}
	out, err := withDefaults(in)
	if err != nil {
		return nil, err
	}
	for _, i := range plan {
		v := stored(out, i)
		if v != nil {
			v = t.changed(v)
		}
		// As in Java a field that can't hold text stays as it is.
		_ = kit.Set(out, i, v)
	}
	return out, nil
}

// withDefaults is a copy of a struct in which null is the default where there is one.
func withDefaults(in *data.Struct) (*data.Struct, error) {
	out := data.NewStruct(in.Schema())
	for i := range in.Schema().Fields() {
		out.SetAt(i, stored(in, i))
		if err := kit.CheckNull(out, i); err != nil {
			return nil, err
		}
	}
	return out, nil
}
