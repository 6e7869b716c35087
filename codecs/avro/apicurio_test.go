package avro

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs"
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
		"apicurio.registry.use-id":                     "globalId",
		"apicurio.registry.avro.encoding":              "JSON",
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

// With ids in headers the payload is the value alone, and reading finds the id wherever it is.
func TestApicurioHeaders(t *testing.T) {
	fake := registrytest.NewFake()
	converter := func(enabled string, isKey bool, more ...string) codecs.HeaderAware {
		t.Helper()
		props := map[string]string{"apicurio.registry.url": "http://a/apis/registry/v3", "apicurio.registry.auto-register": "true"}
		if enabled != "" {
			props["apicurio.registry.headers.enabled"] = enabled
		}
		for i := 0; i < len(more); i += 2 {
			props[more[i]] = more[i+1]
		}
		c := ApicurioPlugin(fake).New()
		if err := c.Configure(props, isKey); err != nil {
			t.Fatal(err)
		}
		return c.(codecs.HeaderAware)
	}
	for _, tt := range []struct {
		isKey   bool
		more    []string
		id, enc string
	}{
		{false, nil, "apicurio.value.contentId", "apicurio.value.encoding"},
		{true, nil, "apicurio.key.contentId", "apicurio.key.encoding"},
		{false, []string{"apicurio.registry.headers.value.contentId.name", "cid"}, "cid", "apicurio.value.encoding"},
	} {
		h := headers{}
		b, err := converter("true", tt.isKey, tt.more...).FromConnectWithHeaders(h, "t", data.StringSchema, "hi")
		if err != nil || string(b) != "\x04hi" {
			t.Fatalf("%s: %x, %v", tt.id, b, err)
		}
		id, _ := h.Last(tt.id)
		encoding, _ := h.Last(tt.enc)
		if len(id) != 8 || id[7] == 0 || string(id[:7]) != strings.Repeat("\x00", 7) || string(encoding) != "BINARY" || len(h) != 2 {
			t.Errorf("headers %v", h)
		}
		for _, enabled := range []string{"true", ""} {
			v, err := converter(enabled, tt.isKey, tt.more...).ToConnectWithHeaders(h, "t", b)
			if err != nil || v.Value != "hi" || v.Schema.Type() != data.String {
				t.Errorf("%s enabled=%q: %v, %v", tt.id, enabled, v.Value, err)
			}
		}
		if v, err := converter("false", tt.isKey).ToConnectWithHeaders(h, "t", b); err == nil {
			t.Errorf("%s enabled=false reads %v", tt.id, v.Value)
		}
	}
	// Without headers, and from one who writes none, the id stands before the value.
	plain, err := converter("true", false).FromConnect("t", data.StringSchema, "hi")
	if err != nil || len(plain) != 8 || plain[0] != 0 {
		t.Fatalf("without headers: %x, %v", plain, err)
	}
	for _, enabled := range []string{"true", "", "false"} {
		if v, err := converter(enabled, false).ToConnectWithHeaders(headers{}, "t", plain); err != nil || v.Value != "hi" {
			t.Errorf("enabled=%q reads %v, %v", enabled, v.Value, err)
		}
		if v, err := converter(enabled, false).ToConnectWithHeaders(headers{}, "t", nil); err != nil || v.Value != nil {
			t.Errorf("enabled=%q reads null as %v, %v", enabled, v.Value, err)
		}
	}
	for name, set := range map[string][2]string{
		"only content ids":     {"apicurio.value.globalId", "\x00\x00\x00\x00\x00\x00\x00\x01"},
		"holds no content id":  {"apicurio.value.contentId", "\x00\x00\x00\x01"},
		"holds no content id:": {"apicurio.value.contentId", "\xff\x00\x00\x00\x00\x00\x00\x01"},
	} {
		h := headers{}
		h.Put(set[0], []byte(set[1]))
		if _, err := converter("true", false).ToConnectWithHeaders(h, "t", []byte("\x04hi")); !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q=%x: %v", set[0], set[1], err)
		}
	}
	h := headers{}
	h.Put("apicurio.value.contentId", []byte("\x00\x00\x00\x00\x00\x00\x00\x01"))
	h.Put("apicurio.value.encoding", []byte("JSON"))
	if _, err := converter("true", false).ToConnectWithHeaders(h, "t", []byte("\x04hi")); !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), `"JSON"`) {
		t.Errorf("another encoding: %v", err)
	}
}
