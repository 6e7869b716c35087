package kafkalog

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Config is what a Log is made with. Props are the worker's settings without prefix: all three clients
// take from them what is theirs.
type Config struct {
	Topic    Topic
	Props    kafka.Props
	ClientID string // client.id of producer and consumer
	// Consumer and Producer, if not nil, are the settings of these clients in place of what Props and
	// ClientID say: for a topic that isn't the worker's.
	Consumer, Producer kafka.Props
	// ReadCommitted hides records of transactions that are open or were aborted.
	ReadCommitted bool
	// StartStable lets Start, with ReadCommitted, read only what is committed by then, and not wait for
	// transactions that are open: those of a worker that was killed stay so until they time out or its
	// tasks begin elsewhere. It is for topics of which nothing is used without ReadToEnd.
	StartStable bool
	// ReadOnly is a Log without producer.
	ReadOnly bool
	// NoRetries fails a record that couldn't be written at the first try: its sender knows better
	// whether it is still worth writing. Otherwise the client tries for as long as the Log runs.
	NoRetries bool
}

// Pair is what a record says. A nil Value is a tombstone.
type Pair struct{ Key, Value []byte }

// Log is a compacted topic that is followed. Start it once, then any goroutine may call its methods, and
// Stop it, also after a Start that failed.
type Log struct {
	cfg   Config
	apply func(*kafka.Record)
	log   *slog.Logger
	opts  []kafka.Option
	admin *kafka.Admin

	producer *kafka.Producer
	reader   *kafka.LogReader
	parts    int

	cancel   context.CancelFunc
	finished chan struct{} // closed when the goroutine has ended; nil before Start
	begun    bool          // read for the first time; the goroutine's own

	mu        sync.Mutex
	requests  []chan error // of ReadToEnd, not yet seen by the goroutine
	interrupt context.CancelFunc
	stopped   bool
}

// errStopped is what calls get that a Stop overtakes.
var errStopped = errs.IllegalState.New("the log was stopped")

// New makes a Log; apply is called for each record, in order per partition, by one goroutine at a time. It
// must not block, nor call ReadToEnd. The record may be kept. admin stays the caller's.
func New(cfg Config, admin *kafka.Admin, apply func(*kafka.Record), log *slog.Logger, opts ...kafka.Option) *Log {
	return &Log{cfg: cfg, admin: admin, apply: apply, log: log, opts: opts}
}

// Start makes or checks the topic, reads it to its end and begins to follow it. A topic or setting that
// won't do is an errs.Config error; what else fails does so when ctx ends, or the time-outs of the
// clients are over.
func (l *Log) Start(ctx context.Context) error {
	parts, err := l.prepare(ctx)
	if err != nil {
		return err
	}
	l.parts = parts
	if err := l.connect(); err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	l.finished = make(chan struct{})
	first := l.request()
	go l.follow(running)
	select {
	case err := <-first:
		return err
	case <-ctx.Done():
		return errs.Connect.Wrap(context.Cause(ctx), "read topic %s to its end", l.cfg.Topic.Name)
	}
}

// connect makes the clients.
func (l *Log) connect() error {
	props := maps.Clone(l.cfg.Consumer)
	if props == nil {
		props = maps.Clone(l.cfg.Props)
		props["client.id"] = l.cfg.ClientID
	}
	props["isolation.level"] = "read_uncommitted"
	if l.cfg.ReadCommitted {
		props["isolation.level"] = "read_committed"
	}
	var err error
	if l.reader, err = kafka.NewLogReader(props, l.cfg.Topic.Name, l.parts, l.log, l.opts...); err != nil || l.cfg.ReadOnly {
		return err
	}
	if props = l.cfg.Producer; props == nil {
		props = l.producerProps()
	}
	l.producer, err = kafka.NewProducer(props, l.log, l.opts...)
	return err
}

// producerProps are those of a worker's own topic.
func (l *Log) producerProps() kafka.Props {
	// As Connect has it: idempotence needs a permission that old set-ups don't give; one request at a
	// time keeps the order.
	props := ProducerProps(l.cfg.Props)
	props["client.id"] = l.cfg.ClientID
	props["acks"] = "all"
	props["max.in.flight.requests.per.connection"] = "1"
	props["enable.idempotence"] = "false"
	props["linger.ms"] = "0"
	delete(props, "retries")
	if l.cfg.NoRetries {
		props["retries"] = "0"
	}
	return props
}

// ProducerProps are the settings of a worker without prefix that mean something to a producer.
func ProducerProps(worker kafka.Props) kafka.Props {
	props := kafka.WorkerAdminProps(worker)
	for k, v := range worker {
		switch {
		case k == "batch.size", k == "buffer.memory", k == "max.block.ms", k == "max.request.size",
			strings.HasPrefix(k, "compression."):
			props[k] = v
		}
	}
	return props
}

// Partitions is the number of partitions that the topic had at Start.
func (l *Log) Partitions() int { return l.parts }

// ReadToEnd waits until everything that was written to the topic before the call, by anyone, is applied,
// or ctx ends. What this Log sent without waiting is flushed first.
func (l *Log) ReadToEnd(ctx context.Context) error {
	if l.ended() {
		return errStopped
	}
	if l.producer != nil {
		if err := l.producer.Flush(ctx); err != nil {
			return errs.Connect.Wrap(err, "read topic %s to its end", l.cfg.Topic.Name)
		}
	}
	select {
	case err := <-l.request():
		return err
	case <-ctx.Done():
		return errs.Connect.Wrap(context.Cause(ctx), "read topic %s to its end", l.cfg.Topic.Name)
	}
}

// ended reports whether the log was stopped.
func (l *Log) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// request asks the goroutine to read to the end; the answer comes through the channel.
func (l *Log) request() <-chan error {
	answer := make(chan error, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || l.finished == nil {
		answer <- errStopped
		return answer
	}
	l.requests = append(l.requests, answer)
	if l.interrupt != nil {
		l.interrupt()
	}
	return answer
}

// Send writes one record and waits until all replicas in sync have it, or ctx ends: then the record may
// still be written.
func (l *Log) Send(ctx context.Context, key, value []byte) error {
	return l.SendAll(ctx, Pair{key, value})
}

// SendAll writes records in order and waits for all of them as Send does. The error is the first one's;
// others may have been written.
func (l *Log) SendAll(ctx context.Context, pairs ...Pair) error {
	outcome := make(chan error, len(pairs))
	for _, p := range pairs {
		if err := l.SendAsync(ctx, p.Key, p.Value, func(err error) { outcome <- err }); err != nil {
			return err
		}
	}
	var first error
	for range pairs {
		select {
		case err := <-outcome:
			if first == nil {
				first = err
			}
		case <-ctx.Done():
			return errs.Connect.Wrap(context.Cause(ctx), "write to topic %s", l.cfg.Topic.Name)
		}
	}
	return first
}

// SendAsync hands over one record; done is called once with the outcome, unless an error is returned. done
// must not block nor send. ctx bounds the wait for a first broker and for space in the buffer.
func (l *Log) SendAsync(ctx context.Context, key, value []byte, done func(error)) error {
	if l.producer == nil {
		return errs.IllegalState.New("write to topic %s: the log is read-only or not started", l.cfg.Topic.Name)
	}
	r := &kafka.Record{Topic: l.cfg.Topic.Name, Partition: kafka.NoPartition, Key: key, Value: value}
	err := l.producer.Produce(ctx, r, func(_ *kafka.Record, err error) {
		if err != nil {
			err = errs.Connect.Wrap(err, "write to topic %s", l.cfg.Topic.Name)
		}
		done(err)
	})
	if err != nil {
		return errs.Connect.Wrap(err, "write to topic %s", l.cfg.Topic.Name)
	}
	return nil
}

// Flush waits until everything that was sent is answered, or ctx ends.
func (l *Log) Flush(ctx context.Context) error {
	if l.producer == nil {
		return nil
	}
	return l.producer.Flush(ctx)
}

// Stop writes what was sent, until ctx ends, and ends everything the Log started. It waits for the goroutine,
// whose apply may be under way. Calls after the first do nothing.
func (l *Log) Stop(ctx context.Context) error {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return nil
	}
	l.stopped = true
	l.mu.Unlock()
	var err error
	if l.producer != nil {
		err = l.producer.Close(ctx)
	}
	if l.cancel != nil {
		l.cancel()
		<-l.finished
	}
	if l.reader != nil {
		l.reader.Close()
	}
	return err
}

// follow is the goroutine: it applies records as they come and answers who waits for the end.
func (l *Log) follow(ctx context.Context) {
	defer close(l.finished)
	var waiting []chan error
	defer func() {
		l.mu.Lock()
		waiting = append(waiting, l.requests...)
		l.requests, l.stopped = nil, true
		l.mu.Unlock()
		for _, answer := range waiting {
			answer <- errStopped
		}
	}()
	for ctx.Err() == nil {
		waiting = append(waiting, l.take()...)
		if len(waiting) == 0 {
			l.poll(ctx)
			continue
		}
		err := l.toEnd(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && kafka.Classify(err) == kafka.Retriable {
			l.log.Warn("could not read an internal topic to its end; retrying", "topic", l.cfg.Topic.Name, "error", err)
			l.pollFor(ctx, time.Second)
			continue
		}
		for _, answer := range waiting {
			answer <- err
		}
		waiting = nil
	}
}

// take takes over the requests made so far.
func (l *Log) take() []chan error {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.requests
	l.requests = nil
	return taken
}

// poll applies what comes next, or returns when a request comes.
func (l *Log) poll(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	if len(l.requests) > 0 {
		cancel()
	}
	l.interrupt = cancel
	l.mu.Unlock()
	l.once(ctx)
	l.mu.Lock()
	l.interrupt = nil
	l.mu.Unlock()
}

// pollFor applies what comes within d.
func (l *Log) pollFor(ctx context.Context, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return l.once(ctx)
}

// errorPause keeps an error that stays from filling the log.
const errorPause = time.Second

// once polls once and reports whether records or markers came.
func (l *Log) once(ctx context.Context) bool {
	records, err := l.reader.Poll(ctx)
	for _, r := range records {
		l.apply(r)
	}
	if err != nil && !errors.Is(err, kafka.ErrAborted) {
		l.log.Error("could not read an internal topic; retrying", "topic", l.cfg.Topic.Name, "error", err)
		sleep(ctx, errorPause)
	}
	return ctx.Err() == nil
}

// stall is how long nothing may come of a log whose end isn't reached before gaps are looked for.
const stall = 2 * time.Second

// toEnd asks for the end of the log and applies everything before it.
func (l *Log) toEnd(ctx context.Context) error {
	ask := l.admin.EndOffsets
	if l.cfg.StartStable && l.cfg.ReadCommitted && !l.begun {
		ask = l.admin.StableOffsets
	}
	found, err := ask(ctx, l.cfg.Topic.Name)
	if err != nil {
		return err
	}
	ends := map[int32]int64{}
	for tp, end := range found {
		if int(tp.Partition) < l.parts { // partitions that were added since Start are not read, as in the JVM
			ends[tp.Partition] = end
		}
	}
	for l.behind(ends) {
		if l.pollFor(ctx, stall) {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := l.reader.SkipGap(ctx, ends); err != nil {
			l.log.Debug("look for gaps", "topic", l.cfg.Topic.Name, "error", err)
		}
	}
	l.begun = true
	return nil
}

func (l *Log) behind(ends map[int32]int64) bool {
	for n, end := range ends {
		if l.reader.Position(n) < end {
			return true
		}
	}
	return false
}
