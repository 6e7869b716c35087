package kafka

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/connectors/data"
)

// How often the lag is told of while records come, and how often Kafka is asked for the ends of
// partitions, so that a consumer that isn't polled, or has nothing to read, has a true lag too.
const (
	lagTold = time.Second
	endsAge = 15 * time.Second
)

// WithLag makes a consumer tell f how far it is behind in each partition that it owns, about once a
// second while it reads and every 15 s while it doesn't. f gets a slice of its own and must not
// block; it is called by one goroutine at a time.
func WithLag(f func([]metrics.PartitionLag)) Option { return func(o *options) { o.lag = f } }

// lagging is what a consumer knows of the ends of its partitions. Consumer.mu guards it.
type lagging struct {
	tell func([]metrics.PartitionLag) // nil: nobody wants to know, and nothing is kept
	told time.Time
	ends map[data.TopicPartition]int64 // beyond the last record that may be read
	at   map[data.TopicPartition]int64 // ms; timestamp of the last record polled
}

func newLagging(tell func([]metrics.PartitionLag)) *lagging {
	return &lagging{tell: tell, ends: make(map[data.TopicPartition]int64), at: make(map[data.TopicPartition]int64)}
}

// keepNumbers begins the numbers of the consumer, if they are wanted.
func (c *Consumer) keepNumbers(s *settings) {
	c.numbers.of = s.metrics.AddClient(metrics.ConsumerClient, s.clientID)
	c.retire = func() { s.metrics.RemoveClient(c.numbers.of) }
	c.bare = append(c.bare, c.numbers.hooks()...)
	if s.metrics == nil && s.lag == nil {
		return
	}
	c.lag = newLagging(func(lag []metrics.PartitionLag) {
		c.numbers.of.SetLag(lag)
		if s.lag != nil {
			s.lag(lag)
		}
	})
}

// noteEnd keeps what a fetch says of its partition. c.mu is held.
func (c *Consumer) noteEnd(tp data.TopicPartition, p *kgo.FetchPartition) {
	if c.lag == nil {
		return
	}
	end := p.HighWatermark
	if c.cfg.readCommitted && p.LastStableOffset >= 0 {
		end = p.LastStableOffset
	}
	c.lag.ends[tp] = end
	c.lag.at[tp] = p.Records[len(p.Records)-1].Timestamp.UnixMilli()
}

// tellLag tells of the lag if it is long enough ago that it was told.
func (c *Consumer) tellLag() {
	if c.lag == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.lag.told) < lagTold {
		return
	}
	c.lag.told = now
	c.lag.tell(c.currentLag())
}

// currentLag is the lag of each owned partition whose end and position are known, ordered. c.mu is
// held.
func (c *Consumer) currentLag() []metrics.PartitionLag {
	all := make([]metrics.PartitionLag, 0, len(c.positions))
	for tp, at := range c.positions {
		end, known := c.lag.ends[tp]
		if !known || at < 0 {
			continue
		}
		all = append(all, metrics.PartitionLag{
			Topic: tp.Topic, Partition: tp.Partition, Records: max(end-at, 0), Since: c.lag.at[tp],
		})
	}
	slices.SortFunc(all, func(a, b metrics.PartitionLag) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return all
}

// lagLoop asks Kafka for the ends of the owned partitions until the membership ends.
func (m *membership) lagLoop() {
	tick := time.NewTicker(endsAge)
	defer tick.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-tick.C:
			ctx, cancel := context.WithTimeout(m.ctx, endsAge)
			m.c.askEnds(ctx, m.client)
			cancel()
		}
	}
}

// askEnds asks the leaders of the owned partitions for their ends. What is not answered keeps its
// old end.
func (c *Consumer) askEnds(ctx context.Context, client *kgo.Client) {
	c.mu.Lock()
	topics := make(map[string][]int32)
	for tp := range c.positions {
		topics[tp.Topic] = append(topics[tp.Topic], tp.Partition)
	}
	for tp := range c.lag.ends {
		if _, owned := c.positions[tp]; !owned {
			delete(c.lag.ends, tp)
			delete(c.lag.at, tp)
		}
	}
	c.mu.Unlock()
	if len(topics) > 0 {
		c.listEnds(ctx, client, topics)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lag.told = time.Now()
	c.lag.tell(c.currentLag())
}

func (c *Consumer) listEnds(ctx context.Context, client *kgo.Client, topics map[string][]int32) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	if c.cfg.readCommitted {
		req.IsolationLevel = 1
	}
	for topic, partitions := range topics {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		for _, n := range partitions {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = n, -1 // the end
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	shards := client.RequestSharded(ctx, req)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, shard := range shards {
		answer, ok := shard.Resp.(*kmsg.ListOffsetsResponse)
		if shard.Err != nil || !ok {
			continue
		}
		for i := range answer.Topics {
			for _, p := range answer.Topics[i].Partitions {
				if p.ErrorCode == 0 {
					c.lag.ends[data.TopicPartition{Topic: answer.Topics[i].Topic, Partition: p.Partition}] = p.Offset
				}
			}
		}
	}
}
