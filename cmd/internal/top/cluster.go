package top

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Cluster reads a Connect cluster. One goroutine uses it.
type Cluster struct {
	base   *url.URL
	client *http.Client
	last   map[string]totals // of each connector, at the reading before
	at     time.Time
}

// New reads the cluster of the worker whose REST server is at base, such as http://localhost:8083.
// A user and password in the URL are sent to every worker of the cluster.
func New(base string, client *http.Client) (*Cluster, error) {
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL of a worker; it is like http://localhost:8083", base)
	}
	return &Cluster{base: u, client: client}, nil
}

// Connector is one connector over all workers.
type Connector struct {
	Name, Type, State string
	Tasks, Running    int
	Failed            []Failure
	// What follows is from /metrics; Measured is false if no worker has told it.
	Measured   bool
	Rate       float64 // records per second, written (sources) or put (sinks), since the last reading
	Lag        float64 // records; sinks only
	LagSeconds float64
	Errors     float64 // records with errors, total
	Letters    float64 // dead letters, total
	Restarts   float64 // automatic, total
}

// Failure is a connector (Task -1) or task that is FAILED, with the first line of its trace.
type Failure struct {
	Task           int
	Worker, Reason string
}

// Worker is one worker of the cluster.
type Worker struct {
	ID         string
	Connectors int // instances on it
	Tasks      int
	Memory     float64 // bytes; 0 if not told
	Err        error   // why it did not answer
}

// View is the cluster at one moment.
type View struct {
	At         time.Time
	Connectors []Connector
	Workers    []Worker
}

// totals are the counters that rates are made of.
type totals struct{ moved float64 }

type expanded struct {
	Status struct {
		Connector struct {
			State    string `json:"state"`
			WorkerID string `json:"worker_id"`
			Trace    string `json:"trace"`
		} `json:"connector"`
		Tasks []struct {
			ID       int    `json:"id"`
			State    string `json:"state"`
			WorkerID string `json:"worker_id"`
			Trace    string `json:"trace"`
		} `json:"tasks"`
		Type string `json:"type"`
	} `json:"status"`
}

// Read asks the cluster. An error is that of the worker asked first; others that don't answer are
// told of in the view.
func (c *Cluster) Read(ctx context.Context, now time.Time) (View, error) {
	var all map[string]expanded
	body, err := c.get(ctx, c.base, "/connectors?expand=status", "application/json")
	if err != nil {
		return View{}, err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(&all); err != nil {
		return View{}, fmt.Errorf("%s answered GET /connectors with what is no list of connectors: %w", c.base.Host, err)
	}
	v := View{At: now}
	workers := map[string]*Worker{}
	byName := make(map[string]*Connector, len(all))
	for name, e := range all {
		v.Connectors = append(v.Connectors, connectorOf(name, &e, workers))
	}
	slices.SortFunc(v.Connectors, func(a, b Connector) int { return cmp.Compare(a.Name, b.Name) })
	for i := range v.Connectors {
		byName[v.Connectors[i].Name] = &v.Connectors[i]
	}
	if len(workers) == 0 {
		workers[c.base.Host] = &Worker{ID: c.base.Host}
	}
	seen := make(map[string]totals, len(byName))
	for _, w := range workers {
		w.Err = c.measure(ctx, w, byName, seen)
		v.Workers = append(v.Workers, *w)
	}
	slices.SortFunc(v.Workers, func(a, b Worker) int { return cmp.Compare(a.ID, b.ID) })
	c.rates(&v, seen, now)
	return v, nil
}

// rates compares with the reading before. A total that fell is that of a task that began anew.
func (c *Cluster) rates(v *View, seen map[string]totals, now time.Time) {
	if elapsed := now.Sub(c.at).Seconds(); c.last != nil && elapsed > 0 {
		for i := range v.Connectors {
			k := &v.Connectors[i]
			if was, known := c.last[k.Name]; known && k.Measured {
				k.Rate = max(seen[k.Name].moved-was.moved, 0) / elapsed
			}
		}
	}
	c.last, c.at = seen, now
}

func connectorOf(name string, e *expanded, workers map[string]*Worker) Connector {
	worker := func(id string) *Worker {
		if workers[id] == nil {
			workers[id] = &Worker{ID: id}
		}
		return workers[id]
	}
	s := &e.Status
	k := Connector{Name: name, Type: s.Type, State: s.Connector.State, Tasks: len(s.Tasks)}
	if s.Connector.WorkerID != "" {
		worker(s.Connector.WorkerID).Connectors++
	}
	if s.Connector.State == "FAILED" {
		k.Failed = append(k.Failed, Failure{-1, s.Connector.WorkerID, firstLine(s.Connector.Trace)})
	}
	for _, t := range s.Tasks {
		worker(t.WorkerID).Tasks++
		switch t.State {
		case "RUNNING":
			k.Running++
		case "FAILED":
			k.Failed = append(k.Failed, Failure{t.ID, t.WorkerID, firstLine(t.Trace)})
		}
	}
	return k
}

func firstLine(trace string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(trace), "\n")
	return line
}

// measure reads /metrics of a worker into the connectors that it runs.
func (c *Cluster) measure(ctx context.Context, w *Worker, byName map[string]*Connector, seen map[string]totals) error {
	at := *c.base
	if w.ID != "" {
		at.Host = w.ID
	}
	body, err := c.get(ctx, &at, "/metrics", "text/plain; version=0.0.4")
	if err != nil {
		return err
	}
	defer body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return fmt.Errorf("metrics of %s can't be read: %w", at.Host, err)
	}
	if m := families["process_resident_memory_bytes"]; m != nil && len(m.Metric) == 1 {
		w.Memory = valueOf(m.Metric[0])
	}
	each := func(name string, f func(k *Connector, v float64)) {
		if families[name] == nil {
			return
		}
		for _, m := range families[name].Metric {
			if k := byName[labelOf(m, "connector")]; k != nil {
				k.Measured = true
				f(k, valueOf(m))
			}
		}
	}
	moved := func(k *Connector, v float64) {
		t := seen[k.Name]
		t.moved += v
		seen[k.Name] = t
	}
	// Under either family of names; both at once is the default, so that the first that is there counts.
	first := func(names []string, f func(k *Connector, v float64)) {
		for _, name := range names {
			if families[name] != nil {
				each(name, f)
				return
			}
		}
	}
	first(bothNames("source_task", "source_record_write_total"), moved)
	first(bothNames("sink_task", "sink_record_send_total"), moved)
	first(bothNames("task_error", "total_record_errors"), func(k *Connector, v float64) { k.Errors += v })
	first(bothNames("task_error", "deadletterqueue_produce_requests"), func(k *Connector, v float64) { k.Letters += v })
	each("troupe_connector_lag_records", func(k *Connector, v float64) { k.Lag += v })
	each("troupe_connector_lag_seconds", func(k *Connector, v float64) { k.LagSeconds = max(k.LagSeconds, v) })
	each("troupe_task_restarts_total", func(k *Connector, v float64) { k.Restarts += v })
	return nil
}

func bothNames(group, attribute string) []string {
	return []string{"kafka_connect_" + group + "_" + attribute, "kafka_connect_" + group + "_metrics_" + attribute}
}

func valueOf(m *dto.Metric) float64 {
	return m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func (c *Cluster) get(ctx context.Context, base *url.URL, path, accept string) (io.ReadCloser, error) {
	target := *base
	var query string
	path, query, _ = strings.Cut(path, "?")
	target.Path, target.RawQuery = strings.TrimSuffix(base.Path, "/")+path, query
	login := target.User
	target.User = nil
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", base.Host, err)
	}
	request.Header.Set("Accept", accept)
	if login != nil {
		password, _ := login.Password()
		request.SetBasicAuth(login.Username(), password)
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", base.Host, err)
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close() // what it says of its error is not needed
		return nil, fmt.Errorf("%s answers %s to GET %s", base.Host, answer.Status, path)
	}
	return answer.Body, nil
}
