package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/codecs/registry"
	"github.com/troupe-connect/troupe/codecs/registry/registrytest"
	"github.com/troupe-connect/troupe/connectors/errs"
)

var down = &registry.IOError{Kind: registry.IONetwork, Err: errors.New("connection refused")}

func withTask(t *testing.T, ctx context.Context, log *slog.Logger, clients registry.Clients, props map[string]string) *registry.Session {
	t.Helper()
	all := map[string]string{"schema.registry.url": "http://127.0.0.1:1"}
	maps.Copy(all, props)
	s, err := registry.Open(clients, registry.Avro, registry.Def(), all, false, codecs.Env{Context: ctx, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An outage of ten minutes: known schemas go on, an unknown one waits and says so once a minute.
func TestWaitsThroughAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := registrytest.NewFake()
		var said bytes.Buffer
		s := withTask(t, t.Context(), slog.New(slog.NewTextHandler(&said, nil)), fake, nil)
		if _, err := s.Target("t", intSchema, ""); err != nil {
			t.Fatal(err)
		}
		fake.Fail("register", down)
		if _, err := s.Target("t", intSchema, ""); err != nil {
			t.Errorf("a known schema: %v", err)
		}
		begun := time.Now()
		go func() {
			time.Sleep(10 * time.Minute)
			fake.Fail("register", nil)
		}()
		if _, err := s.Target("t", longSchema, ""); err != nil {
			t.Errorf("an unknown schema: %v", err)
		}
		if took := time.Since(begun); took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("it took %v", took)
		}
		lines := strings.Count(said.String(), "waiting for the schema registry")
		if lines < 8 || lines > 11 || !strings.Contains(said.String(), "subject=t-value") {
			t.Errorf("the log says it %d times:\n%s", lines, said.String())
		}
		if !strings.Contains(said.String(), "answers again") {
			t.Error("the log doesn't say that it is over")
		}
	})
}

// The status says what the task waits for as long as it does, and no longer.
func TestNotesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := registrytest.NewFake()
		fake.Fail("register", down)
		var notes []string
		env := codecs.Env{Context: t.Context(), Note: func(text string) { notes = append(notes, text) }}
		s, err := registry.Open(fake, registry.Avro, registry.Def(), map[string]string{"schema.registry.url": "http://127.0.0.1:1"}, false, env)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(10*time.Minute, func() { fake.Fail("register", nil) })
		if _, err := s.Target("t", longSchema, ""); err != nil {
			t.Fatal(err)
		}
		const want = "waiting for the schema registry since 2000-01-01T00:00:00Z: subject t-value: "
		if len(notes) != 2 || !strings.HasPrefix(notes[0], want) || !strings.Contains(notes[0], "connection refused") || notes[1] != "" {
			t.Errorf("the status was told %q, want %s… and then nothing", notes, want)
		}
		if _, err := s.Target("u", longSchema, ""); err != nil || len(notes) != 2 {
			t.Errorf("without an outage the status was told %q, and %v", notes, err)
		}
	})
}

func TestGivesUpAfterTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := registrytest.NewFake()
		fake.Fail("schemaById", &registry.StatusError{Status: 503, Code: 50301, Message: "busy"})
		s := withTask(t, t.Context(), nil, fake, map[string]string{"schema.registry.outage.max.ms": "120000"})
		begun := time.Now()
		_, err := s.Source("t", registry.SchemaID{ID: 1}, "", nil)
		if took := time.Since(begun); took != 2*time.Minute {
			t.Errorf("it took %v", took)
		}
		if errs.KindOf(err) != errs.Retriable {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestFailsAtOnceWithoutALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := registrytest.NewFake()
		fake.Fail("register", down)
		s := withTask(t, t.Context(), nil, fake, map[string]string{"schema.registry.outage.max.ms": "0"})
		begun := time.Now()
		_, err := s.Target("t", intSchema, "")
		if errs.KindOf(err) != errs.Network || time.Since(begun) != 0 {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

// What the registry has answered is no outage, however bad the answer is.
func TestDoesNotWaitForARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := registrytest.NewFake()
		s := withTask(t, t.Context(), nil, fake, nil)
		for status, kind := range map[int]*errs.Kind{401: errs.Config, 403: errs.Config, 404: errs.Data, 409: errs.Data, 422: errs.Data} {
			fake.Fail("register", &registry.StatusError{Status: status, Code: status, Message: "no", What: "POST /subjects/t-value/versions"})
			begun := time.Now()
			_, err := s.Target("t", intSchema, "")
			if errs.KindOf(err) != kind || time.Since(begun) != 0 {
				t.Errorf("status %d after %v: %v", status, time.Since(begun), err)
			}
			if !strings.Contains(err.Error(), "/subjects/t-value/") && status != 401 && status != 403 {
				t.Errorf("status %d doesn't name the subject: %v", status, err)
			}
		}
	})
}

func TestSaysOnceThatRulesAreIgnored(t *testing.T) {
	fake := registrytest.NewFake()
	ruled := intSchema
	ruled.Rules = []byte(`{"domainRules":[{"name":"r"}]}`)
	fake.Put(registry.Registered{Subject: "t-value", Version: 1, ID: 1, Schema: ruled})
	fake.Put(registry.Registered{Subject: "u-value", Version: 1, ID: 1, Schema: ruled})
	var said bytes.Buffer
	s := withTask(t, t.Context(), slog.New(slog.NewTextHandler(&said, nil)), fake, nil)
	for _, topic := range []string{"t", "u"} {
		if _, err := s.Source(topic, registry.SchemaID{ID: 1}, "", nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(said.String(), "rules"); n == 0 || strings.Count(said.String(), "level=WARN") != 1 {
		t.Errorf("the log says\n%s", said.String())
	}
}

func TestStopsWaitingWithItsTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := registrytest.NewFake()
		fake.Fail("register", down)
		ctx, cancel := context.WithCancel(t.Context())
		s := withTask(t, ctx, nil, fake, nil)
		time.AfterFunc(5*time.Minute, cancel)
		_, err := s.Target("t", intSchema, "")
		if !errors.Is(err, codecs.ErrInterrupted) || !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	})
}

// server is a registry with one schema that counts its requests.
type server struct {
	*httptest.Server
	requests atomic.Int64
	status   atomic.Int64 // 0 for good answers
}

func newServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.requests.Add(1)
		if status := s.status.Load(); status != 0 {
			w.WriteHeader(int(status))
			fmt.Fprint(w, `{"error_code":50001,"message":"boom"}`)
			return
		}
		fmt.Fprint(w, `{"subject":"t-value","version":1,"id":1,"schema":"\"int\""}`)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestManyTasksAskOnce(t *testing.T) {
	s := newServer(t)
	pool := registry.NewPool()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			session := withTask(t, t.Context(), nil, pool, map[string]string{"schema.registry.url": s.URL})
			if _, err := session.Source("t", registry.SchemaID{ID: 1}, "", nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.requests.Load(); n != 2 {
		t.Errorf("50 tasks made %d requests, want one for the schema and one for its version", n)
	}
	if shared := pool.Stats().Shared.Load(); shared != 98 {
		t.Errorf("%d answers were shared", shared)
	}
}

func TestGoesToTheNextURL(t *testing.T) {
	bad, good := newServer(t), newServer(t)
	bad.status.Store(500)
	pool := registry.NewPool()
	s := withTask(t, t.Context(), nil, pool, map[string]string{
		"schema.registry.url": bad.URL + "," + good.URL, "max.retries": "2", "retries.wait.ms": "1",
	})
	for i := range 3 {
		if _, err := s.Target("t", registry.Schema{Format: registry.Avro, Text: fmt.Sprintf(`{"type":"int","n":%d}`, i)}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := bad.requests.Load(); n != 3 {
		t.Errorf("the bad one had %d requests, want 3: then the good one is asked first", n)
	}
	if n := good.requests.Load(); n != 3 {
		t.Errorf("the good one had %d requests", n)
	}
}

// recorded are the requests as the JVM's client makes them.
func TestRequests(t *testing.T) {
	var got []string
	var headers http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		got = append(got, r.Method+" "+r.RequestURI+" "+body.String())
		headers = r.Header
		fmt.Fprint(w, `{"subject":"a/b-value","version":1,"id":1,"schema":"\"int\""}`)
	}))
	defer s.Close()
	props := map[string]string{
		"schema.registry.url": strings.Replace(s.URL, "http://", "http://u:p@", 1) + "/base/", "request.header.X-Team": "blue",
		"schema.registry.basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": "a:b", "normalize.schemas": "true",
	}
	session := withTask(t, t.Context(), nil, registry.NewPool(), props)
	if _, err := session.Target("a/b", intSchema, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Source("a/b", registry.SchemaID{ID: 1}, "", nil); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`POST /base/subjects/a%2Fb-value/versions?normalize=true {"schemaType":"AVRO","schema":"\"int\""}`,
		`GET /base/schemas/ids/1?fetchMaxId=false&subject=a%2Fb-value `,
		`POST /base/subjects/a%2Fb-value?normalize=false&deleted=true {"schemaType":"AVRO","schema":"\"int\""}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("requests:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for name, value := range map[string]string{
		"Content-Type": "application/vnd.schemaregistry.v1+json", "X-Team": "blue", "Authorization": "Basic YTpi",
		"Confluent-Accept-Unknown-Properties": "true",
	} {
		if headers.Get(name) != value {
			t.Errorf("header %s is %q", name, headers.Get(name))
		}
	}
}

func TestCredentials(t *testing.T) {
	for _, tt := range []struct {
		name  string
		props map[string]string
		want  string
	}{
		{"none by default, though the URL has some", nil, ""},
		{"of the URL", map[string]string{"basic.auth.credentials.source": "URL"}, "Basic dTpw"},
		{"of the login to Kafka", map[string]string{
			"basic.auth.credentials.source": "SASL_INHERIT",
			"sasl.jaas.config":              `org.apache.kafka.common.security.plain.PlainLoginModule required username="k" password="s\"x";`,
		}, "Basic azpzIng="},
		{"a token", map[string]string{"bearer.auth.credentials.source": "STATIC_TOKEN", "bearer.auth.token": "abc"}, "Bearer abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := "no request"
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Get("Authorization")
				fmt.Fprint(w, `{"id":1}`)
			}))
			defer s.Close()
			props := map[string]string{"schema.registry.url": strings.Replace(s.URL, "http://", "http://u:p@", 1)}
			maps.Copy(props, tt.props)
			if _, err := withTask(t, t.Context(), nil, registry.NewPool(), props).Target("t", intSchema, ""); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOAuthToken(t *testing.T) {
	var grants atomic.Int64
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grants.Add(1)
		user, password, _ := r.BasicAuth()
		if err := r.ParseForm(); err != nil || user != "me" || password != "pw" || r.Form.Get("grant_type") != "client_credentials" || r.Form.Get("scope") != "sr" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"access_token":"tok","expires_in":3600}`)
	}))
	defer idp.Close()
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		fmt.Fprint(w, `{"id":1}`)
	}))
	defer s.Close()
	session := withTask(t, t.Context(), nil, registry.NewPool(), map[string]string{
		"schema.registry.url": s.URL, "bearer.auth.credentials.source": "OAUTHBEARER", "bearer.auth.issuer.endpoint.url": idp.URL,
		"bearer.auth.client.id": "me", "bearer.auth.client.secret": "pw", "bearer.auth.scope": "sr",
		"bearer.auth.logical.cluster": "lsrc-1", "bearer.auth.identity.pool.id": "pool-1",
	})
	for _, schema := range []registry.Schema{intSchema, longSchema} {
		if _, err := session.Target("t", schema, ""); err != nil {
			t.Fatal(err)
		}
	}
	if grants.Load() != 1 || got.Get("Authorization") != "Bearer tok" || got.Get("target-sr-cluster") != "lsrc-1" ||
		got.Get("Confluent-Identity-Pool-Id") != "pool-1" {
		t.Errorf("%d grants, headers %v", grants.Load(), got)
	}
}

func TestWrongSettings(t *testing.T) {
	for name, props := range map[string]map[string]string{
		"basic and bearer":  {"basic.auth.credentials.source": "URL", "bearer.auth.credentials.source": "STATIC_TOKEN"},
		"no user info":      {"basic.auth.credentials.source": "USER_INFO"},
		"no token":          {"bearer.auth.credentials.source": "STATIC_TOKEN"},
		"no URL":            {"schema.registry.url": ""},
		"another scheme":    {"schema.registry.url": "ftp://x"},
		"TLS without means": {"schema.registry.ssl.truststore.location": "x"},
		"wrong strategy":    {"value.subject.name.strategy": "nope"},
	} {
		all := map[string]string{"schema.registry.url": "http://127.0.0.1:1"}
		maps.Copy(all, props)
		if _, err := registry.Open(registry.NewPool(), registry.Avro, registry.Def(), all, false, codecs.Env{}); !errors.Is(err, errs.Config) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
