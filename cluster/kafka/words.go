package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/troupe-connect/troupe/cluster/security"
)

// franzWords are the warnings of franz-go that an operator meets, in an operator's words. Others are passed
// on as they are.
var franzWords = map[string]string{
	"unable to open connection to broker": "cannot connect to a Kafka broker; retrying",
	"unable to open connection to broker due to an immediate EOF, which often means the client is using TLS when the broker is not expecting it (is TLS misconfigured?)":   "a Kafka broker closed the connection at once; retrying. Does its listener use TLS? See security.protocol",
	"read from broker received EOF during api versions discovery, which often happens when the broker requires TLS and the client is not using it (is TLS misconfigured?)": "a Kafka broker closed the connection at once; retrying. Does its listener ask for TLS or SASL? See security.protocol",
	"read from broker errored, killing connection after 0 successful responses (is SASL missing?)":                                                                         "a Kafka broker closed the connection before it answered anything; retrying. Does its listener ask for SASL? See security.protocol",
	"unable to request api versions": "a Kafka broker did not tell which requests it knows; retrying",
	"unable to initialize sasl":      "could not log in to a Kafka broker",
	"group manage loop errored":      "the consumer cannot reach its group's coordinator; retrying",
	"join group failed":              "the consumer could not join its group; retrying",
	"sync group failed":              "the consumer got no partitions from its group; joining again",
	"produce partition load error, bumping error count on first stored batch":                                                    "a partition has no leader; records wait until it has one",
	"random error while producing, requeueing unattempted request":                                                               "sending records failed; they are sent again",
	"unable to load producer ID, bumping client's buffered record load errors by 1 and retrying":                                 "the producer got no id from Kafka; retrying",
	"unable to AddPartitionsToTxn due to retryable broker err, bumping client's buffered record load errors by 1 and retrying":   "a partition could not be added to the transaction; retrying",
	"fatal InitProducerID error, failing all buffered records":                                                                   "Kafka refused an id to the producer; its records fail",
	"received OFFSET_OUT_OF_RANGE while consuming;":                                                                              "the place to read from is not in the partition any more; auto.offset.reset decides where to go on",
	"fetch response has unexpected top-level error, resetting session and backing off":                                           "fetching records failed; retrying",
	"unable to commit offset for topic partition":                                                                                "the offset of a partition was not committed",
	"received an OffsetCommitResponse after our group session has ended, unable to handle this (were we kicked from the group?)": "offsets were committed as the consumer lost its group; they may not count",
	"metadata has a new ID for a topic we already hold: the topic was deleted and recreated; we do not adopt the new ID, the topic fails with UNKNOWN_TOPIC_ID until it is purged and re-added": "a topic was deleted and made again",
	"broker did not reply to all topics / partitions in the produce request! reenqueuing missing partitions":                                                                                    "a Kafka broker answered for a part of the records only; the others are sent again",
}

// franzKeys are franz-go's names of attributes where ours are others.
var franzKeys = map[string]string{"err": "error", "addr": "address"}

// spoken puts a message of franz-go and its attributes into an operator's words.
func spoken(msg string, keyvals []any) (string, []any) {
	words, ok := franzWords[msg]
	if !ok {
		words = "Kafka client: " + msg
	}
	out := make([]any, len(keyvals))
	for i, v := range keyvals {
		if key, isKey := v.(string); isKey && i%2 == 0 && franzKeys[key] != "" {
			v = franzKeys[key]
		}
		out[i] = v
	}
	return words, out
}

// explained says what a refused login means where the broker's words don't: one at a listener that has no
// logins.
func (s *settings) explained(err error) error {
	if !errors.Is(err, kerr.IllegalSaslState) && !errors.Is(err, sarama.ErrIllegalSASLState) && !errors.Is(err, kerr.UnsupportedSaslMechanism) && !errors.Is(err, sarama.ErrUnsupportedSASLMechanism) {
		return err
	}
	if s.security.SASL == nil {
		return err
	}
	if errors.Is(err, kerr.UnsupportedSaslMechanism) || errors.Is(err, sarama.ErrUnsupportedSASLMechanism) {
		return &security.AuthError{
			Class: "org.apache.kafka.common.errors.UnsupportedSaslMechanismException",
			Err:   fmt.Errorf("the listener at %s does not offer sasl.mechanism %s: %w", strings.Join(s.servers, ","), s.security.SASL.Mechanism, err),
		}
	}
	return &security.AuthError{
		Class: "org.apache.kafka.common.errors.IllegalSaslStateException",
		Err: fmt.Errorf("the listener at %s does not use SASL, but security.protocol says so: set it to PLAINTEXT or SSL, "+
			"or give the address of a listener with SASL in bootstrap.servers: %w", strings.Join(s.servers, ","), err),
	}
}

// MissingPrefixes says, a text each, for which of its connectors' clients a worker's security settings do not
// hold: only admin clients inherit those without prefix, and with SASL or TLS set for the worker alone its
// tasks meet a broker that closes their connections.
func MissingPrefixes(worker map[string]string) []string {
	protocol := strings.ToUpper(strings.TrimSpace(worker["security.protocol"]))
	if protocol == "" || protocol == "PLAINTEXT" {
		return nil
	}
	var out []string
	for _, kind := range []Client{ProducerClient, ConsumerClient} {
		if _, ok := worker[string(kind)+".security.protocol"]; ok {
			continue
		}
		of := map[Client]string{ProducerClient: "source tasks and dead letters", ConsumerClient: "sink tasks"}[kind]
		out = append(out, fmt.Sprintf("security.protocol=%s is set for the worker alone: the clients of %s connect without it unless "+
			"%s.security.protocol and the %s.sasl.* and %s.ssl.* settings say so too, or a connector's %ssecurity.protocol does",
			protocol, of, kind, kind, kind, kind.overridePrefix()))
	}
	return out
}

// warnOnce tells what has no effect once per setting and worker: many tasks have the same settings.
func (s *settings) warnOnce(log *slog.Logger, known, unknown []string) {
	fresh := func(keys []string) []string {
		var out []string
		for _, key := range keys {
			if s.told == nil || s.told.first(key) {
				out = append(out, key)
			}
		}
		return out
	}
	if known, unknown = fresh(known), fresh(unknown); len(known)+len(unknown) == 0 {
		return
	}
	log.Warn("settings of Kafka clients have no effect here", "client", s.clientID, "no_equivalent", known, "unknown", unknown)
}
