package storage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
)

// statusHistory is the status topic of a connector's life: each record with its partition, in the order in
// which they were written.
type statusHistory struct {
	at      time.Time
	records []*kafka.Record
}

// write adds a record; nil removes.
func (h *statusHistory) write(key string, st *state.Status, partitions map[string]int32) {
	r := &kafka.Record{Key: []byte(key), Partition: partitions[key], Timestamp: h.at, Offset: int64(len(h.records))}
	if st != nil {
		r.Value = encodeStatus(*st)
	}
	h.records = append(h.records, r)
}

// read plays the topic to a store as a worker that starts reads it: the partitions in any order and mixed,
// each in its own.
func (h *statusHistory) read(r *rand.Rand) *TopicStatusStore {
	byPartition := map[int32][]*kafka.Record{}
	var order []int32
	for _, rec := range h.records {
		byPartition[rec.Partition] = append(byPartition[rec.Partition], rec)
		order = append(order, rec.Partition)
	}
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	if r.IntN(2) == 0 {
		slices.Sort(order) // one after the other
		if r.IntN(2) == 0 {
			slices.Reverse(order)
		}
	}
	s := NewTopicStatusStore(TopicConfig{Topic: "statuses"}, nil, silent())
	for _, p := range order {
		s.apply(byPartition[p][0])
		byPartition[p] = byPartition[p][1:]
	}
	return s
}

// A connector is made, deleted and made again with other tasks, minutes apart. In whatever order a worker
// reads the partitions, and however far the clocks of workers are apart, it has the statuses of the tasks
// that are, and of those that were no more than what the tombstones of their own have left.
func TestTombstoneRemovesOnlyOlderTasks(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		partitions := map[string]int32{}
		for _, key := range []string{connectorStatusKey("c"), taskStatusKey(task(0)), taskStatusKey(task(1)), taskStatusKey(task(2))} {
			partitions[key] = r.Int32N(3)
		}
		h := &statusHistory{at: time.UnixMilli(1_700_000_000_000)}
		said := func(key string, st *state.Status) {
			skew := time.Duration(r.IntN(20000)-10000) * time.Millisecond
			h.at = h.at.Add(skew)
			h.write(key, st, partitions)
			h.at = h.at.Add(-skew)
		}
		running := func(generation int) *state.Status {
			return &state.Status{State: state.Running, WorkerID: "w:8083", Generation: generation}
		}
		want := 0
		for life := range 1 + r.IntN(4) {
			said(connectorStatusKey("c"), running(life))
			want = 1 + r.IntN(3)
			for n := range want {
				said(taskStatusKey(task(n)), running(life))
			}
			h.at = h.at.Add(5 * time.Minute)
			if r.IntN(3) == 0 { // and it stays deleted
				said(connectorStatusKey("c"), nil)
				want = 0
				h.at = h.at.Add(5 * time.Minute)
			} else if r.IntN(2) == 0 {
				said(connectorStatusKey("c"), nil)
				for n := range want {
					said(taskStatusKey(task(n)), nil)
				}
				h.at = h.at.Add(time.Second)
				said(connectorStatusKey("c"), running(life))
				for n := range want {
					said(taskStatusKey(task(n)), running(life))
				}
				h.at = h.at.Add(5 * time.Minute)
			}
		}
		s := h.read(r)
		var got []string
		for _, st := range s.Tasks("c") {
			got = append(got, fmt.Sprint(st.ID))
		}
		for n := range want {
			if !slices.Contains(got, fmt.Sprint(n)) {
				t.Fatalf("seed %d: tasks %v, want %d of them", seed, got, want)
			}
		}
		if _, ok := s.Connector("c"); ok != (want > 0) {
			t.Fatalf("seed %d: there is a connector: %v", seed, ok)
		}
		if want == 0 && len(got) > 0 {
			t.Fatalf("seed %d: tasks %v of a connector that was deleted minutes after", seed, got)
		}
	}
}

func task(n int) state.TaskID { return state.TaskID{Connector: "c", Task: n} }

// What a tombstone can't remove is seen by who cleans up: also of connectors without a status of their own.
func TestLeftoverTasksAreListed(t *testing.T) {
	s := NewTopicStatusStore(TopicConfig{Topic: "statuses"}, nil, silent())
	at := time.UnixMilli(1_700_000_000_000)
	st := state.Status{State: state.Running, WorkerID: "w:8083"}
	for n, r := range []*kafka.Record{
		{Key: []byte(connectorStatusKey("c")), Value: encodeStatus(st), Partition: 0},
		{Key: []byte(taskStatusKey(task(0))), Value: encodeStatus(st), Partition: 1},
		{Key: []byte(connectorStatusKey("c")), Partition: 0},
	} {
		r.Timestamp = at.Add(time.Duration(n) * time.Second)
		s.apply(r)
	}
	if got := s.Connectors(); !slices.Equal(got, []string{"c"}) || len(s.Tasks("c")) != 1 {
		t.Errorf("connectors %v, tasks %v", got, s.Tasks("c"))
	}
}
