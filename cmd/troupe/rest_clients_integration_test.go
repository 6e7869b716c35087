//go:build integration

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestClients lets clients that were written for the JVM worker, unmodified, work with a standalone
// worker, and with one of two of a cluster, the one that does not lead.
func TestClients(t *testing.T) {
	k := service.StartKafka(t)
	const untouched = "supervisor.restart.enabled=false" // else it takes half a minute until a task counts as failed
	t.Run("standalone", func(t *testing.T) {
		w := restWorker(t, k.Addr, untouched)
		w.Start(t)
		clients(t, w, "--connect-worker-id", strings.TrimPrefix(w.URL, "http://"))
		w.Stop(t)
	})
	t.Run("distributed", func(t *testing.T) {
		c := restCluster(t, k, service.Build(t), 2, untouched, "offset.flush.interval.ms=500")
		w := c.Nodes[0]
		if c.Settle(t, time.Minute, nil).Leader == w.ID {
			w = c.Nodes[1]
		}
		clients(t, w.Worker)
		for _, n := range c.Nodes {
			n.Stop(t)
		}
	})
}

func clients(t *testing.T, w *service.Worker, only ...string) {
	t.Helper()
	t.Run("kafka-connect-py", func(t *testing.T) { kcLife(t, w, installed(t, "kafka-connect-py", "1.0.0", "bin/kc")) })
	t.Run("kafka-connect-healthcheck", func(t *testing.T) {
		healthcheck(t, w, installed(t, "kafka-connect-healthcheck", "0.3.0", "bin/kafka-connect-healthcheck"), only...)
	})
	t.Run("kafka-connect-api", func(t *testing.T) { apiLife(t, w, installed(t, "kafka-connect-api", "0.5.10", "bin/python")) })
}

// restWorker is a standalone worker that isn't started yet; lines are added to its properties.
func restWorker(tb testing.TB, kafka string, lines ...string) *service.Worker {
	tb.Helper()
	return service.NewWorker(tb, service.Build(tb), append([]string{
		"bootstrap.servers=" + kafka,
		"key.converter=org.apache.kafka.connect.storage.StringConverter",
		"value.converter=org.apache.kafka.connect.storage.StringConverter",
		"offset.storage.file.filename=" + filepath.Join(tb.TempDir(), "offsets"),
		"offset.flush.interval.ms=500",
	}, lines...))
}

// installed installs a package of PyPI into an environment of its own, once for all runs, and
// returns the path of a file in it. Some of the packages install modules of the same name.
func installed(t *testing.T, name, version, file string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "troupe-clients", name+"-"+version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close() // and with it ends the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	done := filepath.Join(dir, "done")
	if _, err := os.Stat(done); err == nil {
		return filepath.Join(dir, "env", file)
	}
	tool(t, 3*time.Minute, nil, "python3", "-m", "venv", "--clear", filepath.Join(dir, "env"))
	tool(t, 5*time.Minute, nil, filepath.Join(dir, "env", "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", name+"=="+version)
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "env", file)
}

// tool runs a program and returns what it printed; any exit code but 0 fails the test.
func tool(t *testing.T, limit time.Duration, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(name), args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// kc is the command line client of kafka-connect-py.
type kc struct {
	*testing.T
	program string
	env     []string
}

// out runs a command and reads its answer into v. The client ends with 0 whatever happened: what
// isn't the JSON expected is an error that it printed.
func (k kc) out(v any, args ...string) {
	k.Helper()
	text := tool(k.T, time.Minute, k.env, k.program, args...)
	if err := json.Unmarshal([]byte(text), v); err != nil {
		k.Fatalf("kc %q: %v: %s", args, err, text)
	}
}

// says runs a command that prints no JSON.
func (k kc) says(want string, args ...string) {
	k.Helper()
	if text := tool(k.T, time.Minute, k.env, k.program, args...); text != want {
		k.Errorf("kc %q: %q, want %q", args, text, want)
	}
}

// state waits until connector and tasks have the states given.
func (k kc) state(connector string, tasks ...string) {
	k.Helper()
	service.Until(k, time.Minute, "status as "+connector, func() error {
		var s service.Status
		k.out(&s, "status", "kc")
		var have []string
		for _, task := range s.Tasks {
			have = append(have, task.State)
		}
		if s.Connector.State != connector || !slices.Equal(have, tasks) {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// topics waits until the connector's topics are those.
func (k kc) topics(want ...string) {
	k.Helper()
	service.Until(k, time.Minute, "topics", func() error {
		var have map[string]struct{ Topics []string }
		k.out(&have, "list-topics", "kc")
		if !slices.Equal(have["kc"].Topics, want) {
			return fmt.Errorf("%v, want %v", have, want)
		}
		return nil
	})
}

// kcLife drives a connector's whole life. Of kc's commands only validate-config is left out: it
// sends the settings as a JSON text, which no worker takes.
func kcLife(t *testing.T, w *service.Worker, program string) {
	k := kc{T: t, program: program, env: []string{"KAFKA_CONNECT_URL=" + w.URL, "KAFKA_CONNECT_LOG_LEVEL=CRITICAL"}}
	in := filepath.Join(t.TempDir(), "in.txt")
	appendTo(t, in, "one\n")
	config := map[string]string{"connector.class": "FileStreamSource", "tasks.max": "1", "file": in, "topic": "kc-topic"}

	var info map[string]string
	k.out(&info, "info")
	if info["version"] != "4.1.1" || info["commit"] == "" || info["kafka_cluster_id"] == "" {
		t.Errorf("info: %v", info)
	}
	var plugins []struct{ Class, Type, Version string }
	k.out(&plugins, "list-plugins")
	if !slices.ContainsFunc(plugins, func(p struct{ Class, Type, Version string }) bool {
		return p.Class == "org.apache.kafka.connect.file.FileStreamSourceConnector" && p.Type == "source"
	}) {
		t.Errorf("plugins: %v", plugins)
	}
	var made struct {
		Name, Type string
		Config     map[string]string
		Tasks      []map[string]any
	}
	k.out(&made, "create", "-d", jsonOf(t, map[string]any{"name": "kc", "config": config}))
	if made.Name != "kc" || made.Type != "source" || made.Config["topic"] != "kc-topic" {
		t.Errorf("create: %+v", made)
	}
	k.state("RUNNING", "RUNNING")
	kcReads(k)

	k.topics("kc-topic")
	k.says("null", "reset-topics", "kc")
	k.topics()
	k.says("", "pause", "kc")
	k.state("PAUSED", "PAUSED")
	k.says("", "resume", "kc")
	k.state("RUNNING", "RUNNING")
	var status map[string]any
	k.out(&status, "restart", "kc")
	k.out(&status, "restart", "kc", "--include-tasks")
	k.out(&status, "restart", "--all", "--include-tasks", "--only-failed")
	k.says("null", "restart-task", "kc", "0")
	k.state("RUNNING", "RUNNING")
	appendTo(t, in, "two\n")
	k.topics("kc-topic") // the task runs again: it noted its topic anew

	config["batch.size"] = "7"
	k.out(&made, "update", "kc", "-d", jsonOf(t, config))
	if made.Config["batch.size"] != "7" {
		t.Errorf("update: %+v", made)
	}
	k.state("RUNNING", "RUNNING")

	at := w.URL + "/connectors"
	k.says("404 Client Error: Not Found for url: "+at+"/none", "get", "none")
	k.says("400 Client Error: Bad Request for url: "+at, "create", "-d", `{"name":"bad","config":{}}`)
	k.says("409 Client Error: Conflict for url: "+at, "create", "-d", jsonOf(t, map[string]any{"name": "kc", "config": config}))
	k.says("", "delete", "kc")
	service.Until(t, time.Minute, "deletion", func() error { // the worker asked may hear of it a moment later
		var names []string
		if k.out(&names, "list"); len(names) != 0 {
			return fmt.Errorf("still there: %v", names)
		}
		return nil
	})
}

// kcReads are the commands that only read.
func kcReads(k kc) {
	k.Helper()
	var names []string
	if k.out(&names, "list", "--state", "running", "--pattern", "k.*"); !slices.Equal(names, []string{"kc"}) {
		k.Errorf("list: %v", names)
	}
	var expanded map[string]struct{ Status, Info map[string]any }
	if k.out(&expanded, "list", "--expand", "info"); expanded["kc"].Info["name"] != "kc" {
		k.Errorf("list expanded: %v", expanded)
	}
	var connector struct{ Tasks []map[string]any }
	if k.out(&connector, "get", "kc"); len(connector.Tasks) != 1 {
		k.Errorf("get: %v", connector)
	}
	var config map[string]string
	if k.out(&config, "config", "kc"); config["name"] != "kc" {
		k.Errorf("config: %v", config)
	}
	var tasks []struct{ Config map[string]string }
	if k.out(&tasks, "list-tasks", "kc"); len(tasks) != 1 || tasks[0].Config["task.class"] != "org.apache.kafka.connect.file.FileStreamSourceTask" {
		k.Errorf("tasks: %v", tasks)
	}
	var task struct{ State string }
	if k.out(&task, "task-status", "kc", "0"); task.State != "RUNNING" {
		k.Errorf("task: %v", task)
	}
}

// healthcheck asks the client, which is a small server, while all is well, and again after a task
// has failed. worker are the client's arguments for looking at one worker of a cluster only.
func healthcheck(t *testing.T, w *service.Worker, program string, worker ...string) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in.txt")
	appendTo(t, in, "one\n")
	w.Must(t, http.MethodPut, "/connectors/well/config", map[string]string{
		"connector.class": "FileStreamSource", "tasks.max": "1", "file": in, "topic": "health-topic",
	})
	w.Running(t, "well", 1)
	port := service.FreePorts(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, append([]string{"--port", fmt.Sprint(port), "--connect-url", w.URL, "--unhealthy-states", "FAILED"}, worker...)...)
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}()
	check := service.REST{URL: fmt.Sprintf("http://127.0.0.1:%d", port)}
	verdict := func(status int, holds string) {
		t.Helper()
		service.Until(t, time.Minute, "verdict", func() error {
			have, body, err := check.Do(t.Context(), http.MethodGet, "/", nil)
			if err == nil && (have != status || !strings.Contains(string(body), holds)) {
				return fmt.Errorf("%d %s", have, body)
			}
			return err
		})
	}
	verdict(http.StatusOK, `"failures": []`)
	w.Must(t, http.MethodPut, "/connectors/ill/config", map[string]string{
		"connector.class": "FileStreamSink", "tasks.max": "1", "topics": "health-topic", "file": filepath.Join(dir, "none", "out.txt"),
	})
	verdict(http.StatusServiceUnavailable, `"type": "task", "connector": "ill", "id": 0, "state": "FAILED"`)
	w.Must(t, http.MethodDelete, "/connectors/ill", nil)
	verdict(http.StatusOK, `"failures": []`)
	w.Must(t, http.MethodDelete, "/connectors/well", nil)
}

// apiScript uses everything that kafka-connect-api has for connectors, tasks and loggers.
const apiScript = `
import sys, time
from kafka_connect_api.kafka_connect_api import Api, Cluster
from kafka_connect_api.errors import *

def until(what, ok):
    deadline = time.monotonic() + 60
    while True:
        try:
            if ok():
                return
        except GenericNotFound: # it may be there a moment later
            pass
        assert time.monotonic() < deadline, what
        time.sleep(0.05)

api = Api(url=sys.argv[1])
cluster = Cluster(api)
assert cluster.version == "4.1.1" and cluster.kafka_cluster, repr(cluster)
made = api.post("/connectors", json={"name": "api", "config": {
    "connector.class": "FileStreamSource", "tasks.max": "1", "file": sys.argv[2], "topic": "api-topic"}})
assert made["type"] == "source", made
until("listed", lambda: list(cluster.connectors) == ["api"]) # the worker asked may hear of it a moment later
c = cluster.connectors["api"]
assert c.exists() and c.connector_class == "FileStreamSource", c.config
until("running", lambda: c.state == "RUNNING" and [t.is_running() for t in c.tasks] == [True])
c.pause()
until("paused", lambda: c.state == "PAUSED" and [t.state for t in c.tasks] == ["PAUSED"])
c.resume()
until("resumed", lambda: c.state == "RUNNING" and [t.state for t in c.tasks] == ["RUNNING"])
c.restart()
c.cycle_connector()
until("cycled", lambda: c.state == "RUNNING" and [t.state for t in c.tasks] == ["RUNNING"])
c.config = dict(c.config, **{"batch.size": "7"})
until("configured", lambda: c.config["batch.size"] == "7")
assert cluster.root_logger["level"] == "INFO", cluster.loggers
names = set(cluster.loggers)
assert len(names) > 1, names
other = sorted(names - {"root"})[0]
assert cluster.set_logger_log_level(other, "DEBUG") is not None
assert cluster.loggers[other]["level"] == "DEBUG", cluster.loggers
cluster.set_logger_log_level(other, "INFO")
c.delete()
until("deleted", lambda: cluster.connectors == {})
def gone():
    try:
        c.status
        return False
    except GenericNotFound:
        return True
until("no status", gone)
print("done")
`

func apiLife(t *testing.T, w *service.Worker, python string) {
	in := filepath.Join(t.TempDir(), "in.txt")
	appendTo(t, in, "one\n")
	if out := tool(t, 3*time.Minute, nil, python, "-c", apiScript, w.URL, in); !strings.HasSuffix(out, "done") {
		t.Errorf("kafka-connect-api: %s", out)
	}
}

func appendTo(tb testing.TB, file, text string) {
	tb.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

func jsonOf(tb testing.TB, v any) string {
	tb.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(raw)
}
