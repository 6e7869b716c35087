package task_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
)

// spaced polls a batch of one record each call, after a pause.
func spaced(pause time.Duration, records int) func(context.Context, int) ([]data.SourceRecord, error) {
	return func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		if n > records {
			return wait(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		return []data.SourceRecord{rec(n)}, nil
	}
}

func springs(p *spring) func() connectors.SourceTask {
	return func() connectors.SourceTask { return p }
}

// joins are the settings of a connector whose batches share transactions.
var joins = map[string]string{"transaction.boundary.join.ms": "20"}

// The offset that each transaction commits says which batches it holds.
func TestOnceJoins(t *testing.T) {
	for _, tt := range []struct {
		name    string
		conf    map[string]string
		poll    func(context.Context, int) ([]data.SourceRecord, error)
		offsets string
	}{
		{"at once", joins, batches(nil, []int{1}, []int{2}, []int{3}, []int{4, 5}), "1 5"},
		{"within the time", map[string]string{"transaction.boundary.join.ms": "1000"}, spaced(300*time.Millisecond, 5), "1 4 5"},
		{"too slow", joins, spaced(300*time.Millisecond, 5), "1 2 3 4 5"},
		{"not at all", nil, batches(nil, []int{1}, []int{2}, []int{3}, []int{4, 5}), "1 2 3 5"},
		{"with dead letters", map[string]string{
			"transaction.boundary.join.ms": "20", "errors.deadletterqueue.topic.name": "dead", "errors.deadletterqueue.topic.replication.factor": "1",
		}, batches(nil, []int{1}, []int{2}, []int{3}, []int{4, 5}), "1 2 3 5"},
		{"intervals", map[string]string{
			"transaction.boundary.join.ms": "20", "transaction.boundary": "interval", "transaction.boundary.interval.ms": "0",
		}, batches(nil, []int{1}, []int{2}, []int{3}, []int{4, 5}), "1 2 3 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onOnce(t, sourcePlugin(springs(&spring{poll: tt.poll})), tt.conf, func(t *testing.T, o *once) {
				o.start()
				o.after(4 * time.Second)
				o.has("v1 v2 v3 v4 v5", tt.offsets)
				o.stop()
				o.noFailure()
				o.has("v1 v2 v3 v4 v5", tt.offsets)
			})
		})
	}
}

// A task that polls for long does not keep the transaction open.
func TestOnceJoinedWhilePolling(t *testing.T) {
	p := &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		if n <= 3 {
			return []data.SourceRecord{rec(n)}, nil
		}
		<-ctx.Done()
		return nil, nil
	}}
	conf := map[string]string{"transaction.boundary.join.ms": "1000"}
	onOnce(t, sourcePlugin(springs(p)), conf, func(t *testing.T, o *once) {
		o.start()
		o.after(500 * time.Millisecond)
		o.has("v1", "1")
		o.after(time.Second)
		o.has("v1 v2 v3", "1 3")
		o.stop()
		o.noFailure()
	})
}

// A task that is told of commits is told of each of its batches.
func TestOnceNothingJoinedForWhoIsTold(t *testing.T) {
	c := &committing{spring: &spring{}}
	c.poll = batches(nil, []int{1}, []int{2}, []int{3})
	onOnce(t, sourcePlugin(func() connectors.SourceTask { return c }), joins, func(t *testing.T, o *once) {
		o.start()
		o.after(1500 * time.Millisecond)
		o.has("v1 v2 v3", "1 2 3")
		o.stop()
		o.noFailure()
	})
}

// The pause and the end of a task commit what waits for more.
func TestOnceJoinedAtRest(t *testing.T) {
	conf := map[string]string{"transaction.boundary.join.ms": "60000"}
	for name, rest := range map[string]func(o *once){
		"pause": func(o *once) { o.send(task.SetPaused{Paused: true}) },
		"stop":  func(o *once) { o.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			p := &spring{poll: batches(nil, []int{1}, []int{2}, []int{3})}
			onOnce(t, sourcePlugin(springs(p)), conf, func(t *testing.T, o *once) {
				o.start()
				o.after(time.Second)
				o.has("v1", "1")
				rest(o)
				o.after(2 * time.Second)
				o.has("v1 v2 v3", "1 3")
				o.noFailure()
				if name == "pause" {
					o.stop()
				}
			})
		})
	}
}

// Of a task that fails the batches before the failure are committed, and nothing of the one that failed.
func TestOnceJoinedBeforeAFailure(t *testing.T) {
	own := rec(5)
	own.Topic = "offsets"
	for _, tt := range []struct {
		name, text string
		last       []data.SourceRecord
		err        error
	}{
		{"poll fails", "disk on fire", nil, errors.New("disk on fire")},
		{"a record fails", "may not produce to their own offsets topics", []data.SourceRecord{rec(4), own}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &spring{poll: func(_ context.Context, n int) ([]data.SourceRecord, error) {
				if n <= 3 {
					return []data.SourceRecord{rec(n)}, nil
				}
				return tt.last, tt.err
			}}
			onOnce(t, sourcePlugin(springs(p)), joins, func(t *testing.T, o *once) {
				o.start()
				o.after(time.Second)
				_ = o.failure(tt.text)
				o.has("v1 v2 v3", "1 3")
				o.kafka.Values("t", "after") // nothing of an open transaction lies before it
				o.has("v1 v2 v3 after", "1 3")
			})
		})
	}
}

// What Kafka refuses of a transaction that waits fails the task, and nothing of it is there.
func TestOnceJoinedAndRefused(t *testing.T) {
	var release chan struct{}
	p := &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		switch n {
		case 1, 2, 3:
			return []data.SourceRecord{rec(n)}, nil
		case 4:
			<-release
			return []data.SourceRecord{rec(4)}, nil
		}
		return wait(ctx)
	}}
	conf := map[string]string{"transaction.boundary.join.ms": "1000"}
	onOnce(t, sourcePlugin(springs(p)), conf, func(t *testing.T, o *once) {
		release = make(chan struct{})
		o.start()
		o.after(500 * time.Millisecond)
		o.has("v1", "1")
		o.kafka.Fail(kafkatest.Fault{Request: "EndTxn", Error: "INVALID_PRODUCER_EPOCH", Times: -1, TopLevel: true})
		o.after(2 * time.Second)
		close(release)
		o.after(time.Second)
		_ = o.failure("Failed to flush offsets and/or records for task c-0")
		o.has("v1", "1")
	})
}

// A commit that fails is not tried again when the task ends: its offsets are handed out once, and records
// would go without them.
func TestOnceJoinedCommitFails(t *testing.T) {
	nested := rec(2)
	nested.SourcePartition = map[string]any{"p": map[string]any{}} // can't be stored
	for name, poll := range map[string]func(context.Context, int) ([]data.SourceRecord, error){
		"as the last": func(context.Context, int) ([]data.SourceRecord, error) {
			return []data.SourceRecord{nested}, nil
		},
		"after a joined one": func(ctx context.Context, n int) ([]data.SourceRecord, error) {
			switch n {
			case 1:
				return []data.SourceRecord{rec(1)}, nil
			case 2:
				return []data.SourceRecord{rec(3)}, nil
			case 3:
				return []data.SourceRecord{nested}, nil
			}
			return wait(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onOnce(t, sourcePlugin(springs(&spring{poll: poll})), joins, func(t *testing.T, o *once) {
				o.start()
				o.after(3 * time.Second)
				_ = o.failure("can't be stored")
				records, offsets := "", ""
				if name != "as the last" {
					records, offsets = "v1", "1"
				}
				o.has(records, offsets)
				o.kafka.Values("t", "after")
				o.has(strings.TrimSpace(records+" after"), offsets)
			})
		})
	}
}
