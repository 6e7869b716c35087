package top

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const connectors = `{
 "in": {"status": {"name":"in","type":"source","connector":{"state":"RUNNING","worker_id":"HOST"},
   "tasks":[{"id":0,"state":"RUNNING","worker_id":"HOST"},{"id":1,"state":"FAILED","worker_id":"HOST","trace":"org.apache.kafka.connect.errors.ConnectException: disk\n\tat x"}]}},
 "out": {"status": {"name":"out","type":"sink","connector":{"state":"PAUSED","worker_id":"HOST"},"tasks":[{"id":0,"state":"PAUSED","worker_id":"HOST"}]}}}`

const numbers = `# TYPE kafka_connect_source_task_source_record_write_total counter
kafka_connect_source_task_source_record_write_total{connector="in",task="0"} %TOTAL%
kafka_connect_source_task_metrics_source_record_write_total{connector="in",task="0"} %TOTAL%
kafka_connect_sink_task_sink_record_send_total{connector="out",task="0"} 7
kafka_connect_task_error_total_record_errors{connector="in",task="0"} 3
troupe_connector_lag_records{connector="out"} 123456
troupe_connector_lag_seconds{connector="out"} 7200
troupe_task_restarts_total{connector="in",task="0",reason="retriable"} 2
process_resident_memory_bytes 4.2e+07
`

// worker is a worker that answers as told; total is what its source has written.
func worker(t *testing.T, measured bool, total *string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connectors", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "ann" || password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(strings.ReplaceAll(connectors, "HOST", r.Host)))
	})
	if measured {
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.ReplaceAll(numbers, "%TOTAL%", *total)))
		})
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "http://", "http://ann:secret@", 1)
}

func read(t *testing.T, c *Cluster, at time.Time) (View, string) {
	t.Helper()
	v, err := c.Read(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Render(&b, &v, 0); err != nil {
		t.Fatal(err)
	}
	return v, b.String()
}

func TestTop(t *testing.T) {
	total := "1000"
	c, err := New(worker(t, true, &total), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 12, 1, 3, 4, 5, 0, time.UTC)
	if v, _ := read(t, c, start); v.Connectors[0].Rate != 0 {
		t.Errorf("a rate without a reading before: %v", v.Connectors[0].Rate)
	}
	total = "61000"
	v, text := read(t, c, start.Add(5*time.Second))
	in, out := v.Connectors[0], v.Connectors[1]
	if in.Rate != 12000 || in.Errors != 3 || in.Restarts != 2 || in.Running != 1 || in.Tasks != 2 {
		t.Errorf("in is %+v", in)
	}
	if out.Lag != 123456 || out.LagSeconds != 7200 || out.Running != 0 {
		t.Errorf("out is %+v", out)
	}
	for _, want := range []string{
		"1 workers, 2 connectors, 1 failed", "42 MB",
		"in         source  RUNNING  1/2    12.0k", "out        sink    PAUSED   0/1    0          123.5k  2.0h",
		"FAILED  in task 1 on ", "org.apache.kafka.connect.errors.ConnectException: disk\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	total = "10" // the task began anew
	if v, _ := read(t, c, start.Add(10*time.Second)); v.Connectors[0].Rate != 0 {
		t.Errorf("the rate is %v", v.Connectors[0].Rate)
	}
}

// A JVM worker has no /metrics: states alone.
func TestTopOfWorkersWithoutMetrics(t *testing.T) {
	c, err := New(worker(t, false, nil), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	v, text := read(t, c, time.Now())
	if v.Connectors[0].Measured || v.Workers[0].Err == nil || !strings.Contains(text, "no metrics: ") || !strings.Contains(text, "1/2    -") {
		t.Errorf("shown as\n%s", text)
	}
}

func TestTopWithoutAWorker(t *testing.T) {
	if _, err := New("http://", http.DefaultClient); err == nil {
		t.Error("a URL without host is taken")
	}
	c, err := New("127.0.0.1:1", http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(t.Context(), time.Now()); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("got %v", err)
	}
	total := ""
	refused, err := New(strings.Replace(worker(t, true, &total), "secret", "wrong", 1), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := refused.Read(t.Context(), time.Now()); err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v", err)
	}
}

func TestLinesAreCut(t *testing.T) {
	v := View{Connectors: []Connector{{Name: strings.Repeat("ä", 100)}}}
	var b strings.Builder
	if err := Render(&b, &v, 40); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := len([]rune(strings.TrimSpace(line))); n > 40 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

func TestShortNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1.25: "1.2", 9999: "9999", 12345: "12.3k", 2.5e6: "2.5M", 3e9: "3.0G"} {
		if got := short(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{0: "0s", 119: "119s", 180: "3m", 7200: "2.0h", 172800: "2.0d"} {
		if got := seconds(v); got != want {
			t.Errorf("%v s is %s, want %s", v, got, want)
		}
	}
}
