package builtin

import (
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/codecs/avro"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// schema.registry.ssl.* says whom to trust; plain ssl.* doesn't count, and host names are checked only
// where asked for, as by Confluent's client.
func TestRegistryOverTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":1}`) }))
	defer s.Close()
	trust := filepath.Join(t.TempDir(), "trust.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(trust, block, 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := strings.Replace(s.URL, "127.0.0.1", "localhost", 1) // not in the certificate
	for _, tt := range []struct {
		name  string
		url   string
		props map[string]string
		ok    bool
	}{
		{"nobody is trusted", s.URL, nil, false},
		{"without the prefix it doesn't count", s.URL, map[string]string{"ssl.truststore.location": trust, "ssl.truststore.type": "PEM"}, false},
		{"trusted", s.URL, map[string]string{"schema.registry.ssl.truststore.location": trust, "schema.registry.ssl.truststore.type": "PEM"}, true},
		{"another host name", elsewhere, map[string]string{
			"schema.registry.ssl.truststore.location": trust, "schema.registry.ssl.truststore.type": "PEM",
		}, true},
		{"another host name, checked", elsewhere, map[string]string{
			"schema.registry.ssl.truststore.location": trust, "schema.registry.ssl.truststore.type": "PEM",
			"schema.registry.ssl.endpoint.identification.algorithm": "https",
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			props := map[string]string{"schema.registry.url": tt.url, "max.retries": "0"}
			maps.Copy(props, tt.props)
			c := avro.Plugin(registry.NewPool(registry.WithTLS(registryTLS))).New()
			if err := c.Configure(props, false); err != nil {
				t.Fatal(err)
			}
			_, err := c.FromConnect("t", data.Int32Schema, int32(1))
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
			if err != nil && !errors.Is(err, errs.Network) {
				t.Errorf("an error of TLS is %s: %v", errs.ClassOf(err), err)
			}
		})
	}
	c := avro.Plugin(registry.NewPool(registry.WithTLS(registryTLS))).New()
	err := c.Configure(map[string]string{"schema.registry.url": s.URL, "schema.registry.ssl.truststore.location": trust + ".missing"}, false)
	if !errors.Is(err, errs.Config) {
		t.Errorf("a trust store that isn't there: %v", err)
	}
}
