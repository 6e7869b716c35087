package security

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// Token is an OAuth bearer token.
type Token struct {
	Value      string
	Extensions map[string]string
	refresh    time.Time // when to fetch another
}

// TokenSource gives tokens that are valid now. Any goroutine may call it. An error is an AuthError.
type TokenSource interface {
	Token(ctx context.Context) (Token, error)
}

// oauthSettings are the sasl.oauthbearer.* and sasl.login.* settings.
type oauthSettings struct {
	endpoint            string
	clientID, secret    string // the properties of Kafka 4.1; before, JAAS options
	scope               string
	urlEncode           bool
	connect, read       time.Duration
	backoff, backoffMax time.Duration
	window              float64 // part of a token's life after which it is replaced
}

func readOAuth(r *Reader) oauthSettings {
	s := oauthSettings{
		endpoint:   r.Str("sasl.oauthbearer.token.endpoint.url", ""),
		clientID:   r.Str("sasl.oauthbearer.client.credentials.client.id", ""),
		scope:      r.Str("sasl.oauthbearer.scope", ""),
		urlEncode:  r.Boolean("sasl.oauthbearer.header.urlencode", false),
		connect:    r.Millis("sasl.login.connect.timeout.ms", 10*time.Second),
		read:       r.Millis("sasl.login.read.timeout.ms", 10*time.Second),
		backoff:    r.Millis("sasl.login.retry.backoff.ms", 100*time.Millisecond),
		backoffMax: r.Millis("sasl.login.retry.backoff.max.ms", 10*time.Second),
		window:     0.8,
	}
	s.secret, _ = r.Secret("sasl.oauthbearer.client.credentials.client.secret")
	if v, ok := r.Lookup("sasl.login.refresh.window.factor"); ok {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || f < 0.5 || f > 1 {
			r.Fail("sasl.login.refresh.window.factor", v, "Value must be between 0.5 and 1.0")
			f = 0.8
		}
		s.window = f
	}
	return s
}

// source makes what gives tokens, from these settings and the login module's options: a token
// endpoint, a file, or tokens without signature, which only test brokers take.
func (s oauthSettings) source(options map[string]string) (TokenSource, error) {
	extensions := map[string]string{}
	for k, v := range options {
		if name, ok := strings.CutPrefix(k, "extension_"); ok {
			extensions[name] = v
		}
	}
	if s.endpoint == "" {
		return unsecuredSource(options)
	}
	endpoint, err := url.Parse(s.endpoint)
	if err != nil {
		return nil, errs.Config.New("Invalid value %s for configuration sasl.oauthbearer.token.endpoint.url: not a URL", s.endpoint)
	}
	switch endpoint.Scheme {
	case "file":
		return &cachedTokens{extensions: extensions, window: s.window, fetch: func(context.Context) (string, time.Duration, error) {
			text, err := os.ReadFile(endpoint.Path)
			return strings.TrimSpace(string(text)), 0, err
		}}, nil
	case "http", "https":
	default:
		return nil, errs.Config.New("Invalid value %s for configuration sasl.oauthbearer.token.endpoint.url: must start with https, http or file", s.endpoint)
	}
	c := credentials{oauthSettings: s}
	if c.clientID == "" {
		c.clientID = options["clientId"]
	}
	if c.secret == "" {
		c.secret = options["clientSecret"]
	}
	if c.scope == "" {
		c.scope = options["scope"]
	}
	if c.clientID == "" || c.secret == "" {
		return nil, errs.Config.New("sasl.oauthbearer.token.endpoint.url needs a client id and secret: " +
			"options clientId and clientSecret of sasl.jaas.config, or sasl.oauthbearer.client.credentials.*")
	}
	if c.client, err = s.httpClient(options); err != nil {
		return nil, err
	}
	return &cachedTokens{extensions: extensions, window: s.window, fetch: c.fetch}, nil
}

// httpClient talks to the token endpoint; its TLS is set by ssl.* options of the login module.
func (s oauthSettings) httpClient(options map[string]string) (*http.Client, error) {
	props := map[string]string{}
	for k, v := range options {
		if strings.HasPrefix(k, "ssl.") {
			props[k] = v
		}
	}
	r := NewReader(props)
	secure := readTLS(r, true)
	if r.err != nil {
		return nil, errs.Config.Wrap(r.err, "TLS of sasl.oauthbearer.token.endpoint.url, options of sasl.jaas.config")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = secure.base.Clone()
	if !secure.identify {
		transport.TLSClientConfig.InsecureSkipVerify = true //nolint:gosec // the chain is verified below
		transport.TLSClientConfig.VerifyConnection = func(state tls.ConnectionState) error {
			return secure.verify("", state.PeerCertificates)
		}
	}
	transport.DisableKeepAlives = true // a token is fetched once in an hour or so
	timeout := s.connect + s.read
	if timeout <= 0 {
		timeout = 20 * time.Second
	}
	return &http.Client{Transport: transport, Timeout: timeout}, nil
}

// cachedTokens keeps a token until a part of its life has passed.
type cachedTokens struct {
	extensions map[string]string
	window     float64
	// fetch returns a token and how long it lives; 0 asks the token itself.
	fetch func(ctx context.Context) (string, time.Duration, error)

	mu   sync.Mutex
	last Token
}

func (c *cachedTokens) Token(ctx context.Context) (Token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.Value != "" && time.Now().Before(c.last.refresh) {
		return c.last, nil
	}
	value, life, err := c.fetch(ctx)
	if err != nil {
		return Token{}, &AuthError{
			Class: "org.apache.kafka.common.errors.SaslAuthenticationException",
			Err:   fmt.Errorf("get an OAuth token: %w", err),
		}
	}
	now := time.Now()
	if exp, ok := expiry(value); ok {
		life = exp.Sub(now)
	}
	c.last = Token{Value: value, Extensions: c.extensions, refresh: now.Add(time.Duration(float64(life) * c.window))}
	return c.last, nil
}

// expiry is the exp claim of a JWT; tokens may also be opaque.
func expiry(jwt string) (time.Time, bool) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 {
		return time.Time{}, false
	}
	latest := time.Now().Add(maxTokenLife)
	if claims.Exp >= float64(latest.Unix()) {
		return latest, true
	}
	return time.Unix(int64(claims.Exp), 0), true
}

// credentials fetches tokens by the client credentials grant.
type credentials struct {
	oauthSettings
	client *http.Client
}

// fetch asks the endpoint, again after a back-off while that may help and time is left.
func (c credentials) fetch(ctx context.Context) (string, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, c.client.Timeout+c.backoffMax)
	defer cancel()
	for wait := max(c.backoff, time.Millisecond); ; wait = min(wait*2, max(c.backoffMax, time.Millisecond)) {
		value, life, again, err := c.try(ctx)
		if err == nil || !again {
			return value, life, err
		}
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", 0, err
		}
	}
}

func (c credentials) try(ctx context.Context) (value string, life time.Duration, again bool, err error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if c.scope != "" {
		form.Set("scope", c.scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, false, err
	}
	id, secret := c.clientID, c.secret
	if c.urlEncode {
		id, secret = url.QueryEscape(id), url.QueryEscape(secret)
	}
	req.SetBasicAuth(id, secret)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.client.Do(req)
	if err != nil {
		return "", 0, true, err
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", 0, true, err
	}
	if resp.StatusCode != http.StatusOK {
		again = resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout
		return "", 0, again, fmt.Errorf("%s answered %s", c.endpoint, resp.Status)
	}
	value, life, ok := readToken(body)
	if !ok {
		return "", 0, false, errors.New(c.endpoint + " answered without an access_token")
	}
	return value, life, false, nil
}

// maxTokenLife bounds what a token says of its life: times that Go can't tell would turn around.
const maxTokenLife = 100 * 365 * 24 * time.Hour

// readToken reads the answer of a token endpoint (RFC 6749, 5.1).
func readToken(body []byte) (value string, life time.Duration, ok bool) {
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // seconds
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessToken == "" {
		return "", 0, false
	}
	seconds := min(max(answer.ExpiresIn, 0), int64(maxTokenLife/time.Second))
	return answer.AccessToken, time.Duration(seconds) * time.Second, true
}

// unsecuredSource makes tokens without signature from options unsecuredLogin…, as Java's default
// login does.
func unsecuredSource(options map[string]string) (TokenSource, error) {
	const prefix = "unsecuredLogin"
	claims := map[string]any{}
	for k, v := range options {
		if name, ok := strings.CutPrefix(k, prefix+"StringClaim_"); ok {
			claims[name] = v
		}
		if name, ok := strings.CutPrefix(k, prefix+"NumberClaim_"); ok {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				return nil, errs.Config.New("sasl.jaas.config: option %s is not a number", k)
			}
			claims[name] = n
		}
		if name, ok := strings.CutPrefix(k, prefix+"ListClaim_"); ok && v != "" {
			claims[name] = strings.Split(v[1:], v[:1])
		}
	}
	principal := options[prefix+"PrincipalClaimName"]
	if principal == "" {
		principal = "sub"
	}
	if _, ok := claims[principal].(string); !ok {
		return nil, errs.Config.New("sasl.mechanism OAUTHBEARER needs sasl.oauthbearer.token.endpoint.url, " +
			"or for tokens without signature the option unsecuredLoginStringClaim_sub of sasl.jaas.config")
	}
	life := time.Hour
	if v, ok := options[prefix+"LifetimeSeconds"]; ok {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n <= 0 {
			return nil, errs.Config.New("sasl.jaas.config: option unsecuredLoginLifetimeSeconds is not a number of seconds")
		}
		life = time.Duration(n) * time.Second
	}
	extensions := map[string]string{}
	for k, v := range options {
		if name, ok := strings.CutPrefix(k, prefix+"Extension_"); ok {
			extensions[name] = v
		}
	}
	return &cachedTokens{extensions: extensions, window: 0.8, fetch: func(context.Context) (string, time.Duration, error) {
		return unsecuredToken(claims, life)
	}}, nil
}

func unsecuredToken(claims map[string]any, life time.Duration) (string, time.Duration, error) {
	now := time.Now()
	all := map[string]any{"iat": float64(now.UnixMilli()) / 1000, "exp": float64(now.Add(life).UnixMilli()) / 1000}
	maps.Copy(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		return "", 0, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + ".", life, nil
}
