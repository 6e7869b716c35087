package task

import (
	"context"

	"github.com/troupe-connect/troupe/cluster/storage"
)

func openOffsets(_ context.Context, env *Env, _ string, _ map[string]string) (storage.OffsetStore, error) {
	return lentStore{env.Offsets}, nil
}

// lentStore is the worker's store in the hands of one who must not close it.
type lentStore struct{ storage.OffsetStore }

// Close leaves the store open: it is the worker's.
func (lentStore) Close(context.Context) error { return nil }
