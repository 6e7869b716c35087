#!/usr/bin/env bash
# Makes the stores of this folder with Java's keytool and openssl. Passwords: store-secret for stores,
# key-secret for keys. All are for tests only and valid for a hundred years.
set -euo pipefail
cd "$(dirname "$0")"
rm -f ./*.jks ./*.p12 ./*.pem
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
days=36500
openssl req -x509 -newkey rsa:2048 -nodes -days $days -subj /CN=test-ca -keyout "$work/ca.key" -out ca.pem 2>/dev/null
certificate() { # NAME SUBJECT EXTENSION
	openssl req -newkey rsa:2048 -nodes -subj "$2" -keyout "$work/$1.key" -out "$work/$1.csr" 2>/dev/null
	openssl x509 -req -in "$work/$1.csr" -CA ca.pem -CAkey "$work/ca.key" -CAcreateserial -CAserial "$work/serial" -days $days \
		-extfile <(echo "$3") -out "$work/$1.pem" 2>/dev/null
}
certificate server /CN=localhost subjectAltName=IP:127.0.0.1,DNS:localhost
certificate other /CN=other.example subjectAltName=DNS:other.example
certificate named /CN=localhost basicConstraints=CA:FALSE # no alternative names: only the common name
certificate client /CN=client basicConstraints=CA:FALSE
for n in server other named client; do
	cat "$work/$n.key" "$work/$n.pem" ca.pem >"$n.pem"
done
# Key stores: the way people make them, openssl to PKCS12 and keytool to JKS.
openssl pkcs12 -export -inkey "$work/client.key" -in "$work/client.pem" -certfile ca.pem -name client -passout pass:store-secret -out client-openssl.p12
keytool -importkeystore -noprompt -srckeystore client-openssl.p12 -srcstoretype PKCS12 -srcstorepass store-secret \
	-destkeystore client.p12 -deststoretype PKCS12 -deststorepass store-secret 2>/dev/null
keytool -importkeystore -noprompt -srckeystore client-openssl.p12 -srcstoretype PKCS12 -srcstorepass store-secret -srcalias client \
	-destkeystore client.jks -deststoretype JKS -deststorepass store-secret -destkeypass key-secret 2>/dev/null
# Trust stores.
keytool -importcert -noprompt -alias ca -file ca.pem -keystore trust.jks -storetype JKS -storepass store-secret 2>/dev/null
keytool -importcert -noprompt -alias ca -file ca.pem -keystore trust.p12 -storetype PKCS12 -storepass store-secret 2>/dev/null
openssl pkcs12 -export -nokeys -in ca.pem -passout pass:store-secret -out trust-openssl.p12
# Encrypted PEM keys.
for cipher in aes-256-cbc aes-128-cbc des3; do
	{
		openssl pkcs8 -topk8 -v2 "$cipher" -in "$work/client.key" -passout pass:key-secret
		cat "$work/client.pem" ca.pem
	} >"client-$cipher.pem"
done
openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA512 -in "$work/client.key" -passout pass:key-secret >"$work/k"
cat "$work/k" "$work/client.pem" >client-sha512.pem
openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in "$work/client.key" -passout pass:key-secret >"$work/k"
cat "$work/k" "$work/client.pem" >client-pbes1.pem
# An elliptic curve key, PKCS#8 and SEC 1.
openssl ecparam -name prime256v1 -genkey -noout -out "$work/ec.key"
openssl req -x509 -key "$work/ec.key" -days $days -subj /CN=ec -out "$work/ec.crt"
cat "$work/ec.key" "$work/ec.crt" >ec-sec1.pem
{ openssl pkcs8 -topk8 -nocrypt -in "$work/ec.key"; cat "$work/ec.crt"; } >ec.pem
keytool -genkeypair -alias ec -keyalg EC -groupname secp256r1 -dname CN=ec -validity $days -keystore ec.p12 -storetype PKCS12 -storepass store-secret 2>/dev/null
chmod 644 ./*.p12 ./*.jks
