// Package kafkatest is a Kafka cluster for tests: in the test's process, up in a millisecond, with
// faults on demand. It is franz-go's kfake, on a port of its own or wholly in memory.
//
//	c := kafkatest.New(t)
//	p, err := kafka.NewProducer(c.Props(), log, c.Option())
//
// With InMemory it works within a testing/synctest bubble; every client then needs c.Option().
//
// A test that is green here says nothing about where kfake differs from Kafka: it takes a record without
// key in a compacted topic and any name of a topic, answers fencing with another code, compacts only when
// told, and closes the connection on a wrong password instead of saying so (make a Fault of
// SASLAuthenticate for that).
package kafkatest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
)

// Cluster is a running cluster. It is closed when its test ends.
type Cluster struct {
	t    testing.TB
	fake *kfake.Cluster
	net  *network
	dial kafka.DialFunc // nil: the real network
	tls  *tls.Config
}

// Option sets up a cluster.
type Option func(*setup)

type setup struct {
	opts     []kfake.Opt
	memory   bool
	client   *tls.Config
	noCreate bool
}

// Brokers is the number of brokers, 1 by default.
func Brokers(n int) Option { return func(s *setup) { s.opts = append(s.opts, kfake.NumBrokers(n)) } }

// Topics makes topics with so many partitions each.
func Topics(partitions int32, names ...string) Option {
	return func(s *setup) { s.opts = append(s.opts, kfake.SeedTopics(partitions, names...)) }
}

// NoAutoCreate is a cluster with auto.create.topics.enable=false.
func NoAutoCreate() Option { return func(s *setup) { s.noCreate = true } }

// InMemory leaves the network out: for testing/synctest. Clients need Cluster.Option.
func InMemory() Option { return func(s *setup) { s.memory = true } }

// User makes the cluster ask for a login by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
func User(mechanism, name, password string) Option {
	return func(s *setup) {
		s.opts = append(s.opts, kfake.EnableSASL(), kfake.Superuser(mechanism, name, password))
	}
}

// TLS makes the cluster speak TLS: server is its side, client that of the cluster's own helpers.
func TLS(server, client *tls.Config) Option {
	return func(s *setup) {
		s.opts = append(s.opts, kfake.TLS(server))
		s.client = client
	}
}

// Blackhole takes records without keeping them, for benchmarks of producers.
func Blackhole() Option { return func(s *setup) { s.opts = append(s.opts, kfake.BlackholeProduce()) } }

// Settings are broker settings, such as message.max.bytes.
func Settings(configs map[string]string) Option {
	return func(s *setup) { s.opts = append(s.opts, kfake.BrokerConfigs(configs)) }
}

// New starts a cluster.
func New(t testing.TB, opts ...Option) *Cluster {
	t.Helper()
	s := setup{opts: []kfake.Opt{kfake.NumBrokers(1), kfake.DefaultNumPartitions(1), kfake.GroupMinSessionTimeout(100 * time.Millisecond)}}
	for _, o := range opts {
		o(&s)
	}
	if !s.noCreate {
		s.opts = append(s.opts, kfake.AllowAutoTopicCreation())
	}
	c := &Cluster{t: t, net: &network{listen: net.Listen}, tls: s.client}
	if s.memory {
		virtual := &kfake.VirtualNetwork{}
		c.net.listen, c.dial = virtual.Listen, virtual.DialContext
		s.opts = append(s.opts, kfake.Ports(19092))
	}
	fake, err := kfake.NewCluster(append(s.opts, kfake.ListenFn(c.net.Listen))...)
	if err != nil {
		t.Fatalf("kafkatest: %v", err)
	}
	c.fake = fake
	t.Cleanup(fake.Close)
	return c
}

// Bootstrap is the brokers' addresses.
func (c *Cluster) Bootstrap() string { return strings.Join(c.fake.ListenAddrs(), ",") }

// Props are the client properties that every client of the cluster needs, a new map each time.
func (c *Cluster) Props() kafka.Props {
	return kafka.Props{"bootstrap.servers": c.Bootstrap()}
}

// Option is what clients need to reach a cluster in memory; for others it does nothing.
func (c *Cluster) Option() kafka.Option { return kafka.WithDialer(c.dial) }

// Stop makes the cluster unreachable: connections break and new ones break at once, until Start.
// Its data stays.
func (c *Cluster) Stop() { c.net.set(stopped) }

// Hang makes the cluster silent: connections stay and nothing comes through, until Start.
func (c *Cluster) Hang() { c.net.set(hung) }

// Start undoes Stop and Hang.
func (c *Cluster) Start() { c.net.set(running) }

// Fault fails requests.
type Fault struct {
	Request      string // as in Kafka's protocol: Produce, Fetch, OffsetCommit, …; "" is any
	Topic, Group string // "" is any
	Error        string // as in Kafka's protocol: NOT_LEADER_OR_FOLLOWER, …
	Times        int    // requests to fail; 0 is one, -1 all until the fault is removed
	TopLevel     bool   // fail the whole request and not its topics or partitions
}

// Fail begins a fault; the function returned ends it and says how many requests it met.
func (c *Cluster) Fail(f Fault) func() int64 {
	c.t.Helper()
	fault := kfake.Fault{Topic: f.Topic, Group: f.Group, Count: f.Times, TopLevel: f.TopLevel, Err: c.errorNamed(f.Error)}
	if f.Request != "" {
		key := kmsg.Key(-1)
		for k := kmsg.Key(0); k <= kmsg.MaxKey; k++ {
			if k.Name() == f.Request {
				key = k
			}
		}
		if key < 0 {
			c.t.Fatalf("kafkatest: no request is called %q", f.Request)
		}
		fault.Keys = []kmsg.Key{key}
	}
	h := c.fake.Fault(fault)
	return func() int64 {
		h.Remove()
		return int64(h.Hits())
	}
}

func (c *Cluster) errorNamed(name string) *kerr.Error {
	c.t.Helper()
	for code := int16(-1); code < 200; code++ {
		if e, ok := kerr.ErrorForCode(code).(*kerr.Error); ok && e.Message == name {
			return e
		}
	}
	c.t.Fatalf("kafkatest: no error is called %q", name)
	return nil
}

// CreateTopic makes a topic.
func (c *Cluster) CreateTopic(name string, partitions int32, configs map[string]string) {
	c.t.Helper()
	if err := c.fake.CreateTopic(name, partitions, configs); err != nil {
		c.t.Fatalf("kafkatest: create topic %s: %v", name, err)
	}
}

// DeleteTopic removes a topic.
func (c *Cluster) DeleteTopic(name string) {
	c.t.Helper()
	if err := c.fake.DeleteTopic(name); err != nil {
		c.t.Fatalf("kafkatest: delete topic %s: %v", name, err)
	}
}

// TopicExists reports whether there is a topic and how many partitions it has.
func (c *Cluster) TopicExists(name string) (partitions int, ok bool) {
	info := c.fake.TopicInfo(name)
	if info == nil {
		return 0, false
	}
	return len(c.fake.PartitionInfos(name)), true
}

// Compact runs the log cleaner now.
func (c *Cluster) Compact() { c.fake.Compact() }

// Committed are the offsets that a group has committed.
func (c *Cluster) Committed(group string) kafka.Offsets {
	out := kafka.Offsets{}
	info := c.fake.GroupInfo(group)
	if info == nil {
		return out
	}
	for topic, partitions := range info.Commits {
		for n, commit := range partitions {
			out[data.TopicPartition{Topic: topic, Partition: n}] = commit.Offset
		}
	}
	return out
}

// Members is how many members a group has.
func (c *Cluster) Members(group string) int {
	if info := c.fake.GroupInfo(group); info != nil {
		return len(info.Members)
	}
	return 0
}

// Client is a bare client of the cluster, for what there is no helper for.
func (c *Cluster) Client(opts ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	dial := c.dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	if c.tls != nil {
		plain := dial
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := plain(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return tls.Client(conn, c.tls), nil
		}
	}
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.fake.ListenAddrs()...), kgo.Dialer(dial), kgo.DisableClientMetrics(),
		kgo.MetadataMinAge(20 * time.Millisecond), kgo.FetchMaxWait(50 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		c.t.Fatalf("kafkatest: client: %v", err)
	}
	return client
}

// Produce writes records, each to its Partition (which is 0 if not set), and waits for them.
func (c *Cluster) Produce(records ...*kafka.Record) {
	c.t.Helper()
	client := c.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.AllowAutoTopicCreation())
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		c.t.Fatalf("kafkatest: produce: %v", err)
	}
}

// Values writes values without key to partition 0 of a topic.
func (c *Cluster) Values(topic string, values ...string) {
	c.t.Helper()
	var records []*kafka.Record
	for _, v := range values {
		records = append(records, &kafka.Record{Topic: topic, Value: []byte(v)})
	}
	c.Produce(records...)
}

// Records reads what a topic holds now, committed records only, in order per partition.
func (c *Cluster) Records(topic string) []*kafka.Record {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	left := map[int32]int64{}
	for _, p := range c.fake.PartitionInfos(topic) {
		if p.LastStableOffset > p.LogStartOffset {
			left[p.Partition] = p.LastStableOffset
		}
	}
	starts := map[int32]kgo.Offset{}
	for n := range left {
		starts[n] = kgo.NewOffset().AtStart()
	}
	if len(starts) == 0 {
		return nil
	}
	client := c.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	defer client.Close()
	var out []*kafka.Record
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			c.t.Fatalf("kafkatest: records of %s: %v are still missing after 20 s", topic, left)
		}
		fetches.EachRecord(func(r *kafka.Record) {
			if !r.Attrs.IsControl() {
				out = append(out, r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return out
}

// WaitRecords waits until a topic holds at least n records and returns them.
func (c *Cluster) WaitRecords(topic string, n int) []*kafka.Record {
	c.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if records := c.Records(topic); len(records) >= n {
			return records
		} else if time.Now().After(end) {
			c.t.Fatalf("kafkatest: %d records in %s after 20 s, want %d", len(records), topic, n)
		}
	}
}

// Eventually waits until ok says true, for 20 s at most.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not after 20 s: %s", what)
		}
	}
}

// String names the cluster in failures.
func (c *Cluster) String() string { return fmt.Sprintf("kafkatest(%s)", c.Bootstrap()) }
