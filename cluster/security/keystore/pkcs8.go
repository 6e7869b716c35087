package keystore

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // files encrypted with triple DES exist
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the default digest of PBKDF2 in PKCS#5
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
)

// parseKey reads a private key of a PEM file: PKCS#8, plain or encrypted, PKCS#1 or SEC 1.
func parseKey(block *pem.Block, password []byte) (any, error) {
	switch block.Type {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		if len(password) == 0 {
			return nil, errors.New("it is encrypted and ssl.key.password is not set")
		}
		plain, err := decryptPKCS8(block.Bytes, password)
		if err != nil {
			return nil, err
		}
		key, err := x509.ParsePKCS8PrivateKey(plain)
		if err != nil {
			return nil, errWrongPassword
		}
		return key, nil
	}
	return x509.ParsePKCS8PrivateKey(block.Bytes)
}

var errWrongPassword = errors.New("it can't be decrypted: ssl.key.password is wrong or the key is damaged")

var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA1   = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidHMACSHA384 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 10}
	oidHMACSHA512 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 11}
	oidAES128CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 2}
	oidAES192CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 22}
	oidAES256CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
	oidDESEDE3CBC = asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}
)

// The structures of RFC 5958 (EncryptedPrivateKeyInfo) and RFC 8018 (PBES2).
type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2 struct {
	Derive, Encrypt pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

// maxIterations bounds the work that a file can ask for.
const maxIterations = 2_000_000

// decryptPKCS8 opens an encrypted PKCS#8 key. PBES2 with PBKDF2 is what openssl and keytool write;
// the older schemes (PBES1, PKCS#12's) are refused by name.
func decryptPKCS8(der, password []byte) ([]byte, error) {
	var outer encryptedKey
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return nil, fmt.Errorf("not an encrypted PKCS#8 key: %w", err)
	}
	if !outer.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, fmt.Errorf("encryption scheme %v is not supported: convert it with openssl pkcs8 -topk8 -v2 aes-256-cbc", outer.Algorithm.Algorithm)
	}
	var scheme pbes2
	if _, err := asn1.Unmarshal(outer.Algorithm.Parameters.FullBytes, &scheme); err != nil {
		return nil, fmt.Errorf("encryption parameters: %w", err)
	}
	makeBlock, keyLength, err := blockCipher(scheme.Encrypt.Algorithm)
	if err != nil {
		return nil, err
	}
	key, err := deriveKey(scheme.Derive, password, keyLength)
	if err != nil {
		return nil, err
	}
	var iv []byte
	if _, err := asn1.Unmarshal(scheme.Encrypt.Parameters.FullBytes, &iv); err != nil {
		return nil, fmt.Errorf("initialisation vector: %w", err)
	}
	block, err := makeBlock(key)
	if err != nil {
		return nil, err
	}
	if len(iv) != block.BlockSize() || len(outer.Data) == 0 || len(outer.Data)%block.BlockSize() != 0 {
		return nil, errWrongPassword
	}
	plain := make([]byte, len(outer.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, outer.Data)
	pad := int(plain[len(plain)-1])
	if pad == 0 || pad > block.BlockSize() {
		return nil, errWrongPassword
	}
	return plain[:len(plain)-pad], nil
}

func blockCipher(id asn1.ObjectIdentifier) (func([]byte) (cipher.Block, error), int, error) {
	switch {
	case id.Equal(oidAES128CBC):
		return aes.NewCipher, 16, nil
	case id.Equal(oidAES192CBC):
		return aes.NewCipher, 24, nil
	case id.Equal(oidAES256CBC):
		return aes.NewCipher, 32, nil
	case id.Equal(oidDESEDE3CBC):
		return des.NewTripleDESCipher, 24, nil
	}
	return nil, 0, fmt.Errorf("cipher %v is not supported", id)
}

func deriveKey(a pkix.AlgorithmIdentifier, password []byte, length int) ([]byte, error) {
	if !a.Algorithm.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("key derivation %v is not supported", a.Algorithm)
	}
	var p pbkdf2Params
	if _, err := asn1.Unmarshal(a.Parameters.FullBytes, &p); err != nil {
		return nil, fmt.Errorf("key derivation parameters: %w", err)
	}
	if p.Iterations < 1 || p.Iterations > maxIterations {
		return nil, fmt.Errorf("%d iterations of PBKDF2 are out of bounds", p.Iterations)
	}
	var digest func() hash.Hash
	switch prf := p.PRF.Algorithm; {
	case len(prf) == 0, prf.Equal(oidHMACSHA1):
		digest = sha1.New
	case prf.Equal(oidHMACSHA256):
		digest = sha256.New
	case prf.Equal(oidHMACSHA384):
		digest = sha512.New384
	case prf.Equal(oidHMACSHA512):
		digest = sha512.New
	default:
		return nil, fmt.Errorf("digest %v is not supported", prf)
	}
	return pbkdf2.Key(digest, string(password), p.Salt, p.Iterations, length)
}
