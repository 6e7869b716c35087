package security

import (
	"crypto/tls"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func secret(name string) string {
	return filepath.Join("..", "..", "testdata", "security", name)
}

// TestServerTLS shakes hands with what the settings make.
func TestServerTLS(t *testing.T) {
	server, err := os.ReadFile(secret("server.pem"))
	if err != nil {
		t.Fatal(err)
	}
	const mark = "-----BEGIN CERTIFICATE"
	key, chain, _ := strings.Cut(string(server), mark)
	pem := map[string]string{"ssl.keystore.type": "PEM", "ssl.keystore.location": secret("server.pem")}
	jks := map[string]string{
		"ssl.keystore.location": secret("client.jks"), "ssl.keystore.password": "store-secret", "ssl.key.password": "key-secret",
	}
	p12 := map[string]string{"ssl.keystore.type": "PKCS12", "ssl.keystore.location": secret("client.p12"), "ssl.keystore.password": "store-secret"}
	mutual := with(pem, "ssl.client.auth", "required", "ssl.truststore.location", secret("trust.jks"), "ssl.truststore.password", "store-secret")
	asked := with(mutual, "ssl.client.auth", "requested", "ssl.truststore.type", "pkcs12", "ssl.truststore.location", secret("trust.p12"))
	client, err := tls.LoadX509KeyPair(secret("client.pem"), secret("client.pem"))
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := tls.LoadX509KeyPair(secret("ec.pem"), secret("ec.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		props   map[string]string
		cert    *tls.Certificate
		version uint16 // of the client
		ok      bool
	}{
		{"PEM file", pem, nil, tls.VersionTLS13, true},
		{"PEM in line", map[string]string{
			"ssl.keystore.type": "pem", "ssl.keystore.key": key, "ssl.keystore.certificate.chain": mark + chain,
		}, nil, tls.VersionTLS13, true},
		{"JKS", jks, nil, tls.VersionTLS13, true},
		{"PKCS12", p12, nil, tls.VersionTLS13, true},
		{"TLS 1.2", pem, nil, tls.VersionTLS12, true},
		{"TLS 1.1 by default", pem, nil, tls.VersionTLS11, false},
		{"TLS 1.2 when it is off", with(pem, "ssl.enabled.protocols", "TLSv1.3"), nil, tls.VersionTLS12, false},
		{"TLS 1.3 when it is off", with(pem, "ssl.enabled.protocols", "TLSv1.2"), nil, tls.VersionTLS13, false},
		{"cipher suite", with(pem, "ssl.cipher.suites", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"), nil, tls.VersionTLS12, true},
		{"certificate required and shown", mutual, &client, tls.VersionTLS13, true},
		{"certificate required and not shown", mutual, nil, tls.VersionTLS13, false},
		{"certificate of someone else", mutual, &stranger, tls.VersionTLS13, false},
		{"certificate requested and shown", asked, &client, tls.VersionTLS13, true},
		{"certificate requested and not shown", asked, nil, tls.VersionTLS13, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conf, err := Server("listeners", tt.props)
			if err != nil {
				t.Fatal(err)
			}
			if err := shakeHands(t, conf, tt.cert, tt.version); (err == nil) != tt.ok {
				t.Errorf("handshake: %v, want success %t", err, tt.ok)
			}
		})
	}
}

// shakeHands returns the server's opinion.
func shakeHands(t *testing.T, conf *tls.Config, cert *tls.Certificate, version uint16) error {
	t.Helper()
	near, far := net.Pipe()
	deadline := time.Now().Add(10 * time.Second)
	for _, c := range []net.Conn{near, far} {
		if err := c.SetDeadline(deadline); err != nil {
			t.Fatal(err)
		}
	}
	wants := &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version} //nolint:gosec // the server is tested here
	if cert != nil {
		// Given whatever the server asks for, also if it wouldn't take it.
		wants.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	ended := make(chan struct{})
	go func() { // ends with the pipe, which is closed below
		defer close(ended)
		c := tls.Client(far, wants)
		if c.HandshakeContext(t.Context()) == nil {
			_, _ = c.Read(make([]byte, 1)) // the server's refusal comes after the client's handshake
		}
	}()
	err := tls.Server(near, conf).HandshakeContext(t.Context())
	_ = near.Close()
	_ = far.Close()
	<-ended
	return err
}

func TestServerTLSErrors(t *testing.T) {
	pem := map[string]string{"ssl.keystore.type": "PEM", "ssl.keystore.location": secret("server.pem")}
	jks := map[string]string{"ssl.keystore.location": secret("client.jks"), "ssl.keystore.password": "wrong-secret"}
	for _, tt := range []struct {
		name  string
		props map[string]string
		want  string
	}{
		{"no key store", nil, "set listeners.https.ssl.keystore.location"},
		{"no such file", with(pem, "ssl.keystore.location", secret("none.pem")), "none.pem"},
		{"wrong password", jks, "key store of the https listener"},
		{"no trust store", with(pem, "ssl.client.auth", "required"), "ssl.client.auth=required needs a trust store"},
		{"client auth", with(pem, "ssl.client.auth", "maybe"), "maybe"},
		{"trust store gone", with(pem, "ssl.truststore.location", secret("none.jks")), "trust store of the https listener"},
		{"protocol", with(pem, "ssl.enabled.protocols", "TLSv1.3,SSLv3"), "Invalid value SSLv3 for configuration ssl.enabled.protocols"},
		{"cipher", with(pem, "ssl.cipher.suites", "TLS_NONE"), "Invalid value TLS_NONE for configuration ssl.cipher.suites"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Server("listeners", tt.props)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "listeners: ") {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "-secret") {
				t.Errorf("shows a password: %v", err)
			}
		})
	}
}

func with(props map[string]string, pairs ...string) map[string]string {
	out := maps.Clone(props)
	if out == nil {
		out = map[string]string{}
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}
