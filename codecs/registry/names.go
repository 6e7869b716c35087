package registry

import (
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// The classes that settings name.
const (
	subjectPackage = "io.confluent.kafka.serializers.subject."
	// TopicNames is the default: <topic>-key and <topic>-value.
	TopicNames = subjectPackage + "TopicNameStrategy"
	// RecordNames is the full name of the record, without the topic.
	RecordNames = subjectPackage + "RecordNameStrategy"
	// TopicRecordNames is <topic>-<full name of the record>.
	TopicRecordNames = subjectPackage + "TopicRecordNameStrategy"

	nullContextNames = "io.confluent.kafka.serializers.context.NullContextNameStrategy"

	idPackage          = "io.confluent.kafka.serializers.schema.id."
	prefixSerializer   = idPackage + "PrefixSchemaIdSerializer"
	headerSerializer   = idPackage + "HeaderSchemaIdSerializer"
	dualDeserializer   = idPackage + "DualSchemaIdDeserializer"
	prefixDeserializer = idPackage + "PrefixSchemaIdDeserializer"

	// ReferenceDefault names the subject of an imported Protobuf file by its path.
	ReferenceDefault = subjectPackage + "DefaultReferenceSubjectNameStrategy"
	// ReferenceQualified writes dots for slashes and leaves out .proto.
	ReferenceQualified = subjectPackage + "QualifiedReferenceSubjectNameStrategy"
)

var classes = map[string]bool{
	TopicNames: true, RecordNames: true, TopicRecordNames: true, nullContextNames: true,
	prefixSerializer: true, headerSerializer: true, dualDeserializer: true, prefixDeserializer: true,
	ReferenceDefault: true, ReferenceQualified: true,
}

// findClass resolves the names of classes in settings.
func findClass(name string) (string, bool) { return name, classes[name] }

// byRecord reports whether subjects are named by the record.
func byRecord(strategy string) bool {
	return strategy == RecordNames ||
		strategy == TopicRecordNames
}

// subject is the subject of a topic's values; record is the full name of the format's schema, ""
// for one without.
func (s *Session) subject(topic, record string) (string, error) {
	side := "value"
	if s.isKey {
		side = "key"
	}
	switch strategy := s.strategy; {
	case !byRecord(strategy):
		return topic + "-" + side, nil
	case record == "":
		return "", errs.Serialization.New("In configuration %s.subject.name.strategy = %s, the message %s must only be a record schema",
			side, strategy, side)
	case strategy == TopicRecordNames:
		return topic + "-" + record, nil
	}
	return record, nil
}

// ReferenceSubject is the subject under which an imported Protobuf file is looked for.
func ReferenceSubject(strategy, path string) string {
	if strategy == ReferenceQualified {
		return strings.ReplaceAll(strings.TrimSuffix(path, ".proto"), "/", ".")
	}
	return path
}
