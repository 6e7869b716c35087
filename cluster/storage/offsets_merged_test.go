package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// flaky is a worker's store that writes down what is set and fails on demand.
type flaky struct {
	*MemoryOffsetStore
	mu   sync.Mutex
	sets []string
	err  error
	hold chan struct{} // Set waits for it
}

func (f *flaky) Set(ctx context.Context, pairs []Pair) error {
	f.mu.Lock()
	err, hold := f.err, f.hold
	f.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	var all []string
	for _, p := range pairs {
		all = append(all, string(p.Key)+string(p.Value))
	}
	f.mu.Lock()
	f.sets = append(f.sets, strings.Join(all, ","))
	f.mu.Unlock()
	return f.MemoryOffsetStore.Set(ctx, pairs)
}

func (f *flaky) be(err error, hold chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.hold = err, hold
}

func (f *flaky) history() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.sets, " ")
}

// merged makes a store in topic own over a flaky one, in a bubble.
func merged(t *testing.T, f func(t *testing.T, s *MergedOffsetStore, worker *flaky, c *kafkatest.Cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := kafkatest.New(t, kafkatest.InMemory())
		own := NewOwnOffsetStore(OwnTopicConfig{
			Topic: "own", Partitions: 2, ReplicationFactor: 1, Consumer: c.Props(), Producer: c.Props(),
		}, topicAdmin(t, c.Props(), c.Option()), silent(), c.Option())
		if err := own.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		worker := &flaky{MemoryOffsetStore: NewMemoryOffsetStore()}
		s := NewMergedOffsetStore(own, worker, silent())
		f(t, s, worker, c)
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := worker.use(t.Context(), func() {}); err != nil {
			t.Errorf("the worker's store was closed: %v", err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	})
}

func key(n int) []byte { return fmt.Appendf(nil, `["c",{"p":%d}]`, n) }

func set(t *testing.T, s OffsetStore, pairs ...string) {
	t.Helper()
	var all []Pair
	for i := 0; i < len(pairs); i += 2 {
		p := Pair{Key: []byte(pairs[i])}
		if pairs[i+1] != "" {
			p.Value = []byte(pairs[i+1])
		}
		all = append(all, p)
	}
	if err := s.Set(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

func TestMergedOffsetsOwnBeforeWorkers(t *testing.T) {
	merged(t, func(t *testing.T, s *MergedOffsetStore, worker *flaky, _ *kafkatest.Cluster) {
		set(t, worker, string(key(1)), `{"w":1}`, string(key(2)), `{"w":2}`, `["d",{"p":1}]`, `{"w":9}`)
		set(t, s.own, string(key(2)), `{"o":2}`, string(key(3)), `{"o":3}`)
		got, err := s.Get(t.Context(), [][]byte{key(1), key(2), key(3), key(4)})
		if err != nil || fmt.Sprintf("%s", got) != `[{"w":1} {"o":2} {"o":3} ]` || got[3] != nil {
			t.Errorf("got %s, %v", got, err)
		}
		pairs, err := s.Connector(t.Context(), "c")
		if err != nil || fmt.Sprintf("%s", pairs) != `[{["c",{"p":1}] {"w":1}} {["c",{"p":2}] {"o":2}} {["c",{"p":3}] {"o":3}}]` {
			t.Errorf("of the connector %s, %v", pairs, err)
		}
	})
}

// TestMergedOffsetsKeyOrder: the stores may know a partition by different bytes.
func TestMergedOffsetsKeyOrder(t *testing.T) {
	merged(t, func(t *testing.T, s *MergedOffsetStore, worker *flaky, _ *kafkatest.Cluster) {
		set(t, worker, `["c",{"a":1,"b":2}]`, `{"w":1}`)
		set(t, s.own, `["c",{"b":2,"a":1}]`, `{"o":1}`)
		pairs, err := s.Connector(t.Context(), "c")
		if err != nil || len(pairs) != 1 || string(pairs[0].Value) != `{"o":1}` {
			t.Errorf("got %s, %v", pairs, err)
		}
		set(t, s, `["c",{"a":1,"b":2}]`, "")
		got, err := s.Get(t.Context(), [][]byte{[]byte(`["c",{"a":1,"b":2}]`), []byte(`["c",{"b":2,"a":1}]`)})
		if err != nil || got[0] != nil || got[1] != nil {
			t.Errorf("after removal %s, %v", got, err)
		}
	})
}

func TestMergedOffsetsAreCopied(t *testing.T) {
	merged(t, func(t *testing.T, s *MergedOffsetStore, worker *flaky, c *kafkatest.Cluster) {
		hold := make(chan struct{})
		worker.be(nil, hold)
		for n := range 5 { // none waits for the worker's store
			set(t, s, string(key(1)), fmt.Sprintf(`{"at":%d}`, n))
		}
		if n := len(c.Records("own")); n != 5 {
			t.Errorf("%d records in the own topic", n)
		}
		close(hold)
		synctest.Wait()
		// The first was on its way already; of the others the last is enough.
		if got, want := worker.history(), `["c",{"p":1}]{"at":0} ["c",{"p":1}]{"at":4}`; got != want {
			t.Errorf("copied %s, want %s", got, want)
		}
	})
}

func TestMergedOffsetsCopyFails(t *testing.T) {
	merged(t, func(t *testing.T, s *MergedOffsetStore, worker *flaky, _ *kafkatest.Cluster) {
		worker.be(errors.New("no brokers"), nil)
		set(t, s, string(key(1)), `{"at":1}`, string(key(2)), `{"at":1}`)
		set(t, s, string(key(1)), `{"at":2}`)
		time.Sleep(5 * time.Second)
		worker.be(nil, nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		got, err := worker.Get(t.Context(), [][]byte{key(1), key(2)})
		if err != nil || fmt.Sprintf("%s", got) != `[{"at":2} {"at":1}]` {
			t.Errorf("copied %s, %v", got, err)
		}
		worker.be(errors.New("no brokers"), nil) // what is left at Close is given up
		set(t, s, string(key(1)), `{"at":3}`)
	})
}

// TestMergedOffsetsRemovedEverywhere: a removal goes to the worker's store first, and no copy that is
// on its way comes after it.
func TestMergedOffsetsRemovedEverywhere(t *testing.T) {
	merged(t, func(t *testing.T, s *MergedOffsetStore, worker *flaky, c *kafkatest.Cluster) {
		hold := make(chan struct{})
		worker.be(nil, hold)
		set(t, s, string(key(1)), `{"at":1}`)
		set(t, s, string(key(1)), `{"at":2}`, string(key(2)), `{"at":2}`)
		removed := make(chan error, 1)
		go func() { removed <- s.Set(t.Context(), []Pair{{Key: key(1)}, {Key: key(3), Value: []byte(`{"at":3}`)}}) }()
		synctest.Wait()
		if n := len(c.Records("own")); n != 3 {
			t.Errorf("%d records in the own topic before the worker's store removed", n)
		}
		close(hold)
		if err := <-removed; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, store := range []OffsetStore{s, worker} {
			got, err := store.Get(t.Context(), [][]byte{key(1), key(2), key(3)})
			if err != nil || got[0] != nil || string(got[1]) != `{"at":2}` || string(got[2]) != `{"at":3}` {
				t.Errorf("%T has %s, %v", store, got, err)
			}
		}
		worker.be(errors.New("no brokers"), nil)
		if err := s.Set(t.Context(), []Pair{{Key: key(2)}}); err == nil || !strings.Contains(err.Error(), "no brokers") {
			t.Errorf("a removal that the worker's store refuses: %v", err)
		}
		if got, err := s.Get(t.Context(), [][]byte{key(2)}); err != nil || got[0] == nil {
			t.Errorf("it was removed from the own topic all the same: %s, %v", got, err)
		}
	})
}

// TestMergedOffsetsInTransactions: what a producer of the caller's writes.
func TestMergedOffsetsInTransactions(t *testing.T) {
	merged(t, func(t *testing.T, s *MergedOffsetStore, worker *flaky, c *kafkatest.Cluster) {
		set(t, s.own, `["c",{"a":1,"b":2}]`, `{"at":1}`)
		set(t, worker, string(key(2)), `{"at":1}`)
		if got, err := s.Get(t.Context(), [][]byte{[]byte(`["c",{"a":1,"b":2}]`)}); err != nil || got[0] == nil {
			t.Fatal(err)
		}
		pairs, err := s.Begin(t.Context(), []Pair{{Key: []byte(`["c",{"b":2,"a":1}]`), Value: []byte(`{"at":2}`)}, {Key: key(2)}})
		if err != nil || string(pairs[0].Key) != `["c",{"a":1,"b":2}]` {
			t.Fatalf("pairs %s, %v", pairs, err)
		}
		if got, err := worker.Get(t.Context(), [][]byte{key(2)}); err != nil || got[0] != nil {
			t.Errorf("not removed before: %s, %v", got, err)
		}
		c.Produce(&kafka.Record{Topic: s.Topic(), Key: pairs[0].Key, Value: pairs[0].Value})
		s.Committed(pairs)
		synctest.Wait()
		if got, err := worker.Get(t.Context(), [][]byte{pairs[0].Key}); err != nil || string(got[0]) != `{"at":2}` {
			t.Errorf("copied %s, %v", got, err)
		}
	})
}

// TestOwnOffsetsReadOnly: with transactions nothing else writes to the topic.
func TestOwnOffsetsReadOnly(t *testing.T) {
	c := kafkatest.New(t)
	own := NewOwnOffsetStore(OwnTopicConfig{
		Topic: "own", Partitions: 1, ReplicationFactor: 1, Consumer: c.Props(), ReadOnly: true,
	}, topicAdmin(t, c.Props(), c.Option()), silent(), c.Option())
	atEnd(t, own.Close)
	if err := own.Start(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := own.Set(soon(t), []Pair{{Key: key(1), Value: []byte(`{}`)}}); err == nil {
		t.Error("it wrote")
	}
	c.CreateTopic("bad", 1, map[string]string{"cleanup.policy": "delete"})
	bad := NewOwnOffsetStore(OwnTopicConfig{Topic: "bad", Partitions: 1, ReplicationFactor: 1, Consumer: c.Props()},
		topicAdmin(t, c.Props(), c.Option()), silent(), c.Option())
	atEnd(t, bad.Close)
	if err := bad.Start(soon(t)); err == nil || !strings.Contains(err.Error(), "offsets.storage.topic") {
		t.Errorf("a topic that isn't compacted: %v", err)
	}
}
