package boot

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// healthOf is the status of GET /health, and its message.
func healthOf(t *testing.T, url string) (status, message string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(url, "/")+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Status, Message string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Status, answer.Message
}

// TestOffsetFileOnAFullDisk: that offsets can't be stored is in the log and in /health while it lasts,
// and in the exit code if it lasts to the end.
func TestOffsetFileOnAFullDisk(t *testing.T) {
	c := kafkatest.New(t, kafkatest.Topics(1, "lines"))
	dir := t.TempDir()
	offsets, lines := filepath.Join(dir, "offsets"), filepath.Join(dir, "lines.txt")
	if err := os.WriteFile(lines, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	props := memberProps(c.Bootstrap(), "offset.storage.file.filename", offsets, "offset.flush.interval.ms", "100")
	var log lockedBuffer
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	started, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- Standalone(ctx, Options{Props: props, Log: &log, Started: func(url string) { started <- url }, Connectors: []settings.ConnectorFile{{
			Name: "lines", Config: map[string]string{"name": "lines", "connector.class": "FileStreamSource", "file": lines, "topic": "lines"},
		}}})
	}()
	var url string
	select {
	case url = <-started:
	case err := <-ended:
		t.Fatalf("%v\n%s", err, &log)
	case <-time.After(time.Minute):
		t.Fatalf("not started\n%s", &log)
	}
	kafkatest.Eventually(t, "offsets are stored", func() bool { _, err := os.Stat(offsets); return err == nil })
	if status, message := healthOf(t, url); status != "healthy" {
		t.Fatalf("%s: %s", status, message)
	}
	// A full disk, as far as the worker can tell.
	if err := errors.Join(os.Remove(offsets), os.Symlink("/dev/full", offsets), appendLine(lines, "two")); err != nil {
		t.Fatal(err)
	}
	kafkatest.Eventually(t, "the worker is unhealthy", func() bool { status, _ := healthOf(t, url); return status == "unhealthy" })
	if _, message := healthOf(t, url); !strings.Contains(message, "source offsets can't be stored since ") || !strings.Contains(message, "no space left on device") {
		t.Errorf("health says %s", message)
	}
	if !strings.Contains(log.String(), " ERROR ") || !strings.Contains(log.String(), "offsets not committed, the next interval tries again") {
		t.Errorf("the log doesn't tell\n%s", &log)
	}
	// Room again: what was collected is stored.
	if err := os.Remove(offsets); err != nil {
		t.Fatal(err)
	}
	kafkatest.Eventually(t, "the worker is healthy", func() bool { status, _ := healthOf(t, url); return status == "healthy" })
	// Full again, to the end.
	if err := errors.Join(os.Remove(offsets), os.Symlink("/dev/full", offsets), appendLine(lines, "three")); err != nil {
		t.Fatal(err)
	}
	kafkatest.Eventually(t, "the worker is unhealthy again", func() bool { status, _ := healthOf(t, url); return status == "unhealthy" })
	stop()
	var exit *ExitError
	if err := <-ended; !errors.As(err, &exit) || exit.Code == 0 || !strings.Contains(err.Error(), "source offsets were not stored") {
		t.Errorf("ended with %v\n%s", err, &log)
	}
	if !strings.Contains(log.String(), "worker stopped with errors") {
		t.Errorf("the log ends without a reason\n%s", &log)
	}
}

func appendLine(file, line string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}
