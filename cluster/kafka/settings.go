package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Option wires something into a client.
type Option func(*options)

type options struct {
	dial DialFunc
}

// DialFunc opens connections in place of the network's own.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// WithDialer makes a client open its connections with dial: tests in memory do. TLS, if set, goes
// on top of it.
func WithDialer(dial DialFunc) Option { return func(o *options) { o.dial = dial } }

// settings are what every client has: where the brokers are, how to log in, how long to wait.
type settings struct {
	servers     []string
	clientID    string
	rack        string
	tls         *tlsSettings // nil: none
	sasl        *saslSettings
	autoCreate  bool
	dialer      DialFunc
	dialTimeout time.Duration

	requestTimeout  time.Duration
	retryBackoff    time.Duration
	retryBackoffMax time.Duration
	metadataMaxAge  time.Duration
	idle            time.Duration
	sendBuffer      int32
	receiveBuffer   int32
	pushMetrics     bool
	authFailed      func(error) // told of failed TLS handshakes; set before connecting
	apiTimeout      time.Duration
}

// readSettings reads the settings that all clients share.
func readSettings(r *reader, opts []Option) *settings {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s := &settings{
		clientID:        r.str("client.id", ""),
		rack:            r.str("client.rack", ""),
		autoCreate:      r.boolean("allow.auto.create.topics", true),
		dialTimeout:     r.millis("socket.connection.setup.timeout.ms", 10*time.Second),
		requestTimeout:  max(r.millis("request.timeout.ms", 30*time.Second), 200*time.Millisecond),
		retryBackoff:    r.millis("retry.backoff.ms", 100*time.Millisecond),
		retryBackoffMax: r.millis("retry.backoff.max.ms", time.Second),
		metadataMaxAge:  r.millis("metadata.max.age.ms", 5*time.Minute),
		idle:            r.millis("connections.max.idle.ms", 9*time.Minute),
		apiTimeout:      r.millis("default.api.timeout.ms", time.Minute),
		sendBuffer:      r.int("send.buffer.bytes", -1, -1),
		receiveBuffer:   r.int("receive.buffer.bytes", -1, -1),
		pushMetrics:     r.boolean("enable.metrics.push", false),
		authFailed:      func(error) {},
	}
	if top := r.millis("socket.connection.setup.timeout.max.ms", 30*time.Second); s.dialTimeout > top {
		s.dialTimeout = top
	}
	s.servers = readServers(r)
	s.dialer = o.dial
	if s.dialer == nil {
		s.dialer = s.dialNetwork
	}
	protocol := r.choice("security.protocol", "PLAINTEXT", true, "PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL")
	// ssl.* and sasl.* are read whatever the protocol, as in Java: a wrong one must not wait for the
	// day the protocol changes; but files are opened only if they are needed.
	s.tls = readTLS(r, strings.HasSuffix(protocol, "SSL"))
	s.sasl = readSASL(r, strings.HasPrefix(protocol, "SASL"))
	return s
}

func readServers(r *reader) []string {
	servers := r.list("bootstrap.servers")
	if len(servers) == 0 {
		r.failWhole(errs.Config.New("No bootstrap urls given in bootstrap.servers"))
	}
	for i, server := range servers {
		// Java accepts a listener's protocol in front.
		if _, after, ok := strings.Cut(server, "://"); ok {
			server = after
		}
		if _, port, err := net.SplitHostPort(server); err != nil || port == "" {
			r.failWhole(errs.Config.New("Invalid url in bootstrap.servers: %s", server))
		}
		servers[i] = server
	}
	return servers
}

// warnUnread names once what has no effect.
func (s *settings) warnUnread(r *reader, log *slog.Logger) {
	known, unknown := r.unread()
	if len(known)+len(unknown) == 0 {
		return
	}
	log.Warn("settings of the Kafka client have no effect here",
		"client", s.clientID, "no_equivalent", known, "unknown", unknown)
}

func (s *settings) dialNetwork(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: s.dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if s.sendBuffer > 0 {
			err = errors.Join(err, tcp.SetWriteBuffer(int(s.sendBuffer)))
		}
		if s.receiveBuffer > 0 {
			err = errors.Join(err, tcp.SetReadBuffer(int(s.receiveBuffer)))
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set socket buffers: %w", err), conn.Close())
	}
	return conn, nil
}

// dial opens a connection, with TLS if that is set.
func (s *settings) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.dialTimeout)
	defer cancel()
	conn, err := s.dialer(ctx, network, address)
	if err != nil || s.tls == nil {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	secure := tls.Client(conn, s.tls.forHost(host))
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close() //nolint:errcheck // the handshake's error is the one that counts
		if !isNetwork(err) {
			err = &authError{
				class: "org.apache.kafka.common.errors.SslAuthenticationException",
				err:   fmt.Errorf("TLS handshake with %s: %w", address, err),
			}
			s.authFailed(err)
		}
		return nil, err
	}
	return secure, nil
}

// isNetwork reports whether a handshake failed for want of a connection and not of trust.
func isNetwork(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op != "remote error" && op.Op != "local error" {
		return true
	}
	return isEOF(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
