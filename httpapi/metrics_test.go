package httpapi

import (
	"io"
	"net/http"
	"testing"
)

// Metrics are with the REST API and /admin, or only on listeners of their own, where there is
// nothing else.
func TestWhereMetricsAre(t *testing.T) {
	route := Route{Method: "GET", Path: "/metrics", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "numbers")
	})}
	any := Listener{Scheme: "http", Host: "127.0.0.1"}
	for _, tt := range []struct {
		name    string
		own     bool
		metrics []int // status of /metrics at the REST, admin and metrics listeners
		root    []int
	}{
		{"with the rest", false, []int{200, 200}, []int{200, 404}},
		{"on their own", true, []int{404, 404, 200}, []int{200, 404, 404}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := local()
			cfg.AdminListeners, cfg.MetricsRoutes = []Listener{any}, []Route{route}
			if tt.own {
				cfg.MetricsListeners = []Listener{any}
			}
			_, addrs, _ := serve(t, cfg, newFakeHerder(true))
			c := client(t, nil)
			for i, addr := range addrs {
				for path, want := range map[string]int{"/metrics": tt.metrics[i], "/": tt.root[i]} {
					if status, body, err := get(t, c, "http://"+addr.String()+path); err != nil || status != want {
						t.Errorf("listener %d, %s: %d %q %v, want %d", i, path, status, body, err, want)
					}
				}
			}
		})
	}
}
