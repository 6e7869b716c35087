package kafkatest

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// bareClient is a franz-go client with nothing around it, with the settings that Connect's have.
func bareClient(b *testing.B, address string, opts ...kgo.Opt) *kgo.Client {
	b.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(address), kgo.DisableClientMetrics(), kgo.ProducerLinger(5*time.Millisecond),
		kgo.ProducerBatchMaxBytes(1<<20), kgo.MaxBufferedRecords(math.MaxInt64), kgo.MaxBufferedBytes(32<<20),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordPartitioner(kgo.UniformBytesPartitioner(64<<10, true, true, nil)))...)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// BareProduce writes n records of 100 bytes of text to the topic, in batches of 500, by a loop with
// nothing but the client in it: what a source task is compared with.
func BareProduce(b *testing.B, address, topic string, n int) {
	b.Helper()
	c := bareClient(b, address)
	defer c.Close()
	text := strings.Repeat("x", 100)
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			b.Error(err)
		}
	}
	for n > 0 {
		batch := make([]kgo.Record, min(500, n))
		for i := range batch {
			batch[i] = kgo.Record{Topic: topic, Value: []byte(text)}
			c.Produce(context.Background(), &batch[i], promise)
		}
		n -= len(batch)
	}
	if err := c.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// BareConsume reads n records of the topic as a group of its own, by a loop with nothing but the
// client in it: what a sink task is compared with.
func BareConsume(b *testing.B, address, topic string, n int) {
	b.Helper()
	c := bareClient(b, address, kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.FetchMaxBytes(50<<20),
		kgo.FetchMaxPartitionBytes(1<<20), kgo.Balancers(kgo.RangeBalancer()), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	for seen := 0; seen < n; {
		c.PollRecords(context.Background(), 500).EachRecord(func(*kgo.Record) { seen++ })
	}
}
