package peers

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/security"
)

// TestTransport has a worker with https listeners asked by another one.
func TestTransport(t *testing.T) {
	server := map[string]string{"ssl.keystore.type": "PEM", "ssl.keystore.location": secret("server.pem")}
	mutual := with(server, "ssl.client.auth", "required", "ssl.truststore.location", secret("trust.jks"), "ssl.truststore.password", "store-secret")
	trust := map[string]string{"ssl.truststore.location": secret("trust.jks"), "ssl.truststore.password": "store-secret"}
	shown := with(trust, "ssl.keystore.type", "PKCS12", "ssl.keystore.location", secret("client.p12"), "ssl.keystore.password", "store-secret")
	stranger := map[string]string{"ssl.keystore.type": "PEM", "ssl.keystore.location": secret("ec.pem")}
	for _, tt := range []struct {
		name           string
		server, client map[string]string
		host           string // by which the server is asked
		want           string // in the error; "" for an answer
	}{
		{"trust store", server, trust, "localhost", ""},
		{"key store in place of a trust store", server, server, "localhost", ""},
		{"key store of another key", server, stranger, "localhost", "the worker's certificate is not trusted"},
		{"neither store", server, nil, "localhost", "the worker's certificate is not trusted"},
		{"another name", server, trust, "127.0.0.2", "for another host"},
		{"another name, not checked", server, with(trust, "ssl.endpoint.identification.algorithm", ""), "127.0.0.2", ""},
		{"certificate shown", mutual, shown, "localhost", ""},
		{"certificate not shown", mutual, trust, "localhost", "tls"},
		{"one version", server, with(trust, "ssl.enabled.protocols", "TLSv1.2"), "localhost", ""},
		{"trust store gone", server, with(trust, "ssl.truststore.location", secret("none.jks")), "localhost", "https to other workers"},
		{"http needs no stores", nil, with(trust, "ssl.truststore.location", secret("none.jks")), "localhost", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := NewClient(Transport(tt.client))
			defer client.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			status, body, err := client.Forward(ctx, http.MethodPut, peerServer(t, tt.server, tt.host)+"/x", "Basic abc", []byte(`{"a":1}`))
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("%d %v, want an error with %q", status, err, tt.want)
				}
				if strings.Contains(err.Error(), "-secret") {
					t.Errorf("shows a password: %v", err)
				}
				return
			}
			if err != nil || status != http.StatusOK || string(body) != `PUT /x Basic abc HTTP/1.1` {
				t.Errorf("%d %s %v", status, body, err)
			}
		})
	}
}

// peerServer is another worker's REST server, with its URL; without settings it speaks http.
func peerServer(t *testing.T, settings map[string]string, host string) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + r.Proto))
	}))
	ln, err := net.Listen("tcp", "0.0.0.0:0") //nolint:noctx // binding doesn't wait
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Listener.Close() // its own is of one address only
	s.Listener = ln
	s.Config.ErrorLog = nil
	scheme := "http"
	if settings == nil {
		s.Start()
	} else {
		scheme = "https"
		if s.TLS, err = security.Server("listeners", settings); err != nil {
			t.Fatal(err)
		}
		s.StartTLS()
	}
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// secret is a store or certificate among the test data.
func secret(name string) string {
	return filepath.Join("..", "..", "testdata", "security", name)
}

func with(props map[string]string, pairs ...string) map[string]string {
	out := maps.Clone(props)
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}
