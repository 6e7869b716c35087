package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/troupe-connect/troupe/cluster/state"
)

// clean makes a path what gin matches and what JAX-RS makes of it: matrix parameters cut off, no
// slash at the end, segments still escaped. Empty segments are refused as in the JVM's HTTP
// server, but with an error in JSON.
func (s *Server) clean(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw := r.URL.EscapedPath()
		if !strings.HasPrefix(raw, "/") { // OPTIONS *
			raw = "/"
		}
		if strings.Contains(raw, "//") {
			refuse(w)
			return
		}
		if strings.Contains(raw, ";") {
			raw = withoutMatrix(raw)
		}
		if len(raw) > 1 {
			raw = strings.TrimSuffix(raw, "/")
		}
		u := *r.URL
		u.RawPath = raw
		r2 := *r
		r2.URL = &u
		next.ServeHTTP(w, &r2)
	})
}

func withoutMatrix(raw string) string {
	segments := strings.Split(raw, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
}

func refuse(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{"error_code":400,"message":"The path has an empty segment (//)"}`) // a client that is gone needs no answer
}

// path is a path parameter. gin leaves it escaped because it would take + for a space.
func (c *call) path(name string) string {
	raw := c.Param(name)
	text, err := url.PathUnescape(raw)
	if err != nil {
		return raw // net/http has parsed it: this can't fail
	}
	return text
}

// task is the task id of the path; one that is no number is no resource: 404.
func (c *call) task() (state.TaskID, error) {
	n, err := strconv.ParseInt(c.path("task"), 10, 32)
	if err != nil {
		return state.TaskID{}, httpError(http.StatusNotFound)
	}
	return state.TaskID{Connector: c.path("connector"), Task: int(n)}, nil
}

// flag is a boolean query parameter: true in any case is true, all else false (Boolean.valueOf).
func (c *call) flag(name string, absent bool) bool {
	text, ok := c.GetQuery(name)
	if !ok {
		return absent
	}
	return strings.EqualFold(text, "true")
}

// limitBody bounds what a handler can read.
func (s *Server) limitBody(c *gin.Context) {
	if c.Request.ContentLength > s.cfg.BodyLimit {
		c.Header("Connection", "close")
		s.fail(c, &http.MaxBytesError{Limit: s.cfg.BodyLimit})
		return
	}
	if hasBody(c.Request) {
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, s.cfg.BodyLimit)
		setReadDeadline(c, time.Now().Add(s.patience))
	}
	c.Next()
}

func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

// setReadDeadline bounds how long the body may take; the zero time lifts it. A server below that
// has no deadlines, as in a test, is one that needs none.
func setReadDeadline(c *gin.Context, at time.Time) {
	_ = http.NewResponseController(c.Writer).SetReadDeadline(at)
}

func readBody(c *gin.Context) ([]byte, error) {
	if !hasBody(c.Request) {
		return nil, nil
	}
	body, err := io.ReadAll(c.Request.Body)
	if err == nil {
		setReadDeadline(c, time.Time{})
		return body, nil
	}
	// The deadline stays: net/http reads what is left of the body before it sends an answer.
	c.Header("Connection", "close")
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, &coded{status: http.StatusRequestTimeout, message: "HTTP 408 Request Timeout: the body did not arrive in time", cause: err}
	}
	return nil, &coded{status: http.StatusBadRequest, message: "The request body could not be read", cause: err}
}

// consumesJSON reports whether a body of this type is read; one without a type is taken for JSON.
func consumesJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == jsonType
}

// acceptsJSON reports whether one of the ranges of an Accept header takes JSON.
func acceptsJSON(accept []string) bool {
	any := false
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			any = true
			media, params, err := mime.ParseMediaType(part)
			if err != nil || media != jsonType && media != "application/*" && media != "*/*" {
				continue
			}
			if q, err := strconv.ParseFloat(params["q"], 64); err != nil || q > 0 {
				return true
			}
		}
	}
	return !any
}
