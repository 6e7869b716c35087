package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/troupe-connect/troupe/connectors/errs"
	"github.com/troupe-connect/troupe/httpapi/entity"
	"github.com/troupe-connect/troupe/httpapi/logging"
)

// Loggers is what /admin/loggers needs; logging.Registry with NewLoggers is one.
type Loggers interface {
	// List is every logger with a level of its own.
	List() map[string]logging.Level
	// Get is a logger's level, its own or that of the nearest above; false if no logger has
	// that name.
	Get(name string) (logging.Level, bool)
	// Set sets the level of a logger and of those below it on this worker and returns the names
	// of those that changed, sorted.
	Set(name string, level slog.Level) []string
	// SetCluster makes every worker set the level.
	SetCluster(ctx context.Context, name, level string) error
}

// NewLoggers serves a registry. cluster tells every worker, this one too, to set a level; nil in
// standalone mode, where this worker is all of them.
func NewLoggers(r *logging.Registry, cluster func(ctx context.Context, name, level string) error) Loggers {
	return loggers{Registry: r, cluster: cluster}
}

type loggers struct {
	*logging.Registry
	cluster func(ctx context.Context, name, level string) error
}

func (l loggers) SetCluster(ctx context.Context, name, level string) error {
	if l.cluster != nil {
		return l.cluster(ctx, name, level)
	}
	parsed, err := logging.ParseLevel(level)
	if err != nil {
		return err
	}
	l.Set(name, parsed)
	return nil
}

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
		return answer{}, errs.NotFound.Wrap(err, "invalid log level '%s'.", *text)
	}
	name, scope := c.path("logger"), c.DefaultQuery("scope", "worker")
	switch strings.ToLower(scope) {
	case "cluster":
		if err := s.loggers.SetCluster(ctx, name, strings.ToUpper(*text)); err != nil {
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
