package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/troupe-connect/troupe/httpapi/entity"
)

// elsewhere is the answer to a request that the herder could not carry out. If another worker
// can, the request goes there: a client's request is forwarded (forward=true), what arrives with
// forward=true once more (forward=false), and what arrives with forward=false no further, since
// two hops find the right worker unless a rebalance is under way.
func (s *Server) elsewhere(ctx context.Context, c *call, err error) (answer, error) {
	var other ElsewhereError
	if !errors.As(err, &other) {
		return answer{}, err
	}
	hop, forwarded := c.GetQuery("forward")
	if forwarded && !strings.EqualFold(hop, "true") {
		s.log.Error("REST request found no worker to answer it within two hops",
			"method", c.Request.Method, "path", c.Request.URL.Path)
		return answer{}, &coded{
			status:  http.StatusConflict,
			message: "Cannot complete request because of a conflicting operation (e.g. worker rebalance)",
		}
	}
	if other.ForwardURL() == "" || s.cfg.Forward == nil {
		return answer{}, &coded{
			status: http.StatusConflict,
			message: "Cannot complete request momentarily due to no known leader URL, " +
				"likely because a rebalance was underway.",
			cause: err,
		}
	}
	return s.relay(ctx, c, s.target(c, other.ForwardURL(), !forwarded))
}

// target is the same path at another worker. Of the parameters only those that change what the
// request does go along.
func (s *Server) target(c *call, base string, again bool) string {
	query := url.Values{}
	query.Set("forward", fmt.Sprint(again))
	for _, name := range []string{"includeTasks", "onlyFailed"} {
		if value, given := c.GetQuery(name); given {
			query.Set(name, value)
		}
	}
	return strings.TrimSuffix(base, "/") + c.Request.URL.RawPath + "?" + query.Encode()
}

// relay sends the request on and answers what is answered.
func (s *Server) relay(ctx context.Context, c *call, target string) (answer, error) {
	s.log.Debug("REST request forwarded", "method", c.Request.Method, "url", target)
	status, body, err := s.cfg.Forward.Forward(ctx, c.Request.Method, target, c.GetHeader("Authorization"), c.body)
	if err != nil {
		if ctx.Err() != nil {
			return answer{}, err
		}
		status := http.StatusInternalServerError
		if unreachable(err) {
			status = http.StatusServiceUnavailable
		}
		return answer{}, &coded{status: status, message: fmt.Sprintf("IO Error trying to forward REST request: %v", err)}
	}
	if status >= http.StatusBadRequest {
		return answer{}, relayedError(status, body)
	}
	if status < http.StatusOK || status >= http.StatusMultipleChoices { // a proxy that redirects, as to its login page
		return answer{}, &coded{
			status:  http.StatusInternalServerError,
			message: fmt.Sprintf("Unexpected status code when handling forwarded request: %d", status),
			cause:   fmt.Errorf("answer of %s", target),
		}
	}
	out := answer{status: status}
	if len(body) > 0 {
		out.body = json.RawMessage(body)
	}
	if status == http.StatusCreated {
		var made struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(body, &made); err != nil {
			return answer{}, fmt.Errorf("answer of %s: %w", target, err)
		}
		out.location = s.location(c, made.Name)
	}
	return out, nil
}

// unreachable reports whether a worker gave no answer because it is stopping, gone or too slow,
// which passes by itself: it starts again, or the group learns that it is gone. The JVM answers
// 500 here as for what stays wrong, such as a certificate that isn't trusted.
func unreachable(err error) bool {
	var network net.Error
	if errors.As(err, &network) && network.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "dial" || op.Op == "read" || op.Op == "write")
}

// relayedError passes an error of the other worker on.
func relayedError(status int, body []byte) error {
	var e entity.Error
	if err := json.Unmarshal(body, &e); err != nil || e.Message == "" {
		return httpError(status)
	}
	return &coded{status: status, message: e.Message}
}
