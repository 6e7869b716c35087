package kafka_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func store(name string) string { return filepath.Join("..", "..", "testdata", "security", name) }

// tlsCluster is a cluster that shows the certificate and asks for one of the client if wanted.
func tlsCluster(t *testing.T, certificate string, ask tls.ClientAuthType) *kafkatest.Cluster {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(store(certificate), store(certificate))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(store("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	server := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: ask, ClientCAs: pool}
	return kafkatest.New(t, kafkatest.TLS(server, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}))
}

// reach makes all three kinds of client do one thing and returns their errors.
func reach(t *testing.T, c *kafkatest.Cluster, props kafka.Props) map[string]error {
	t.Helper()
	out := map[string]error{}
	all := with(c.Props(), props)
	p, err := kafka.NewProducer(all, quiet())
	if err == nil {
		err = p.Produce(soon(t), &kafka.Record{Topic: "t", Value: []byte("v")}, nil)
		if err == nil {
			err = p.Flush(soon(t))
		}
		p.Abort()
	}
	out["producer"] = err
	a, err := kafka.NewAdmin(all, quiet())
	if err == nil {
		_, err = a.ClusterID(soon(t))
		a.Close()
	}
	out["admin"] = err
	con, err := kafka.NewConsumer(with(all, fast), "g", []string{"t"}, "", quiet())
	if err == nil {
		ctx := soon(t)
		for err == nil && ctx.Err() == nil {
			var polled kafka.Polled
			polled, err = con.Poll(ctx, 0)
			if polled.Rebalance != nil {
				polled.Rebalance.Done(nil)
				break
			}
		}
		con.Close(soonIn(t, 2*time.Second))
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	out["consumer"] = err
	return out
}

func TestTLS(t *testing.T) {
	trust := kafka.Props{"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": store("ca.pem")}
	ca, err := os.ReadFile(store("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name        string
		certificate string
		ask         tls.ClientAuthType
		props       kafka.Props
		fails       string // "" if it works
	}{
		{"PEM", "server.pem", tls.NoClientCert, trust, ""},
		{"PEM in line", "server.pem", tls.NoClientCert, kafka.Props{
			"security.protocol": "ssl", "ssl.truststore.type": "PEM",
			"ssl.truststore.certificates": strings.ReplaceAll(string(ca), "\n", " "),
		}, ""},
		{"JKS", "server.pem", tls.NoClientCert, kafka.Props{
			"security.protocol":       "SSL",
			"ssl.truststore.location": store("trust.jks"), "ssl.truststore.password": "store-secret",
		}, ""},
		{"PKCS12", "server.pem", tls.NoClientCert, kafka.Props{
			"security.protocol": "SSL", "ssl.truststore.type": "PKCS12",
			"ssl.truststore.location": store("trust.p12"), "ssl.truststore.password": "store-secret",
		}, ""},
		{"client certificate of JKS", "server.pem", tls.RequireAndVerifyClientCert, with(trust, kafka.Props{
			"ssl.keystore.location": store("client.jks"), "ssl.keystore.password": "store-secret", "ssl.key.password": "key-secret",
		}), ""},
		{"client certificate of PKCS12", "server.pem", tls.RequireAndVerifyClientCert, with(trust, kafka.Props{
			"ssl.keystore.type":     "PKCS12",
			"ssl.keystore.location": store("client.p12"), "ssl.keystore.password": "store-secret",
		}), ""},
		{"client certificate of PEM", "server.pem", tls.RequireAndVerifyClientCert, with(trust, kafka.Props{
			"ssl.keystore.type":     "PEM",
			"ssl.keystore.location": store("client-aes-256-cbc.pem"), "ssl.key.password": "key-secret",
		}), ""},
		{"TLS 1.2 and one cipher", "server.pem", tls.NoClientCert, with(trust, kafka.Props{
			"ssl.enabled.protocols": "TLSv1.2",
			"ssl.cipher.suites":     "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
		}), ""},
		{"common name only", "named.pem", tls.NoClientCert, with(trust, kafka.Props{"bootstrap.servers": "localhost"}), ""},
		{"trusted as it is", "server.pem", tls.NoClientCert, kafka.Props{
			"security.protocol": "SSL", "ssl.truststore.type": "PEM",
			"ssl.truststore.location": leafOnly(t),
		}, ""},
		{"another host, unchecked", "other.pem", tls.NoClientCert, with(trust, kafka.Props{"ssl.endpoint.identification.algorithm": ""}), ""},
		{"another host", "other.pem", tls.NoClientCert, trust, "for another host"},
		{"not trusted", "server.pem", tls.NoClientCert, kafka.Props{"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.truststore.location": store("ec.pem")}, "not trusted"},
		{"not trusted, unchecked host", "server.pem", tls.NoClientCert, kafka.Props{
			"security.protocol": "SSL", "ssl.truststore.type": "PEM",
			"ssl.truststore.location": store("ec.pem"), "ssl.endpoint.identification.algorithm": "",
		}, "not trusted"},
		{"by the system", "server.pem", tls.NoClientCert, kafka.Props{"security.protocol": "SSL"}, "not trusted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := tlsCluster(t, tt.certificate, tt.ask)
			props := tt.props
			if props["bootstrap.servers"] == "localhost" { // the broker's certificate has this name
				_, port, _ := strings.Cut(c.Bootstrap(), ":")
				props = with(props, kafka.Props{"bootstrap.servers": "localhost:" + port})
				testNamed(t, props)
				return
			}
			for kind, err := range reach(t, c, props) {
				checkLogin(t, kind, err, tt.fails, "SslAuthenticationException")
			}
		})
	}
}

// testNamed only asks the first broker: it says that its name is 127.0.0.1, which isn't in the certificate.
func testNamed(t *testing.T, props kafka.Props) {
	t.Helper()
	p, err := kafka.NewProducer(props, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Abort()
	if err := p.Produce(soon(t), &kafka.Record{Topic: "t"}, nil); err != nil {
		t.Error(err)
	}
}

func leafOnly(t *testing.T) string {
	t.Helper()
	all, err := os.ReadFile(store("server.pem"))
	if err != nil {
		t.Fatal(err)
	}
	_, certs, _ := strings.Cut(string(all), "-----BEGIN CERTIFICATE-----")
	leaf, _, _ := strings.Cut(certs, "-----END CERTIFICATE-----")
	path := filepath.Join(t.TempDir(), "leaf.pem")
	if err := os.WriteFile(path, []byte("-----BEGIN CERTIFICATE-----"+leaf+"-----END CERTIFICATE-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func checkLogin(t *testing.T, kind string, err error, fails, java string) {
	t.Helper()
	if fails == "" {
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		return
	}
	if kafka.Classify(err) != kafka.Authorization || !errors.Is(err, errs.Authorization) ||
		!strings.Contains(err.Error(), fails) || !strings.HasSuffix(kafka.ClassName(err), "."+java) {
		t.Errorf("%s: %v (%s, %s), want %s with %q", kind, err, kafka.Classify(err), kafka.ClassName(err), java, fails)
	}
}

func TestSASL(t *testing.T) {
	jaas := func(module, password string) string {
		return "org.apache.kafka.common.security." + module + ` required username="kc" password="` + password + `";`
	}
	for _, tt := range []struct{ mechanism, module string }{
		{"PLAIN", "plain.PlainLoginModule"},
		{"SCRAM-SHA-256", "scram.ScramLoginModule"},
		{"SCRAM-SHA-512", "scram.ScramLoginModule"},
	} {
		for _, password := range []string{`kc-"secret`, "wrong-1"} {
			t.Run(tt.mechanism+" "+password, func(t *testing.T) {
				t.Parallel()
				c := kafkatest.New(t, kafkatest.User(tt.mechanism, "kc", `kc-"secret`))
				fails := ""
				if password == "wrong-1" {
					fails = "SASL"
					// kfake closes the connection where a broker says why.
					c.Fail(kafkatest.Fault{Request: "SASLAuthenticate", Error: "SASL_AUTHENTICATION_FAILED", Times: -1, TopLevel: true})
				}
				props := kafka.Props{
					"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": tt.mechanism,
					"sasl.jaas.config": jaas(tt.module, strings.ReplaceAll(password, `"`, `\"`)),
				}
				for kind, err := range reach(t, c, props) {
					checkLogin(t, kind, err, fails, "SaslAuthenticationException")
				}
			})
		}
	}
}

// A token endpoint that refuses fails the clients.
func TestOAuthRefused(t *testing.T) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer endpoint.Close()
	c := kafkatest.New(t, kafkatest.User("PLAIN", "kc", "kc-secret"))
	props := kafka.Props{
		"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER",
		"sasl.oauthbearer.token.endpoint.url": endpoint.URL,
		"sasl.jaas.config":                    `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId="i" clientSecret="hush-1";`,
	}
	for kind, err := range reach(t, c, props) {
		if kafka.Classify(err) != kafka.Authorization || strings.Contains(err.Error(), "hush-1") {
			t.Errorf("%s: %v (%s)", kind, err, kafka.Classify(err))
		}
	}
}
