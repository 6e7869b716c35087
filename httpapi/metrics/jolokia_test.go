package metrics

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/metrics"
)

// ask is the answer to a GET or, if body isn't empty, a POST, as JSON would have it.
func ask(t *testing.T, j *Jolokia, path, body string) map[string]any {
	t.Helper()
	var v any
	if body != "" {
		v = j.Post([]byte(body), now)
	} else {
		v = j.Get(path, now)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("the answer to %s%s is no JSON: %v", path, body, err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("the answer to %s%s is %s", path, body, text)
	}
	return m
}

func TestJolokia(t *testing.T) {
	j := NewJolokia(busy(2), "1.2.3")
	for _, tt := range []struct {
		name, path, body string
		status           float64
		value            string // JSON, or what it contains if it begins with ~
	}{
		{"version", "", "", 200, `~"product":"troupe"`},
		{"one attribute", "read/kafka.connect:type=source-task-metrics,connector=c0,task=0/source-record-poll-total", "", 200, `100`},
		{"keys in any order", "read/kafka.connect:task=0,connector=c0,type=source-task-metrics/source-record-poll-total", "", 200, `100`},
		{"two attributes", "read/kafka.connect:type=connector-task-metrics,connector=c0,task=0/status,connector-type", "", 200, `{"connector-type":"SOURCE","status":"running"}`},
		{"what JSON has no number for", "read/kafka.connect:type=connect-worker-rebalance-metrics/time-since-last-rebalance-ms", "", 200, `null`},
		{"a pattern", "read/kafka.connect:type=source-task-metrics,*/source-record-poll-total", "", 200, `{"kafka.connect:connector=c0,task=0,type=source-task-metrics":{"source-record-poll-total":100},"kafka.connect:connector=c1,task=0,type=source-task-metrics":{"source-record-poll-total":100}}`},
		{"a pattern in a value", "", `{"type":"read","mbean":"kafka.connect:type=connector-metrics,connector=c?","attribute":"connector-type"}`, 200, `~c1,type=connector-metrics":{"connector-type":"source"}`},
		{"no such bean", "read/kafka.connect:type=nothing", "", 404, `null`},
		{"no such attribute", "read/kafka.connect:type=connect-worker-metrics/nothing", "", 404, `null`},
		{"no object name", "read/kafka", "", 400, `null`},
		{"a search", "search/kafka.connect:type=connector-metrics,*", "", 200, `["kafka.connect:connector=c0,type=connector-metrics","kafka.connect:connector=c1,type=connector-metrics"]`},
		{"a search for nothing", "search/java.lang:*", "", 200, `[]`},
		{"a list", "list/kafka.connect/type=connect-worker-metrics/attr/task-count/type", "", 200, `"double"`},
		{"writing", "write/kafka.connect:type=connect-worker-metrics/task-count/5", "", 403, `null`},
		{"an operation", "", `{"type":"exec","mbean":"java.lang:type=Memory","operation":"gc"}`, 403, `null`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(t, j, tt.path, tt.body)
			if got["status"] != tt.status {
				t.Fatalf("status %v (%v), want %v", got["status"], got["error"], tt.status)
			}
			value, _ := json.Marshal(got["value"])
			if want, part := strings.CutPrefix(tt.value, "~"); part && !strings.Contains(string(value), want) || !part && string(value) != want {
				t.Errorf("value %s, want %s", value, want)
			}
		})
	}
}

func TestJolokiaAnswersLists(t *testing.T) {
	j := NewJolokia(busy(1), "1")
	all, ok := j.Post([]byte(`[{"type":"version"},{"type":"exec"}]`), now).([]answer)
	if !ok || len(all) != 2 || all[0].Status != 200 || all[1].Status != 403 {
		t.Errorf("answers are %v", all)
	}
	if a, ok := j.Post([]byte(`{`), now).(answer); !ok || a.Status != 400 {
		t.Errorf("what is no JSON is answered %v", a)
	}
}

// Kafka quotes what has unusual characters in it, and a reader quotes it the same way.
func TestJolokiaQuotesNames(t *testing.T) {
	r := metrics.NewRegistry(metrics.DefaultWindows(), 0)
	r.AddTask(`a,b="c"/*`, 0, true)
	j := NewJolokia(r, "1")
	names, _ := json.Marshal(ask(t, j, "search/kafka.connect:type=source-task-metrics,*", "")["value"])
	var list []string
	if err := json.Unmarshal(names, &list); err != nil || len(list) != 1 {
		t.Fatalf("found %s", names)
	}
	body, _ := json.Marshal(map[string]string{"type": "read", "mbean": list[0], "attribute": "source-record-poll-total"})
	if got := ask(t, j, "", string(body)); got["status"] != 200.0 || got["value"] != 0.0 {
		t.Errorf("%s is answered %v", body, got)
	}
}

func FuzzJolokia(f *testing.F) {
	f.Add("read/kafka.connect:type=source-task-metrics,*/a,b", `{"type":"read","mbean":"kafka.connect:*"}`)
	f.Add("list/a!/b/c!!", `[{"type":"search","mbean":"*:type=\"x,*"}]`)
	f.Add("search/:=,=", `[]`)
	j := NewJolokia(busy(1), "1")
	f.Fuzz(func(t *testing.T, path, body string) {
		for _, v := range []any{j.Get(path, now), j.Post([]byte(body), now)} {
			if _, err := json.Marshal(v); err != nil {
				t.Errorf("no JSON: %v", err)
			}
		}
	})
}
