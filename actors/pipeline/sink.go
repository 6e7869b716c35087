package pipeline

import (
	"context"
	"fmt"

	"github.com/troupe-connect/troupe/cluster/kafka"
	"github.com/troupe-connect/troupe/connectors/data"
)

// Sink turns consumed records into sink records: key, value and header converter, then
// transforms.
type Sink struct {
	Chain      Chain
	Converters Converters
	Policy     *Policy
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
	sv, err := s.Converters.Key.Conv.ToConnect(r.Topic, r.Key)
	if err != nil {
		skip, err := s.Policy.Recover(ctx, At{KeyConverter, s.Converters.Key.Class, whereSink(r), r}, err, func() (err error) {
			sv, err = s.Converters.Key.Conv.ToConnect(r.Topic, r.Key)
			return err
		})
		if err != nil || skip {
			return false, err
		}
	}
	out.KeySchema, out.Key = sv.Schema, sv.Value
	if sv, err = s.Converters.Value.Conv.ToConnect(r.Topic, r.Value); err != nil {
		skip, err := s.Policy.Recover(ctx, At{ValueConverter, s.Converters.Value.Class, whereSink(r), r}, err, func() (err error) {
			sv, err = s.Converters.Value.Conv.ToConnect(r.Topic, r.Value)
			return err
		})
		if err != nil || skip {
			return false, err
		}
	}
	out.ValueSchema, out.Value = sv.Schema, sv.Value
	if len(r.Headers) > 0 {
		if skip, err := s.headers(ctx, r, out); err != nil || skip {
			return false, err
		}
	}
	if s.Chain == nil {
		return true, nil
	}
	return s.transform(ctx, r, out)
}

func (s *Sink) headers(ctx context.Context, r *kafka.Record, out *data.SinkRecord) (bool, error) {
	convert := func() error {
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
	if err := convert(); err != nil {
		return s.Policy.Recover(ctx, At{HeaderConverter, s.Converters.Header.Class, whereSink(r), r}, err, convert)
	}
	return false, nil
}

func (s *Sink) transform(ctx context.Context, r *kafka.Record, out *data.SinkRecord) (bool, error) {
	t, err := s.Chain.ApplySink(out)
	if err != nil {
		skip, err := s.Policy.Recover(ctx, At{Transformation, stepClass(err), whereSink(r), r}, err, func() (err error) {
			t, err = s.Chain.ApplySink(out)
			return err
		})
		if err != nil || skip {
			return false, err
		}
	}
	return t != nil, nil
}

func whereSink(r *kafka.Record) func() string {
	return func() string {
		return fmt.Sprintf("consumed record {topic='%s', partition=%d, offset=%d, timestamp=%d}", r.Topic, r.Partition, r.Offset, millis(r.Timestamp))
	}
}
