// Package transforms has the single message transforms of Kafka Connect 4.1, a file each, under
// their Java class names.
//
// Each transform belongs to one task and one goroutine. It works out what to do for a schema once
// and keeps that in a smt.SchemaCache; what is left per record is copying values.
package transforms

import (
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

const (
	// version is that of the Kafka Connect whose behaviour the transforms have.
	version  = "4.1.1"
	packages = "org.apache.kafka.connect.transforms."
)

// Plugins are all transforms.
func Plugins() []smt.Plugin {
	var all []smt.Plugin
	all = append(all, bothSides("Cast", castConfig(), func(s smt.Side) smt.Transform { return &cast{side: s} })...)
	all = append(all, one("DropHeaders", dropHeadersConfig(), func() smt.Transform { return &dropHeaders{} }))
	all = append(all, bothSides("ExtractField", extractFieldConfig(), func(s smt.Side) smt.Transform { return &extractField{side: s} })...)
	all = append(all, one("Filter", config.NewDef(), func() smt.Transform { return filter{} }))
	all = append(all, bothSides("Flatten", flattenConfig(), func(s smt.Side) smt.Transform { return &flatten{side: s} })...)
	all = append(all, bothSides("HeaderFrom", headerFromConfig(), func(s smt.Side) smt.Transform { return &headerFrom{side: s} })...)
	all = append(all, bothSides("HoistField", hoistFieldConfig(), func(s smt.Side) smt.Transform { return &hoistField{side: s} })...)
	all = append(all, bothSides("InsertField", insertFieldConfig(), func(s smt.Side) smt.Transform { return &insertField{side: s} })...)
	all = append(all, one("InsertHeader", insertHeaderConfig(), func() smt.Transform { return &insertHeader{} }))
	all = append(all, bothSides("MaskField", maskFieldConfig(), func(s smt.Side) smt.Transform { return &maskField{side: s} })...)
	all = append(all, one("RegexRouter", regexRouterConfig(), func() smt.Transform { return &regexRouter{} }))
	all = append(all, bothSides("ReplaceField", replaceFieldConfig(), func(s smt.Side) smt.Transform { return &replaceField{side: s} })...)
	all = append(all, bothSides("SetSchemaMetadata", setSchemaMetadataConfig(), func(s smt.Side) smt.Transform { return &setSchemaMetadata{side: s} })...)
	all = append(all, bothSides("TimestampConverter", timestampConverterConfig(), func(s smt.Side) smt.Transform { return &timestampConverter{side: s} })...)
	all = append(all, one("TimestampRouter", timestampRouterConfig(), func() smt.Transform { return &timestampRouter{} }))
	all = append(all, one("ValueToKey", valueToKeyConfig(), func() smt.Transform { return &valueToKey{} }))
	return all
}

func one(name string, def *config.Def, make func() smt.Transform) smt.Plugin {
	return smt.Plugin{
		Descriptor: plugin.Descriptor{Class: packages + name, Version: version, Config: def},
		New:        make,
	}
}

func bothSides(name string, def *config.Def, make func(smt.Side) smt.Transform) []smt.Plugin {
	var both []smt.Plugin
	for _, side := range []smt.Side{smt.Key, smt.Value} {
		both = append(both, one(name+"$"+side.String(), def, func() smt.Transform { return make(side) }))
	}
	return both
}

// key is a setting without group, as those of transforms are.
func key(name string, t config.Type, importance config.Importance, doc string) config.Key {
	return config.Key{Name: name, Type: t, Importance: importance, Doc: doc, Order: -1, DisplayName: name}
}

func required(k config.Key, v config.Validator) config.Key {
	k.Required, k.Validator = true, v
	return k
}

func optional(k config.Key, def any, v config.Validator) config.Key {
	k.Default, k.Validator = def, v
	return k
}

const replaceNullKey = "replace.null.with.default"

func replaceNullConfig() config.Key {
	return optional(key(replaceNullKey, config.Boolean, config.Medium,
		"A null field whose schema has a default becomes that default where true, and stays null where false."), true, nil)
}

func nonEmptyList() config.Validator {
	return config.LambdaValidator("non-empty list", func(name string, value any) error {
		if l, _ := value.([]string); len(l) == 0 {
			return config.Invalid(name, value, "Empty list")
		}
		return nil
	})
}

// javaSplit splits as Java's String.split does: empty strings at the end are left out.
func javaSplit(s, sep string) []string {
	parts := strings.Split(s, sep)
	if len(parts) == 1 {
		return parts
	}
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts
}

func asMap(value any, purpose string) (*data.Map, error) {
	if m, ok := value.(*data.Map); ok && m != nil {
		return m, nil
	}
	return nil, errs.Data.New("Only Map objects supported in absence of schema for [%s], found: %s", purpose, data.JavaClass(value))
}

func asStruct(value any, purpose string) (*data.Struct, error) {
	if s, ok := value.(*data.Struct); ok && s != nil {
		return s, nil
	}
	return nil, errs.Data.New("Only Struct objects supported for [%s], found: %s", purpose, data.JavaClass(value))
}

// asStructOrNull is asStruct with nil for null.
func asStructOrNull(value any, purpose string) (*data.Struct, error) {
	if value == nil {
		return nil, nil
	}
	return asStruct(value, purpose)
}

func errNotStruct() error { return errs.Data.New("Cannot list fields on non-struct type") }

// defaults says whether null fields become their default (replace.null.with.default).
type defaults bool

// field is the i-th field of a struct.
func (d defaults) field(s *data.Struct, i int) any {
	v := s.At(i)
	if v == nil && d {
		v = s.Schema().Fields()[i].Schema.Default()
	}
	return v
}

// copyField sets the to-th field of dst to the from-th of src. The two have one schema, so that
// only null can be wrong about the value.
func (d defaults) copyField(dst *data.Struct, to int, src *data.Struct, from int) error {
	v := d.field(src, from)
	if v == nil {
		return checkNull(dst, to)
	}
	dst.SetAt(to, v)
	return nil
}

// checkNull reports an error where the i-th field can't be null.
func checkNull(s *data.Struct, i int) error {
	f := &s.Schema().Fields()[i]
	if f.Schema.Optional() {
		return nil
	}
	return data.ValidateField(f.Name, f.Schema, nil)
}

// setField sets the i-th field to a value that may not fit.
func setField(s *data.Struct, i int, v any) error {
	f := &s.Schema().Fields()[i]
	if err := data.ValidateField(f.Name, f.Schema, v); err != nil {
		return err
	}
	s.SetAt(i, v)
	return nil
}

// sameFields reports whether a struct's own schema has the fields that its record's schema says.
func sameFields(s *data.Struct, schema *data.Schema) bool {
	return s.Schema() == schema || data.SchemaEqual(s.Schema(), schema)
}

// hasTimestamp reports whether a record has a timestamp: any but the zero Time. A moment in the
// year 1 is one too if it was made of a number.
func hasTimestamp(r *data.Record) bool { return r.Timestamp != time.Time{} }

// base is what most transforms don't need.
type base struct{}

// Close does nothing.
func (base) Close() error { return nil }

// boxed keeps the last text as an interface, so that a text that repeats from record to record
// isn't allocated again for each.
type boxed struct {
	text string
	box  any
}

func (b *boxed) of(text string) any {
	if b.box == nil || b.text != text {
		b.text, b.box = text, text
	}
	return b.box
}
