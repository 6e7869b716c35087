package registrytest

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/embedded"
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
