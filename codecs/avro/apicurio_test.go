package avro

import (
	"errors"
	"testing"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func TestApicurioSettings(t *testing.T) {
	got, err := apicurioProps(map[string]string{
		"apicurio.registry.url": "http://a:8080/apis/registry/v3/, http://b/apis/registry/v2", "apicurio.registry.auto-register": "true",
		"apicurio.registry.find-latest": "true", "apicurio.registry.auth.username": "u", "apicurio.registry.auth.password": "p",
		"apicurio.registry.artifact-resolver-strategy": "io.apicurio.registry.serde.avro.strategy.TopicRecordIdStrategy",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"schema.registry.url":   "http://a:8080/apis/ccompat/v7,http://b/apis/ccompat/v7",
		"auto.register.schemas": "true", "use.latest.version": "true",
		"basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": "u:p",
		"value.subject.name.strategy": registry.TopicRecordNames,
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for name, value := range map[string]string{
		"apicurio.registry.headers.enabled":            "true",
		"apicurio.registry.id-handler":                 "io.apicurio.registry.serde.DefaultIdHandler",
		"apicurio.registry.artifact-resolver-strategy": "io.apicurio.registry.serde.strategy.SimpleTopicIdStrategy",
	} {
		if _, err := apicurioProps(map[string]string{"apicurio.registry.url": "http://a", name: value}); !errors.Is(err, errs.Config) {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
	if _, err := apicurioProps(nil); !errors.Is(err, errs.Config) {
		t.Errorf("no URL: %v", err)
	}
}

// As by default there, a schema that the registry doesn't have is not registered.
func TestApicurioDoesNotRegister(t *testing.T) {
	fake := registrytest.NewFake()
	c := ApicurioPlugin(fake).New()
	if err := c.Configure(map[string]string{"apicurio.registry.url": "http://a/apis/registry/v3"}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := c.FromConnect("t", data.Int32Schema, int32(1)); !errors.Is(err, errs.Data) {
		t.Errorf("an unknown schema: %v", err)
	}
	fake.Put(registry.Registered{Subject: "t-value", Version: 1, ID: 5, Schema: registry.Schema{Format: registry.Avro, Text: `"int"`}})
	b, err := c.FromConnect("t", data.Int32Schema, int32(1))
	if err != nil || string(b) != "\x00\x00\x00\x00\x05\x02" {
		t.Errorf("a known one: %x, %v", b, err)
	}
}
