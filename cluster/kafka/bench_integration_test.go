//go:build integration

package kafka_test

import (
	"context"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/kafka"
)

// What the wrappers cost beside bare clients with the same settings, on a real broker, in CPU time of this
// process: that is the same on a machine with other things to do.
//
//	go test -tags integration -run xxx -bench Real -benchtime 2000000x ./cluster/kafka

// perRecord reports the CPU time since began for each of b.N records.
func perRecord(b *testing.B, began time.Duration) {
	b.Helper()
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/record")
	b.ReportMetric(0, "ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// realBench makes a topic of one partition.
func realBench(b *testing.B) (props kafka.Props, topic string) {
	b.Helper()
	props = kafka.Props{"bootstrap.servers": broker(b, 0)}
	a, err := kafka.NewAdmin(props, quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close() //nolint:errcheck // it returns none
	topic = name(b)
	if _, err := a.CreateTopic(context.Background(), kafka.NewTopic{Name: topic, Partitions: 1, ReplicationFactor: 1}); err != nil {
		b.Fatal(err)
	}
	return props, topic
}

func realBare(b *testing.B, props kafka.Props, opts ...kgo.Opt) *kgo.Client {
	b.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(props["bootstrap.servers"]), kgo.DisableClientMetrics(),
		kgo.ProducerLinger(5*time.Millisecond), kgo.ProducerBatchMaxBytes(1<<20), kgo.MaxBufferedRecords(math.MaxInt64),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedBytes(32<<20),
		kgo.RecordPartitioner(kgo.UniformBytesPartitioner(64<<10, true, true, nil)))...)
	if err != nil {
		b.Fatal(err)
	}
	return client
}

// realProduce writes b.N records of 100 bytes, made 500 at a time as a source task does.
func realProduce(b *testing.B, topic string, produce func(*kafka.Record), flush func(context.Context) error) {
	b.Helper()
	value := make([]byte, 100)
	began := cpuTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		batch := make([]kafka.Record, min(500, b.N-n))
		for i := range batch {
			batch[i] = kafka.Record{Topic: topic, Partition: kafka.NoPartition, Value: value}
			produce(&batch[i])
		}
		n += len(batch)
	}
	if err := flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	perRecord(b, began)
}

func fails(b *testing.B) func(*kafka.Record, error) {
	return func(_ *kafka.Record, err error) {
		if err != nil {
			b.Error(err)
		}
	}
}

func BenchmarkRealProduceBare(b *testing.B) {
	props, topic := realBench(b)
	client, promise, ctx := realBare(b, props), fails(b), context.Background()
	defer client.Close()
	realProduce(b, topic, func(r *kafka.Record) { client.Produce(ctx, r, promise) }, client.Flush)
}

func BenchmarkRealProduce(b *testing.B) {
	props, topic := realBench(b)
	p, err := kafka.NewProducer(props, quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer p.Abort()
	promise, ctx := fails(b), context.Background()
	realProduce(b, topic, func(r *kafka.Record) {
		if err := p.Produce(ctx, r, promise); err != nil {
			b.Fatal(err)
		}
	}, p.Flush)
}

// realFilled makes a topic of b.N records.
func realFilled(b *testing.B) (props kafka.Props, topic string) {
	b.Helper()
	props, topic = realBench(b)
	client := realBare(b, props)
	defer client.Close()
	value := make([]byte, 100)
	for range b.N {
		client.Produce(context.Background(), &kafka.Record{Topic: topic, Value: value}, nil)
	}
	if err := client.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	return props, topic
}

func BenchmarkRealConsumeBare(b *testing.B) {
	props, topic := realFilled(b)
	began := cpuTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	client := realBare(b, props, kgo.ConsumerGroup(name(b)), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.FetchMaxBytes(50<<20),
		kgo.FetchMaxPartitionBytes(1<<20), kgo.FetchMaxWait(500*time.Millisecond), kgo.Balancers(kgo.RangeBalancer()),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	for n := 0; n < b.N; {
		client.PollRecords(context.Background(), 500).EachRecord(func(*kafka.Record) { n++ })
	}
	perRecord(b, began)
}

func BenchmarkRealConsume(b *testing.B) {
	props, topic := realFilled(b)
	began := cpuTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	con, err := kafka.NewConsumer(props, name(b), []string{topic}, "", quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer con.Close(context.Background()) //nolint:errcheck // the process ends soon
	for n := 0; n < b.N; {
		p, err := con.Poll(context.Background(), 0)
		if err != nil {
			b.Fatal(err)
		}
		n += len(p.Records)
		if p.Rebalance != nil {
			p.Rebalance.Done(nil)
		}
	}
	perRecord(b, began)
}
