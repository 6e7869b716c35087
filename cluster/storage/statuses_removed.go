package storage

import (
	"time"

	"github.com/troupe-connect/troupe/cluster/state"
)

// written is where and when a record was written. The time is the writer's or the broker's, as the topic
// has it, and zero if it isn't known.
type written struct {
	partition int32
	at        time.Time
}

// readStatus is a status with what is known of its record.
type readStatus struct {
	state.Status
	written
}

// clockSkew is how far the clocks of workers may be apart for a status not to be taken for an older one.
// What is kept wrongly the leader removes after its next rebalance; what is removed wrongly is missing
// for as long as the task runs.
const clockSkew = 30 * time.Second

// mostRemoved bounds what is remembered of connectors that were removed.
const mostRemoved = 10000

// before reports whether a record was written before another. Within a partition it was, if it was read
// before; so it is taken to be if times aren't known, as in the JVM.
func (w written) before(later written) bool {
	return w.partition == later.partition || w.at.IsZero() || later.at.IsZero() || w.at.Before(later.at.Add(-clockSkew))
}

// removeTasks forgets the statuses of a removed connector's tasks. A connector's tombstone removes those of
// its tasks in the JVM too, all of them: but tasks may lie in other partitions, which a worker that starts
// may read first, and then it is those of a connector of the same name that was made later that are
// removed, for good. So only what is older goes. s.mu is held.
func (s *TopicStatusStore) removeTasks(connector string, when written) {
	if len(s.removed) >= mostRemoved {
		clear(s.removed)
	}
	s.removed[connector] = when
	tasks := s.tasks[connector]
	for n, st := range tasks {
		if st.before(when) {
			s.writer.dropped(taskStatusKey(state.TaskID{Connector: connector, Task: n}))
			delete(tasks, n)
		}
	}
	if len(tasks) == 0 {
		delete(s.tasks, connector)
	}
}

// removedSince reports whether a task's status, from another partition, is older than the tombstone of its
// connector that was read before. s.mu is held.
func (s *TopicStatusStore) removedSince(connector string, when written) bool {
	tombstone, ok := s.removed[connector]
	return ok && tombstone.partition != when.partition && !when.at.IsZero() && !tombstone.at.IsZero() && when.before(tombstone)
}
