package codecs

import "strings"

// others are makers' converters that connectors of production clusters name and that are not built
// in: how their classes begin, and why.
var others = []struct{ prefix, why string }{
	{
		"io.apicurio.registry.utils.converter.ExtJsonConverter",
		"it refers to schemas of a type of its own, which only Apicurio's own API keeps. " +
			"io.confluent.connect.json.JsonSchemaConverter and org.apache.kafka.connect.json.JsonConverter are built in",
	},
	{
		"com.amazonaws.services.schemaregistry.kafkaconnect.",
		"AWS Glue's wire format and API are not covered. io.confluent.connect.avro.AvroConverter is built in, for registries with Confluent's API",
	},
}

// NotBuiltIn says of a known converter that isn't built in, why, and what to take in its place; "" of
// any other class.
func NotBuiltIn(class string) string {
	for _, o := range others {
		if strings.HasPrefix(class, o.prefix) {
			return "It is not built in: " + o.why
		}
	}
	return ""
}
