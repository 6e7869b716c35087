package kafka

import (
	"context"
	"errors"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// franzLog passes franz-go's log on. What franz-go calls information is debugging to an operator of
// some hundred tasks. It also watches for logins that failed: franz-go keeps trying them and
// tells nobody else, where Java's clients fail.
type franzLog struct {
	log        *slog.Logger
	authFailed func(error)
}

func (l *franzLog) Level() kgo.LogLevel {
	switch ctx := context.Background(); {
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
	l.log.Log(context.Background(), to, "kafka client: "+msg, keyvals...)
}

func (l *franzLog) watch(keyvals []any) {
	for _, v := range keyvals {
		err, ok := v.(error)
		if !ok {
			continue
		}
		var code *kerr.Error
		var auth *authError
		if errors.As(err, &code) || errors.As(err, &auth) || !kgo.IsRetryableBrokerErr(err) {
			l.authFailed(err)
		}
	}
}
