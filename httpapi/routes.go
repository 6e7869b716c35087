package httpapi

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// route is one operation of the interface. The table of them is what gin, OPTIONS, 405 and the
// test of openapi.json are made from.
type route struct {
	method, path string
	// run does it. Its context ends at the request's deadline.
	run func(ctx context.Context, c *call) (answer, error)
	// anyBody: the body need not be JSON, as with the requests between workers.
	anyBody bool
	// early: it is answered before there is a herder too (Server.Open); the rest is 503 until then.
	early  bool
	health bool // GET /health and the probes have a deadline of their own
}

// answer is what a handler answers with; a nil body is none.
type answer struct {
	status   int
	body     any
	location string
}

func ok(body any) (answer, error) { return answer{status: http.StatusOK, body: body}, nil }

func empty(status int) (answer, error) { return answer{status: status}, nil }

// publicRoutes are those of listeners.
func (s *Server) publicRoutes() []route {
	const connector = "/connectors/:connector"
	return []route{
		{method: "GET", path: "/", run: s.root},
		{method: "GET", path: "/health", run: s.health, early: true, health: true},
		{method: "GET", path: "/health/live", run: s.live, early: true, health: true},
		{method: "GET", path: "/health/ready", run: s.readiness, early: true, health: true},
		{method: "GET", path: "/openapi.json", run: s.openAPI, early: true},
		{method: "GET", path: "/connectors", run: s.listConnectors},
		{method: "POST", path: "/connectors", run: s.createConnector},
		{method: "GET", path: connector, run: s.getConnector},
		{method: "DELETE", path: connector, run: s.deleteConnector},
		{method: "GET", path: connector + "/config", run: s.getConfig},
		{method: "PUT", path: connector + "/config", run: s.putConfig},
		{method: "PATCH", path: connector + "/config", run: s.patchConfig},
		{method: "GET", path: connector + "/status", run: s.getStatus},
		{method: "GET", path: connector + "/topics", run: s.getTopics},
		{method: "PUT", path: connector + "/topics/reset", run: s.resetTopics},
		{method: "POST", path: connector + "/restart", run: s.restartConnector},
		{method: "PUT", path: connector + "/pause", run: s.pause},
		{method: "PUT", path: connector + "/resume", run: s.resume},
		{method: "PUT", path: connector + "/stop", run: s.stop},
		{method: "GET", path: connector + "/tasks", run: s.getTasks},
		{method: "POST", path: connector + "/tasks", run: s.putTaskConfigs, anyBody: true},
		{method: "PUT", path: connector + "/fence", run: s.fence, anyBody: true},
		{method: "GET", path: connector + "/tasks/:task/status", run: s.getTaskStatus},
		{method: "POST", path: connector + "/tasks/:task/restart", run: s.restartTask},
		{method: "GET", path: connector + "/offsets", run: s.getOffsets},
		{method: "PATCH", path: connector + "/offsets", run: s.patchOffsets},
		{method: "DELETE", path: connector + "/offsets", run: s.deleteOffsets},
		{method: "GET", path: "/connector-plugins", run: s.listPlugins},
		{method: "GET", path: "/connector-plugins/:plugin/config", run: s.pluginConfig},
		{method: "PUT", path: "/connector-plugins/:plugin/config/validate", run: s.validate},
	}
}

// adminRoutes are those of admin.listeners, or of listeners too.
func (s *Server) adminRoutes() []route {
	return []route{
		{method: "GET", path: "/admin/loggers", run: s.listLoggers, early: true},
		{method: "GET", path: "/admin/loggers/:logger", run: s.getLogger, early: true},
		{method: "PUT", path: "/admin/loggers/:logger", run: s.setLogger, early: true},
	}
}

// methodTable is the methods of each path of the table, as an Allow header has them.
type methodTable map[string][]string

// register gives gin the routes, with HEAD for every GET and OPTIONS for every path.
func register(e *gin.Engine, s *Server, routes []route, extra []Route) methodTable {
	table := methodTable{}
	for _, r := range routes {
		table[r.path] = append(table[r.path], r.method)
		handler := s.handle(r)
		e.Handle(r.method, r.path, handler)
		if r.method == http.MethodGet {
			table[r.path] = append(table[r.path], http.MethodHead)
			e.HEAD(r.path, handler)
		}
	}
	for path, methods := range table {
		methods = append(methods, http.MethodOptions)
		slices.Sort(methods)
		table[path] = methods
		e.OPTIONS(path, s.options(strings.Join(methods, ", ")))
	}
	for _, r := range extra {
		h := gin.WrapH(r.Handler)
		e.Handle(r.Method, r.Path, h)
		if r.Method == http.MethodGet {
			e.HEAD(r.Path, h)
		}
	}
	return table
}

// of is the Allow header for a path that was asked with a method it hasn't; it runs for 405 only.
func (t methodTable) of(path string) string {
	segments := strings.Split(path, "/")
	for pattern, methods := range t {
		parts := strings.Split(pattern, "/")
		if slices.EqualFunc(parts, segments, func(part, segment string) bool {
			return part == segment || strings.HasPrefix(part, ":") && segment != ""
		}) {
			return strings.Join(methods, ", ")
		}
	}
	return ""
}

func tlsListener(ln net.Listener, cfg *tls.Config) net.Listener {
	cfg = cfg.Clone()
	if len(cfg.NextProtos) == 0 {
		cfg.NextProtos = []string{"http/1.1"}
	}
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS12
	}
	return tls.NewListener(ln, cfg)
}
