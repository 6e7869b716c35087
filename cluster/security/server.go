package security

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Server is the TLS of https listeners, from Java's ssl.* settings without prefix. key is the setting
// that asks for them, listeners or admin.listeners, for errors, which are errs.Config.
func Server(key string, props map[string]string) (*tls.Config, error) {
	r := NewReader(props)
	own := keyStore(r)
	conf := &tls.Config{}
	conf.MinVersion, conf.MaxVersion = readVersions(r)
	conf.CipherSuites = readCiphers(r)
	conf.ClientAuth = readClientAuth(r)
	trust := trustStore(r)
	if r.err != nil {
		return nil, errs.Config.New("%s: %s", key, errs.Message(r.err))
	}
	if !own.Configured() {
		return nil, errs.Config.New("%s: https needs a key store, set %s.https.ssl.keystore.location", key, key)
	}
	pair, err := own.KeyPair()
	if err != nil {
		return nil, errs.Config.Wrap(err, "%s: key store of the https listener (ssl.keystore.*)", key)
	}
	conf.Certificates = []tls.Certificate{pair}
	if trust.Configured() {
		certs, err := trust.Certificates()
		if err != nil {
			return nil, errs.Config.Wrap(err, "%s: trust store of the https listener (ssl.truststore.*)", key)
		}
		conf.ClientCAs = poolOf(certs)
	} else if conf.ClientAuth != tls.NoClientCert {
		// Go would take the authorities of the operating system: everyone with a certificate of the web.
		return nil, errs.Config.New("%s: ssl.client.auth=%s needs a trust store that says whose certificates are taken, set %s.https.ssl.truststore.location",
			key, props["ssl.client.auth"], key)
	}
	return conf, nil
}

func readClientAuth(r *Reader) tls.ClientAuthType {
	switch text := r.Str("ssl.client.auth", ""); strings.ToLower(text) {
	case "", "none":
	case "requested":
		return tls.VerifyClientCertIfGiven
	case "required":
		return tls.RequireAndVerifyClientCert
	default:
		r.Fail("ssl.client.auth", text, "use required, requested or none")
	}
	return tls.NoClientCert
}

// Peer is how a worker speaks to the https listener of another one at host, from Java's ssl.*
// settings without prefix. As in the JVM worker, whose HTTP client is Jetty's, the certificates of the
// key store are trusted if there is no trust store, and those of the system if there is neither. An
// error is errs.Config.
func Peer(props map[string]string, host string) (*tls.Config, error) {
	r := NewReader(props)
	t := readTLS(r, true)
	if r.err != nil {
		return nil, r.err
	}
	t.peer = "worker"
	if len(t.base.Certificates) > 0 && t.base.RootCAs == nil {
		certs, err := keyStore(r).Certificates()
		if err != nil {
			certs = nil // there is only the key's own
		}
		leaf, err := x509.ParseCertificate(t.base.Certificates[0].Certificate[0])
		if err != nil {
			return nil, errs.Config.Wrap(err, "certificate of the key store (ssl.keystore.*)")
		}
		t.base.RootCAs = poolOf(append(certs, leaf))
	}
	return t.ForHost(host), nil
}
