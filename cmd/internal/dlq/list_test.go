package dlq

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func TestList(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 21)
	o.Produce(&kafka.Record{Topic: "dead", Value: []byte("plain"), Timestamp: base})
	o.must("some of a", 4, func(r *Replay) { r.Filter.Connectors, r.Limit = []string{"a"}, 4 })
	l, err := o.clients().List(t.Context(), "dead", ProgressTopic, 0)
	if err != nil || len(l.Groups) != 3 {
		t.Fatalf("%+v, %v", l, err)
	}
	ms := func(s int64) *int64 { n := base.UnixMilli() + s*1000; return &n }
	want := []Group{
		{"dead", "a", "VALUE_CONVERTER", "a.E", 11, 4, ms(0), ms(20)},
		{"dead", "b", "VALUE_CONVERTER", "a.E", 10, 0, ms(1), ms(19)},
		{"dead", "", "", "", 1, 0, ms(0), ms(0)},
	}
	if !reflect.DeepEqual(l.Groups, want) {
		t.Errorf("%+v, want %+v", l.Groups, want)
	}
	now := base.Add(26*time.Hour + 20*time.Second)
	const table = `dead
  COUNT  REPLAYED  OLDEST  NEWEST  CONNECTOR  STAGE            EXCEPTION
  11     4         1d2h    1d2h    a          VALUE_CONVERTER  E
  10     0         1d2h    1d2h    b          VALUE_CONVERTER  E
  1      0         1d2h    1d2h    -          -                -
`
	if got := l.Text(now); got != table {
		t.Errorf("%s, want %s", got, table)
	}
	if last, err := o.clients().List(t.Context(), "dead", ProgressTopic, 1); err != nil || len(last.Groups) > 2 || last.Groups[0].Count != 1 {
		t.Errorf("the last of each partition: %+v, %v", last, err)
	}
	if _, err := o.clients().List(t.Context(), "none", ProgressTopic, 0); !errors.Is(err, errs.NotFound) {
		t.Errorf("a topic that isn't there: %v", err)
	}
	if l, err := o.clients().List(t.Context(), "orders-none", ProgressTopic, 0); err == nil {
		t.Errorf("%+v", l)
	}
}

func TestAge(t *testing.T) {
	now := base
	for ago, want := range map[time.Duration]string{
		5 * time.Second: "5s", 61 * time.Second: "1m1s", 3*time.Hour + 2*time.Minute: "3h2m", 49 * time.Hour: "2d1h", -time.Second: "in the future",
	} {
		ms := now.Add(-ago).UnixMilli()
		if got := age(&ms, now); got != want {
			t.Errorf("%s: %q, want %q", ago, got, want)
		}
	}
	if got := age(nil, now); got != "-" {
		t.Errorf("%q", got)
	}
}

func TestFind(t *testing.T) {
	o := newOffice(t)
	o.letters(0, 2)
	o.Values("orders", "an", "order")
	o.CreateTopic("__internal", 1, nil)
	o.Produce(&kafka.Record{Topic: "__internal", Value: []byte("x"), Headers: failure("a", "0", "0", "a", "b", "c")})
	found, err := o.clients().Find(t.Context(), func(topic string, err error) { t.Errorf("%s: %v", topic, err) })
	if err != nil || !slices.Equal(found, []string{"dead"}) {
		t.Errorf("%v, %v", found, err)
	}
}

func TestAsk(t *testing.T) {
	answer, status := `{"b":{"info":{"config":{"errors.deadletterqueue.topic.name":"dead"}}},"a":{"info":{"config":{"errors.deadletterqueue.topic.name":" dead "}}},"c":{"info":{"config":{"topics":"x"}}},"d":{"info":{"config":{"errors.deadletterqueue.topic.name":"other"}}}}`, http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/base/connectors" || r.URL.RawQuery != "expand=info" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	got, err := Ask(t.Context(), server.URL+"/base/")
	if want := map[string][]string{"dead": {"a", "b"}, "other": {"d"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	answer, status = "no\x1b[31m", http.StatusForbidden
	if _, err := Ask(t.Context(), server.URL+"/base"); err == nil || !strings.Contains(err.Error(), "403") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
	status = http.StatusOK
	if _, err := Ask(t.Context(), server.URL+"/base"); err == nil || !strings.Contains(err.Error(), "no answer of a worker") {
		t.Errorf("%v", err)
	}
	withPassword := strings.Replace(server.URL, "://", "://user:secret@", 1)
	server.Close()
	if _, err := Ask(t.Context(), withPassword); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"localhost:8083", "", "ftp://x", "http://", "http://u:secret@[::1:8083/"} {
		if _, err := Ask(t.Context(), bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
