package security

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/cluster/security/keystore"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// TLS are Java's ssl.* settings of who opens connections, in Go's terms.
type TLS struct {
	base     *tls.Config
	identify bool   // ssl.endpoint.identification.algorithm is not empty
	peer     string // the other side, for errors
}

// readTLS reads ssl.*; nil if it isn't wanted. Stores are opened only if it is.
func readTLS(r *Reader, wanted bool) *TLS {
	t := &TLS{base: &tls.Config{}, peer: "broker"}
	t.base.MinVersion, t.base.MaxVersion = readVersions(r)
	t.base.CipherSuites = readCiphers(r)
	switch algorithm := r.Str("ssl.endpoint.identification.algorithm", "https"); strings.ToLower(algorithm) {
	case "https", "ldaps":
		t.identify = true
	case "":
	default:
		r.Fail("ssl.endpoint.identification.algorithm", algorithm, "Must be https, or empty for no check of host names")
	}
	trust, own := trustStore(r), keyStore(r)
	checkStore(r, "ssl.truststore", trust)
	checkStore(r, "ssl.keystore", own)
	if !wanted || r.err != nil {
		return nil
	}
	if trust.Configured() {
		certs, err := trust.Certificates()
		if err != nil {
			r.FailWhole(errs.Config.Wrap(err, "Failed to load the trust store (ssl.truststore.*)"))
			return nil
		}
		t.base.RootCAs = poolOf(certs)
	}
	if own.Configured() {
		pair, err := own.KeyPair()
		if err != nil {
			r.FailWhole(errs.Config.Wrap(err, "Failed to load the key store (ssl.keystore.*)"))
			return nil
		}
		t.base.Certificates = []tls.Certificate{pair}
	}
	return t
}

func poolOf(certs []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool
}

func trustStore(r *Reader) keystore.Store {
	s := keystore.Store{
		Type:     r.Choice("ssl.truststore.type", "JKS", true, "JKS", "PKCS12", "PEM"),
		Location: r.Str("ssl.truststore.location", ""),
	}
	s.Password, s.HasPassword = r.Secret("ssl.truststore.password")
	s.Chain, _ = r.Secret("ssl.truststore.certificates")
	return s
}

func keyStore(r *Reader) keystore.Store {
	s := keystore.Store{
		Type:     r.Choice("ssl.keystore.type", "JKS", true, "JKS", "PKCS12", "PEM"),
		Location: r.Str("ssl.keystore.location", ""),
	}
	s.Password, s.HasPassword = r.Secret("ssl.keystore.password")
	s.KeyPassword, s.HasKeyPassword = r.Secret("ssl.key.password")
	s.Chain, _ = r.Secret("ssl.keystore.certificate.chain")
	s.Key, _ = r.Secret("ssl.keystore.key")
	return s
}

// checkStore refuses the combinations that Java refuses.
func checkStore(r *Reader, prefix string, s keystore.Store) {
	inline := s.Chain != "" || s.Key != ""
	switch {
	case inline && s.Type != "PEM":
		r.Fail(prefix+".type", s.Type, "Certificates and keys given in the configuration itself need the type PEM")
	case inline && s.Location != "":
		r.Fail(prefix+".location", s.Location, "Both a file and certificates in the configuration are given")
	case s.Type == "PEM" && s.HasPassword:
		r.FailWhole(errs.Config.New("%s.password cannot be specified with PEM format, only ssl.key.password may be specified", prefix))
	case s.Location == "" && !inline && s.HasPassword:
		r.FailWhole(errs.Config.New("%s.location is not specified, but %s.password is specified.", prefix, prefix))
	}
}

var tlsVersions = map[string]uint16{
	"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
}

// readVersions turns the list of protocols into a range: what lies between two that are listed is
// allowed too, as Go knows ranges only.
func readVersions(r *Reader) (low, high uint16) {
	low, high = tls.VersionTLS13, tls.VersionTLS10
	for _, name := range r.List("ssl.enabled.protocols", "TLSv1.2", "TLSv1.3") {
		v, ok := tlsVersions[name]
		if !ok {
			r.Fail("ssl.enabled.protocols", name, "Must be some of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3")
			return 0, 0
		}
		low, high = min(low, v), max(high, v)
	}
	if low > high {
		return tls.VersionTLS12, tls.VersionTLS13
	}
	return low, high
}

func readCiphers(r *Reader) []uint16 {
	var ids []uint16
	known := append(tls.CipherSuites(), tls.InsecureCipherSuites()...)
	for _, name := range r.List("ssl.cipher.suites") {
		i := slices.IndexFunc(known, func(c *tls.CipherSuite) bool { return c.Name == name })
		if i < 0 {
			r.Fail("ssl.cipher.suites", name, "This cipher suite is not supported")
			return nil
		}
		ids = append(ids, known[i].ID)
	}
	return ids
}

// ForHost is the configuration for a connection to host. The certificate is checked here and not by
// crypto/tls because Java can leave the host name out of the check, and takes the common name of a
// certificate without alternative names.
func (t *TLS) ForHost(host string) *tls.Config {
	c := t.base.Clone()
	c.ServerName = host
	c.InsecureSkipVerify = true //nolint:gosec // VerifyConnection does it
	c.VerifyConnection = func(state tls.ConnectionState) error {
		return t.verify(host, state.PeerCertificates)
	}
	return c
}

func (t *TLS) verify(host string, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return fmt.Errorf("the %s sent no certificate", t.peer)
	}
	leaf := chain[0]
	if !t.trustedAsIs(leaf) {
		options := x509.VerifyOptions{Roots: t.base.RootCAs, Intermediates: x509.NewCertPool()}
		for _, c := range chain[1:] {
			options.Intermediates.AddCert(c)
		}
		if _, err := leaf.Verify(options); err != nil {
			return fmt.Errorf("the %s's certificate is not trusted (ssl.truststore.*): %w", t.peer, err)
		}
	}
	if !t.identify || commonNameMatches(leaf, host) {
		return nil
	}
	if err := leaf.VerifyHostname(host); err != nil {
		return fmt.Errorf("the %s's certificate is for another host "+
			"(ssl.endpoint.identification.algorithm= turns this check off): %w", t.peer, err)
	}
	return nil
}

// trustedAsIs reports whether the certificate itself lies in the trust store, which is enough for
// Java even if it isn't a CA's.
func (t *TLS) trustedAsIs(leaf *x509.Certificate) bool {
	if t.base.RootCAs == nil {
		return false
	}
	now := time.Now()
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return false
	}
	both := t.base.RootCAs.Clone()
	both.AddCert(leaf)
	return both.Equal(t.base.RootCAs)
}

func commonNameMatches(leaf *x509.Certificate, host string) bool {
	if len(leaf.DNSNames)+len(leaf.IPAddresses) > 0 || net.ParseIP(host) != nil {
		return false
	}
	name := leaf.Subject.CommonName
	if strings.EqualFold(name, host) {
		return true
	}
	suffix, wild := strings.CutPrefix(name, "*.")
	_, parent, dotted := strings.Cut(host, ".")
	return wild && dotted && strings.EqualFold(suffix, parent)
}
