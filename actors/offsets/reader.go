package offsets

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Reader gives a connector and its tasks the offsets that were committed. It is a
// connectors.OffsetReader, safe for concurrent use.
type Reader struct {
	store     storage.OffsetStore
	connector string
	log       *slog.Logger

	mu     sync.Mutex // over store too
	closed bool
	next   int
	reads  map[int]context.CancelCauseFunc // under way
}

// NewReader makes a reader of one connector's offsets. log takes what is wrong with stored
// offsets.
func NewReader(store storage.OffsetStore, connector string, log *slog.Logger) *Reader {
	return &Reader{store: store, connector: connector, log: log, reads: map[int]context.CancelCauseFunc{}}
}

// Use has the reader read from another store from now on.
func (r *Reader) Use(store storage.OffsetStore) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.store = store
}

var errReaderClosed = errs.Connect.New("Offset reader is closed. This is likely because the task has already been " +
	"scheduled to stop but has taken longer than the graceful shutdown period to do so.")

// Offset is the committed offset of a source partition, nil if there is none.
func (r *Reader) Offset(ctx context.Context, partition map[string]any) (map[string]any, error) {
	out, err := r.Offsets(ctx, []map[string]any{partition})
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// Offsets are those of several partitions, in the same order, nil where there is none. As in the
// JVM, a stored offset that can't be read is logged and counts as none. A partition that can't
// be a key, an unreadable store and a closed reader are errors.
func (r *Reader) Offsets(ctx context.Context, partitions []map[string]any) ([]map[string]any, error) {
	keys := make([][]byte, len(partitions))
	for i, p := range partitions {
		key, err := storage.EncodeOffsetKey(r.connector, p)
		if err != nil {
			return nil, errs.Data.Wrap(err, "source partition of connector %q", r.connector)
		}
		keys[i] = key
	}
	ctx, store, done, err := r.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	values, err := store.Get(ctx, keys)
	if err != nil {
		if errors.Is(context.Cause(ctx), errReaderClosed) {
			return nil, errReaderClosed
		}
		return nil, errs.Connect.Wrap(err, "Failed to fetch offsets.")
	}
	out := make([]map[string]any, len(partitions))
	for i, v := range values {
		out[i], err = storage.DecodeOffset(v)
		if err != nil {
			r.log.Error("stored offset can't be read and is left out: the task may repeat data",
				"connector", r.connector, "key", string(keys[i]), "error", err)
			out[i] = nil
		}
	}
	return out, nil
}

// Close ends reads under way and refuses later ones.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, cancel := range r.reads {
		cancel(errReaderClosed)
	}
}

// begin opens a read that Close can end; done must be called at its end.
func (r *Reader) begin(parent context.Context) (ctx context.Context, store storage.OffsetStore, done func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, nil, nil, errReaderClosed
	}
	ctx, cancel := context.WithCancelCause(parent)
	n := r.next
	r.next++
	r.reads[n] = cancel
	return ctx, r.store, func() {
		r.mu.Lock()
		delete(r.reads, n)
		r.mu.Unlock()
		cancel(nil)
	}, nil
}
