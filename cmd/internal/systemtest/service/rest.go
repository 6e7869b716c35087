package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// RESTLimit is how long one request may take.
const RESTLimit = 2 * time.Minute

// REST is the REST interface of a worker. It may be used by several goroutines.
type REST struct{ URL string }

// Do sends a request, with the body as JSON unless it is nil, and returns status and body of the
// answer. An error means that there was no answer.
func (r REST) Do(ctx context.Context, method, path string, body any) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, RESTLimit)
	defer cancel()
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL+path, payload)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, errors.Join(err, resp.Body.Close())
}

// StatusError is an answer that is no success.
type StatusError struct {
	Status int
	Body   string
}

func (e *StatusError) Error() string { return fmt.Sprintf("%d %s", e.Status, e.Body) }

// Get reads a resource into v; every status but 200 is an error.
func (r REST) Get(ctx context.Context, path string, v any) error {
	status, body, err := r.Do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("GET %s: %w", path, &StatusError{Status: status, Body: string(body)})
	}
	return json.Unmarshal(body, v)
}

// Must sends a request and fails the test unless the answer is a success.
func (r REST) Must(tb testing.TB, method, path string, body any) {
	tb.Helper()
	status, answer, err := r.Do(tb.Context(), method, path, body)
	if err != nil || status >= 300 {
		tb.Fatalf("%s %s: %d %s %v", method, path, status, answer, err)
	}
}

// Status is the answer of /connectors/NAME/status.
type Status struct {
	Connector struct {
		State  string `json:"state"`
		Worker string `json:"worker_id"`
		Trace  string `json:"trace"`
	} `json:"connector"`
	Tasks []struct {
		ID     int    `json:"id"`
		State  string `json:"state"`
		Worker string `json:"worker_id"`
		Trace  string `json:"trace"`
	} `json:"tasks"`
}

// Running waits until the connector and its tasks, as many as given, run.
func (r REST) Running(tb testing.TB, connector string, tasks int) {
	tb.Helper()
	Until(tb, time.Minute, connector+" running", func() error {
		var s Status
		if err := r.Get(tb.Context(), "/connectors/"+connector+"/status", &s); err != nil {
			return err
		}
		if s.Connector.State != "RUNNING" || len(s.Tasks) != tasks {
			return fmt.Errorf("%+v", s)
		}
		for _, task := range s.Tasks {
			if task.State != "RUNNING" {
				return fmt.Errorf("%+v", s)
			}
		}
		return nil
	})
}
