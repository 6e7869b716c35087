package task_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// What a task adds to the bare client is the difference to BenchmarkProduceBare and
// BenchmarkConsumeBare of package cluster/kafka, which move the same 100 bytes per record.

// seq is an offset that costs nothing: all are made before the clock runs.
type seq int64

func (s *seq) OffsetMap() map[string]any { return map[string]any{"at": int64(*s)} }

// fountain gives b.N records, 500 a batch, and then waits for its end.
type fountain struct {
	offsets []seq
	next    int
	batch   []data.SourceRecord
	value   any
	dry     chan struct{}
}

func (f *fountain) Start(context.Context, connectors.SourceTaskContext, map[string]string) error {
	return nil
}

func (f *fountain) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	if f.next == len(f.offsets) {
		if f.dry != nil {
			close(f.dry)
			f.dry = nil
		}
		<-ctx.Done()
		return nil, nil
	}
	f.batch = f.batch[:0]
	for ; f.next < len(f.offsets) && len(f.batch) < cap(f.batch); f.next++ {
		f.batch = append(f.batch, data.SourceRecord{
			Record:          data.Record{Topic: "t", ValueSchema: data.StringSchema, Value: f.value},
			SourcePartition: partition, SourceOffset: &f.offsets[f.next],
		})
	}
	return f.batch, nil
}

func (f *fountain) Stop(context.Context) error { return nil }

// boss is the parent of one task.
type boss struct {
	props *actor.Props
	child chan *actor.PID
	done  chan struct{}
	b     *testing.B
}

func (h *boss) Receive(c actor.Context) {
	switch c.Message().(type) {
	case *actor.Started:
		h.child <- c.Spawn(h.props)
	case task.Done:
		close(h.done)
	}
}

func (h *boss) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	h.b.Errorf("the task failed: %v", reason)
	close(h.done)
	sup.StopChildren(child)
}

// run runs a task until over is closed or it failed, stops it, and returns when it has ended.
func run(b *testing.B, cluster *kafkatest.Cluster, p plugin.Plugin, conf map[string]string, over chan struct{}) {
	b.Helper()
	log := slog.New(slog.DiscardHandler)
	runIn(b, func(p plugin.Plugin) *task.Env { return newEnv(b, cluster, log, p) }, p, conf, over)
}

// runIn is run in the worker that env makes.
func runIn(b *testing.B, newEnv func(plugin.Plugin) *task.Env, p plugin.Plugin, conf map[string]string, over chan struct{}) {
	b.Helper()
	env := newEnv(p)
	conf["name"], conf["connector.class"] = "c", p.Describe().Class
	sys := act.NewSystem(env.Log)
	h := &boss{b: b, child: make(chan *actor.PID, 1), done: make(chan struct{}), props: task.Props(env, task.Spec{
		ID: state.TaskID{Connector: "c"}, Inc: 1, Connector: conf, Props: conf, Target: state.TargetStarted,
	})}
	pid := sys.Root.Spawn(act.Props(func() actor.Actor { return h }))
	child := <-h.child
	select {
	case <-over:
		sys.Root.Send(child, task.Stop{By: time.Now().Add(30 * time.Second)})
		<-h.done
	case <-h.done:
	}
	b.StopTimer()
	_ = sys.Root.StopFuture(pid).Wait() // the process ends soon anyway
}

func BenchmarkSource(b *testing.B) { benchSource(b, map[string]string{}) }

// bucket counts.
type bucket struct {
	left int
	full chan struct{}
}

func (k *bucket) Start(context.Context, connectors.SinkTaskContext, map[string]string) error {
	return nil
}

func (k *bucket) Put(_ context.Context, batch []data.SinkRecord) error {
	if k.left > 0 && k.left <= len(batch) {
		close(k.full)
	}
	k.left -= len(batch)
	return nil
}

func (k *bucket) Stop(context.Context) error { return nil }

func BenchmarkSink(b *testing.B) { benchSink(b, map[string]string{}) }

// BenchmarkSourceOnce is BenchmarkSource with the transactions of an exactly-once worker around
// batches of 500, or one around all.
func BenchmarkSourceOnce(b *testing.B) {
	for _, boundary := range []string{"poll", "interval"} {
		b.Run(boundary, func(b *testing.B) {
			f := &fountain{
				offsets: make([]seq, b.N), batch: make([]data.SourceRecord, 0, 500), value: strings.Repeat("x", 100), dry: make(chan struct{}),
			}
			cluster := kafkatest.New(b, kafkatest.Topics(1, "t"))
			log := slog.New(slog.DiscardHandler)
			w := distributedWorker(b, cluster, nil)
			b.SetBytes(100)
			b.ReportAllocs()
			b.ResetTimer()
			runIn(b, func(p plugin.Plugin) *task.Env {
				env := newEnv(b, cluster, log, p)
				env.Worker, env.Offsets = w, startOffsets(b, cluster, log)
				env.ExactlyOnce = &task.ExactlyOnce{
					GroupID: "g",
					Fence:   func(context.Context, string) error { return nil },
					Verify:  func(context.Context, state.TaskID, int) error { return nil },
				}
				return env
			}, sourcePlugin(func() connectors.SourceTask { return f }), map[string]string{"transaction.boundary": boundary}, f.dry)
		})
	}
}
