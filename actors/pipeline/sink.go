package pipeline

import (
	"context"
	"fmt"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
)

// Sink turns consumed records into sink records: key, value and header converter, then
// transforms. A panic in one of them is an error of that record.
type Sink struct {
	Chain      Chain
	Converters Converters
	Policy     *Policy
	// Keep leaves the consumed record in the sink record, for reports.
	Keep bool

	step    step
	dropped bool // by a transform
}

// Convert fills out from r and reports whether the record goes on; false means that a transform
// dropped it or that its failure is tolerated.
func (s *Sink) Convert(ctx context.Context, r *kafka.Record, out *data.SinkRecord) (bool, error) {
	*out = data.SinkRecord{
		Offset:            r.Offset,
		TimestampType:     data.TimestampType(r.Attrs.TimestampType()),
		OriginalTopic:     r.Topic,
		OriginalPartition: r.Partition,
		OriginalOffset:    r.Offset,
	}
	out.Topic, out.Partition = r.Topic, data.PartitionOf(r.Partition)
	if out.TimestampType != data.NoTimestampType {
		out.Timestamp = r.Timestamp
	}
	if s.Keep {
		out.Consumed = r
	}
	s.step, s.dropped = convertingKey, false
	if err := s.run(r, out); err != nil {
		if skip, err := s.mend(ctx, r, out, err); skip || err != nil {
			return false, err
		}
	}
	return !s.dropped, nil
}

// mend deals with errors until all steps are done, the record is to be skipped, or the task fails.
func (s *Sink) mend(ctx context.Context, r *kafka.Record, out *data.SinkRecord, err error) (skip bool, _ error) {
	for err != nil {
		failed := s.step
		at := At{failed.stage(), classAt(failed.stage(), &s.Converters, s.Chain, err), whereSink(r), r, nil}
		skip, fatal := s.Policy.Recover(ctx, at, err, func() error {
			if err = s.run(r, out); s.step != failed {
				return nil // of a later step, if it is one: that is the next round's
			}
			return err
		})
		if fatal != nil || skip {
			return skip, fatal
		}
	}
	return false, nil
}

// run does what is left to do, from the stage under way on.
func (s *Sink) run(r *kafka.Record, out *data.SinkRecord) (err error) {
	defer caught(&err)
	if s.step == convertingKey {
		sv, err := toConnect(s.Converters.Key.Conv, r, r.Key)
		if err != nil {
			return err
		}
		out.KeySchema, out.Key = sv.Schema, sv.Value
		s.step = convertingValue
	}
	if s.step == convertingValue {
		sv, err := toConnect(s.Converters.Value.Conv, r, r.Value)
		if err != nil {
			return err
		}
		out.ValueSchema, out.Value = sv.Schema, sv.Value
		s.step = convertingHeaders
	}
	if s.step == convertingHeaders {
		if len(r.Headers) > 0 {
			if err := s.headers(r, out); err != nil {
				return err
			}
		}
		s.step = transforming
	}
	if s.step == transforming {
		if s.Chain != nil {
			t, err := s.Chain.ApplySink(out)
			if err != nil {
				return err
			}
			s.dropped = t == nil
		}
		s.step = done
	}
	return nil
}

func (s *Sink) headers(r *kafka.Record, out *data.SinkRecord) error {
	out.Headers = make(data.Headers, 0, len(r.Headers))
	for _, h := range r.Headers {
		sv, err := s.Converters.Header.Conv.ToConnectHeader(r.Topic, h.Key, h.Value)
		if err != nil {
			return err
		}
		out.Headers = append(out.Headers, data.Header{Key: h.Key, Schema: sv.Schema, Value: sv.Value})
	}
	return nil
}

func whereSink(r *kafka.Record) func() string {
	return func() string {
		return fmt.Sprintf("consumed record {topic='%s', partition=%d, offset=%d, timestamp=%d}", r.Topic, r.Partition, r.Offset, millis(r.Timestamp))
	}
}
