package service

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// StartSchemaRegistry starts a registry of another maker (Apicurio), empty, that ends with the test, and
// returns the URL of its Confluent-compatible API.
func StartSchemaRegistry(tb testing.TB) string {
	tb.Helper()
	s := service{script: "schema-registry", env: []string{"SCHEMA_REGISTRY_PORT=" + strconv.Itoa(FreePorts(tb, 1))}}
	tb.Cleanup(func() { s.stop(tb) })
	return s.start(tb)
}

// Python is a Python with packages, given as for pip, in a folder of its own that is kept under name.
func Python(tb testing.TB, name string, packages ...string) string {
	tb.Helper()
	cache := os.Getenv("SERVICES_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			tb.Fatal(err)
		}
		cache = filepath.Join(dir, "troupe-services")
	}
	dir := filepath.Join(cache, name)
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return python
	}
	ctx, cancel := context.WithTimeout(tb.Context(), startLimit)
	defer cancel()
	for _, args := range [][]string{
		{"python3", "-m", "venv", dir},
		append([]string{python, "-m", "pip", "install", "-q", "--disable-pip-version-check"}, packages...),
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			tb.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644); err != nil {
		tb.Fatal(err)
	}
	return python
}
