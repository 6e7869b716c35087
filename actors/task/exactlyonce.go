package task

import (
	"context"

	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
)

// ExactlyOnce is what a worker with exactly.once.source.support=enabled offers the tasks of its
// source connectors (KIP-618). Its functions may be called from any goroutine.
type ExactlyOnce struct {
	// GroupID is the worker's group.id: transactional ids are <GroupID>-<connector>-<task>.
	GroupID string
	// Fence has the leader shut out the producers of a connector's earlier task generations. It
	// blocks until that is done, or ctx ends.
	Fence func(ctx context.Context, connector string) error
	// Verify reads the config topic to its end and returns an error unless generation is still the
	// connector's newest and the task is still assigned to this worker. It blocks until ctx ends.
	Verify func(ctx context.Context, id state.TaskID, generation int) error
}

// transactionalID is that of one task's producer.
func (x *ExactlyOnce) transactionalID(id state.TaskID) string {
	return x.GroupID + "-" + id.String()
}

// OpenOffsets gives the offset store of a source connector: the one that its tasks, its connector
// object and the REST calls about its offsets use. props are the connector's with references
// resolved. It is the worker's store, or, when the connector has offsets.storage.topic, its own
// topic over the worker's store: then it makes or checks the topic and reads all of it, which may
// take a while. Close the store after use; the worker's own stays open.
func OpenOffsets(ctx context.Context, env *Env, connector string, props map[string]string) (storage.OffsetStore, error) {
	return openOffsets(ctx, env, connector, props)
}
