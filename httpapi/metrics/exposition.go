package metrics

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	vm "github.com/VictoriaMetrics/metrics"

	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Families says which names Kafka Connect's metrics are shown under: metrics.families.
type Families struct {
	Reporter    bool // "reporter": kafka_connect_connector_task_metrics_…
	JMXExporter bool // "jmx-exporter": kafka_connect_connector_task_…
}

// ParseFamilies reads metrics.families, a list of "reporter" and "jmx-exporter".
func ParseFamilies(list []string) (Families, error) {
	var f Families
	for _, name := range list {
		switch strings.TrimSpace(name) {
		case "reporter":
			f.Reporter = true
		case "jmx-exporter":
			f.JMXExporter = true
		default:
			return f, errs.Config.New("Invalid value %s for configuration metrics.families: must be a list of reporter, jmx-exporter", name)
		}
	}
	return f, nil
}

// Exposition writes a worker's numbers in the text formats of Prometheus. It is safe for
// concurrent use.
type Exposition struct {
	registry *metrics.Registry
	families Families
}

// NewExposition shows registry under the names of families.
func NewExposition(registry *metrics.Registry, families Families) *Exposition {
	return &Exposition{registry: registry, families: families}
}

// The two formats, by their content types.
const (
	ClassicType     = "text/plain; version=0.0.4; charset=utf-8"
	OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"
)

// WantsOpenMetrics says whether a request with this Accept header gets OpenMetrics.
func WantsOpenMetrics(accept string) bool {
	return strings.Contains(accept, "application/openmetrics-text")
}

// Write writes all numbers as they are at now, in pieces: no lock is held while a slow reader
// takes one.
func (e *Exposition) Write(w io.Writer, openMetrics bool, now time.Time) error {
	t := &text{to: w, b: make([]byte, 0, 2*piece), openMetrics: openMetrics, now: now.UnixMilli(), s: e.registry.Snapshot()}
	e.kafka(t)
	for _, f := range metrics.Families() {
		t.family(f)
	}
	e.appInfo(t)
	e.process(t)
	if openMetrics {
		t.b = append(t.b, "# EOF\n"...)
	}
	t.flush(0)
	if t.err != nil {
		return fmt.Errorf("metrics not sent: %w", t.err)
	}
	return nil
}

// piece is how much text, in bytes, is gathered before it is written.
const piece = 64 << 10

// kafka writes Kafka Connect's groups under the names asked for.
func (e *Exposition) kafka(t *text) {
	for _, g := range metrics.Groups() {
		members := g.Members(t.s)
		if len(members) == 0 || g.MBeanOnly {
			continue
		}
		// The labels of each member, once for all attributes.
		reporter, rule := allLabels(members, reporterKey), allLabels(members, ruleKey)
		for i := range g.Attributes {
			a := &g.Attributes[i]
			if e.families.Reporter {
				t.attribute(g.ReporterName(a), a, members, reporter)
			}
			// By that rule file kafka_connect_connector_status is the state of tasks.
			once := e.families.Reporter && g.ReporterName(a) == g.RuleName(a) // app-info
			if e.families.JMXExporter && !once && (g.Name != "connector-metrics" || a.Name != "status") {
				t.attribute(g.RuleName(a), a, members, rule)
				if g.Name == "connector-task-metrics" && a.Name == "status" {
					t.attribute("kafka_connect_connector_status", a, members, rule)
				}
			}
		}
	}
}

func reporterKey(k string) string { return strings.ReplaceAll(k, "-", "_") }

func ruleKey(k string) string { return strings.ReplaceAll(k, "-", "") }

func (e *Exposition) appInfo(t *text) {
	if !e.families.JMXExporter && !e.families.Reporter {
		return
	}
	about := e.registry.Worker.About()
	id := metrics.Label{Key: "clientid", Value: e.registry.Worker.ClientID()}
	t.head("kafka_connect_start_time_seconds", metrics.Gauge, "When the worker started, in seconds since 1970.")
	t.value("kafka_connect_start_time_seconds", labels([]metrics.Label{id}, ruleKey), nil, float64(about.Started.UnixMilli())/1000)
	t.head("kafka_connect_version_info", metrics.Gauge, "1, with the worker's version.")
	t.value("kafka_connect_version_info", labels([]metrics.Label{
		id, {Key: "version", Value: about.Version}, {Key: "commitid", Value: about.Commit},
	}, ruleKey), nil, 1)
}

// process writes what the library says of process and Go runtime. It has no help texts and no
// OpenMetrics, so the lines are sorted into families here.
func (e *Exposition) process(t *text) {
	var b bytes.Buffer
	vm.WriteProcessMetrics(&b)
	all := processFamilies(b.String())
	for _, name := range slices.Sorted(maps.Keys(all)) {
		help := "Of the worker's process: " + strings.ReplaceAll(name, "_", " ") + "."
		switch {
		case slices.ContainsFunc(all[name], isQuantile):
			t.line("# HELP ", name, help)
			t.line("# TYPE ", name, "summary")
		case strings.HasSuffix(name, "_total"):
			t.head(name, metrics.Counter, help)
		default:
			t.head(name, metrics.Gauge, help)
		}
		for _, line := range all[name] {
			t.b = append(append(t.b, line...), '\n')
		}
	}
}

func isQuantile(line string) bool { return strings.Contains(line, `{quantile="`) }

// processFamilies sorts the lines of a text without comments into metrics: a summary's sum and count
// belong to it. Histograms are left out: their buckets are VictoriaMetrics' own ranges, which
// Prometheus can't read.
func processFamilies(text string) map[string][]string {
	named := make(map[string][]string)
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			name := line[:strings.IndexAny(line+" ", "{ ")]
			named[name] = append(named[name], line)
		}
	}
	for name, lines := range named {
		base, isHistogram := strings.CutSuffix(name, "_bucket")
		if !isHistogram && !slices.ContainsFunc(lines, isQuantile) {
			continue
		}
		for _, part := range []string{base + "_sum", base + "_count"} {
			if !isHistogram {
				named[name] = append(named[name], named[part]...)
			}
			delete(named, part)
		}
		if isHistogram {
			delete(named, name)
		}
	}
	return named
}

// text is an exposition that is being written.
type text struct {
	to          io.Writer
	err         error // of the first write that failed; nothing is written after it
	b           []byte
	openMetrics bool
	now         int64
	s           *metrics.Snapshot
}

// flush writes what has been gathered if it is more than limit bytes.
func (t *text) flush(limit int) {
	if len(t.b) <= limit {
		return
	}
	if t.err == nil {
		_, t.err = t.to.Write(t.b)
	}
	t.b = t.b[:0]
}

// attribute writes one attribute of all its bearers under one name.
func (t *text) attribute(name string, a *metrics.Attribute, members []metrics.Member, of [][]byte) {
	t.head(name, a.Kind, a.Help)
	for i, m := range members {
		if a.Kind == metrics.Text {
			extra := labels([]metrics.Label{{Key: a.Name, Value: m.Text(a)}}, reporterKey)
			t.value(name, of[i], extra, 1)
			t.flush(piece)
			continue
		}
		t.value(name, of[i], nil, m.Number(a, t.now))
		t.flush(piece)
	}
}

// family writes a metric of ours, or nothing if nobody has it.
func (t *text) family(f *metrics.Family) {
	t.flush(0) // so that what follows can be taken back
	began := len(t.b)
	if f.Histogram {
		t.line("# HELP ", f.Name, f.Help)
		t.line("# TYPE ", f.Name, "histogram")
	} else {
		t.head(f.Name, f.Kind, f.Help)
	}
	head, wrote := len(t.b), false
	piecewise := func() {
		wrote = true
		t.flush(piece)
	}
	if f.Histogram {
		f.CollectBuckets(t.s, func(b metrics.Buckets, of ...metrics.Label) {
			t.histogram(f.Name, b, of)
			piecewise()
		})
	} else {
		f.Collect(t.s, t.now, func(v float64, of ...metrics.Label) {
			t.value(f.Name, labels(of, reporterKey), nil, v)
			piecewise()
		})
	}
	if !wrote && len(t.b) == head {
		t.b = t.b[:began]
	}
}

func (t *text) histogram(name string, b metrics.Buckets, of []metrics.Label) {
	l := labels(of, reporterKey)
	var sum uint64
	for i, n := range b.Counts {
		sum += n
		bound := math.Inf(1)
		if i < len(b.Bounds) {
			bound = b.Bounds[i]
		}
		le := append(append([]byte(`le="`), number(bound)...), '"')
		t.value(name+"_bucket", l, le, float64(sum))
	}
	t.value(name+"_sum", l, nil, b.Sum)
	t.value(name+"_count", l, nil, float64(b.Count))
}

// head writes what stands before the values of a metric. OpenMetrics wants counters to end in
// _total, and names them without; Kafka's that don't are of unknown type there.
func (t *text) head(name string, kind metrics.Kind, help string) {
	typ := "gauge"
	base := name
	if kind == metrics.Counter {
		total := strings.HasSuffix(name, "_total")
		switch {
		case !t.openMetrics:
			typ = "counter"
		case total:
			typ, base = "counter", strings.TrimSuffix(name, "_total")
		default:
			typ = "unknown"
		}
	}
	t.line("# HELP ", base, help)
	t.line("# TYPE ", base, typ)
}

func (t *text) line(what, name, rest string) {
	t.b = append(t.b, what...)
	t.b = append(t.b, name...)
	t.b = append(t.b, ' ')
	t.b = append(t.b, rest...)
	t.b = append(t.b, '\n')
}

// value writes one sample. of and extra are labels ready to be written, either may be empty.
func (t *text) value(name string, of, extra []byte, v float64) {
	t.b = append(t.b, name...)
	if len(of)+len(extra) > 0 {
		t.b = append(t.b, '{')
		t.b = append(t.b, of...)
		if len(of) > 0 && len(extra) > 0 {
			t.b = append(t.b, ',')
		}
		t.b = append(t.b, extra...)
		t.b = append(t.b, '}')
	}
	t.b = append(t.b, ' ')
	t.b = appendNumber(t.b, v)
	t.b = append(t.b, '\n')
}

func number(v float64) []byte { return appendNumber(nil, v) }

func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "NaN"...)
	case math.IsInf(v, 1):
		return append(b, "+Inf"...)
	case math.IsInf(v, -1):
		return append(b, "-Inf"...)
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.AppendInt(b, int64(v), 10)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// allLabels is the labels of all members, side by side in one piece of memory.
func allLabels(members []metrics.Member, key func(string) string) [][]byte {
	var b []byte
	ends := make([]int, len(members))
	for i, m := range members {
		b = appendLabels(b, m.Labels, key)
		ends[i] = len(b)
	}
	all, began := make([][]byte, len(members)), 0
	for i, end := range ends {
		all[i], began = b[began:end], end
	}
	return all
}

// labels is l as it stands between braces, with keys as key makes them.
func labels(l []metrics.Label, key func(string) string) []byte {
	return appendLabels(nil, l, key)
}

func appendLabels(b []byte, l []metrics.Label, key func(string) string) []byte {
	for i, x := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, key(x.Key)...)
		b = append(b, '=', '"')
		b = appendEscaped(b, x.Value)
		b = append(b, '"')
	}
	return b
}

// appendEscaped writes a label's value. Bytes that are no UTF-8, which a name from a topic may
// have, become the replacement character: readers refuse the whole text otherwise.
func appendEscaped(b []byte, s string) []byte {
	for _, r := range s {
		switch r {
		case '\\':
			b = append(b, `\\`...)
		case '"':
			b = append(b, `\"`...)
		case '\n':
			b = append(b, `\n`...)
		default:
			b = append(b, string(r)...)
		}
	}
	return b
}
