package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi/entity"
	"github.com/troupe-connect/troupe/httpapi/logging"
)

func (s *Server) listLoggers(context.Context, *call) (answer, error) {
	levels := s.loggers.List()
	out := make(map[string]entity.LoggerLevel, len(levels))
	for name, level := range levels {
		out[name] = loggerLevel(level)
	}
	return ok(out)
}

func (s *Server) getLogger(_ context.Context, c *call) (answer, error) {
	name := c.path("logger")
	level, found := s.loggers.Get(name)
	if !found {
		return answer{}, errs.NotFound.New("Logger %s not found.", name)
	}
	return ok(loggerLevel(level))
}

func (s *Server) setLogger(ctx context.Context, c *call) (answer, error) {
	given, err := settings(c.body, `an object with "level"`)
	if err != nil {
		return answer{}, err
	}
	text := given["level"]
	if text == nil {
		return answer{}, errs.BadRequest.New("Desired 'level' parameter was not specified in request.")
	}
	if *text == "" {
		return answer{}, recorded("Illegal null or empty Level name.")
	}
	level, err := logging.ParseLevel(*text)
	if err != nil {
		return answer{}, errs.NotFound.New("invalid log level '%s'.", *text)
	}
	name, scope := c.path("logger"), c.DefaultQuery("scope", "worker")
	switch strings.ToLower(scope) {
	case "cluster":
		if c.herder == nil {
			return answer{}, &coded{status: http.StatusServiceUnavailable, message: stillStarting}
		}
		all, clustered := c.herder.(LevelSetter)
		if !clustered {
			s.loggers.Set(name, level)
			return empty(http.StatusNoContent)
		}
		if err := all.SetLoggerLevel(ctx, name, strings.ToUpper(*text)); err != nil {
			return answer{}, err
		}
		return empty(http.StatusNoContent)
	case "worker":
	default:
		s.log.Warn("scope of a change of log level is unknown, it stays on this worker", "scope", scope)
	}
	changed := s.loggers.Set(name, level)
	if changed == nil {
		changed = []string{}
	}
	return ok(changed)
}

func loggerLevel(l logging.Level) entity.LoggerLevel {
	out := entity.LoggerLevel{Level: l.Level}
	if !l.Modified.IsZero() {
		ms := l.Modified.UnixMilli()
		out.LastModified = &ms
	}
	return out
}
