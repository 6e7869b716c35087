package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// memberProcess is a worker of a cluster in this process.
type memberProcess struct {
	*testing.T
	url   string
	log   *lockedBuffer
	stop  context.CancelFunc
	ended chan error
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func memberProps(bootstrap string, more ...string) map[string]string {
	props := map[string]string{
		"bootstrap.servers": bootstrap, "group.id": "boot", "listeners": "http://127.0.0.1:0",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "value.converter": "org.apache.kafka.connect.storage.StringConverter",
		"config.storage.topic": "configs", "offset.storage.topic": "offsets", "status.storage.topic": "statuses",
		"config.storage.replication.factor": "1", "offset.storage.replication.factor": "1", "status.storage.replication.factor": "1",
		"offset.storage.partitions": "2", "status.storage.partitions": "1", "offset.flush.interval.ms": "500",
	}
	return with(props, more...)
}

// startMember starts a worker and waits until it says that it runs.
func startMember(t *testing.T, props map[string]string) *memberProcess {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	m := &memberProcess{T: t, log: &lockedBuffer{}, stop: stop, ended: make(chan error, 1)}
	started := make(chan string, 1)
	go func() { // ended below, or with the test
		m.ended <- Distributed(ctx, Options{Props: props, Log: m.log, Started: func(url string) { started <- url }})
	}()
	t.Cleanup(stop)
	select {
	case m.url = <-started:
	case err := <-m.ended:
		t.Fatalf("the worker ended: %v\n%s", err, m.log)
	case <-time.After(time.Minute):
		t.Fatalf("the worker does not start\n%s", m.log)
	}
	return m
}

func (m *memberProcess) end() {
	m.Helper()
	m.stop()
	select {
	case err := <-m.ended:
		if err != nil {
			m.Errorf("the worker's end: %v\n%s", err, m.log)
		}
	case <-time.After(time.Minute):
		m.Errorf("the worker does not end\n%s", m.log)
	}
}

// until asks until the answer is as wanted.
func (m *memberProcess) until(method, path, body string, status int, holds string) {
	m.Helper()
	var last string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		req, err := http.NewRequestWithContext(m.Context(), method, strings.TrimSuffix(m.url, "/")+path, strings.NewReader(body))
		if err != nil {
			m.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			m.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // all of it is read
		if err != nil {
			m.Fatal(err)
		}
		if resp.StatusCode == status && strings.Contains(string(raw), holds) {
			return
		}
		last = fmt.Sprintf("%d %s", resp.StatusCode, raw)
		time.Sleep(20 * time.Millisecond) // between two tries
	}
	m.Fatalf("%s %s: %s, want %d %s\n%s", method, path, last, status, holds, m.log)
}

// TestDistributed runs two workers of a cluster: what one is told the other does or knows.
func TestDistributed(t *testing.T) {
	c := kafkatest.New(t)
	first := startMember(t, memberProps(c.Bootstrap()))
	second := startMember(t, memberProps(c.Bootstrap()))
	in := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(in, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	both := []*memberProcess{first, second}
	for i, m := range both { // one of them leads
		m.until("GET", "/health", "", 200, `"healthy"`)
		name := fmt.Sprintf("c%d", i)
		m.until("PUT", "/connectors/"+name+"/config", `{"connector.class":"FileStreamSource","tasks.max":"1","file":"`+in+`","topic":"lines"}`, 201, `"name":"`+name+`"`)
	}
	for _, m := range both {
		for i := range both {
			m.until("GET", fmt.Sprintf("/connectors/c%d/status", i), "", 200, `"tasks":[{"id":0,"state":"RUNNING"`)
			m.until("POST", fmt.Sprintf("/connectors/c%d/tasks/0/restart", i), "", 204, "")
		}
		m.until("POST", "/connectors/c0/tasks", "[]", 400, "missing required signature")
	}
	first.until("PUT", "/admin/loggers/my.logger?scope=cluster", `{"level":"DEBUG"}`, 204, "")
	for _, m := range both {
		m.until("GET", "/admin/loggers/my.logger", "", 200, `"DEBUG"`)
	}
	for _, m := range both {
		m.until("DELETE", fmt.Sprintf("/connectors/c%d", 0), "", 204, "")
		m.until("GET", "/connectors/c0", "", 404, "")
		second.until("PUT", "/connectors/c0/config", `{"connector.class":"FileStreamSource","tasks.max":"1","file":"`+in+`","topic":"lines"}`, 201, "")
		m.until("GET", "/connectors/c0", "", 200, "")
	}
	first.end()
	second.until("GET", "/connectors/c1/status", "", 200, `"tasks":[{"id":0,"state":"RUNNING"`)
	second.end()
}

// TestDistributedRefused starts workers that can't be.
func TestDistributedRefused(t *testing.T) {
	c := kafkatest.New(t)
	admin, err := kafka.NewAdmin(c.Props(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close() //nolint:errcheck // nothing is lost
	if _, err := admin.CreateTopic(t.Context(), kafka.NewTopic{
		Name: "deleted", Partitions: 1, ReplicationFactor: 1, Configs: map[string]string{"cleanup.policy": "delete"},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateTopic(t.Context(), kafka.NewTopic{
		Name: "wide", Partitions: 2, ReplicationFactor: 1, Configs: map[string]string{"cleanup.policy": "compact"},
	}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, key, value, want string }{
		{"topic not compacted", "offset.storage.topic", "deleted", "required to have 'cleanup.policy=compact'"},
		{"configs in partitions", "config.storage.topic", "wide", "required to have a single partition"},
		{"setting", "connect.protocol", "none", "connect.protocol"},
		{"group", "group.id", "", "group.id"},
		{"session key", "inter.worker.key.size", "39", "inter.worker.key.size"},
		{"https without a key", "listeners", "https://127.0.0.1:0", "listeners.https.ssl.keystore.location"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log lockedBuffer
			err := Distributed(t.Context(), Options{Props: memberProps(c.Bootstrap(), tt.key, tt.value), Log: &log})
			var code *ExitError
			if !errors.As(err, &code) || code.Code != ExitStartup || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want code %d and %q\n%s", err, ExitStartup, tt.want, &log)
			}
		})
	}
}

// TestStoppedWhileStarting ends a worker that is still looking for Kafka.
func TestStoppedWhileStarting(t *testing.T) {
	c := kafkatest.New(t)
	c.Stop()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log := &lockedBuffer{}
	ended := make(chan error, 1)
	go func() { ended <- Distributed(ctx, Options{Props: memberProps(c.Bootstrap()), Log: log}) }()
	for !strings.Contains(log.String(), "cannot reach Kafka") {
		select {
		case err := <-ended:
			t.Fatalf("the worker ended: %v\n%s", err, log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%v", err)
		}
	case <-time.After(time.Minute):
		t.Errorf("it does not end\n%s", log)
	}
}
