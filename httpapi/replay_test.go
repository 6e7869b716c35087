package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/httpapi/logging"
)

// replayed are the recorded scenarios whose answers are this package's doing. The rest is about
// herders and connectors; testdata/rest/replay.py asks a whole worker for them.
var replayed = []string{
	"root/*", "routing/empty-segments", "routing/internal", "routing/method-not-allowed", "routing/names-encoded",
	"routing/names-semicolon", "routing/not-found", "routing/query-ignored", "routing/trailing-slash", "loggers/*", "locked/loggers", "locked/topics", "principal/headers", "principal/topics-reset",
	"create/accept", "create/body-malformed", "create/class-aliases", "create/content-type", "create/duplicate",
	"create/extra-settings", "create/field-unknown", "create/initial-state-*", "create/name-in-both",
	"create/name-mismatch", "create/name-only-outside", "create/name-trimmed", "create/sink-many-tasks",
	"create/source", "create/source-many-tasks-max", "create/values-nested", "create/values-not-strings",
	"config/patch", "config/patch-body-malformed", "config/patch-running", "config/put-body-malformed",
	"config/put-create-then-update", "config/put-name", "config/put-same",
	"config/put-while-initially-paused",
	"lifecycle/body-on-action", "lifecycle/delete", "lifecycle/pause-resume", "lifecycle/stop-resume", "lifecycle/unknown",
	"offsets/source-bad-bodies", "offsets/source-malformed",
	"plugins/list", "plugins/config-unknown", "plugins/config-version",
	"restart/connector-only", "restart/include-tasks", "restart/only-failed", "restart/parameters",
	"restart/paused-and-stopped", "restart/task",
	"status/stopped", "status/task-unknown",
	"validate/bodies", "validate/name-mismatch",
}

type scenario struct {
	Modes   []string
	Profile string
	Quirk   string
	Steps   []scenarioStep
}

type scenarioStep struct {
	Request     string
	Headers     map[string]string
	JSON        json.RawMessage `json:"json"`
	Text        *string
	Modes       []string
	View        json.RawMessage
	KeepHeaders []string `json:"keep_headers"`
	Expect      map[string]golden
}

type golden struct {
	Status  int
	Headers map[string]string
	JSON    any `json:"json"`
	Text    *string
}

// TestReplay asks for what was recorded from Kafka Connect 4.1.1.
func TestReplay(t *testing.T) {
	root := filepath.Join("..", "testdata", "rest", "scenarios")
	var files []string
	for _, pattern := range replayed {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)+".json"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no scenario %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, mode := range []string{"standalone", "distributed"} {
		for _, file := range files {
			name, _ := filepath.Rel(root, file)
			t.Run(mode+"/"+strings.TrimSuffix(filepath.ToSlash(name), ".json"), func(t *testing.T) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var s scenario
				if err := json.Unmarshal(text, &s); err != nil {
					t.Fatal(err)
				}
				if s.Modes != nil && !slices.Contains(s.Modes, mode) {
					return
				}
				replay(t, s, mode)
			})
		}
	}
}

// profileConfig is a profile of testdata/rest/profiles, as far as REST is concerned.
func profileConfig(profile string) Config {
	cfg := DefaultConfig()
	cfg.Version, cfg.Commit = "4.1.1", "abc"
	switch profile {
	case "locked":
		cfg.TopicTracking = false
		cfg.AdminListeners = []Listener{}
	case "principal":
		cfg.TopicTrackingReset = false
		cfg.AllowOrigin, cfg.AllowMethods = "http://ui.example", "GET,POST,PUT"
		cfg.ResponseHeaders = "add X-Frame-Options:DENY,add Cache-Control:no-store"
	}
	return cfg
}

func replay(t *testing.T, s scenario, mode string) {
	var herder Herder = newFakeHerder(true)
	if mode == "distributed" {
		herder = &fakeInternal{fakeHerder: newFakeHerder(false), key: []byte("0123456789abcdef"), required: true}
	}
	url := startHandler(t, profileConfig(s.Profile), herder)
	fill := strings.NewReplacer("${ID}", "k1", "${TMP}", "/tmp/k1", "${URL}", url)
	for i, step := range s.Steps {
		if step.Request == "" || step.Modes != nil && !slices.Contains(step.Modes, mode) {
			continue
		}
		want, ok := step.Expect["both"]
		if !ok {
			want, ok = step.Expect[mode]
		}
		if !ok {
			t.Fatalf("step %d: nothing recorded", i+1)
		}
		status, header, body := ask(t, url, step, fill)
		at := fmt.Sprintf("step %d %s", i+1, step.Request)
		if oursDiffers(s.Quirk, want) {
			refusedClearly(t, at, status, header, body)
			continue
		}
		if status != want.Status {
			t.Fatalf("%s: status %d, recorded %d: %s", at, status, want.Status, body)
		}
		compareHeaders(t, at, want.Headers, header, fill)
		for _, name := range step.KeepHeaders {
			if header.Get(name) != "" && want.Headers[name] == "" {
				t.Errorf("%s: header %s: %s, recorded none", at, name, header.Get(name))
			}
		}
		compareBody(t, at, want, body, view(t, step.View), fill)
	}
}

// oursDiffers reports whether a step is one of those in testdata/rest/QUIRKS.md that are answered
// with 400 and an error in JSON: the JVM worker has 500 for bodies that can't be read, and a page
// in HTML for paths that its server refuses.
func oursDiffers(quirk string, want golden) bool {
	switch quirk {
	case "500 where 400 would be meant":
		return want.Status == http.StatusInternalServerError
	case "refused by the HTTP server itself, as HTML":
		return want.Text != nil && *want.Text == "${HTML}"
	}
	return false
}

// refusedClearly checks for a 400 in the JVM's shape that speaks of no Java.
func refusedClearly(t *testing.T, at string, status int, header http.Header, body string) {
	t.Helper()
	code, message := decodeError(t, body)
	if status != http.StatusBadRequest || code != status || header.Get("Content-Type") != jsonType {
		t.Errorf("%s: %d %s %s, want 400 in JSON", at, status, header.Get("Content-Type"), body)
	}
	if !strings.Contains(message, "request body") && !strings.Contains(message, "path") ||
		strings.Contains(message, "java") || strings.Contains(message, "Cannot invoke") {
		t.Errorf("%s: message %q", at, message)
	}
}

func startHandler(t *testing.T, cfg Config, h Herder) string {
	t.Helper()
	return startLogging(t, cfg, h, slog.New(slog.DiscardHandler))
}

func startLogging(t *testing.T, cfg Config, h Herder, log *slog.Logger) string {
	t.Helper()
	s, err := New(cfg, fakeRegistry(), logging.NewRegistry(nil), log)
	if err != nil {
		t.Fatal(err)
	}
	s.Open(h)
	srv := httptest.NewServer(s.main.Handler)
	t.Cleanup(srv.Close)
	return srv.URL
}

func ask(t *testing.T, url string, step scenarioStep, fill *strings.Replacer) (int, http.Header, string) {
	t.Helper()
	method, path, _ := strings.Cut(fill.Replace(step.Request), " ")
	var body io.Reader
	has := true
	switch {
	case step.JSON != nil:
		body = strings.NewReader(fill.Replace(string(step.JSON)))
	case step.Text != nil:
		body = strings.NewReader(fill.Replace(*step.Text))
	default:
		has = false
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	if has {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range step.Headers {
		request.Header.Set(name, fill.Replace(value))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

func compareHeaders(t *testing.T, at string, want map[string]string, got http.Header, fill *strings.Replacer) {
	t.Helper()
	for name, value := range want {
		have := strings.Join(got.Values(name), ", ")
		if name == "Location" {
			value = fill.Replace(value)
		}
		if have != value {
			t.Errorf("%s: header %s: %q, recorded %q", at, name, have, value)
		}
	}
}

// view is what is cut out of a big answer before it is compared.
func view(t *testing.T, raw json.RawMessage) func(name string) bool {
	t.Helper()
	if raw == nil {
		return nil
	}
	switch string(raw) {
	case `"mine"`:
		return func(name string) bool { return strings.Contains(name, "k1") }
	case `"values"`:
		return nil // the error bodies of the scenarios chosen stay whole
	}
	var cut struct {
		Keep    []string
		Without string
	}
	if err := json.Unmarshal(raw, &cut); err != nil {
		t.Fatalf("view %s: %v", raw, err)
	}
	if cut.Keep != nil {
		return func(name string) bool { return slices.Contains(cut.Keep, name) }
	}
	without := regexp.MustCompile(cut.Without)
	return func(name string) bool { return !without.MatchString(name) }
}

var (
	exceptionPrefix = regexp.MustCompile(`^(?:[a-z]\w*(?:\.\w+)+(?:Exception|Error): )+`)
	javaNull        = regexp.MustCompile(`(?s)Cannot invoke ".*`)
	pluginList      = regexp.MustCompile(`(?s)PluginDesc\{.*\}`)
)

func compareBody(t *testing.T, at string, want golden, body string, keep func(string) bool, fill *strings.Replacer) {
	t.Helper()
	if want.JSON == nil {
		if html := want.Text != nil && *want.Text == "${HTML}"; html != strings.HasPrefix(body, "<html>") || !html && body != "" {
			t.Errorf("%s: body %q, recorded %v", at, body, want.Text)
		}
		return
	}
	var got any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Errorf("%s: body %q: %v", at, body, err)
		return
	}
	if keep != nil {
		got = cutDown(got, keep)
	}
	for _, difference := range differences("", filled(want.JSON, fill), got) {
		t.Errorf("%s: %s", at, difference)
	}
}

func cutDown(body any, keep func(string) bool) any {
	switch b := body.(type) {
	case []any:
		return slices.DeleteFunc(b, func(item any) bool {
			text, isText := item.(string)
			if !isText {
				raw, _ := json.Marshal(item)
				text = string(raw)
			}
			return !keep(text)
		})
	case map[string]any:
		if _, isError := b["error_code"]; !isError {
			maps.DeleteFunc(b, func(name string, _ any) bool { return !keep(name) })
		}
	}
	return body
}

func filled(v any, fill *strings.Replacer) any {
	raw, _ := json.Marshal(v)
	var out any
	_ = json.Unmarshal([]byte(fill.Replace(string(raw))), &out)
	return out
}

// differences compares as replay.py does with --strict-messages.
func differences(at string, want, got any) []string {
	var out []string
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %v, recorded %v", at, got, want)}
		}
		for name, value := range w {
			out = append(out, differences(at+"/"+name, value, g[name])...)
		}
		for name := range g {
			if _, ok := w[name]; !ok {
				out = append(out, fmt.Sprintf("%s/%s: not recorded", at, name))
			}
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return []string{fmt.Sprintf("%s: %v, recorded %v", at, got, want)}
		}
		sortStrings(w)
		sortStrings(g)
		for i := range w {
			out = append(out, differences(fmt.Sprintf("%s/%d", at, i), w[i], g[i])...)
		}
		return out
	case string:
		text, _ := got.(string)
		switch {
		case w == "${TIMESTAMP}":
			if n, ok := got.(float64); ok && n > 1e12 {
				return nil
			}
		case strings.HasPrefix(w, "${") && !strings.Contains(w, " "):
			if text != "" {
				return nil
			}
		case strings.HasSuffix(at, "/message"):
			text = pluginList.ReplaceAllString(exceptionPrefix.ReplaceAllString(text, ""), "${PLUGINS}")
			got = javaNull.ReplaceAllString(text, "null")
		}
	}
	if reflect.DeepEqual(want, got) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %v, recorded %v", at, got, want)}
}

func sortStrings(list []any) {
	slices.SortFunc(list, func(a, b any) int {
		x, y := fmt.Sprint(a), fmt.Sprint(b)
		return strings.Compare(x, y)
	})
}
