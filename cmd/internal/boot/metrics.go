package boot

import (
	"net/http"
	"time"

	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/httpapi"
	exposed "github.com/troupe-connect/troupe/httpapi/metrics"
)

// showMetrics begins the worker's numbers and adds what shows them to the REST server's
// configuration. With metrics.enabled=false there are none.
func (n *node) showMetrics(cfg *httpapi.Config) error {
	m := &n.settings.Metrics
	if !m.Enabled {
		return nil
	}
	families, err := exposed.ParseFamilies(m.Families)
	if err != nil {
		return err
	}
	if cfg.MetricsListeners, err = listenersOf(m.Listeners, "metrics.listeners", m.TLS); err != nil {
		return err
	}
	n.numbers = metrics.NewRegistry(metrics.Windows{Samples: m.Samples, Length: m.SampleWindow}, m.MaxPartitions)
	n.numbers.Worker.WatchSchemas(n.schemas)
	show := exposed.NewExposition(n.numbers, families)
	cfg.MetricsRoutes = []httpapi.Route{
		{Method: http.MethodGet, Path: "/metrics", Handler: show},
		{Method: http.MethodGet, Path: "/dashboards/*file", Handler: exposed.Dashboards()},
	}
	if m.Jolokia {
		j := exposed.NewJolokia(n.numbers, builtin.KafkaVersion)
		for _, path := range []string{"/jolokia", "/jolokia/*request"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				cfg.MetricsRoutes = append(cfg.MetricsRoutes, httpapi.Route{Method: method, Path: path, Handler: j})
			}
		}
	}
	return nil
}

// describe notes in the numbers which worker it is, once its address is known.
func (n *node) describe() {
	n.numbers.Of().Describe(metrics.About{
		Version: builtin.KafkaVersion, Commit: builtin.Revision(), WorkerID: n.workerID, Started: time.Now(),
	})
}
