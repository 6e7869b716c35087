package kafka

import "sync"

// Told remembers which settings without effect the log has named, so that each is named once and not with
// every client of every task. One serves all clients of a worker, see WithTold, from any goroutine.
type Told struct {
	mu   sync.Mutex
	keys map[string]bool
}

// mostTold bounds what is remembered; beyond it settings are named again.
const mostTold = 10000

// WithTold makes a client name only settings that t doesn't know yet.
func WithTold(t *Told) Option { return func(o *options) { o.told = t } }

func (t *Told) first(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys[key] {
		return false
	}
	if t.keys == nil || len(t.keys) >= mostTold {
		t.keys = map[string]bool{}
	}
	t.keys[key] = true
	return true
}
