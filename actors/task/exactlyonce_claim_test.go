package task_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// TestOnceFenced: another producer takes the transactional id.
func TestOnceFenced(t *testing.T) {
	for _, tt := range []struct {
		name  string
		gone  error // what Verify says afterwards
		fatal bool
		text  string
	}{
		{"replaced", fmt.Errorf("generation 8: %w", task.ErrSuperseded), true, "a later generation of the connector's tasks writes with its transactional id g-c-0"},
		{"transaction timed out", nil, false, "unable to finish writing records to Kafka before its producer transaction expired"},
		{"nobody knows", errors.New("config topic out of reach"), false, "before its producer transaction expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var more chan struct{}
			p := &spring{}
			p.poll = func(ctx context.Context, n int) ([]data.SourceRecord, error) {
				switch n {
				case 1:
					return []data.SourceRecord{rec(1)}, nil
				case 2:
					<-more
					return []data.SourceRecord{rec(2)}, nil
				}
				return wait(ctx)
			}
			onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, o *once) {
				more = make(chan struct{})
				o.start()
				o.after(time.Second)
				o.verify = func(int) error { return tt.gone }
				o.other("g-c-0")
				close(more)
				o.after(5 * time.Second)
				if f := o.failure(tt.text); (budget.Judge(f).Class == budget.Lasting) != tt.fatal {
					t.Errorf("fatal %v: %s", budget.Judge(f).Class, f.Trace())
				}
				o.has("v1", "1")
			})
		})
	}
}

// other makes a producer with a transactional id, which fences those before it.
func (o *once) other(id string) *kafka.Producer {
	o.t.Helper()
	props := o.kafka.Props()
	props["transactional.id"] = id
	p, err := kafka.NewProducer(props, o.env.Log, o.kafka.Option())
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(p.Abort)
	if err := p.InitTransactions(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
	return p
}

// alive reports whether the producer has not been fenced.
func (o *once) alive(p *kafka.Producer) bool {
	o.t.Helper()
	if err := p.BeginTransaction(); err != nil {
		return false
	}
	if err := p.Produce(o.t.Context(), &kafka.Record{Topic: "t", Partition: 1, Value: []byte("other")}, nil); err != nil {
		o.t.Fatal(err)
	}
	return p.CommitTransaction(o.t.Context()) == nil
}

// TestOnceClaims: who is fenced when, and that nothing is polled before everything is claimed.
func TestOnceClaims(t *testing.T) {
	for _, tt := range []struct {
		name   string
		inc    int
		fence  func(context.Context) error
		verify func(int) error
		steps  string
		text   string
		fatal  bool
		fenced bool // the producer of an earlier incarnation
	}{
		{name: "first", steps: "fence:c verify:c-0:7", fenced: true},
		{name: "again", inc: 1, steps: "verify:c-0:7 fence:c verify:c-0:7", fenced: true},
		{
			name: "leader refuses", fence: func(context.Context) error { return errors.New("rebalance") },
			steps: "fence:c", text: `fence out producers of earlier generations of connector "c": rebalance`,
		},
		{
			name: "replaced while it claimed", verify: func(int) error { return task.ErrSuperseded },
			steps: "fence:c verify:c-0:7", text: "task c-0, generation 7", fatal: true, fenced: true,
		},
		{
			// The supervisor starts one again that has been replaced meanwhile.
			name: "replaced before", inc: 1, verify: func(int) error { return task.ErrSuperseded },
			steps: "verify:c-0:7", text: "task c-0, generation 7", fatal: true,
		},
		{
			name: "config topic out of reach", verify: func(int) error { return errs.Connect.New("out of reach") },
			steps: "fence:c verify:c-0:7", text: "out of reach", fenced: true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &spring{poll: batches(nil, []int{1})}
			onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, o *once) {
				o.fence, o.verify = tt.fence, tt.verify
				before := o.other("g-c-0")
				o.stage.spec.Inc = tt.inc
				o.start()
				o.after(2 * time.Second)
				if got := o.trace(); got != tt.steps {
					t.Errorf("steps %q, want %q", got, tt.steps)
				}
				if got := o.alive(before); got == tt.fenced {
					t.Errorf("the producer before it is alive: %v", got)
				}
				if tt.text == "" {
					o.noFailure()
					o.stop()
					return
				}
				if f := o.failure(tt.text); (budget.Judge(f).Class == budget.Lasting) != tt.fatal {
					t.Errorf("fatal %v", budget.Judge(f).Class)
				}
				if p.String() != "" {
					t.Errorf("the task was called: %q", p)
				}
			})
		})
	}
}

// TestOnceStoppedWhileFencing: a task that is stopped before its turn fences nobody.
func TestOnceStoppedWhileFencing(t *testing.T) {
	p := &spring{poll: batches(nil, []int{1})}
	onOnce(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, o *once) {
		o.fence = func(ctx context.Context) error {
			<-ctx.Done()
			return nil // the leader's answer came all the same
		}
		later := o.other("g-c-0")
		o.start()
		o.after(time.Second)
		o.stop()
		o.noFailure()
		if !o.alive(later) {
			t.Error("it fenced another")
		}
		if got := o.trace(); got != "fence:c" {
			t.Errorf("steps %q", got)
		}
	})
}
