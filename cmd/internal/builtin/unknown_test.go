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
