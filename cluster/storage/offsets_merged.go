package storage

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/connectors/errs"
)

// MergedOffsetStore is a connector's own offset store over the worker's (offsets.storage.topic,
// KIP-618): what the own one doesn't have is looked up in the worker's, and what is written to the
// own one is copied to the worker's, so that the connector goes on from there should it lose its own
// topic.
//
// A copy may be late, and failures are only logged. Removed offsets are another matter: they are
// removed from the worker's store first, else they would come back from there (KAFKA-15018).
type MergedOffsetStore struct {
	own    *TopicOffsetStore
	worker OffsetStore
	log    *slog.Logger

	// turn holds a token while nobody writes to the worker's store: a copy that is on its way must
	// not arrive after the removal of the same offset.
	turn chan struct{}

	mu      sync.Mutex
	copies  map[string][]byte // still to be copied: the newest of each key
	more    chan struct{}     // says that there are
	closing bool

	cancel   context.CancelFunc
	finished chan struct{}
}

var _ OffsetJournal = (*MergedOffsetStore)(nil)

// NewMergedOffsetStore puts own, which is started and becomes the store's, over worker, which stays
// the caller's. Close ends the goroutine that copies.
func NewMergedOffsetStore(own *TopicOffsetStore, worker OffsetStore, log *slog.Logger) *MergedOffsetStore {
	//nolint:forbidigo // the copier's life is the store's, which Close ends
	ctx, cancel := context.WithCancel(context.Background())
	s := &MergedOffsetStore{
		own: own, worker: worker, log: log, turn: make(chan struct{}, 1), copies: map[string][]byte{},
		more: make(chan struct{}, 1), cancel: cancel, finished: make(chan struct{}),
	}
	s.turn <- struct{}{}
	go s.copyAll(ctx)
	return s
}

// Get implements OffsetStore.
func (s *MergedOffsetStore) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	values, err := s.own.Get(ctx, keys)
	if err != nil {
		return nil, err
	}
	var missing [][]byte
	var places []int
	for i, v := range values {
		if v == nil {
			missing, places = append(missing, keys[i]), append(places, i)
		}
	}
	if len(missing) == 0 {
		return values, nil
	}
	found, err := s.worker.Get(ctx, missing)
	if err != nil {
		return nil, err
	}
	for i, v := range found {
		values[places[i]] = v
	}
	return values, nil
}

// Set implements OffsetStore.
func (s *MergedOffsetStore) Set(ctx context.Context, pairs []Pair) error {
	if err := s.removeFirst(ctx, pairs); err != nil {
		return err
	}
	if err := s.own.Set(ctx, pairs); err != nil {
		return err
	}
	s.Committed(pairs)
	return nil
}

// Topic implements OffsetJournal.
func (s *MergedOffsetStore) Topic() string { return s.own.Topic() }

// Begin implements OffsetJournal: it removes from the worker's store what is to be removed.
func (s *MergedOffsetStore) Begin(ctx context.Context, pairs []Pair) ([]Pair, error) {
	if err := s.removeFirst(ctx, pairs); err != nil {
		return nil, err
	}
	return s.own.Begin(ctx, pairs)
}

// Committed implements OffsetJournal: it has the offsets copied.
func (s *MergedOffsetStore) Committed(pairs []Pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return
	}
	for _, p := range pairs {
		if p.Value != nil {
			s.copies[string(p.Key)] = p.Value
		}
	}
	if len(s.copies) > 0 {
		select {
		case s.more <- struct{}{}:
		default:
		}
	}
}

// removeFirst removes offsets from the worker's store, and what is still to be copied of them.
func (s *MergedOffsetStore) removeFirst(ctx context.Context, pairs []Pair) error {
	var gone []Pair
	for _, p := range pairs {
		if p.Value == nil {
			gone = append(gone, p)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.giveBack()
	s.mu.Lock()
	for _, p := range gone {
		for key := range s.copies {
			if sameKey([]byte(key), p.Key) {
				delete(s.copies, key)
			}
		}
	}
	s.mu.Unlock()
	if err := s.worker.Set(ctx, gone); err != nil {
		return errs.Connect.Wrap(err, "remove offsets from the worker's store, before those in topic %s", s.own.Topic())
	}
	return nil
}

// sameKey reports whether two keys stand for one partition.
func sameKey(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	_, ca, ok := canonicalKey(a)
	_, cb, okb := canonicalKey(b)
	return ok && okb && ca == cb
}

func (s *MergedOffsetStore) take(ctx context.Context) error {
	select {
	case <-s.turn:
		return nil
	case <-ctx.Done():
		return errs.Connect.Wrap(context.Cause(ctx), "wait for offsets that are being copied to the worker's store")
	}
}

func (s *MergedOffsetStore) giveBack() { s.turn <- struct{}{} }

// Connector implements OffsetStore: the union, in which the own store's values win.
func (s *MergedOffsetStore) Connector(ctx context.Context, name string) ([]Pair, error) {
	own, err := s.own.Connector(ctx, name)
	if err != nil {
		return nil, err
	}
	theirs, err := s.worker.Connector(ctx, name)
	if err != nil {
		return nil, err
	}
	t := NewOffsetTable()
	for _, p := range own {
		t.Apply(p)
	}
	for _, p := range theirs {
		if t.Get(p.Key) == nil {
			t.Apply(p)
		}
	}
	return t.Connector(name), nil
}

// Close implements OffsetStore: it copies what is left until ctx ends and closes the own store. The
// worker's stays open.
func (s *MergedOffsetStore) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	select {
	case <-s.finished:
	case <-ctx.Done():
	}
	s.cancel()
	<-s.finished
	return s.own.Close(ctx)
}

const (
	copyTimeout = 30 * time.Second // of one write to the worker's store
	copyPause   = time.Second      // after one that failed
)

// copyAll is the goroutine that copies.
func (s *MergedOffsetStore) copyAll(ctx context.Context) {
	defer close(s.finished)
	for {
		select {
		case <-s.more:
		case <-ctx.Done():
			return
		}
		err := s.copySome(ctx)
		s.mu.Lock()
		left, closing := len(s.copies), s.closing
		s.mu.Unlock()
		if ctx.Err() != nil || closing && (err != nil || left == 0) {
			if left > 0 {
				s.log.Warn("offsets not copied to the worker's store", "topic", s.own.Topic(), "partitions", left)
			}
			return
		}
		if err != nil {
			s.log.Warn("could not copy offsets to the worker's offsets topic; retrying", "topic", s.own.Topic(), "error", err)
			pause(ctx, copyPause)
		}
		if left > 0 {
			select {
			case s.more <- struct{}{}:
			default:
			}
		}
	}
}

// copySome writes what is to be copied by now. What can't be written is kept, unless something newer
// has come.
func (s *MergedOffsetStore) copySome(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.giveBack()
	s.mu.Lock()
	taken := s.copies
	s.copies = map[string][]byte{}
	s.mu.Unlock()
	if len(taken) == 0 {
		return nil
	}
	pairs := make([]Pair, 0, len(taken))
	for k, v := range taken {
		pairs = append(pairs, Pair{Key: []byte(k), Value: v})
	}
	err := s.worker.Set(ctx, pairs)
	if err != nil {
		s.mu.Lock()
		for k, v := range taken {
			if _, newer := s.copies[k]; !newer {
				s.copies[k] = v
			}
		}
		s.mu.Unlock()
	}
	return err
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
