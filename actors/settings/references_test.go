package settings_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// secretsOf resolves ${x:KEY} with the values given.
func secretsOf(values map[string]string) settings.Resolve {
	return func(_ context.Context, props map[string]string) (map[string]string, error) {
		out := map[string]string{}
		for k, text := range props {
			for name, value := range values {
				text = strings.ReplaceAll(text, "${x:"+name+"}", value)
			}
			out[k] = text
		}
		return out, nil
	}
}

// TestReferencesAreShown: what a config provider put into a setting is not in the answer of a
// validation, whatever is said of it.
func TestReferencesAreShown(t *testing.T) {
	w, _ := load(t, settings.Distributed, distributed())
	text := func(s string) *string { return &s }
	infos, err := settings.Validate(t.Context(), settings.Deps{
		Registry: registry(t), Worker: &w, Resolve: secretsOf(map[string]string{"hush": "s3cret-1", "n": "77x", "class": "s3cret.Transform"}),
	}, map[string]*string{
		"connector.class": text("FileStreamSource"), "name": text("c"), "topic": text("t"),
		"file": text("${x:hush}"), "tasks.max": text("${x:n}"), "batch.size": text("pre-${x:hush}-post"),
		"transforms": text("a"), "transforms.a.type": text("${x:class}"), "key.converter": text("no.${x:hush}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, c := range infos.Configs {
		if c.Value.Value != nil {
			shown[c.Value.Name] = *c.Value.Value
		}
		all := fmt.Sprint(shown[c.Value.Name], c.Value.Errors)
		if strings.Contains(all, "s3cret") || strings.Contains(all, "77x") {
			t.Errorf("%s: %s", c.Value.Name, all)
		}
		if c.Value.Name == "tasks.max" && (len(c.Value.Errors) == 0 || !strings.Contains(c.Value.Errors[0], "Invalid value ${x:n} for configuration tasks.max")) {
			t.Errorf("tasks.max: %q", c.Value.Errors)
		}
	}
	if shown["file"] != "${x:hush}" || shown["topic"] != "t" {
		t.Errorf("values %v", shown)
	}
	if refused := settings.Refusal(infos); refused == nil || strings.Contains(refused.Error(), "s3cret") || !strings.Contains(refused.Error(), "${x:") {
		t.Errorf("400: %v", refused)
	}
	_, err = settings.Validate(t.Context(), settings.Deps{Registry: registry(t), Worker: &w, Resolve: secretsOf(map[string]string{"hush": "s3cret-1"})},
		map[string]*string{"connector.class": text("no.${x:hush}"), "name": text("c")})
	if !errors.Is(err, errs.BadRequest) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("unknown class: %v", err)
	}
}

func TestReferencesHide(t *testing.T) {
	written := map[string]string{"url": "jdbc:db?password=${x:p}&a=1", "short": "${x:s}", "same": "plain", "long": "${x:l}"}
	r := settings.NewReferences(written, map[string]string{"url": "jdbc:db?password=hunter22&a=1", "short": "7", "same": "plain", "long": "hunter22-and-more"})
	for text, want := range map[string]string{
		"connect to jdbc:db?password=hunter22&a=1 failed": "connect to jdbc:db?password=${x:p}&a=1 failed",
		"password hunter22 refused":                       "password ${x:p} refused",
		"hunter22-and-more":                               "${x:l}",
		"Invalid value 7 for configuration short: bad":    "Invalid value ${x:s} for configuration short: bad",
		"partition 7 of plain":                            "partition 7 of plain",
	} {
		if got := r.Hide(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	both := settings.References{}.And(r)
	if err := both.HideError(errs.Config.New("at hunter22")); !errors.Is(err, errs.Config) || err.Error() != "at ${x:p}" {
		t.Error(err)
	}
	plain := errors.New("hunter22")
	if err := (settings.References{}).HideError(plain); err != plain { //nolint:errorlint // the very same
		t.Error(err)
	}
}

// TestClassesOfClients: a class that isn't there is refused when the connector is made, in the JVM's
// words, and not when its task starts.
func TestClassesOfClients(t *testing.T) {
	w, _ := load(t, settings.Distributed, distributed())
	for _, tt := range []struct{ key, class, want string }{
		{"producer.override.key.serializer", "x", "Invalid value x for configuration key.serializer: Class x could not be found."},
		{"producer.override.partitioner.class", "y.Z", "Invalid value y.Z for configuration partitioner.class: Class y.Z could not be found."},
		{"producer.override.partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner", ""},
		{"consumer.override.key.deserializer", "x", ""}, // a source has no consumer
	} {
		name, class := "c", "FileStreamSource"
		_, err := settings.Validate(t.Context(), settings.Deps{Registry: registry(t), Worker: &w}, map[string]*string{
			"name": &name, "connector.class": &class, "topic": &name, tt.key: &tt.class,
		})
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, errs.Config) || err.Error() != tt.want) {
			t.Errorf("%s=%s: %v", tt.key, tt.class, err)
		}
	}
}
