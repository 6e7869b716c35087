package settings_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/actors/settings"
)

// imageEnviron is an environment of a container image, as `docker run --env-file` reads it.
func imageEnviron(t *testing.T, name string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "environments", name))
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, " ") { // a YAML block goes on
			environ[len(environ)-1] += "\n" + strings.TrimRight(line, "\n")
			continue
		}
		environ = append(environ, strings.TrimRight(line, "\n"))
	}
	return environ
}

// TestImageEnvironments loads workers from environments that stand in public files.
func TestImageEnvironments(t *testing.T) {
	const json = "org.apache.kafka.connect.json.JsonConverter"
	for _, tt := range []struct {
		name string
		file map[string]string
		want map[string]string
		note string
	}{
		{"debezium-plain.env", map[string]string{"group.id": "of-the-file", "offset.flush.timeout.ms": "1"}, map[string]string{
			"bootstrap.servers": "kafka.example.net:9092", "group.id": "1", "key.converter": json, "value.converter": json,
			"config.storage.topic": "dbz1_configs", "offset.storage.topic": "dbz1_offsets", "status.storage.topic": "dbz1_statuses",
			"offset.flush.interval.ms": "60000", "offset.flush.timeout.ms": "1", "task.shutdown.graceful.timeout.ms": "10000",
			"status.storage.replication.factor": "1", "listeners": "http://:8083",
		}, "task.shutdown.graceful.timeout.ms=10000"},
		{"debezium-mixed.env", nil, map[string]string{
			"group.id": "dbz2", "offset.flush.interval.ms": "10000", "key.converter.schemas.enable": "false",
			"exactly.once.source.support": "enabled", "listeners": "http://0.0.0.0:8083", "rest.advertised.host.name": "connect",
		}, "bootstrap.servers, config.storage.topic, group.id"},
		{"cp-helm-rest-links.env", nil, map[string]string{"group.id": "cphr", "listeners": ""}, ""},
		{"jaas-block.env", map[string]string{
			"bootstrap.servers": "b:1", "group.id": "g", "config.storage.topic": "c", "offset.storage.topic": "o", "status.storage.topic": "s",
			"key.converter": json, "value.converter": json,
		}, map[string]string{
			"sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="worker" password="secret";`,
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := settings.FromEnv(imageEnviron(t, tt.name))
			if !env.Distributed() {
				t.Error("it says that the environment is no worker's")
			}
			props := env.Over(settings.Distributed, tt.file)
			for key, want := range tt.want {
				if props[key] != want {
					t.Errorf("%s=%s, want %s", key, props[key], want)
				}
			}
			if note := env.ImageNote(); !strings.Contains(note, tt.note) || (tt.note == "") != (note == "") {
				t.Errorf("note %q", note)
			}
			if _, _, err := settings.LoadWorker(t.Context(), settings.Distributed, props, nil); err != nil {
				t.Error(err)
			}
			if alone := env.Over(settings.Standalone, tt.file); alone["offset.storage.topic"] == "dbz1_offsets" {
				t.Error("a standalone worker takes them, too")
			}
		})
	}
	env := settings.FromEnv([]string{"BOOTSTRAP_SERVERS=b:1", "GROUP_ID=7", "KEY_CONVERTER=x"})
	if env.Distributed() || env.ImageNote() != "" || len(env.Over(settings.Distributed, nil)) != 0 {
		t.Error("variables that may be another program's are taken")
	}
}

// TestEnvironmentValues follow the rules of properties files.
func TestEnvironmentValues(t *testing.T) {
	for given, want := range map[string]string{
		`a\tb`: "a\tb", `c:\\x`: `c:\x`, "a \\\n  b": "a b", "one\ntwo\n": "one\ntwo", "x\r\n": "x", `\u00fc`: "ü", `\u00`: `\u00`,
		"-----BEGIN-----\nabc\n-----END-----": "-----BEGIN-----\nabc\n-----END-----", "#a=b:c": "#a=b:c", "": "", " a ": " a ",
	} {
		if got := settings.FromEnv([]string{"CONNECT_X=" + given}).Props["x"]; got != want {
			t.Errorf("%q is %q, want %q", given, got, want)
		}
	}
}

// TestEnvironmentLevels: odd levels of images are read as far as they can be.
func TestEnvironmentLevels(t *testing.T) {
	for given, want := range map[string]struct {
		root    string
		loggers map[string]string
	}{
		"CONNECT_LOG4J_ROOT_LOGLEVEL=INFO, stdout":                        {"INFO", nil},
		`CONNECT_LOG4J_ROOT_LOGLEVEL="DEBUG"`:                             {"DEBUG", nil},
		"CONNECT_LOG4J_ROOT_LOGLEVEL=WARNING":                             {"WARNING", nil},
		"CONNECT_LOG4J_LOGGERS=INFO, stdout":                              {"INFO", nil},
		"CONNECT_LOG4J_LOGGERS=log4j.rootLogger=WARN,stdout":              {"WARN", nil},
		"CONNECT_LOG4J_LOGGERS=org.a=DEBUG;org.b=ERROR":                   {"", map[string]string{"org.a": "DEBUG", "org.b": "ERROR"}},
		`CONNECT_LOG4J_LOGGERS="log4j.logger.org.a=DEBUG", 'org.b'="OFF"`: {"", map[string]string{"org.a": "DEBUG", "org.b": "OFF"}},
	} {
		env := settings.FromEnv([]string{given})
		if env.LogLevel != want.root || !maps.Equal(env.Loggers, want.loggers) || len(env.Props) > 0 {
			t.Errorf("%s: root %q, loggers %v, %v", given, env.LogLevel, env.Loggers, env.Props)
		}
	}
}
