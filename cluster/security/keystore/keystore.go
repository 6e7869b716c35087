// Package keystore opens the stores of keys and certificates that Java programs use: JKS, PKCS12
// and PEM, from a file or in line.
package keystore

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"
)

// Store is where keys and certificates are, as Java's ssl.keystore.* and ssl.truststore.* say.
// Nothing is opened before it is asked for. Errors never show a password or a key.
type Store struct {
	// Type is JKS, PKCS12 or PEM. As in Java 9 and later, JKS and PKCS12 stand for either:
	// the file's content decides.
	Type     string
	Location string // a file, or "" if Chain is in line
	// Password protects the store; without one PKCS12 and JKS are read without checking.
	Password    string
	HasPassword bool
	// KeyPassword protects the private key; without one Password does.
	KeyPassword    string
	HasKeyPassword bool
	Chain, Key     string // PEM in line
}

// Configured reports whether there is a store at all.
func (s Store) Configured() bool { return s.Location != "" || s.Chain != "" || s.Key != "" }

// Certificates are all trusted certificates of a trust store.
func (s Store) Certificates() ([]*x509.Certificate, error) {
	content, err := s.content()
	if err != nil {
		return nil, err
	}
	return s.certificates(content)
}

func (s Store) certificates(content []byte) (certs []*x509.Certificate, err error) {
	switch {
	case s.Type == "PEM":
		certs, err = pemCertificates(content)
	case isJKS(content):
		certs, err = s.jksCertificates(content)
	default:
		certs, err = s.p12Certificates(content)
	}
	if err != nil {
		return nil, s.named(err)
	}
	if len(certs) == 0 {
		return nil, s.named(errors.New("there is no certificate in it"))
	}
	return certs, nil
}

// KeyPair is the private key of a key store with its certificate chain.
func (s Store) KeyPair() (tls.Certificate, error) {
	content, err := s.content()
	if err != nil {
		return tls.Certificate{}, err
	}
	return s.keyPair(content)
}

func (s Store) keyPair(content []byte) (pair tls.Certificate, err error) {
	switch {
	case s.Type == "PEM":
		pair, err = s.pemPair(content)
	case isJKS(content):
		pair, err = s.jksPair(content)
	default:
		pair, err = s.p12Pair(content)
	}
	if err != nil {
		return tls.Certificate{}, s.named(err)
	}
	return pair, nil
}

func (s Store) content() ([]byte, error) {
	if s.Location == "" {
		return []byte(s.Key + "\n" + s.Chain), nil
	}
	content, err := os.ReadFile(s.Location)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return content, nil
}

func (s Store) named(err error) error {
	if s.Location == "" {
		return fmt.Errorf("PEM in the configuration: %w", err)
	}
	return fmt.Errorf("store %s of type %s: %w", s.Location, s.Type, err)
}

func (s Store) keyPassword() []byte {
	if s.HasKeyPassword {
		return []byte(s.KeyPassword)
	}
	return []byte(s.Password)
}

// isJKS knows a JKS store by its magic number; everything else is taken for PKCS12.
func isJKS(content []byte) bool {
	return bytes.HasPrefix(content, []byte{0xfe, 0xed, 0xfe, 0xed})
}

func (s Store) loadJKS(content []byte) (jks.KeyStore, error) {
	ks := jks.New(jks.WithOrderedAliases())
	if err := checkJKS(content); err != nil {
		return ks, err
	}
	if err := ks.Load(bytes.NewReader(content), []byte(s.Password)); err != nil {
		return ks, fmt.Errorf("wrong password or damaged: %w", err)
	}
	return ks, nil
}

func (s Store) jksCertificates(content []byte) ([]*x509.Certificate, error) {
	ks, err := s.loadJKS(content)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, alias := range ks.Aliases() {
		var entries []jks.Certificate
		if ks.IsTrustedCertificateEntry(alias) {
			entry, err := ks.GetTrustedCertificateEntry(alias)
			if err != nil {
				return nil, fmt.Errorf("entry %s: %w", alias, err)
			}
			entries = []jks.Certificate{entry.Certificate}
		} else if entries, err = ks.GetPrivateKeyEntryCertificateChain(alias); err != nil {
			return nil, fmt.Errorf("entry %s: %w", alias, err)
		} else if len(entries) > 1 {
			entries = entries[:1] // Java trusts the first of a key entry's chain
		}
		for _, e := range entries {
			cert, err := x509.ParseCertificate(e.Content)
			if err != nil {
				return nil, fmt.Errorf("certificate %s: %w", alias, err)
			}
			certs = append(certs, cert)
		}
	}
	return certs, nil
}

func (s Store) jksPair(content []byte) (tls.Certificate, error) {
	ks, err := s.loadJKS(content)
	if err != nil {
		return tls.Certificate{}, err
	}
	for _, alias := range ks.Aliases() {
		if !ks.IsPrivateKeyEntry(alias) {
			continue
		}
		entry, err := ks.GetPrivateKeyEntry(alias, s.keyPassword())
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("key %s can't be opened with ssl.key.password: %w", alias, err)
		}
		key, err := x509.ParsePKCS8PrivateKey(entry.PrivateKey)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("key %s: %w", alias, err)
		}
		pair := tls.Certificate{PrivateKey: key}
		for _, c := range entry.CertificateChain {
			pair.Certificate = append(pair.Certificate, c.Content)
		}
		return pair, nil
	}
	return tls.Certificate{}, errNoKey
}

var errNoKey = errors.New("there is no private key in it")

func (s Store) p12Certificates(content []byte) ([]*x509.Certificate, error) {
	certs, err := pkcs12.DecodeTrustStore(content, s.Password)
	if err == nil {
		return certs, nil
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, err
	}
	// A store made by other programs lacks the mark by which Java tells trusted certificates, or
	// has a key beside them.
	_, cert, chain, chainErr := pkcs12.DecodeChain(content, s.Password)
	if chainErr != nil {
		return nil, err
	}
	return append([]*x509.Certificate{cert}, chain...), nil
}

func (s Store) p12Pair(content []byte) (tls.Certificate, error) {
	if s.HasKeyPassword && s.KeyPassword != s.Password {
		return tls.Certificate{}, errors.New("a PKCS12 store has one password: ssl.key.password must be that of the store, or unset")
	}
	key, cert, chain, err := pkcs12.DecodeChain(content, s.Password)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair := tls.Certificate{PrivateKey: key, Certificate: [][]byte{cert.Raw}}
	for _, c := range inOrder(cert, chain) {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}

// inOrder puts a chain into the order of issuers, as TLS wants it; what isn't part of it is left
// out.
func inOrder(leaf *x509.Certificate, others []*x509.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for at := leaf; !bytes.Equal(at.RawIssuer, at.RawSubject); {
		i := slices.IndexFunc(others, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, at.RawIssuer) && !slices.Contains(out, c)
		})
		if i < 0 {
			break
		}
		at = others[i]
		out = append(out, at)
	}
	return out
}

func pemCertificates(content []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(normalise(content)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(certs)+1, err)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

// normalise lets PEM through that stands on one line, as it does in properties: Java ignores white
// space between the marks and so do we.
func normalise(content []byte) []byte {
	content = bytes.ReplaceAll(content, []byte("-----BEGIN"), []byte("\n-----BEGIN"))
	var out []byte
	for rest := content; ; {
		head, body, ok := cutMark(rest, "-----BEGIN ")
		if !ok {
			return append(out, rest...)
		}
		inner, after, ok := bytes.Cut(body, []byte("-----END "))
		if !ok {
			return append(out, rest...)
		}
		label, after, _ := bytes.Cut(after, []byte("-----"))
		out = append(out, head...)
		out = append(out, '\n')
		out = append(out, joinLines(inner)...)
		out = append(out, "\n-----END "...)
		out = append(out, label...)
		out = append(out, "-----\n"...)
		rest = after
	}
}

// cutMark splits behind a BEGIN line: head ends with its dashes.
func cutMark(b []byte, mark string) (head, rest []byte, ok bool) {
	i := bytes.Index(b, []byte(mark))
	if i < 0 {
		return nil, nil, false
	}
	j := bytes.Index(b[i+len(mark):], []byte("-----"))
	if j < 0 {
		return nil, nil, false
	}
	end := i + len(mark) + j + len("-----")
	return b[i:end], b[end:], true
}

// joinLines keeps headers of old encrypted keys on their lines and puts white space of base64 into
// line breaks.
func joinLines(inner []byte) []byte {
	if bytes.Contains(inner, []byte(":")) {
		return bytes.TrimSpace(inner)
	}
	return bytes.Join(bytes.Fields(inner), []byte("\n"))
}

func (s Store) pemPair(content []byte) (tls.Certificate, error) {
	var pair tls.Certificate
	for block, rest := pem.Decode(normalise(content)); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			pair.Certificate = append(pair.Certificate, block.Bytes)
		case "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY":
			if pair.PrivateKey != nil {
				return pair, errors.New("there is more than one private key in it")
			}
			key, err := parseKey(block, s.keyPassword())
			if err != nil {
				return pair, fmt.Errorf("private key: %w", err)
			}
			pair.PrivateKey = key
		}
	}
	switch {
	case pair.PrivateKey == nil:
		return pair, errNoKey
	case len(pair.Certificate) == 0:
		return pair, errors.New("there is no certificate in it")
	}
	return pair, nil
}
