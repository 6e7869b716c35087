package boot

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/troupe-connect/troupe/cluster/kafka/keystore"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi"
)

// serverTLS is the TLS of https listeners from Java's ssl.* keys, without prefix.
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
	conf := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if conf.ClientAuth, err = httpapi.ClientAuth(props["ssl.client.auth"]); err != nil {
		return nil, err
	}
	trust := storeOf(props, "ssl.truststore.")
	if !trust.Configured() {
		return conf, nil
	}
	certs, err := trust.Certificates()
	if err != nil {
		return nil, fmt.Errorf("%s: trust store of the https listener (ssl.truststore.*): %w", key, err)
	}
	conf.ClientCAs = x509.NewCertPool()
	for _, c := range certs {
		conf.ClientCAs.AddCert(c)
	}
	return conf, nil
}

func storeOf(props map[string]string, prefix string) keystore.Store {
	s := keystore.Store{Type: props[prefix+"type"], Location: props[prefix+"location"]}
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
