//go:build integration

package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// The load: that many connectors with a task each, and that many requests in flight at any time.
const (
	loadConnectors = 500
	loadInFlight   = 1000
	loadTime       = 10 * time.Second
)

// TestManyConnectorsAndRequests: 500 connectors, and 1,000 reads in flight without one error.
func TestManyConnectorsAndRequests(t *testing.T) {
	k := service.StartKafka(t)
	w := restWorker(t, k.Addr)
	w.Start(t)
	took := manyConnectors(t, w.REST)
	t.Logf("%d connectors created in %s", loadConnectors, took.Round(time.Millisecond))
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			m := a.run(w.URL)
			t.Logf("%d requests, %d in flight: %s", m.Requests, a.inFlight, latencies(m))
			if err := faultless(m); err != nil {
				t.Error(err)
			}
			if m.Requests < uint64(a.inFlight) {
				t.Errorf("%d requests are too few to have had %d in flight", m.Requests, a.inFlight)
			}
		})
	}
	deleteAll(t, w.REST)
	w.Stop(t)
}

// BenchmarkReads is the same load against Troupe and against the JVM worker, for comparison:
// go test -tags integration -run - -bench Reads -benchtime 1x ./cmd/troupe
func BenchmarkReads(b *testing.B) {
	k := service.StartKafka(b)
	b.Run("troupe", func(b *testing.B) {
		w := restWorker(b, k.Addr)
		w.Start(b)
		benchmarkReads(b, w.REST)
	})
	b.Run("jvm", func(b *testing.B) {
		b.Setenv("CONNECT_HEAP", "1500m") // each of the 500 tasks has a producer
		j := service.StartJVM(b, service.JVMConfig{Bootstrap: k.Addr})
		benchmarkReads(b, j.REST)
	})
}

func benchmarkReads(b *testing.B, worker service.REST) {
	b.Helper()
	b.Logf("%d connectors created in %s", loadConnectors, manyConnectors(b, worker).Round(time.Millisecond))
	for _, a := range attacks {
		b.Run(a.name, func(b *testing.B) {
			for b.Loop() {
				m := a.run(worker.URL)
				b.ReportMetric(float64(m.Latencies.P50.Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(m.Latencies.P99.Microseconds())/1000, "p99-ms")
				b.ReportMetric(m.Throughput, "answers/s")
				b.ReportMetric(100*(1-m.Success), "errors-%")
				if err := faultless(m); err != nil {
					b.Log(err)
				}
			}
		})
	}
}

// manyConnectors creates the connectors and waits until the last one's task runs.
func manyConnectors(tb testing.TB, worker service.REST) time.Duration {
	tb.Helper()
	in := filepath.Join(tb.TempDir(), "in.txt")
	appendTo(tb, in, "one\n")
	began := time.Now()
	for i := range loadConnectors {
		worker.Must(tb, http.MethodPost, "/connectors", map[string]any{"name": loadName(i), "config": map[string]string{
			"connector.class": "FileStreamSource", "tasks.max": "1", "file": in, "topic": "load-topic",
		}})
	}
	worker.Running(tb, loadName(loadConnectors-1), 1)
	return time.Since(began)
}

func loadName(i int) string { return fmt.Sprintf("load-%03d", i) }

// deleteAll deletes the connectors; the JVM's are ended with the process.
func deleteAll(tb testing.TB, worker service.REST) {
	tb.Helper()
	for i := range loadConnectors {
		worker.Must(tb, http.MethodDelete, "/connectors/"+loadName(i), nil)
	}
	var left []string
	if err := worker.Get(tb.Context(), "/connectors", &left); err != nil || len(left) != 0 {
		tb.Errorf("left after deletion: %v %v", left, err)
	}
}

// attack is one kind of load. With paths of %s each request is about another connector.
type attack struct {
	name     string
	inFlight int
	path     string
}

var attacks = []attack{
	{"one", 1, "/connectors/%s/status"},
	{"status", loadInFlight, "/connectors/%s/status"},
	{"info", loadInFlight, "/connectors/%s"},
	{"tasks", loadInFlight, "/connectors/%s/tasks"},
	{"list", loadInFlight, "/connectors"},
	{"expanded", 10, "/connectors?expand=status&expand=info"}, // all 500 in one answer
}

// run keeps inFlight requests under way until the time is over, each on a connection of its own.
func (a attack) run(url string) *vegeta.Metrics {
	var n atomic.Int64
	targeter := func(t *vegeta.Target) error {
		name := loadName(int(n.Add(1)) % loadConnectors)
		t.Method, t.URL = http.MethodGet, url+strings.Replace(a.path, "%s", name, 1)
		return nil
	}
	attacker := vegeta.NewAttacker(vegeta.Workers(uint64(a.inFlight)), vegeta.MaxWorkers(uint64(a.inFlight)),
		vegeta.Connections(a.inFlight), vegeta.MaxConnections(a.inFlight), vegeta.Timeout(time.Minute), vegeta.KeepAlive(true))
	m := &vegeta.Metrics{}
	for result := range attacker.Attack(targeter, vegeta.ConstantPacer{}, loadTime, a.name) {
		m.Add(result)
	}
	m.Close()
	return m
}

// faultless is an error unless every request was answered with 200.
func faultless(m *vegeta.Metrics) error {
	if m.Success == 1 && len(m.Errors) == 0 && m.StatusCodes["200"] == int(m.Requests) {
		return nil
	}
	return errors.Join(fmt.Errorf("statuses %v of %d requests", m.StatusCodes, m.Requests), fmt.Errorf("errors: %q", m.Errors))
}

func latencies(m *vegeta.Metrics) string {
	return fmt.Sprintf("p50 %s, p99 %s, max %s, %.0f answers/s",
		m.Latencies.P50.Round(10*time.Microsecond), m.Latencies.P99.Round(10*time.Microsecond), m.Latencies.Max.Round(10*time.Microsecond), m.Throughput)
}
