package deadletters

import (
	"context"
	"slices"
	"strconv"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/metrics"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// Queue is the dead letter queue of a sink: it writes the consumed record as it was, with headers that
// say why if Context is set (KIP-298). A letter that is too large for the producer, or for the topic, is
// cut as those of sources are, and says so in its headers.
//
// Any goroutine may use it.
type Queue struct {
	Topic    string
	Context  bool
	Task     state.TaskID
	Producer *kafka.Producer
	// Max is how many bytes key, value and headers of a letter may have together; 0 for any.
	Max int
	// Refused is told, once a letter is lost, on the producer's goroutine: the task has to fail, and need
	// not wait until it commits to hear of it. It must return at once; nil is nobody.
	Refused func(error)
	// Numbers counts the letters, and those that are lost; nil for nobody.
	Numbers *metrics.ErrorCounts
}

// letter is one on its way.
type letter struct {
	done  chan struct{}
	err   error // set before done is closed
	small bool  // it is cut already
}

// Report implements pipeline.Reporter.
func (q *Queue) Report(ctx context.Context, p pipeline.Problem) (pipeline.Wait, error) {
	if p.Record == nil {
		return nil, nil
	}
	q.Numbers.Letter()
	out, why := q.whole(p.Record), q.context(p)
	whole := size(out)
	if q.Context { // what isn't written takes no room
		whole += bytesOf(why)
	}
	small := q.Max > 0 && whole > q.Max
	if small {
		q.cut(out, why)
	} else if q.Context {
		out.Headers = append(out.Headers, why...)
	}
	l, err := q.send(ctx, out, small)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		err := l.wait(ctx)
		if kafka.Classify(err) != kafka.TooLarge {
			return err
		}
		return q.again(ctx, p, l.small)
	}, nil
}

// again sees to a letter that the broker refused for its size: the topic's own limit, which only the broker
// knows. With others in one batch it may have been refused for their size; alone it is refused for its own,
// and cut. It is called by whoever waits for the letter, one at a time.
func (q *Queue) again(ctx context.Context, p pipeline.Problem, small bool) error {
	for {
		out := q.whole(p.Record)
		switch {
		case small:
			q.cut(out, q.context(p))
		case q.Context:
			out.Headers = append(out.Headers, q.context(p)...)
		}
		l, err := q.send(ctx, out, small)
		if err != nil {
			return err
		}
		if err = l.wait(ctx); small || kafka.Classify(err) != kafka.TooLarge {
			return err
		}
		small = true
	}
}

// whole is the consumed record as a letter.
func (q *Queue) whole(in *kafka.Record) *kafka.Record {
	out := &kafka.Record{Topic: q.Topic, Partition: kafka.NoPartition, Key: in.Key, Value: in.Value, Headers: slices.Clip(in.Headers)}
	if in.Attrs.TimestampType() >= 0 {
		out.Timestamp = in.Timestamp
	}
	return out
}

// cut makes the letter small, and has it say why it is there and what it was.
func (q *Queue) cut(out *kafka.Record, why []kafka.RecordHeader) {
	limit := cutTo(q.Max)
	sizes := cut(out, "record.", limit)
	out.Headers = append(slices.Clip(out.Headers), append(cutHeaders(why, limit), sizes...)...)
}

func (q *Queue) send(ctx context.Context, out *kafka.Record, small bool) (*letter, error) {
	l := &letter{done: make(chan struct{}), small: small}
	promise := func(_ *kafka.Record, err error) {
		l.err = Refusal(q.Topic, err)
		defer close(l.done)
		if err == nil || !small && kafka.Classify(err) == kafka.TooLarge {
			return // it is there, or is sent again and cut
		}
		q.Numbers.LetterFailed()
		if q.Refused != nil && kafka.Classify(err) != kafka.Aborted {
			q.Refused(l.err)
		}
	}
	if err := q.Producer.Produce(ctx, out, promise); err != nil {
		q.Numbers.LetterFailed()
		return nil, Refusal(q.Topic, err)
	}
	return l, nil
}

// wait waits for the letter's fate until ctx ends.
func (l *letter) wait(ctx context.Context) error {
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Refusal is the error of a letter that did not get into its queue; nil stays nil. What Kafka refuses for
// good it will refuse again, so a task that fails of it is not restarted.
func Refusal(topic string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := errs.Connect.Wrap(err, "dead letter queue %q", topic)
	switch kafka.Classify(err) {
	case kafka.Retriable, kafka.Aborted, kafka.Fenced:
		return wrapped
	default:
		return errs.Lasting(wrapped)
	}
}

// context are the headers in the JVM's order.
func (q *Queue) context(p pipeline.Problem) []kafka.RecordHeader {
	r := p.Record
	return append([]kafka.RecordHeader{
		contextHeader("topic", r.Topic),
		contextHeader("partition", strconv.Itoa(int(r.Partition))),
		contextHeader("offset", strconv.FormatInt(r.Offset, 10)),
	}, reasons(q.Task, p)...)
}
