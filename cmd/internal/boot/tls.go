package boot

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/troupe-connect/troupe/cluster/kafka/keystore"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi"
)

// serverTLS is the TLS of https listeners from Java's ssl.* keys, without prefix. key is listeners
// or admin.listeners.
func serverTLS(key string, props map[string]string) (*tls.Config, error) {
	own := storeOf(props, "ssl.keystore.")
	own.KeyPassword, own.HasKeyPassword = lookup(props, "ssl.key.password")
	own.Key = props["ssl.keystore.key"]
	if !own.Configured() {
		return nil, errs.Config.New("%s: https needs a key store, set %s.https.ssl.keystore.location", key, key)
	}
	pair, err := own.KeyPair()
	if err != nil {
		return nil, errs.Config.Wrap(err, "%s: key store of the https listener (ssl.keystore.*)", key)
	}
	conf := &tls.Config{Certificates: []tls.Certificate{pair}}
	if conf.MinVersion, conf.MaxVersion, err = versions(key, props["ssl.enabled.protocols"]); err != nil {
		return nil, err
	}
	if conf.CipherSuites, err = ciphers(key, props["ssl.cipher.suites"]); err != nil {
		return nil, err
	}
	if conf.ClientAuth, err = httpapi.ClientAuth(props["ssl.client.auth"]); err != nil {
		return nil, err
	}
	conf.ClientCAs, err = clientCAs(key, props, conf.ClientAuth)
	return conf, err
}

// clientCAs are the authorities whose certificates clients may show. Without a trust store Go would
// take those of the operating system, which is everyone with a certificate of the web.
func clientCAs(key string, props map[string]string, wanted tls.ClientAuthType) (*x509.CertPool, error) {
	trust := storeOf(props, "ssl.truststore.")
	if !trust.Configured() {
		if wanted == tls.NoClientCert {
			return nil, nil
		}
		return nil, errs.Config.New("%s: ssl.client.auth=%s needs a trust store that says whose certificates are taken, set %s.https.ssl.truststore.location",
			key, props["ssl.client.auth"], key)
	}
	certs, err := trust.Certificates()
	if err != nil {
		return nil, errs.Config.Wrap(err, "%s: trust store of the https listener (ssl.truststore.*)", key)
	}
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

var protocols = map[string]uint16{
	"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
}

// versions is ssl.enabled.protocols, TLSv1.2 and TLSv1.3 by default, as the range that Go knows.
func versions(key, list string) (low, high uint16, err error) {
	names := listOf(list)
	if len(names) == 0 {
		return tls.VersionTLS12, tls.VersionTLS13, nil
	}
	low, high = tls.VersionTLS13, tls.VersionTLS10
	for _, name := range names {
		v, known := protocols[name]
		if !known {
			return 0, 0, errs.Config.New("%s: Invalid value %s for configuration ssl.enabled.protocols: it must be some of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3", key, name)
		}
		low, high = min(low, v), max(high, v)
	}
	return low, high, nil
}

// ciphers is ssl.cipher.suites, nil for Go's choice. Those of TLSv1.3 can't be chosen in Go: they
// are always on.
func ciphers(key, list string) ([]uint16, error) {
	var ids []uint16
	known := append(tls.CipherSuites(), tls.InsecureCipherSuites()...)
	for _, name := range listOf(list) {
		i := slices.IndexFunc(known, func(c *tls.CipherSuite) bool { return c.Name == name })
		if i < 0 {
			return nil, errs.Config.New("%s: Invalid value %s for configuration ssl.cipher.suites: this cipher suite is not supported", key, name)
		}
		ids = append(ids, known[i].ID)
	}
	return ids, nil
}

func listOf(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func storeOf(props map[string]string, prefix string) keystore.Store {
	s := keystore.Store{Type: strings.ToUpper(strings.TrimSpace(props[prefix+"type"])), Location: props[prefix+"location"]}
	if s.Type == "" {
		s.Type = "JKS"
	}
	s.Password, s.HasPassword = lookup(props, prefix+"password")
	if prefix == "ssl.truststore." {
		s.Chain = props["ssl.truststore.certificates"]
	} else {
		s.Chain = props["ssl.keystore.certificate.chain"]
	}
	return s
}

func lookup(props map[string]string, key string) (string, bool) {
	v, ok := props[key]
	return v, ok
}
