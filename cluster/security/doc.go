// Package security reads Java's security settings, ssl.* and sasl.*, once for all who need them: the
// Kafka clients (ReadClient), the REST server's https listeners (Server) and the requests from worker
// to worker (Peer). JAAS configurations and OAuth tokens belong to it; package keystore opens the
// stores of keys and certificates.
//
// Reader takes typed values out of properties with Java's texts for wrong ones; the Kafka clients
// read the rest of their settings with it too.
//
// Nothing here connects to Kafka: how a Kafka library logs in is for package kafka. Errors never
// show a password, a key or a token.
package security
