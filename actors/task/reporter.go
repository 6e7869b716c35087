package task

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-connect/troupe/actors/pipeline"
	"github.com/troupe-connect/troupe/actors/settings"
	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
	"github.com/troupe-connect/troupe/connectors/errs"
)

// sinkTaskClass is the class that stands for the task in reports of records it could not write.
const sinkTaskClass = "org.apache.kafka.connect.sink.SinkTask"

// reporter is the connectors.ErrantRecordReporter of a sink task (KIP-610): it finds the consumed
// bytes of a record that the task could not write and reports them. Any goroutine may use it.
type reporter struct {
	s *sink

	mu    sync.Mutex
	fatal error // a report that the policy doesn't tolerate
}

// failed is the error with which the task has to end, whatever it made of it.
func (r *reporter) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fatal
}

// Report implements connectors.ErrantRecordReporter.
func (r *reporter) Report(record data.SinkRecord, cause error) func(context.Context) error {
	raw, err := r.original(record)
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

func (r *reporter) report(raw *kafka.Record, cause error) (pipeline.Wait, error) {
	problem := pipeline.Problem{
		Stage: pipeline.TaskPut, Class: sinkTaskClass, Err: cause, Attempts: 1, Record: raw,
		Where: whereConsumed(raw),
	}
	policy := r.s.pipe.Policy
	wait, err := policy.Report(r.s.hard, problem)
	if err == nil && !policy.TolerateAll {
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

func whereConsumed(r *kafka.Record) string {
	return fmt.Sprintf("consumed record {topic='%s', partition=%d, offset=%d}", r.Topic, r.Partition, r.Offset)
}

// original is the record as it was consumed, or is made of what the task reports if that is a record
// of its own.
func (r *reporter) original(rec data.SinkRecord) (*kafka.Record, error) {
	if raw, ok := rec.Consumed.(*kafka.Record); ok {
		return raw, nil
	}
	c := &r.s.pipe.Converters
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

// dlqWait is how long a task looks for its dead letter queue at the start.
const dlqWait = time.Minute

// deadLetters opens the dead letter queue of a sink task and makes its topic if it is missing.
func (r *runner) deadLetters(conf *settings.Connector, props map[string]string) (*pipeline.DeadLetters, error) {
	dl, id := conf.Sink.DeadLetters, r.spec.ID
	if err := r.deadLetterTopic(dl, props); err != nil {
		return nil, err
	}
	producer, err := kafka.NewProducer(kafka.ConnectorDLQProducerProps(r.env.Worker.Props, props, id.Connector, id.Task), r.log, r.env.KafkaOptions...)
	if err != nil {
		return nil, err
	}
	r.lease.OnShut(producer.Abort)
	return &pipeline.DeadLetters{Topic: dl.Topic, Context: dl.ContextHeaders, Task: id, Producer: producer}, nil
}

// deadLetterTopic makes the topic of a dead letter queue if it is missing.
func (r *runner) deadLetterTopic(dl settings.DeadLetters, props map[string]string) error {
	id := r.spec.ID
	admin, err := kafka.NewAdmin(kafka.ConnectorDLQAdminProps(r.env.Worker.Props, props, id.Connector, id.Task), r.log, r.env.KafkaOptions...)
	if err != nil {
		return err
	}
	defer admin.Close() //nolint:errcheck // the answer is there already
	ctx, cancel := context.WithTimeout(r.soft, dlqWait)
	defer cancel()
	there, err := admin.DescribeTopics(ctx, dl.Topic)
	if err == nil && len(there) == 0 {
		_, err = admin.CreateTopic(ctx, kafka.NewTopic{Name: dl.Topic, Partitions: 1, ReplicationFactor: dl.ReplicationFactor})
	}
	if err != nil {
		return errs.Connect.Wrap(err, "Could not initialize errors.deadletterqueue.topic.name=%s with errors.deadletterqueue.topic.replication.factor=%d", dl.Topic, dl.ReplicationFactor)
	}
	return nil
}
