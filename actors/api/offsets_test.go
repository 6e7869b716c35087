package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Offsets may be changed of a connector only that is STOPPED and has no tasks any more (KIP-875).
func TestOffsetsWantAStoppedConnector(t *testing.T) {
	for _, tt := range []struct {
		name   string
		target state.TargetState
		tasks  int
		kind   error // nil: it is done
	}{
		{"running", state.TargetStarted, 1, errs.BadRequest},
		{"paused", state.TargetPaused, 0, errs.BadRequest},
		{"stopped, with tasks yet", state.TargetStopped, 1, errs.BadRequest},
		{"stopped", state.TargetStopped, 0, nil},
		{"missing", "", 0, errs.NotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			atDesk(t, func(t *testing.T, d *desk) {
				if tt.target != "" {
					d.put("c", "FileStreamSource", tt.target, tt.tasks, "topic", "t")
				}
				_, altered := d.AlterOffsets(t.Context(), "c", []state.ConnectorOffset{fileOffset(3)})
				_, reset := d.ResetOffsets(t.Context(), "c")
				for _, err := range []error{altered, reset} {
					if (err == nil) != (tt.kind == nil) || err != nil && !errors.Is(err, tt.kind) {
						t.Errorf("%v, want %v", err, tt.kind)
					}
				}
			})
		})
	}
}

func fileOffset(position int64) state.ConnectorOffset {
	return state.ConnectorOffset{Partition: map[string]any{"filename": "f"}, Offset: map[string]any{"position": position}}
}

// A source's offsets are shown as they were altered; one that is set to null is gone; the others are gone by a
// reset, which may be made again. Those of another connector stay.
func TestSourceOffsets(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		key, err := storage.EncodeOffsetKey("other", map[string]any{"filename": "f"})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.offsets.Set(ctx, []storage.Pair{{Key: key, Value: []byte(`{"position":1}`)}}); err != nil {
			t.Fatal(err)
		}
		d.put("c", "FileStreamSource", state.TargetStopped, 0, "topic", "t")
		show := func(want string) {
			t.Helper()
			got, err := d.Offsets(ctx, "c")
			if err != nil || fmt.Sprint(got) != want {
				t.Errorf("%v, %v, want %s", got, err, want)
			}
		}
		show("[]")
		if msg, err := d.AlterOffsets(ctx, "c", []state.ConnectorOffset{fileOffset(3)}); err != nil || !strings.Contains(msg, "have been altered successfully") {
			t.Errorf("%s, %v", msg, err)
		}
		show("[{map[filename:f] map[position:3]}]")
		if _, err := d.AlterOffsets(ctx, "c", []state.ConnectorOffset{{Partition: map[string]any{"filename": "f"}}}); err != nil {
			t.Error(err)
		}
		show("[]")
		if _, err := d.AlterOffsets(ctx, "c", []state.ConnectorOffset{fileOffset(4)}); err != nil {
			t.Error(err)
		}
		for range 2 {
			if msg, err := d.ResetOffsets(ctx, "c"); err != nil || !strings.Contains(msg, "have been reset successfully") {
				t.Errorf("%s, %v", msg, err)
			}
			show("[]")
		}
		if kept, err := d.offsets.Get(ctx, [][]byte{key}); err != nil || len(kept) != 1 || kept[0] == nil {
			t.Errorf("of another connector: %q, %v", kept, err)
		}
	})
}

// A sink's offsets are those of its group; a partition that isn't there is refused and changes nothing.
func TestSinkOffsets(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		d.put("s", "FileStreamSink", state.TargetStopped, 0, "topics", "t")
		at := func(partition int, offset any) state.ConnectorOffset {
			o := state.ConnectorOffset{Partition: map[string]any{"kafka_topic": "t", "kafka_partition": fmt.Sprint(partition)}}
			if offset != nil {
				o.Offset = map[string]any{"kafka_offset": offset}
			}
			return o
		}
		want := func(want kafka.Offsets) {
			t.Helper()
			if got := d.kafka.Committed("connect-s"); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("committed %v, want %v", got, want)
			}
			if shown, err := d.Offsets(ctx, "s"); err != nil || len(shown) != len(want) {
				t.Errorf("shown %v, %v", shown, err)
			}
		}
		zero, one := data.TopicPartition{Topic: "t"}, data.TopicPartition{Topic: "t", Partition: 1}
		if _, err := d.ResetOffsets(ctx, "s"); err != nil {
			t.Errorf("there is no group yet: %v", err)
		}
		if _, err := d.AlterOffsets(ctx, "s", []state.ConnectorOffset{at(0, "5"), at(1, "6")}); err != nil {
			t.Error(err)
		}
		want(kafka.Offsets{zero: 5, one: 6})
		if _, err := d.AlterOffsets(ctx, "s", []state.ConnectorOffset{at(0, "7"), at(2, "8")}); !errors.Is(err, errs.BadRequest) {
			t.Errorf("a partition that isn't there: %v", err)
		}
		want(kafka.Offsets{zero: 5, one: 6})
		if _, err := d.AlterOffsets(ctx, "s", []state.ConnectorOffset{at(0, nil)}); err != nil {
			t.Error(err)
		}
		want(kafka.Offsets{one: 6})
		for range 2 {
			if _, err := d.ResetOffsets(ctx, "s"); err != nil {
				t.Error(err)
			}
			want(nil)
		}
	})
}

// A connector whose code hangs costs the request its deadline; the answer says what went on, and the offsets
// are as they were.
func TestHangingConnectorCostsTheDeadline(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		defer close(d.hang)
		d.put("c", "test.Hangs", state.TargetStopped, 0, "topic", "t")
		ask := func(what string, f func(context.Context) error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			began := time.Now()
			err := f(ctx)
			at, ok := errors.AsType[*stage](err)
			if !ok || !strings.Contains(at.Doing, what) || time.Since(began) != 90*time.Second {
				t.Errorf("after %v: %v, want %q", time.Since(began), err, what)
			}
		}
		ask("altering offsets of connector c", func(ctx context.Context) error {
			_, err := d.AlterOffsets(ctx, "c", []state.ConnectorOffset{fileOffset(3)})
			return err
		})
		if got, err := d.Offsets(t.Context(), "c"); err != nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
		ask("validat", func(ctx context.Context) error {
			props := map[string]string{"name": "d", "connector.class": "test.Hangs", "topic": "t", "file": "f", "tasks.max": "1"}
			_, err := d.Create(ctx, "d", props, "")
			return err
		})
		if d.store.Snapshot().Contains("d") {
			t.Error("made all the same")
		}
	})
}
