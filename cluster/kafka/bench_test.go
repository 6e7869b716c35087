package kafka_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/kafka/kafkatest"
)

// The bare client is set as the wrapper's, so that what differs is the wrapper.
func bareProducer(c *kafkatest.Cluster) *kgo.Client {
	return c.Client(kgo.ProducerLinger(5*time.Millisecond), kgo.ProducerBatchMaxBytes(1<<20), kgo.MaxBufferedRecords(math.MaxInt64),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedBytes(32<<20),
		kgo.RecordPartitioner(kgo.UniformBytesPartitioner(64<<10, true, true, nil)))
}

func benchmarkProduce(b *testing.B, produce func(*kafka.Record, func(*kafka.Record, error)), flush func(context.Context) error) {
	value := make([]byte, 100)
	records := make([]kafka.Record, b.N)
	for i := range records {
		records[i] = kafka.Record{Topic: "t", Partition: kafka.NoPartition, Value: value}
	}
	failed := 0
	promise := func(_ *kafka.Record, err error) {
		if err != nil {
			failed++
		}
	}
	b.SetBytes(100)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range records {
		produce(&records[i], promise)
	}
	if err := flush(context.Background()); err != nil || failed > 0 {
		b.Fatal(failed, err)
	}
}

func produceCluster(b *testing.B) *kafkatest.Cluster {
	return kafkatest.New(b, kafkatest.Blackhole(), kafkatest.Topics(1, "t"))
}

func BenchmarkProduceBare(b *testing.B) {
	client := bareProducer(produceCluster(b))
	defer client.Close()
	benchmarkProduce(b, func(r *kafka.Record, promise func(*kafka.Record, error)) {
		client.Produce(context.Background(), r, promise)
	}, client.Flush)
}

func BenchmarkProduce(b *testing.B) {
	c := produceCluster(b)
	p, err := kafka.NewProducer(c.Props(), quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer p.Abort()
	ctx := context.Background()
	benchmarkProduce(b, func(r *kafka.Record, promise func(*kafka.Record, error)) {
		if err := p.Produce(ctx, r, promise); err != nil {
			b.Fatal(err)
		}
	}, p.Flush)
}

func consumeCluster(b *testing.B) *kafkatest.Cluster {
	c := kafkatest.New(b, kafkatest.Topics(1, "t"))
	client := bareProducer(c)
	defer client.Close()
	value := make([]byte, 100)
	for range b.N {
		client.Produce(context.Background(), &kafka.Record{Topic: "t", Value: value}, nil)
	}
	if err := client.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(100)
	b.ReportAllocs()
	b.ResetTimer()
	return c
}

func BenchmarkConsumeBare(b *testing.B) {
	c := consumeCluster(b)
	client := c.Client(kgo.ConsumerGroup("g"), kgo.ConsumeTopics("t"), kgo.DisableAutoCommit(), kgo.FetchMaxBytes(50<<20),
		kgo.FetchMaxPartitionBytes(1<<20), kgo.FetchMaxWait(500*time.Millisecond), kgo.Balancers(kgo.RangeBalancer()))
	defer client.Close()
	for n := 0; n < b.N; {
		client.PollRecords(context.Background(), 500).EachRecord(func(*kafka.Record) { n++ })
	}
}

func BenchmarkConsume(b *testing.B) {
	c := consumeCluster(b)
	con, err := kafka.NewConsumer(c.Props(), "g", []string{"t"}, "", quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer con.Close(context.Background())
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
}
