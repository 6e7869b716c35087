//go:build integration

package schemas_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/cmd/internal/schemas"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/avro"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/data"
)

// other is confluent-kafka's Python client at one registry.
type other struct {
	python, script, url string
}

type exchanged struct {
	Name  string   `json:"name"`
	Topic string   `json:"topic"`
	Wire  []string `json:"wire"`
}

func (o other) run(t *testing.T, in string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), o.python, append([]string{"-W", "ignore", o.script, o.url}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, said.String())
	}
	return out.String()
}

func (o other) lines(t *testing.T, args ...string) (all []exchanged) {
	t.Helper()
	for line := range strings.Lines(o.run(t, "", args...)) {
		var e exchanged
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func converter(t *testing.T, url string, props map[string]string) codecs.Converter {
	t.Helper()
	all := map[string]string{"schema.registry.url": url}
	maps.Copy(all, props)
	c := avro.Plugin(registry.NewPool()).New()
	if err := c.Configure(all, false); err != nil {
		t.Fatal(err)
	}
	return c
}

func raw(t *testing.T, wire string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(wire)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What confluent-kafka's serializers write, our converter reads, and the other way round, at a registry
// of another maker and at the embedded one.
func TestAvroWithConfluentsPythonClient(t *testing.T) {
	python := service.Python(t, "confluent-kafka-avro-2.16.1", "confluent-kafka==2.16.1", "fastavro==1.13.1", "httpx", "authlib", "cachetools", "attrs", "orjson")
	script := filepath.Join(service.Root(t), "testdata", "codecs", "confluent_avro.py")
	own, err := schemas.Start(t.Context(), schemas.Config{Address: "127.0.0.1:0", Formats: builtin.SchemaFormats(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	for name, url := range map[string]string{"embedded": own.URL(), "apicurio": service.StartSchemaRegistry(t)} {
		o := other{python, script, url}
		t.Run(name+"/both ways", func(t *testing.T) { bothWays(t, o) })
		t.Run(name+"/evolution", func(t *testing.T) { evolution(t, o) })
	}
}

func bothWays(t *testing.T, o other) {
	c := converter(t, o.url, nil)
	read := 0
	var back strings.Builder
	for _, e := range o.lines(t, "write") {
		ours := exchanged{Name: e.Name, Topic: "go-" + e.Name}
		for _, wire := range e.Wire {
			sv, err := c.ToConnect(e.Topic, raw(t, wire))
			if err != nil {
				t.Fatalf("%s: %v", e.Name, err)
			}
			t.Logf("%s: %s", e.Name, data.Text(sv.Value))
			b, err := c.FromConnect(ours.Topic, sv.Schema, sv.Value)
			if err != nil {
				t.Fatalf("%s: %v", e.Name, err)
			}
			ours.Wire = append(ours.Wire, base64.StdEncoding.EncodeToString(b))
			read++
		}
		line, err := json.Marshal(ours)
		if err != nil {
			t.Fatal(err)
		}
		back.Write(append(line, '\n'))
	}
	if got := strings.TrimSpace(o.run(t, back.String(), "read")); got != "19" || read != 19 {
		t.Errorf("%d values read here, %s read back there, want 19", read, got)
	}
}

// Old and new values read as the latest schema has them, and as they were written.
func evolution(t *testing.T, o other) {
	e := o.lines(t, "evolve")[0]
	for _, tt := range []struct {
		props map[string]string
		want  []string
	}{
		{nil, []string{"Struct{id=1,gone=x}", "Struct{id=2,gone=x}", "Struct{id=3,new=y}"}},
		{map[string]string{"use.latest.version": "true"}, []string{"Struct{id=1,new=n}", "Struct{id=2,new=n}", "Struct{id=3,new=y}"}},
	} {
		c := converter(t, o.url, tt.props)
		for i, wire := range e.Wire {
			sv, err := c.ToConnect(e.Topic, raw(t, wire))
			if err != nil {
				t.Fatal(err)
			}
			if got := data.Text(sv.Value); got != tt.want[i] {
				t.Errorf("%v: value %d is %s, want %s", tt.props, i, got, tt.want[i])
			}
		}
	}
}
