package settings

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Listener is one address that the REST API is served on.
type Listener struct {
	Scheme string // http or https
	Host   string // "" for all interfaces
	Port   int    // 0 for any free one
}

// String is the listener as a URL without path.
func (l Listener) String() string {
	return l.Scheme + "://" + net.JoinHostPort(l.Host, strconv.Itoa(l.Port))
}

// Address is host:port, as net.Listen takes it.
func (l Listener) Address() string { return net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

// AdminMode says where /admin is served.
type AdminMode uint8

// The places of /admin.
const (
	AdminShared AdminMode = iota // admin.listeners is not set: with the rest
	AdminOff                     // it is empty: nowhere
	AdminOwn                     // it names listeners: on those only
)

// listenerPattern is what the JVM worker accepts: names, IPv4 and bracketed IPv6 addresses.
var listenerPattern = regexp.MustCompile(`^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$`)

// ParseListener parses one entry of listeners or admin.listeners, which key names in the error.
// The error is errs.Config.
func ParseListener(key, text string) (Listener, error) {
	m := listenerPattern.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Listener{}, errs.Config.New(
			"Invalid value %s for configuration %s: Listener doesn't have the right format or unsupported protocol; it is http://host:port or https://host:port",
			text, key)
	}
	scheme := strings.ToLower(m[1])
	if scheme != "http" && scheme != "https" {
		return Listener{}, config.Invalid(key, text, "Listener protocol must be either http or https.")
	}
	port, err := strconv.Atoi(m[3])
	if err != nil || port > 65535 || port < 0 {
		return Listener{}, config.Invalid(key, text, "the port must be from 0 (any free one) to 65535")
	}
	return Listener{Scheme: scheme, Host: m[2], Port: port}, nil
}

// rest reads what the REST server needs.
func (l *loading) rest() {
	w, v := &l.w, l.w.Values
	r := &w.Rest
	r.Listeners = l.listeners("listeners")
	switch list := v.List("admin.listeners"); {
	case v.IsNull("admin.listeners"):
		r.Admin = AdminShared
	case len(list) == 0:
		r.Admin = AdminOff
	default:
		r.Admin = AdminOwn
		r.AdminListeners = l.listeners("admin.listeners")
	}
	r.AdvertisedHost = v.String("rest.advertised.host.name")
	r.AdvertisedPort = v.Int("rest.advertised.port")
	if !v.IsNull("rest.advertised.port") && (r.AdvertisedPort < 1 || r.AdvertisedPort > 65535) {
		l.problem(config.Invalid("rest.advertised.port", r.AdvertisedPort, "the port must be from 1 to 65535"))
	}
	r.AdvertisedProtocol = strings.ToLower(v.String("rest.advertised.listener"))
	if p := r.AdvertisedProtocol; p != "" && p != "http" && p != "https" {
		l.problem(config.Invalid("rest.advertised.listener", p, "it must be http or https"))
	}
	r.AllowOrigin = v.String("access.control.allow.origin")
	r.AllowMethods = v.String("access.control.allow.methods")
	if rules, err := ParseHeaderRules(v.String("response.http.headers.config")); err == nil {
		r.ResponseHeaders = rules // an error was noted by the validator
	}
	r.Extensions = v.List("rest.extension.classes")
	r.TLS = w.tls("listeners.https.")
	r.AdminTLS = w.tls("admin.listeners.https.")
}

func (l *loading) listeners(key string) []Listener {
	var out []Listener
	for _, text := range l.w.Values.List(key) {
		if strings.TrimSpace(text) == "" {
			continue // the validator noted it
		}
		one, err := ParseListener(key, text)
		l.problem(err)
		if err == nil {
			out = append(out, one)
		}
	}
	return out
}

// tls are the ssl.* settings with the prefix if there is one at all, else those without.
func (w *Worker) tls(prefix string) map[string]string {
	if own := w.WithPrefix(prefix); len(own) > 0 {
		return own
	}
	own := map[string]string{}
	for k, v := range w.Props {
		if strings.HasPrefix(k, "ssl.") {
			own[k] = v
		}
	}
	return own
}

// Bound is where the server listens: what a listener became when it was opened.
type Bound struct {
	Listener Listener
	Port     int    // the port in use, if Listener.Port is 0
	LocalIP  string // an address of this machine, for a listener on all interfaces
}

// AdvertisedURL is the address under which other workers reach this one, with a slash at its
// end. bound are the open listeners in the order of the configuration, without those for admin
// only.
func (r *Rest) AdvertisedURL(bound []Bound) string {
	scheme := r.advertisedScheme()
	u := url.URL{Scheme: scheme, Path: "/"}
	host, port := r.AdvertisedHost, r.AdvertisedPort
	for _, b := range bound {
		if b.Listener.Scheme != scheme {
			continue
		}
		if host == "" {
			host = b.Listener.Host
		}
		if host == "" {
			host = b.LocalIP
		}
		if port == 0 {
			port = b.Listener.Port
		}
		if port == 0 {
			port = b.Port
		}
		break
	}
	if host == "" && len(bound) > 0 { // no listener of that protocol: the address of the first
		host = bound[0].LocalIP
		if host == "" {
			host = bound[0].Listener.Host
		}
	}
	if host == "" {
		host = "localhost"
	}
	u.Host = host
	if port != 0 {
		u.Host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return u.String()
}

// advertisedScheme is rest.advertised.listener, else http if there is such a listener, else the
// protocol there is.
func (r *Rest) advertisedScheme() string {
	if r.AdvertisedProtocol != "" {
		return r.AdvertisedProtocol
	}
	for _, l := range r.Listeners {
		if l.Scheme == "http" {
			return "http"
		}
	}
	if len(r.Listeners) > 0 {
		return "https"
	}
	return "http"
}

// WorkerID is host:port of an advertised URL: what statuses name the worker by. The port of the
// protocol stands in for one that is missing.
func WorkerID(advertised string) (string, error) {
	u, err := url.Parse(advertised)
	if err != nil || u.Host == "" {
		return "", errs.Config.New("advertised URL %q: it must be http://host:port/ (rest.advertised.host.name, rest.advertised.port)", advertised)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}
