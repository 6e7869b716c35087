package registry

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Stats counts what the clients of a pool did, for metrics.
type Stats struct {
	Requests  atomic.Int64 // sent, retries included
	Failures  atomic.Int64 // of them without success
	Retries   atomic.Int64
	Failovers atomic.Int64 // to another URL
	Shared    atomic.Int64 // questions answered by what another task had asked
	Waiting   atomic.Int64 // sessions that wait for the end of an outage, now
}

// TLSReader makes the TLS settings of the connections to a host out of Java's ssl.* properties.
type TLSReader func(props map[string]string) (forHost func(host string) *tls.Config, err error)

// Pool makes clients, one for all sessions with the same settings. It is safe for concurrent use.
type Pool struct {
	stats   Stats
	tls     TLSReader
	schemes map[string]func(*url.URL) (Client, error)

	mu      sync.Mutex
	clients *Cache[[32]byte, Client]
}

// pooled is how many clients a pool keeps.
const pooled = 256

// Option changes a pool.
type Option func(*Pool)

// WithTLS sets how schema.registry.ssl.* is read. Without it those settings are refused.
func WithTLS(read TLSReader) Option { return func(p *Pool) { p.tls = read } }

// WithScheme makes URLs of a scheme (mock) be answered by clients that connect makes.
func WithScheme(scheme string, connect func(*url.URL) (Client, error)) Option {
	return func(p *Pool) { p.schemes[scheme] = connect }
}

// NewPool is a pool without clients.
func NewPool(options ...Option) *Pool {
	p := &Pool{
		schemes: map[string]func(*url.URL) (Client, error){},
		clients: NewCache[[32]byte, Client](pooled),
	}
	for _, o := range options {
		o(p)
	}
	return p
}

// Stats are the counters of all the pool's clients.
func (p *Pool) Stats() *Stats { return &p.stats }

// clientSettings are what makes one client another than the next.
type clientSettings struct {
	urls                    []string
	connectTime, readTime   time.Duration
	retry                   retries
	missingID               time.Duration
	missingVersion, missing time.Duration
	missingSize             int
	proxy                   string // host:port, "" for none
	randomize               bool
	expiryBuffer            time.Duration
	// given are the client's settings as they are written, without the prefix schema.registry.
	given map[string]string
	// ssl are the ssl.* that had the prefix.
	ssl map[string]string
}

const clientPrefix = "schema.registry."

// parseClient reads what the client itself is told. Its settings may have the prefix
// schema.registry., which wins; ssl.* counts only with it.
func parseClient(v config.Values, props map[string]string) clientSettings {
	c := clientSettings{
		urls:        v.List(urlKey),
		connectTime: v.Millis(connectTimeoutKey), readTime: v.Millis(readTimeoutKey),
		retry:     retries{v.Int(maxRetriesKey), v.Millis(retryWaitKey), v.Millis(retryMaxWaitKey)},
		missingID: seconds(v.Long(missingIDTTLKey)), missingVersion: seconds(v.Long(missingVersTTLKey)),
		missing: seconds(v.Long(missingSchemaTTLKey)), missingSize: v.Int(missingSizeKey),
		randomize:    v.Bool(randomizeKey),
		expiryBuffer: time.Duration(v.Int(expiryBufferKey)) * time.Second,
		given:        map[string]string{}, ssl: map[string]string{},
	}
	if v.IsNull(missingIDTTLKey) || v.Long(missingIDTTLKey) < 0 {
		c.missingID = shortMiss
	}
	if host := v.String(proxyHostKey); host != "" && v.Int(proxyPortKey) > 0 {
		c.proxy = net.JoinHostPort(host, strconv.Itoa(v.Int(proxyPortKey)))
	}
	for k, value := range props {
		switch {
		case strings.HasPrefix(k, clientPrefix+"ssl."):
			c.ssl[strings.TrimPrefix(k, clientPrefix)] = value
		case strings.HasPrefix(k, "basic.auth."), strings.HasPrefix(k, "bearer.auth."),
			strings.HasPrefix(k, "request.header."), strings.HasPrefix(k, "sasl."):
			if _, ok := c.given[k]; !ok {
				c.given[k] = value
			}
		}
	}
	for k, value := range props {
		if bare, ok := strings.CutPrefix(k, clientPrefix); ok && !strings.HasPrefix(bare, "ssl.") &&
			k != urlKey && k != outageKey {
			c.given[bare] = value
		}
	}
	return c
}

// key tells clients apart.
func (c *clientSettings) key() [32]byte {
	h := sha256.New()
	fmt.Fprintln(h, c.urls, c.connectTime, c.readTime, c.retry, c.missingID, c.missingVersion,
		c.missing, c.missingSize,
		c.proxy, c.randomize, c.expiryBuffer)
	for _, m := range []map[string]string{c.given, c.ssl} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(h, "%q=%q\n", k, m[k])
		}
		fmt.Fprintln(h)
	}
	return [32]byte(h.Sum(nil))
}

// Client implements Clients. Errors are errs.Config.
func (p *Pool) Client(s *Settings) (Client, error) {
	key := s.client.key()
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.clients.Get(key); ok {
		return c, nil
	}
	c, err := p.connect(&s.client)
	if err != nil {
		return nil, err
	}
	shared := newShared(c, &s.client, &p.stats)
	p.clients.Put(key, shared)
	return shared, nil
}

// connect makes a client; every mistake in its settings is errs.Config and names the key, never a
// value that may be secret. mock:// and other schemes are answered by what WithScheme set.
func (p *Pool) connect(s *clientSettings) (Client, error) {
	if len(s.urls) == 0 {
		return nil, errs.Config.New("Invalid value for configuration %s: at least one URL is needed", urlKey)
	}
	c := &httpClient{
		retry: s.retry, stats: &p.stats, headers: map[string]string{},
		timeout: s.connectTime + s.readTime,
	}
	for _, given := range s.urls {
		u, err := url.Parse(strings.TrimSpace(given))
		if err != nil {
			// it may hold a password
			return nil, errs.Config.New("Invalid value for configuration %s: not a URL", urlKey)
		}
		if connect, ok := p.schemes[u.Scheme]; ok {
			return connect(u)
		}
		// host:port, as the JVM's client takes it
		if u.Scheme == "" || u.Host == "" && u.Scheme != "" && u.Opaque != "" {
			u, err = url.Parse("http://" + strings.TrimSpace(given))
		}
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, errs.Config.New("Invalid value for configuration %s: %s is no http or https URL", urlKey, u.Redacted())
		}
		c.urls = append(c.urls, strings.TrimSuffix(u.String(), "/"))
	}
	if s.randomize {
		c.first.Store(int32(rand.IntN(len(c.urls)))) //nolint:gosec // no secret
	}
	for k, v := range s.given {
		if name, ok := strings.CutPrefix(k, "request.header."); ok {
			c.headers[name] = v
		}
	}
	transport, err := p.transport(s)
	if err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: keepAuth}
	given := func(name string) string { return s.given[name] }
	if c.auth, err = parseAuth(given, s.expiryBuffer, c.http); err != nil {
		return nil, err
	}
	return c, nil
}

// keepAuth follows redirects within a host only: a registry that forwards to its leader does it
// itself.
func keepAuth(req *http.Request, via []*http.Request) error {
	if len(via) >= 5 || req.URL.Host != via[0].URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// transport bounds each step of a request: connecting, the TLS handshake, the answer. Host names
// are checked by what the reader of ssl.* makes of its settings.
func (p *Pool) transport(s *clientSettings) (*http.Transport, error) {
	dialer := &net.Dialer{Timeout: s.connectTime, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   s.connectTime,
		ResponseHeaderTimeout: s.readTime,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       30 * time.Second,
		ForceAttemptHTTP2:     true,
	}
	if s.proxy != "" {
		t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: s.proxy})
	}
	if len(s.ssl) == 0 {
		return t, nil
	}
	if p.tls == nil {
		return nil, errs.Config.New("%sssl.* can't be used here", clientPrefix)
	}
	forHost, err := p.tls(s.ssl)
	if err != nil {
		return nil, errs.Config.Wrap(err, "%sssl.*", clientPrefix)
	}
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		raw, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, forHost(host))
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(&net.OpError{
				Op: "handshake", Net: network,
				Addr: raw.RemoteAddr(), Err: err,
			}, raw.Close())
		}
		return conn, nil
	}
	return t, nil
}
