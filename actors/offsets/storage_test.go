package offsets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/errs"
)

var _ connectors.OffsetReader = (*Reader)(nil)

// slowStore waits in Get and Set for a token, or fails with what is put in.
type slowStore struct {
	storage.OffsetStore
	gate chan error
}

func newSlowStore() *slowStore {
	return &slowStore{storage.NewMemoryOffsetStore(), make(chan error)}
}

func (s *slowStore) wait(ctx context.Context) error {
	select {
	case err := <-s.gate:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *slowStore) Set(ctx context.Context, pairs []storage.Pair) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.OffsetStore.Set(ctx, pairs)
}

func (s *slowStore) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	return s.OffsetStore.Get(ctx, keys)
}

func part(n int) map[string]any   { return map[string]any{"p": n} }
func offset(n int) map[string]any { return map[string]any{"o": n} }

func TestWriteThenRead(t *testing.T) {
	ctx := t.Context()
	store := storage.NewMemoryOffsetStore()
	w := NewWriter(store, "c")
	w.Put(part(1), offset(1))
	w.Put(part(2), offset(2))
	w.Put(part(1), offset(10))
	w.Put(nil, offset(3))
	if n, err := w.Flush(ctx); n != 3 || err != nil {
		t.Fatalf("Flush = %d, %v", n, err)
	}
	if n, err := w.Flush(ctx); n != 0 || err != nil {
		t.Errorf("nothing to flush: %d, %v", n, err)
	}
	w.Put(part(2), nil)
	if n, err := w.Flush(ctx); n != 1 || err != nil {
		t.Errorf("Flush = %d, %v", n, err)
	}
	r := NewReader(store, "c", slog.New(slog.DiscardHandler))
	got, err := r.Offsets(ctx, []map[string]any{part(2), part(1), nil, part(3)})
	if want := "[map[] map[o:10] map[o:3] map[]]"; err != nil || fmt.Sprint(got) != want || got[0] != nil || got[3] != nil {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	if o, err := NewReader(store, "other", slog.New(slog.DiscardHandler)).Offset(ctx, part(1)); o != nil || err != nil {
		t.Errorf("offset of another connector: %v, %v", o, err)
	}
	if _, err := r.Offset(ctx, map[string]any{"p": []any{}}); !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("bad partition: %v", err)
	}
}

func TestReaderLeavesOutWhatItCannotRead(t *testing.T) {
	store := storage.NewMemoryOffsetStore()
	if err := store.Set(t.Context(), []storage.Pair{{Key: []byte(`["c",{"p":1}]`), Value: []byte(`{"o":[]}`)}}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	got, err := NewReader(store, "c", slog.New(slog.NewTextHandler(&log, nil))).Offset(t.Context(), part(1))
	if got != nil || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "field o contains ARRAY") {
		t.Errorf("log: %s", log.String())
	}
}

func TestReaderClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewReader(newSlowStore(), "c", slog.New(slog.DiscardHandler))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := r.Offset(t.Context(), part(1)); !errors.Is(err, errs.Connect) || !strings.Contains(err.Error(), "closed") {
					t.Errorf("read under way: %v", err)
				}
			})
		}
		synctest.Wait()
		r.Close()
		r.Close()
		wg.Wait()
		if _, err := r.Offset(t.Context(), part(1)); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("read after Close: %v", err)
		}
	})
}

func TestReaderErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowStore()
		r := NewReader(s, "c", slog.New(slog.DiscardHandler))
		cause := errors.New("broker away")
		go func() { s.gate <- cause }()
		if _, err := r.Offset(t.Context(), part(1)); !errors.Is(err, cause) || !errors.Is(err, errs.Connect) {
			t.Errorf("error = %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Offset(ctx, part(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
		if len(r.reads) != 0 {
			t.Errorf("%d reads kept", len(r.reads))
		}
	})
}

func TestFailedFlushIsFlushedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlowStore()
		w := NewWriter(s, "c")
		w.Put(part(1), offset(1))
		w.Put(part(2), offset(2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			synctest.Wait() // the flush waits for the store
			w.Put(part(2), offset(20))
		}()
		if n, err := w.Flush(ctx); n != 0 || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errs.Connect) {
			t.Fatalf("Flush = %d, %v", n, err)
		}
		go func() { s.gate <- nil }()
		if n, err := w.Flush(t.Context()); n != 2 || err != nil {
			t.Errorf("Flush = %d, %v", n, err)
		}
		if pairs, _ := s.Connector(t.Context(), "c"); fmt.Sprintf("%s", pairs) != `[{["c",{"p":1}] {"o":1}} {["c",{"p":2}] {"o":20}}]` {
			t.Errorf("stored %s", pairs)
		}
	})
}

func TestOneFlushAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWriter(storage.NewMemoryOffsetStore(), "c")
		w.Put(part(1), offset(1))
		f, err := w.Begin(t.Context())
		if err != nil || len(f.Pairs()) != 1 {
			t.Fatal(f, err)
		}
		w.Put(part(2), offset(2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Begin(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "previous flush") {
			t.Errorf("second flush: %v", err)
		}
		go func() { synctest.Wait(); f.Cancel() }()
		f2, err := w.Begin(t.Context())
		if err != nil || len(f2.Pairs()) != 2 {
			t.Fatalf("%v, %v", f2, err)
		}
		f2.Done() // written by the caller
		if f3, err := w.Begin(t.Context()); f3 != nil || err != nil {
			t.Errorf("%v, %v", f3, err)
		}
	})
}

func TestOffsetsThatCannotBeStoredFailOneFlush(t *testing.T) {
	store := storage.NewMemoryOffsetStore()
	w := NewWriter(store, "c")
	w.Put(part(1), offset(1))
	w.Put(part(2), map[string]any{"o": []any{}})
	if n, err := w.Flush(t.Context()); n != 0 || !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), "field o") {
		t.Errorf("Flush = %d, %v", n, err)
	}
	if pairs, _ := store.Connector(t.Context(), "c"); len(pairs) != 0 {
		t.Errorf("stored %s", pairs)
	}
	if n, err := w.Flush(t.Context()); n != 1 || err != nil {
		t.Errorf("Flush = %d, %v", n, err)
	}
}

func TestWriterConcurrently(t *testing.T) {
	store := storage.NewMemoryOffsetStore()
	w := NewWriter(store, "c")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 200 {
				w.Put(part(i), offset(n))
				if n%10 == 0 {
					if _, err := w.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if _, err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	pairs, err := store.Connector(t.Context(), "c")
	if err != nil || len(pairs) != 4 || slices.ContainsFunc(pairs, func(p storage.Pair) bool { return string(p.Value) != `{"o":199}` }) {
		t.Errorf("%s, %v", pairs, err)
	}
}

func TestReaderUsesAnotherStore(t *testing.T) {
	ctx := t.Context()
	first, second := storage.NewMemoryOffsetStore(), storage.NewMemoryOffsetStore()
	w := NewWriter(second, "c")
	w.Put(part(1), offset(2))
	if _, err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	r := NewReader(first, "c", slog.New(slog.DiscardHandler))
	if o, err := r.Offset(ctx, part(1)); o != nil || err != nil {
		t.Errorf("from the first %v, %v", o, err)
	}
	r.Use(second)
	if o, err := r.Offset(ctx, part(1)); err != nil || o["o"] != int64(2) {
		t.Errorf("from the second %v, %v", o, err)
	}
}

func TestEncode(t *testing.T) {
	got, err := Encode("c", []connectors.SourceOffset{{Partition: part(1), Offset: offset(2)}, {Partition: part(2)}, {Offset: offset(3)}})
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%s", got); s != `[{["c",{"p":1}] {"o":2}} {["c",{"p":2}] } {["c",null] {"o":3}}]` || got[1].Value != nil {
		t.Errorf("got %s", s)
	}
	for _, bad := range []connectors.SourceOffset{
		{Partition: map[string]any{"p": []any{}}, Offset: offset(1)}, {Partition: part(1), Offset: map[string]any{"o": map[string]any{}}},
	} {
		if _, err := Encode("c", []connectors.SourceOffset{bad}); !errors.Is(err, errs.Data) || !strings.Contains(err.Error(), `connector "c"`) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
