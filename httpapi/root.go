package httpapi

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi/entity"
)

func (s *Server) root(context.Context, *call) (answer, error) {
	return ok(entity.ServerInfo{Version: s.cfg.Version, Commit: s.cfg.Commit, KafkaClusterID: s.herder.KafkaClusterID()})
}

// startedFlag remembers that the herder was ready once: from then on a herder that doesn't
// answer in time is unhealthy, before it is still starting.
type startedFlag struct{ atomic.Bool }

func (s *Server) health(ctx context.Context, _ *call) (answer, error) {
	if h, ok := s.herder.(Starter); ok && h.Started() {
		s.started.Store(true)
	}
	err := s.herder.Ready(ctx)
	if err == nil {
		s.started.Store(true)
		return ok(entity.WorkerStatus{
			Status:  "healthy",
			Message: "Worker has completed startup and is ready to handle requests.",
		})
	}
	if errors.Is(context.Cause(ctx), errShutdown) {
		return answer{}, err
	}
	detail := stageOf(err)
	timedOut := errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil
	if detail == "" && !timedOut {
		detail = errs.Message(err)
	}
	const stillStarting = "Worker is still starting up."
	if detail == stillStarting {
		detail = "" // a herder may say it in the same words
	}
	if detail != "" {
		detail = " " + detail
	}
	var known StatusError
	starting := errors.As(err, &known) && known.StatusCode() == http.StatusServiceUnavailable
	if starting || timedOut && !s.started.Load() {
		return answer{status: http.StatusServiceUnavailable, body: entity.WorkerStatus{
			Status: "starting", Message: stillStarting + detail,
		}}, nil
	}
	return answer{status: http.StatusInternalServerError, body: entity.WorkerStatus{
		Status:  "unhealthy",
		Message: "Worker was unable to handle this request and may be unable to handle other requests." + detail,
	}}, nil
}
