package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// authorizer sets a request's Authorization and what belongs to it. user is what the URL holds.
type authorizer interface {
	authorize(ctx context.Context, req *http.Request, user *url.Userinfo) error
}

// nobody sends no credentials, even if the URL has some, as the JVM's client without
// basic.auth.credentials.source.
type nobody struct{}

func (nobody) authorize(context.Context, *http.Request, *url.Userinfo) error { return nil }

// urlUser is basic.auth.credentials.source=URL.
type urlUser struct{}

func (urlUser) authorize(_ context.Context, req *http.Request, user *url.Userinfo) error {
	if user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	return nil
}

// fixedUser is USER_INFO and SASL_INHERIT: always the same user, as user:password.
type fixedUser string

func (u fixedUser) authorize(_ context.Context, req *http.Request, _ *url.Userinfo) error {
	req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u)))
	return nil
}

// bearer sends a token, and says which logical cluster and identity pool it is for.
type bearer struct {
	token         func(context.Context) (string, error)
	cluster, pool string
}

func (b bearer) authorize(ctx context.Context, req *http.Request, _ *url.Userinfo) error {
	token, err := b.token(ctx)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if b.cluster != "" {
		req.Header.Set("target-sr-cluster", b.cluster)
	}
	if b.pool != "" {
		req.Header.Set("Confluent-Identity-Pool-Id", b.pool)
	}
	return nil
}

// parseAuth reads basic.auth.* and bearer.auth.*. given finds a setting of the client by its name.
func parseAuth(given func(string) string, buffer time.Duration,
	hc *http.Client,
) (authorizer, error) {
	basic, token := given("basic.auth.credentials.source"), given("bearer.auth.credentials.source")
	switch {
	case basic != "" && token != "":
		return nil, errs.Config.New("Only one of basic.auth.credentials.source and bearer.auth.credentials.source can be set")
	case basic != "":
		return parseBasic(given, basic)
	case token != "":
		return parseBearer(given, token, buffer, hc)
	}
	return nobody{}, nil
}

// parseBasic is basic.auth.credentials.source, in any case of letters.
func parseBasic(given func(string) string, source string) (authorizer, error) {
	switch strings.ToUpper(source) {
	case "URL":
		return urlUser{}, nil
	case "USER_INFO":
		if info := given("basic.auth.user.info"); info != "" {
			return fixedUser(info), nil
		}
		return nil, errs.Config.New("UserInfo must be provided when basic.auth.credentials.source is set to USER_INFO")
	case "SASL_INHERIT":
		return parseSASL(given("sasl.jaas.config"))
	}
	return nil, errs.Config.New("Invalid value %s for configuration basic.auth.credentials.source: must be one of URL, USER_INFO, SASL_INHERIT", source)
}

// parseSASL takes user and password from a JAAS configuration in one line.
func parseSASL(jaas string) (authorizer, error) {
	user, ok := jaasOption(jaas, "username")
	password, ok2 := jaasOption(jaas, "password")
	if !ok || !ok2 {
		return nil, errs.Config.New("SASL_INHERIT needs a sasl.jaas.config with username and password")
	}
	return fixedUser(user + ":" + password), nil
}

// jaasOption finds name="value" in a JAAS configuration.
func jaasOption(jaas, name string) (string, bool) {
	for rest := jaas; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			return "", false
		}
		whole := i == 0 || strings.ContainsRune(" \t\n", rune(rest[i-1]))
		rest = strings.TrimLeft(rest[i+len(name):], " \t\n")
		if !whole || !strings.HasPrefix(rest, "=") {
			continue
		}
		return jaasValue(strings.TrimLeft(rest[1:], " \t\n"))
	}
}

// jaasValue is a value in quotes, with \ before a letter that is meant as it is, or up to a blank
// or semicolon.
func jaasValue(s string) (string, bool) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		value, _, _ := strings.Cut(strings.ReplaceAll(s, ";", " "), " ")
		return value, value != ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == s[0]:
			return b.String(), true
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// parseBearer is bearer.auth.credentials.source. CUSTOM, a Java class, is refused like any word
// that isn't known.
func parseBearer(given func(string) string, source string, buffer time.Duration,
	hc *http.Client,
) (authorizer, error) {
	b := bearer{
		cluster: given("bearer.auth.logical.cluster"),
		pool:    given("bearer.auth.identity.pool.id"),
	}
	switch strings.ToUpper(source) {
	case "STATIC_TOKEN":
		token := given("bearer.auth.token")
		if token == "" {
			return nil, errs.Config.New("Missing required bearer auth configuration bearer.auth.token")
		}
		b.token = func(context.Context) (string, error) { return token, nil }
		return b, nil
	case "OAUTHBEARER", "SASL_OAUTHBEARER_INHERIT":
		o := &clientCredentials{
			http: hc, endpoint: given("bearer.auth.issuer.endpoint.url"), id: given("bearer.auth.client.id"),
			secret: given("bearer.auth.client.secret"), scope: given("bearer.auth.scope"), buffer: buffer,
		}
		if strings.EqualFold(source, "SASL_OAUTHBEARER_INHERIT") {
			o.inherit(given("sasl.oauthbearer.token.endpoint.url"), given("sasl.jaas.config"))
		}
		switch {
		case o.endpoint == "":
			return nil, errs.Config.New("Missing required bearer auth configuration bearer.auth.issuer.endpoint.url")
		case o.id == "":
			return nil, errs.Config.New("Missing required bearer auth configuration bearer.auth.client.id")
		case o.secret == "":
			return nil, errs.Config.New("Missing required bearer auth configuration bearer.auth.client.secret")
		}
		b.token = o.token
		return b, nil
	}
	return nil, errs.Config.New("Invalid value %s for configuration bearer.auth.credentials.source: "+
		"must be one of STATIC_TOKEN, OAUTHBEARER, SASL_OAUTHBEARER_INHERIT", source)
}

// clientCredentials gets tokens by OAuth's grant of that name (RFC 6749, 4.4) and keeps one until
// shortly before it ends.
type clientCredentials struct {
	http                        *http.Client
	endpoint, id, secret, scope string
	buffer                      time.Duration

	mu      sync.Mutex
	current string
	until   time.Time
}

// inherit takes over what the Kafka client logs in with.
func (o *clientCredentials) inherit(endpoint, jaas string) {
	o.endpoint = endpoint
	o.id, _ = jaasOption(jaas, "clientId")
	o.secret, _ = jaasOption(jaas, "clientSecret")
	o.scope, _ = jaasOption(jaas, "scope")
}

// token is the current token, or a new one where it ends within the buffer. The lock is held while
// it is asked for: other requests need the same token and wait for it. The secret is in no error.
func (o *clientCredentials) token(ctx context.Context) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.current != "" && time.Now().Before(o.until) {
		return o.current, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if o.scope != "" {
		form.Set("scope", o.scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.endpoint,
		strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(o.id), url.QueryEscape(o.secret))
	res, err := o.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("token of %s: %w", o.endpoint, withoutURL(err))
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("token of %s: %w", o.endpoint, err)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("token of %s: status %d", o.endpoint, res.StatusCode)
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Token == "" {
		return "", errors.New("token of " + o.endpoint + ": the answer holds no access_token")
	}
	o.current, o.until = answer.Token,
		time.Now().Add(time.Duration(answer.Expires)*time.Second-o.buffer)
	return o.current, nil
}
