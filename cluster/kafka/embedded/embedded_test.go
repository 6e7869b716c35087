package embedded_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/embedded"
	"github.com/troupe-connect/troupe/connectors/data"
)

var discard = slog.New(slog.DiscardHandler)

func start(t *testing.T, cfg embedded.Config) *embedded.Broker {
	t.Helper()
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	cfg.Log = discard
	b, err := embedded.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func write(t *testing.T, address, topic string, from, to int) {
	t.Helper()
	p, err := kafka.NewProducer(kafka.Props{"bootstrap.servers": address}, discard)
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		err := p.Produce(within(t), &kafka.Record{Topic: topic, Partition: kafka.NoPartition, Value: fmt.Append(nil, i)}, func(_ *kafka.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(within(t)); err != nil {
		t.Fatal(err)
	}
}

// read reads n records as group g, commits them and returns the first and last.
func read(t *testing.T, address, topic string, n int) (first, last string) {
	t.Helper()
	c, err := kafka.NewConsumer(kafka.Props{"bootstrap.servers": address, "fetch.max.wait.ms": "50"}, "g", []string{topic}, "", discard)
	if err != nil {
		t.Fatal(err)
	}
	next := kafka.Offsets{}
	for ctx := within(t); n > 0; {
		p, err := c.Poll(ctx, 0)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("%d records are missing: %v %v", n, err, ctx.Err())
		}
		for _, r := range p.Records {
			if first == "" {
				first = string(r.Value)
			}
			last = string(r.Value)
			next[data.TopicPartition{Topic: r.Topic, Partition: r.Partition}] = r.Offset + 1
			n--
		}
		if p.Rebalance != nil {
			p.Rebalance.Done(nil)
		}
	}
	if err := c.Commit(within(t), next); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(within(t)); err != nil {
		t.Fatal(err)
	}
	return first, last
}

func TestKeepsEverythingOverARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quickstart")
	b := start(t, embedded.Config{Dir: dir})
	write(t, b.Address(), "new-topic", 0, 100)
	if first, last := read(t, b.Address(), "new-topic", 60); first != "0" || last < "59" {
		t.Errorf("read %s to %s", first, last)
	}
	a, err := kafka.NewAdmin(kafka.Props{"bootstrap.servers": b.Address()}, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	id, err := a.ClusterID(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(id) != 22 {
		t.Errorf("cluster id %q", id)
	}
	if _, err := a.CreateTopic(within(t), kafka.NewTopic{Name: "compacted", Partitions: 3, ReplicationFactor: 1, Configs: map[string]string{"cleanup.policy": "compact"}}); err != nil {
		t.Fatal(err)
	}
	before, err := a.ListGroupOffsets(within(t), "g")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b = start(t, embedded.Config{Dir: dir, Address: b.Address()})
	a2, err := kafka.NewAdmin(kafka.Props{"bootstrap.servers": b.Address()}, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer a2.Close()
	if again, err := a2.ClusterID(within(t)); err != nil || again != id {
		t.Errorf("cluster id %s became %s (%v)", id, again, err)
	}
	after, err := a2.ListGroupOffsets(within(t), "g")
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) || len(after) != 1 {
		t.Errorf("offsets %v became %v (%v)", before, after, err)
	}
	if configs, err := a2.DescribeTopicConfigs(within(t), "compacted"); err != nil || configs["cleanup.policy"] != "compact" {
		t.Errorf("settings of a topic: %v (%v)", configs["cleanup.policy"], err)
	}
	write(t, b.Address(), "new-topic", 100, 110)
	ends, err := a2.EndOffsets(within(t), "new-topic")
	if err != nil || ends[data.TopicPartition{Topic: "new-topic"}] != 110 {
		t.Errorf("end offsets %v (%v)", ends, err)
	}
}

// A folder as a crash leaves it: copied while the broker runs.
func TestSurvivesACrash(t *testing.T) {
	dir, crashed := t.TempDir(), t.TempDir()
	b := start(t, embedded.Config{Dir: dir})
	write(t, b.Address(), "t", 0, 1000)
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	c := start(t, embedded.Config{Dir: crashed})
	if first, last := read(t, c.Address(), "t", 1000); first != "0" || last != "999" {
		t.Errorf("read %s to %s", first, last)
	}
}

func TestOneBrokerPerFolder(t *testing.T) {
	dir := t.TempDir()
	b := start(t, embedded.Config{Dir: dir})
	if _, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Address: "127.0.0.1:0", Log: discard}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second broker in the folder: %v", err)
	}
	if err := embedded.Remove(dir); err == nil {
		t.Error("the folder of a running broker was removed")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := embedded.Remove(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is still there")
	}
	if err := embedded.Remove(t.TempDir()); err == nil {
		t.Error("a folder that isn't a broker's was removed")
	}
}

func TestAddress(t *testing.T) {
	b := start(t, embedded.Config{Address: "0.0.0.0:0"})
	if !strings.HasPrefix(b.Address(), "localhost:") {
		t.Errorf("on every interface it says %s", b.Address())
	}
	write(t, b.Address(), "t", 0, 1)
	named := start(t, embedded.Config{Address: "127.0.0.1:0", Advertise: "127.0.0.1"})
	write(t, named.Address(), "t", 0, 1)
	if _, err := embedded.Start(t.Context(), embedded.Config{Address: named.Address(), Log: discard}); err == nil || !strings.Contains(err.Error(), named.Address()) {
		t.Errorf("a taken address: %v", err)
	}
	for _, bad := range []string{"nowhere", "h:x", "h:99999"} {
		if _, err := embedded.Start(t.Context(), embedded.Config{Address: bad, Log: discard}); err == nil {
			t.Errorf("address %s was taken", bad)
		}
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, err := embedded.Start(ctx, embedded.Config{Address: "127.0.0.1:0", Log: discard})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for end := time.Now().Add(10 * time.Second); ; {
		conn, err := net.DialTimeout("tcp", b.Address(), time.Second)
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(end) {
			t.Fatal("it is still there")
		}
	}
}
