//go:build integration

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// schemathesisVersion is of the tool that makes requests of an OpenAPI description.
const schemathesisVersion = "4.32.5"

// schemathesis is the tool's program, in a Python environment of its own that is kept.
func schemathesis(t *testing.T) string {
	t.Helper()
	cache := os.Getenv("CI_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(base, "troupe-ci")
	}
	dir := filepath.Join(cache, "schemathesis-"+schemathesisVersion)
	bin := filepath.Join(dir, "bin", "schemathesis")
	if _, err := os.Stat(bin); err == nil {
		return bin
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "schemathesis==" + schemathesisVersion},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return bin
}

// TestOpenAPI holds openapi.json to what a worker answers: a thousand requests, right ones and wrong
// ones, made of it. Answers have to have a status, a type and a body that it describes, and what it
// forbids has to be refused. That the JVM, and so Troupe, answers 500 to some requests that are the
// client's fault, and refuses settings for reasons that no schema tells, is not held against it.
func TestOpenAPI(t *testing.T) {
	bin := schemathesis(t)
	port := service.FreePorts(t, 2)
	rest := fmt.Sprintf("127.0.0.1:%d", port)
	w := service.NewCommand(t, "http://"+rest, nil, service.Build(t), "quickstart", "--rest", rest, "--broker", fmt.Sprintf("127.0.0.1:%d", port+1))
	w.Launch(t)
	service.Until(t, time.Minute, "the worker's start", func() error {
		if err := w.Ended(); err != nil {
			t.Fatalf("the worker ended: %v", err)
		}
		status, body, err := w.Do(t.Context(), http.MethodGet, "/", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	for _, name := range []string{"0", "stopped"} { // 0 is a name that the tool likes
		w.Must(t, http.MethodPost, "/connectors", map[string]any{
			"name": name, "initial_state": "STOPPED", "config": map[string]string{
				"connector.class": "FileStreamSource", "file": filepath.Join(t.TempDir(), "none"), "topic": "openapi",
			},
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, "run", "http://"+rest+"/openapi.json", "--seed", "1", "--max-examples", "40",
		"--phases", "coverage,fuzzing", "--no-color", "--checks",
		"status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection")
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "Test cases:") {
		t.Errorf("no test cases ran\n%s", out)
	}
	if err := w.Ended(); err != nil {
		t.Errorf("the worker ended: %v", err)
	}
}
