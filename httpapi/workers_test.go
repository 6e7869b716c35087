package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/troupe-connect/troupe/httpapi/peers"
)

// TestInternalRequests is the table of KIP-507: what each wrong signature is answered with.
func TestInternalRequests(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	const path, body = "/connectors/a/tasks", `[{"x":"1"},{}]`
	sign := func(key []byte, algorithm string) string {
		signature, err := peers.Sign(key, algorithm, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
	for _, tt := range []struct {
		name                 string
		key                  []byte
		notRequired          bool
		algorithm, signature string
		status               int
	}{
		{"right", key, false, "HmacSHA256", sign(key, "HmacSHA256"), 204},
		{"no header", key, false, "", "", 400},
		{"no algorithm", key, false, "", sign(key, "HmacSHA256"), 400},
		{"algorithm not permitted", key, false, "HmacSHA512", sign(key, "HmacSHA512"), 400},
		{"algorithm unknown", key, false, "Rot13", sign(key, "HmacSHA256"), 400},
		{"not base64", key, false, "HmacSHA256", "%%%", 400},
		{"no key yet", nil, false, "HmacSHA256", sign(key, "HmacSHA256"), 503},
		{"other key", []byte("other"), false, "HmacSHA256", sign(key, "HmacSHA256"), 403},
		{"too short", key, false, "HmacSHA256", base64.StdEncoding.EncodeToString([]byte("x")), 403},
		{"older protocol", nil, true, "", "", 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			herder := &fakeInternal{fakeHerder: newFakeHerder(false), key: tt.key, required: !tt.notRequired}
			h := handler(t, DefaultConfig(), herder, quiet())
			do(h, "POST", "/connectors", `{"name":"a","config":`+source+`}`)
			headers := []string{peers.SignatureHeader, tt.signature, peers.AlgorithmHeader, tt.algorithm, "Content-Type", "application/octet-stream"}
			w := do(h, "POST", path, body, headers...)
			if w.Code != tt.status || (len(herder.got) == 2) != (tt.status == 204) {
				t.Errorf("%d %s, got %v", w.Code, w.Body, herder.got)
			}
		})
	}
	herder := &fakeInternal{fakeHerder: newFakeHerder(false)}
	if w := do(handler(t, DefaultConfig(), herder, quiet()), "PUT", "/connectors/a%2Fb/fence", ""); w.Code != 204 || herder.fenced != "a/b" {
		t.Errorf("fence: %d %s %q", w.Code, w.Body, herder.fenced)
	}
}

// forwarded is a Forwarder that notes what it was asked.
type forwarded struct {
	asked, authorization, body string
	status                     int
	answer                     string
	err                        error
}

func (f *forwarded) Forward(_ context.Context, method, url, authorization string, body []byte) (int, []byte, error) {
	f.asked, f.authorization, f.body = method+" "+url, authorization, string(body)
	return f.status, []byte(f.answer), f.err
}

func TestForwarding(t *testing.T) {
	const info = `{"name":"a b","config":{},"tasks":[],"type":"source"}`
	for _, tt := range []struct {
		name, method, path, body string
		to                       forwarded
		asked                    string
		status                   int
		want                     string
	}{
		{
			"create", "POST", "/connectors", `{"name":"a b","config":` + source + `}`,
			forwarded{status: 201, answer: info},
			"POST http://leader:8083/connectors?forward=true", 201, info,
		},
		{
			"second hop", "DELETE", "/connectors/a%20b;v=1/?forward=true", "",
			forwarded{status: 204},
			"DELETE http://leader:8083/connectors/a%20b?forward=false", 204, "",
		},
		{
			"restart", "POST", "/connectors/a/restart?includeTasks=true&onlyFailed=false&x=y", "",
			forwarded{status: 202, answer: "{}"},
			"POST http://leader:8083/connectors/a/restart?forward=true&includeTasks=true&onlyFailed=false", 202, "{}",
		},
		{
			"error passed on", "PUT", "/connectors/a/stop", "",
			forwarded{status: 404, answer: `{"error_code":404,"message":"Unknown connector a"}`},
			"PUT http://leader:8083/connectors/a/stop?forward=true", 404, `{"error_code":404,"message":"Unknown connector a"}`,
		},
		{
			"redirect", "PUT", "/connectors/a/stop", "",
			forwarded{status: 302, answer: "<html>"},
			"PUT http://leader:8083/connectors/a/stop?forward=true", 500, `{"error_code":500,"message":"Unexpected status code when handling forwarded request: 302"}`,
		},
		{
			"error of something else", "PUT", "/connectors/a/stop", "",
			forwarded{status: 502, answer: "<html>"},
			"PUT http://leader:8083/connectors/a/stop?forward=true", 502, `{"error_code":502,"message":"HTTP 502 Bad Gateway"}`,
		},
		{
			"no answer", "PUT", "/connectors/a/stop", "",
			forwarded{err: errors.New("x509: certificate signed by unknown authority")},
			"PUT http://leader:8083/connectors/a/stop?forward=true", 500,
			`{"error_code":500,"message":"IO Error trying to forward REST request: x509: certificate signed by unknown authority"}`,
		},
		{
			"worker that has just stopped", "PUT", "/connectors/a/stop", "",
			forwarded{err: &url.Error{Op: "Put", URL: "u", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}},
			"PUT http://leader:8083/connectors/a/stop?forward=true", 503,
			`{"error_code":503,"message":"IO Error trying to forward REST request: Put \"u\": dial: connection refused"}`,
		},
		{
			"worker that stops in the middle", "PUT", "/connectors/a/stop", "",
			forwarded{err: fmt.Errorf("answer: %w", io.ErrUnexpectedEOF)},
			"PUT http://leader:8083/connectors/a/stop?forward=true", 503,
			`{"error_code":503,"message":"IO Error trying to forward REST request: answer: unexpected EOF"}`,
		},
		{
			"worker that is frozen", "PUT", "/connectors/a/stop", "",
			forwarded{err: &url.Error{Op: "Put", URL: "u", Err: context.DeadlineExceeded}},
			"PUT http://leader:8083/connectors/a/stop?forward=true", 503,
			`{"error_code":503,"message":"IO Error trying to forward REST request: Put \"u\": context deadline exceeded"}`,
		},
		{
			"third hop", "PUT", "/connectors/a/stop?forward=false", "",
			forwarded{},
			"", 409,
			`{"error_code":409,"message":"Cannot complete request because of a conflicting operation (e.g. worker rebalance)"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			herder := newFakeHerder(false)
			herder.before = func(context.Context, string) error { return elsewhereError("http://leader:8083/") }
			cfg := DefaultConfig()
			cfg.Forward = &tt.to
			w := do(handler(t, cfg, herder, quiet()), tt.method, tt.path, tt.body, "Authorization", "Basic abc")
			if w.Code != tt.status || w.Body.String() != tt.want || tt.to.asked != tt.asked {
				t.Errorf("%d %s, asked %s", w.Code, w.Body, tt.to.asked)
			}
			if tt.asked != "" && (tt.to.authorization != "Basic abc" || tt.to.body != tt.body) {
				t.Errorf("sent on %q with %q", tt.to.body, tt.to.authorization)
			}
			if tt.status == 201 && w.Header().Get("Location") != "http://example.com/connectors/a%20b" {
				t.Errorf("location %s", w.Header().Get("Location"))
			}
		})
	}
}

// TestForwardBetweenServers sends a request through two real servers.
func TestForwardBetweenServers(t *testing.T) {
	leading := &fakeInternal{fakeHerder: newFakeHerder(false)}
	leaderURL := startHandler(t, DefaultConfig(), leading)
	following := newFakeHerder(false)
	following.before = func(_ context.Context, call string) error {
		if call == "PutConfig" {
			return elsewhereError(leaderURL + "/")
		}
		return nil
	}
	cfg := DefaultConfig()
	transport := peers.Transport(nil)
	t.Cleanup(transport.CloseIdleConnections)
	cfg.Forward = peers.NewClient(transport)
	w := do(handler(t, cfg, following, quiet()), "PUT", "/connectors/x%2Fy/config", source)
	if w.Code != 201 || leading.connectors["x/y"] == nil {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestLogin(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{
		"htpasswd": "ann:" + string(hash) + "\n",
		"users":    "ann=right\n",
		"jaas": `KafkaConnect { org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule required file="` +
			filepath.ToSlash(filepath.Join(dir, "users")) + `"; };`,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(*Config){
		"htpasswd": func(c *Config) { c.Htpasswd = filepath.Join(dir, "htpasswd") },
		"extension": func(c *Config) {
			c.Extensions, c.LoginConfig = []string{basicAuthExtension}, filepath.Join(dir, "jaas")
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultConfig()
			change(&cfg)
			cfg.Routes = []Route{{Method: "GET", Path: "/metrics", Handler: http.NotFoundHandler()}}
			h := handler(t, cfg, &fakeInternal{fakeHerder: newFakeHerder(false), required: true}, quiet())
			basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
			for authorization, in := range map[string]bool{
				"": false, basic("ann:right"): true, basic("ann:wrong"): false, basic("bob:right"): false, basic("ann"): false,
				"Bearer x": false, "Basic %%%": false, basic(":right"): false,
				strings.Replace(basic("ann:right"), "Basic", "bAsIc", 1): true,
			} {
				w := do(h, "GET", "/connectors", "", "Authorization", authorization)
				if got := w.Code == 200; got != in {
					t.Errorf("%q: %d", authorization, w.Code)
				}
				if !in && (w.Code != 401 || w.Body.String() != "User cannot access the resource." || w.Header().Get("WWW-Authenticate") == "") {
					t.Errorf("%q: %d %s %v", authorization, w.Code, w.Body, w.Header())
				}
			}
			for request, status := range map[string]int{
				"POST /connectors/a/tasks":   400, // let through to the check of its signature
				"POST /connectors/a/tasks/":  400,
				"PUT /connectors/a/fence":    400,
				"GET /connectors/a/tasks":    401,
				"PUT /connectors/a/tasks":    401,
				"GET /health":                401,
				"GET /metrics":               401,
				"GET /nothing":               401,
				"GET /admin/loggers":         401,
				"POST /connectors/a/b/tasks": 401,
			} {
				method, path, _ := strings.Cut(request, " ")
				if w := do(h, method, path, "[]"); w.Code != status {
					t.Errorf("%s: %d %s", request, w.Code, w.Body)
				}
			}
		})
	}
}

// TestExtensions: what only shows something is left out with a warning, what may guard the interface
// is refused.
func TestExtensions(t *testing.T) {
	for name, refused := range map[string]bool{
		"io.debezium.kcrestextension.DebeziumConnectRestExtension":                     false,
		"io.confluent.connect.replicator.monitoring.ReplicatorMonitoringExtension":     false,
		"com.example.PrometheusMetrics":                                                false,
		"com.example.HealthMonitor":                                                    false,
		"com.example.SecurityMonitor":                                                  true,
		"io.confluent.connect.security.ConnectSecurityExtension":                       true,
		"com.example.Anything":                                                         true,
		"com.example.ConnectHealth, io.debezium.kcrestextension.DebeziumRestExtension": false,
	} {
		var log bytes.Buffer
		cfg := DefaultConfig()
		cfg.Extensions = strings.Split(name, ",")
		_, err := New(cfg, fakeRegistry(), nil, slog.New(slog.NewTextHandler(&log, nil)))
		if (err != nil) != refused || !refused && strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("%s: %v\n%s", name, err, &log)
		}
	}
}
