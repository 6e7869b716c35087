package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// The registry's error codes that say what is missing.
const (
	CodeSubjectNotFound = 40401
	CodeVersionNotFound = 40402
	CodeSchemaNotFound  = 40403
)

// StatusError is a registry's answer that isn't a success.
type StatusError struct {
	Status  int // of HTTP
	Code    int // the registry's error code
	Message string
	// What is the request, without anything secret: "POST /subjects/t-value/versions".
	What string
}

// Error is the registry's text with its code, as the JVM's client prints it, and the request.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s; error code: %d", e.Message, e.Code)
	if e.What != "" {
		return text + " (" + e.What + ")"
	}
	return text
}

// IOKind says in which way a request got no answer.
type IOKind uint8

// The kinds: no connection (refused, reset, unknown host, TLS), no answer in time, anything else.
const (
	IOOther IOKind = iota
	IONetwork
	IOTimeout
)

// IOError is a request that got no answer, or none that can be understood.
type IOError struct {
	Kind IOKind
	What string // as StatusError's
	Err  error
}

// Error names the request and the cause.
func (e *IOError) Error() string {
	if e.What == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + " (" + e.What + ")"
}

// Unwrap is the cause.
func (e *IOError) Unwrap() error { return e.Err }

// ioError sorts an error of HTTP.
func ioError(what string, err error) *IOError {
	e := &IOError{What: what, Err: err}
	var (
		network   *net.OpError
		name      *net.DNSError
		untrusted *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		unknown   x509.UnknownAuthorityError
		timeout   net.Error
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		e.Kind = IOTimeout
	case errors.As(err, &network), errors.As(err, &name), errors.As(err, &untrusted), errors.As(err, &record),
		errors.As(err, &alert), errors.As(err, &unknown), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Kind = IONetwork
	}
	return e
}

// passes reports whether asking again, here or at another URL, may help: the statuses that the
// JVM's client retries, and everything that isn't an answer.
func passes(err error) bool {
	if s, ok := errors.AsType[*StatusError](err); ok {
		switch s.Status {
		case 408, 429, 500, 502, 503, 504:
			return true
		}
		return false
	}
	_, ok := errors.AsType[*IOError](err)
	return ok
}

// elsewhere reports whether the next URL is worth a try once retries are used up.
func elsewhere(err error) bool {
	if i, ok := errors.AsType[*IOError](err); ok {
		return i.Kind != IOOther
	}
	return passes(err)
}

// missing reports whether the registry has answered that there is no such thing.
func missing(err error) bool {
	s, ok := errors.AsType[*StatusError](err)
	return ok && s.Status == 404
}

// words are what a format's converter says in its errors; %s is the topic.
type words struct {
	write, writeAgain, read, readAgain string
	access, network                    string
	register, lookup, latest           string
	schemaOf, versionOf                string // side: key or value
	writing, reading                   string
}

var wordsOf = map[Format]words{
	Avro: {
		write:      "Failed to serialize Avro data from topic %s:",
		writeAgain: "Failed to serialize Avro data from topic %s :",
		read:       "Failed to deserialize data for topic %s to Avro:",
		readAgain:  "Failed to deserialize data for topic %s to Avro: ",
		access:     "Avro", network: "Avro",
		register: "Error registering Avro schema", lookup: "Error retrieving Avro schema",
		latest:    "Error retrieving latest version of Avro schema",
		schemaOf:  "Error retrieving Avro %s schema for id ",
		versionOf: "Error retrieving Avro %s schema version for id ",
		writing:   "Error serializing Avro message", reading: "Error deserializing Avro message for id ",
	},
	JSON: {
		write:      "Converting Kafka Connect data to byte[] failed due to serialization error of topic %s: ",
		writeAgain: "Converting Kafka Connect data to byte[] failed due to serialization error of topic %s: ",
		read:       "Converting byte[] to Kafka Connect data failed due to serialization error of topic %s: ",
		readAgain:  "Converting byte[] to Kafka Connect data failed due to serialization error of topic %s: ",
		access:     "JSON Schema", network: "Json",
		register: "Error registering JSON schema: ", lookup: "Error retrieving JSON schema: ",
		latest:   "Error retrieving latest version: ",
		schemaOf: "Error retrieving JSON schema for id ", versionOf: "Error retrieving JSON schema for id ",
		writing: "Error serializing JSON message", reading: "Error deserializing JSON message for id ",
	},
	Protobuf: {
		write:      "Failed to serialize Protobuf data from topic %s:",
		writeAgain: "Failed to serialize Protobuf data from topic %s :",
		read:       "Failed to deserialize data for topic %s to Protobuf:",
		readAgain:  "Failed to deserialize data for topic %s to Protobuf: ",
		access:     "Protobuf", network: "Protobuf",
		register: "Error registering Protobuf schema: ", lookup: "Error retrieving Protobuf schema: ",
		latest:    "Error retrieving latest version: ",
		schemaOf:  "Error retrieving Protobuf schema for id ",
		versionOf: "Error retrieving Protobuf schema for id ",
		writing:   "Error serializing Protobuf message", reading: "Error deserializing Protobuf message for id ",
	},
}

// failure makes the error that the JVM's converter throws of one of the client's. step is what was
// being done, writing says in which direction.
func (s *Session) failure(writing bool, topic, step string, err error) error {
	if status, ok := errors.AsType[*StatusError](err); ok {
		switch status.Status {
		case 401, 403:
			return errs.Config.Wrap(err, "Failed to access %s data from topic %s : %s",
				s.words.access, topic, step)
		case 429:
			return errs.Throttled.New("%s", err)
		case 502:
			return errs.Disconnect.Wrap(err, "%s", step)
		case 408, 500, 503, 504:
			return errs.Retriable.Wrap(errs.Timeout.Wrap(err, "%s", step), s.outer(writing, true),
				topic)
		}
	}
	if i, ok := errors.AsType[*IOError](err); ok {
		switch i.Kind {
		case IOTimeout:
			return errs.Retriable.Wrap(errs.Timeout.Wrap(err, "%s", step), s.outer(writing, true),
				topic)
		case IONetwork:
			cause := errs.Serialization.Wrap(err, "%s", step)
			if writing {
				return errs.Network.Wrap(cause,
					"Network connection error while serializing %s data for topic %s: %s",
					s.words.network, topic, err)
			}
			return errs.Network.Wrap(cause,
				"Network connection error while deserializing data for topic %s: %s", topic, err)
		}
	}
	return errs.Data.Wrap(errs.Serialization.Wrap(err, "%s", step), s.outer(writing, false), topic)
}

// outer is the outermost sentence. Java has two that differ by a blank, one for errors that pass
// (again).
func (s *Session) outer(writing, again bool) string {
	switch {
	case writing && again:
		return s.words.writeAgain
	case writing:
		return s.words.write
	case again:
		return s.words.readAgain
	}
	return s.words.read
}

// WriteError is the error of a value that can't be written although its schema was found.
func (s *Session) WriteError(topic string, err error) error {
	return s.failure(true, topic, s.words.writing, err)
}

// ReadError is the error of a payload that can't be read although its schema was found.
func (s *Session) ReadError(topic string, id SchemaID, err error) error {
	return s.failure(false, topic, s.words.reading+id.text(s.format), err)
}
