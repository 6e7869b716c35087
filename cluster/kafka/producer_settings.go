package kafka

import (
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

const (
	defaultBufferMemory = 32 << 20
	defaultMaxRequest   = 1 << 20
	forever             = time.Duration(math.MaxInt32) * time.Millisecond
)

// producerSettings are the settings of producers alone.
type producerSettings struct {
	bufferMemory int64
	maxRequest   int32
	maxBlock     time.Duration // 0: no limit
	linger       time.Duration
	// transactionalID is "" for a producer without transactions.
	transactionalID string
	delivery        *deliveryLimit // nil: a record has all the time in the world
	opts            []kgo.Opt
}

func readProducer(r *security.Reader, s *settings) producerSettings {
	p := producerSettings{
		bufferMemory: r.Long("buffer.memory", defaultBufferMemory, 0),
		maxRequest:   r.Int("max.request.size", defaultMaxRequest, 0),
		linger:       clip(r.Millis("linger.ms", 5*time.Millisecond), 0, time.Minute),
	}
	// Java's default is a minute, Connect's is for ever, which is ours.
	if block := r.Millis("max.block.ms", math.MaxInt64); block < forever {
		p.maxBlock = max(block, time.Millisecond)
	}
	maxRequest := min(max(p.maxRequest, 512), 1<<30)
	p.opts = append(p.opts,
		kgo.ProducerBatchMaxBytes(maxRequest),
		kgo.BrokerMaxWriteBytes(max(100<<20, maxRequest)),
		kgo.ProducerLinger(p.linger),
		kgo.ProduceRequestTimeout(max(s.requestTimeout/2, 100*time.Millisecond)),
		// What is buffered is bounded in bytes, by Producer.
		kgo.MaxBufferedRecords(math.MaxInt64),
		kgo.UnknownTopicRetries(-1),
		kgo.RecordPartitioner(readPartitioner(r)),
		readCompression(r),
	)
	readClasses(r, ProducerClient)
	p.readDelivery(r)
	p.readIdempotence(r)
	p.readTransactions(r)
	return p
}

func (p *producerSettings) readDelivery(r *security.Reader) {
	if retries := r.Int("retries", math.MaxInt32, 0); retries < math.MaxInt32 {
		p.opts = append(p.opts, kgo.RecordRetries(int(retries)))
	}
	if limit := r.Millis("delivery.timeout.ms", forever); limit < forever {
		if least := r.Millis("linger.ms", 5*time.Millisecond) + r.Millis("request.timeout.ms", 30*time.Second); limit < min(least, forever) {
			r.FailWhole(errs.Config.New("delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms: it is %d, they are %d",
				limit.Milliseconds(), least.Milliseconds()))
		}
		p.delivery = &deliveryLimit{limit: max(limit, time.Millisecond)}
		// As in Java, the limit holds for records too that a request is under way with.
		if r.Str("transactional.id", "") == "" {
			p.opts = append(p.opts, kgo.AllowIdempotentProduceCancellation())
		}
	}
}

// readIdempotence follows Java: what contradicts idempotence turns it off, unless it was asked for,
// then it's an error. Without it one request is under way at a time, so that order holds.
func (p *producerSettings) readIdempotence(r *security.Reader) {
	_, asked := r.Lookup("enable.idempotence")
	wanted := r.Boolean("enable.idempotence", true)
	acks := r.Choice("acks", "all", false, "all", "-1", "0", "1")
	inFlight := r.Int("max.in.flight.requests.per.connection", 5, 1)
	retries := r.Int("retries", math.MaxInt32, 0)
	transactional := r.Str("transactional.id", "") != ""
	why := ""
	switch {
	case retries == 0:
		why = "Must set retries to non-zero when using the idempotent producer."
	case acks == "0" || acks == "1":
		why = "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence."
	case inFlight > 5:
		why = "Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer."
	}
	switch {
	case wanted && why != "" && (asked || transactional):
		r.FailWhole(errs.Config.New("%s", why))
	case transactional && !wanted:
		r.FailWhole(errs.Config.New("Cannot set a transactional.id without also enabling idempotence. " +
			"The producer of a connector has transactions with exactly.once.source.support only, and then an id of the worker's."))
	case !wanted || why != "":
		p.opts = append(p.opts, kgo.DisableIdempotentWrite())
	}
	switch acks {
	case "0":
		p.opts = append(p.opts, kgo.RequiredAcks(kgo.NoAck()))
	case "1":
		p.opts = append(p.opts, kgo.RequiredAcks(kgo.LeaderAck()))
	default:
		p.opts = append(p.opts, kgo.RequiredAcks(kgo.AllISRAcks()))
	}
}

func (p *producerSettings) readTransactions(r *security.Reader) {
	timeout := r.Int("transaction.timeout.ms", 60000, 0)
	if id := r.Str("transactional.id", ""); id != "" {
		p.transactionalID = id
		p.opts = append(p.opts, kgo.TransactionalID(id),
			kgo.TransactionTimeout(time.Duration(timeout)*time.Millisecond),
			// Brokers before transaction.version=2 leave the waiting to the client; see markerTime.
			kgo.ConcurrentTransactionsBackoff(5*time.Millisecond))
	}
}

func readCompression(r *security.Reader) kgo.Opt {
	gzip := kgo.GzipCompression().WithLevel(int(r.Within("compression.gzip.level", -1, -1, 9)))
	lz4 := kgo.Lz4Compression().WithLevel(int(r.Within("compression.lz4.level", 9, 1, 17)))
	zstd := kgo.ZstdCompression().WithLevel(int(r.Within("compression.zstd.level", 3, -131072, 22)))
	if !r.Given("compression.lz4.level") {
		lz4 = kgo.Lz4Compression() // the fast level, as that of Java's default
	}
	codec := kgo.NoCompression()
	switch r.Choice("compression.type", "none", false, "none", "gzip", "snappy", "lz4", "zstd") {
	case "gzip":
		codec = gzip
	case "snappy":
		codec = kgo.SnappyCompression()
	case "lz4":
		codec = lz4
	case "zstd":
		codec = zstd
	}
	return kgo.ProducerBatchCompression(codec)
}
