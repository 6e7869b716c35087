package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/security"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// recordOverhead is counted per buffered record besides its bytes, so that many small records don't
// take several times buffer.memory.
const recordOverhead = 256

var errBufferFull = errors.New("there was no space in buffer.memory within max.block.ms")

// Producer writes records. Any goroutine may use it. Close or Abort it.
type Producer struct {
	client  *kgo.Client
	cfg     producerSettings
	numbers numbers
	forget  func()        // ends numbers
	done    chan struct{} // closed by Abort
	closed  atomic.Bool
	// reached is set once a broker answered; before, the first Produce waits for one.
	reached atomic.Bool
	fatal   atomic.Pointer[Error] // a login that failed
	lost    atomic.Pointer[error] // the first record of the transaction that Kafka doesn't have

	ended time.Time // the last transaction

	space   chan struct{}
	waiting atomic.Int32 // goroutines that wait for space

	// used is written for each record by two goroutines: on a cache line of its own it doesn't slow the
	// reading of what is above.
	_     [64]byte
	used  atomic.Int64 // bytes of buffer.memory
	_     [64]byte
	freed int64 // to be taken off used; only of the goroutine that calls promises
}

// NewProducer makes a producer from Java's properties. It doesn't connect yet; a wrong setting is
// an errs.Config error.
//
// Defaults are those of Kafka Connect: acks=all, no limit of time or tries, a topic that is
// missing is waited for; and order is kept per partition whatever is set. Idempotence is on unless
// it's turned off: it keeps order with several requests under way.
func NewProducer(props Props, log *slog.Logger, opts ...Option) (*Producer, error) {
	r := security.NewReader(props)
	s := readSettings(r, opts)
	p := &Producer{cfg: readProducer(r, s), done: make(chan struct{}), space: make(chan struct{}, 1)}
	if r.Err() != nil {
		return nil, r.Err()
	}
	if err := s.resolve(background); err != nil {
		return nil, err
	}
	s.warnUnread(r, log)
	p.numbers.of = s.metrics.AddClient(metrics.ProducerClient, s.clientID)
	p.forget = func() { s.metrics.RemoveClient(p.numbers.of) }
	options := append(s.franzOptions(log, p.loginFailed), p.cfg.opts...)
	client, err := kgo.NewClient(append(append(options, kgo.WithHooks(p)), p.numbers.hooks()...)...)
	if err != nil {
		p.forget()
		return nil, errs.Config.Wrap(err, "settings of producer %s", s.clientID)
	}
	p.client = client
	return p, nil
}

// Produce takes the record and returns, or waits while buffer.memory bytes are buffered until
// there is space, ctx ends, or max.block.ms passed. The first call also waits until a broker
// answers. An error means the record was not taken and the promise is not called; else the promise
// is called once with the outcome, when the broker answered or the producer was aborted. ctx
// bounds the wait only: a record taken is delivered even if ctx ends.
//
// Promises are called one at a time, in order per partition, and must not block nor produce. An
// error there is the client's own: give it to Classify.
func (p *Producer) Produce(ctx context.Context, r *Record, promise func(*Record, error)) error {
	if failure := p.fatal.Load(); failure != nil {
		return failure
	}
	if r.Partition < NoPartition {
		return errs.IllegalArgument.New("Invalid partition: %d. Partition number should always be non-negative or null.", r.Partition)
	}
	size := sizeOf(r)
	if !p.reached.Load() || !p.take(size) {
		if err := p.waitFor(ctx, size); err != nil {
			return failed(err, "produce to topic %s", r.Topic)
		}
	}
	if p.closed.Load() {
		p.give(size)
		return failed(ErrAborted, "produce to topic %s", r.Topic)
	}
	if r.Context == nil {
		r.Context = background
	}
	p.client.Produce(p.cfg.delivery.context(), r, promise)
	return nil
}

// background never ends: a record that was taken is the producer's.
var background = context.Background() //nolint:forbidigo // one value, so that a record costs no allocation

// Waiting reports whether a Produce waits: for space in the buffer, that is for Kafka to acknowledge what is
// in it, or for the first answer of a broker.
func (p *Producer) Waiting() bool { return p.waiting.Load() > 0 }

func sizeOf(r *Record) int64 {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return int64(n)
}

// take reserves space if there is enough. A record larger than everything may go alone.
func (p *Producer) take(size int64) bool {
	for {
		used := p.used.Load()
		if used+size > p.cfg.bufferMemory && used > 0 {
			return false
		}
		if p.used.CompareAndSwap(used, used+size) {
			return true
		}
	}
}

// give returns space. Who waits is woken only when a quarter is free, so that it doesn't go on by
// single records, which would make batches of one.
func (p *Producer) give(size int64) {
	used := p.used.Add(-size)
	if p.waiting.Load() > 0 && used <= p.cfg.bufferMemory*3/4 {
		p.wake()
	}
}

func (p *Producer) wake() {
	select {
	case p.space <- struct{}{}:
	default:
	}
}

// OnProduceRecordUnbuffered is called by franz-go for each record before its promise, one at a time.
// Space is returned in lots unless somebody waits for it, so that the two goroutines don't pass a cache
// line to and fro with each record.
func (p *Producer) OnProduceRecordUnbuffered(r *Record, err error) {
	if err != nil {
		lost := err // else err itself would be on the heap, for each record
		p.lost.CompareAndSwap(nil, &lost)
		p.numbers.of.Refused(1, time.Now().UnixMilli())
	}
	p.freed += sizeOf(r)
	if p.freed >= p.lot() || p.waiting.Load() > 0 {
		lot := p.freed
		p.freed = 0
		p.give(lot)
	}
}

// lot is how much space may be free without being known as such.
func (p *Producer) lot() int64 { return min(p.cfg.bufferMemory>>6, 256<<10) }

// waitFor waits for a broker and for space.
func (p *Producer) waitFor(ctx context.Context, size int64) error {
	ctx, cancel := p.within(ctx)
	defer cancel()
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	if err := p.reach(ctx); err != nil {
		return err
	}
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for first := true; !p.take(size); first = false {
		if first && p.cfg.linger > 0 {
			p.stopLingering()
		}
		select {
		case <-p.space:
		case <-look.C:
			// The last lot is not returned by itself: with nothing under way there is space.
			if p.client.BufferedProduceRecords() == 0 {
				p.used.Add(size)
				return nil
			}
		case <-p.done:
			return ErrAborted
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if p.waiting.Load() > 1 {
		p.wake() // the token may have been for more than one
	}
	return nil
}

// within bounds a wait by max.block.ms.
func (p *Producer) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if p.cfg.maxBlock == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, p.cfg.maxBlock, errBufferFull)
}

// stopLingering sends what lingers: a flush that doesn't wait does that.
func (p *Producer) stopLingering() {
	over, cancel := context.WithCancel(background)
	cancel()
	p.client.Flush(over) //nolint:errcheck // it always says that it was canceled
}

// reach waits until a broker answers, so that a login that fails is told here and not never: once
// records are buffered franz-go tries for ever.
func (p *Producer) reach(ctx context.Context) error {
	if p.reached.Load() {
		return nil
	}
	for tries := 1; ; tries++ {
		err := p.client.Ping(ctx)
		if err == nil {
			p.reached.Store(true)
			return nil
		}
		if failure := p.fatal.Load(); failure != nil {
			return failure
		}
		if p.closed.Load() {
			return ErrAborted
		}
		if ctx.Err() != nil {
			if cause := context.Cause(ctx); errors.Is(cause, errBufferFull) {
				return fmt.Errorf("no broker answered within max.block.ms: %w", errors.Join(context.DeadlineExceeded, err))
			}
			return context.Cause(ctx)
		}
		timer := time.NewTimer(min(time.Duration(tries)*100*time.Millisecond, time.Second))
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-p.done:
		}
		timer.Stop()
	}
}

// loginFailed is told by the client of a login or handshake that failed.
func (p *Producer) loginFailed(err error) {
	p.fatal.CompareAndSwap(nil, failed(err, "log in to Kafka").(*Error)) //nolint:errorlint // made by failed itself
}

// Flush waits until everything taken before is answered, or ctx ends.
func (p *Producer) Flush(ctx context.Context) error {
	return failed(p.client.Flush(ctx), "flush the producer")
}

// Close flushes until ctx ends, then aborts what is left. The error says how many records were
// left.
func (p *Producer) Close(ctx context.Context) error {
	err := p.client.Flush(ctx)
	left, _ := p.Buffered()
	p.Abort()
	if err != nil && left > 0 {
		return failed(err, "close the producer with %d records unsent", left)
	}
	return nil
}

// Abort drops at once what is buffered: all promises left are called with an error that is
// classified as Aborted. The producer can't be used after it.
func (p *Producer) Abort() {
	if p.closed.CompareAndSwap(false, true) {
		close(p.done)
		p.forget()
	}
	p.client.Close()
}

// Buffered is how many records and bytes of keys, values and headers wait for an answer.
func (p *Producer) Buffered() (records, bytes int64) {
	return p.client.BufferedProduceRecords(), p.client.BufferedProduceBytes()
}
