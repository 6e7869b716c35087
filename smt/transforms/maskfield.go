package transforms

import (
	"math/big"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/internal/reuse"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

func maskFieldConfig() *config.Def {
	return config.NewDef(
		kit.Required(kit.Key("fields", config.List, config.High, "Names of the fields to mask."),
			nonEmptyList()),
		kit.Optional(kit.Key("replacement", config.String, config.Low,
			"What is put in the fields instead of an empty value of their type. It must be a number for fields that are numbers."), nil, nonEmptyIfSet()),
		replaceNullConfig(),
	)
}

// nonEmptyIfSet is Java's NonEmptyString, which lets null pass.
func nonEmptyIfSet() config.Validator { return config.NonEmptyString() }

// maskField replaces fields by an empty value of their type, or by one text or number for all.
type maskField struct {
	kit.Base
	side     smt.Side
	fields   []string
	names    []any // fields, boxed once
	custom   *replacements
	empty    emptyValues
	defaults defaults
	masked   smt.SchemaCache[[]bool] // by field
	made     reuse.Structs
}

// Structs implements reuse.Maker.
func (m *maskField) Structs() (*reuse.Structs, any) { return &m.made, m.side }

// CopiesStructs implements reuse.Copier.
func (*maskField) CopiesStructs() {}

const maskPurpose = "mask fields"

// Configure can't tell whether the replacement fits: a text for a field of numbers fails at the
// first record.
func (m *maskField) Configure(props map[string]string) error {
	v, err := maskFieldConfig().Parse(props)
	if err != nil {
		return err
	}
	m.fields = v.List("fields")
	for _, f := range m.fields {
		m.names = append(m.names, f)
	}
	if !v.IsNull("replacement") {
		m.custom = newReplacements(v.String("replacement"))
	}
	m.defaults = defaults(v.Bool(replaceNullKey))
	return nil
}

// Apply makes a copy. A null key or value is errs.Data, as what is neither struct nor map; a null
// field stays null.
func (m *maskField) Apply(r *data.Record) (*data.Record, error) {
	schema, value := m.side.Get(r)
	var out any
	var err error
	if schema == nil {
		out, err = m.inMap(value)
	} else {
		out, err = m.inStruct(value)
	}
	if err != nil {
		return nil, err
	}
	m.side.Set(r, schema, out)
	return r, nil
}

func (m *maskField) inMap(value any) (any, error) {
	in, err := asMap(value, maskPurpose)
	if err != nil {
		return nil, err
	}
	out := in.Clone()
	for _, name := range m.names {
		v, _ := in.Get(name)
		if v, err = m.mask(v); err != nil {
			return nil, err
		}
		out.Put(name, v) // also where there was no such entry, as in Java
	}
	return out, nil
}

func (m *maskField) inStruct(value any) (any, error) {
	in, err := kit.Struct(value, maskPurpose)
	if err != nil {
		return nil, err
	}
	masked, ok := m.masked.Get(in.Schema())
	if !ok {
		masked = make([]bool, len(in.Schema().Fields()))
		for _, name := range m.fields {
			if i := in.Schema().FieldIndex(name); i >= 0 {
				masked[i] = true
			}
		}
		m.masked.Put(in.Schema(), masked)
	}
	out := m.made.New(in.Schema())
	for i := range masked {
		if !masked[i] {
			if err := m.defaults.copyField(out, i, in, i); err != nil {
				return nil, err
			}
			continue
		}
		v, err := m.mask(m.defaults.field(in, i))
		if err != nil {
			return nil, err
		}
		if err := kit.Set(out, i, v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (m *maskField) mask(v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if m.custom != nil {
		return m.custom.of(v)
	}
	return m.empty.of(v)
}

// emptyValues are what is put in masked fields without a replacement.
type emptyValues struct{}

func (emptyValues) of(v any) (any, error) {
	switch v.(type) {
	case string:
		return "", nil
	case int32:
		return int32(0), nil
	case int64:
		return int64(0), nil
	case bool:
		return false, nil
	case float64:
		return float64(0), nil
	case float32:
		return float32(0), nil
	case int16:
		return int16(0), nil
	case int8:
		return int8(0), nil
	case data.Decimal:
		return data.NewDecimal(0, 0), nil
	case *big.Int:
		return new(big.Int), nil
	case time.Time:
		return time.UnixMilli(0).UTC(), nil
	case []any:
		return []any{}, nil
	case *data.Map:
		return data.NewMap(0), nil
	}
	return nil, errs.Data.New("Cannot mask value of type: class %s", data.JavaClass(v))
}

// replacements are a replacement in every type that it can have, each with the error there is
// if it isn't a number.
type replacements struct {
	str, i8, i16, i32, i64, f32, f64, dec, big any
	numErr, decErr                             error
}

func newReplacements(text string) *replacements {
	r := &replacements{str: text}
	if n, _, err := data.ConvertToInt64(nil, text); err == nil {
		r.i8, r.i16, r.i32, r.i64 = int8(n), int16(n), int32(n), n
	} else {
		r.numErr = err
	}
	if f, _, err := data.ConvertToFloat64(nil, text); err == nil {
		r.f32, r.f64 = float32(f), f
	}
	notNumber := errs.Data.New("Unable to convert %s (class java.lang.String) to number", text)
	if d, err := data.ParseDecimal(text); err == nil {
		r.dec = d
	} else {
		r.decErr = notNumber
	}
	if n, ok := new(big.Int).SetString(text, 10); ok {
		r.big = n
	}
	return r
}

func (r *replacements) of(v any) (any, error) {
	var out any
	err := r.numErr
	switch v.(type) {
	case string:
		return r.str, nil
	case int32:
		out = r.i32
	case int64:
		out = r.i64
	case float64:
		out = r.f64
	case float32:
		out = r.f32
	case int16:
		out = r.i16
	case int8:
		out = r.i8
	case data.Decimal:
		out, err = r.dec, r.decErr
	case *big.Int:
		out = r.big
		if err = r.decErr; err == nil && out == nil {
			err = errs.Data.New("Unable to convert %s (class java.lang.String) to number", r.str)
		}
	default:
		return nil, errs.Data.New("Cannot mask value of type class %s with custom replacement.",
			data.JavaClass(v))
	}
	if out == nil {
		return nil, err
	}
	return out, nil
}
