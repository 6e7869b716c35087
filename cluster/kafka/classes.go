package kafka

import (
	"maps"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

const (
	roundRobin   = "org.apache.kafka.clients.producer.RoundRobinPartitioner"
	serializers  = "org.apache.kafka.common.serialization."
	serializer   = serializers + "ByteArraySerializer"
	deserializer = serializers + "ByteArrayDeserializer"
)

// classSettings are the settings that name a class which takes part in how records are written and read, with
// the one class that each may name; the rest of Java's classes can't be loaded. Keys and values are bytes
// when clients get them: the converters make them.
var classSettings = map[Client]map[string]string{
	ProducerClient: {"partitioner.class": roundRobin, "key.serializer": serializer, "value.serializer": serializer},
	ConsumerClient: {"key.deserializer": deserializer, "value.deserializer": deserializer},
}

// checkClass refuses other classes: those that no Java client would find in its words, at the creation of a
// connector too. Others would fail there with its first record, or as its producer is made.
func checkClass(kind Client, key, class string) error {
	only, ok := classSettings[kind][key]
	class = strings.TrimSpace(class)
	switch {
	case !ok, class == "", class == only:
		return nil
	case strings.HasPrefix(class, serializers):
		return errs.Config.New("Invalid value %s for configuration %s: converters make keys and values bytes, which only %s takes", class, key, only)
	case key == "partitioner.class":
		return errs.Config.New("Invalid value %s for configuration %s: Class %s could not be found. Leave it unset or use %s", class, key, class, only)
	}
	return errs.Config.New("Invalid value %s for configuration %s: Class %s could not be found.", class, key, class)
}

// readClasses reads the settings that name classes.
func readClasses(r *security.Reader, kind Client) {
	for _, key := range slices.Sorted(maps.Keys(classSettings[kind])) {
		if err := checkClass(kind, key, r.Str(key, "")); err != nil {
			r.FailWhole(err)
		}
	}
}
