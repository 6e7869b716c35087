package metrics

import (
	"embed"
	"net/http"
	"path"
	"strings"
)

// files are the dashboards for Grafana, importable as they are, and the alerts for Prometheus.
//
//go:embed grafana/*.json rules/*.yaml
var files embed.FS

// Dashboards serves them below /dashboards/: cluster.json, connector.json, task.json,
// exactly-once.json, dead-letters.json and rules/troupe.yaml.
func Dashboards() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Clean(strings.TrimPrefix(r.URL.Path, "/dashboards/"))
		if !strings.HasPrefix(name, "rules/") {
			name = "grafana/" + name
		}
		if path.Ext(name) == "" { // a folder: its list is nobody's business
			http.NotFound(w, r)
			return
		}
		http.ServeFileFS(w, r, files, name)
	})
}
