//go:build integration

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cmd/internal/systemtest/service"
)

// TestHostileClients sends a worker what no client should send. It must say clearly what is wrong,
// have no panic, leak nothing and leave nothing half-created.
func TestHostileClients(t *testing.T) {
	k := service.StartKafka(t)
	h := &hostile{Worker: restWorker(t, k.Addr), in: filepath.Join(t.TempDir(), "in.txt"), client: &http.Client{Transport: &http.Transport{}, Timeout: 2 * time.Minute}}
	appendTo(t, h.in, "one\n")
	h.Start(t)
	files := h.openFiles(t)

	slow := h.beSlow(t) // for a minute, while the rest goes on
	t.Run("wrong types", h.wrongTypes)
	t.Run("broken bodies", h.brokenBodies)
	t.Run("huge bodies", h.hugeBodies)
	t.Run("names", h.names)
	t.Run("no HTTP", h.noHTTP)
	t.Run("slow clients", slow)

	h.nothingLeft(t)
	h.client.CloseIdleConnections()
	service.Until(t, 90*time.Second, "open files as before", func() error {
		if now := h.openFiles(t); now > files+10 {
			return fmt.Errorf("%d open files, %d at the start", now, files)
		}
		return nil
	})
	h.Stop(t)
	h.calmLog(t)
}

// hostile is a worker and a client that is up to no good.
type hostile struct {
	*service.Worker
	in     string
	client *http.Client
}

// send sends a body as it stands. An error in the answer must be in the JVM's shape and 4xx.
func (h *hostile) send(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	status, answer, _ := h.sendFor(t, method, path, body)
	return status, answer
}

func (h *hostile) sendFor(t *testing.T, method, path, body string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := h.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s %.200q: %v", method, path, body, err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 400 {
		h.clearError(t, fmt.Sprintf("%s %s %.200q", method, path, body), resp.StatusCode, answer)
	}
	return resp.StatusCode, string(answer), resp.Header
}

// recorded500 are the answers of 500 that the JVM worker gives to a client's mistake and that
// testdata/rest/QUIRKS.md keeps.
var recorded500 = regexp.MustCompile("from Array value|Illegal null or empty Level|Partition objects|Offset objects|" +
	"position|contains no connector type|Failed to find any class|Invalid value|standalone mode does not support|" +
	"No connector `|Cannot invoke|not a recognizable type")

func (h *hostile) clearError(t *testing.T, request string, status int, answer []byte) {
	t.Helper()
	var e struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(answer, &e); err != nil || e.Code != status || e.Message == "" {
		t.Errorf("%s: %d %.300s: no error in the JVM's shape", request, status, answer)
	}
	if status >= 500 && !recorded500.MatchString(e.Message) {
		t.Errorf("%s: %d %s", request, status, e.Message)
	}
}

func (h *hostile) config() map[string]any {
	return map[string]any{"connector.class": "FileStreamSource", "tasks.max": "1", "file": h.in, "topic": "hostile-topic"}
}

// list is the connectors that there are.
func (h *hostile) list(t *testing.T) []string {
	t.Helper()
	var names []string
	if err := h.Get(t.Context(), "/connectors", &names); err != nil {
		t.Fatal(err)
	}
	return names
}

func (h *hostile) nothingLeft(t *testing.T) {
	t.Helper()
	if left := h.list(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	var health map[string]string
	if err := h.Get(t.Context(), "/health", &health); err != nil || health["status"] != "healthy" {
		t.Errorf("health: %v %v", health, err)
	}
}

// wrongTypes puts a value of every type where each field of each body is.
func (h *hostile) wrongTypes(t *testing.T) {
	values := []any{nil, true, 1, -1.5, "text", "", []any{}, []any{1}, map[string]any{}, map[string]any{"a": map[string]any{}}}
	refused := 0
	try := func(method, path string, body any) {
		if status, _ := h.send(t, method, path, jsonOf(t, body)); status >= 400 {
			refused++
		}
		for _, name := range h.list(t) {
			h.send(t, http.MethodDelete, "/connectors/"+name, "")
		}
	}
	for _, v := range values {
		for _, field := range []string{"name", "config", "initial_state", "unknown"} {
			body := map[string]any{"name": "a", "config": h.config(), "initial_state": "STOPPED"}
			body[field] = v
			try(http.MethodPost, "/connectors", body)
		}
		for _, field := range []string{"connector.class", "tasks.max", "file", "name", "transforms"} {
			config := h.config()
			config[field] = v
			try(http.MethodPut, "/connectors/a/config", config)
			try(http.MethodPut, "/connector-plugins/FileStreamSource/config/validate", config)
		}
		for _, path := range []string{"/connectors/a/config", "/connectors/a/offsets"} {
			try(http.MethodPatch, path, v)
		}
		try(http.MethodPatch, "/connectors/a/offsets", map[string]any{"offsets": v})
		try(http.MethodPatch, "/connectors/a/offsets", map[string]any{"offsets": []any{map[string]any{"partition": v, "offset": v}}})
		try(http.MethodPut, "/admin/loggers/hostile", map[string]any{"level": v})
	}
	if refused < 100 {
		t.Errorf("only %d refused", refused)
	}
	h.nothingLeft(t)
}

// brokenBodies damages good bodies at random. What was answered with 201 is there and whole; what
// was not, isn't.
func (h *hostile) brokenBodies(t *testing.T) {
	rnd := rand.New(rand.NewPCG(12, 12))
	good := []string{
		jsonOf(t, map[string]any{"name": "broken", "config": h.config(), "initial_state": "STOPPED"}),
		jsonOf(t, h.config()),
		`{"offsets":[{"partition":{"filename":"x"},"offset":{"position":1}}]}`,
		`{"level":"DEBUG"}`,
	}
	targets := []struct{ method, path string }{
		{"POST", "/connectors"},
		{"PUT", "/connectors/broken/config"},
		{"PATCH", "/connectors/broken/config"},
		{"PATCH", "/connectors/broken/offsets"},
		{"PUT", "/connector-plugins/FileStreamSource/config/validate"},
		{"PUT", "/admin/loggers/hostile"},
		{"POST", "/connectors/broken/tasks"},
	}
	statuses := map[int]int{}
	for range 3000 {
		target := targets[rnd.IntN(len(targets))]
		body := damaged(rnd, good[rnd.IntN(len(good))])
		status, answer := h.send(t, target.method, target.path, body)
		statuses[status]++
		names := h.list(t)
		if status != http.StatusCreated {
			if len(names) > 0 {
				t.Fatalf("%s %s %q: %d, and yet there is %q", target.method, target.path, body, status, names)
			}
			continue
		}
		var made struct{ Name string }
		if err := json.Unmarshal([]byte(answer), &made); err != nil || !slices.Equal(names, []string{made.Name}) {
			t.Fatalf("%q: 201 %s, and there is %q", body, answer, names)
		}
		h.whole(t, "/connectors/"+pathOf(made.Name))
	}
	t.Logf("answers by status: %v", statuses)
	if statuses[201] == 0 || statuses[400] < 1000 {
		t.Errorf("the bodies were not damaged as meant: %v", statuses)
	}
}

// pathOf escapes every byte of a name.
func pathOf(name string) string {
	var b strings.Builder
	for i := range len(name) {
		fmt.Fprintf(&b, "%%%02X", name[i])
	}
	return b.String()
}

// whole checks that a connector can be asked for in every way, and deletes it.
func (h *hostile) whole(t *testing.T, at string) {
	t.Helper()
	for _, path := range []string{"", "/config", "/status", "/tasks", "/topics"} {
		if status, answer := h.send(t, http.MethodGet, at+path, ""); status != http.StatusOK {
			t.Errorf("GET %s: %d %s", at+path, status, answer)
		}
	}
	if status, answer := h.send(t, http.MethodDelete, at, ""); status != http.StatusNoContent {
		t.Errorf("DELETE %s: %d %s", at, status, answer)
	}
	if status, _ := h.send(t, http.MethodGet, at, ""); status != http.StatusNotFound {
		t.Errorf("GET %s after deletion: %d", at, status)
	}
}

func damaged(rnd *rand.Rand, body string) string {
	b := []byte(body)
	for range 1 + rnd.IntN(3) {
		if len(b) == 0 {
			break
		}
		at := rnd.IntN(len(b))
		switch rnd.IntN(6) {
		case 0:
			b[at] = byte(rnd.IntN(256))
		case 1:
			b = b[:at]
		case 2:
			b = slices.Delete(b, at, min(len(b), at+1+rnd.IntN(8)))
		case 3:
			b = slices.Insert(b, at, []byte(`{["\ud800,:`)[rnd.IntN(11)])
		case 4:
			b = slices.Insert(b, at, b[at:min(len(b), at+rnd.IntN(20))]...)
		default:
			b = slices.Concat(b[:at], []byte([]string{"null", "1e999", "\\u0000", "\xff", "[[[["}[rnd.IntN(5)]), b[at:])
		}
	}
	return string(b)
}

// zeros is a body of that many bytes that begins as JSON does.
func zeros(n int64) io.Reader {
	return io.MultiReader(strings.NewReader(`{"name":"`), io.LimitReader(endless{}, n))
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

// hugeBodies are refused without being kept: 16 at a time of 100 MB each.
func (h *hostile) hugeBodies(t *testing.T) {
	const size, atOnce = 100 << 20, 16
	before := h.memory(t)
	var refused atomic.Int32
	var all sync.WaitGroup
	for i := range atOnce {
		all.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL+"/connectors", zeros(size))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/json")
			if i%2 == 0 {
				req.ContentLength = size + int64(len(`{"name":"`)) // else in chunks
			}
			resp, err := h.client.Do(req)
			if err != nil { // the worker closed while we were still sending: as good an answer as it gets
				if !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") && !strings.Contains(err.Error(), "write") {
					t.Errorf("body of %d bytes: %v", size, err)
				}
				return
			}
			answer, err := io.ReadAll(resp.Body)
			if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("body of %d bytes: %d %s %v", size, resp.StatusCode, answer, err)
			}
			h.clearError(t, "100 MB", resp.StatusCode, answer)
			refused.Add(1)
		})
	}
	all.Wait()
	if refused.Load() < atOnce/2 {
		t.Errorf("only %d of %d were told why", refused.Load(), atOnce)
	}
	if after := h.memory(t); after > before+atOnce*24 {
		t.Errorf("memory grew from %d to %d MB", before, after)
	}
	for _, body := range []string{
		strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 1<<20), `{"name":"` + strings.Repeat("x", 1<<20), strings.Repeat(" ", 4<<20),
		strings.Repeat("9", 1<<20),
	} {
		if status, answer := h.send(t, http.MethodPost, "/connectors", body); status != http.StatusBadRequest {
			t.Errorf("%.20q...: %d %.200s", body, status, answer)
		}
	}
	h.nothingLeft(t)
}

// names are taken or refused; one that is taken can be used and deleted at its Location.
func (h *hostile) names(t *testing.T) {
	for _, tt := range []struct {
		name  string
		taken bool
	}{
		{"a/b", true},
		{"/", true},
		{"//", true},
		{"a%b", true},
		{"100%", true},
		{"a%2Fb", true},
		{"%", true},
		{"%zz", true},
		{"ü", true},
		{"日本語", true},
		{"🎭", true},
		{"a b", true},
		{"a+b", true},
		{"a;b", true},
		{"a?b=c", true},
		{"a#b", true},
		{"a&b", true},
		{`a\b`, true},
		{`"'`, true},
		{"<script>", true},
		{".", true},
		{"..", true},
		{"../a", true},
		{"a..b", true},
		{strings.Repeat("n", 2000), true},
		{"e\u0301", true},
		{"a\u200bb", true},
		{"a\x00b", false},
		{"a\nb", false},
		{"a\tb", false},
		{"a\x1bb", false},
		{"a\x7fb", false},
		{"a\u0085b", false},
		{"", false},
		{"   ", false},
	} {
		status, answer, header := h.sendFor(t, http.MethodPost, "/connectors", jsonOf(t, map[string]any{"name": tt.name, "config": h.config()}))
		if !tt.taken {
			if status != http.StatusBadRequest || len(h.list(t)) > 0 {
				t.Errorf("name %q: %d %s, there is %q", tt.name, status, answer, h.list(t))
			}
			continue
		}
		if names := h.list(t); status != http.StatusCreated || !slices.Equal(names, []string{tt.name}) {
			t.Errorf("name %.50q: %d %.200s, there is %.100q", tt.name, status, answer, names)
			continue
		}
		at, found := strings.CutPrefix(header.Get("Location"), h.URL)
		if !found {
			t.Errorf("name %q: Location %s", tt.name, header.Get("Location"))
		}
		h.whole(t, at)
	}
	for _, path := range []string{"/connectors/%00", "/connectors/a%0Ab/status", "/connectors/%F0%9F", "/connectors/%2F%2F", "/connectors/" + strings.Repeat("%41", 3000)} {
		if status, answer := h.send(t, http.MethodGet, path, ""); status != http.StatusNotFound {
			t.Errorf("GET %.50s: %d %.200s", path, status, answer)
		}
	}
	h.nothingLeft(t)
}

// noHTTP are requests that the server below refuses by itself: with 4xx, then the connection ends.
func (h *hostile) noHTTP(t *testing.T) {
	for _, request := range []string{
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"GET\r\n\r\n",
		"GET /connectors/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /connectors HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"POST /connectors HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n\x00: y\r\n\r\n",
	} {
		c := h.dial(t)
		_, _ = io.WriteString(c, request) // it may be refused before it is all sent
		answer, _ := io.ReadAll(c)
		if !strings.HasPrefix(string(answer), "HTTP/1.") || !bytes.Contains(answer[:min(len(answer), 13)], []byte(" 4")) {
			t.Errorf("%.60q: %.100q", request, answer)
		}
		_ = c.Close()
	}
}

func (h *hostile) dial(t *testing.T) net.Conn {
	t.Helper()
	var d net.Dialer
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(h.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(100 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// beSlow opens connections that begin a request and do not go on. The test returned waits for
// their end: without an answer while the header lacks, with 408 while the body does.
func (h *hostile) beSlow(t *testing.T) func(*testing.T) {
	t.Helper()
	const each = 100
	var header, body []net.Conn
	for range each {
		c := h.dial(t)
		if _, err := io.WriteString(c, "GET /connectors HTTP/1.1\r\nHost: x\r\nAccept: "); err != nil {
			t.Fatal(err)
		}
		header = append(header, c)
		c = h.dial(t)
		if _, err := io.WriteString(c, "POST /connectors HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"name\":"); err != nil {
			t.Fatal(err)
		}
		body = append(body, c)
	}
	return func(t *testing.T) {
		for _, c := range header {
			if answer, err := io.ReadAll(c); err != nil || len(answer) > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.1 4")) {
				t.Errorf("without header: %q %v", answer, err)
			}
			_ = c.Close()
		}
		for _, c := range body {
			if answer, err := io.ReadAll(c); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 408")) || !bytes.Contains(answer, []byte(`"error_code":408`)) {
				t.Errorf("without body: %q %v", answer, err)
			}
			_ = c.Close()
		}
	}
}

// openFiles is the number of files and sockets that the worker has open, memory what it has in
// memory, in MB, both as Linux says.
func (h *hostile) openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func (h *hostile) memory(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.PID()))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no VmRSS in %s", text)
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb / 1024
}

// calmLog checks that no request was taken for a fault of the worker.
func (h *hostile) calmLog(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile(h.Log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if strings.Contains(line, "panic") || strings.Contains(line, "goroutine ") || strings.Contains(line, "ERROR REST") ||
			strings.Contains(line, "not cleanly") {
			t.Errorf("in the log: %.500s", line)
		}
	}
}
