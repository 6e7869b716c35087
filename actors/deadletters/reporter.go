package deadletters

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// sinkTaskClass is the class that stands for the task in reports of records it could not write.
const sinkTaskClass = "org.apache.kafka.connect.sink.SinkTask"

// Reporter is the connectors.ErrantRecordReporter of a sink task (KIP-610): it finds the consumed
// bytes of a record that the task could not write and reports them. Any goroutine may use it.
type Reporter struct {
	// Ctx bounds reports: it ends when the task is given up.
	Ctx        context.Context
	Policy     *pipeline.Policy
	Converters *pipeline.Converters

	mu    sync.Mutex
	fatal error // a report that the policy doesn't tolerate
}

// Failed is the error with which the task has to end, whatever it made of it.
func (r *Reporter) Failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fatal
}

// Report implements connectors.ErrantRecordReporter.
func (r *Reporter) Report(record data.SinkRecord, cause error) func(context.Context) error {
	raw, err := r.Original(record)
	var wait pipeline.Wait
	if err == nil {
		wait, err = r.report(raw, cause)
	}
	return func(ctx context.Context) error {
		if err != nil || wait == nil {
			return err
		}
		return wait(ctx)
	}
}

func (r *Reporter) report(raw *kafka.Record, cause error) (pipeline.Wait, error) {
	problem := ofPut(raw, cause)
	r.Policy.Numbers.Failure(time.Now().UnixMilli())
	wait, err := r.Policy.Report(r.Ctx, problem)
	if !r.Policy.TolerateAll {
		r.Policy.Numbers.Error()
	}
	if err == nil && !r.Policy.TolerateAll {
		err = pipeline.Exceeded(problem)
	}
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.fatal == nil {
			r.fatal = err
		}
	}
	return wait, err
}

// ofPut is the problem of a record that the task could not write.
func ofPut(raw *kafka.Record, cause error) pipeline.Problem {
	return pipeline.Problem{
		Stage: pipeline.TaskPut, Class: sinkTaskClass, Err: cause, Attempts: 1, Record: raw, Where: WhereConsumed(raw),
	}
}

// WhereConsumed says which consumed record it is, without its contents.
func WhereConsumed(r *kafka.Record) string {
	return fmt.Sprintf("consumed record {topic='%s', partition=%d, offset=%d}", r.Topic, r.Partition, r.Offset)
}

// Original is the record as it was consumed, or is made of what the task reports if that is a record
// of its own.
func (r *Reporter) Original(rec data.SinkRecord) (*kafka.Record, error) {
	if raw, ok := rec.Consumed.(*kafka.Record); ok {
		return raw, nil
	}
	c := r.Converters
	out := &kafka.Record{Topic: rec.OriginalTopic, Partition: rec.OriginalPartition, Offset: rec.OriginalOffset, Timestamp: rec.Timestamp}
	var err error
	if out.Key, err = c.Key.Conv.FromConnect(rec.Topic, rec.KeySchema, rec.Key); err != nil {
		return nil, errs.Connect.Wrap(err, "key of a record to report")
	}
	if out.Value, err = c.Value.Conv.FromConnect(rec.Topic, rec.ValueSchema, rec.Value); err != nil {
		return nil, errs.Connect.Wrap(err, "value of a record to report")
	}
	for _, h := range rec.Headers {
		v, err := c.Header.Conv.FromConnectHeader(rec.Topic, h.Key, h.Schema, h.Value)
		if err != nil {
			return nil, errs.Connect.Wrap(err, "header %q of a record to report", h.Key)
		}
		out.Headers = append(out.Headers, kafka.RecordHeader{Key: h.Key, Value: v})
	}
	return out, nil
}
