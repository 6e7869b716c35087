package metrics

import (
	"sync"
	"time"
)

// ClientKind says which of Kafka's clients a client stands for.
type ClientKind int

// The kinds of clients that a worker has.
const (
	ProducerClient ClientKind = iota
	ConsumerClient
)

// String is the kind as it stands in Kafka's metric names.
func (k ClientKind) String() string {
	if k == ConsumerClient {
		return "consumer"
	}
	return "producer"
}

// Client has the numbers of a producer or consumer: of Kafka's client metrics, those that
// dashboards show.
type Client struct {
	Kind ClientKind
	ID   string // client.id

	mu       sync.Mutex
	records  meter // sent, or consumed
	bytes    meter // of record batches, as sent or fetched
	errors   meter // records that were refused
	retries  meter
	requests meter
	latency  sampled // ms of a request
	batch    sampled // bytes of a batch
	perBatch sampled // records of a request or fetch
	sockets  float64
	in, out  meter // bytes of all requests
	commits  meter
	joins    meter // rebalances of the consumer group
	assigned int
	lag      []PartitionLag
}

// NewClient returns the numbers of a client that is about to be made.
func NewClient(kind ClientKind, id string, w Windows) *Client {
	return &Client{
		Kind: kind, ID: id, records: newMeter(w), bytes: newMeter(w), errors: newMeter(w), retries: newMeter(w),
		requests: newMeter(w), latency: newSampled(w), batch: newSampled(w), perBatch: newSampled(w),
		in: newMeter(w), out: newMeter(w), commits: newMeter(w), joins: newMeter(w),
	}
}

// Batch notes a record batch sent or fetched, of bytes on the wire.
func (c *Client) Batch(records, bytes int, now int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records.add(float64(records), now)
	c.bytes.add(float64(bytes), now)
	c.batch.record(float64(bytes), now)
	c.perBatch.record(float64(records), now)
}

// Refused notes records that Kafka did not take.
func (c *Client) Refused(records int, now int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errors.add(float64(records), now)
}

// Request notes a request that was answered after took, with bytes out and in.
func (c *Client) Request(took time.Duration, out, in int, now int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests.add(1, now)
	c.latency.record(milliseconds(took), now)
	c.out.add(float64(out), now)
	c.in.add(float64(in), now)
}

// Connected notes that a connection was opened (1) or closed (-1).
func (c *Client) Connected(by int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets = max(c.sockets+float64(by), 0)
}

// Commit notes a commit of a consumer's offsets.
func (c *Client) Commit(now int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commits.add(1, now)
}

// Assigned notes that the consumer group gave this member partitions.
func (c *Client) Assigned(partitions int, now int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.assigned = partitions
	c.joins.add(1, now)
}

// SetLag replaces what is known of the consumer's lag. The slice is kept: the caller gives it up.
func (c *Client) SetLag(lag []PartitionLag) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lag = lag
}

func (c *Client) lagMax() float64 {
	var most int64
	for _, l := range c.lag {
		most = max(most, l.Records)
	}
	return float64(most)
}
