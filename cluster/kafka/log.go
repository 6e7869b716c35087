package kafka

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/security"
)

// franzLog passes franz-go's log on. What franz-go calls information is debugging to an operator of
// some hundred tasks. It also watches for logins that failed: franz-go keeps trying them and
// tells nobody else, where Java's clients fail.
//
// While a broker is away franz-go says so with every try of every connection. A message is passed on
// once per quietFor, with the number of times that it came meanwhile; the others are debugging.
type franzLog struct {
	log        *slog.Logger
	authFailed func(error)
	explain    func(error) error // may be nil

	mu   sync.Mutex
	said map[string]*saying // by message
}

// saying is a message that was passed on.
type saying struct {
	at     time.Time
	missed int // since then
}

// quietFor is how long a warning isn't repeated.
const quietFor = 30 * time.Second

func (l *franzLog) Level() kgo.LogLevel {
	switch ctx := context.Background(); { //nolint:forbidigo // franz-go gives its logger none
	case l.log.Enabled(ctx, slog.LevelDebug-4):
		return kgo.LogLevelDebug
	case l.log.Enabled(ctx, slog.LevelDebug):
		return kgo.LogLevelInfo
	case l.log.Enabled(ctx, slog.LevelWarn):
		return kgo.LogLevelWarn
	}
	return kgo.LogLevelError
}

func (l *franzLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	to := slog.LevelDebug - 4
	switch level {
	case kgo.LogLevelError, kgo.LogLevelWarn:
		to = slog.LevelWarn
	case kgo.LogLevelInfo:
		to = slog.LevelDebug
	case kgo.LogLevelDebug, kgo.LogLevelNone:
	}
	if level == kgo.LogLevelError && msg == "unable to initialize sasl" {
		l.watch(keyvals)
	}
	if to == slog.LevelWarn {
		missed, again := l.again(msg, time.Now())
		if again {
			to = slog.LevelDebug
		} else if missed > 0 {
			keyvals = append(slices.Clip(keyvals), "repeated", missed)
		}
	}
	if to == slog.LevelWarn {
		msg, keyvals = spoken(msg, keyvals)
	} else {
		msg = "Kafka client: " + msg
	}
	l.log.Log(context.Background(), to, msg, keyvals...) //nolint:forbidigo,sloglint // franz-go gives its logger no context, and the message is its own
}

// again reports whether the message was passed on a short while ago, else how often it came since
// then.
func (l *franzLog) again(msg string, now time.Time) (missed int, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.said[msg]
	if s == nil {
		if l.said == nil {
			l.said = map[string]*saying{}
		}
		l.said[msg] = &saying{at: now}
		return 0, false
	}
	if now.Sub(s.at) < quietFor {
		s.missed++
		return 0, true
	}
	missed = s.missed
	s.at, s.missed = now, 0
	return missed, false
}

func (l *franzLog) watch(keyvals []any) {
	for _, v := range keyvals {
		err, ok := v.(error)
		if !ok {
			continue
		}
		var code *kerr.Error
		var auth *security.AuthError
		if errors.As(err, &code) || errors.As(err, &auth) || !kgo.IsRetryableBrokerErr(err) {
			if l.explain != nil {
				err = l.explain(err)
			}
			l.authFailed(err)
		}
	}
}
