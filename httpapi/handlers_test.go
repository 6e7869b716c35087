package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/config"
	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/httpapi/logging"
	"github.com/troupe-connect/troupe/httpapi/peers"
)

// handler is a server's handler without a network, so that it can run in a synctest bubble.
func handler(t testing.TB, cfg Config, h Herder, log *slog.Logger) http.Handler {
	t.Helper()
	s, err := New(cfg, fakeRegistry(), logging.NewRegistry(nil), log)
	if err != nil {
		t.Fatal(err)
	}
	s.Open(h)
	return s.main.Handler
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// do asks a handler; headers are name, value pairs.
func do(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const source = `{"connector.class":"FileStreamSource","topic":"t","tasks.max":"1"}`

// TestBodies are answers byte by byte: names, order and escaping of the JVM's.
func TestBodies(t *testing.T) {
	herder := newFakeHerder(true)
	cfg := DefaultConfig()
	cfg.Version, cfg.Commit = "4.1.1", "abc"
	h := handler(t, cfg, herder, quiet())
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", "/", "", `{"version":"4.1.1","commit":"abc","kafka_cluster_id":"fake-cluster"}`},
		{"GET", "/health", "", `{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}`},
		{"GET", "/connectors", "", `[]`},
		{
			"POST", "/connectors", `{"name":"a<&>ü","config":` + source + `}`,
			`{"name":"a<&>ü","config":{"connector.class":"FileStreamSource","name":"a<&>ü","tasks.max":"1","topic":"t"},` +
				`"tasks":[{"connector":"a<&>ü","task":0}],"type":"source"}`,
		},
		{
			"GET", "/connectors/a<&>%C3%BC/status", "",
			`{"name":"a<&>ü","connector":{"state":"RUNNING","worker_id":"127.0.0.1:8083","version":"4.1.1"},` +
				`"tasks":[{"id":0,"state":"RUNNING","worker_id":"127.0.0.1:8083","version":"4.1.1"}],"type":"source"}`,
		},
		{"GET", "/connectors/nope", "", `{"error_code":404,"message":"Connector nope not found"}`},
		{"GET", "/connectors/a<&>%C3%BC/offsets", "", `{"offsets":[]}`},
		{"GET", "/connectors/a<&>%C3%BC/topics", "", `{"a<&>ü":{"topics":["t"]}}`},
		{
			"GET", "/connector-plugins", "",
			`[{"class":"org.apache.kafka.connect.file.FileStreamSinkConnector","type":"sink","version":"4.1.1"},` +
				`{"class":"org.apache.kafka.connect.file.FileStreamSourceConnector","type":"source","version":"4.1.1"}]`,
		},
		{"GET", "/connector-plugins/Filter/config", "", `[]`},
		{
			"GET", "/connector-plugins/FileStreamSink/config", "",
			`[{"name":"file","type":"STRING","required":false,"default_value":null,"importance":"HIGH","documentation":"The file.",` +
				`"group":null,"width":"NONE","display_name":"file","dependents":[],"order":-1},` +
				`{"name":"batch.size","type":"INT","required":false,"default_value":"2000","importance":"LOW",` +
				`"documentation":"Size.","group":null,"width":"NONE","display_name":"batch.size","dependents":[],"order":-1}]`,
		},
		{"GET", "/admin/loggers/root", "", `{"level":"INFO","last_modified":null}`},
		{
			"PUT", "/connector-plugins/FileStreamSource/config/validate", `{"connector.class":"FileStreamSource","n":null}`,
			`{"name":"FileStreamSource","error_count":1,"groups":[],"configs":[{"definition":null,"value":{"name":"connector.class",` +
				`"value":"FileStreamSource","recommended_values":[],"errors":[],"visible":true}},{"definition":null,"value":` +
				`{"name":"n","value":null,"recommended_values":[],"errors":["Null value can not be supplied as the configuration value."],` +
				`"visible":true}}]}`,
		},
	} {
		w := do(h, tt.method, tt.path, tt.body)
		if got := w.Body.String(); got != tt.want {
			t.Errorf("%s %s: %d\ngot  %s\nwant %s", tt.method, tt.path, w.Code, got, tt.want)
		}
		if ct := w.Header().Get("Content-Type"); ct != "application/json" {
			t.Errorf("%s %s: content type %q", tt.method, tt.path, ct)
		}
	}
}

// TestSlashInName: a name with a slash can be reached, which the JVM's server refuses.
func TestSlashInName(t *testing.T) {
	h := handler(t, DefaultConfig(), newFakeHerder(true), quiet())
	w := do(h, "POST", "/connectors", `{"name":"a/b %41","config":`+source+`}`)
	location := w.Header().Get("Location")
	if w.Code != 201 || location != "http://example.com/connectors/a%2Fb%20%2541" {
		t.Fatalf("%d %s, location %s", w.Code, w.Body, location)
	}
	path := strings.TrimPrefix(location, "http://example.com")
	for _, step := range []struct {
		method, path string
		status       int
	}{
		{"GET", path, 200},
		{"GET", path + "/status", 200},
		{"GET", path + "/tasks/0/status", 200},
		{"PUT", path + "/stop", 204},
		{"DELETE", path, 204},
		{"GET", path, 404},
	} {
		if w := do(h, step.method, step.path, ""); w.Code != step.status {
			t.Errorf("%s %s: %d %s", step.method, step.path, w.Code, w.Body)
		}
	}
}

// TestUnreadableBodies: the client is told what is wrong and where.
func TestUnreadableBodies(t *testing.T) {
	const create, offsets, put = "POST /connectors", "PATCH /connectors/a/offsets", "PUT /connectors/a/config"
	for _, tt := range []struct {
		request, body string
		status        int
		message       string
	}{
		{create, "", 400, `The request body is empty or null; an object with "name" and "config" is needed`},
		{create, " null", 400, `The request body is empty or null; an object with "name" and "config" is needed`},
		{create, "{}", 400, `config is missing or null in the request body; an object of settings is needed`},
		{create, "{\n \"name\":", 400, `The request body is not JSON: it ends too early, at line 2, column 9`},
		{create, "{\n x}", 400, `The request body is not JSON: invalid character 'x' looking for beginning of object key string at line 2, column 2`},
		{create, "\xff\xfe{\x00}\x00", 400, `The request body is not JSON: it is not UTF-8`},
		{create, `"a"`, 400, `The request body is a text where an object is needed`},
		{create, `{"name":"a","config":[]}`, 400, `config in the request body is an array where an object is needed`},
		{create, `{"name":"a","config":{"x":{"y":1}}}`, 400, `config["x"] in the request body is an object where a text is needed`},
		{create, `{"name":["a"],"config":{}}`, 400, `name in the request body is an array where a text is needed`},
		{create, `{"b":1,"a":1,"config":{}}`, 400, `Unrecognized field "a" in the request body, known are ["name" "config" "initial_state"]`},
		{create, `{"name":"a","config":{},"initial_state":"ASLEEP"}`, 400, `initial_state is "ASLEEP" in the request body; it must be RUNNING, PAUSED or STOPPED`},
		{offsets, `{"offsets":{}}`, 400, `offsets in the request body is an object where an array is needed`},
		{offsets, `{"offsets":[1]}`, 400, `offsets[0] in the request body is a number where an object is needed`},
		{offsets, `{"offsets":[{"partition":{"a":1},"offset":true}]}`, 400, `offsets[0].offset in the request body is a boolean where an object is needed`},
		{offsets, `{"offsets":[{"partitions":{"a":1}}]}`, 400, `Unrecognized field "partitions" in offsets[0] in the request body, known are ["partition" "offset"]`},
		{put, `"a"`, 400, `The request body is a text where an object is needed`},
		{put, `{"a":["b"]}`, 400, `["a"] in the request body is an array where a text is needed`},
		{put, "\n\t[1]", 500, "Cannot deserialize value of type `java.util.LinkedHashMap<java.lang.String,java.lang.String>` " +
			"from Array value (token `JsonToken.START_ARRAY`)\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 2, column: 2]"},
		{"PATCH /connectors/a/config", "[1]", 400, `The request body is an array where an object is needed`},
		{"PUT /admin/loggers/a", `{"level":{}}`, 400, `["level"] in the request body is an object where a text is needed`},
	} {
		h := handler(t, DefaultConfig(), newFakeHerder(true), quiet())
		method, path, _ := strings.Cut(tt.request, " ")
		w := do(h, method, path, tt.body)
		if code, message := decodeError(t, w.Body.String()); w.Code != tt.status || code != tt.status || message != tt.message {
			t.Errorf("%s %q: %d %s\nwant %d %s", tt.request, tt.body, w.Code, message, tt.status, tt.message)
		}
		if w := do(h, "GET", "/connectors", ""); w.Body.String() != "[]" {
			t.Errorf("%s %q created %s", tt.request, tt.body, w.Body)
		}
	}
}

// TestByteOrderMark: a body may begin with one, as for Jackson.
func TestByteOrderMark(t *testing.T) {
	w := do(handler(t, DefaultConfig(), newFakeHerder(true), quiet()), "PUT", "/connectors/a/config", "\ufeff"+source)
	if w.Code != 201 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestReasonOfRestarts: a config provider that fails at a restart is no fault of the request, and the
// answer says why.
func TestReasonOfRestarts(t *testing.T) {
	herder := newFakeHerder(true)
	h := handler(t, DefaultConfig(), herder, quiet())
	do(h, "POST", "/connectors", `{"name":"a","config":`+source+`}`)
	herder.before = func(context.Context, string) error {
		cause := fmt.Errorf(`config provider "file": %w`, errs.Config.New("Could not read properties from file /x"))
		return errs.Config.Wrap(cause, "configuration of connector %q", "a")
	}
	for _, request := range []string{"/connectors/a/restart", "/connectors/a/restart?includeTasks=true", "/connectors/a/tasks/0/restart"} {
		w := do(h, "POST", request, "")
		if w.Code != 500 || !strings.Contains(w.Body.String(), `configuration of connector \"a\": config provider \"file\": Could not read properties from file /x"`) {
			t.Errorf("%s: %d %s", request, w.Code, w.Body)
		}
	}
}

func TestStatusOfErrors(t *testing.T) {
	for _, tt := range []struct {
		err     error
		status  int
		message string
	}{
		{errs.NotFound.New("no x"), 404, "no x"},
		{fmt.Errorf("at leader: %w", errs.NotFound.New("no x")), 404, "no x"},
		{errs.AlreadyExists.New("x"), 409, "x"},
		{errs.BadRequest.Wrap(errors.New("cause"), "bad"), 400, "bad: cause"},
		{errs.Config.New("wrong"), 400, "wrong"},
		{errs.Connect.Wrap(errs.NotFound.New("inner"), "outer"), 500, "outer: inner"},
		{errs.Connect.Wrap(errs.NotFound.New("inner"), "outer (inner)"), 500, "outer (inner)"},
		{errs.TooManyTasks.New("many"), 500, "many"},
		{errors.New("plain"), 500, "plain"},
		{&peers.StatusError{Status: 409, Message: "stale"}, 409, "409: stale"},
		{elsewhereError("http://other:8083/"), 409, "Cannot complete request momentarily due to no known leader URL, " +
			"likely because a rebalance was underway."},
	} {
		herder := newFakeHerder(false)
		herder.before = func(context.Context, string) error { return tt.err }
		w := do(handler(t, DefaultConfig(), herder, quiet()), "DELETE", "/connectors/x", "")
		code, message := decodeError(t, w.Body.String())
		if w.Code != tt.status || code != tt.status || message != tt.message {
			t.Errorf("%v: %d %s", tt.err, w.Code, w.Body)
		}
	}
}

// lateError says what the worker was at.
type lateError struct {
	doing            string
	began, completed time.Time
}

func (e lateError) Error() string                         { return "late: " + e.doing }
func (e lateError) Unwrap() error                         { return context.DeadlineExceeded }
func (e lateError) Stage() (string, time.Time, time.Time) { return e.doing, e.began, e.completed }

func TestTimeouts(t *testing.T) {
	began := time.Date(2026, 11, 22, 17, 0, 0, 5e6, time.UTC)
	for _, tt := range []struct {
		name    string
		err     error // nil: the context's own
		message string
	}{
		{"bare", nil, "Request timed out"},
		{
			"stage",
			lateError{doing: "flushing updates to the status topic", began: began},
			"Request timed out. The worker is currently flushing updates to the status topic, which began at 2026-11-22T17:00:00.005Z",
		},
		{
			"stage completed",
			lateError{doing: "reading", began: began, completed: began.Add(time.Second)},
			"Request timed out. The last operation the worker completed was reading, which began at 2026-11-22T17:00:00.005Z " +
				"and completed at 2026-11-22T17:00:01.005Z",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				herder := newFakeHerder(false)
				herder.before = func(ctx context.Context, _ string) error {
					<-ctx.Done()
					if tt.err != nil {
						return tt.err
					}
					return ctx.Err()
				}
				h := handler(t, DefaultConfig(), herder, quiet())
				start := time.Now()
				w := do(h, "PUT", "/connectors/x/pause", "")
				if took := time.Since(start); took != 90*time.Second {
					t.Errorf("took %v", took)
				}
				if code, message := decodeError(t, w.Body.String()); w.Code != 500 || code != 500 || message != tt.message {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		})
	}
}

// TestHealth: starting before the herder was ever ready, unhealthy after.
func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		herder := newFakeHerder(false)
		h := handler(t, DefaultConfig(), herder, quiet())
		stuck := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		step := func(ready func(context.Context) error, status int, body string) {
			t.Helper()
			herder.ready = ready
			start := time.Now()
			w := do(h, "GET", "/health", "")
			if w.Code != status || w.Body.String() != body {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		}
		step(stuck, 503, `{"status":"starting","message":"Worker is still starting up."}`)
		began := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
		step(func(context.Context) error { return lateError{doing: "joining", began: began} }, 503,
			`{"status":"starting","message":"Worker is still starting up. The worker is currently joining, which began at 2026-11-22T17:00:00.000Z"}`)
		step(func(context.Context) error { return &peers.StatusError{Status: 503, Message: "x"} }, 503,
			`{"status":"starting","message":"Worker is still starting up. 503: x"}`)
		step(func(context.Context) error { return startingError{} }, 503, `{"status":"starting","message":"Worker is still starting up."}`)
		step(nil, 200, `{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}`)
		const unhealthy = `{"status":"unhealthy","message":"Worker was unable to handle this request and may be unable to handle other requests.`
		step(stuck, 500, unhealthy+`"}`)
		step(func(context.Context) error { return errors.New("the herder ended") }, 500, unhealthy+` the herder ended"}`)
	})
}

// The probes: one for the process, one for what the worker and, if asked for, its connectors do.
func TestProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		herder := newFakeHerder(false)
		h := handler(t, DefaultConfig(), herder, quiet())
		step := func(path string, status int, body string) {
			t.Helper()
			if w := do(h, "GET", path, ""); w.Code != status || w.Body.String() != body {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		const (
			alive   = `{"status":"alive","message":"The process answers."}`
			healthy = `{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}`
		)
		herder.ready = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		step("/health/live", 200, alive)
		step("/health/ready", 503, `{"status":"starting","message":"Worker is still starting up."}`)
		step("/health?connectors=all", 503, `{"status":"starting","message":"Worker is still starting up."}`)
		herder.ready = nil
		step("/health/ready", 200, healthy)
		step("/health/ready?connectors=all", 200, healthy)
		for _, name := range []string{"b", "a"} {
			herder.connectors[name] = &fakeConnector{tasks: 2}
		}
		step("/health/ready?connectors=all", 200, healthy)
		herder.states = map[string]string{"a": "RUNNING FAILED RUNNING", "b": "PAUSED PAUSED PAUSED"}
		step("/health/ready", 200, healthy)
		step("/health/ready?connectors=b", 200, healthy)
		step("/health/ready?connectors=", 200, healthy)
		const one = `{"status":"unhealthy","message":"1 of 2 connectors not in order: a (task 0 FAILED)"}`
		step("/health/ready?connectors=all", 503, one)
		step("/health?connectors=all", 500, one)
		step("/health?connectors=b,a&connectors=a", 500, one)
		herder.states["b"] = "UNASSIGNED RUNNING RESTARTING"
		step("/health?connectors=all", 500,
			`{"status":"unhealthy","message":"2 of 2 connectors not in order: a (task 0 FAILED); b (connector UNASSIGNED, task 1 RESTARTING)"}`)
		step("/health/ready?connectors=a,no/such", 404, `{"error_code":404,"message":"No status found for connector no/such"}`)
		// One that is deleted between the list and its status is none of all, but is missed by who names it.
		herder.connectors["gone"] = &fakeConnector{}
		herder.before = func(_ context.Context, call string) error {
			if call == "Status" {
				delete(herder.connectors, "gone")
			}
			return nil
		}
		step("/health?connectors=all", 500,
			`{"status":"unhealthy","message":"2 of 2 connectors not in order: a (task 0 FAILED); b (connector UNASSIGNED, task 1 RESTARTING)"}`)
		step("/health?connectors=all,gone", 404, `{"error_code":404,"message":"No status found for connector gone"}`)
		herder.before = nil
		for i := range 30 {
			name := fmt.Sprintf("x%02d", i)
			herder.connectors[name], herder.states[name] = &fakeConnector{}, "FAILED"
		}
		if w := do(h, "GET", "/health?connectors=all", ""); !strings.Contains(w.Body.String(), "x17 (connector FAILED); and 12 more") {
			t.Errorf("of many: %s", w.Body)
		}
		step("/health/live", 200, alive)
	})
}

// startedHerder has been in order before.
type startedHerder struct{ *fakeHerder }

func (startedHerder) Started() bool { return true }

// A worker that had started is not starting again, also for the first who asks.
func TestHealthOfStartedWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		herder := startedHerder{newFakeHerder(false)}
		herder.ready = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		if w := do(handler(t, DefaultConfig(), herder, quiet()), "GET", "/health", ""); w.Code != 500 || !strings.Contains(w.Body.String(), "unhealthy") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

type startingError struct{}

func (startingError) Error() string   { return "Worker is still starting up." }
func (startingError) StatusCode() int { return 503 }

func TestPanicIs500(t *testing.T) {
	var out bytes.Buffer
	herder := newFakeHerder(true)
	herder.before = func(context.Context, string) error { panic("oh") }
	h := handler(t, DefaultConfig(), herder, slog.New(slog.NewTextHandler(&out, nil)))
	w := do(h, "GET", "/connectors", "")
	if code, _ := decodeError(t, w.Body.String()); w.Code != 500 || code != 500 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "oh") || !strings.Contains(out.String(), "panic=oh") || !strings.Contains(out.String(), "fake_test.go") {
		t.Errorf("the trace belongs in the log, not in the answer: %s\n%s", w.Body, out.String())
	}
}

func TestBodyLimit(t *testing.T) {
	cfg := DefaultConfig()
	cfg.BodyLimit = 100
	h := handler(t, cfg, newFakeHerder(true), quiet())
	big := `{"name":"` + strings.Repeat("x", 200) + `"}`
	for name, length := range map[string]int64{"declared": int64(len(big)), "chunked": -1} {
		r := httptest.NewRequest("POST", "/connectors", strings.NewReader(big))
		r.ContentLength = length
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if code, message := decodeError(t, w.Body.String()); w.Code != 413 || code != 413 || !strings.Contains(message, "100 bytes") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestDuplicatePartition: of two entries for a partition the last counts.
func TestDuplicatePartition(t *testing.T) {
	got, err := offsetsRequest([]byte(`{"offsets":[
		{"partition":{"b":1,"a":"x"},"offset":{"o":1}},
		{"partition":{"a":"y"},"offset":{"o":12345678901234567890}},
		{"partition":{"a":"x","b":1},"offset":null}]}`))
	if err != nil || len(got) != 2 || got[0].Offset != nil || got[1].Offset["o"] != json.Number("12345678901234567890") {
		t.Errorf("%v %v", got, err)
	}
}

func TestScalarsBecomeText(t *testing.T) {
	got, err := settings([]byte(`{"a":1.50,"b":true,"c":null,"d":"x","d":"y","e":1e3} trailing`), "x")
	if err != nil {
		t.Fatal(err)
	}
	text := func(p *string) string {
		if p == nil {
			return "null"
		}
		return *p
	}
	for name, want := range map[string]string{"a": "1.50", "b": "true", "c": "null", "d": "y", "e": "1e3"} {
		if text(got[name]) != want {
			t.Errorf("%s is %s", name, text(got[name]))
		}
	}
}

func TestValidateWithoutClassIs500(t *testing.T) {
	h := handler(t, DefaultConfig(), newFakeHerder(true), quiet())
	for body, message := range map[string]string{
		`{}`: "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Connector config {} contains no connector type",
		`{"connector.class":"NoSuch"}`: "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Failed to find any class " +
			"that implements Connector and which name matches NoSuch, available connectors are: PluginDesc{}",
	} {
		w := do(h, "PUT", "/connector-plugins/NoSuch/config/validate", body)
		if _, got := decodeError(t, w.Body.String()); w.Code != 500 || got != message {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// TestBaseConfig: a connector's settings are followed by those of all connectors.
func TestBaseConfig(t *testing.T) {
	cfg := DefaultConfig()
	cfg.BaseConfig = func(kind plugin.Kind, class string) *config.Def {
		return config.NewDef(
			config.Key{Name: "file", Type: config.Int, Doc: "not this one"},
			config.Key{Name: "name", Type: config.String, Required: true, Doc: string(kind) + " " + class, Group: "Common", Order: 1},
		)
	}
	w := do(handler(t, cfg, newFakeHerder(true), quiet()), "GET", "/connector-plugins/FileStreamSource/config", "")
	var keys []struct{ Name, Type, Documentation, Group string }
	if err := json.Unmarshal(w.Body.Bytes(), &keys); err != nil || len(keys) != 3 || keys[0].Type != "STRING" ||
		keys[2].Name != "name" || keys[2].Group != "Common" ||
		keys[2].Documentation != "source org.apache.kafka.connect.file.FileStreamSourceConnector" {
		t.Errorf("%v %s", err, w.Body)
	}
}

func TestPluginVersions(t *testing.T) {
	h := handler(t, DefaultConfig(), newFakeHerder(true), quiet())
	for version, status := range map[string]int{
		"": 200, "latest": 200, "4.1.1": 200, "%5B4.0,5.0%29": 200, "0.0.1": 400, "junk": 400, "%5B5,": 400,
	} {
		if w := do(h, "GET", "/connector-plugins/FileStreamSource/config?version="+version, ""); w.Code != status {
			t.Errorf("%s: %d %s", version, w.Code, w.Body)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	for accept, want := range map[string]bool{
		"": true, "*/*": true, "application/*": true, "text/html, application/json;q=0.1": true,
		"text/html": false, "application/json;q=0": false, "text/html,*/*;q=0.8": true,
	} {
		if got := acceptsJSON([]string{accept}); got != want {
			t.Errorf("Accept %q: %v", accept, got)
		}
	}
	for contentType, want := range map[string]bool{
		"": true, "application/json": true, "Application/JSON; charset=utf-8": true, "text/plain": false, "application/": false,
	} {
		if got := consumesJSON(contentType); got != want {
			t.Errorf("Content-Type %q: %v", contentType, got)
		}
	}
}

func TestExtraRoutes(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Routes = []Route{{Method: "GET", Path: "/metrics", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "up 1")
	})}}
	h := handler(t, cfg, newFakeHerder(true), quiet())
	if w := do(h, "GET", "/metrics/", ""); w.Code != 200 || w.Body.String() != "up 1" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := do(h, "POST", "/metrics", ""); w.Code != 405 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOptionsAsText(t *testing.T) {
	h := handler(t, DefaultConfig(), newFakeHerder(true), quiet())
	w := do(h, "OPTIONS", "/connectors/x/tasks", "", "Accept", "text/plain")
	if w.Body.String() != "GET, HEAD, OPTIONS, POST" || w.Header().Get("Allow") != w.Body.String() {
		t.Errorf("%q %v", w.Body, w.Header())
	}
	if w := do(h, "PATCH", "/connectors/x/tasks", ""); w.Header().Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("405 allows %q", w.Header().Get("Allow"))
	}
}

// The origins let in are those that Kafka Connect 4.1.1 lets in for the same setting.
func TestCORS(t *testing.T) {
	for _, tt := range []struct {
		setting string
		allowed map[string]bool
	}{
		{"http://a.example, https://.*\\.b\\.example:8443", map[string]bool{
			"http://a.example": true, "HTTP://A.example": true, "https://x.b.example:8443": true,
			"https://evil.example/.b.example:8443": true, "https://b.example:8443": false, "http://other": false, "": false,
		}},
		{"https://.*\\.example\\.org,http://(a|b).test", map[string]bool{
			"https://x.example.org": true, "http://a.test": true, "http://c.test": false, "https://x.example.org.evil": false,
		}},
		{"http://ui.example,https://*.example.org", map[string]bool{
			"http://ui.example": true, "https://a.example.org": false, "http://evil.example": false,
		}},
		{"https://[a-z&&[^b]]\\.example", map[string]bool{"https://a.example": true, "https://b.example": false}},
		{" , *", map[string]bool{"http://anything": true, "": false}},
		{"", map[string]bool{"http://anything": false}},
	} {
		cfg := DefaultConfig()
		cfg.AllowOrigin = tt.setting
		cfg.ResponseHeaders = `set X-A:1, "add X-B:1,2", add X-B:3, setDate X-C:0`
		h := handler(t, cfg, newFakeHerder(true), quiet())
		for origin, want := range tt.allowed {
			w := do(h, "OPTIONS", "/connectors", "", "Origin", origin, "Access-Control-Request-Method", "POST")
			if got := w.Header().Get("Access-Control-Allow-Origin") == origin && origin != ""; got != want {
				t.Errorf("%s: %q: %v", tt.setting, origin, w.Header())
			}
			if got := w.Header().Get("Access-Control-Allow-Methods"); want && got != "GET, HEAD, POST" {
				t.Errorf("%s: %q: methods %q", tt.setting, origin, got)
			}
			if fmt.Sprint(w.Header()["X-A"], w.Header()["X-B"], w.Header()["X-C"]) != "[1] [1,2 3] [Thu, 01 Jan 1970 00:00:00 GMT]" {
				t.Errorf("headers %v", w.Header())
			}
		}
	}
	cfg := DefaultConfig()
	cfg.AllowOrigin = "http://(a"
	_, err := New(cfg, nil, nil, quiet())
	if !errors.Is(err, errs.Config) || !strings.Contains(err.Error(), "access.control.allow.origin") || !strings.Contains(err.Error(), "Unclosed group") {
		t.Errorf("a pattern that is none: %v", err)
	}
}

// fakeLevels is a herder with a cluster behind it.
type fakeLevels struct {
	*fakeHerder
	told []string
}

func (f *fakeLevels) SetLoggerLevel(_ context.Context, logger, level string) error {
	f.told = append(f.told, logger+"="+level)
	return nil
}

// TestBeforeTheStart: until the worker has started only what it knows of itself is answered.
func TestBeforeTheStart(t *testing.T) {
	s, err := New(DefaultConfig(), fakeRegistry(), logging.NewRegistry(nil), quiet())
	if err != nil {
		t.Fatal(err)
	}
	early := map[string]int{
		"GET /openapi.json": 200, "GET /health/live": 200, "GET /admin/loggers": 200, "PUT /admin/loggers/a": 400,
		"GET /admin/loggers/:logger": 404, "PUT /admin/loggers/:logger": 400,
	}
	for _, r := range append(s.publicRoutes(), s.adminRoutes()...) {
		want := 503
		if known, ok := early[r.method+" "+r.path]; ok {
			want = known
		}
		w := do(s.main.Handler, r.method, r.path, "")
		if w.Code != want || want == 503 && !strings.Contains(w.Body.String(), "Worker is still starting up.") {
			t.Errorf("%s %s: %d %s, want %d", r.method, r.path, w.Code, w.Body, want)
		}
	}
	s.Open(newFakeHerder(true))
	if w := do(s.main.Handler, "GET", "/", ""); w.Code != 200 {
		t.Errorf("after the start: %d %s", w.Code, w.Body)
	}
}

// TestSetCluster: with a cluster behind it the level is told to all, not set here.
func TestSetCluster(t *testing.T) {
	registry := logging.NewRegistry(nil)
	s, err := New(DefaultConfig(), fakeRegistry(), registry, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if w := do(s.main.Handler, "PUT", "/admin/loggers/a.b?scope=CLUSTER", `{"level":"debug"}`); w.Code != 503 {
		t.Errorf("before the start: %d %s", w.Code, w.Body)
	}
	herder := &fakeLevels{fakeHerder: newFakeHerder(false)}
	s.Open(herder)
	w := do(s.main.Handler, "PUT", "/admin/loggers/a.b?scope=CLUSTER", `{"level":"debug"}`)
	if w.Code != 204 || fmt.Sprint(herder.told) != "[a.b=DEBUG]" {
		t.Errorf("%d %s %v", w.Code, w.Body, herder.told)
	}
	if _, known := registry.Get("a.b"); known {
		t.Error("it was set here, too")
	}
	if w := do(s.main.Handler, "PUT", "/admin/loggers/a.b", `{"level":"debug"}`); w.Code != 200 || w.Body.String() != `["a.b"]` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestExpandSkipsDeleted: a connector deleted meanwhile is left out.
func TestExpandSkipsDeleted(t *testing.T) {
	herder := newFakeHerder(true)
	h := handler(t, DefaultConfig(), herder, quiet())
	do(h, "POST", "/connectors", `{"name":"a","config":`+source+`}`)
	herder.before = func(_ context.Context, call string) error {
		if call == "Status" {
			return errs.NotFound.New("gone")
		}
		return nil
	}
	if w := do(h, "GET", "/connectors?expand=status&expand=info", ""); w.Body.String() != "{}" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOffsetNumbers(t *testing.T) {
	herder := &offsetHerder{fakeHerder: newFakeHerder(true)}
	w := do(handler(t, DefaultConfig(), herder, quiet()), "GET", "/connectors/x/offsets", "")
	const want = `{"offsets":[{"partition":{"p":"<a>"},"offset":{"big":12345678901234567890,"d":3.0,"e":0.5,"i":7,"n":null}}]}`
	if w.Body.String() != want {
		t.Errorf("%s", w.Body)
	}
}

type offsetHerder struct{ *fakeHerder }

func (*offsetHerder) Offsets(context.Context, string) ([]state.ConnectorOffset, error) {
	return []state.ConnectorOffset{{
		Partition: map[string]any{"p": "<a>"},
		Offset:    map[string]any{"big": json.Number("12345678901234567890"), "d": 3.0, "e": 0.5, "i": int64(7), "n": nil},
	}}, nil
}

// TestConcurrentRequests is for the race detector.
func TestConcurrentRequests(t *testing.T) {
	h := handler(t, DefaultConfig(), newFakeHerder(false), quiet())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			name := fmt.Sprintf("c%d", i)
			for range 20 {
				do(h, "PUT", "/connectors/"+name+"/config", source)
				do(h, "GET", "/connectors?expand=info&expand=status", "")
				do(h, "PUT", "/admin/loggers/"+name, `{"level":"DEBUG"}`)
				do(h, "DELETE", "/connectors/"+name, "")
			}
		})
	}
	all.Wait()
	if w := do(h, "GET", "/connectors", ""); w.Body.String() != "[]" {
		t.Errorf("left: %s", w.Body)
	}
}

// FuzzBodies: no body of any request makes a panic or an answer that isn't in the JVM's shape.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `{"name":"a","config":` + source + `}`, `{"offsets":[{"partition":{},"offset":null}]}`,
		`{"level":"debug"}`, `[{"a":"b"}]`, `{"name":{"x":1}}`, "{\"a\":\"\\ud800\"}", `{"a":1e999}`, `{"config":{"a":null}}`,
	} {
		f.Add("POST", "/connectors", body)
		f.Add("PUT", "/connectors/a/config", body)
		f.Add("PATCH", "/connectors/a/config", body)
		f.Add("PATCH", "/connectors/a/offsets", body)
		f.Add("PUT", "/connector-plugins/FileStreamSource/config/validate", body)
		f.Add("PUT", "/admin/loggers/a", body)
		f.Add("POST", "/connectors/a/tasks", body)
	}
	h := handler(f, DefaultConfig(), &fakeInternal{fakeHerder: newFakeHerder(false)}, quiet())
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://x"+path, strings.NewReader(body))
		if err != nil {
			t.Skip("no request")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 400 && w.Header().Get("Content-Type") == "application/json" && w.Body.Len() > 0 {
			if code, message := decodeError(t, w.Body.String()); code != w.Code || message == "" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		if w.Code == 500 && strings.Contains(w.Body.String(), "HTTP 500") {
			t.Errorf("%s %s %q made a panic", method, path, body)
		}
	})
}

func BenchmarkStatus(b *testing.B) {
	h := handler(b, DefaultConfig(), newFakeHerder(true), quiet())
	do(h, "POST", "/connectors", `{"name":"a","config":`+source+`}`)
	b.ReportAllocs()
	for b.Loop() {
		if w := do(h, "GET", "/connectors/a/status", ""); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}
