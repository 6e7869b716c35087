package offsets

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Writer collects offsets of one connector and flushes them, the last of each partition. While a
// flush is under way new offsets are collected for the next; what a failed flush was to write
// is flushed with the next. It is safe for concurrent use.
type Writer struct {
	store     storage.OffsetStore
	connector string

	mu    sync.Mutex
	fresh map[string][]byte // key -> value, since the last Begin
	bad   error             // of a Put since the last Begin
	turn  chan struct{}     // holds a token while no flush is under way
}

// NewWriter makes a writer of one connector's offsets.
func NewWriter(store storage.OffsetStore, connector string) *Writer {
	w := &Writer{store: store, connector: connector, fresh: map[string][]byte{}, turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	return w
}

// Put takes in an offset; nil removes the partition's. A partition or offset that can't be stored
// is left out and makes the next flush fail, so that the commit counts as failed.
func (w *Writer) Put(partition, offset map[string]any) {
	key, err := storage.EncodeOffsetKey(w.connector, partition)
	var value []byte
	if err == nil {
		value, err = storage.EncodeOffset(offset)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.bad = errors.Join(w.bad, err)
		return
	}
	w.fresh[string(key)] = value
}

// Encode are offsets as they are stored, for one who writes them without a Writer. One that can't be
// stored is an error.
func Encode(connector string, offsets []connectors.SourceOffset) ([]storage.Pair, error) {
	pairs := make([]storage.Pair, len(offsets))
	for i, o := range offsets {
		var err error
		if pairs[i].Key, err = storage.EncodeOffsetKey(connector, o.Partition); err == nil {
			pairs[i].Value, err = storage.EncodeOffset(o.Offset)
		}
		if err != nil {
			return nil, errs.Data.Wrap(err, "offsets of connector %q can't be stored", connector)
		}
	}
	return pairs, nil
}

// Flush is one flush under way. Exactly one of Do, Done and Cancel ends it.
type Flush struct {
	w     *Writer
	taken map[string][]byte
	bad   error
}

// Begin takes what was collected. A nil Flush means that there is nothing to flush. It waits for
// a flush that is under way until ctx ends.
func (w *Writer) Begin(ctx context.Context) (*Flush, error) {
	select {
	case <-w.turn:
	case <-ctx.Done():
		return nil, errs.Connect.Wrap(context.Cause(ctx), "offsets of connector %q: timed out waiting for previous flush to finish", w.connector)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.fresh) == 0 && w.bad == nil {
		w.turn <- struct{}{}
		return nil, nil
	}
	f := &Flush{w: w, taken: w.fresh, bad: w.bad}
	w.fresh, w.bad = map[string][]byte{}, nil
	return f, nil
}

// Pairs is what the flush is to write.
func (f *Flush) Pairs() []storage.Pair {
	pairs := make([]storage.Pair, 0, len(f.taken))
	for k, v := range f.taken {
		pairs = append(pairs, storage.Pair{Key: []byte(k), Value: v})
	}
	return pairs
}

// Err tells of offsets that could not be stored; a flush with one must not be written.
func (f *Flush) Err() error {
	if f.bad == nil {
		return nil
	}
	return errs.Data.Wrap(f.bad, "offsets of connector %q can't be stored", f.w.connector)
}

// Do writes to the store and ends the flush. After an error, also of ctx, the offsets are kept
// for the next flush.
func (f *Flush) Do(ctx context.Context) error {
	err := f.Err()
	if err == nil {
		if err = f.w.store.Set(ctx, f.Pairs()); err != nil {
			err = errs.Connect.Wrap(err, "offsets of connector %q not stored", f.w.connector)
		}
	}
	if err != nil {
		f.Cancel()
		return err
	}
	f.Done()
	return nil
}

// Done ends a flush whose Pairs the caller has written, in a transaction for instance.
func (f *Flush) Done() { f.w.turn <- struct{}{} }

// Cancel ends a flush that was not written and keeps its offsets for the next; newer ones win.
func (f *Flush) Cancel() {
	w := f.w
	w.mu.Lock()
	maps.Copy(f.taken, w.fresh)
	w.fresh = f.taken
	w.mu.Unlock()
	w.turn <- struct{}{}
}

// Flush writes what was collected. It returns the number of partitions written; after an error,
// also of ctx, the offsets are kept for the next flush.
func (w *Writer) Flush(ctx context.Context) (int, error) {
	f, err := w.Begin(ctx)
	if f == nil || err != nil {
		return 0, err
	}
	n := len(f.taken)
	if err := f.Do(ctx); err != nil {
		return 0, err
	}
	return n, nil
}
