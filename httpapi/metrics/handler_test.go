package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(t *testing.T, h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestMetricsOverHTTP(t *testing.T) {
	e := NewExposition(busy(1), both)
	w := get(t, e, "GET", "/metrics", "")
	if w.Code != 200 || w.Header().Get("Content-Type") != ClassicType {
		t.Errorf("%d %s", w.Code, w.Header())
	}
	parse(t, w.Body.String())
	w = get(t, e, "GET", "/metrics", "", "Accept", "application/openmetrics-text;version=1.0.0")
	if w.Header().Get("Content-Type") != OpenMetricsType || !strings.HasSuffix(w.Body.String(), "# EOF\n") {
		t.Errorf("not OpenMetrics: %s", w.Header())
	}
	if w = get(t, e, "HEAD", "/metrics", ""); w.Body.Len() != 0 {
		t.Errorf("HEAD has a body")
	}
}

func TestJolokiaOverHTTP(t *testing.T) {
	j := NewJolokia(busy(1), "1")
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/jolokia/read/kafka.connect:type=source-task-metrics,connector=c0,task=0/source-record-poll-total", "", 200, `"value":100`},
		{"GET", "/jolokia/", "", 200, `"product":"troupe"`},
		{"GET", "/jolokia", "", 200, `"product":"troupe"`},
		{"POST", "/jolokia/", `{"type":"search","mbean":"kafka.connect:type=connector-metrics,*"}`, 200, `"value":["kafka.connect:connector=c0,type=connector-metrics"]`},
		{"POST", "/jolokia/", strings.Repeat(" ", jolokiaBody+1), 413, "too large"},
	} {
		w := get(t, j, tt.method, tt.path, tt.body)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s %s: %d %s, want %d with %s", tt.method, tt.path, w.Code, w.Body, tt.status, tt.want)
		}
	}
}
