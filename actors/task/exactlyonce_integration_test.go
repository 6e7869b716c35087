//go:build integration

package task_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/actors/budget"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/actors/task"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/cluster/storage"
	"github.com/troupe-connect/troupe/connectors"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/plugin"
)

// The port of the real broker of these tests.
const realPort = 18640

// realBroker starts Kafka 4.1.1 and ends it with the test.
func realBroker(t testing.TB) string {
	t.Helper()
	service := func(action string) ([]byte, error) {
		cmd := exec.Command(filepath.Join("..", "..", "testdata", "services", "kafka"), action)
		cmd.Env = append(os.Environ(), fmt.Sprintf("KAFKA_PORT=%d", realPort))
		return cmd.CombinedOutput()
	}
	if out, err := service("start"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := service("stop"); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return fmt.Sprintf("127.0.0.1:%d", realPort)
}

// reality is a worker's environment on a real broker.
type reality struct {
	t     *testing.T
	props kafka.Props
	env   *task.Env
	admin *kafka.Admin
	conf  map[string]string

	mu       sync.Mutex
	log      strings.Builder
	failures chan *act.Failure
	done     chan struct{}
	sys      *actor.ActorSystem
	top      *actor.PID
	child    chan *actor.PID
	inc      int
}

func (r *reality) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

// inReality makes a topic of the test's name, and an environment whose worker writes in transactions.
func inReality(t *testing.T, addr string, p plugin.Plugin, conf map[string]string) (r *reality, topic string) {
	t.Helper()
	topic = strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	r = &reality{
		t: t, props: kafka.Props{"bootstrap.servers": addr}, failures: make(chan *act.Failure, 10), done: make(chan struct{}, 1),
		child: make(chan *actor.PID, 1), conf: map[string]string{"name": topic, "connector.class": p.Describe().Class, "topic": topic},
	}
	maps.Copy(r.conf, conf)
	log := slog.New(slog.NewTextHandler(r, nil))
	var err error
	if r.admin, err = kafka.NewAdmin(r.props, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.admin.Close() })
	if _, err := r.admin.CreateTopic(t.Context(), kafka.NewTopic{Name: topic, Partitions: 1, ReplicationFactor: 1}); err != nil {
		t.Fatal(err)
	}
	w, _, err := settings.LoadWorker(t.Context(), settings.Distributed, map[string]string{
		"bootstrap.servers": addr, "group.id": "g", "config.storage.topic": "configs", "offset.storage.topic": "offsets",
		"status.storage.topic": "statuses", "offset.storage.partitions": "2", "offset.storage.replication.factor": "1",
		"exactly.once.source.support": "enabled", "offset.flush.interval.ms": "500",
		"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
		"value.converter": "org.apache.kafka.connect.storage.StringConverter",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.env = envOf(t, log, p, &w, nil)
	r.env.Offsets = openTopic(t, r.props, log)
	r.env.ExactlyOnce = &task.ExactlyOnce{
		GroupID: "g",
		Fence:   func(context.Context, string) error { return nil },
		Verify:  func(context.Context, state.TaskID, int) error { return nil },
	}
	r.sys = act.NewSystem(log)
	r.top = r.sys.Root.Spawn(act.Props(func() actor.Actor { return r }))
	t.Cleanup(func() {
		_ = r.sys.Root.StopFuture(r.top).Wait()
		if t.Failed() {
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Logf("log:\n%s", r.log.String())
		}
	})
	return r, topic
}

// Receive makes an incarnation at a time.
func (r *reality) Receive(c actor.Context) {
	switch c.Message().(type) {
	case spawn:
		r.inc++
		r.child <- c.Spawn(task.Props(r.env, task.Spec{
			ID: state.TaskID{Connector: r.conf["name"]}, Inc: r.inc, Connector: r.conf, Props: r.conf, Target: state.TargetStarted,
		}))
	case task.Done:
		r.done <- struct{}{}
	}
}

func (r *reality) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	r.failures <- act.AsFailure(reason, false)
	sup.StopChildren(child)
}

func (r *reality) start() *actor.PID {
	r.sys.Root.Send(r.top, spawn{})
	return <-r.child
}

func (r *reality) stop(pid *actor.PID) {
	r.t.Helper()
	r.sys.Root.Send(pid, task.Stop{By: time.Now().Add(30 * time.Second)})
	select {
	case <-r.done:
	case f := <-r.failures:
		r.t.Fatalf("failed: %s", f.Trace())
	case <-time.After(60 * time.Second):
		r.t.Fatal("the task did not stop")
	}
	_ = r.sys.Root.StopFuture(pid).Wait()
}

// read reads a topic of one partition to its end. groups are the values that lie side by side, without
// a mark of a transaction or a hidden record between them.
func (r *reality) read(topic, isolation string) (values []string, groups [][]string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	ends, err := r.admin.EndOffsets(ctx, topic)
	if err != nil {
		r.t.Fatal(err)
	}
	end := ends[data.TopicPartition{Topic: topic}]
	props := maps.Clone(r.props)
	props["isolation.level"] = isolation
	reader, err := kafka.NewLogReader(props, topic, 1, r.env.Log)
	if err != nil {
		r.t.Fatal(err)
	}
	defer reader.Close()
	last := int64(-2)
	for reader.Position(0) < end {
		records, err := reader.Poll(ctx)
		if err != nil || ctx.Err() != nil {
			r.t.Fatalf("%s read %s to %d of %d: %v", topic, isolation, reader.Position(0), end, err)
		}
		for _, rec := range records {
			if rec.Offset != last+1 {
				groups = append(groups, nil)
			}
			last = rec.Offset
			values = append(values, string(rec.Value))
			groups[len(groups)-1] = append(groups[len(groups)-1], string(rec.Value))
		}
	}
	return values, groups
}

// counter is a source of the numbers from 1 to last, ten a batch, and goes on at its offset. With
// transaction.boundary=connector it aborts each third batch, and commits the two after that together.
type counter struct {
	topic string
	next  int
	last  int
	pace  time.Duration // up to so much between batches
	tx    connectors.TransactionContext
}

const perBatch = 10

func (c *counter) Start(ctx context.Context, tc connectors.SourceTaskContext, props map[string]string) error {
	o, err := tc.Offsets().Offset(ctx, partition)
	if n, ok := o["at"].(int64); ok {
		c.next = int(n)
	}
	c.next++
	c.topic, c.tx = props["topic"], tc.Transaction()
	return err
}

func aborted(n int) bool { return (n-1)/perBatch%3 == 0 }

func (c *counter) Poll(ctx context.Context) ([]data.SourceRecord, error) {
	if c.next > c.last {
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
		return nil, nil
	}
	if c.pace > 0 {
		time.Sleep(rand.N(c.pace))
	}
	if c.tx != nil {
		switch (c.next - 1) / perBatch % 3 {
		case 0:
			c.tx.Abort()
		case 2:
			c.tx.CommitAfter(perBatch - 1)
		}
	}
	var out []data.SourceRecord
	for range perBatch {
		r := rec(c.next)
		r.Topic = c.topic
		out = append(out, r)
		c.next++
	}
	return out, nil
}

func (c *counter) Stop(context.Context) error { return nil }

// TestRealOnceUnderKills: incarnations are given up at random moments, as by a supervisor that lost
// patience; a reader of what is committed sees each number once, in order, and never half a
// transaction.
func TestRealOnceUnderKills(t *testing.T) {
	addr := realBroker(t)
	const last, kills = 6000, 20
	for name, conf := range map[string]map[string]string{
		"poll": nil, "joined": {"transaction.boundary.join.ms": "100"}, "connector": {"transaction.boundary": "connector"},
		"interval": {"transaction.boundary": "interval", "transaction.boundary.interval.ms": "100"},
	} {
		t.Run(name, func(t *testing.T) {
			p := sourcePlugin(func() connectors.SourceTask { return &counter{last: last, pace: 6 * time.Millisecond} })
			r, topic := inReality(t, addr, p, conf)
			killed := 0
			pid := r.start()
			for ; killed < kills; killed++ {
				select {
				case f := <-r.failures:
					t.Fatalf("failed: %s", f.Trace())
				case <-time.After(time.Duration(20+rand.IntN(300)) * time.Millisecond):
				}
				_ = r.sys.Root.StopFuture(pid).Wait() // the doors are shut, whatever is under way
				pid = r.start()
			}
			r.until(fmt.Sprintf(`{"at":%d}`, last))
			r.stop(pid)
			values, groups := r.read(topic, "read_committed")
			all, _ := r.read(topic, "read_uncommitted")
			t.Logf("%d killed; committed %d in %d groups, written %d", killed, len(values), len(groups), len(all))
			var want []string
			for n := 1; n <= last; n++ {
				if name != "connector" || !aborted(n) {
					want = append(want, fmt.Sprint("v", n))
				}
			}
			if !slices.Equal(values, want) {
				t.Errorf("a reader of what is committed sees %d numbers, want %d; first difference %s", len(values), len(want), difference(values, want))
			}
			size := perBatch
			if name == "connector" {
				size *= 2
			}
			for _, g := range groups {
				if len(g)%size != 0 {
					t.Errorf("%d records of a transaction from %s on are visible, which has a multiple of %d", len(g), g[0], size)
				}
			}
			if (name == "interval" || name == "joined") && len(all) == len(values) { // with the others it is a matter of luck
				t.Error("no transaction was left open by a kill, the test shows nothing")
			}
		})
	}
}

// until waits until the worker's store has the offset.
func (r *reality) until(offset string) {
	r.t.Helper()
	key, err := storage.EncodeOffsetKey(r.conf["name"], partition)
	if err != nil {
		r.t.Fatal(err)
	}
	var got [][]byte
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); {
		if got, err = r.env.Offsets.Get(r.t.Context(), [][]byte{key}); err != nil {
			r.t.Fatal(err)
		}
		if string(got[0]) == offset {
			return
		}
		select {
		case f := <-r.failures:
			r.t.Fatalf("failed: %s", f.Trace())
		case <-time.After(20 * time.Millisecond):
		}
	}
	r.t.Fatalf("the offset is %s after 3 minutes, not %s", got[0], offset)
}

func difference(got, want []string) string {
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			return fmt.Sprintf("at %d: %v, want %v", i, got[min(i, len(got)):min(i+5, len(got))], want[i:min(i+5, len(want))])
		}
	}
	return "behind the end"
}

// TestRealOnceFenced: a producer with the same transactional id comes while a transaction is open.
// The old task fails with what to do about it, and nothing of its transaction is seen.
func TestRealOnceFenced(t *testing.T) {
	addr := realBroker(t)
	for _, tt := range []struct {
		name, boundary string
		timeout        bool // no other producer, the broker loses patience
		replaced       bool
		text           string
	}{
		{"by another", "interval", false, true, "a later generation of the connector's tasks writes with its transactional id"},
		{"by another of nobody", "interval", false, false, "before its producer transaction expired"},
		{"between transactions", "poll", false, true, "a later generation"},
		{"timed out", "interval", true, false, "increase the transaction timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			go1, go2 := make(chan struct{}), make(chan struct{})
			p := &spring{}
			topic := ""
			p.poll = func(ctx context.Context, n int) ([]data.SourceRecord, error) {
				if n == 2 {
					close(go1)
					<-go2
				}
				if n > 3 {
					return wait(ctx)
				}
				r := rec(n)
				r.Topic = topic
				return []data.SourceRecord{r}, nil
			}
			conf := map[string]string{"transaction.boundary": tt.boundary, "transaction.boundary.interval.ms": "2000"}
			if tt.timeout {
				conf["producer.override.transaction.timeout.ms"] = "1000"
			}
			r, name := inReality(t, addr, sourcePlugin(func() connectors.SourceTask { return p }), conf)
			topic = name
			r.start()
			<-go1
			if tt.replaced {
				r.env.ExactlyOnce.Verify = func(context.Context, state.TaskID, int) error { return task.ErrSuperseded }
			}
			if tt.timeout {
				r.closed(topic)
			} else {
				props := maps.Clone(r.props)
				props["transactional.id"] = "g-" + r.conf["name"] + "-0"
				other, err := kafka.NewProducer(props, r.env.Log)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(other.Abort)
				if err := other.InitTransactions(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			close(go2)
			select {
			case f := <-r.failures:
				t.Logf("%v: %s", budget.Judge(f).Class, f.Error())
				if !strings.Contains(f.Error(), tt.text) || (budget.Judge(f).Class == budget.Lasting) != tt.replaced {
					t.Errorf("fatal %v: %s", budget.Judge(f).Class, f.Trace())
				}
			case <-time.After(time.Minute):
				t.Fatal("it did not fail")
			}
			want := ""
			if tt.boundary == "poll" {
				want = "v1"
			}
			if got, _ := r.read(topic, "read_committed"); strings.Join(got, " ") != want {
				t.Errorf("visible is %q, want %q", got, want)
			}
		})
	}
}

// closed waits until a transaction was open in the topic and isn't any more: a reader of what is
// committed gets to its end. The broker looks for expired transactions each 10 s.
func (r *reality) closed(topic string) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		if values, _ := r.read(topic, "read_uncommitted"); len(values) > 0 {
			break
		}
		if time.Now().After(end) {
			r.t.Fatal("nothing was written within a minute")
		}
	}
	if values, _ := r.read(topic, "read_committed"); len(values) != 0 {
		r.t.Errorf("visible is %q of a transaction that timed out", values)
	}
}

// TestRealOnceOwnTopic: offsets in the connector's own topic, in the same transactions; then the
// connector goes on without transactions.
func TestRealOnceOwnTopic(t *testing.T) {
	addr := realBroker(t)
	last := 500
	p := sourcePlugin(func() connectors.SourceTask { return &counter{last: last} })
	r, topic := inReality(t, addr, p, map[string]string{"offsets.storage.topic": "mine"})
	for _, once := range []bool{true, false} {
		if !once {
			r.env.ExactlyOnce, last = nil, 700
		}
		pid := r.start()
		r.until(fmt.Sprintf(`{"at":%d}`, last)) // the copy in the worker's
		r.stop(pid)
		values, _ := r.read(topic, "read_committed")
		if len(values) != last {
			t.Errorf("%d numbers, want %d", len(values), last)
		}
		s, err := task.OpenOffsets(t.Context(), r.env, r.conf["name"], r.conf)
		if err != nil {
			t.Fatal(err)
		}
		pairs, err := s.Connector(t.Context(), r.conf["name"])
		if err != nil || len(pairs) != 1 || string(pairs[0].Value) != fmt.Sprintf(`{"at":%d}`, last) {
			t.Errorf("offsets %q, %v", pairs, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
