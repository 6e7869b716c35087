package httpapi

import (
	"crypto/tls"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// Config is what a worker's settings say about REST. Start from DefaultConfig.
type Config struct {
	// Listeners is where the server listens: listeners, default http://:8083.
	Listeners []Listener
	// AdminListeners (admin.listeners): nil puts /admin on Listeners; empty but not nil switches
	// it off; else /admin is there and only there, without login, CORS or response headers, as
	// in the JVM.
	AdminListeners []Listener

	// AllowOrigin and AllowMethods are access.control.allow.origin and .methods: lists separated
	// by commas; * in an origin stands for any text. Without an origin there is no CORS.
	AllowOrigin, AllowMethods string
	// ResponseHeaders is response.http.headers.config.
	ResponseHeaders string

	// Extensions are rest.extension.classes. Known is BasicAuthSecurityRestExtension only.
	Extensions []string
	// LoginConfig is the JAAS file (java.security.auth.login.config) whose KafkaConnect section
	// names the file of users for BasicAuthSecurityRestExtension.
	LoginConfig string
	// Htpasswd is a file of users with bcrypt hashes, Troupe's own way to the same login.
	Htpasswd string

	// TopicTracking and TopicTrackingReset are topic.tracking.enable and .allow.reset; false is
	// answered with 403.
	TopicTracking, TopicTrackingReset bool

	// RequestTimeout limits every request, HealthTimeout GET /health. Default 90 s and 10 s.
	RequestTimeout, HealthTimeout time.Duration
	// BodyLimit is the most bytes of a request body, default 8 MiB; beyond is 413.
	BodyLimit int64

	// Version and Commit are shown by GET /.
	Version, Commit string
	// BaseConfig are the settings that every connector of a kind has besides its own, for
	// GET /connector-plugins/{name}/config; nil for none.
	BaseConfig func(kind plugin.Kind, class string) *config.Def
	// Forward sends requests on to the worker that can answer them; nil in standalone mode.
	Forward Forwarder
	// Routes are further endpoints on the listeners, as a web interface.
	Routes []Route
	// MetricsRoutes are those for who watches workers. They are on MetricsListeners
	// (metrics.listeners) if there are any, and without login there; else on Listeners, and on
	// AdminListeners too.
	MetricsRoutes    []Route
	MetricsListeners []Listener
}

// Route is an endpoint that doesn't belong to Kafka Connect. It stands behind the same login and
// limits.
type Route struct {
	// Method is an HTTP method; GET includes HEAD.
	Method string
	// Path is a gin path: /metrics, /ui/*file.
	Path    string
	Handler http.Handler
}

// Listener is one address to listen at.
type Listener struct {
	// Scheme is http or https.
	Scheme string
	// Host is a name or address, "" for every interface.
	Host string
	// Port may be 0 for any.
	Port int
	// TLS is needed for https: the certificate and, for mTLS, the authorities and ClientAuth.
	TLS *tls.Config
}

// String is the listener's URL.
func (l Listener) String() string { return l.Scheme + "://" + l.address() }

func (l Listener) address() string { return net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

// DefaultConfig is Kafka Connect's.
func DefaultConfig() Config {
	return Config{
		Listeners:          []Listener{{Scheme: "http", Port: 8083}},
		TopicTracking:      true,
		TopicTrackingReset: true,
		RequestTimeout:     90 * time.Second,
		HealthTimeout:      10 * time.Second,
		BodyLimit:          8 << 20,
	}
}

var listenerPattern = regexp.MustCompile(`^(?i)(https?)://\[?([0-9a-z\-%._:]*)\]?:([0-9]+)$`)

// ParseListener reads protocol://host:port. The TLS settings are the caller's to add.
func ParseListener(text string) (Listener, error) {
	m := listenerPattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Listener{}, errs.Config.New(
			"listener %q is not of the form http://host:port or https://host:port", text)
	}
	port, err := strconv.Atoi(m[3])
	if err != nil || port > 65535 {
		return Listener{}, errs.Config.New("listener %q: port %s is not in 0..65535", text, m[3])
	}
	return Listener{Scheme: strings.ToLower(m[1]), Host: m[2], Port: port}, nil
}

// check finds what can't be served, and fills in what may be left out.
func (c *Config) check() error {
	def := DefaultConfig()
	if c.RequestTimeout == 0 {
		c.RequestTimeout = def.RequestTimeout
	}
	if c.HealthTimeout == 0 {
		c.HealthTimeout = def.HealthTimeout
	}
	if c.BodyLimit == 0 {
		c.BodyLimit = def.BodyLimit
	}
	if len(c.Listeners) == 0 {
		return errs.Config.New("Invalid value for listeners, at least one URL is expected, ex: http://localhost:8080,https://localhost:8443.")
	}
	for setting, listeners := range map[string][]Listener{
		"listeners": c.Listeners, "admin.listeners": c.AdminListeners, "metrics.listeners": c.MetricsListeners,
	} {
		for _, l := range listeners {
			if l.Scheme != "http" && l.Scheme != "https" {
				return errs.Config.New("%s: protocol of %s must be http or https", setting, l)
			}
			if l.Scheme == "https" && (l.TLS == nil || len(l.TLS.Certificates) == 0 && l.TLS.GetCertificate == nil) {
				return errs.Config.New("%s: %s needs a certificate, set %s.https.ssl.keystore.location", setting, l, setting)
			}
		}
	}
	if c.RequestTimeout < 0 || c.HealthTimeout < 0 || c.BodyLimit < 0 {
		return errs.Config.New("REST time-outs and the body limit must be positive, got %v, %v and %d bytes",
			c.RequestTimeout, c.HealthTimeout, c.BodyLimit)
	}
	return nil
}
