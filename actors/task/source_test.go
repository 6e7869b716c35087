package task_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// at is an offset.
type at int64

func (a at) OffsetMap() map[string]any { return map[string]any{"at": int64(a)} }

var partition = map[string]any{"p": "1"}

// rec is the n-th record of the one partition.
func rec(n int) data.SourceRecord {
	return data.SourceRecord{
		Record:          data.Record{Topic: "t", Partition: data.PartitionOf(0), ValueSchema: data.StringSchema, Value: fmt.Sprint("v", n)},
		SourcePartition: partition, SourceOffset: at(n),
	}
}

// spring is a source task that polls what the test says.
type spring struct {
	trail
	poll    func(ctx context.Context, n int) ([]data.SourceRecord, error)
	n       int
	start   func(tc connectors.SourceTaskContext) error
	stop    func() error
	polling atomic.Bool // a call of the task's goroutine is under way
}

func (s *spring) Start(_ context.Context, tc connectors.SourceTaskContext, _ map[string]string) error {
	s.note("start")
	if s.start != nil {
		return s.start(tc)
	}
	return nil
}

func (s *spring) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	s.polling.Store(true)
	defer s.polling.Store(false)
	s.n++
	return s.poll(ctx, s.n)
}

func (s *spring) Stop(context.Context) error {
	s.note("stop")
	if s.stop != nil {
		return s.stop()
	}
	return nil
}

// committing is a spring that wants to know of commits.
type committing struct {
	*spring
	inside    atomic.Int32
	beside    atomic.Int32 // commitRecord calls that came two at a time
	besideOf  atomic.Int32 // commit calls while a poll was under way
	commitErr error
}

func (c *committing) Commit(context.Context) error {
	if c.polling.Load() {
		c.besideOf.Add(1)
	}
	c.note("commit")
	return c.commitErr
}

func (c *committing) CommitRecord(_ context.Context, r *data.SourceRecord, md *connectors.RecordMetadata) error {
	if c.inside.Add(1) > 1 {
		c.beside.Add(1)
	}
	defer c.inside.Add(-1)
	if md == nil {
		c.note("%v:none", r.Value)
		return nil
	}
	c.note("%v:%d", r.Value, md.Offset)
	if r.Value == "v2" {
		panic("commitRecord blew up")
	}
	return errors.New("never mind")
}

// wait ends a poll that has nothing more to say.
func wait(ctx context.Context) ([]data.SourceRecord, error) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	return nil, nil
}

// upTo polls the records 1 … n, each times ten a batch, then nothing.
func upTo(n int) func(context.Context, int) ([]data.SourceRecord, error) {
	next := 1
	return func(ctx context.Context, _ int) ([]data.SourceRecord, error) {
		if next > n {
			return wait(ctx)
		}
		var out []data.SourceRecord
		for ; next <= n && len(out) < 10; next++ {
			out = append(out, rec(next))
		}
		return out, nil
	}
}

func sequence(n int) string {
	var out []string
	for i := 1; i <= n; i++ {
		out = append(out, fmt.Sprint("v", i))
	}
	return strings.Join(out, " ")
}

func TestSourceInOrderAndCommittedAtStop(t *testing.T) {
	p := &spring{poll: upTo(1000)}
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(3 * time.Second)
		s.want("RUNNING")
		if got := s.values("t"); got != sequence(1000) {
			t.Errorf("the topic holds %.200s…", got)
		}
		if got := s.offsets.history(); got != "" {
			t.Errorf("committed before the interval: %s", got)
		}
		s.stop()
		s.noFailure()
		if got := s.offsets.history(); got != `{"at":1000}` {
			t.Errorf("committed %s", got)
		}
		if p.String() != "start stop" {
			t.Errorf("calls %s", p.String())
		}
		if len(s.topics) == 0 || s.topics[0] != "t" {
			t.Errorf("topics noted: %v", s.topics)
		}
	})
}

func TestSourceCommitsAtTheInterval(t *testing.T) {
	onStage(t, sourcePlugin(func() connectors.SourceTask {
		return &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
			if _, err := wait(ctx); ctx.Err() != nil {
				return nil, err
			}
			return []data.SourceRecord{rec(n)}, nil
		}}
	}), nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(35500 * time.Millisecond)
		if got := strings.Fields(s.offsets.history()); len(got) != 3 {
			t.Errorf("committed %v", got)
		}
		s.stop()
		got := strings.Fields(s.offsets.history())
		if last := got[len(got)-1]; last != `{"at":35}` {
			t.Errorf("committed at last %s", last)
		}
	})
}

// Only what Kafka has acknowledged without a gap is committed.
func TestSourceCommitsNothingUnacknowledged(t *testing.T) {
	onStage(t, sourcePlugin(func() connectors.SourceTask {
		return &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
			if _, err := wait(ctx); ctx.Err() != nil {
				return nil, err
			}
			return []data.SourceRecord{rec(n)}, nil
		}}
	}), nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(5500 * time.Millisecond) // 5 records are there
		s.kafka.Hang()
		s.after(25 * time.Second) // two flushes
		for set := range strings.FieldsSeq(s.offsets.history()) {
			if set != `{"at":5}` {
				t.Errorf("committed %s while Kafka was silent after record 5", set)
			}
		}
		s.noFailure()
		s.kafka.Start()
		s.after(60 * time.Second)
		s.noFailure()
		s.stop()
		got := s.values("t")
		n := len(strings.Fields(got))
		if got != sequence(n) || n < 80 {
			t.Errorf("%d records, in order: %v", n, got == sequence(n))
		}
		if h := strings.Fields(s.offsets.history()); h[len(h)-1] != fmt.Sprintf(`{"at":%d}`, n) {
			t.Errorf("committed at last %s of %d records", h[len(h)-1], n)
		}
	})
}

func TestSourceBrokerAwayThenBack(t *testing.T) {
	p := &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		if _, err := wait(ctx); ctx.Err() != nil {
			return nil, err
		}
		return []data.SourceRecord{rec(n)}, nil
	}}
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		s.kafka.Stop()
		s.start()
		s.after(30 * time.Second)
		s.want("RUNNING")
		s.kafka.Start()
		s.after(20 * time.Second)
		s.kafka.Stop()
		s.after(40 * time.Second)
		s.kafka.Start()
		s.after(30 * time.Second)
		s.noFailure()
		s.stop()
		got := s.values("t")
		if n := len(strings.Fields(got)); got != sequence(n) || n < 60 {
			t.Errorf("%d records: %s", n, got)
		}
	})
}

func TestSourceFailedFlushIsMadeUpFor(t *testing.T) {
	onStage(t, sourcePlugin(func() connectors.SourceTask { return &spring{poll: upTo(10)} }), nil, func(t *testing.T, s *stage) {
		s.start()
		s.offsets.failWith(errors.New("disk full"))
		s.after(15 * time.Second)
		if !strings.Contains(s.logged(), "disk full") || s.offsets.history() != "" {
			t.Errorf("committed %s, log:\n%s", s.offsets.history(), s.logged())
		}
		s.noFailure()
		s.offsets.failWith(nil)
		s.after(10 * time.Second)
		if got := s.offsets.history(); got != `{"at":10}` {
			t.Errorf("committed %s", got)
		}
	})
}

func TestSourceRetriablePoll(t *testing.T) {
	p := &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		if n <= 3 {
			return nil, errs.Retriable.New("not yet")
		}
		if n == 4 {
			return []data.SourceRecord{rec(1)}, nil
		}
		return wait(ctx)
	}}
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(5 * time.Second)
		s.want("RUNNING")
		s.noFailure()
		if got := s.values("t"); got != "v1" {
			t.Errorf("got %s", got)
		}
		if n := strings.Count(s.logged(), "not yet"); n != 3 {
			t.Errorf("%d warnings", n)
		}
	})
}

func TestSourceFailures(t *testing.T) {
	some := func(then func() error) func(context.Context, int) ([]data.SourceRecord, error) {
		return func(_ context.Context, n int) ([]data.SourceRecord, error) {
			if n < 3 {
				return []data.SourceRecord{rec(n)}, nil
			}
			return nil, then()
		}
	}
	for _, tt := range []struct {
		name, text, class, committed, calls string
		p                                   *spring
		stack, fatal                        bool
	}{
		{
			"poll refuses", "poll: disk on fire", "org.apache.kafka.connect.errors.ConnectException", `{"at":2}`, "start stop",
			&spring{poll: some(func() error { return errors.New("disk on fire") })}, false, false,
		},
		{
			"poll panics", "panic: in poll", "org.apache.kafka.connect.errors.ConnectException", `{"at":2}`, "start stop",
			&spring{poll: some(func() error { panic("in poll") })}, true, false,
		},
		{
			"start refuses", "no table", "org.apache.kafka.common.config.ConfigException", "", "start stop",
			&spring{start: func(connectors.SourceTaskContext) error { return errs.Config.New("no table") }}, false, true,
		},
		{
			"start panics", "panic: in start", "org.apache.kafka.connect.errors.ConnectException", "", "start stop",
			&spring{start: func(connectors.SourceTaskContext) error { panic("in start") }}, true, false,
		},
		{
			"stop panics too", "poll: disk on fire", "org.apache.kafka.connect.errors.ConnectException", `{"at":2}`, "start stop",
			&spring{poll: some(func() error { return errors.New("disk on fire") }), stop: func() error { panic("in stop") }}, false, false,
		},
		{
			"record without topic", "source record has no topic", "org.apache.kafka.connect.errors.DataException", "", "start stop",
			&spring{poll: func(context.Context, int) ([]data.SourceRecord, error) { return []data.SourceRecord{{}}, nil }}, false, false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onStage(t, sourcePlugin(func() connectors.SourceTask { return tt.p }), nil, func(t *testing.T, s *stage) {
				s.start()
				s.after(10 * time.Second)
				f := s.failure(tt.text)
				if (budget.Judge(f).Class == budget.Lasting) != tt.fatal || (f.Stack != "") != tt.stack || !strings.HasPrefix(f.Trace(), tt.class+": ") {
					t.Errorf("fatal %v, trace %s", budget.Judge(f).Class, f.Trace())
				}
				if tt.stack && !strings.Contains(f.Stack, "task_test.") {
					t.Errorf("the stack does not name the plugin:\n%s", f.Stack)
				}
				if got := s.offsets.history(); got != tt.committed {
					t.Errorf("committed %s, want %s", got, tt.committed)
				}
				if tt.p.String() != tt.calls {
					t.Errorf("calls %s, want %s", tt.p.String(), tt.calls)
				}
			})
		})
	}
}

// A constructor that panics is a failure with its stack like any other.
func TestSourceConstructorPanics(t *testing.T) {
	onStage(t, sourcePlugin(func() connectors.SourceTask { panic("no constructor") }), nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(time.Second)
		if f := s.failure("panic: no constructor"); !strings.Contains(f.Stack, "TestSourceConstructorPanics") {
			t.Errorf("stack %s", f.Stack)
		}
	})
}

// The partition number is what the broker will never know: the send of that record fails for good.
func TestSourceTolerance(t *testing.T) {
	poll := func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		if n > 1 {
			return wait(ctx)
		}
		bad := rec(2)
		bad.ValueSchema, bad.Value = data.Int32Schema, "not a number"
		return []data.SourceRecord{rec(1), bad, rec(3)}, nil
	}
	t.Run("none", func(t *testing.T) {
		onStage(t, sourcePlugin(func() connectors.SourceTask { return &spring{poll: poll} }),
			map[string]string{"value.converter": "org.apache.kafka.connect.converters.IntegerConverter"},
			func(t *testing.T, s *stage) {
				s.start()
				s.after(10 * time.Second)
				if f := s.failure("Tolerance exceeded in error handler"); !strings.Contains(f.Error(), "VALUE_CONVERTER") {
					t.Errorf("failure %v", f)
				}
			})
	})
	t.Run("all", func(t *testing.T) {
		p := &committing{spring: &spring{poll: poll}}
		onStage(t, sourcePlugin(func() connectors.SourceTask { return p }),
			map[string]string{
				"value.converter":  "org.apache.kafka.connect.converters.IntegerConverter",
				"errors.tolerance": "all", "errors.log.enable": "true", "errors.log.include.messages": "true",
			},
			func(t *testing.T, s *stage) {
				s.start()
				s.after(5 * time.Second)
				s.noFailure()
				s.want("RUNNING")
				if n := strings.Count(s.logged(), "Error encountered in task"); n != 3 { // strings are no integers
					t.Errorf("%d reports", n)
				}
				if p.count("v1:none") != 1 || p.count("not a number:none") != 1 || p.count("v3:none") != 1 {
					t.Errorf("calls %s", p.String())
				}
			})
	})
}

// CommitRecord comes one at a time, in order; Commit from the task's own goroutine; and both come
// before Stop.
func TestSourceCommitters(t *testing.T) {
	inner := &spring{poll: upTo(25)}
	p := &committing{spring: inner, commitErr: errors.New("never mind")}
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(15 * time.Second)
		if n := p.count("commit"); n != 1 {
			t.Errorf("%d commits after one interval: %s", n, p.String())
		}
		s.stop()
		s.noFailure()
		var want []string
		for i := 1; i <= 25; i++ {
			want = append(want, fmt.Sprintf("v%d:%d", i, i-1))
		}
		if got := p.String(); got != "start "+strings.Join(want, " ")+" commit stop" {
			t.Errorf("calls %s", got)
		}
		if p.beside.Load()+p.besideOf.Load() != 0 {
			t.Errorf("%d commitRecord at a time, %d commits beside a poll", p.beside.Load(), p.besideOf.Load())
		}
		if !strings.Contains(s.logged(), "commitRecord blew up") {
			t.Error("the panic in commitRecord is not in the log")
		}
	})
}

func TestSourceLastCommitComesBeforeStop(t *testing.T) {
	p := &committing{spring: &spring{poll: upTo(3)}}
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(2 * time.Second)
		s.stop()
		if got := p.String(); got != "start v1:0 v2:1 v3:2 commit stop" {
			t.Errorf("calls %s", got)
		}
	})
}

func TestSourcePauseResume(t *testing.T) {
	p := &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		if _, err := wait(ctx); ctx.Err() != nil {
			return nil, err
		}
		return []data.SourceRecord{rec(n)}, nil
	}}
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(3500 * time.Millisecond)
		s.send(task.SetPaused{Paused: true})
		s.send(task.SetPaused{Paused: true})
		s.after(30 * time.Second)
		s.want("RUNNING PAUSED")
		if got := s.values("t"); got != sequence(4) { // the poll under way came to its end
			t.Errorf("got %s", got)
		}
		if h := strings.Fields(s.offsets.history()); len(h) == 0 || h[len(h)-1] != `{"at":4}` {
			t.Errorf("committed while paused: %v", h)
		}
		s.send(task.SetPaused{Paused: false})
		s.after(5 * time.Second)
		s.want("RUNNING PAUSED RUNNING")
		s.send(task.SetPaused{Paused: true})
		s.after(2 * time.Second)
		s.stop()
		if got := s.values("t"); got != sequence(len(strings.Fields(got))) {
			t.Errorf("got %s", got)
		}
	})
}

func TestSourceBornPaused(t *testing.T) {
	p := &spring{poll: upTo(1)}
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		s.spec.Target = state.TargetPaused
		s.start()
		s.after(time.Minute)
		s.want("PAUSED")
		if p.String() != "" {
			t.Errorf("calls %s", p.String())
		}
		s.send(task.SetPaused{})
		s.after(2 * time.Second)
		s.want("PAUSED RUNNING")
		s.stop()
		if p.String() != "start stop" {
			t.Errorf("calls %s", p.String())
		}
	})
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		s.spec.Target = state.TargetPaused
		s.start()
		s.stop()
		s.noFailure()
	})
}

// The next incarnation goes on where the last committed.
func TestSourceGoesOnWhereItWas(t *testing.T) {
	var seen []string
	next := 1
	onStage(t, sourcePlugin(func() connectors.SourceTask {
		return &spring{
			start: func(tc connectors.SourceTaskContext) error {
				o, err := tc.Offsets().Offset(context.Background(), partition)
				seen = append(seen, fmt.Sprint(o["at"]))
				if n, ok := o["at"].(int64); ok {
					next = int(n) + 1
				}
				return err
			},
			poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
				if n > 3 {
					return wait(ctx)
				}
				next++
				return []data.SourceRecord{rec(next - 1)}, nil
			},
		}
	}), nil, func(t *testing.T, s *stage) {
		for range 3 {
			s.start()
			s.after(3 * time.Second)
			s.stop()
		}
		if got := strings.Join(seen, " "); got != "<nil> 3 6" {
			t.Errorf("offsets at start: %s", got)
		}
		if got := s.values("t"); got != sequence(9) {
			t.Errorf("got %s", got)
		}
	})
}

// A record that Kafka refuses for good fails the task; what came before it is committed, what came
// after it is not.
func TestSourceRefusedSend(t *testing.T) {
	for _, tolerance := range []string{"none", "all"} {
		t.Run(tolerance, func(t *testing.T) {
			onStage(t, sourcePlugin(func() connectors.SourceTask {
				return &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
					if _, err := wait(ctx); ctx.Err() != nil {
						return nil, err
					}
					return []data.SourceRecord{rec(n)}, nil
				}}
			}), map[string]string{"errors.tolerance": tolerance}, func(t *testing.T, s *stage) {
				s.start()
				s.after(2500 * time.Millisecond)
				// Twice: what a broker refuses is sent again on its own.
				end := s.kafka.Fail(kafkatest.Fault{Request: "Produce", Error: "INVALID_RECORD", Times: 2})
				s.after(3 * time.Second)
				if end() == 0 {
					t.Fatal("the fault met nobody")
				}
				s.after(20 * time.Second)
				if tolerance == "all" {
					s.noFailure()
					if got := s.values("t"); !strings.HasPrefix(got, "v1 v2 v4 v5 ") {
						t.Errorf("got %s", got)
					}
					return
				}
				_ = s.failure("Unrecoverable exception from producer send callback")
				if h := strings.Fields(s.offsets.history()); len(h) == 0 || h[len(h)-1] != `{"at":2}` {
					t.Errorf("committed %v", h)
				}
			})
		})
	}
}

func TestSourceStall(t *testing.T) {
	onStage(t, sourcePlugin(func() connectors.SourceTask {
		return &spring{poll: func(ctx context.Context, _ int) ([]data.SourceRecord, error) { <-ctx.Done(); return nil, nil }}
	}), map[string]string{"supervisor.task.stall.warn.ms": "60000"}, func(t *testing.T, s *stage) {
		s.start()
		s.after(30 * time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.stalled) != 1 || s.stalled[0].In != "poll" || s.stalled[0].For < time.Minute {
			t.Errorf("told %+v", s.stalled)
		}
	})
}

// Given up: whatever comes of the runner afterwards, nothing of it reaches Kafka or the offsets.
func TestSourceFencedAfterItsDeadline(t *testing.T) {
	var release chan struct{}
	p := &spring{}
	p.poll = func(_ context.Context, n int) ([]data.SourceRecord, error) {
		if n == 1 {
			return []data.SourceRecord{rec(1)}, nil
		}
		release = make(chan struct{})
		<-release
		return []data.SourceRecord{rec(2)}, nil
	}
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(time.Second)
		s.send(task.Stop{By: time.Now().Add(5 * time.Second)})
		s.after(6 * time.Second)
		if s.done != 0 {
			t.Error("it says that it has ended")
		}
		s.sys.Root.Stop(s.pid)
		s.after(60 * time.Millisecond)
		if n := s.env.Host.Zombies.Alive(); n != 1 {
			t.Errorf("%d zombies", n)
		}
		close(release)
		s.after(10 * time.Second)
		if got := s.values("t"); got != "v1" {
			t.Errorf("a fenced task wrote: %s", got)
		}
		if got := s.offsets.history(); got != "" {
			t.Errorf("a fenced task committed %s", got)
		}
	})
}
