package task

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/troupe-connect/troupe/actors/offsets"
	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// letters is the dead letter queue of a source task, a pipeline.Reporter. It belongs to the runner.
//
// Letters go through the task's own producer, behind the records before them: with exactly-once they are
// part of the transaction. The source offset of a record whose letter is not acknowledged isn't committed.
type letters struct {
	maker  *pipeline.SourceLetters
	policy *pipeline.Policy
	// send takes the letter to the producer, and sees to the offset of the record that it is about.
	send func(letter *kafka.Record, about *pipeline.Unsent) error
	sent bool
	// refused is the record that is reported, if it is one that Kafka refused: it is tracked already.
	refused *flight
	// largest is how many bytes of key, value and headers the producer takes at most.
	largest int
}

// sourceLetters opens the dead letter queue of a source task and makes its topic if it is missing.
func (r *runner) sourceLetters(s *source, conf *settings.Connector, props map[string]string) (*letters, error) {
	dl, id := conf.Source.DeadLetters, r.spec.ID
	if err := r.deadLetterTopic(dl, props); err != nil {
		return nil, err
	}
	largest := maxRequest(kafka.ConnectorProducerProps(r.env.Worker.Props, props, id.Connector, id.Task))
	maker, err := pipeline.NewSourceLetters(dl.Topic, dl.ContextHeaders, id, s.pipe.Converters.Header.Conv, largest)
	if err != nil {
		return nil, err
	}
	l := &letters{maker: maker, policy: s.pipe.Policy, send: s.bury, largest: largest}
	l.policy.Reporters = append(l.policy.Reporters, l)
	return l, nil
}

// maxRequest is max.request.size, which the producer has checked.
func maxRequest(props kafka.Props) int {
	const byDefault = 1 << 20
	n, err := strconv.Atoi(strings.TrimSpace(props["max.request.size"]))
	if err != nil {
		return byDefault
	}
	return max(n, 512)
}

// Report implements pipeline.Reporter, on the runner's goroutine.
func (l *letters) Report(_ context.Context, p pipeline.Problem) (pipeline.Wait, error) {
	if p.Unsent == nil {
		return nil, nil
	}
	if err := l.send(l.maker.Letter(p), p.Unsent); err != nil {
		return nil, errs.Connect.Wrap(err, "dead letter queue %q", l.maker.Topic)
	}
	l.sent = true
	return nil, nil
}

// took reports, once, whether the record before became a letter.
func (l *letters) took() bool {
	if l == nil || !l.sent {
		return false
	}
	l.sent = false
	return true
}

// burial is a letter on its way.
type burial struct {
	context.Context
	rec   kafka.Record
	own   offsets.Entry
	entry *offsets.Entry     // of the record that the letter is about
	src   *data.SourceRecord // nil but for a RecordCommitter
	of    *source
}

// bury sends a letter. The record counts as dealt with when Kafka has it.
func (s *source) bury(letter *kafka.Record, about *pipeline.Unsent) error {
	b := &burial{Context: s.ctx, rec: *letter, of: s}
	b.rec.Context = b //nolint:fatcontext // b is the context of its own record only
	switch f := s.letters.refused; {
	case f != nil:
		b.entry, b.src = &f.entry, f.src
	case s.pipe.Policy.TolerateAll:
		b.entry = &b.own
		s.tracker.Submit(b.entry, about.Polled.SourcePartition, about.Polled.SourceOffset)
		if s.recordCommitter != nil {
			kept := *about.Polled
			b.src = &kept
		}
	default: // the task fails and the record comes again; its end waits for the letter
		b.entry = &b.own
		s.tracker.Submit(b.entry, about.Polled.SourcePartition, nil)
	}
	return s.produce(&b.rec, buried)
}

// buried is the promise of a letter; it runs on the producer's goroutine.
func buried(r *kafka.Record, err error) {
	b := r.Context.(*burial)
	switch {
	case err == nil:
		if b.src != nil {
			b.of.commitRecord(b.src, nil)
		}
		b.entry.Ack()
	case kafka.Classify(err) == kafka.Aborted:
		// Neither is there, so the record comes again.
	default:
		err = errs.Connect.Wrap(err, "dead letter queue %q", r.Topic)
		b.of.sendErr.CompareAndSwap(nil, &err)
	}
}

// bury sends a letter in the transaction, with the offset of the record that it is about.
func (x *transactional) bury(letter *kafka.Record, about *pipeline.Unsent) error {
	if err := x.failedSend(); err != nil {
		return err
	}
	if err := x.begin(); err != nil {
		return err
	}
	if err := x.produce(letter, x.promise); err != nil {
		return err
	}
	if x.pipe.Policy.TolerateAll { // else the transaction won't be committed, nor the letter with it
		x.tracker.Set(about.Polled.SourcePartition, about.Polled.SourceOffset)
	}
	return nil
}

// What a batch and a record in it take besides the bytes of key, value and headers, at most.
const (
	batchOverhead  = 65 + 21 + 3*5
	headerOverhead = 2 * 5
)

// refuses reports whether the producer won't take the record for its size. A transaction needs to know
// that beforehand: afterwards it can only be aborted.
func (l *letters) refuses(r *kafka.Record) bool {
	return l != nil && serialized(r) > l.largest
}

func serialized(r *kafka.Record) int {
	n := batchOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += headerOverhead + len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}

// tooLarge deals with a record that the producer won't take: with an error if the task has to fail.
func (l *letters) tooLarge(ctx context.Context, src *data.SourceRecord, r *kafka.Record) error {
	problem := produceProblem(r, &kafka.Error{
		Op: "produce to topic " + r.Topic, Class: kafka.TooLarge, Java: "org.apache.kafka.common.errors.RecordTooLargeException",
		Err: fmt.Errorf("the message is %d bytes when serialized which is larger than %d, which is the value of the max.request.size configuration", serialized(r), l.largest),
	})
	problem.Where = pipeline.WhereSource(src)()
	problem.Unsent = &pipeline.Unsent{Polled: src, Now: &data.Record{Topic: r.Topic, Timestamp: r.Timestamp}, Out: r}
	if _, err := l.policy.Report(ctx, problem); err != nil {
		return err
	}
	l.took()
	r.Key, r.Value, r.Headers = nil, nil, nil
	if !l.policy.TolerateAll {
		return unrecoverable(r, problem.Err)
	}
	return nil
}
