//go:build integration

package main_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestWorkerByEnvironment starts a worker of a cluster as containers do: without a file.
func TestWorkerByEnvironment(t *testing.T) {
	k := service.StartKafka(t)
	port := service.FreePorts(t, 1)
	w := service.NewCommand(t, fmt.Sprintf("http://127.0.0.1:%d", port), []string{
		"CONNECT_BOOTSTRAP_SERVERS=" + k.Addr,
		"CONNECT_GROUP_ID=by-environment",
		fmt.Sprintf("CONNECT_REST_PORT=%d", port),
		"CONNECT_REST_ADVERTISED_HOST_NAME=localhost",
		"CONNECT_CONFIG_STORAGE_TOPIC=env-configs", "CONNECT_CONFIG_STORAGE_REPLICATION_FACTOR=1",
		"CONNECT_OFFSET_STORAGE_TOPIC=env-offsets", "CONNECT_OFFSET_STORAGE_REPLICATION_FACTOR=1", "CONNECT_OFFSET_STORAGE_PARTITIONS=3",
		"CONNECT_STATUS_STORAGE_TOPIC=env-status", "CONNECT_STATUS_STORAGE_REPLICATION_FACTOR=1",
		"CONNECT_KEY_CONVERTER=org.apache.kafka.connect.storage.StringConverter",
		"CONNECT_VALUE_CONVERTER=org.apache.kafka.connect.json.JsonConverter", "CONNECT_VALUE_CONVERTER_SCHEMAS_ENABLE=false",
		"CONNECT_OFFSET_STORAGE_SEGMENT_BYTES=1048576",
		"CONNECT_LOG4J_ROOT_LOGLEVEL=WARN",
	}, service.Build(t), "distributed")
	w.Launch(t)
	healthy(t, w)
	in := filepath.Join(t.TempDir(), "in.txt")
	appendTo(t, in, "one\n")
	w.Must(t, http.MethodPut, "/connectors/env/config", map[string]string{
		"connector.class": "FileStreamSource", "tasks.max": "1", "file": in, "topic": "env-lines",
	})
	w.Running(t, "env", 1)
	var status struct {
		Connector struct {
			Worker string `json:"worker_id"`
		} `json:"connector"`
	}
	if err := w.Get(t.Context(), "/connectors/env/status", &status); err != nil || status.Connector.Worker != fmt.Sprintf("localhost:%d", port) {
		t.Errorf("worker_id %+v, %v", status, err)
	}
	topics := k.Tool(t, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", k.Addr, "--describe", "--topic", "env-.*")
	for topic, wants := range map[string][]string{
		"env-configs": {"PartitionCount: 1\t", "cleanup.policy=compact"},
		"env-offsets": {"PartitionCount: 3\t", "cleanup.policy=compact", "segment.bytes=1048576"},
		"env-status":  {"PartitionCount: 5\t", "cleanup.policy=compact"},
	} {
		for line := range strings.Lines(topics) {
			if !strings.Contains(line, "Topic: "+topic+"\t") || !strings.Contains(line, "PartitionCount") {
				continue
			}
			for _, want := range wants {
				if !strings.Contains(line, want) {
					t.Errorf("%s has not %q: %s", topic, want, line)
				}
			}
			wants = nil
		}
		if wants != nil {
			t.Errorf("%s is not there:\n%s", topic, topics)
		}
	}
	w.Stop(t)
	log, err := os.ReadFile(w.Log)
	if err != nil || strings.Contains(string(log), " INFO ") {
		t.Errorf("the log level of the environment has no effect (%v):\n%s", err, log)
	}
}

// TestWorkersThatCannotStart end by themselves, say why and with which code.
func TestWorkersThatCannotStart(t *testing.T) {
	k := service.StartKafka(t)
	bin := service.Build(t)
	k.CreateTopic(t, "deleted-offsets", 1, "cleanup.policy=delete")
	k.CreateTopic(t, "both-status", 1, "cleanup.policy=compact,delete")
	k.CreateTopic(t, "wide-configs", 3, "cleanup.policy=compact")
	for _, tt := range []struct {
		name, lines string
		code        int
		want        string
	}{
		{"offsets are deleted", "offset.storage.topic=deleted-offsets", 2, "'cleanup.policy=delete'"},
		{"statuses are deleted", "status.storage.topic=both-status", 2, "Topic 'both-status' supplied via the 'status.storage.topic' property"},
		{"configs in partitions", "config.storage.topic=wide-configs", 2, "required to have a single partition"},
		{"more replicas than brokers", "config.storage.replication.factor=3", 2, "config.storage.topic"},
		{"no group", "group.id=", 2, "group.id"},
		{"protocol", "connect.protocol=eagerly", 2, "connect.protocol"},
		{"signature", "inter.worker.signature.algorithm=HmacSHA512", 2, "inter.worker.verification.algorithms"},
		{"no broker", "bootstrap.servers=nowhere.invalid:1", 2, "bootstrap.servers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "worker.properties")
			appendTo(t, file, strings.Join([]string{
				"bootstrap.servers=" + k.Addr, "group.id=cannot", "listeners=http://127.0.0.1:0",
				"key.converter=org.apache.kafka.connect.json.JsonConverter", "value.converter=org.apache.kafka.connect.json.JsonConverter",
				"config.storage.topic=configs-" + strings.ReplaceAll(tt.name, " ", "-"), "offset.storage.topic=cannot-offsets", "status.storage.topic=cannot-status",
				"config.storage.replication.factor=1", "offset.storage.replication.factor=1", "status.storage.replication.factor=1", tt.lines,
			}, "\n")+"\n")
			w := service.NewCommand(t, "", nil, bin, "distributed", file)
			w.Launch(t)
			code := w.ExitCode(t)
			log, err := os.ReadFile(w.Log)
			if err != nil || code != tt.code || !strings.Contains(string(log), tt.want) {
				t.Errorf("exit code %d, want %d and %q (%v)\n%s", code, tt.code, tt.want, err, log)
			}
		})
	}
	for _, args := range [][]string{{}, {filepath.Join(t.TempDir(), "none.properties")}} {
		w := service.NewCommand(t, "", nil, bin, append([]string{"distributed"}, args...)...)
		w.Launch(t)
		if code := w.ExitCode(t); code != 1+len(args) {
			t.Errorf("distributed %q: exit code %d", args, code)
		}
	}
}

// TestClusterWithoutKafka takes the broker away from a worker and gives it back: the worker shows in
// its health that it is out of its group, and comes back by itself.
func TestClusterWithoutKafka(t *testing.T) {
	k := service.StartKafka(t)
	c := restCluster(t, k, service.Build(t), 1, "session.timeout.ms=6000", "heartbeat.interval.ms=1000", "offset.flush.interval.ms=500",
		"scheduled.rebalance.max.delay.ms=2000") // for which the leader waits for the member that it was before
	w := c.Nodes[0]
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.txt"), filepath.Join(dir, "out.txt")
	appendTo(t, in, "one\n")
	w.Must(t, http.MethodPut, "/connectors/in/config", map[string]string{"connector.class": "FileStreamSource", "tasks.max": "1", "file": in, "topic": "away"})
	w.Must(t, http.MethodPut, "/connectors/out/config", map[string]string{"connector.class": "FileStreamSink", "tasks.max": "1", "file": out, "topics": "away"})
	reads(t, out, "one\n")
	pid := w.PID()
	k.Kill(t)
	appendTo(t, in, "two\n")
	service.Until(t, 2*time.Minute, "a health that shows it", func() error {
		status, body, err := w.Do(t.Context(), http.MethodGet, "/health", nil)
		if err != nil {
			return err
		}
		if status == http.StatusOK || !strings.Contains(string(body), "membership") {
			return fmt.Errorf("%d %s", status, body)
		}
		return nil
	})
	var names []string
	if err := w.Get(t.Context(), "/connectors", &names); err != nil || len(names) != 2 {
		t.Errorf("connectors while Kafka is away: %v %v", names, err)
	}
	k.Start(t)
	healthy(t, w.Worker)
	w.Running(t, "in", 1)
	w.Running(t, "out", 1)
	appendTo(t, in, "three\n")
	service.Until(t, 2*time.Minute, "the lines, each at least once", func() error {
		text, err := os.ReadFile(out)
		got := slices.Compact(strings.Fields(string(text)))
		if want := []string{"one", "two", "three"}; err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("%q", got)
		}
		return err
	})
	if w.PID() != pid {
		t.Error("the worker was started again")
	}
	w.Stop(t)
}

// TestThirdSignal ends a worker at once that is stopping and can't tell Kafka so; the second is ignored.
func TestThirdSignal(t *testing.T) {
	k := service.StartKafka(t)
	c := restCluster(t, k, service.Build(t), 1, "task.shutdown.graceful.timeout.ms=600000")
	w := c.Nodes[0]
	in := filepath.Join(t.TempDir(), "in.txt")
	appendTo(t, in, "one\n")
	w.Must(t, http.MethodPut, "/connectors/in/config", map[string]string{"connector.class": "FileStreamSource", "tasks.max": "1", "file": in, "topic": "second"})
	w.Running(t, "in", 1)
	k.Kill(t)
	process, err := os.FindProcess(w.PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	service.Until(t, time.Minute, "the log of the stop", func() error {
		log, err := os.ReadFile(w.Log)
		if err == nil && !strings.Contains(string(log), "stopping") {
			err = fmt.Errorf("not there")
		}
		return err
	})
	if err := w.Ended(); err != nil {
		t.Fatalf("the worker has ended already (%v): the test does not show what it is for", err)
	}
	said := func(what string) {
		t.Helper()
		service.Until(t, time.Minute, "the line "+what, func() error {
			log, err := os.ReadFile(w.Log)
			if err == nil && !strings.Contains(string(log), what) {
				err = fmt.Errorf("not there")
			}
			return err
		})
	}
	for _, step := range []struct {
		signal syscall.Signal
		line   string
	}{{syscall.SIGTERM, "signal ignored"}, {syscall.SIGQUIT, "goroutine dump ends"}, {syscall.SIGTERM, "by a third signal"}} {
		if err := process.Signal(step.signal); err != nil {
			t.Fatal(err)
		}
		said(step.line)
	}
	if code := w.ExitCode(t); code != 1 {
		t.Errorf("exit code %d, not 1", code)
	}
}

// TestSecureCluster is two workers with all their clients at a broker that asks for passwords, or with TLS.
func TestSecureCluster(t *testing.T) {
	k := service.StartKafka(t, service.Secure())
	bin := service.Build(t)
	k.Grant(t, service.User)
	login := map[string]string{"LOGIN": scramLogin, "MECHANISM": "SCRAM-SHA-512", "USER": service.User, "PASSWORD": service.Password}
	for _, tt := range []struct{ name, addr, props string }{
		{"sasl", k.SASL, expand(t, "secure-sasl", login)},
		{"tls", k.TLS, expand(t, "secure-tls", map[string]string{"CA": k.CA})},
	} {
		for _, eos := range []string{"disabled", "enabled"} {
			t.Run(tt.name+", exactly once "+eos, func(t *testing.T) {
				topic := "secure-" + tt.name + "-" + eos
				c := restCluster(t, k, bin, 2, "bootstrap.servers="+tt.addr, tt.props, "offset.flush.interval.ms=500", "exactly.once.source.support="+eos)
				dir := t.TempDir()
				in, out := filepath.Join(dir, "in.txt"), filepath.Join(dir, "out.txt")
				appendTo(t, in, "one\ntwo\n")
				c.Nodes[0].Ask(t, http.MethodPut, "/connectors/in/config", map[string]string{"connector.class": "FileStreamSource", "tasks.max": "1", "file": in, "topic": topic})
				c.Nodes[1].Ask(t, http.MethodPut, "/connectors/out/config", map[string]string{"connector.class": "FileStreamSink", "tasks.max": "1", "file": out, "topics": topic})
				reads(t, out, "one\ntwo\n")
				for _, n := range c.Nodes {
					n.Stop(t)
					silent(t, n.Log, service.Password)
				}
			})
		}
	}
}

// reads waits until the file has exactly this text.
func reads(t *testing.T, file, text string) {
	t.Helper()
	service.Until(t, 2*time.Minute, "text of "+filepath.Base(file), func() error {
		got, err := os.ReadFile(file)
		if err == nil && string(got) != text {
			err = fmt.Errorf("%q", got)
		}
		return err
	})
}
