//go:build integration

package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestLogLevels raises and lowers levels of a running worker: of all of it by the JVM's name, of
// one connector, of one task.
func TestLogLevels(t *testing.T) {
	k := service.StartKafka(t)
	w := restWorker(t, k.Addr)
	w.Start(t)
	l := levels{T: t, w: w, files: map[string]string{}}
	var known map[string]any
	if err := w.Get(t.Context(), "/admin/loggers", &known); err != nil || len(known) != 2 || known["root"] == nil || known["org.apache.kafka.connect"] == nil {
		t.Errorf("loggers at the start: %v %v", known, err)
	}
	for _, name := range []string{"a", "b"} {
		l.files[name] = filepath.Join(t.TempDir(), "in.txt")
		appendTo(t, l.files[name], "one\n")
		w.Must(t, http.MethodPut, "/connectors/"+name+"/config", map[string]string{
			"connector.class": "FileStreamSource", "tasks.max": "1", "file": l.files[name], "topic": "log-topic",
		})
		w.Running(t, name, 1)
	}

	l.set("connector.a", "DEBUG", "connector.a")
	l.commits("a")
	l.commits("a")
	if n := l.count("b"); n != 0 {
		t.Errorf("b logged %d commits at INFO", n)
	}
	l.set("connector.a", "OFF", "connector.a")
	l.set("connector.b.task-0", "DEBUG", "connector.b.task-0")
	before := l.count("a")
	l.commits("b")
	l.commits("b")
	if n := l.count("a"); n != before {
		t.Errorf("a logged %d commits while it was off", n-before)
	}
	l.set("connector.b.task-0", "INFO", "connector.b.task-0")
	before = l.count("b")
	l.set("org.apache.kafka.connect", "DEBUG", "org.apache.kafka.connect", "org.apache.kafka.connect.runtime.rest")
	w.Must(t, http.MethodGet, "/connectors", nil)
	service.Until(t, time.Minute, "a REST request in the log", func() error {
		if !strings.Contains(l.read(), "DEBUG REST request method=GET path=/connectors ") {
			return fmt.Errorf("not there")
		}
		return nil
	})
	if n := l.count("b"); n != before {
		t.Errorf("the task's own level did not hold against that of the worker")
	}
	for _, name := range []string{"a", "b"} {
		w.Must(t, http.MethodDelete, "/connectors/"+name, nil)
	}
	w.Stop(t)
	if log := l.read(); strings.Contains(log, "[a|worker] connector deleted") || !strings.Contains(log, "[b|worker] connector deleted") {
		t.Error("what the worker says of a connector must obey that connector's level")
	}
}

type levels struct {
	*testing.T
	w     *service.Worker
	files map[string]string
}

func (l levels) set(logger, level string, changed ...string) {
	l.Helper()
	status, body, err := l.w.Do(l.Context(), http.MethodPut, "/admin/loggers/"+logger, map[string]string{"level": level})
	var names []string
	if err != nil || status != http.StatusOK || json.Unmarshal(body, &names) != nil || !slices.Equal(names, changed) {
		l.Errorf("%s to %s: %d %s %v, want %q", logger, level, status, body, err, changed)
	}
}

// commits gives both connectors something to do until the one given logs a further commit.
func (l levels) commits(connector string) {
	l.Helper()
	before := l.count(connector)
	service.Until(l, time.Minute, "a commit in the log of "+connector, func() error {
		for _, file := range l.files {
			appendTo(l, file, "more\n")
		}
		if l.count(connector) == before {
			return fmt.Errorf("none after %d", before)
		}
		return nil
	})
}

func (l levels) count(connector string) int {
	l.Helper()
	return strings.Count(l.read(), "DEBUG ["+connector+"|task-0] offsets committed")
}

func (l levels) read() string {
	l.Helper()
	raw, err := os.ReadFile(l.w.Log)
	if err != nil {
		l.Fatal(err)
	}
	return string(raw)
}
