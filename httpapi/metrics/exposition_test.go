package metrics

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/troupe-connect/troupe/cluster/metrics"
)

var now = time.UnixMilli(1_800_000_000_000)

// busy is a worker with n source and n sink tasks that have moved something.
func busy(n int) *metrics.Registry {
	r := metrics.NewRegistry(metrics.DefaultWindows(), 10)
	ms := metrics.Millis(now)
	for i := range n {
		name := "c" + strconv.Itoa(i)
		r.AddConnector(name, "com.example.Source", "1", true).Enter("RUNNING")
		src := r.AddTask(name, 0, true)
		src.Enter("RUNNING", ms)
		src.Source.Follow(func() int64 { return 60 }, ms)
		src.Source.Polled(100, 20*time.Millisecond, ms)
		src.Source.Dropped(40, ms)
		src.Committed(true, 3*time.Millisecond, ms)
		src.Spent(metrics.Poll, 20*time.Millisecond)
		sink := r.AddTask(name, 1, false)
		sink.Enter("PAUSED", ms)
		sink.Sink.Read(10, ms)
		sink.Sink.SetLag([]metrics.PartitionLag{{Topic: "t", Partition: 3, Records: 12, Since: ms - 5000}})
		r.AddClient(metrics.ProducerClient, "connector-producer-"+name+"-0").Batch(60, 4096, ms)
	}
	return r
}

func expose(t *testing.T, r *metrics.Registry, f Families, openMetrics bool) string {
	t.Helper()
	var b bytes.Buffer
	r.Worker.Describe(metrics.About{Version: "1.2.3", Commit: "abc", WorkerID: "w:1", Started: now.Add(-time.Minute)})
	r.Worker.Joins("connect-1", metrics.DefaultWindows())
	e := NewExposition(r, f)
	if err := e.Write(&b, openMetrics, now); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var both = Families{Reporter: true, JMXExporter: true}

// parse reads the text by Prometheus' own parser, which refuses families that are split or doubled.
func parse(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("Prometheus does not read the text: %v", err)
	}
	return families
}

func TestPrometheusReadsIt(t *testing.T) {
	families := parse(t, expose(t, busy(2), both, false))
	for name, want := range map[string]float64{
		"kafka_connect_connect_worker_metrics_connector_count":       2,
		"kafka_connect_worker_connector_count":                       2,
		"kafka_connect_worker_task_count":                            4,
		"kafka_connect_source_task_metrics_source_record_poll_total": 100,
		"kafka_connect_source_task_source_record_poll_total":         100,
		"kafka_connect_sink_task_sink_record_read_total":             10,
		"kafka_connect_sink_task_metrics_sink_record_lag_max":        12,
		"kafka_producer_record_send_total":                           60,
		"kafka_connect_connector_status":                             1,
		"kafka_connect_start_time_seconds":                           1_799_999_940,
		"troupe_sink_lag_seconds":                                    5,
	} {
		f := families[name]
		if f == nil {
			t.Errorf("%s is not there", name)
			continue
		}
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
		m := f.Metric[0]
		got := m.GetGauge().GetValue() + m.GetCounter().GetValue()
		if got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if f := families["troupe_stage_seconds"]; f.GetType() != dto.MetricType_HISTOGRAM || f.Metric[0].Histogram.GetSampleCount() != 1 {
		t.Errorf("troupe_stage_seconds is %v", f)
	}
	if f := families["go_gc_duration_seconds"]; f.GetType() != dto.MetricType_SUMMARY || len(f.Metric) != 1 {
		t.Errorf("go_gc_duration_seconds is %v", f)
	}
	if families["go_goroutines"] == nil || families["process_resident_memory_bytes"] == nil {
		t.Errorf("the process's own numbers are missing")
	}
}

func TestFamiliesAreAChoice(t *testing.T) {
	only := expose(t, busy(1), Families{Reporter: true}, false)
	if strings.Contains(only, "kafka_connect_worker_connector_count") || !strings.Contains(only, "kafka_connect_connect_worker_metrics_connector_count") {
		t.Errorf("metrics.families=reporter shows other names")
	}
	if f, err := ParseFamilies([]string{"reporter", " jmx-exporter"}); err != nil || f != both {
		t.Errorf("families are %v, %v", f, err)
	}
	if _, err := ParseFamilies([]string{"graphite"}); err == nil || !strings.Contains(err.Error(), "graphite") {
		t.Errorf("an unknown family is taken: %v", err)
	}
}

func TestOpenMetrics(t *testing.T) {
	text := expose(t, busy(1), both, true)
	if !strings.HasSuffix(text, "\n# EOF\n") {
		t.Errorf("the text does not end in # EOF")
	}
	for _, want := range []string{
		"# TYPE kafka_connect_source_task_source_record_poll counter\n",
		"kafka_connect_source_task_source_record_poll_total{connector=\"c0\",task=\"0\"} 100\n",
		"# TYPE kafka_connect_task_error_total_record_failures unknown\n",
		"# TYPE troupe_stage_seconds histogram\n",
		"troupe_stage_seconds_bucket{connector=\"c0\",task=\"0\",stage=\"poll\",le=\"+Inf\"} 1\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if !WantsOpenMetrics("application/openmetrics-text;version=1.0.0,text/plain;q=0.5") || WantsOpenMetrics("text/plain") {
		t.Errorf("Accept is misread")
	}
}

// Names of connectors are people's: whatever is in them must not break the text.
func TestNamesAreEscaped(t *testing.T) {
	r := metrics.NewRegistry(metrics.DefaultWindows(), 0)
	name := "a\"b\\c\nd\xff{}"
	r.AddTask(name, 0, true)
	f := parse(t, expose(t, r, both, false))["kafka_connect_source_task_source_record_poll_total"]
	if got := f.Metric[0].Label[0].GetValue(); got != "a\"b\\c\nd\uFFFD{}" {
		t.Errorf("connector is %q", got)
	}
}

func TestNumbersAreWrittenShort(t *testing.T) {
	for v, want := range map[float64]string{
		1e15: "1000000000000000", .25: "0.25", math.Inf(1): "+Inf", math.Inf(-1): "-Inf", 1e300: "1e+300", -3: "-3",
	} {
		if got := string(number(v)); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	if got := string(number(math.NaN())); got != "NaN" {
		t.Errorf("NaN is written %s", got)
	}
}

// BenchmarkScrape is one scrape of a worker with 1,000 connectors of two tasks.
func BenchmarkScrape(b *testing.B) {
	r := busy(1000)
	e := NewExposition(r, both)
	var w countingWriter
	for b.Loop() {
		if err := e.Write(&w, false, now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(w)/float64(b.N), "bytes/op")
}

type countingWriter int

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}
