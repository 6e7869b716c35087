package schemas_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cmd/internal/builtin"
	"github.com/troupe-connect/troupe/cmd/internal/schemas"
)

func start(t *testing.T, c *kafkatest.Cluster) (url string, stop func()) {
	t.Helper()
	s, err := schemas.Start(t.Context(), schemas.Config{
		Address: "127.0.0.1:0", Kafka: c.Props(), Replication: 1, Formats: builtin.SchemaFormats(),
		Log: slog.New(slog.DiscardHandler), Options: []kafka.Option{c.Option()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.URL(), func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}

func send(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(raw))
}

// What was registered is there after a restart, since it is in the topic.
func TestKeepsSchemasInTheTopic(t *testing.T) {
	c := kafkatest.New(t)
	url, stop := start(t, c)
	const body = `{"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}"}`
	if got := send(t, http.MethodPost, url+"/subjects/a-value/versions", body); !strings.HasPrefix(got, `200 {"subject":"a-value","version":1,"id":1,`) {
		t.Fatal(got)
	}
	if got := send(t, http.MethodPut, url+"/config", `{"compatibility":"FULL"}`); !strings.HasPrefix(got, "200") {
		t.Fatal(got)
	}
	stop()
	url, stop = start(t, c)
	defer stop()
	for path, want := range map[string]string{
		"/subjects":                   `200 ["a-value"]`,
		"/config":                     `200 {"compatibilityLevel":"FULL"}`,
		"/schemas/ids/1/schema":       `200 {"type":"record","name":"R","fields":[]}`,
		"/subjects/a-value/versions":  `200 [1]`,
		"/subjects/a-value/versions/": `404 {"error_code":404,"message":"HTTP 404 Not Found"}`,
	} {
		if got := send(t, http.MethodGet, url+path, ""); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}
