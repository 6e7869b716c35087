package kafka

import (
	"context"
	"log/slog"
)

// Option wires something into a client.
type Option func(*options)

type options struct {
	dialer DialFunc
}

// Producer writes records. Any goroutine may use it. Close or Abort it.
type Producer struct{}

// NewProducer makes a producer from Java's properties. It doesn't connect yet; a wrong setting is
// an errs.Config error.
//
// Defaults are those of Kafka Connect: acks=all, no limit of time or tries, a topic that is
// missing is waited for; and order is kept per partition whatever is set.
func NewProducer(props Props, log *slog.Logger, opts ...Option) (*Producer, error) {
	panic("todo")
}

// Produce takes the record and returns, or waits while buffer.memory bytes are buffered until
// there is space, ctx ends, or max.block.ms passed. An error means the record was not taken and
// the promise is not called; else the promise is called once with the outcome, when the broker
// answered or the producer was aborted. ctx bounds the wait only: a record taken is delivered
// even if ctx ends.
//
// Promises are called one at a time, in order per partition, and must not block nor produce.
func (p *Producer) Produce(ctx context.Context, r *Record, promise func(*Record, error)) error {
	panic("todo")
}

// Flush waits until everything taken before is answered, or ctx ends.
func (p *Producer) Flush(ctx context.Context) error { panic("todo") }

// Close flushes until ctx ends, then aborts what is left. The error says how many records were
// left.
func (p *Producer) Close(ctx context.Context) error { panic("todo") }

// Abort drops at once what is buffered: all promises left are called with ErrAborted. The
// producer can't be used after it.
func (p *Producer) Abort() { panic("todo") }

// Buffered is how many records and bytes of keys, values and headers wait for an answer.
func (p *Producer) Buffered() (records, bytes int64) { panic("todo") }
