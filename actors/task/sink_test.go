package task_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

func tp(n int32) data.TopicPartition { return data.TopicPartition{Topic: "t", Partition: n} }

// drain is a sink task with every ability; what a test doesn't set does nothing.
type drain struct {
	trail
	tc        connectors.SinkTaskContext
	open      func(tps []data.TopicPartition)
	put       func(batch []data.SinkRecord) error
	preCommit func(o connectors.Offsets) (connectors.Offsets, error)
	times     []time.Time // of puts with records
	asked     []connectors.Offsets
}

func (d *drain) Start(_ context.Context, tc connectors.SinkTaskContext, _ map[string]string) error {
	d.tc = tc
	d.note("start")
	return nil
}

func (d *drain) Open(_ context.Context, tps []data.TopicPartition) error {
	d.note("open%s", numbers(tps))
	if d.open != nil {
		d.open(tps)
	}
	return nil
}

func (d *drain) Close(_ context.Context, tps []data.TopicPartition) error {
	d.note("close%s", numbers(tps))
	return nil
}

func numbers(tps []data.TopicPartition) string {
	var out []string
	for _, tp := range tps {
		out = append(out, fmt.Sprint(tp.Partition))
	}
	slices.Sort(out)
	return "[" + strings.Join(out, ",") + "]"
}

func (d *drain) Put(_ context.Context, batch []data.SinkRecord) error {
	if len(batch) > 0 {
		d.mu.Lock()
		d.times = append(d.times, time.Now())
		d.mu.Unlock()
	}
	if d.put != nil {
		if err := d.put(batch); err != nil {
			return err
		}
	}
	for _, r := range batch {
		d.note("%v", r.Value)
	}
	return nil
}

func (d *drain) PreCommit(_ context.Context, o connectors.Offsets) (connectors.Offsets, error) {
	d.mu.Lock()
	d.asked = append(d.asked, maps.Clone(o))
	d.mu.Unlock()
	if d.preCommit != nil {
		return d.preCommit(o)
	}
	return o, nil
}

func (d *drain) Stop(context.Context) error {
	d.note("stop")
	return nil
}

// got is what was put, without the other calls.
func (d *drain) got() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(slices.DeleteFunc(slices.Clone(d.calls), func(c string) bool { return !strings.HasPrefix(c, "v") }), " ")
}

var toT = map[string]string{"topics": "t"}

func onSink(t *testing.T, d connectors.SinkTask, more map[string]string, f func(t *testing.T, s *stage)) {
	t.Helper()
	conf := maps.Clone(toT)
	maps.Copy(conf, more)
	onStage(t, sinkPlugin(func() connectors.SinkTask { return d }), conf, f)
}

// cell is a variable that the test and the task share.
type cell[T any] struct {
	mu sync.Mutex
	v  T
}

func (c *cell[T]) set(v T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.v = v
}

// take gives the value and leaves the zero value.
func (c *cell[T]) take() (v T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, c.v = c.v, v
	return v
}

// produce writes v<from> … v<to> to a partition.
func (s *stage) produce(partition int32, from, to int) {
	var records []*kafka.Record
	for i := from; i <= to; i++ {
		records = append(records, &kafka.Record{Topic: "t", Partition: partition, Value: fmt.Append(nil, "v", i)})
	}
	s.kafka.Produce(records...)
	synctest.Wait()
}

func (s *stage) wantCommitted(want kafka.Offsets) {
	s.t.Helper()
	if got := s.kafka.Committed("connect-c"); !maps.Equal(got, want) {
		s.t.Errorf("committed %v, want %v", got, want)
	}
}

func TestSinkPutsAndCommits(t *testing.T) {
	d := &drain{}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 500)
		s.start()
		s.after(9 * time.Second)
		s.want("RUNNING")
		if got := d.got(); got != sequence(500) {
			t.Errorf("got %.100s…", got)
		}
		s.wantCommitted(kafka.Offsets{})
		s.after(2 * time.Second)
		s.wantCommitted(kafka.Offsets{tp(0): 500})
		s.produce(0, 501, 510)
		s.after(time.Second)
		s.stop()
		s.noFailure()
		s.wantCommitted(kafka.Offsets{tp(0): 510})
		if !strings.HasPrefix(d.String(), "start open[0,1] v1 ") || !strings.HasSuffix(d.String(), " v510 close[0,1] stop") {
			t.Errorf("calls %.60s … %s", d.String(), d.String()[len(d.String())-60:])
		}
		if s.kafka.Members("connect-c") != 0 {
			t.Error("it is still in its group")
		}
		s.start() // the next incarnation goes on behind
		s.produce(0, 511, 511)
		s.after(5 * time.Second)
		if n := d.count("v510"); n != 1 {
			t.Errorf("the last record came %d times", n)
		}
		if d.count("v511") != 1 {
			t.Errorf("got %s", d.got())
		}
	})
}

func TestSinkRecordFields(t *testing.T) {
	var got data.SinkRecord
	when := time.UnixMilli(1_700_000_000_123)
	d := &drain{put: func(b []data.SinkRecord) error {
		if len(b) > 0 {
			got = b[0]
		}
		return nil
	}}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.kafka.Produce(&kafka.Record{
			Topic: "t", Partition: 1, Key: []byte("k"), Value: []byte("v"), Timestamp: when,
			Headers: []kafka.RecordHeader{{Key: "h", Value: []byte("1")}},
		})
		s.start()
		s.after(3 * time.Second)
		p, _ := got.Partition.Get()
		if got.Topic != "t" || p != 1 || got.Key != "k" || got.Value != "v" || !got.Timestamp.Equal(when) || got.Offset != 0 ||
			got.TimestampType != data.CreateTime || len(got.Headers) != 1 || got.OriginalTopic != "t" || got.OriginalPartition != 1 {
			t.Errorf("got %+v", got)
		}
	})
}

// A batch that is refused comes again, the same and nothing new, until it is taken.
func TestSinkRetriablePut(t *testing.T) {
	refusals := 0
	d := &drain{}
	var batches []int
	d.put = func(b []data.SinkRecord) error {
		if len(b) == 0 {
			return nil
		}
		batches = append(batches, len(b))
		if refusals < 3 {
			refusals++
			return errs.Retriable.New("try later")
		}
		return nil
	}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 5)
		s.start()
		s.after(time.Second)
		s.produce(0, 6, 7) // must not get into the refused batch, nor past it
		s.after(30 * time.Second)
		s.noFailure()
		if got := d.got(); got != sequence(7) {
			t.Errorf("got %s", got)
		}
		if !slices.Equal(batches, []int{5, 5, 5, 5, 2}) {
			t.Errorf("batches of %v", batches)
		}
		if n := strings.Count(s.logged(), "put refused a batch"); n != 1 {
			t.Errorf("%d warnings", n)
		}
		s.stop()
		s.wantCommitted(kafka.Offsets{tp(0): 7})
	})
}

// A refused batch is not committed, neither at the interval nor at the end.
func TestSinkRefusedIsNotCommitted(t *testing.T) {
	d := &drain{put: func(b []data.SinkRecord) error {
		for _, r := range b {
			if r.Value == "v3" {
				return errs.Retriable.New("not v3")
			}
		}
		return nil
	}}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 2)
		s.start()
		s.after(2 * time.Second)
		s.produce(0, 3, 3)
		s.after(40 * time.Second)
		s.wantCommitted(kafka.Offsets{tp(0): 2})
		s.stop()
		s.wantCommitted(kafka.Offsets{tp(0): 2})
		s.noFailure()
	})
}

func TestSinkTimeoutSaysWhenTheBatchComesAgain(t *testing.T) {
	d := &drain{}
	refusals := 0
	d.put = func(b []data.SinkRecord) error {
		if len(b) == 0 || refusals == 3 {
			return nil
		}
		refusals++
		d.tc.Timeout(700 * time.Millisecond)
		return errs.Retriable.New("in 700 ms")
	}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 1)
		s.start()
		s.after(20 * time.Second)
		if len(d.times) != 4 {
			t.Fatalf("%d puts", len(d.times))
		}
		for i := 1; i < len(d.times); i++ {
			if gap := d.times[i].Sub(d.times[i-1]); gap < 700*time.Millisecond || gap > 800*time.Millisecond {
				t.Errorf("put %d came after %v", i, gap)
			}
		}
	})
}

func TestSinkFailures(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		then       func() error
		stack      bool
	}{
		{"put refuses for good", "Exiting WorkerSinkTask due to unrecoverable exception: table is gone", func() error { return errors.New("table is gone") }, false},
		{"put panics", "panic: in put", func() error { panic("in put") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &drain{put: func(b []data.SinkRecord) error {
				for _, r := range b {
					if r.Value == "v4" {
						return tt.then()
					}
				}
				return nil
			}}
			onSink(t, d, nil, func(t *testing.T, s *stage) {
				s.produce(0, 1, 3)
				s.start()
				s.after(3 * time.Second)
				s.produce(0, 4, 4)
				s.after(3 * time.Second)
				f := s.failure(tt.text)
				if (f.Stack != "") != tt.stack || tt.stack && !strings.Contains(f.Stack, "task_test.") {
					t.Errorf("stack %s", f.Stack)
				}
				// As on the JVM: what was taken is committed, and the task is closed and stopped.
				s.wantCommitted(kafka.Offsets{tp(0): 3})
				if got := d.String(); got != "start open[0,1] v1 v2 v3 close[0,1] stop" {
					t.Errorf("calls %s", got)
				}
				if s.kafka.Members("connect-c") != 0 {
					t.Error("a failed task is still in its group")
				}
			})
		})
	}
}

func TestSinkPreCommit(t *testing.T) {
	t.Run("less than was put", func(t *testing.T) {
		d := &drain{preCommit: func(o connectors.Offsets) (connectors.Offsets, error) {
			return connectors.Offsets{tp(0): o[tp(0)] - 2}, nil
		}}
		onSink(t, d, nil, func(t *testing.T, s *stage) {
			s.produce(0, 1, 10)
			s.start()
			s.after(15 * time.Second)
			s.wantCommitted(kafka.Offsets{tp(0): 8})
			s.stop()
			s.wantCommitted(kafka.Offsets{tp(0): 8})
		})
	})
	t.Run("more than was put, and not its own", func(t *testing.T) {
		d := &drain{preCommit: func(connectors.Offsets) (connectors.Offsets, error) {
			return connectors.Offsets{tp(0): 11, tp(7): 1, {Topic: "u"}: 1}, nil
		}}
		onSink(t, d, nil, func(t *testing.T, s *stage) {
			s.produce(0, 1, 10)
			s.start()
			s.after(15 * time.Second)
			s.wantCommitted(kafka.Offsets{})
			s.noFailure()
			for _, text := range []string{"beyond what was put", "not asked about"} {
				if !strings.Contains(s.logged(), text) {
					t.Errorf("%q is not in the log", text)
				}
			}
		})
	})
	t.Run("nothing", func(t *testing.T) {
		d := &drain{preCommit: func(connectors.Offsets) (connectors.Offsets, error) { return nil, nil }}
		onSink(t, d, nil, func(t *testing.T, s *stage) {
			s.produce(0, 1, 10)
			s.start()
			s.after(15 * time.Second)
			s.stop()
			s.wantCommitted(kafka.Offsets{})
		})
	})
	t.Run("an error rewinds to the last commit", func(t *testing.T) {
		var fail cell[bool]
		d := &drain{preCommit: func(o connectors.Offsets) (connectors.Offsets, error) {
			if fail.take() {
				return nil, errors.New("flush failed")
			}
			return o, nil
		}}
		onSink(t, d, nil, func(t *testing.T, s *stage) {
			s.produce(0, 1, 2)
			s.start()
			s.after(11 * time.Second)
			s.wantCommitted(kafka.Offsets{tp(0): 2})
			s.produce(0, 3, 4)
			s.after(2 * time.Second)
			fail.set(true)
			s.after(8 * time.Second)
			s.noFailure()
			if got := d.got(); got != "v1 v2 v3 v4 v3 v4" {
				t.Errorf("got %s", got)
			}
			s.after(10 * time.Second)
			s.wantCommitted(kafka.Offsets{tp(0): 4})
		})
	})
	t.Run("is asked about what was taken only", func(t *testing.T) {
		d := &drain{put: func(b []data.SinkRecord) error {
			for _, r := range b {
				if r.Value == "v2" {
					return errs.Retriable.New("not v2")
				}
			}
			return nil
		}}
		onSink(t, d, nil, func(t *testing.T, s *stage) {
			s.produce(0, 1, 1)
			s.start()
			s.after(2 * time.Second)
			s.produce(0, 2, 2)
			s.after(20 * time.Second)
			for _, o := range d.asked {
				if o[tp(0)] > 1 {
					t.Errorf("asked about %v", o)
				}
			}
			if len(d.asked) == 0 {
				t.Error("never asked")
			}
		})
	})
}

// flushing has Flush instead of PreCommit.
type flushing struct {
	trail
	err cell[error]
}

func (f *flushing) Start(context.Context, connectors.SinkTaskContext, map[string]string) error {
	return nil
}
func (f *flushing) Put(context.Context, []data.SinkRecord) error { return nil }
func (f *flushing) Stop(context.Context) error                   { return nil }
func (f *flushing) Flush(_ context.Context, o connectors.Offsets) error {
	f.note("flush:%d", o[tp(0)])
	return f.err.take()
}

func TestSinkFlush(t *testing.T) {
	f := &flushing{}
	onSink(t, f, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 3)
		s.start()
		s.after(11 * time.Second)
		s.wantCommitted(kafka.Offsets{tp(0): 3})
		f.err.set(errors.New("disk full"))
		s.produce(0, 4, 5)
		s.after(2 * time.Second)
		s.stop()
		s.wantCommitted(kafka.Offsets{tp(0): 3})
		if !strings.HasPrefix(f.String(), "flush:3") || !strings.HasSuffix(f.String(), "flush:5") {
			t.Errorf("calls %s", f.String())
		}
	})
}

func TestSinkOffsetsInOpen(t *testing.T) {
	d := &drain{}
	d.open = func([]data.TopicPartition) { d.tc.Offset(connectors.Offsets{tp(0): 7, {Topic: "u"}: 3}) }
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 10)
		s.produce(1, 101, 102)
		s.start()
		s.after(5 * time.Second)
		s.noFailure()
		got := strings.Fields(d.got())
		slices.Sort(got)
		if !slices.Equal(got, []string{"v10", "v101", "v102", "v8", "v9"}) {
			t.Errorf("got %v", got)
		}
		s.stop()
		s.wantCommitted(kafka.Offsets{tp(0): 10, tp(1): 2})
	})
}

func TestSinkRewindInPut(t *testing.T) {
	d := &drain{}
	once := true
	d.put = func(b []data.SinkRecord) error {
		if len(b) > 0 && once {
			once = false
			d.tc.Offset(connectors.Offsets{tp(0): 1})
		}
		return nil
	}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 3)
		s.start()
		s.after(5 * time.Second)
		if got := d.got(); got != "v1 v2 v3 v2 v3" {
			t.Errorf("got %s", got)
		}
	})
}

func TestSinkContextPauseResume(t *testing.T) {
	d := &drain{}
	var (
		step   cell[string]
		errsOf cell[[]error]
	)
	d.put = func([]data.SinkRecord) error {
		switch step.take() {
		case "pause":
			errsOf.set([]error{d.tc.Pause(tp(0))})
		case "resume":
			errsOf.set([]error{d.tc.Resume(tp(0))})
		case "foreign":
			errsOf.set([]error{d.tc.Pause(tp(9)), d.tc.Resume(data.TopicPartition{Topic: "u"})})
		case "assignment":
			if got := d.tc.Assignment(); !slices.Equal(got, []data.TopicPartition{tp(0), tp(1)}) {
				errsOf.set([]error{fmt.Errorf("assignment %v", got)})
			}
		}
		return nil
	}
	turn := func(s *stage, what string) []error {
		step.set(what)
		s.after(10 * time.Second) // put comes at each commit, with or without records
		return errsOf.take()
	}
	fine := func(s *stage, what string) {
		s.t.Helper()
		if err := errors.Join(turn(s, what)...); err != nil {
			s.t.Error(err)
		}
	}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.start()
		s.after(time.Second)
		fine(s, "assignment")
		fine(s, "pause")
		s.produce(0, 1, 2)
		s.produce(1, 11, 11)
		s.after(5 * time.Second)
		if got := d.got(); got != "v11" {
			t.Errorf("while partition 0 is paused: %s", got)
		}
		// The connector's own pause and resume do not undo the task's.
		s.send(task.SetPaused{Paused: true})
		s.after(2 * time.Second)
		s.produce(1, 12, 12)
		s.after(2 * time.Second)
		if got := d.got(); got != "v11" {
			t.Errorf("while all is paused: %s", got)
		}
		s.send(task.SetPaused{})
		s.after(5 * time.Second)
		if got := d.got(); got != "v11 v12" {
			t.Errorf("after the connector's resume: %s", got)
		}
		fine(s, "resume")
		s.after(2 * time.Second)
		if got := d.got(); got != "v11 v12 v1 v2" {
			t.Errorf("after the task's resume: %s", got)
		}
		got := turn(s, "foreign")
		if len(got) != 2 || !errors.Is(got[0], errs.IllegalState) || !errors.Is(got[1], errs.IllegalState) {
			t.Errorf("foreign partitions: %v", got)
		}
		s.want("RUNNING PAUSED RUNNING")
		s.noFailure()
	})
}

func TestSinkPauseCommits(t *testing.T) {
	d := &drain{}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 3)
		s.start()
		s.after(2 * time.Second)
		s.send(task.SetPaused{Paused: true})
		s.after(time.Second)
		s.wantCommitted(kafka.Offsets{tp(0): 3})
		s.produce(0, 4, 4)
		s.after(time.Minute)
		s.want("RUNNING PAUSED")
		if d.got() != sequence(3) {
			t.Errorf("got %s", d.got())
		}
		s.stop()
		s.noFailure()
	})
}

func TestSinkRequestCommit(t *testing.T) {
	d := &drain{}
	d.put = func(b []data.SinkRecord) error {
		if len(b) > 0 {
			d.tc.RequestCommit()
		}
		return nil
	}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 3)
		s.start()
		s.after(2 * time.Second)
		s.wantCommitted(kafka.Offsets{tp(0): 3})
	})
}

// Another member takes a partition: its records are put and committed before it goes.
func TestSinkRevoked(t *testing.T) {
	d := &drain{}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 3)
		s.produce(1, 11, 13)
		s.start()
		s.after(3 * time.Second)
		other, err := kafka.NewConsumer(kafka.Props{
			"bootstrap.servers": s.kafka.Bootstrap(), "session.timeout.ms": "6000", "heartbeat.interval.ms": "500",
		}, "connect-c", []string{"t"}, "", s.env.Log, s.kafka.Option())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close(context.Background())
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var theirs *kafka.Rebalance
		for theirs == nil {
			p, err := other.Poll(ctx, 0)
			if err != nil || ctx.Err() != nil {
				t.Fatalf("the other member got nothing: %v", err)
			}
			if p.Rebalance != nil {
				p.Rebalance.Done(nil)
				if len(p.Rebalance.Partitions) > 0 {
					theirs = p.Rebalance
				}
			}
		}
		if len(theirs.Partitions) != 1 || theirs.Position[theirs.Partitions[0]] != 3 {
			t.Errorf("the other member begins at %v", theirs.Position)
		}
		synctest.Wait()
		if n := d.count("close" + numbers(theirs.Partitions)); n != 1 && d.count("close[0,1]") != 1 {
			t.Errorf("calls %s", d.String())
		}
		s.noFailure()
	})
}

// Lost partitions are closed without a commit, and the task goes on when it has them again.
func TestSinkKafkaAwayThenBack(t *testing.T) {
	d := &drain{}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 3)
		s.start()
		s.after(3 * time.Second)
		s.kafka.Stop()
		s.after(time.Minute)
		s.kafka.Start()
		s.after(20 * time.Second)
		s.produce(0, 4, 6)
		s.after(20 * time.Second)
		s.noFailure()
		s.want("RUNNING")
		for i := 1; i <= 6; i++ {
			if d.count(fmt.Sprint("v", i)) == 0 {
				t.Errorf("v%d never came", i)
			}
		}
		s.stop()
		s.wantCommitted(kafka.Offsets{tp(0): 6})
	})
}

// A commit that Kafka refuses for the moment is tried again at the next interval.
func TestSinkCommitRefused(t *testing.T) {
	d := &drain{}
	onSink(t, d, nil, func(t *testing.T, s *stage) {
		s.produce(0, 1, 3)
		s.start()
		s.after(5 * time.Second)
		end := s.kafka.Fail(kafkatest.Fault{Request: "OffsetCommit", Error: "OFFSET_METADATA_TOO_LARGE", Times: -1})
		s.after(6 * time.Second)
		if end() == 0 {
			t.Fatal("the fault met nobody")
		}
		s.noFailure()
		s.wantCommitted(kafka.Offsets{})
		s.after(10 * time.Second)
		s.wantCommitted(kafka.Offsets{tp(0): 3})
		if got := d.got(); got != sequence(3) {
			t.Errorf("got %s", got)
		}
	})
}

func TestSinkTolerance(t *testing.T) {
	for _, tolerance := range []string{"none", "all"} {
		t.Run(tolerance, func(t *testing.T) {
			d := &drain{}
			onSink(t, d, map[string]string{
				"value.converter":  "org.apache.kafka.connect.converters.LongConverter",
				"errors.tolerance": tolerance, "errors.log.enable": "true",
			}, func(t *testing.T, s *stage) {
				s.kafka.Produce(
					&kafka.Record{Topic: "t", Value: []byte{0, 0, 0, 0, 0, 0, 0, 1}},
					&kafka.Record{Topic: "t", Value: []byte("bad")},
					&kafka.Record{Topic: "t", Value: []byte{0, 0, 0, 0, 0, 0, 0, 3}},
				)
				s.start()
				s.after(5 * time.Second)
				if tolerance == "none" {
					_ = s.failure("Tolerance exceeded in error handler")
					return
				}
				s.noFailure()
				if got := d.String(); got != "start open[0,1] 1 3" {
					t.Errorf("calls %s", got)
				}
				s.stop()
				s.wantCommitted(kafka.Offsets{tp(0): 3}) // what was skipped counts as done
			})
		})
	}
}

// Given up while it hangs in put: it leaves its group, so that the next incarnation gets its
// partitions at once, and commits nothing when it comes back.
func TestSinkGivenUpLeavesItsGroup(t *testing.T) {
	var release chan struct{}
	hung := false
	first := &drain{}
	first.put = func(b []data.SinkRecord) error {
		if len(b) > 0 && !hung {
			hung, release = true, make(chan struct{})
			<-release
		}
		return nil
	}
	second := &drain{}
	tasks := []connectors.SinkTask{first, second}
	onStage(t, sinkPlugin(func() connectors.SinkTask {
		next := tasks[0]
		tasks = tasks[1:]
		return next
	}), toT, func(t *testing.T, s *stage) {
		s.produce(0, 1, 3)
		s.start()
		s.after(2 * time.Second)
		s.send(task.Stop{By: time.Now().Add(5 * time.Second)})
		s.after(6 * time.Second)
		s.sys.Root.Stop(s.pid)
		s.after(time.Second)
		if n := s.kafka.Members("connect-c"); n != 0 {
			t.Errorf("%d members: who hangs is still in the group", n)
		}
		s.start()
		s.after(5 * time.Second)
		if got := second.got(); got != sequence(3) {
			t.Errorf("the next incarnation got %s", got)
		}
		close(release)
		s.after(2 * time.Second) // before the interval of the second ends
		s.wantCommitted(kafka.Offsets{})
		if n := s.env.Host.Zombies.Alive(); n != 0 {
			t.Errorf("%d zombies", n)
		}
		s.stop()
		s.wantCommitted(kafka.Offsets{tp(0): 3})
	})
}

// A constructor that panics leaves no consumer in the group.
func TestSinkConstructorPanics(t *testing.T) {
	onStage(t, sinkPlugin(func() connectors.SinkTask { panic("no constructor") }), toT, func(t *testing.T, s *stage) {
		s.start()
		s.after(10 * time.Second)
		_ = s.failure("panic: no constructor")
		if n := s.kafka.Members("connect-c"); n != 0 {
			t.Errorf("%d members", n)
		}
	})
}

// A bad record whose way into the dead letter queue fails must not be committed past, neither at the
// interval nor at the end of the task that fails for it.
func TestSinkLostDeadLetter(t *testing.T) {
	for _, fault := range []string{"", "INVALID_RECORD"} {
		t.Run("fault "+fault, func(t *testing.T) {
			d := &drain{}
			onSink(t, d, map[string]string{
				"value.converter":  "org.apache.kafka.connect.converters.LongConverter",
				"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq",
				"errors.deadletterqueue.topic.replication.factor": "1", "errors.deadletterqueue.context.headers.enable": "true",
			}, func(t *testing.T, s *stage) {
				s.kafka.CreateTopic("dlq", 1, nil)
				if fault != "" {
					s.kafka.Fail(kafkatest.Fault{Request: "Produce", Topic: "dlq", Error: fault, Times: -1})
				}
				good := func(n byte) *kafka.Record {
					return &kafka.Record{Topic: "t", Value: []byte{0, 0, 0, 0, 0, 0, 0, n}}
				}
				s.kafka.Produce(good(1), &kafka.Record{Topic: "t", Value: []byte("bad")}, good(3))
				s.start()
				s.after(15 * time.Second)
				if fault == "" {
					s.noFailure()
					s.stop()
					s.wantCommitted(kafka.Offsets{tp(0): 3})
					if got := s.values("dlq"); got != "bad" {
						t.Errorf("the dead letter queue holds %q", got)
					}
					return
				}
				_ = s.failure("dead letter queue")
				s.wantCommitted(kafka.Offsets{})
			})
		})
	}
}
