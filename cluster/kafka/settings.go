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

	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Option wires something into a client.
type Option func(*options)

type options struct {
	dial       DialFunc
	metrics    *metrics.Registry
	lag        func([]metrics.PartitionLag)
	departures *Departures
	told       *Told
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
	metrics     *metrics.Registry            // nil to keep no numbers
	lag         func([]metrics.PartitionLag) // nil if nobody wants to know
	rack        string
	security    security.Client
	autoCreate  bool
	dialer      DialFunc
	dialled     bool // dialer is not the network's
	departures  *Departures
	told        *Told
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
func readSettings(r *security.Reader, opts []Option) *settings {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	s := &settings{
		clientID:        r.Str("client.id", ""),
		rack:            r.Str("client.rack", ""),
		autoCreate:      r.Boolean("allow.auto.create.topics", true),
		dialTimeout:     r.Millis("socket.connection.setup.timeout.ms", 10*time.Second),
		requestTimeout:  max(r.Millis("request.timeout.ms", 30*time.Second), 200*time.Millisecond),
		retryBackoff:    r.Millis("retry.backoff.ms", 100*time.Millisecond),
		retryBackoffMax: r.Millis("retry.backoff.max.ms", time.Second),
		metadataMaxAge:  r.Millis("metadata.max.age.ms", 5*time.Minute),
		idle:            r.Millis("connections.max.idle.ms", 9*time.Minute),
		apiTimeout:      r.Millis("default.api.timeout.ms", time.Minute),
		sendBuffer:      r.Int("send.buffer.bytes", -1, -1),
		receiveBuffer:   r.Int("receive.buffer.bytes", -1, -1),
		pushMetrics:     r.Boolean("enable.metrics.push", false),
		authFailed:      func(error) {},
	}
	if top := r.Millis("socket.connection.setup.timeout.max.ms", 30*time.Second); s.dialTimeout > top {
		s.dialTimeout = top
	}
	s.servers = readServers(r)
	s.dialer, s.departures, s.told, s.metrics, s.lag = o.dial, o.departures, o.told, o.metrics, o.lag
	s.dialled = s.dialer != nil
	if !s.dialled {
		s.dialer = s.dialNetwork
	}
	s.security = security.ReadClient(r)
	return s
}

func readServers(r *security.Reader) []string {
	servers := r.List("bootstrap.servers")
	if len(servers) == 0 {
		r.FailWhole(errs.Config.New("No bootstrap urls given in bootstrap.servers"))
	}
	for i, server := range servers {
		// Java accepts a listener's protocol in front.
		if _, after, ok := strings.Cut(server, "://"); ok {
			server = after
		}
		if _, port, err := net.SplitHostPort(server); err != nil || port == "" {
			r.FailWhole(errs.Config.New("Invalid url in bootstrap.servers: %s", server))
		}
		servers[i] = server
	}
	return servers
}

// unread are the keys that nobody asked for, those that Kafka knows apart from others, each in order.
func unread(r *security.Reader) (known, unknown []string) {
	for _, key := range r.Unread() {
		switch {
		case strings.HasPrefix(key, "metrics.context."), r.Empty(key):
		case withoutEquivalent[key]:
			known = append(known, key)
		default:
			unknown = append(unknown, key)
		}
	}
	return known, unknown
}

// warnUnread names once what has no effect.
func (s *settings) warnUnread(r *security.Reader, log *slog.Logger) {
	known, unknown := unread(r)
	s.warnOnce(log, known, unknown)
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
	if err != nil || s.security.TLS == nil {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	secure := tls.Client(conn, s.security.TLS.ForHost(host))
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close() //nolint:errcheck // the handshake's error is the one that counts
		if !isNetwork(err) {
			err = &security.AuthError{
				Class: "org.apache.kafka.common.errors.SslAuthenticationException",
				Err:   fmt.Errorf("TLS handshake with %s: %w", address, err),
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
