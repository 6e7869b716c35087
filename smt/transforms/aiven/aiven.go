// Package aiven has the transforms that Aiven publishes for Apache Kafka Connect, as of 1.7.0, under
// their Java class names.
//
// What they do was recorded from the Java classes (testdata/vectors/transforms-aiven.jsonl.gz). Where
// those change a value in place, the record gets a changed copy here.
package aiven

import (
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

var family = kit.Family{Package: "io.aiven.kafka.connect.transforms.", Version: "1.7.0"}

// Plugins are all transforms of the package.
func Plugins() []smt.Plugin {
	var all []smt.Plugin
	both := func(name string, def *config.Def, make func(smt.Side) smt.Transform) {
		all = append(all, family.Both(name, def, make)...)
	}
	one := func(name string, def *config.Def, make func() smt.Transform) {
		all = append(all, family.One(name, def, make))
	}
	both("CaseTransform", caseTransformConfig(), func(s smt.Side) smt.Transform { return &caseTransform{side: s} })
	both("ConcatFields", concatFieldsConfig(), func(s smt.Side) smt.Transform { return &concatFields{side: s} })
	both("ExtractTimestamp", extractTimestampConfig(), func(s smt.Side) smt.Transform { return &extractTimestamp{side: s} })
	both("ExtractTopic", extractTopicConfig(), func(s smt.Side) smt.Transform { return &extractTopic{side: s} })
	one("ExtractTopicFromSchemaName$Value", schemaNameConfig(), func() smt.Transform { return &topicFromSchemaName{} })
	both("FilterByFieldValue", filterConfig(), func(s smt.Side) smt.Transform { return &filterByValue{side: s} })
	both("Hash", hashConfig(), func(s smt.Side) smt.Transform { return &hash{side: s} })
	one("KeyToValue", keyToValueConfig(), func() smt.Transform { return &keyToValue{} })
	one("MakeTombstone", config.NewDef(), func() smt.Transform { return makeTombstone{} })
	one("TombstoneHandler", tombstoneConfig(), func() smt.Transform { return &tombstoneHandler{} })
	return all
}

// place is what messages call a side.
func place(s smt.Side) string {
	if s == smt.Key {
		return "key"
	}
	return "value"
}

// wrong is a data error that ends with the record, of which the topic is enough to find it.
func wrong(r *data.Record, format string, args ...any) error {
	return errs.Data.New(format+": record of topic %q", append(args, r.Topic)...)
}

// stored is the value of a field, its default where it is null.
func stored(s *data.Struct, i int) any {
	v := s.At(i)
	if v == nil {
		v = s.Schema().Fields()[i].Schema.Default()
	}
	return v
}

// required is a setting without a default.
func required(name string, t config.Type, importance config.Importance, v config.Validator,
	doc string,
) config.Key {
	return kit.Required(kit.Key(name, t, importance, doc), v)
}

// optional is a setting with a default, null for none.
func optional(name string, t config.Type, importance config.Importance, def any,
	doc string,
) config.Key {
	return kit.Optional(kit.Key(name, t, importance, doc), def, nil)
}

// notCast is what Java says of a value of another class.
func notCast(value any, to string) error {
	return errs.IllegalArgument.New("class %s cannot be cast to class %s", data.JavaClass(value),
		to)
}
