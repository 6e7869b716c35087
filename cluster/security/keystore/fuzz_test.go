package keystore

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fuzzStores opens bytes as a store of a type, given real stores to begin with. Whatever the bytes are,
// there is an answer or an error, never a panic, and no password in the error.
func fuzzStores(f *testing.F, kind string, names ...string) {
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "security", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(bytes.ReplaceAll(b, []byte{0, 0, 0, 2}, []byte{0xff, 0, 0, 2})) // lengths that no file has room for
		f.Add(append(slices.Clip(b), 0))
	}
	f.Add([]byte{})
	f.Add([]byte{0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<14 {
			return
		}
		for _, s := range []Store{
			{Type: kind, Location: "x", Password: "store-secret", HasPassword: true},
			{Type: kind, Location: "x"},
		} {
			certs, err := s.certificates(content)
			if err == nil && len(certs) == 0 {
				t.Error("neither certificates nor an error")
			}
			noSecret(t, err)
			pair, err := s.keyPair(content)
			if err == nil && pair.PrivateKey == nil {
				t.Error("neither a key nor an error")
			}
			noSecret(t, err)
		}
	})
}

func noSecret(t *testing.T, err error) {
	if err != nil && strings.Contains(err.Error(), "store-secret") {
		t.Errorf("a password shows: %v", err)
	}
}

func FuzzJKS(f *testing.F) { fuzzStores(f, "JKS", "client.jks", "trust.jks") }

func FuzzPKCS12(f *testing.F) { fuzzStores(f, "PKCS12", "client.p12") }
