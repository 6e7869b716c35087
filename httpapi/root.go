package httpapi

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi/entity"
)

func (s *Server) root(_ context.Context, c *call) (answer, error) {
	return ok(entity.ServerInfo{Version: s.cfg.Version, Commit: s.cfg.Commit, KafkaClusterID: c.herder.KafkaClusterID()})
}

// startedFlag remembers that the herder was ready once: from then on a herder that doesn't
// answer in time is unhealthy, before it is still starting.
type startedFlag struct{ atomic.Bool }

const stillStarting = "Worker is still starting up."

// starting is the answer of /health before the worker's first start is complete.
func starting(detail string) (answer, error) {
	return answer{status: http.StatusServiceUnavailable, body: entity.WorkerStatus{
		Status: "starting", Message: stillStarting + detail,
	}}, nil
}

// workerHealth is what Kafka Connect answers to GET /health.
func (s *Server) workerHealth(ctx context.Context, c *call) (answer, error) {
	if c.herder == nil {
		return starting("")
	}
	if h, ok := c.herder.(Starter); ok && h.Started() {
		s.started.Store(true)
	}
	err := c.herder.Ready(ctx)
	if err == nil {
		s.started.Store(true)
		message := "Worker has completed startup and is ready to handle requests."
		if h, ok := c.herder.(Noter); ok && h.Note() != "" {
			message += " " + h.Note()
		}
		return ok(entity.WorkerStatus{Status: "healthy", Message: message})
	}
	if errors.Is(context.Cause(ctx), errShutdown) {
		return answer{}, err
	}
	detail := stageOf(err)
	timedOut := errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil
	if detail == "" && !timedOut {
		detail = errs.Message(err)
	}
	if detail == stillStarting {
		detail = "" // a herder may say it in the same words
	}
	if detail != "" {
		detail = " " + detail
	}
	var known StatusError
	unavailable := errors.As(err, &known) && known.StatusCode() == http.StatusServiceUnavailable
	if unavailable || timedOut && !s.started.Load() {
		return starting(detail)
	}
	return answer{status: http.StatusInternalServerError, body: entity.WorkerStatus{
		Status:  "unhealthy",
		Message: "Worker was unable to handle this request and may be unable to handle other requests." + detail,
	}}, nil
}
