package task

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// takenBack are records that Kafka refused and that the runner has to see to. When a broker refuses a
// batch, all records fail that wait for the partition, whether they are at fault or not; the Java producer
// splits the batch, ours leaves that to us.
type takenBack struct {
	some atomic.Bool
	mu   sync.Mutex
	list []refusal
}

// refusal is a record with the producer's error.
type refusal struct {
	f   *flight
	err error
}

func (t *takenBack) empty() bool { return !t.some.Load() }

func (t *takenBack) add(f *flight, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, refusal{f, err})
	t.some.Store(true)
}

func (t *takenBack) take() []refusal {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.list
	t.list = nil
	t.some.Store(false)
	return list
}

// takeBack keeps a refused record for the runner, if there is something to be done about it. It is called
// on the producer's goroutine.
func (d *atLeastOnce) takeBack(f *flight, err error) bool {
	if !oneAtFault(err) && (d.letters == nil || !d.pipe.Policy.TolerateAll) {
		return false
	}
	d.back.add(f, err)
	return true
}

// oneAtFault reports whether a batch was refused for what may be one of its records.
func oneAtFault(err error) bool {
	switch kafka.ClassName(err) {
	case "org.apache.kafka.common.errors.RecordTooLargeException",
		"org.apache.kafka.common.errors.RecordBatchTooLargeException",
		"org.apache.kafka.common.errors.InvalidRecordException",
		"org.apache.kafka.common.errors.InvalidTimestampException":
		return true
	}
	return kafka.Classify(err) == kafka.TooLarge
}

// resend sends what was taken back once more, in order and in ever smaller parts, until those are alone
// that are refused for themselves. Nothing else is sent meanwhile; what was under way to the same
// partition when the batch was refused may have overtaken its records.
func (d *atLeastOnce) resend(ctx context.Context) error {
	list := d.back.take()
	d.log.Warn("Kafka refused a batch, sending its records again in smaller ones", "records", len(list), "err", list[0].err)
	var again []refusal
	for _, r := range list {
		if oneAtFault(r.err) {
			again = append(again, r)
		} else if err := d.lose(r); err != nil {
			return err
		}
	}
	return d.split(ctx, again)
}

// split sends the records as one part and halves what is refused of it.
func (d *atLeastOnce) split(ctx context.Context, list []refusal) error {
	if len(list) == 0 {
		return nil
	}
	for _, r := range list {
		if err := d.produce(&r.f.rec, delivered); err != nil {
			return err
		}
	}
	if err := d.producer.Flush(ctx); err != nil {
		return err
	}
	if err := d.failedSend(); err != nil {
		return err
	}
	var again []refusal
	for _, r := range d.back.take() {
		if oneAtFault(r.err) && len(list) > 1 {
			again = append(again, r)
		} else if err := d.lose(r); err != nil {
			return err
		}
	}
	mid := (len(again) + 1) / 2
	if err := d.split(ctx, again[:mid]); err != nil {
		return err
	}
	return d.split(ctx, again[mid:])
}

// lose deals with a record that Kafka refuses for good: a dead letter, a report, or the end of the task.
func (d *atLeastOnce) lose(r refusal) error {
	rec := &r.f.rec
	if !d.pipe.Policy.TolerateAll {
		return pipeline.Unrecoverable(rec.Topic, r.err)
	}
	if d.letters == nil {
		return d.skip(r.f, rec, r.err)
	}
	partition, offset := r.f.entry.Source()
	problem := pipeline.ProduceProblem(rec, r.err)
	problem.Unsent = &pipeline.Unsent{
		Polled: &data.SourceRecord{
			Record: data.Record{Topic: rec.Topic, Timestamp: rec.Timestamp}, SourcePartition: partition, SourceOffset: offset,
		},
		Out: rec,
	}
	d.told = r.f
	defer func() { d.told = nil }()
	if _, err := d.pipe.Policy.Report(d.ctx, problem); err != nil {
		return errs.Connect.Wrap(err, "record for topic %q, which Kafka refused (%s)", rec.Topic, r.err)
	}
	d.letters.Took()
	rec.Key, rec.Value, rec.Headers = nil, nil, nil
	return nil
}
