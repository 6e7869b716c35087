package kafka

import (
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/metrics"
)

// WithMetrics lets producers and consumers keep their numbers in r, under their client.id, for as
// long as they are open.
func WithMetrics(r *metrics.Registry) Option { return func(o *options) { o.metrics = r } }

// numbers feeds a client's numbers from franz-go's hooks, which are called once per request,
// connection or record batch. Its zero value keeps none.
type numbers struct{ of *metrics.Client }

// hooks are the options by which a client calls n.
func (n numbers) hooks() []kgo.Opt {
	if n.of == nil {
		return nil
	}
	return []kgo.Opt{kgo.WithHooks(n)}
}

// The Kafka API key of a commit of consumer offsets.
const offsetCommitKey = 8

// OnBrokerE2E is called with each request that was answered or failed.
func (n numbers) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e kgo.BrokerE2E) {
	if e.Err() != nil {
		return
	}
	now := time.Now().UnixMilli()
	n.of.Request(e.DurationE2E(), e.BytesWritten, e.BytesRead, now)
	if key == offsetCommitKey {
		n.of.Commit(now)
	}
}

// OnBrokerConnect is called with each connection that was opened or could not be.
func (n numbers) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		n.of.Connected(1)
	}
}

// OnBrokerDisconnect is called with each connection that ended.
func (n numbers) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) { n.of.Connected(-1) }

// OnProduceBatchWritten is called with each batch that Kafka has taken.
func (n numbers) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	n.of.Batch(m.NumRecords, m.CompressedBytes, time.Now().UnixMilli())
}

// OnFetchBatchRead is called with each batch that was fetched.
func (n numbers) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	n.of.Batch(m.NumRecords, m.CompressedBytes, time.Now().UnixMilli())
}
