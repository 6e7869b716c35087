package peers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/troupe-connect/troupe/cluster/security"
)

// dialTimeout bounds how long the connection to another worker may take to be made; the request's
// own deadline holds for the rest.
const dialTimeout = 15 * time.Second

// Transport carries requests to other workers: few connections, none kept long. Those with https
// listeners are spoken to with the TLS settings of this worker's own listeners (props, without
// prefix), as among JVM workers. Stores are opened at each connection: renewed certificates count
// without a restart, and settings that are meant for brokers only do no harm where all listeners are
// http.
func Transport(props map[string]string) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // net/http documents it
	t.Proxy = nil                                        // workers reach each other directly
	t.MaxIdleConnsPerHost = 2
	t.IdleConnTimeout = 30 * time.Second
	t.ResponseHeaderTimeout = 0 // the context holds the deadline
	dialer := &net.Dialer{Timeout: dialTimeout}
	t.DialContext = dialer.DialContext
	t.ForceAttemptHTTP2 = false // DialTLSContext settles on HTTP/1.1
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		conf, err := security.Peer(props, host)
		if err != nil {
			return nil, fmt.Errorf("https to other workers (listeners.https.ssl.*, else ssl.*): %w", err)
		}
		raw, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, conf)
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(err, raw.Close())
		}
		return conn, nil
	}
	return t
}
