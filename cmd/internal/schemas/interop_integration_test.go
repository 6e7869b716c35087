//go:build integration

package schemas_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/cmd/internal/schemas"
	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/avro"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
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
		for level := range evolutions {
			t.Run(name+"/evolution/"+level, func(t *testing.T) { evolution(t, o, level) })
		}
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

// evolutions are, for each level, what values of an older and of a newer schema are to readers with
// either: two values of the older and one of the newer; "no" for what can't be read.
var evolutions = map[string]struct{ asOld, asNew []string }{
	"BACKWARD": {[]string{"id=1 gone=x", "id=2 gone=x", "no"}, []string{"id=1 new=n", "id=2 new=n", "id=3 new=y"}},
	"FORWARD":  {[]string{"id=1 gone=x", "id=2 gone=x", "id=3 gone=g"}, []string{"no", "no", "id=3 new=y"}},
	"FULL":     {[]string{"id=1 gone=x", "id=2 gone=x", "id=3 gone=g"}, []string{"id=1 new=n", "id=2 new=n", "id=3 new=y"}},
}

// What Python writes while a schema evolves, ours reads with the schema written with, the newer and the
// older; what ours writes likewise, Python reads. Ours is refused what the level doesn't allow.
func evolution(t *testing.T, o other, level string) {
	want := evolutions[level]
	e := o.lines(t, "evolve", level)[0]
	asWritten := converter(t, o.url, nil)
	latest := map[string]string{"use.latest.version": "true"}
	newest := converter(t, o.url, latest)
	ours := exchanged{Name: level, Topic: "go-" + strings.ToLower(level)}
	for i, wire := range e.Wire {
		written := want.asOld
		if i == 2 {
			written = want.asNew
			registrytest.Call(t, http.MethodPut, o.url+"/config/"+ours.Topic+"-value", `{"compatibility":"`+level+`"}`)
		}
		if got := shown(t, asWritten, e.Topic, wire); got != written[i] {
			t.Errorf("value %d as it was written is %s, want %s", i, got, written[i])
		}
		if got := shown(t, newest, e.Topic, wire); got != want.asNew[i] {
			t.Errorf("value %d for a reader with the newer schema is %s, want %s", i, got, want.asNew[i])
		}
		sv, err := asWritten.ToConnect(e.Topic, raw(t, wire))
		if err != nil {
			t.Fatal(err)
		}
		b, err := asWritten.FromConnect(ours.Topic, sv.Schema, sv.Value)
		if err != nil {
			t.Fatal(err)
		}
		ours.Wire = append(ours.Wire, base64.StdEncoding.EncodeToString(b))
	}
	other := data.NewBuilder(data.StructType).Name("V").Field("id", data.BooleanSchema).MustBuild()
	if _, err := asWritten.FromConnect(ours.Topic, other, data.NewStruct(other).With("id", true)); err == nil ||
		!strings.Contains(err.Error(), ours.Topic+"-value") || !strings.Contains(strings.ToLower(err.Error()), "incompatible") {
		t.Errorf("a schema that %s doesn't allow: %v", level, err)
	}
	line, err := json.Marshal(ours)
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	if err := json.Unmarshal([]byte(o.run(t, string(line), "evolved", level)), &read); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(read, slices.Concat(want.asOld, want.asNew)) {
		t.Errorf("Python reads of ours\n%q, want\n%q", read, slices.Concat(want.asOld, want.asNew))
	}
	// Back to the older schema: values of the newer are still there to be read.
	registrytest.Call(t, http.MethodDelete, o.url+"/subjects/"+e.Topic+"-value/versions/2", "")
	oldest := converter(t, o.url, latest)
	for i, wire := range e.Wire {
		if got := shown(t, oldest, e.Topic, wire); got != want.asOld[i] {
			t.Errorf("value %d for a reader with the older schema is %s, want %s", i, got, want.asOld[i])
		}
	}
}

// shown is a value's fields, or "no" for one that the converter can't read with the latest schema.
func shown(t *testing.T, c codecs.Converter, topic, wire string) string {
	t.Helper()
	sv, err := c.ToConnect(topic, raw(t, wire))
	if err != nil {
		t.Logf("not read: %v", err)
		return "no"
	}
	text := strings.TrimSuffix(strings.TrimPrefix(data.Text(sv.Value), "Struct{"), "}")
	return strings.ReplaceAll(text, ",", " ")
}
