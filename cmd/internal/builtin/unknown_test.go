package builtin_test

import (
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// A class of another maker is said not to be built in, and which makers' classes are; a short name tells
// nothing of its maker, and stays what the JVM says.
func TestUnknownTransform(t *testing.T) {
	reg, err := builtin.Registry()
	if err != nil {
		t.Fatal(err)
	}
	const families = "io.aiven.kafka.connect.transforms.*, io.confluent.connect.transforms.*, " +
		"io.debezium.connector.postgresql.transforms.*, io.debezium.transforms.*, io.debezium.transforms.outbox.*, " +
		"io.debezium.transforms.partitions.*, org.apache.kafka.connect.transforms.*"
	for class, want := range map[string]string{
		"NoSuch": "Invalid value NoSuch for configuration transforms.a.type: Class NoSuch could not be found.",
		"com.acme.Mask$Value": "Invalid value com.acme.Mask$Value for configuration transforms.a.type: Class com.acme.Mask$Value could not be found. " +
			"It is not built in. Built in are the transformations " + families,
	} {
		alias, name := "a", class
		props := map[string]*string{"transforms": &alias, "transforms.a.type": &name}
		def, err := settings.ValidationDef(reg, nil, plugin.Sink, props)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range def.ValidateNullable(props) {
			if v.Name == "transforms.a.type" {
				got = v.Errors
			}
		}
		if len(got) == 0 || got[0] != want {
			t.Errorf("validation of %s says\n%q, want\n%q", class, got, want)
		}
		_, err = smt.Build(reg, []smt.StepConfig{{Alias: "a", Class: class}}, nil)
		if err == nil || strings.Contains(err.Error(), "not built in") != strings.Contains(class, ".") {
			t.Errorf("a task with %s fails with %v", class, err)
		}
	}
}

// Converters of other makers that people have say that they aren't built in, and what is, where a
// connector or a worker names them; any other class is what the JVM says.
func TestUnknownConverter(t *testing.T) {
	reg, err := builtin.Registry()
	if err != nil {
		t.Fatal(err)
	}
	for class, want := range map[string]string{
		"com.acme.Converter": "",
		"io.apicurio.registry.utils.converter.ExtJsonConverter": " It is not built in: it refers to schemas of a type of its own, which only Apicurio's own API keeps. " +
			"io.confluent.connect.json.JsonSchemaConverter and org.apache.kafka.connect.json.JsonConverter are built in",
		"com.amazonaws.services.schemaregistry.kafkaconnect.AWSKafkaAvroConverter": " It is not built in: AWS Glue's wire format and API are not covered. " +
			"io.confluent.connect.avro.AvroConverter is built in, for registries with Confluent's API",
	} {
		props := map[string]*string{"value.converter": &class}
		def, err := settings.ValidationDef(reg, nil, plugin.Sink, props)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range def.ValidateNullable(props) {
			wanted := "Invalid value " + class + " for configuration value.converter: Class " + class + " could not be found." + want
			if v.Name == "value.converter" && (len(v.Errors) != 1 || v.Errors[0] != wanted) {
				t.Errorf("a connector is told\n%q, want\n%q", v.Errors, wanted)
			}
		}
		w, _, err := settings.LoadWorker(t.Context(), settings.Standalone, map[string]string{
			"bootstrap.servers": "b:1", "offset.storage.file.filename": "f", "value.converter": class,
			"key.converter": "org.apache.kafka.connect.storage.StringConverter",
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.CheckPlugins(reg); err == nil || !strings.Contains(err.Error(), class+" could not be found") || !strings.Contains(err.Error(), want) {
			t.Errorf("a worker is told %v, want%s", err, want)
		}
	}
}
