package metrics

import (
	"encoding/json"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/troupe-connect/troupe/cluster/metrics"
)

// shown are all names that /metrics may have.
func shown(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{"kafka_connect_connector_status": true}
	for _, g := range metrics.Groups() {
		for i := range g.Attributes {
			names[g.RuleName(&g.Attributes[i])] = true
			names[g.ReporterName(&g.Attributes[i])] = true
		}
	}
	for _, f := range metrics.Families() {
		names[f.Name] = true
		if f.Histogram {
			names[f.Name+"_bucket"], names[f.Name+"_sum"], names[f.Name+"_count"] = true, true, true
		}
	}
	for name := range parse(t, expose(t, busy(1), both, false)) {
		names[name] = true
	}
	return names
}

var metricName = regexp.MustCompile(`\b(kafka|troupe|process|go)_\w+`)

// Every name in an expression of a dashboard or alert is one that we show.
func TestDashboardsAskForWhatIsThere(t *testing.T) {
	names := shown(t)
	check := func(file, expr string) {
		found := metricName.FindAllString(expr, -1)
		if len(found) == 0 {
			t.Errorf("%s: %q has no metric of ours", file, expr)
		}
		for _, name := range found {
			if !names[name] {
				t.Errorf("%s: %s is not shown", file, name)
			}
		}
	}
	dashboards, err := fs.Glob(files, "grafana/*.json")
	if err != nil || len(dashboards) != 5 {
		t.Fatalf("dashboards %v, %v", dashboards, err)
	}
	uids := make(map[string]bool)
	for _, file := range dashboards {
		text, _ := fs.ReadFile(files, file)
		var d struct {
			UID, Title string
			Panels     []struct {
				Type, Title string
				Targets     []struct{ Expr string }
			}
			Templating struct {
				List []struct{ Type, Definition string }
			}
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if d.UID == "" || uids[d.UID] || len(d.Panels) < 6 {
			t.Errorf("%s: uid %q, %d panels", file, d.UID, len(d.Panels))
		}
		uids[d.UID] = true
		for _, p := range d.Panels {
			if len(p.Targets) == 0 && p.Type != "row" {
				t.Errorf("%s: panel %q asks for nothing", file, p.Title)
			}
			for _, target := range p.Targets {
				check(file+", "+p.Title, target.Expr)
			}
		}
		for _, v := range d.Templating.List {
			if v.Type == "query" {
				check(file, v.Definition)
			}
		}
	}
	text, err := fs.ReadFile(files, "rules/troupe.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules.Groups[0].Rules {
		check(r.Alert, r.Expr)
		if r.Annotations["summary"] == "" {
			t.Errorf("%s has no summary", r.Alert)
		}
	}
	if len(rules.Groups[0].Rules) < 10 {
		t.Errorf("%d alerts", len(rules.Groups[0].Rules))
	}
}

func TestDashboardsOverHTTP(t *testing.T) {
	h := Dashboards()
	for path, want := range map[string]int{
		"/dashboards/cluster.json": 200, "/dashboards/rules/troupe.yaml": 200, "/dashboards/": 404,
		"/dashboards/nothing.json": 404, "/dashboards/../exposition.go": 400, "/dashboards/rules/": 404,
	} {
		w := get(t, h, "GET", path, "")
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
		if want == 200 && !strings.Contains(w.Body.String(), "kafka_connect_") {
			t.Errorf("%s has no metrics in it", path)
		}
	}
}
