package registrytest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/embedded"
	"github.com/troupe-connect/troupe/connectors/data"
)

// StartRegistry starts a real schema registry (Apicurio, by testdata/services) for a test and returns
// its URL.
func StartRegistry(t *testing.T, port string) string {
	t.Helper()
	env := []string{"SCHEMA_REGISTRY_PORT=" + port, "SERVICES_STATE=" + t.TempDir()}
	url := run(t, env, "schema-registry", "start")
	t.Cleanup(func() { run(t, env, "schema-registry", "stop") })
	return url
}

// Registries are the URLs of a real registry and of an embedded one that knows a format.
func Registries(t *testing.T, port string, format registry.Format,
	parse registry.Parser,
) map[string]string {
	t.Helper()
	r, err := embedded.Open(t.Context(), embedded.Memory{},
		map[registry.Format]registry.Parser{format: parse})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r.Handler())
	t.Cleanup(s.Close)
	return map[string]string{"Apicurio": StartRegistry(t, port), "embedded": s.URL}
}

// ConfluentClient runs Confluent's Python client: it writes records of a format into a folder, or reads
// ours there and says what it has read as JSON.
func ConfluentClient(t *testing.T, action, format, url, folder string) string {
	t.Helper()
	return run(t, nil, "confluent-client", action, format, url, folder)
}

// run runs a script of testdata/services; its output is what it says.
func run(t *testing.T, env []string, script string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join("..", "..", "testdata", "services", script),
		args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v", script, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// Records are the payloads in a folder by name.
func Records(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.bin"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".bin")] = raw
	}
	return all
}

// levels are those of compatibility at which Evolve has a schema evolve.
var levels = []string{"BACKWARD", "FORWARD", "FULL"}

// Evolve has a schema evolve at each level, twice: Confluent's Python client writes what c reads, and c
// writes what the client reads, under the same levels. want is what c reads of each record, by LEVEL-N, and
// wantRead the JSON that the client makes of them. A schema that no level allows has to be refused, here by an
// error that names the subject.
func Evolve(t *testing.T, format, url string, c codecs.Converter, want map[string]string, wantRead string) {
	t.Helper()
	folder := t.TempDir()
	ConfluentClient(t, "evolve", format, url, folder)
	records := Records(t, folder)
	values := map[string]data.SchemaAndValue{}
	for _, level := range levels {
		for _, name := range []string{level + "-1", level + "-2"} {
			v, err := c.ToConnect("py-"+format+"-"+strings.ToLower(level), records[name])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := data.Text(v.Value); got != want[name] {
				t.Errorf("%s is %s, want %s", name, got, want[name])
			}
			values[name] = v
		}
	}
	for _, level := range levels {
		topic := "go-" + format + "-" + strings.ToLower(level)
		for _, name := range []string{level + "-1", level + "-2"} {
			b, err := c.FromConnect(topic, values[name].Schema, values[name].Value)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := os.WriteFile(filepath.Join(folder, "go-"+name+".bin"), b, 0o600); err != nil {
				t.Fatal(err)
			}
			Call(t, http.MethodPut, url+"/config/"+topic+"-value", `{"compatibility":"`+level+`"}`)
		}
		other := data.NewBuilder(data.StructType).Name(values[level+"-2"].Schema.Name()).Field("id", data.StringSchema).MustBuild()
		_, err := c.FromConnect(topic, other, data.NewStruct(other).With("id", "x"))
		if err == nil || !strings.Contains(err.Error(), topic+"-value") {
			t.Errorf("a schema that %s doesn't allow: %v", level, err)
		}
	}
	if read := ConfluentClient(t, "evolved", format, url, folder); read != wantRead {
		t.Errorf("the client reads %s, want %s", read, wantRead)
	}
}

// Call asks a registry something that has to succeed.
func Call(t *testing.T, method, url, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, err := io.ReadAll(resp.Body)
		t.Fatalf("%s %s: %s %s %v", method, url, resp.Status, said, err)
	}
}
