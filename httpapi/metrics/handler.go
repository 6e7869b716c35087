package metrics

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP answers GET /metrics, in OpenMetrics if the reader asks for it.
func (e *Exposition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	openMetrics := WantsOpenMetrics(r.Header.Get("Accept"))
	contentType := ClassicType
	if openMetrics {
		contentType = OpenMetricsType
	}
	w.Header().Set("Content-Type", contentType)
	if r.Method == http.MethodHead {
		return
	}
	_ = e.Write(w, openMetrics, time.Now()) // a reader that has gone is nobody's loss
}

// jolokiaBody is the largest request that is read, in bytes.
const jolokiaBody = 1 << 20

// ServeHTTP answers what is asked below /jolokia. As Jolokia does, it says what went wrong in the
// answer, with status 200.
func (j *Jolokia) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer any
	switch r.Method {
	case http.MethodPost:
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, jolokiaBody))
		if err != nil {
			status, large := http.StatusBadRequest, new(http.MaxBytesError)
			if errors.As(err, &large) {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, "the request could not be read: "+err.Error(), status)
			return
		}
		answer = j.Post(body, time.Now())
	default:
		rest := strings.TrimPrefix(r.URL.Path, "/jolokia")
		answer = j.Get(strings.TrimPrefix(rest, "/"), time.Now())
	}
	text, err := json.Marshal(answer)
	if err != nil { // a name that JSON can't have, which Marshal replaces: not to be expected
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8") // Jolokia's default
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(text) // a reader that has gone is nobody's loss
}
