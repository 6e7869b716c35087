// Package transforms has the single message transforms of Kafka Connect 4.1, a file each, under
// their Java class names.
//
// Each transform belongs to one task and one goroutine. It works out what to do for a schema once
// and keeps that in a smt.SchemaCache; what is left per record is copying values.
package transforms

import (
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

// kafka is the family of Kafka Connect's own transforms.
var kafka = kit.Family{Package: "org.apache.kafka.connect.transforms.", Version: "4.1.1"}

// Plugins are all transforms.
func Plugins() []smt.Plugin {
	var all []smt.Plugin
	all = append(all, kafka.Both("Cast", castConfig(), func(s smt.Side) smt.Transform { return &cast{side: s} })...)
	all = append(all, kafka.One("DropHeaders", dropHeadersConfig(), func() smt.Transform { return &dropHeaders{} }))
	all = append(all, kafka.Both("ExtractField", extractFieldConfig(), func(s smt.Side) smt.Transform { return &extractField{side: s} })...)
	all = append(all, kafka.One("Filter", config.NewDef(), func() smt.Transform { return filter{} }))
	all = append(all, kafka.Both("Flatten", flattenConfig(), func(s smt.Side) smt.Transform { return &flatten{side: s} })...)
	all = append(all, kafka.Both("HeaderFrom", headerFromConfig(), func(s smt.Side) smt.Transform { return &headerFrom{side: s} })...)
	all = append(all, kafka.Both("HoistField", hoistFieldConfig(), func(s smt.Side) smt.Transform { return &hoistField{side: s} })...)
	all = append(all, kafka.Both("InsertField", insertFieldConfig(), func(s smt.Side) smt.Transform { return &insertField{side: s} })...)
	all = append(all, kafka.One("InsertHeader", insertHeaderConfig(), func() smt.Transform { return &insertHeader{} }))
	all = append(all, kafka.Both("MaskField", maskFieldConfig(), func(s smt.Side) smt.Transform { return &maskField{side: s} })...)
	all = append(all, kafka.One("RegexRouter", regexRouterConfig(), func() smt.Transform { return &regexRouter{} }))
	all = append(all, kafka.Both("ReplaceField", replaceFieldConfig(), func(s smt.Side) smt.Transform { return &replaceField{side: s} })...)
	all = append(all, kafka.Both("SetSchemaMetadata", setSchemaMetadataConfig(), func(s smt.Side) smt.Transform { return &setSchemaMetadata{side: s} })...)
	all = append(all, kafka.Both("TimestampConverter", timestampConverterConfig(), func(s smt.Side) smt.Transform { return &timestampConverter{side: s} })...)
	router := kafka.One("TimestampRouter", timestampRouterConfig(), func() smt.Transform { return &timestampRouter{} })
	// as which Confluent lists it too
	router.Aliases = []string{"io.confluent.connect.transforms.TimestampRouter"}
	all = append(all, router)
	all = append(all, kafka.One("ValueToKey", valueToKeyConfig(), func() smt.Transform { return &valueToKey{} }))
	return all
}

const replaceNullKey = "replace.null.with.default"

func replaceNullConfig() config.Key {
	return kit.Optional(kit.Key(replaceNullKey, config.Boolean, config.Medium,
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

func asMap(value any, purpose string) (*data.Map, error) {
	if m, ok := value.(*data.Map); ok && m != nil {
		return m, nil
	}
	return nil, errs.Data.New("Only Map objects supported in absence of schema for [%s], found: %s",
		purpose, data.JavaClass(value))
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
		return kit.CheckNull(dst, to)
	}
	dst.SetAt(to, v)
	return nil
}

// sameFields reports whether a struct's own schema has the fields that its record's schema says.
func sameFields(s *data.Struct, schema *data.Schema) bool {
	return s.Schema() == schema || data.SchemaEqual(s.Schema(), schema)
}

// hasTimestamp reports whether a record has a timestamp: any but the zero Time. A moment in the
// year 1 is one too if it was made of a number.
func hasTimestamp(r *data.Record) bool { return r.Timestamp != time.Time{} }
