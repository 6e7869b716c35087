package httpapi

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/httpapi/logging"
)

// local is a configuration with one listener at any port.
func local() Config {
	cfg := DefaultConfig()
	cfg.Listeners = []Listener{{Scheme: "http", Host: "127.0.0.1"}}
	return cfg
}

// serve runs a server and returns it with its addresses and what Serve will return.
func serve(t *testing.T, cfg Config, h Herder) (*Server, []net.Addr, <-chan error) {
	t.Helper()
	s, err := New(cfg, fakeRegistry(), logging.NewRegistry(nil), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.Open(h)
	addrs, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		s.close()
	})
	return s, addrs, ended
}

func get(t *testing.T, client *http.Client, url string) (int, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

func client(t *testing.T, tlsConfig *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: tlsConfig}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func TestServeAndShutdown(t *testing.T) {
	s, addrs, ended := serve(t, local(), newFakeHerder(true))
	status, body, err := get(t, client(t, nil), "http://"+addrs[0].String()+"/connectors")
	if err != nil || status != 200 || body != "[]" {
		t.Fatalf("%d %q %v", status, body, err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, _, err := get(t, client(t, nil), "http://"+addrs[0].String()+"/"); err == nil {
		t.Error("it still answers")
	}
	if _, err := s.Listen(); err == nil {
		t.Error("it listens again")
	}
}

func TestShutdownWithoutServe(t *testing.T) {
	s, err := New(local(), fakeRegistry(), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context()); err == nil {
		t.Error("it serves without listening")
	}
	addrs, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Serve(t.Context()); err != nil {
		t.Errorf("Serve after Shutdown: %v", err)
	}
	ln, err := net.Listen("tcp", addrs[0].String())
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = ln.Close()
}

// TestShutdownAnswers: a request under way gets its answer; one that takes too long gets 503.
func TestShutdownAnswers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		patient bool
		status  int
	}{{"in time", true, 200}, {"too late", false, 503}} {
		t.Run(tt.name, func(t *testing.T) {
			herder := newFakeHerder(true)
			entered, release := make(chan struct{}), make(chan struct{})
			herder.before = func(ctx context.Context, _ string) error {
				close(entered)
				select {
				case <-release:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			s, addrs, _ := serve(t, local(), herder)
			type result struct {
				status int
				body   string
				err    error
			}
			results := make(chan result, 1)
			go func() {
				status, body, err := get(t, client(t, nil), "http://"+addrs[0].String()+"/connectors")
				results <- result{status, body, err}
			}()
			<-entered
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			down := make(chan error, 1)
			go func() { down <- s.Shutdown(ctx) }()
			if tt.patient {
				close(release)
			} else {
				cancel()
			}
			r := <-results
			if r.err != nil || r.status != tt.status {
				t.Errorf("answer %d %q %v, want %d", r.status, r.body, r.err, tt.status)
			}
			if err := <-down; tt.patient != (err == nil) {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
}

func TestServeEndsWithContext(t *testing.T) {
	s, err := New(local(), fakeRegistry(), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Serve(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: %v", err)
	}
}

func TestListenFailsWhole(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := local()
	cfg.Listeners = append(cfg.Listeners, Listener{Scheme: "http", Host: "127.0.0.1", Port: taken.Addr().(*net.TCPAddr).Port})
	s, err := New(cfg, fakeRegistry(), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Listen(); err == nil || !strings.Contains(err.Error(), cfg.Listeners[1].String()) {
		t.Errorf("Listen: %v", err)
	}
	if s.bound != nil {
		t.Error("it holds the first listener")
	}
}

func TestAdminListener(t *testing.T) {
	cfg := local()
	cfg.AdminListeners = []Listener{{Scheme: "http", Host: "127.0.0.1"}}
	_, addrs, _ := serve(t, cfg, newFakeHerder(true))
	for _, tt := range []struct {
		at     int
		path   string
		status int
	}{{0, "/admin/loggers", 404}, {0, "/", 200}, {1, "/admin/loggers", 200}, {1, "/connectors", 404}} {
		status, body, err := get(t, client(t, nil), "http://"+addrs[tt.at].String()+tt.path)
		if err != nil || status != tt.status {
			t.Errorf("listener %d %s: %d %s %v", tt.at, tt.path, status, body, err)
		}
	}
}

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return authority{cert, key, pool}
}

func (a authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestHTTPS: a listener for each of no, wished and needed client certificates, beside a plain one.
func TestHTTPS(t *testing.T) {
	ca := newAuthority(t)
	server := ca.issue(t, "worker")
	cfg := local()
	for _, mode := range []tls.ClientAuthType{tls.NoClientCert, tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert} {
		cfg.Listeners = append(cfg.Listeners, Listener{Scheme: "https", Host: "127.0.0.1", TLS: &tls.Config{
			Certificates: []tls.Certificate{server}, ClientCAs: ca.pool, ClientAuth: mode, MinVersion: tls.VersionTLS12,
		}})
	}
	_, addrs, _ := serve(t, cfg, newFakeHerder(true))
	if status, _, err := get(t, client(t, nil), "http://"+addrs[0].String()+"/"); err != nil || status != 200 {
		t.Errorf("http: %d %v", status, err)
	}
	without := client(t, &tls.Config{RootCAs: ca.pool, MinVersion: tls.VersionTLS12})
	with := client(t, &tls.Config{RootCAs: ca.pool, Certificates: []tls.Certificate{ca.issue(t, "client")}, MinVersion: tls.VersionTLS12})
	stranger := client(t, &tls.Config{
		RootCAs: ca.pool, Certificates: []tls.Certificate{newAuthority(t).issue(t, "stranger")}, MinVersion: tls.VersionTLS12,
	})
	for i, accepted := range []map[*http.Client]bool{
		{without: true, with: true},
		{without: true, with: true},
		{without: false, with: true, stranger: false},
	} {
		for c, want := range accepted {
			status, body, err := get(t, c, "https://"+addrs[i+1].String()+"/")
			if got := err == nil && status == 200; got != want {
				t.Errorf("listener %d: %d %s %v", i+1, status, body, err)
			}
		}
	}
	if status, body, err := get(t, client(t, nil), "http://"+addrs[1].String()+"/"); err == nil && status == 200 {
		t.Errorf("plain text at the https listener: %d %s", status, body)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no listener", func(c *Config) { c.Listeners = nil }, "listeners"},
		{"protocol", func(c *Config) { c.Listeners[0].Scheme = "ftp" }, "http or https"},
		{"no certificate", func(c *Config) { c.Listeners[0].Scheme = "https" }, "certificate"},
		{"admin without certificate", func(c *Config) { c.AdminListeners = []Listener{{Scheme: "https"}} }, "admin.listeners"},
		{"negative timeout", func(c *Config) { c.RequestTimeout = -1 }, "positive"},
		{"header rule", func(c *Config) { c.ResponseHeaders = "add X" }, "response.http.headers.config"},
		{"header action", func(c *Config) { c.ResponseHeaders = "del X:y" }, "del"},
		{"header date", func(c *Config) { c.ResponseHeaders = "setDate X:soon" }, "time"},
		{"header split", func(c *Config) { c.ResponseHeaders = "set a b:c" }, "whitespace"},
		{"extension", func(c *Config) { c.Extensions = []string{"com.example.Ext"} }, "com.example.Ext"},
		{"no login file", func(c *Config) { c.Extensions = []string{basicAuthExtension} }, "login file"},
		{"htpasswd missing", func(c *Config) { c.Htpasswd = "no/such/file" }, "no/such/file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := local()
			tt.change(&cfg)
			_, err := New(cfg, fakeRegistry(), nil, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something of %q", err, tt.want)
			}
		})
	}
}

func TestParseListener(t *testing.T) {
	for text, want := range map[string]string{
		"http://:8083":             "http://:8083",
		" HTTPS://myhost:8443":     "https://myhost:8443",
		"http://[::1]:0":           "http://[::1]:0",
		"http://0.0.0.0:65535":     "http://0.0.0.0:65535",
		"ftp://x:1":                "",
		"http://x":                 "",
		"http://x:65536":           "",
		"http://x:1/path":          "",
		"http://x:99999999999999x": "",
	} {
		l, err := ParseListener(text)
		if (want == "") != (err != nil) || err == nil && l.String() != want {
			t.Errorf("%s: %v %v", text, l, err)
		}
	}
}

// TestHeaderLimit: a client that sends too much of a header is
// refused.
func TestHeaderLimit(t *testing.T) {
	_, addrs, _ := serve(t, local(), newFakeHerder(true))
	conn, err := net.Dial("tcp", addrs[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 2*headerLimit)+"\r\n\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, " 431 ") {
		t.Errorf("%q %v", line, err)
	}
}

// TestSlowBody: a body that doesn't arrive is given up, and the time it had doesn't limit the
// request it belongs to.
func TestSlowBody(t *testing.T) {
	herder := newFakeHerder(true)
	s, err := New(local(), fakeRegistry(), logging.NewRegistry(nil), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.Open(herder)
	s.patience = 100 * time.Millisecond
	herder.before = func(ctx context.Context, _ string) error {
		select {
		case <-time.After(3 * s.patience): // longer than the body may take
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	addrs, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(t.Context()) }()
	defer func() {
		s.close()
		<-ended //nolint:errcheck // it ends because it was closed
	}()
	for body, want := range map[string]string{
		`{"name":"a","config":` + source + `}`: " 201 ",
		`{"name":`:                             " 408 ",
	} {
		conn, err := net.Dial("tcp", addrs[0].String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		length := len(`{"name":"a","config":` + source + `}`)
		_, _ = fmt.Fprintf(conn, "POST /connectors HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", length, body)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, want) {
			t.Errorf("%s: %q %v", body, line, err)
		}
		_ = conn.Close()
	}
}

// TestIdleMemory: a server that waits costs little.
func TestIdleMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	s, addrs, _ := serve(t, local(), newFakeHerder(true))
	if _, _, err := get(t, client(t, nil), "http://"+addrs[0].String()+"/"); err != nil {
		t.Fatal(err)
	}
	after := heap()
	if after > before+2<<20 {
		t.Errorf("an idle server holds %d KiB", (after-before)>>10)
	}
	runtime.KeepAlive(s)
}

func decodeError(t *testing.T, body string) (int, string) {
	t.Helper()
	var e struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return e.Code, e.Message
}
