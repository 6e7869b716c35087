// Package confluent has transforms that Confluent publishes under io.confluent.connect.transforms, after
// their public documentation: unlike the other families, they were not recorded from the Java classes.
// What the documentation leaves open is said at the transform.
//
// TimestampRouter of this family is Kafka's: package transforms has it under both names. The SMT
// ExtractTimestamp of Confluent Cloud goes by the class of another author, whose name it has here
// too; TopicRegexRouter has the name that Cloud gives it.
package confluent

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/smt"
	"github.com/troupe-connect/troupe/smt/transforms/internal/kit"
)

var family = kit.Family{Package: "io.confluent.connect.transforms.", Version: "1.6"}

// Plugins are all transforms of the package.
func Plugins() []smt.Plugin {
	var all []smt.Plugin
	all = append(all, family.Both("Drop", dropConfig(), func(s smt.Side) smt.Transform { return &drop{side: s} })...)
	for _, p := range family.Both("ExtractTimestamp", extractTimestampConfig(), func(s smt.Side) smt.Transform { return &extractTimestamp{side: s} }) {
		_, variant, _ := strings.Cut(p.Class, "$")
		p.Aliases = []string{"com.github.jcustenborder.kafka.connect.transform.common.ExtractTimestamp$" + variant}
		all = append(all, p)
	}
	all = append(all, family.Both("ExtractTopic", extractTopicConfig(),
		func(s smt.Side) smt.Transform {
			return &extractTopic{side: s}
		})...)
	all = append(all, family.One("ExtractTopic$Header", extractTopicConfig(), func() smt.Transform { return &topicFromHeader{} }))
	all = append(all, family.Both("Filter", filterConfig(), func(s smt.Side) smt.Transform { return &filter{side: s} })...)
	all = append(all, family.Both("GzipDecompress", config.NewDef(), func(s smt.Side) smt.Transform { return &gzipDecompress{side: s} })...)
	all = append(all, family.One("MessageTimestampRouter", messageTimestampConfig(), func() smt.Transform { return &messageTimestampRouter{} }))
	all = append(all, family.One("TombstoneHandler", tombstoneConfig(), func() smt.Transform { return &tombstoneHandler{} }))
	router := family.One("TopicRegexRouter", topicRegexConfig(), func() smt.Transform { return &topicRegexRouter{} })
	router.Aliases = []string{"io.confluent.connect.cloud.transforms.TopicRegexRouter"}
	return append(all, router)
}

// required is a setting without a default.
func required(name string, t config.Type, v config.Validator, doc string) config.Key {
	return kit.Required(kit.Key(name, t, config.High, doc), v)
}

// optional is a setting with a default.
func optional(name string, t config.Type, def any, v config.Validator, doc string) config.Key {
	return kit.Optional(kit.Key(name, t, config.Medium, doc), def, v)
}

// object is a struct or map, which is what transforms that look for fields take.
func object(value any) bool {
	switch v := value.(type) {
	case *data.Struct:
		return v != nil
	case *data.Map:
		return v != nil
	}
	return false
}

// member is a field of a struct, its default where it is null, or an entry of a map; nil if there is
// none.
func member(value any, name string) any {
	var v any
	switch of := value.(type) {
	case *data.Struct:
		v, _ = of.Get(name)
	case *data.Map:
		v, _ = of.GetString(name)
	}
	return v
}
