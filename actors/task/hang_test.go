package task_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
	"github.com/troupe-connect/troupe/smt"
)

// hangs is a plugin's object of any kind that works on the first records and hangs at one: the
// transform, predicate or converter of these tests.
type hangs struct {
	on      string // value at which it hangs
	release chan struct{}
	ctx     context.Context // as WorkUntil gave it; nil of one that doesn't want to know
	heed    bool            // returns when ctx ends
}

func (h *hangs) at(value any) error {
	if b, ok := value.([]byte); ok {
		value = string(b)
	}
	if value != h.on {
		return nil
	}
	if h.heed {
		<-h.ctx.Done()
		return context.Cause(h.ctx)
	}
	<-h.release
	return nil
}

func (h *hangs) WorkUntil(ctx context.Context) { h.ctx = ctx }

type hangingTransform struct{ *hangs }

func (hangingTransform) Configure(map[string]string) error { return nil }
func (h hangingTransform) Apply(r *data.Record) (*data.Record, error) {
	return r, h.at(r.Value)
}
func (hangingTransform) Close() error { return nil }

type hangingPredicate struct{ *hangs }

func (hangingPredicate) Configure(map[string]string) error   { return nil }
func (h hangingPredicate) Test(r *data.Record) (bool, error) { return false, h.at(r.Value) }
func (hangingPredicate) Close() error                        { return nil }

// hangingConverter passes text through; its methods have pointer receivers, the others' have not.
type hangingConverter struct{ *hangs }

func (*hangingConverter) Configure(map[string]string, bool) error { return nil }
func (c *hangingConverter) FromConnect(_ string, _ *data.Schema, v any) ([]byte, error) {
	s, _ := v.(string)
	return []byte(s), c.at(v)
}

func (c *hangingConverter) ToConnect(_ string, b []byte) (data.SchemaAndValue, error) {
	return data.SchemaAndValue{Schema: data.StringSchema, Value: string(b)}, c.at(b)
}

// plugins are the three of them around one object.
func (h *hangs) plugins() []plugin.Plugin {
	return []plugin.Plugin{
		smt.Plugin{Descriptor: plugin.Descriptor{Class: "test.HangingTransform"}, New: func() smt.Transform { return hangingTransform{h} }},
		smt.PredicatePlugin{Descriptor: plugin.Descriptor{Class: "test.HangingPredicate"}, New: func() smt.Predicate { return hangingPredicate{h} }},
		codecs.Plugin{Descriptor: plugin.Descriptor{Class: "test.HangingConverter"}, New: func() codecs.Converter { return &hangingConverter{h} }},
	}
}

// warnsAfter is a minute until a call counts as hanging.
func warnsAfter(minute map[string]string) map[string]string {
	if minute == nil {
		minute = map[string]string{}
	}
	minute["supervisor.task.stall.warn.ms"] = "60000"
	return minute
}

var (
	transformHangs = map[string]string{"transforms": "h", "transforms.h.type": "test.HangingTransform"}
	predicateHangs = map[string]string{
		"transforms": "h", "transforms.h.type": "test.HangingTransform", "transforms.h.predicate": "p",
		"predicates": "p", "predicates.p.type": "test.HangingPredicate",
	}
	converterHangs = map[string]string{"value.converter": "test.HangingConverter"}
)

// wantStall checks that one stall was told of within 75 s, and none but that.
func (s *stage) wantStall(in, class, record string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stalled) != 1 {
		s.t.Fatalf("told of %d stalls: %+v", len(s.stalled), s.stalled)
	}
	got := s.stalled[0]
	if got.In != in || got.Class != class || !strings.Contains(got.Record, record) || (record == "") != (got.Record == "") {
		s.t.Errorf("told of %q in %q at %q", got.Class, got.In, got.Record)
	}
	if got.For < time.Minute || got.For > 75*time.Second {
		s.t.Errorf("told after %v", got.For)
	}
	for _, part := range []string{in, class, got.Record} {
		if !strings.Contains(got.Text(), part) {
			s.t.Errorf("text %q without %q", got.Text(), part)
		}
	}
}

// ended is how often the task said that it has ended.
func (s *stage) ended() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done
}

// wantNotes checks what the status says of the task besides its state.
func (s *stage) wantNotes(n int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notes) != n || n > 0 && s.notes[n-1].Text != "" {
		s.t.Errorf("notes %+v, want %d, the last empty", s.notes, n)
	}
}

func TestHangingTransformsAndConvertersAreNoticed(t *testing.T) {
	for _, tt := range []struct {
		name, class string
		conf        map[string]string
	}{
		{"transform", "test.HangingTransform", transformHangs},
		{"predicate", "test.HangingTransform", predicateHangs},
		{"converter", "test.HangingConverter", converterHangs},
	} {
		conf := func() map[string]string {
			out := warnsAfter(nil)
			maps.Copy(out, tt.conf)
			return out
		}
		t.Run("source/"+tt.name, func(t *testing.T) {
			h := &hangs{on: "v2"}
			onStageWith(t, sourcePlugin(func() connectors.SourceTask { return threeRecords() }), conf(), h.plugins(), func(t *testing.T, s *stage) {
				h.release = make(chan struct{})
				s.start()
				s.after(30 * time.Minute)
				s.wantStall("transforms and converters", tt.class, "sourceOffset={at=2}")
				if stack := s.stalled[0].Stack; !strings.Contains(stack, "(*hangs).at") {
					t.Errorf("the stack does not show where it hangs:\n%s", stack)
				}
				close(h.release)
				s.after(time.Minute)
				s.wantNotes(1)
				if got := s.values("t"); got != "v1 v2 v3" {
					t.Errorf("wrote %s", got)
				}
				s.stop()
			})
		})
		t.Run("sink/"+tt.name, func(t *testing.T) {
			h, b := &hangs{on: "v2"}, &basin{}
			onStageWith(t, sinkPlugin(func() connectors.SinkTask { return b }), withTopics(conf()), h.plugins(), func(t *testing.T, s *stage) {
				h.release = make(chan struct{})
				s.kafka.Produce(text("t", 0, "v1"), text("t", 0, "v2"), text("t", 0, "v3"))
				s.start()
				s.after(30 * time.Minute)
				s.wantStall("transforms and converters", tt.class, "topic='t', partition=0, offset=1")
				close(h.release)
				s.after(time.Minute)
				s.wantNotes(1)
				s.stop()
			})
		})
	}
}

func withTopics(conf map[string]string) map[string]string {
	conf["topics"] = "t"
	return conf
}

func text(topic string, partition int32, value string) *kafka.Record {
	return &kafka.Record{Topic: topic, Partition: partition, Value: []byte(value)}
}

// threeRecords gives three records in one batch and then waits a second at a time.
func threeRecords() *spring {
	return &spring{poll: func(ctx context.Context, n int) ([]data.SourceRecord, error) {
		if n == 1 {
			return []data.SourceRecord{rec(1), rec(2), rec(3)}, nil
		}
		sleep(ctx, time.Second)
		return nil, nil
	}}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// basin is a sink that takes everything.
type basin struct{ bucket }

func (*basin) Put(context.Context, []data.SinkRecord) error { return nil }

// listener is a source task that hangs when it is told of commits or records.
type listener struct {
	*spring
	once    sync.Once
	release chan struct{}
}

func (l *listener) hang() error { l.once.Do(func() { <-l.release }); return nil }

type commitListener struct{ *listener }

func (c commitListener) Commit(context.Context) error { return c.hang() }

type recordListener struct{ *listener }

func (r recordListener) CommitRecord(context.Context, *data.SourceRecord, *connectors.RecordMetadata) error {
	return r.hang()
}

func TestHangingCommitIsNoticed(t *testing.T) {
	for name, task := range map[string]func(*listener) connectors.SourceTask{
		"commit":       func(l *listener) connectors.SourceTask { return commitListener{l} },
		"commitRecord": func(l *listener) connectors.SourceTask { return recordListener{l} },
	} {
		t.Run(name, func(t *testing.T) {
			l := &listener{spring: threeRecords()}
			onStage(t, sourcePlugin(func() connectors.SourceTask { return task(l) }), warnsAfter(nil), func(t *testing.T, s *stage) {
				l.release = make(chan struct{})
				s.start()
				s.after(10 * time.Minute)
				s.wantStall(name, "", "")
				close(l.release)
				s.after(time.Minute)
				s.wantNotes(1)
				s.stop()
			})
		})
	}
}

// A broker that is away is no plugin that hangs: the producer is named, with the record that it does not take.
func TestBlockedProduceIsNoticed(t *testing.T) {
	onStage(t, sourcePlugin(func() connectors.SourceTask { return threeRecords() }), warnsAfter(nil), func(t *testing.T, s *stage) {
		s.kafka.Stop()
		s.start()
		s.after(10 * time.Minute)
		s.wantStall("produce", "", "sourceOffset={at=1}")
		if !strings.Contains(s.stalled[0].Text(), "Kafka is not reachable") {
			t.Errorf("text %q", s.stalled[0].Text())
		}
		s.kafka.Start()
		s.after(time.Minute)
		s.wantNotes(1)
		if got := s.values("t"); got != "v1 v2 v3" {
			t.Errorf("wrote %s", got)
		}
		s.stop()
	})
}

// A transform that heeds its deadline lets its task stop in time, with the offsets of what went before
// committed; one that doesn't is left behind.
func TestTransformIsCalledBackBeforeTheDeadline(t *testing.T) {
	h := &hangs{on: "v2", heed: true}
	onStageWith(t, sourcePlugin(func() connectors.SourceTask { return threeRecords() }), transformHangs, h.plugins(), func(t *testing.T, s *stage) {
		s.start()
		s.after(time.Minute)
		begun := time.Now()
		s.sys.Root.Send(s.pid, task.Stop{By: begun.Add(5 * time.Second)})
		s.after(3900 * time.Millisecond)
		if s.ended() != 0 {
			t.Error("called back before its time")
		}
		s.after(1 * time.Second)
		if s.ended() != 1 {
			t.Error("the task did not stop in time")
		}
		if got := s.offsets.history(); got != `{"at":1}` {
			t.Errorf("committed %s", got)
		}
	})
}

// process is a task in a process of its own, which hangs in poll until it is killed.
type process struct {
	*spring
	end chan struct{}
}

func (p *process) Kill() error { close(p.end); return nil }

func TestProcessIsKilledAtTheDeadline(t *testing.T) {
	p := &process{}
	onStage(t, sourcePlugin(func() connectors.SourceTask { return p }), nil, func(t *testing.T, s *stage) {
		p.end = make(chan struct{})
		p.spring = &spring{poll: func(context.Context, int) ([]data.SourceRecord, error) { <-p.end; return nil, context.Canceled }}
		s.start()
		s.after(time.Second)
		s.sys.Root.Send(s.pid, task.Stop{By: time.Now().Add(5 * time.Second)})
		s.after(4900 * time.Millisecond)
		if s.ended() != 0 {
			t.Error("killed before its time was over")
		}
		s.after(150 * time.Millisecond)
		synctest.Wait()
		if s.ended() != 1 || s.env.Host.Zombies.Alive() != 0 {
			t.Errorf("ended %d times, %d zombies", s.ended(), s.env.Host.Zombies.Alive())
		}
	})
}
