package registry

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// shareTime is how long an answer is given to others than who asked: long enough for all tasks
	// of a worker that start together, short enough that a restarted connector sees what changed in
	// the registry. Sessions keep what they know for as long as they live.
	shareTime = time.Minute
	// shortMiss is how long an id that the registry doesn't know is not asked for again, unless
	// missing.id.cache.ttl.sec says otherwise: a poisoned topic must not become a load test.
	shortMiss = time.Second
	// sharedAnswers bounds the answers that are kept.
	sharedAnswers = 10_000
)

// shared puts one question to the registry once, however many sessions have it.
type shared struct {
	client Client
	stats  *Stats
	miss   [3]time.Duration // by kind of question

	mu      sync.Mutex
	answers *Cache[string, *answer]
}

// answer is what came or is to come of a question.
type answer struct {
	done  chan struct{} // closed when the rest is set
	value any
	err   error
	until time.Time
}

// The kinds of question, which settings tell apart for what isn't there.
const (
	askID = iota
	askVersion
	askSchema
)

// newShared puts a client behind the sharing of answers.
func newShared(c Client, s *clientSettings, stats *Stats) *shared {
	return &shared{
		client: c, stats: stats, miss: [3]time.Duration{
			askID:      s.missingID,
			askVersion: s.missingVersion, askSchema: s.missing,
		},
		answers: NewCache[string, *answer](sharedAnswers),
	}
}

// Stats are the counters of the client.
func (s *shared) Stats() *Stats { return s.stats }

// once asks, or waits for who asks already, or says what was answered a moment ago. The request
// itself doesn't end with the caller's context, as others wait for it too: it has time-outs.
func once[T any](ctx context.Context, s *shared, kind int, key string,
	ask func(context.Context) (T, error),
) (T, error) {
	s.mu.Lock()
	a, ok := s.answers.Get(key)
	if ok && a.over() {
		ok = false
	}
	if ok {
		s.stats.Shared.Add(1)
	} else {
		a = &answer{done: make(chan struct{})}
		s.answers.Put(key, a)
		go func() {
			v, err := ask(context.WithoutCancel(ctx))
			s.settle(a, kind, v, err)
		}()
	}
	s.mu.Unlock()
	var none T
	select {
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-a.done:
	}
	if a.err != nil {
		return none, a.err
	}
	return a.value.(T), nil
}

// over reports whether the answer is too old to be given.
func (a *answer) over() bool {
	select {
	case <-a.done:
		return !time.Now().Before(a.until)
	default:
		return false
	}
}

// settle says when an answer ends. An error is told to those who wait and is then over, but for an
// answer that there is no such thing, which holds as long as the settings say.
func (s *shared) settle(a *answer, kind int, v any, err error) {
	a.value, a.err = v, err
	switch {
	case err == nil:
		a.until = time.Now().Add(shareTime)
	case missing(err) && s.miss[kind] != 0:
		if a.until = time.Now().Add(s.miss[kind]); s.miss[kind] < 0 {
			a.until = time.Now().Add(365 * 24 * time.Hour)
		}
	}
	close(a.done)
}

// Register implements Client.
func (s *shared) Register(ctx context.Context, subject string, schema Schema,
	normalize bool,
) (Registered, error) {
	return once(ctx, s, askSchema, fmt.Sprintf("register %q %t %s", subject, normalize,
		schema.key()), func(ctx context.Context) (Registered, error) {
		return s.client.Register(ctx, subject, schema, normalize)
	})
}

// Lookup implements Client.
func (s *shared) Lookup(ctx context.Context, subject string, schema Schema,
	normalize, deleted bool,
) (Registered, error) {
	key := fmt.Sprintf("lookup %q %t %t %s", subject, normalize, deleted, schema.key())
	return once(ctx, s, askSchema, key, func(ctx context.Context) (Registered, error) {
		return s.client.Lookup(ctx, subject, schema, normalize, deleted)
	})
}

// ByID implements Client.
func (s *shared) ByID(ctx context.Context, subject string, id int32) (Schema, error) {
	return once(ctx, s, askID, fmt.Sprintf("id %q %d", subject, id),
		func(ctx context.Context) (Schema, error) {
			return s.client.ByID(ctx, subject, id)
		})
}

// ByGUID implements Client.
func (s *shared) ByGUID(ctx context.Context, guid string) (Schema, error) {
	return once(ctx, s, askID, "guid "+guid, func(ctx context.Context) (Schema, error) { return s.client.ByGUID(ctx, guid) })
}

// ByVersion implements Client.
func (s *shared) ByVersion(ctx context.Context, subject string, version int,
	deleted bool,
) (Registered, error) {
	key := fmt.Sprintf("version %q %d %t", subject, version, deleted)
	return once(ctx, s, askVersion, key, func(ctx context.Context) (Registered, error) {
		return s.client.ByVersion(ctx, subject, version, deleted)
	})
}

// ByMetadata implements Client.
func (s *shared) ByMetadata(ctx context.Context, subject string,
	properties map[string]string,
) (Registered, error) {
	return once(ctx, s, askVersion, fmt.Sprintf("metadata %q %q", subject, properties),
		func(ctx context.Context) (Registered, error) {
			return s.client.ByMetadata(ctx, subject, properties)
		})
}

// key tells schemas apart.
func (s Schema) key() string {
	return fmt.Sprintf("%s %q %q %q %q", s.Format, s.Text, fmt.Sprint(s.References), s.Metadata,
		s.Rules)
}
