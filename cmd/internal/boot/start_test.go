package boot

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

func newLimit(d time.Duration) *atomic.Int64 {
	var limit atomic.Int64
	limit.Store(int64(d))
	return &limit
}

// TestReasonOfAFailedStart is one line of level ERROR that has it all, whatever fails.
func TestReasonOfAFailedStart(t *testing.T) {
	dir := t.TempDir()
	worker := filepath.Join(dir, "worker.properties")
	if err := os.WriteFile(worker, []byte("bootstrap.servers=b:1\noffset.storage.file.filename=x\nkey.converter=org.apache.kafka.connect.json.JsonConverter\n"+
		"value.converter=org.apache.kafka.connect.json.JsonConverter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := memberProps("b:1")
	for _, tt := range []struct {
		name string
		opts Options
		run  func(context.Context, Options) error
		code int
		want []string
	}{
		{"no worker file", Options{WorkerFile: filepath.Join(dir, "none")}, Distributed, 2, []string{"worker could not start", "worker file", "none"}},
		{"no connector file", Options{WorkerFile: worker, ConnectorFiles: []string{filepath.Join(dir, "c.json")}}, Standalone, 3, []string{"connector file", "c.json"}},
		{"settings", Options{Props: with(good, "group.id", "", "offset.flush.timeout.ms", "soon")}, Distributed, 2, []string{"2 errors: ", "; Invalid value"}},
		{"converters", Options{Props: with(good, "key.converter", "io.confluent.connect.avro.NoSuchConverter", "value.converter", "a.B", "header.converter", "c.D")}, Distributed, 2, []string{
			"3 errors: Invalid value io.confluent.connect.avro.NoSuchConverter for configuration key.converter: Class io.confluent.connect.avro.NoSuchConverter could not be found: it is not built into this binary; ",
			"Invalid value a.B for configuration value.converter: ", "; built in as converter: ", "ByteArrayConverter, ", "; built in as header converter: BooleanConverter",
		}},
		{"policy", Options{Props: with(good, "connector.client.config.override.policy", "x.Strict")}, Distributed, 2, []string{"Invalid value x.Strict for configuration connector.client.config.override.policy: it must be one of All, None, Principal, Allowlist"}},
		{"extension", Options{Props: with(good, "rest.extension.classes", "io.confluent.connect.security.ConnectSecurityExtension")}, Distributed, 2, []string{"rest.extension.classes: io.confluent.connect.security.ConnectSecurityExtension is not built into this binary"}},
		{"config provider", Options{Props: with(good, "config.providers", "vault", "config.providers.vault.class", "x.VaultProvider", "producer.x", "${vault:a:b}")}, Distributed, 2, []string{"config.providers.vault.class", "x.VaultProvider"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log lockedBuffer
			tt.opts.Log = &log
			err := tt.run(t.Context(), tt.opts)
			var exit *ExitError
			if !errors.As(err, &exit) || exit.Code != tt.code || !exit.Logged {
				t.Fatalf("%v, want code %d", err, tt.code)
			}
			var failed []string
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, " ERROR ") {
					failed = append(failed, line)
				}
			}
			if len(failed) != 1 || len(failed[0]) > 2000 {
				t.Fatalf("%d lines of level ERROR\n%s", len(failed), &log)
			}
			for _, want := range tt.want {
				if !strings.Contains(failed[0], want) {
					t.Errorf("%s has not %q", failed[0], want)
				}
			}
		})
	}
}

// TestStartupTimeout: how long a worker looks for Kafka is a setting.
func TestStartupTimeout(t *testing.T) {
	c := kafkatest.New(t)
	c.Stop()
	var log lockedBuffer
	began := time.Now()
	err := Distributed(t.Context(), Options{Props: memberProps(c.Bootstrap(), "startup.kafka.timeout.ms", "300"), Log: &log})
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != ExitStartup || time.Since(began) > 30*time.Second {
		t.Errorf("%v after %v\n%s", err, time.Since(began), &log)
	}
	ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer stop()
	log = lockedBuffer{}
	if err := Distributed(ctx, Options{Props: memberProps(c.Bootstrap(), "startup.kafka.timeout.ms", "0"), Log: &log}); err != nil {
		t.Errorf("with 0 it ended by itself: %v\n%s", err, &log)
	}
}

// TestOddLogLevel is no reason not to start.
func TestOddLogLevel(t *testing.T) {
	var log lockedBuffer
	err := Distributed(t.Context(), Options{
		Props: memberProps("b:1", "group.id", ""), Log: &log,
		Environ: []string{"CONNECT_LOG4J_ROOT_LOGLEVEL=WARNING", "CONNECT_LOG4J_LOGGERS=a.b=LOUD", "CONNECT_X=1"},
	})
	if err == nil || !strings.Contains(err.Error(), "group.id") {
		t.Fatal(err)
	}
	for _, want := range []string{`WARN log settings of the environment warning="root: log level`, `warning="a.b: log level`, "INFO from the environment"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q\n%s", want, &log)
		}
	}
}
