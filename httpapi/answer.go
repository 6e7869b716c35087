package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi/entity"
)

const jsonType = "application/json"

// call is one request being answered.
type call struct {
	*gin.Context
	body   []byte // as it was read
	herder Herder // nil in routes that are early, as long as the worker has none
}

// handle runs a route: media types first, as JAX-RS does, then the body, then the operation
// under its deadline.
func (s *Server) handle(r route) gin.HandlerFunc {
	timeout := s.cfg.RequestTimeout
	if r.health {
		timeout = s.cfg.HealthTimeout
	}
	return func(c *gin.Context) {
		if !r.anyBody && !consumesJSON(c.Request.Header.Get("Content-Type")) {
			s.fail(c, httpError(http.StatusUnsupportedMediaType))
			return
		}
		if !acceptsJSON(c.Request.Header.Values("Accept")) {
			s.fail(c, httpError(http.StatusNotAcceptable))
			return
		}
		body, err := readBody(c)
		if err != nil {
			s.fail(c, err)
			return
		}
		ctx, cancel := context.WithTimeout(c.Request.Context(), timeout)
		defer cancel()
		herder := s.current()
		if herder == nil && !r.early {
			s.fail(c, &coded{status: http.StatusServiceUnavailable, message: stillStarting})
			return
		}
		a, err := r.run(ctx, &call{Context: c, body: body, herder: herder})
		if err != nil {
			s.fail(c, s.timely(ctx, err))
			return
		}
		s.write(c, a)
	}
}

// write sends an answer. The body is made before the status is sent, so that one that can't be
// made is a 500.
func (s *Server) write(c *gin.Context, a answer) {
	if a.location != "" {
		c.Header("Location", a.location)
	}
	if a.body == nil {
		c.Status(a.status)
		c.Writer.WriteHeaderNow()
		return
	}
	data, isRaw := a.body.(json.RawMessage)
	if !isRaw {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false) // Jackson doesn't
		if err := enc.Encode(a.body); err != nil {
			s.fail(c, fmt.Errorf("answer to %s %s: %w", c.Request.Method, c.Request.URL.Path, err))
			return
		}
		data = bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	}
	c.Header("Content-Type", jsonType)
	c.Header("Content-Length", strconv.Itoa(len(data)))
	c.Status(a.status)
	if _, err := c.Writer.Write(data); err != nil {
		s.log.Debug("REST answer not delivered", "path", c.Request.URL.Path, "err", err)
	}
}

// fail answers with an error in the JVM's shape and ends the chain.
func (s *Server) fail(c *gin.Context, err error) {
	c.Abort()
	status, message := statusOf(err)
	s.log.Log(c, levelOf(status, err), "REST request failed",
		"method", c.Request.Method, "path", c.Request.URL.Path, "status", status, "err", err)
	s.write(c, answer{status: status, body: entity.Error{Code: status, Message: message}})
}

// levelOf is how loud an error is logged: what a client did wrong isn't, also where the JVM's
// status for it is 500, so that nobody can fill the log from outside.
func levelOf(status int, err error) slog.Level {
	var own *coded
	switch {
	case status < http.StatusInternalServerError, errors.As(err, &own) && own.cause == nil:
		return slog.LevelDebug
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	}
	return slog.LevelError
}

// coded is an error of this package that knows its status.
type coded struct {
	status  int
	message string
	cause   error
}

func (e *coded) Error() string {
	if e.cause != nil {
		return e.message + ": " + e.cause.Error()
	}
	return e.message
}
func (e *coded) Unwrap() error   { return e.cause }
func (e *coded) StatusCode() int { return e.status }

func httpError(status int) error {
	return &coded{status: status, message: fmt.Sprintf("HTTP %d %s", status, http.StatusText(status))}
}

// statusOf is the status of an error and the message to show. Where our own
// words have a cause below them the cause is shown too: the JVM shows the text of its outermost exception
// only, which is often that cause.
func statusOf(err error) (int, string) {
	if own, ok := errors.AsType[*coded](err); ok {
		return own.status, own.message
	}
	var known StatusError
	if errors.As(err, &known) && known.StatusCode() >= 400 && known.StatusCode() <= 599 {
		return known.StatusCode(), errs.Text(known)
	}
	switch errs.KindOf(err) { // the outermost: what lies below is a cause
	case errs.NotFound:
		return http.StatusNotFound, errs.Text(err)
	case errs.AlreadyExists:
		return http.StatusConflict, errs.Text(err)
	case errs.BadRequest, errs.Config:
		return http.StatusBadRequest, errs.Text(err)
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge,
			fmt.Sprintf("HTTP 413 Request Entity Too Large: the body has more than %d bytes", tooLarge.Limit)
	}
	return http.StatusInternalServerError, errs.Text(err)
}

// timely turns the error of a request whose context has ended into what ended it: the deadline,
// with the stage the worker was at, or the shutdown.
func (s *Server) timely(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errShutdown) {
		return &coded{status: http.StatusServiceUnavailable, message: "The worker is shutting down", cause: err}
	}
	late := errors.Is(err, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded)
	var elsewhere ElsewhereError
	var own *coded
	if !late || errors.As(err, &elsewhere) || errors.As(err, &own) {
		return err
	}
	message := "Request timed out"
	if stage := stageOf(err); stage != "" {
		message += ". " + stage
	}
	return &coded{status: http.StatusInternalServerError, message: message, cause: err}
}

// stageOf says in the JVM's words what the worker was at, "" if the error doesn't tell.
func stageOf(err error) string {
	var e StageError
	if !errors.As(err, &e) {
		return ""
	}
	doing, began, completed := e.Stage()
	if doing == "" {
		return ""
	}
	const instant = "2006-01-02T15:04:05.000Z"
	if completed.IsZero() {
		return "The worker is currently " + doing + ", which began at " + began.UTC().Format(instant)
	}
	return "The last operation the worker completed was " + doing + ", which began at " +
		began.UTC().Format(instant) + " and completed at " + completed.UTC().Format(instant)
}

// recoverPanic answers 500 for a panic and logs where it came from; the server goes on.
func (s *Server) recoverPanic(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler { //nolint:errorlint // a value, not an error chain
			panic(p)
		}
		s.log.Error("REST request panicked", "method", c.Request.Method, "path", c.Request.URL.Path,
			"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		if c.Writer.Written() {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		s.fail(c, httpError(http.StatusInternalServerError))
	}()
	c.Next()
}

// accessLog writes a line per request, at debug.
func (s *Server) accessLog(c *gin.Context) {
	if !s.log.Enabled(c, slog.LevelDebug) {
		c.Next()
		return
	}
	began := time.Now()
	c.Next()
	s.log.DebugContext(c, "REST request", "method", c.Request.Method, "path", c.Request.URL.Path,
		"status", c.Writer.Status(), "from", c.Request.RemoteAddr, "took", time.Since(began))
}

// options answers OPTIONS with the methods of the path: as text if the client wants text.
func (s *Server) options(allow string) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Allow", allow)
		if accept := c.GetHeader("Accept"); strings.HasPrefix(strings.TrimSpace(accept), "text/plain") {
			c.Data(http.StatusOK, "text/plain", []byte(allow))
			return
		}
		c.Header("Content-Type", jsonType)
		c.Header("Content-Length", "0")
		c.Status(http.StatusOK)
	}
}
