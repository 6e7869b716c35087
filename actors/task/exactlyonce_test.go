package task_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// once is a stage on which sources write in transactions.
type once struct {
	*stage
	mu     sync.Mutex
	steps  []string // fence, verify: in the order of the calls
	fence  func(context.Context) error
	verify func(call int) error
	calls  int // of Verify
}

func (o *once) note(step string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.steps = append(o.steps, step)
}

func (o *once) trace() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.steps, " ")
}

// onOnce is onStage with exactly.once.source.support=enabled.
func onOnce(t *testing.T, p plugin.Plugin, conf map[string]string, f func(t *testing.T, o *once)) {
	t.Helper()
	onStage(t, p, conf, func(t *testing.T, s *stage) {
		o := &once{stage: s}
		o.enable(nil)
		f(t, o)
	})
}

// enable makes the worker a distributed one that writes in transactions.
func (o *once) enable(more map[string]string) {
	o.t.Helper()
	o.env.Worker = distributedWorker(o.t, o.kafka, more)
	o.env.Offsets = o.workerOffsets()
	o.spec.Generation = 7
	o.env.ExactlyOnce = &task.ExactlyOnce{
		GroupID: "g",
		Fence: func(ctx context.Context, connector string) error {
			o.note("fence:" + connector)
			if o.fence != nil {
				return o.fence(ctx)
			}
			return nil
		},
		Verify: func(_ context.Context, id state.TaskID, generation int) error {
			o.note(fmt.Sprintf("verify:%s:%d", id, generation))
			o.mu.Lock()
			o.calls++
			n := o.calls
			o.mu.Unlock()
			if o.verify != nil {
				return o.verify(n)
			}
			return nil
		},
	}
}

func distributedWorker(t testing.TB, cluster *kafkatest.Cluster, more map[string]string) *settings.Worker {
	t.Helper()
	props := map[string]string{
		"group.id": "g", "config.storage.topic": "configs", "offset.storage.topic": "offsets", "status.storage.topic": "statuses",
		"offset.storage.partitions": "2", "offset.storage.replication.factor": "1", "offset.flush.interval.ms": "10000",
		"exactly.once.source.support": "enabled",
		"key.converter":               "org.apache.kafka.connect.storage.StringConverter",
		"value.converter":             "org.apache.kafka.connect.storage.StringConverter",
	}
	maps.Copy(props, cluster.Props())
	maps.Copy(props, more)
	w, _, err := settings.LoadWorker(t.Context(), settings.Distributed, props, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &w
}

// workerOffsets starts the worker's offset store.
func (o *once) workerOffsets() storage.OffsetStore { return startOffsets(o.t, o.kafka, o.env.Log) }

func startOffsets(t testing.TB, cluster *kafkatest.Cluster, log *slog.Logger) storage.OffsetStore {
	t.Helper()
	return openTopic(t, cluster.Props(), log, cluster.Option())
}

// openTopic starts the store of a worker's offsets in topic offsets.
func openTopic(t testing.TB, props kafka.Props, log *slog.Logger, opts ...kafka.Option) storage.OffsetStore {
	t.Helper()
	admin, err := kafka.NewAdmin(props, log, opts...)
	if err != nil {
		t.Fatal(err)
	}
	s := storage.NewTopicOffsetStore(storage.TopicConfig{
		Topic: "offsets", Partitions: 2, ReplicationFactor: 1, Props: props, ClientIDBase: "g-", ReadCommitted: true,
	}, admin, log, opts...)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(s.Close(ctx), admin.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// offsetsIn are the offsets that a topic holds, in order, committed ones only.
func (o *once) offsetsIn(topic string) string {
	o.t.Helper()
	var out []string
	for _, r := range o.kafka.Records(topic) {
		if r.Value == nil {
			out = append(out, "none")
			continue
		}
		m, err := storage.DecodeOffset(r.Value)
		if err != nil {
			o.t.Fatal(err)
		}
		out = append(out, fmt.Sprint(m["at"]))
	}
	return strings.Join(out, " ")
}

// has checks what consumers that read what is committed see in topic t, and the offsets.
func (o *once) has(values, offsets string) {
	o.t.Helper()
	if got := o.values("t"); got != values {
		o.t.Errorf("records %q, want %q", got, values)
	}
	if got := o.offsetsIn("offsets"); got != offsets {
		o.t.Errorf("offsets %q, want %q", got, offsets)
	}
}

// batches polls a batch each call: the texts name the records, "-" is a call that waits a second.
// do is called before a batch is returned.
func batches(do func(n int), of ...[]int) func(context.Context, int) ([]data.SourceRecord, error) {
	return func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		if n > len(of) {
			return wait(ctx)
		}
		if do != nil {
			do(n)
		}
		var out []data.SourceRecord
		for _, i := range of[n-1] {
			out = append(out, rec(i))
		}
		return out, nil
	}
}

func TestOnceEachPollIsATransaction(t *testing.T) {
	var more chan struct{}
	c := &committing{spring: &spring{}}
	c.poll = func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		switch n {
		case 1:
			return []data.SourceRecord{rec(1), rec(2)}, nil
		case 2:
			<-more
			return []data.SourceRecord{rec(3)}, nil
		}
		return wait(ctx)
	}
	onOnce(t, sourcePlugin(func() connectors.SourceTask { return c }), nil, func(t *testing.T, o *once) {
		more = make(chan struct{})
		o.start()
		o.after(3 * time.Second)
		o.want("RUNNING")
		o.has("v1 v2", "2")
		close(more)
		o.after(1500 * time.Millisecond)
		o.has("v1 v2 v3", "2 3")
		o.stop()
		o.noFailure()
		if got, want := o.trace(), "fence:c verify:c-0:7"; got != want {
			t.Errorf("at start %q, want %q", got, want)
		}
		// Two records and two marks of commits lie before v3.
		if got, want := c.String(), "start v1:0 v2:1 commit v3:3 commit"; !strings.HasPrefix(got, want) {
			t.Errorf("the task heard %q, want %q first", got, want)
		}
		if c.beside.Load() != 0 || c.besideOf.Load() != 0 {
			t.Errorf("commitRecord %d times beside itself, commit %d times beside poll", c.beside.Load(), c.besideOf.Load())
		}
	})
}

func TestOnceIntervalsAreTransactions(t *testing.T) {
	p := &spring{}
	p.poll = func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(time.Second):
		}
		return []data.SourceRecord{rec(n)}, nil
	}
	conf := map[string]string{"transaction.boundary": "Interval", "transaction.boundary.interval.ms": "2500"}
	onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), conf, func(t *testing.T, o *once) {
		o.start()
		o.after(2700 * time.Millisecond)
		o.has("", "")
		o.after(500 * time.Millisecond) // the end of the third batch is past the interval
		o.has("v1 v2 v3", "3")
		o.after(1200 * time.Millisecond)
		o.has("v1 v2 v3", "3")
		o.send(task.SetPaused{Paused: true})
		o.after(2 * time.Second)
		o.want("RUNNING PAUSED")
		o.has("v1 v2 v3 v4 v5", "3 5") // what is open when it pauses
		o.after(10 * time.Second)
		o.send(task.SetPaused{})
		o.after(1200 * time.Millisecond)
		o.has("v1 v2 v3 v4 v5", "3 5") // the interval begins anew
		o.stop()
		o.noFailure()
		o.has("v1 v2 v3 v4 v5 v6", "3 5 6")
	})
}

func TestOnceTheConnectorEndsTransactions(t *testing.T) {
	var tx connectors.TransactionContext
	c := &committing{spring: &spring{}}
	c.start = func(tc connectors.SourceTaskContext) error {
		tx = tc.Transaction()
		return nil
	}
	c.poll = batches(func(n int) {
		switch n {
		case 1:
			tx.CommitAfter(1) // of 1 2 3: 1 and 2
		case 2:
			tx.Abort() // 3 4 5 go
		case 3:
			tx.AbortAfter(0)  // 6 goes
			tx.CommitAfter(2) // 7 and 8
		case 4:
			tx.Commit()
		case 6:
			tx.Abort() // with nothing in it
		}
	}, []int{1, 2, 3}, []int{4, 5}, []int{6, 7, 8, 9}, []int{10}, []int{}, []int{}, []int{11, 12})
	conf := map[string]string{"transaction.boundary": "connector"}
	onOnce(t, sourcePlugin(func() connectors.SourceTask { return c }), conf, func(t *testing.T, o *once) {
		o.start()
		o.after(3 * time.Second)
		o.want("RUNNING")
		const values, offsets = "v1 v2 v7 v8 v9 v10", "2 5 6 8 10"
		o.has(values, offsets)
		o.stop() // 11 and 12 were not asked for
		o.noFailure()
		o.has(values, offsets)
		want := "start v1:0 v2:1 commit v3:none v4:none v5:none commit v6:none commit v7:"
		if got := c.String(); !strings.HasPrefix(got, want) {
			t.Errorf("the task heard %q, want %q first", got, want)
		}
		if strings.Contains(c.String(), "v11") || strings.Contains(c.String(), "v12") {
			t.Errorf("the task heard of records that were not committed: %q", c)
		}
	})
}

func TestOnceRequestsThatCannotBe(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		ask        func(connectors.TransactionContext)
	}{
		{"both for the batch", "both commit and abort of same transaction", func(tx connectors.TransactionContext) { tx.Commit(); tx.Abort() }},
		{"both for a record", "both commit and abort of same record", func(tx connectors.TransactionContext) { tx.CommitAfter(1); tx.AbortAfter(1) }},
		{"beyond the batch", "after record 2 of its batch, which has 2", func(tx connectors.TransactionContext) { tx.CommitAfter(2) }},
		{"before the batch", "after record -1", func(tx connectors.TransactionContext) { tx.AbortAfter(-1) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tx connectors.TransactionContext
			p := &spring{start: func(tc connectors.SourceTaskContext) error {
				tx = tc.Transaction()
				return nil
			}}
			p.poll = batches(func(int) { tt.ask(tx) }, []int{1, 2})
			conf := map[string]string{"transaction.boundary": "connector"}
			onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), conf, func(t *testing.T, o *once) {
				o.start()
				o.after(3 * time.Second)
				_ = o.failure(tt.text)
				o.has("", "")
				if p.count("stop") != 1 {
					t.Errorf("calls %q", p)
				}
			})
		})
	}
}

// TestOnceNothingOfAFailedTask: what a failing task has in its transaction is aborted, at once and
// not when the broker loses patience.
func TestOnceNothingOfAFailedTask(t *testing.T) {
	nested := map[string]any{"p": map[string]any{}}
	for _, tt := range []struct {
		name, text string
		records    func() []data.SourceRecord
		then       error
	}{
		{"poll fails", "disk on fire", func() []data.SourceRecord { return []data.SourceRecord{rec(3)} }, errors.New("disk on fire")},
		{"own offsets topic", `topic "offsets": Source tasks may not produce to their own offsets topics`, func() []data.SourceRecord {
			r := rec(3)
			r.Topic = "offsets"
			return []data.SourceRecord{rec(4), r}
		}, nil},
		{"partition that can't be stored", "offsets of connector \"c\" can't be stored", func() []data.SourceRecord {
			r := rec(3)
			r.SourcePartition = nested
			return []data.SourceRecord{r}
		}, nil},
		{"too large", "topic \"t\"", func() []data.SourceRecord {
			r := rec(3)
			r.Value = strings.Repeat("x", 2<<20)
			return []data.SourceRecord{rec(4), r, rec(5)}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &spring{}
			p.poll = func(ctx context.Context, n int) ([]data.SourceRecord, error) {
				switch {
				case n == 1:
					return []data.SourceRecord{rec(1), rec(2)}, nil
				case n == 2:
					return tt.records(), nil
				case tt.then != nil:
					return nil, tt.then
				}
				return wait(ctx)
			}
			conf := map[string]string{"transaction.boundary": "interval", "transaction.boundary.interval.ms": "1000"}
			p.start = func(connectors.SourceTaskContext) error { return nil }
			onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), conf, func(t *testing.T, o *once) {
				o.start()
				o.after(4 * time.Second)
				_ = o.failure(tt.text)
				o.has("", "")
				o.kafka.Values("t", "after") // nothing of an open transaction lies before it
				o.has("after", "")
			})
		})
	}
}

// TestOnceZombie: an incarnation that was given up in a poll comes back with records.
func TestOnceZombie(t *testing.T) {
	var hang chan struct{}
	old := &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		switch n {
		case 1:
			return []data.SourceRecord{rec(1)}, nil
		case 2:
			return []data.SourceRecord{rec(2)}, nil
		case 3:
			<-hang
			return []data.SourceRecord{rec(3)}, nil
		}
		return wait(ctx)
	}}
	var read map[string]any
	young := &spring{}
	young.start = func(tc connectors.SourceTaskContext) (err error) {
		read, err = tc.Offsets().Offset(context.Background(), partition)
		return err
	}
	young.poll = batches(nil, []int{3}, []int{4})
	tasks := []connectors.SourceTask{old, young}
	next := func() connectors.SourceTask {
		p := tasks[0]
		tasks = tasks[1:]
		return p
	}
	onOnce(t, sourcePlugin(next), nil, func(t *testing.T, o *once) {
		hang = make(chan struct{})
		o.start()
		o.after(time.Second)
		o.has("v1 v2", "1 2")
		o.send(task.Stop{By: time.Now().Add(time.Second)})
		o.after(2 * time.Second)
		o.start()
		o.after(2 * time.Second)
		if fmt.Sprint(read["at"]) != "2" {
			t.Errorf("the second incarnation reads offset %v", read)
		}
		close(hang)
		o.after(2 * time.Second)
		o.has("v1 v2 v3 v4", "1 2 3 4")
		o.noFailure()
		o.stop()
	})
}

// TestOnceBeginsAtTheLastCommit: an incarnation that fails with a transaction open leaves nothing,
// and the next one reads the offset before it.
func TestOnceBeginsAtTheLastCommit(t *testing.T) {
	var read []any
	born := 0
	next := func() connectors.SourceTask {
		born++
		first := born == 1
		at := 0
		p := &spring{}
		p.start = func(tc connectors.SourceTaskContext) error {
			o, err := tc.Offsets().Offset(context.Background(), partition)
			if n, ok := o["at"].(int64); ok {
				at = int(n)
			}
			read = append(read, at)
			return err
		}
		p.poll = func(ctx context.Context, n int) ([]data.SourceRecord, error) {
			if at == 6 {
				return wait(ctx)
			}
			if first && at == 4 {
				return nil, errors.New("broken")
			}
			at += 2
			if at == 4 { // in the same transaction as the next
				return []data.SourceRecord{rec(3), rec(4)}, nil
			}
			time.Sleep(1100 * time.Millisecond)
			return []data.SourceRecord{rec(at - 1), rec(at)}, nil
		}
		return p
	}
	conf := map[string]string{"transaction.boundary": "interval", "transaction.boundary.interval.ms": "1000"}
	onOnce(t, sourcePlugin(next), conf, func(t *testing.T, o *once) {
		o.start()
		o.after(3 * time.Second)
		_ = o.failure("broken")
		o.has("v1 v2", "2")
		o.start()
		o.after(5 * time.Second)
		o.stop()
		o.has("v1 v2 v3 v4 v5 v6", "2 6")
		if fmt.Sprint(read) != "[0 2]" {
			t.Errorf("offsets read at the start: %v", read)
		}
	})
}
