package keystore_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/security/keystore"
)

// The stores were made by Java 17's keytool and by openssl: testdata/security/make.sh.
func file(name string) string {
	return filepath.Join("..", "..", "..", "testdata", "security", name)
}

func TestTrustStores(t *testing.T) {
	for _, tt := range []struct {
		file, typ, password string
	}{
		{"trust.jks", "JKS", "store-secret"},
		{"trust.p12", "PKCS12", "store-secret"},
		{"trust.p12", "JKS", "store-secret"}, // Java looks at the content
		{"trust.jks", "PKCS12", "store-secret"},
		{"ca.pem", "PEM", ""},
		{"client-openssl.p12", "PKCS12", "store-secret"}, // a key beside the certificates
	} {
		t.Run(tt.file+" as "+tt.typ, func(t *testing.T) {
			s := keystore.Store{Type: tt.typ, Location: file(tt.file), Password: tt.password, HasPassword: tt.password != ""}
			certs, err := s.Certificates()
			if err != nil {
				t.Fatal(err)
			}
			last := certs[len(certs)-1]
			if last.Subject.CommonName != "test-ca" {
				t.Errorf("the certificate is of %s", last.Subject)
			}
		})
	}
}

func TestKeyStores(t *testing.T) {
	for _, tt := range []struct {
		file, typ, password, keyPassword string
		chain                            int
	}{
		{"client.jks", "JKS", "store-secret", "key-secret", 2},
		{"client.p12", "PKCS12", "store-secret", "", 2},
		{"client.p12", "PKCS12", "store-secret", "store-secret", 2},
		{"client-openssl.p12", "PKCS12", "store-secret", "", 2},
		{"ec.p12", "PKCS12", "store-secret", "", 1},
		{"client.pem", "PEM", "", "", 2},
		{"client-aes-256-cbc.pem", "PEM", "", "key-secret", 2},
		{"client-aes-128-cbc.pem", "PEM", "", "key-secret", 2},
		{"client-des3.pem", "PEM", "", "key-secret", 2},
		{"client-sha512.pem", "PEM", "", "key-secret", 1},
		{"ec.pem", "PEM", "", "", 1},
		{"ec-sec1.pem", "PEM", "", "", 1},
	} {
		t.Run(tt.file, func(t *testing.T) {
			s := keystore.Store{
				Type: tt.typ, Location: file(tt.file), Password: tt.password, HasPassword: tt.password != "",
				KeyPassword: tt.keyPassword, HasKeyPassword: tt.keyPassword != "",
			}
			pair, err := s.KeyPair()
			if err != nil {
				t.Fatal(err)
			}
			if len(pair.Certificate) != tt.chain {
				t.Errorf("%d certificates, want %d", len(pair.Certificate), tt.chain)
			}
			leaf, err := x509.ParseCertificate(pair.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			same := false
			switch key := pair.PrivateKey.(type) {
			case *rsa.PrivateKey:
				same = key.PublicKey.Equal(leaf.PublicKey)
			case *ecdsa.PrivateKey:
				same = key.PublicKey.Equal(leaf.PublicKey)
			}
			if !same {
				t.Errorf("key %T is not the certificate's of %s", pair.PrivateKey, leaf.Subject)
			}
		})
	}
}

// PEM in a properties file stands on one line, or has its line breaks replaced by blanks.
func TestPEMInline(t *testing.T) {
	text, err := os.ReadFile(file("client-aes-256-cbc.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, chain, _ := strings.Cut(string(text), "-----END ENCRYPTED PRIVATE KEY-----")
	key += "-----END ENCRYPTED PRIVATE KEY-----"
	for name, f := range map[string]func(string) string{
		"lines":    func(s string) string { return s },
		"blanks":   func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
		"one line": func(s string) string { return strings.ReplaceAll(s, "\n", "") },
		"crlf":     func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			s := keystore.Store{Type: "PEM", Key: f(key), Chain: f(chain), KeyPassword: "key-secret", HasKeyPassword: true}
			pair, err := s.KeyPair()
			if err != nil || len(pair.Certificate) != 2 {
				t.Errorf("%d certificates, %v", len(pair.Certificate), err)
			}
		})
	}
}

func TestErrorsNameTheStoreAndHideSecrets(t *testing.T) {
	for _, tt := range []struct {
		name  string
		store keystore.Store
		want  string
	}{
		{"missing", keystore.Store{Type: "JKS", Location: file("none.jks"), Password: "wrong-1"}, "none.jks"},
		{"wrong password of JKS", keystore.Store{Type: "JKS", Location: file("client.jks"), Password: "wrong-1"}, "wrong password"},
		{"wrong key password of JKS", keystore.Store{Type: "JKS", Location: file("client.jks"), Password: "store-secret", KeyPassword: "wrong-1", HasKeyPassword: true}, "ssl.key.password"},
		{"wrong password of PKCS12", keystore.Store{Type: "PKCS12", Location: file("client.p12"), Password: "wrong-1"}, "password incorrect"},
		{"other key password of PKCS12", keystore.Store{Type: "PKCS12", Location: file("client.p12"), Password: "store-secret", KeyPassword: "wrong-1", HasKeyPassword: true}, "one password"},
		{"wrong key password of PEM", keystore.Store{Type: "PEM", Location: file("client-aes-256-cbc.pem"), KeyPassword: "wrong-1", HasKeyPassword: true}, "ssl.key.password is wrong"},
		{"no key password of PEM", keystore.Store{Type: "PEM", Location: file("client-aes-256-cbc.pem")}, "ssl.key.password is not set"},
		{"old encryption", keystore.Store{Type: "PEM", Location: file("client-pbes1.pem"), KeyPassword: "key-secret", HasKeyPassword: true}, "openssl pkcs8"},
		{"no key", keystore.Store{Type: "PEM", Location: file("ca.pem")}, "no private key"},
		{"no key in JKS", keystore.Store{Type: "JKS", Location: file("trust.jks"), Password: "store-secret"}, "no private key"},
		{"not a store", keystore.Store{Type: "PKCS12", Location: file("make.sh"), Password: "wrong-1"}, "make.sh"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.store.KeyPair()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something with %q", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "wrong-1") || strings.Contains(err.Error(), "-secret")) {
				t.Errorf("a secret shows: %v", err)
			}
		})
	}
	if _, err := (keystore.Store{Type: "PEM", Chain: "nothing"}).Certificates(); err == nil {
		t.Error("certificates out of nothing")
	}
}

// PEM is read by our own code, so it is what is fuzzed.
func FuzzPEM(f *testing.F) {
	for _, name := range []string{"client-aes-256-cbc.pem", "ec.pem", "ec-sec1.pem", "client-pbes1.pem", "ca.pem"} {
		b, err := os.ReadFile(file(name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, content string) {
		if len(content) > 1<<14 {
			t.Skip()
		}
		s := keystore.Store{Type: "PEM", Chain: content, KeyPassword: "x", HasKeyPassword: true}
		s.Certificates() //nolint:errcheck // it must not panic
		s.Key = content
		s.KeyPair() //nolint:errcheck // likewise
	})
}
