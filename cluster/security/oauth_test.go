package security

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

func isAuth(err error) bool {
	var auth *AuthError
	return errors.As(err, &auth) && auth.Class == "org.apache.kafka.common.errors.SaslAuthenticationException"
}

func TestOAuthClientCredentials(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		user, pass, _ := r.BasicAuth()
		body, _ := io.ReadAll(r.Body)
		switch {
		case calls == 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case user != "id" || pass != "s" || string(body) != "grant_type=client_credentials&scope=sc":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			fmt.Fprintf(w, `{"access_token":"token-%d","expires_in":3600}`, calls)
		}
	}))
	defer server.Close()
	source := func(options map[string]string) TokenSource {
		t.Helper()
		r := NewReader(map[string]string{"sasl.oauthbearer.token.endpoint.url": server.URL, "sasl.login.retry.backoff.ms": "1"})
		s, err := readOAuth(r).source(options)
		if err != nil || r.err != nil {
			t.Fatal(err, r.err)
		}
		return s
	}
	good := source(map[string]string{"clientId": "id", "clientSecret": "s", "scope": "sc", "extension_a": "b"})
	for range 3 { // the second try gives a token, which is kept
		got, err := good.Token(t.Context())
		if err != nil || got.Value != "token-2" || got.Extensions["a"] != "b" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	bad := source(map[string]string{"clientId": "id", "clientSecret": "wrong-1"})
	if _, err := bad.Token(t.Context()); !isAuth(err) || strings.Contains(err.Error(), "wrong-1") {
		t.Errorf("wrong secret: %v", err)
	}
	if _, err := readOAuth(NewReader(map[string]string{"sasl.oauthbearer.token.endpoint.url": server.URL})).source(nil); !errors.Is(err, errs.Config) {
		t.Errorf("no credentials: %v", err)
	}
}

func TestOAuthUnsecured(t *testing.T) {
	s, err := readOAuth(NewReader(nil)).source(map[string]string{
		"unsecuredLoginStringClaim_sub": "alice", "unsecuredLoginNumberClaim_n": "3",
		"unsecuredLoginListClaim_scope": "|a|b", "unsecuredLoginLifetimeSeconds": "60", "unsecuredLoginExtension_x": "y",
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(got.Value, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || len(parts) != 3 || parts[2] != "" {
		t.Fatalf("token %s: %v", got.Value, err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["sub"] != "alice" || claims["n"] != 3.0 || fmt.Sprint(claims["scope"]) != "[a b]" || got.Extensions["x"] != "y" {
		t.Errorf("claims %v, extensions %v", claims, got.Extensions)
	}
	if life := claims["exp"].(float64) - claims["iat"].(float64); life < 59 || life > 61 {
		t.Errorf("life of %v s", life)
	}
	if left := time.Until(got.refresh); left < 40*time.Second || left > 50*time.Second {
		t.Errorf("refreshed after %v, want 0.8 of a minute", left)
	}
	if _, err := readOAuth(NewReader(nil)).source(map[string]string{}); !errors.Is(err, errs.Config) {
		t.Errorf("without claims: %v", err)
	}
}

// FuzzToken: whatever an endpoint or a token says, the life of the token is none or one that Go can tell.
func FuzzToken(f *testing.F) {
	claims := func(s string) string { return "h." + base64.RawURLEncoding.EncodeToString([]byte(s)) + ".s" }
	for _, s := range []string{
		`{"access_token":"a","expires_in":3600}`, `{"access_token":"a","expires_in":9223372036854775807}`,
		`{"access_token":"a","expires_in":-1}`, `{"expires_in":1}`, `[]`, "",
		claims(`{"exp":1700000000}`), claims(`{"exp":1e300}`), claims(`{"exp":9.3e18}`), claims(`{"exp":-1}`), "a.b", "..",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if value, life, ok := readToken([]byte(s)); ok && (value == "" || life < 0 || life > maxTokenLife) {
			t.Errorf("%q: token %q lives for %s", s, value, life)
		}
		if at, ok := expiry(s); ok && (at.Before(time.Unix(0, 0)) || time.Until(at) > maxTokenLife) {
			t.Errorf("%q expires at %s", s, at)
		}
	})
}
