package pipeline

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/troupe-connect/troupe/actors/act"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/cluster/state"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// HeaderPrefix is what the names of a dead letter's context headers begin with.
const HeaderPrefix = "__connect.errors."

// DeadLetters is a dead letter queue: it writes the consumed record as it was, with headers that
// say why if Context is set (KIP-298).
type DeadLetters struct {
	Topic    string
	Context  bool
	Task     state.TaskID
	Producer *kafka.Producer
}

// Report implements Reporter.
func (d *DeadLetters) Report(ctx context.Context, p Problem) (Wait, error) {
	if p.Record == nil {
		return nil, nil
	}
	in := p.Record
	out := &kafka.Record{
		Topic: d.Topic, Partition: kafka.NoPartition, Key: in.Key, Value: in.Value,
		Headers: slices.Clip(in.Headers),
	}
	if in.Attrs.TimestampType() >= 0 {
		out.Timestamp = in.Timestamp
	}
	if d.Context {
		out.Headers = append(out.Headers, d.context(p)...)
	}
	var result error // set before done is closed
	done := make(chan struct{})
	promise := func(_ *kafka.Record, err error) {
		if err != nil {
			result = errs.Connect.Wrap(err, "dead letter queue %q", d.Topic)
		}
		close(done)
	}
	if err := d.Producer.Produce(ctx, out, promise); err != nil {
		return nil, errs.Connect.Wrap(err, "dead letter queue %q", d.Topic)
	}
	return func(ctx context.Context) error {
		select {
		case <-done:
			return result
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}, nil
}

// context are the headers in the JVM's order.
func (d *DeadLetters) context(p Problem) []kafka.RecordHeader {
	r := p.Record
	return append([]kafka.RecordHeader{
		contextHeader("topic", r.Topic),
		contextHeader("partition", strconv.Itoa(int(r.Partition))),
		contextHeader("offset", strconv.FormatInt(r.Offset, 10)),
	}, reasons(d.Task, p)...)
}

// reasons are the headers that say why and where, of any dead letter.
func reasons(task state.TaskID, p Problem) []kafka.RecordHeader {
	return []kafka.RecordHeader{
		contextHeader("connector.name", task.Connector),
		contextHeader("task.id", strconv.Itoa(task.Task)),
		contextHeader("stage", string(p.Stage)),
		contextHeader("class.name", p.Class),
		contextHeader("exception.class.name", p.errorClass()),
		messageHeader(p.Err),
		contextHeader("exception.stacktrace", trace(p.errorClass(), p.Err)),
	}
}

// errorClass is the Java class of the error.
func (p *Problem) errorClass() string {
	if p.Stage == KafkaProduce && errs.KindOf(p.Err) == nil {
		return kafka.ClassName(p.Err)
	}
	return errs.ClassOf(p.Err)
}

// messageHeader is null where there is no message, as in Java.
func messageHeader(err error) kafka.RecordHeader {
	h := contextHeader("exception.message", errs.Message(err))
	if len(h.Value) == 0 {
		h.Value = nil
	}
	return h
}

func contextHeader(name, value string) kafka.RecordHeader {
	return kafka.RecordHeader{Key: HeaderPrefix + name, Value: []byte(value)}
}

// trace is an error as a Java stack trace begins: class and message, then its causes. Behind them comes
// the Go stack if the error was a panic.
func trace(class string, err error) string {
	var out strings.Builder
	last := class + ": " + errs.Message(err)
	out.WriteString(last + "\n")
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		line := errs.ClassOf(cause) + ": " + errs.Message(cause)
		if line == last {
			continue // a Go error that only wraps
		}
		out.WriteString("Caused by: " + line + "\n")
		last = line
	}
	if f, ok := errors.AsType[*act.Failure](err); ok {
		out.WriteString(f.Stack)
	}
	return out.String()
}

// Pending are the reports under way of one sink task, by partition: offsets are not committed
// before they have ended. It is safe for concurrent use.
type Pending struct {
	mu    sync.Mutex
	waits map[data.TopicPartition][]Wait
}

func (p *Pending) add(r *kafka.Record, w Wait) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waits == nil {
		p.waits = map[data.TopicPartition][]Wait{}
	}
	tp := data.TopicPartition{Topic: r.Topic, Partition: r.Partition}
	p.waits[tp] = append(p.waits[tp], w)
}

// ErrUnfinished is Settle's error when its context ended before the reports did.
var ErrUnfinished = errs.Connect.New("reports of failed records have not ended yet")

// Settle waits for the reports of the partitions. Those that ended are forgotten; the first error of
// one is returned. If ctx ends first the others are kept, for the next call, and the error is
// ErrUnfinished unless there is one of a report.
func (p *Pending) Settle(ctx context.Context, has func(data.TopicPartition) bool) error {
	p.mu.Lock()
	due := map[data.TopicPartition][]Wait{}
	for tp, waits := range p.waits {
		if has(tp) {
			due[tp] = waits
			delete(p.waits, tp)
		}
	}
	p.mu.Unlock()
	var first error
	unfinished := false
	for tp, waits := range due {
		for i, w := range waits {
			err := w(ctx)
			if err != nil && ctx.Err() != nil {
				unfinished = true
				p.keep(tp, waits[i:])
				break
			}
			if err != nil && first == nil {
				first = err
			}
		}
	}
	if first == nil && unfinished {
		return ErrUnfinished
	}
	return first
}

// keep puts back what Settle didn't get to the end of.
func (p *Pending) keep(tp data.TopicPartition, waits []Wait) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits[tp] = append(slices.Clip(waits), p.waits[tp]...)
}

// Forget drops the reports of partitions that belong to another member.
func (p *Pending) Forget(tps []data.TopicPartition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, tp := range tps {
		delete(p.waits, tp)
	}
}
