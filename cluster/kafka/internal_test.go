package kafka

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/connectors/errs"
)

func TestJAAS(t *testing.T) {
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
	for _, tt := range []struct {
		in   string
		want map[string]string
		err  string
	}{
		{plain + ` required username="u" password="p";`, map[string]string{"username": "u", "password": "p"}, ""},
		{plain + ` REQUIRED username=u password='p"q';`, map[string]string{"username": "u", "password": `p"q`}, ""},
		{plain + ` required password="a\"b\\c\n\101\'";`, map[string]string{"password": "a\"b\\c\nA'"}, ""},
		{plain + " required\n\tusername=\"ü—x\" // comment\n /* more; */ password=\"; // not a comment\" ;", map[string]string{"username": "ü—x", "password": "; // not a comment"}, ""},
		{plain + ` required;`, map[string]string{}, ""},
		{plain + ` required a.b-c_d$="1";`, map[string]string{"a.b-c_d$": "1"}, ""},
		{``, nil, "Login module not specified in JAAS config"},
		{plain, nil, "Login module control flag not specified in JAAS config"},
		{plain + ` needed username="u";`, nil, "Invalid login module control flag 'needed' in JAAS config"},
		{plain + ` required username="u"`, nil, "JAAS config entry not terminated by semi-colon"},
		{plain + ` required username;`, nil, "Value not specified for key 'username' in JAAS config"},
		{plain + ` required username=;`, nil, "Value not specified for key 'username' in JAAS config"},
	} {
		entries, err := parseJAAS(tt.in)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%s: error %v, want %s", tt.in, err, tt.err)
			}
			continue
		}
		if err != nil || len(entries) != 1 || entries[0].module != plain || !maps.Equal(entries[0].options, tt.want) {
			t.Errorf("%s: %+v, %v", tt.in, entries, err)
		}
	}
}

func FuzzJAAS(f *testing.F) {
	f.Add(`a.B required c="d\"" e='f' /* g */ ; // h`)
	f.Add(`"\777\`)
	f.Fuzz(func(t *testing.T, s string) { parseJAAS(s) }) //nolint:errcheck // it must end and not panic
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
	source := func(options map[string]string) tokenSource {
		t.Helper()
		r := newReader(Props{"sasl.oauthbearer.token.endpoint.url": server.URL, "sasl.login.retry.backoff.ms": "1"})
		s, err := readOAuth(r).source(options)
		if err != nil || r.err != nil {
			t.Fatal(err, r.err)
		}
		return s
	}
	good := source(map[string]string{"clientId": "id", "clientSecret": "s", "scope": "sc", "extension_a": "b"})
	for range 3 { // the second try gives a token, which is kept
		got, err := good.token(t.Context())
		if err != nil || got.value != "token-2" || got.extensions["a"] != "b" {
			t.Errorf("%+v, %v", got, err)
		}
	}
	bad := source(map[string]string{"clientId": "id", "clientSecret": "wrong-1"})
	if _, err := bad.token(t.Context()); Classify(err) != Authorization || strings.Contains(err.Error(), "wrong-1") {
		t.Errorf("wrong secret: %v (%s)", err, Classify(err))
	}
	if _, err := readOAuth(newReader(Props{"sasl.oauthbearer.token.endpoint.url": server.URL})).source(nil); !errors.Is(err, errs.Config) {
		t.Errorf("no credentials: %v", err)
	}
}

func TestOAuthUnsecured(t *testing.T) {
	s, err := readOAuth(newReader(nil)).source(map[string]string{
		"unsecuredLoginStringClaim_sub": "alice", "unsecuredLoginNumberClaim_n": "3",
		"unsecuredLoginListClaim_scope": "|a|b", "unsecuredLoginLifetimeSeconds": "60", "unsecuredLoginExtension_x": "y",
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(got.value, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || len(parts) != 3 || parts[2] != "" {
		t.Fatalf("token %s: %v", got.value, err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["sub"] != "alice" || claims["n"] != 3.0 || fmt.Sprint(claims["scope"]) != "[a b]" || got.extensions["x"] != "y" {
		t.Errorf("claims %v, extensions %v", claims, got.extensions)
	}
	if life := claims["exp"].(float64) - claims["iat"].(float64); life < 59 || life > 61 {
		t.Errorf("life of %v s", life)
	}
	if left := time.Until(got.refresh); left < 40*time.Second || left > 50*time.Second {
		t.Errorf("refreshed after %v, want 0.8 of a minute", left)
	}
	if _, err := readOAuth(newReader(nil)).source(map[string]string{}); !errors.Is(err, errs.Config) {
		t.Errorf("without claims: %v", err)
	}
}

func TestClassify(t *testing.T) {
	for _, tt := range []struct {
		err   error
		class Class
		java  string
	}{
		{nil, 0, ""},
		{kerr.MessageTooLarge, TooLarge, "RecordTooLargeException"},
		{fmt.Errorf("x: %w", kerr.TopicAuthorizationFailed), Authorization, "TopicAuthorizationException"},
		{sarama.ErrTopicAuthorizationFailed, Authorization, "TopicAuthorizationException"},
		{&sarama.TopicError{Err: sarama.ErrInvalidTopic}, Fatal, "InvalidTopicException"},
		{kerr.ProducerFenced, Fenced, "ProducerFencedException"},
		{kerr.UnknownTopicOrPartition, Retriable, "UnknownTopicOrPartitionException"},
		{kerr.OffsetOutOfRange, Fatal, "OffsetOutOfRangeException"},
		{sarama.Wrap(sarama.ErrOutOfBrokers, sarama.Wrap(sarama.ErrSASLAuthenticationFailed, io.EOF)), Authorization, "SaslAuthenticationException"},
		{sarama.ErrConcurrentTransactions, Retriable, "ConcurrentTransactionsException"},
		{sarama.ErrOutOfBrokers, Retriable, "DisconnectException"},
		{io.EOF, Retriable, "DisconnectException"},
		{kgo.ErrRecordTimeout, Retriable, "TimeoutException"},
		{context.DeadlineExceeded, Retriable, "TimeoutException"},
		{kerr.RebalanceInProgress, Retriable, "RebalanceInProgressException"},
		{failed(kerr.IllegalGeneration, "x"), Fenced, "IllegalGenerationException"},
		{&kgo.ErrGroupSession{Err: kerr.GroupAuthorizationFailed}, Authorization, "GroupAuthorizationException"},
	} {
		want := tt.java
		if want != "" {
			want = javaPackage + want
		}
		if c, name := Classify(tt.err), ClassName(tt.err); c != tt.class || name != want {
			t.Errorf("%v: %s %s, want %s %s", tt.err, c, name, tt.class, want)
		}
	}
	for _, err := range []error{context.Canceled, kgo.ErrClientClosed, kgo.ErrAborting, sarama.ErrClosedClient, ErrAborted} {
		if Classify(err) != Aborted {
			t.Errorf("%v is %s", err, Classify(err))
		}
	}
	if !errors.Is(failed(kerr.NotLeaderForPartition, "x"), errs.Retriable) || errors.Is(failed(kerr.InvalidRecord, "x"), errs.Retriable) {
		t.Error("errs.Retriable is found where it isn't, or not where it is")
	}
	if failed(nil, "x") != nil {
		t.Error("no error became one")
	}
}

// Every code that either client knows has a Java class, and the two agree on what it means.
func TestEveryCodeHasAClass(t *testing.T) {
	for code := int16(1); code < 130; code++ {
		e, ok := kerr.ErrorForCode(code).(*kerr.Error)
		if !ok || e == kerr.UnknownServerError {
			continue
		}
		if javaErrors[code] == "" {
			t.Errorf("code %d, %s, has no Java class", code, e.Message)
		}
		if Classify(e) != Classify(sarama.KError(code)) {
			t.Errorf("code %d, %s: %s of franz-go and %s of sarama", code, e.Message, Classify(e), Classify(sarama.KError(code)))
		}
	}
}

func TestBackoff(t *testing.T) {
	s := &settings{retryBackoff: 100 * time.Millisecond, retryBackoffMax: time.Second}
	for tries, want := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 5: time.Second, 1000: time.Second} {
		for range 100 {
			if got := s.backoff(tries); got < want*4/5 || got > want*6/5 {
				t.Fatalf("try %d: %v, want %v give or take a fifth", tries, got, want)
			}
		}
	}
}

func TestISODuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"P1D": 24 * time.Hour, "PT1H30M": 90 * time.Minute, "P2DT3H4M5.5S": 51*time.Hour + 4*time.Minute + 5500*time.Millisecond, "pt1s": time.Second,
	} {
		if got, ok := parseISODuration(in); !ok || got != want {
			t.Errorf("%s: %v, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "P", "PT", "1D", "P1Y", "P-1D", "PT1H1D"} {
		if _, ok := parseISODuration(in); ok {
			t.Errorf("%q was taken", in)
		}
	}
}

func TestUnreadKeys(t *testing.T) {
	r := newReader(Props{
		"bootstrap.servers": "b:1", "interceptor.classes": "x.Y", "metric.reporters": "z", "linger.ms": "1",
		"my.own.key": "1", "metrics.context.connect.group.id": "g", "acks": "all", "ssl.provider": "p",
	})
	s := readSettings(r, nil)
	readProducer(r, s)
	known, unknown := r.unread()
	if r.err != nil || fmt.Sprint(known) != "[interceptor.classes metric.reporters ssl.provider]" || fmt.Sprint(unknown) != "[my.own.key]" {
		t.Errorf("known %v, unknown %v, %v", known, unknown, r.err)
	}
}
