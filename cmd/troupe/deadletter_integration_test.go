//go:build integration

package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestDeadLetters sends lines of which some are no JSON through a sink that wants JSON and
// tolerates errors: the good ones reach its file, the bad ones the dead letter topic, as they were.
func TestDeadLetters(t *testing.T) {
	const lines = 3000
	k := service.StartKafka(t)
	f := newFlow(t, k.Addr)
	var good, bad, all strings.Builder
	for i := range lines {
		if i%3 == 0 {
			fmt.Fprintf(&bad, "{no json %d\n", i)
			fmt.Fprintf(&all, "{no json %d\n", i)
		} else {
			fmt.Fprintf(&good, "fine %d\n", i)
			fmt.Fprintf(&all, "\"fine %d\"\n", i)
		}
	}
	if err := os.WriteFile(f.in, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f.worker.Start(t)
	strict, dead := filepath.Join(filepath.Dir(f.out), "strict.txt"), filepath.Join(filepath.Dir(f.out), "dead.txt")
	f.worker.Must(t, http.MethodPost, "/connectors", map[string]any{"name": "strict", "config": map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "1", "file": strict, "topics": f.topic,
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead",
		"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
	}})
	f.worker.Must(t, http.MethodPost, "/connectors", map[string]any{"name": "reader", "config": map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "1", "file": dead, "topics": "dead",
		"consumer.override.metadata.max.age.ms": "500", // the topic comes with the first letter
	}})
	for file, want := range map[string]string{f.out: all.String(), strict: good.String(), dead: bad.String()} {
		service.Until(t, time.Minute, filepath.Base(file), func() error {
			got, err := os.ReadFile(file)
			if err == nil && string(got) != want {
				err = fmt.Errorf("%d of %d bytes, ending in %q", len(got), len(want), got[max(0, len(got)-60):])
			}
			return err
		})
	}
	f.worker.Running(t, "strict", 1)
	f.worker.Stop(t)
}
