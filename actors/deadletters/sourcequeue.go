package deadletters

import (
	"context"
	"fmt"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/codecs"
	"github.com/troupe-connect/troupe/connectors/data"
)

// Source is the dead letter queue of a source task, a pipeline.Reporter. It belongs to the task's runner; nil
// is a task without.
//
// Letters go through the task's own producer, behind the records before them: with exactly-once they are
// part of the transaction. The source offset of a record whose letter is not acknowledged isn't committed.
type Source struct {
	maker  *Maker
	policy *pipeline.Policy
	// send takes the letter to the producer, and sees to the offset of the record that it is about.
	send func(letter *kafka.Record, about *pipeline.Unsent) error
	sent bool
	// largest is how many bytes of key, value and headers the producer takes at most.
	largest int
}

// Source opens the queue of a source task, which becomes a reporter of the policy. send takes a letter to the
// task's producer, and sees to the offset of the record that it is about.
func (o Opener) Source(ctx context.Context, dl settings.DeadLetters, header codecs.HeaderConverter, policy *pipeline.Policy,
	send func(letter *kafka.Record, about *pipeline.Unsent) error,
) (*Source, error) {
	if err := o.topic(ctx, dl); err != nil {
		return nil, err
	}
	largest := maxRequest(kafka.ConnectorProducerProps(o.Worker, o.Connector, o.ID.Connector, o.ID.Task))
	maker, err := NewMaker(dl.Topic, dl.ContextHeaders, o.ID, header, largest)
	if err != nil {
		return nil, err
	}
	l := &Source{maker: maker, policy: policy, send: send, largest: largest}
	policy.Reporters = append(policy.Reporters, l)
	return l, nil
}

// Report implements pipeline.Reporter, on the runner's goroutine.
func (l *Source) Report(_ context.Context, p pipeline.Problem) (pipeline.Wait, error) {
	if p.Unsent == nil {
		return nil, nil
	}
	l.policy.Numbers.Letter()
	if err := l.send(l.maker.Letter(p), p.Unsent); err != nil {
		l.policy.Numbers.LetterFailed()
		return nil, Refusal(l.maker.Topic, err)
	}
	l.sent = true
	return nil, nil
}

// Took reports, once, whether the record before became a letter.
func (l *Source) Took() bool {
	if l == nil || !l.sent {
		return false
	}
	l.sent = false
	return true
}

// What a batch and a record in it take besides the bytes of key, value and headers, at most.
const (
	batchOverhead  = 65 + 21 + 3*5
	headerOverhead = 2 * 5
)

// Refuses reports whether the producer won't take the record for its size. A transaction needs to know
// that beforehand: afterwards it can only be aborted.
func (l *Source) Refuses(r *kafka.Record) bool {
	return l != nil && serialized(r) > l.largest
}

func serialized(r *kafka.Record) int {
	n := batchOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += headerOverhead + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}

// TooLarge deals with a record that the producer won't take: with an error if the task has to fail.
func (l *Source) TooLarge(ctx context.Context, src *data.SourceRecord, r *kafka.Record) error {
	problem := pipeline.ProduceProblem(r, &kafka.Error{
		Op: "produce to topic " + r.Topic, Class: kafka.TooLarge, Java: "org.apache.kafka.common.errors.RecordTooLargeException",
		Err: fmt.Errorf("the message is %d bytes when serialized which is larger than %d, which is the value of the max.request.size configuration", serialized(r), l.largest),
	})
	problem.Where = pipeline.WhereSource(src)()
	problem.Unsent = &pipeline.Unsent{Polled: src, Now: &data.Record{Topic: r.Topic, Timestamp: r.Timestamp}, Out: r}
	if _, err := l.policy.Report(ctx, problem); err != nil {
		return err
	}
	l.Took()
	r.Key, r.Value, r.Headers = nil, nil, nil
	if !l.policy.TolerateAll {
		return pipeline.Unrecoverable(r.Topic, problem.Err)
	}
	return nil
}
