package service

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// JVM is a real Kafka Connect worker on the JVM.
type JVM struct {
	REST
	service service
}

// JVMConfig is what a JVM worker is started with.
type JVMConfig struct {
	Distributed bool
	Bootstrap   string   // Kafka's address
	OffsetFile  string   // standalone; a file of its own if empty
	Group       string   // distributed: group.id and the prefix of the internal topics
	Config      []string // more lines of the worker's properties
	Connectors  []string // property files of connectors, standalone
}

// StartJVM starts a JVM worker, and ends it with the test. It returns when the REST interface answers.
func StartJVM(tb testing.TB, c JVMConfig) *JVM {
	tb.Helper()
	port := FreePorts(tb, 1)
	mode := "standalone"
	if c.Distributed {
		mode = "distributed"
	}
	j := &JVM{service: service{
		script: "jvm-connect",
		args:   append([]string{mode}, c.Connectors...),
		env: []string{
			"CONNECT_PORT=" + strconv.Itoa(port),
			"CONNECT_BOOTSTRAP=" + c.Bootstrap,
			"CONNECT_DATA=" + filepath.Join(tb.TempDir(), "jvm"),
			"CONNECT_OFFSET_FILE=" + c.OffsetFile,
			"CONNECT_GROUP=" + c.Group,
			"CONNECT_CONFIG=" + strings.Join(c.Config, "\n"),
		},
	}}
	tb.Cleanup(func() { j.Stop(tb) })
	j.URL = j.service.start(tb)
	return j
}

// Stop shuts the worker down: it commits and ends. It may be called again.
func (j *JVM) Stop(tb testing.TB) {
	tb.Helper()
	j.service.stop(tb)
}
