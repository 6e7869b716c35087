package kafka

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxClientID is the most bytes of a client id.
const maxClientID = 256

// clip keeps a duration in what franz-go accepts, so that a value that Java takes is no error here.
func clip(d, low, high time.Duration) time.Duration { return min(max(d, low), high) }

// franzOptions are the options that all franz-go clients share. authFailed is told of logins that
// failed.
func (s *settings) franzOptions(log *slog.Logger, authFailed func(error)) []kgo.Opt {
	s.authFailed = authFailed
	maxAge := clip(s.metadataMaxAge, 10*time.Millisecond, time.Hour)
	opts := []kgo.Opt{
		kgo.SeedBrokers(s.servers...),
		kgo.Dialer(s.dial),
		kgo.WithLogger(&franzLog{log: log, authFailed: authFailed, explain: s.explained}),
		kgo.MetadataMaxAge(maxAge),
		// The shortest time between two metadata requests bounds how fast a new leader or topic is
		// found; 5 s, franz-go's own, is long beside Java's retry.backoff.ms.
		kgo.MetadataMinAge(clip(s.retryBackoff, 250*time.Millisecond, maxAge)),
		// Java's request.timeout.ms is for the whole request. franz-go adds its overhead to the time
		// that a produce request gives the broker: half for each makes the same sum.
		kgo.RequestTimeoutOverhead(clip(s.requestTimeout/2, 100*time.Millisecond, 15*time.Minute)),
		kgo.RetryBackoffFn(s.backoff),
		kgo.ConnIdleTimeout(clip(s.idle, 100*time.Millisecond, 15*time.Minute)),
		// A broker that ends the first connection may be overloaded or restarting; Java tries again.
		kgo.AlwaysRetryEOF(),
	}
	if s.clientID != "" {
		// franz-go refuses a longer one, which a connector's long name makes; it only names the
		// client to the broker.
		opts = append(opts, kgo.ClientID(s.clientID[:min(len(s.clientID), maxClientID)]))
	}
	if s.security.SASL != nil {
		opts = append(opts, kgo.SASL(franzMechanism(s.security.SASL)))
	}
	if s.autoCreate {
		opts = append(opts, kgo.AllowAutoTopicCreation())
	}
	if s.rack != "" {
		opts = append(opts, kgo.Rack(s.rack))
	}
	if !s.pushMetrics {
		opts = append(opts, kgo.DisableClientMetrics())
	}
	return opts
}

// backoff is retry.backoff.ms doubled with each try up to retry.backoff.max.ms, a fifth more or
// less.
func (s *settings) backoff(tries int) time.Duration {
	wait := s.retryBackoff
	for ; tries > 1 && wait < s.retryBackoffMax; tries-- {
		wait *= 2
	}
	wait = max(min(wait, max(s.retryBackoffMax, s.retryBackoff)), time.Millisecond)
	return wait*4/5 + rand.N(wait*2/5+1)
}
