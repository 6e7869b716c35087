package task_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
)

// TestOnceOwnOffsetsTopic: the offsets are in the connector's topic, by transaction, and copied to
// the worker's.
func TestOnceOwnOffsetsTopic(t *testing.T) {
	p := &spring{poll: batches(nil, []int{1}, []int{2, 3})}
	var read map[string]any
	p.start = func(tc connectors.SourceTaskContext) (err error) {
		read, err = tc.Offsets().Offset(context.Background(), partition)
		return err
	}
	conf := map[string]string{"offsets.storage.topic": "mine"}
	onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), conf, func(t *testing.T, o *once) {
		key, err := storage.EncodeOffsetKey("c", partition)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.env.Offsets.Set(t.Context(), []storage.Pair{{Key: key, Value: []byte(`{"at":0}`)}}); err != nil {
			t.Fatal(err)
		}
		o.start()
		o.after(3 * time.Second)
		o.stop()
		o.noFailure()
		if fmt.Sprint(read["at"]) != "0" {
			t.Errorf("it reads %v, which should be the worker's", read)
		}
		if got := o.offsetsIn("mine"); got != "1 3" {
			t.Errorf("own topic %q", got)
		}
		if got := o.offsetsIn("offsets"); !strings.HasSuffix(got, "3") {
			t.Errorf("worker's topic %q", got)
		}
		// What the REST calls do: removed here and there, in one go.
		s, err := task.OpenOffsets(t.Context(), o.env, "c", o.spec.Connector)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Connector(t.Context(), "c"); err != nil || len(got) != 1 || string(got[0].Value) != `{"at":3}` {
			t.Errorf("offsets of the connector %q, %v", got, err)
		}
		if err := s.Set(t.Context(), []storage.Pair{{Key: key}}); err != nil {
			t.Error(err)
		}
		if got, err := s.Connector(t.Context(), "c"); err != nil || len(got) != 0 {
			t.Errorf("offsets after they were removed: %q, %v", got, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for _, topic := range []string{"mine", "offsets"} {
			if got := o.offsetsIn(topic); !strings.HasSuffix(got, " none") {
				t.Errorf("%s holds %q", topic, got)
			}
		}
	})
}

// TestOwnOffsetsTopicWithoutTransactions: the own topic works the same way without.
func TestOwnOffsetsTopicWithoutTransactions(t *testing.T) {
	p := &spring{poll: upTo(20)}
	conf := map[string]string{"offsets.storage.topic": "mine"}
	onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), conf, func(t *testing.T, o *once) {
		o.env.ExactlyOnce = nil
		o.start()
		o.after(3 * time.Second)
		o.stop()
		o.noFailure()
		for _, topic := range []string{"mine", "offsets"} {
			if got := o.offsetsIn(topic); got != "20" {
				t.Errorf("%s holds %q", topic, got)
			}
		}
	})
}

// TestOpenOffsets: whose store it is.
func TestOpenOffsets(t *testing.T) {
	for _, tt := range []struct {
		name  string
		once  bool
		conf  map[string]string
		topic string
	}{
		{"worker's", false, nil, "offsets"},
		{"own", false, map[string]string{"offsets.storage.topic": " mine "}, "mine"},
		{"worker's by name", true, map[string]string{"offsets.storage.topic": "offsets"}, "offsets"},
		{"worker's, in transactions", true, nil, "offsets"},
		{"of another cluster", false, map[string]string{"producer.override.bootstrap.servers": "elsewhere:1"}, "offsets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onOnce(t, sourcePlugin(func() connectors.SourceTask { return &spring{} }), tt.conf, func(t *testing.T, o *once) {
				if !tt.once {
					o.env.ExactlyOnce = nil
				}
				s, err := task.OpenOffsets(t.Context(), o.env, "c", o.spec.Connector)
				if err != nil {
					t.Fatal(err)
				}
				key, err := storage.EncodeOffsetKey("c", partition)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Set(t.Context(), []storage.Pair{{Key: key, Value: []byte(`{"at":5}`)}}); err != nil {
					t.Fatal(err)
				}
				if got := o.offsetsIn(tt.topic); got != "5" {
					t.Errorf("%s holds %q", tt.topic, got)
				}
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := o.env.Offsets.Get(t.Context(), [][]byte{key}); err != nil {
					t.Errorf("the worker's store is closed: %v", err)
				}
			})
		})
	}
}

func TestOnceWithoutATopic(t *testing.T) {
	p := &spring{poll: upTo(1)}
	onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, o *once) {
		o.env.Offsets = storage.NewMemoryOffsetStore()
		o.start()
		o.after(time.Second)
		_ = o.failure("the worker's offset store is not in a topic")
	})
}
