package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/troupe-connect/troupe/codecs"
)

// outageLog is how often the log says that an outage lasts.
const outageLog = time.Minute

// ask calls f, which asks the registry about the subject, until it has an answer, waiting through
// an outage as long as the settings allow. An error is f's last one, or wraps
// codecs.ErrInterrupted.
func (s *Session) ask(subject string, f func(context.Context) error) error {
	ctx := s.env.Context
	if ctx == nil {
		return f(context.Background()) //nolint:forbidigo // a converter without a task; requests have time-outs
	}
	err := f(ctx)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	if s.Settings.OutageMax == 0 || !passes(err) {
		return err
	}
	return s.outlast(ctx, subject, err, f)
}

// interrupted is the error of a task that is stopped while it waits: no failure of its own.
func interrupted(ctx context.Context) error {
	return fmt.Errorf("%w: %w", codecs.ErrInterrupted, context.Cause(ctx))
}

// minWait is the shortest wait between two rounds of requests, whatever retries.wait.ms says.
const minWait = 10 * time.Millisecond

// outlast waits for the end of an outage.
func (s *Session) outlast(ctx context.Context, subject string, err error,
	f func(context.Context) error,
) error {
	begun := time.Now()
	said := begun.Add(-outageLog)
	stats := s.stats()
	stats.Waiting.Add(1)
	defer stats.Waiting.Add(-1)
	if s.env.Note != nil {
		s.env.Note(fmt.Sprintf("waiting for the schema registry since %s: subject %s: %v",
			begun.UTC().Format(time.RFC3339), subject, err))
		defer s.env.Note("")
	}
	retry := s.Settings.client.retry
	for wait := max(retry.wait, minWait); ; wait = min(2*wait, max(retry.top, minWait)) {
		now := time.Now()
		if s.Settings.OutageMax > 0 && now.Sub(begun) >= s.Settings.OutageMax {
			return err
		}
		if now.Sub(said) >= outageLog && s.env.Log != nil {
			said = now
			s.env.Log.Warn("waiting for the schema registry", "side", s.side, "subject", subject,
				"waited", now.Sub(begun).Round(time.Second), "err", err)
		}
		pause := wait/2 + rand.N(wait/2) //nolint:gosec // no secret
		if s.Settings.OutageMax > 0 {
			pause = min(pause, max(s.Settings.OutageMax-now.Sub(begun), time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return interrupted(ctx)
		case <-time.After(pause):
		}
		switch err = f(ctx); {
		case err == nil:
			if s.env.Log != nil {
				s.env.Log.Info("the schema registry answers again", "side", s.side, "subject",
					subject, "waited", time.Since(begun).Round(time.Millisecond))
			}
			return nil
		case ctx.Err() != nil:
			return interrupted(ctx)
		case !passes(err):
			return err
		}
	}
}

// stats are the counters of the session's client.
func (s *Session) stats() *Stats {
	if c, ok := s.client.(interface{ Stats() *Stats }); ok {
		return c.Stats()
	}
	return &Stats{}
}
