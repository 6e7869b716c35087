package plugin

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/connectors/errs"
)

type fake struct {
	Descriptor
	kinds []Kind
}

func (f fake) Describe() Descriptor { return f.Descriptor }
func (f fake) Kind() Kind           { return f.kinds[0] }
func (f fake) Kinds() []Kind        { return f.kinds }

func plug(class, version string, kinds ...Kind) fake {
	return fake{Descriptor{Class: class, Version: version}, kinds}
}

func some(t *testing.T) *Registry {
	t.Helper()
	alias := plug("io.troupe.S3Sink", "1", Sink)
	alias.Aliases = []string{"Bucket", "S3Sink"}
	r, err := NewRegistry(
		plug("org.apache.kafka.connect.file.FileStreamSourceConnector", "4.1.1", Source),
		plug("org.apache.kafka.connect.file.FileStreamSinkConnector", "4.1.1", Sink),
		plug("a.SameConnector", "1", Source),
		plug("b.SameConnector", "1", Sink),
		plug("c.Other", "1.0", Source),
		plug("c.Other", "1.10", Source),
		plug("c.Other", "1.9", Source),
		alias,
		plug("org.apache.kafka.connect.json.JsonConverter", "4.1.1", Converter, HeaderConverter),
		plug("org.apache.kafka.connect.storage.SimpleHeaderConverter", "4.1.1", HeaderConverter),
		plug("org.apache.kafka.connect.transforms.InsertField$Key", "4.1.1", Transformation),
		plug("org.apache.kafka.connect.transforms.InsertField$Value", "4.1.1", Transformation),
		plug("org.apache.kafka.connect.transforms.HoistField$Value", "4.1.1", Transformation),
		plug("org.apache.kafka.connect.transforms.Filter", "4.1.1", Transformation),
		plug("org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy", "4.1.1", OverridePolicy),
		plug("org.apache.kafka.common.config.provider.FileConfigProvider", "4.1.1", ConfigProvider),
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFind(t *testing.T) {
	r := some(t)
	for _, tt := range []struct {
		kind        Kind
		name, class string
	}{
		{Source, "org.apache.kafka.connect.file.FileStreamSourceConnector", "org.apache.kafka.connect.file.FileStreamSourceConnector"},
		{Source, "FileStreamSourceConnector", "org.apache.kafka.connect.file.FileStreamSourceConnector"},
		{Source, "FileStreamSource", "org.apache.kafka.connect.file.FileStreamSourceConnector"},
		{Source, "FileStreamSink", ""},
		{Source, "Same", "a.SameConnector"},
		{Sink, "Same", "b.SameConnector"},
		{Sink, "Bucket", "io.troupe.S3Sink"},
		{Converter, "Json", "org.apache.kafka.connect.json.JsonConverter"},
		{HeaderConverter, "JsonConverter", "org.apache.kafka.connect.json.JsonConverter"},
		{HeaderConverter, "Json", ""},
		{HeaderConverter, "Simple", "org.apache.kafka.connect.storage.SimpleHeaderConverter"},
		{Transformation, "org.apache.kafka.connect.transforms.InsertField$Value", "org.apache.kafka.connect.transforms.InsertField$Value"},
		{Transformation, "InsertField$Value", ""}, // Java's simple name of it is Value
		{Transformation, "Key", "org.apache.kafka.connect.transforms.InsertField$Key"},
		{Transformation, "Filter", "org.apache.kafka.connect.transforms.Filter"},
		{Predicate, "Filter", ""},
		{OverridePolicy, "All", "org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy"},
		{ConfigProvider, "File", "org.apache.kafka.common.config.provider.FileConfigProvider"},
		{Source, "", ""},
	} {
		p, err := r.Find(tt.kind, tt.name)
		if tt.class == "" {
			if !errors.Is(err, errs.Connect) {
				t.Errorf("%s %q: %v, %v; want an error", tt.kind, tt.name, p, err)
			}
			continue
		}
		if err != nil || p.Describe().Class != tt.class {
			t.Errorf("%s %q: %v, %v; want %s", tt.kind, tt.name, p, err, tt.class)
		}
	}
}

func TestFindErrors(t *testing.T) {
	r := some(t)
	_, err := r.FindConnector("NoSuch")
	const before = "Failed to find any class that implements Connector and which name matches NoSuch, available connectors are: PluginDesc{"
	if err == nil || !strings.HasPrefix(err.Error(), before) || !strings.HasSuffix(err.Error(), "}") {
		t.Errorf("got %v", err)
	}
	for _, part := range []string{
		"PluginDesc{klass=class a.SameConnector, name='a.SameConnector', version='1', encodedVersion=1, type=source, typeName='source', location='classpath'}, ",
		"name='org.apache.kafka.connect.file.FileStreamSinkConnector'",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v lacks %s", err, part)
		}
	}
	if strings.Contains(err.Error(), "JsonConverter") {
		t.Errorf("a converter among the connectors: %v", err)
	}
	_, err = r.FindConnector("Same")
	if err == nil || err.Error() != "More than one connector matches alias Same. Please use full package and class name instead. Classes found: a.SameConnector, b.SameConnector" {
		t.Errorf("got %v", err)
	}
	_, err = r.Find(Transformation, "Value")
	if err == nil || !strings.HasPrefix(err.Error(), "More than one transformation matches alias Value") {
		t.Errorf("got %v", err)
	}
	p, err := r.FindConnector("FileStreamSink")
	if err != nil || p.Kind() != Sink {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestFindVersion(t *testing.T) {
	r := some(t)
	for version, want := range map[string]string{
		"": "1.10", "latest": "1.10", "1.9": "1.9", "[1.0,1.9]": "1.9", "(,1.9)": "1.0",
	} {
		p, err := r.FindConnectorVersion("c.Other", version)
		if err != nil || p.Describe().Version != want {
			t.Errorf("%q: %v, %v; want %s", version, p, err, want)
		}
	}
	for _, tt := range []struct{ name, version, want string }{
		{"c.Other", "2", "Plugin c.Other not found that matches the version range [2,2], available versions: [1.0, 1.9, 1.10]"},
		{"FileStreamSource", "5", "Plugin FileStreamSource has version 4.1.1 which does not match the required version range [5,5]"},
		{"FileStreamSource", "[5", "Unbounded range: [5"},
	} {
		if _, err := r.FindConnectorVersion(tt.name, tt.version); err == nil || err.Error() != tt.want {
			t.Errorf("%s %s: %v, want %s", tt.name, tt.version, err, tt.want)
		}
	}
	if got := strings.Join(r.Versions(Source, "Other"), " "); got != "1.0 1.9 1.10" {
		t.Errorf("versions %s", got)
	}
	if got := r.Versions(Source, "NoSuch"); got != nil {
		t.Errorf("versions of nothing: %v", got)
	}
}

func TestClass(t *testing.T) {
	r := some(t)
	for name, want := range map[string]string{
		"JsonConverter": "org.apache.kafka.connect.json.JsonConverter",
		"org.apache.kafka.connect.transforms.HoistField$Value": "org.apache.kafka.connect.transforms.HoistField$Value",
		"HoistField$Value": "", "HoistField": "", "SameConnector": "", "": "",
	} {
		if got, ok := r.Class(name); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", name, got, ok, want)
		}
	}
}

func TestAll(t *testing.T) {
	r := some(t)
	var got []string
	for _, l := range r.All(Converter, HeaderConverter, ConfigProvider) {
		got = append(got, l.Desc.Class[strings.LastIndex(l.Desc.Class, ".")+1:]+" "+string(l.As))
	}
	want := "FileConfigProvider configprovider, JsonConverter converter, JsonConverter header_converter, SimpleHeaderConverter header_converter"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	if n := len(r.All()); n != 17 {
		t.Errorf("%d in all, want 17", n)
	}
}

func TestNewRegistryErrors(t *testing.T) {
	claims := func(class string, kind Kind, alias string) fake {
		p := plug(class, "1", kind)
		p.Aliases = []string{alias}
		return p
	}
	for _, tt := range []struct {
		name, want string
		plugins    []Plugin
	}{
		{"twice", "is there twice", []Plugin{plug("a.A", "1.0", Source), plug("a.A", "1", Source)}},
		{"alias", `claim the alias "x"`, []Plugin{claims("a.A", Source, "x"), claims("a.B", Source, "x")}},
		{"kind", "doesn't exist", []Plugin{plug("a.A", "1", "fish")}},
		{"class", "names no class", []Plugin{plug("", "1", Source)}},
	} {
		if _, err := NewRegistry(tt.plugins...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	// An alias claimed in two kinds, and one that goes before a derived name.
	r, err := NewRegistry(claims("a.A", Source, "x"), claims("a.B", Sink, "x"), claims("a.C", Source, "D"), plug("a.D", "1", Source))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := r.Find(Source, "D"); err != nil || p.Describe().Class != "a.C" {
		t.Errorf("claimed alias: %v, %v", p, err)
	}
	if _, err := r.FindConnector("x"); err == nil {
		t.Error("an alias of two connectors is found")
	}
}
